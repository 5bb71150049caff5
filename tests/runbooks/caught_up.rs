//! Whether the replicas on a member have caught up, by the list of queues and by the members.

use crate::cluster::{Cluster, Life, host, node};
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::ClusterName;
use rmqtop::model::observation::{Observation, Payload, SourceKind};
use rmqtop::model::text::Shown;
use rmqtop::runbook::plan::Probe;
use rstest::rstest;

/// The list is of the leader's last statistics; the members answer as they are asked. Of five
/// replicas four are one more than a majority, so that it is not known which one lags.
#[rstest]
#[case::three(3, &[], true)]
#[case::four(4, &[], true)]
#[case::five(5, &[], false)]
#[case::another_member_does_not_say_so(3, &[1], false)]
fn a_list_that_lags_behind(
    #[case] members: usize,
    #[case] mute: &[usize],
    #[case] has_caught_up: bool,
) {
    let now = Moment::ORIGIN;
    let all: Vec<usize> = (0..members).collect();
    let mut cluster = Cluster::of(members).with_queue("orders", QueueType::Quorum, &all);
    for index in mute {
        cluster.mute.push((SourceKind::QuorumCritical, *index));
    }
    let mut model = cluster.model(now);
    let probe = Probe::ReplicasOnline { node: node(2) };
    assert!(probe.evaluate(&model, now).holds());
    for observation in cluster.look(&[SourceKind::Queues], now) {
        let Ok(Payload::Queues(mut page)) = observation.outcome.clone() else {
            panic!("{observation:?}");
        };
        for row in &mut page.rows {
            row.online.retain(|online| *online != node(2));
        }
        model.apply(Observation {
            outcome: Ok(Payload::Queues(page)),
            ..observation
        });
    }
    let answer = probe.evaluate(&model, now);
    assert_eq!(answer.holds(), has_caught_up, "{answer:?}");
}

/// A replica that is not up is missed by both.
#[test]
fn a_replica_that_is_away() {
    let now = Moment::ORIGIN;
    let cluster = Cluster::of(3)
        .with_queue("orders", QueueType::Quorum, &[0, 1, 2])
        .with_life(2, Life::Down);
    let probe = Probe::ReplicasOnline { node: node(2) };
    let answer = probe.evaluate(&cluster.model(now), now);
    assert_eq!(
        answer.words(),
        "the replicas on rabbit@rabbit-node3 of orders are not online"
    );
}

/// The mirrors of a member that just started are made anew, a moment after its API is up.
#[rstest]
#[case(r#"{"ha-mode":"all"}"#, &[0, 1], false)]
#[case(r#"{"ha-mode":"all"}"#, &[0, 1, 2], true)]
#[case(r#"{"ha-mode":"exactly","ha-params":2}"#, &[0], false)]
#[case(r#"{"ha-mode":"exactly","ha-params":2}"#, &[0, 1], true)]
#[case(r#"{"ha-mode":"exactly","ha-params":9}"#, &[0, 1, 2], true)]
#[case(r#"{"ha-mode":"nodes","ha-params":["rabbit@rabbit-node1","rabbit@away"]}"#, &[0], true)]
#[case(r#"{"max-length":1}"#, &[0], true)]
#[case("{}", &[0], true)]
fn mirrors_that_are_not_back(
    #[case] definition: &str,
    #[case] copies: &[usize],
    #[case] are_back: bool,
) {
    let now = Moment::ORIGIN;
    let cluster = Cluster::of(3).with_queue("old", QueueType::Classic, copies);
    let mut model = cluster.model(now);
    for observation in cluster.look(&[SourceKind::Queues], now) {
        let Ok(Payload::Queues(mut page)) = observation.outcome.clone() else {
            panic!("{observation:?}");
        };
        page.rows[0].effective = Some(Shown::new(definition));
        model.apply(Observation {
            outcome: Ok(Payload::Queues(page)),
            ..observation
        });
    }
    let answer = Probe::ReplicasOnline { node: node(2) }.evaluate(&model, now);
    assert_eq!(answer.holds(), are_back, "{answer:?}");
}

/// The article's policy matches every queue; one that is exclusive has no mirror all the same.
#[rstest]
#[case(Some(true), true)]
#[case(Some(false), false)]
#[case(None, false)]
fn an_exclusive_queue_is_not_waited_for(#[case] exclusive: Option<bool>, #[case] is_so: bool) {
    let now = Moment::ORIGIN;
    let cluster = Cluster::of(3).with_queue("reply", QueueType::Classic, &[0]);
    let mut model = cluster.model(now);
    for observation in cluster.look(&[SourceKind::Queues], now) {
        let Ok(Payload::Queues(mut page)) = observation.outcome.clone() else {
            panic!("{observation:?}");
        };
        page.rows[0].effective = Some(Shown::new(r#"{"ha-mode":"all"}"#));
        page.rows[0].exclusive = exclusive;
        model.apply(Observation {
            outcome: Ok(Payload::Queues(page)),
            ..observation
        });
    }
    let answer = Probe::ReplicasOnline { node: node(2) }.evaluate(&model, now);
    assert_eq!(answer.holds(), is_so, "{answer:?}");
}

/// Leaders are spread as far as the replicas allow; on 3.10 the broker leaves streams where they are.
#[rstest]
#[case::an_equal_share("4.3.6", 3, &["q012", "q102"], true)]
#[case::too_many("4.3.6", 3, &["q012", "q012"], false)]
#[case::streams("4.3.6", 3, &["s012", "s012"], false)]
#[case::old_streams("3.10.8", 3, &["s012", "s012"], true)]
#[case::replicas_on_three_of_five("4.3.6", 5, &["q012", "q012", "q102", "q201"], true)]
#[case::one_could_give("4.3.6", 5, &["q012", "q012", "q102"], false)]
fn leaders(
    #[case] version: &str,
    #[case] members: usize,
    #[case] queues: &[&str],
    #[case] are_spread: bool,
) {
    let now = Moment::ORIGIN;
    let mut cluster = Cluster::of(members);
    cluster.version = version.to_owned();
    for (number, queue) in queues.iter().enumerate() {
        let (kind, replicas) = queue.split_at(1);
        let kind = match kind {
            "q" => QueueType::Quorum,
            _ => QueueType::Stream,
        };
        let replicas: Vec<usize> = replicas.bytes().map(|b| usize::from(b - b'0')).collect();
        cluster = cluster.with_queue(&format!("q{number}"), kind, &replicas);
    }
    let answer = Probe::LeadersSpread.evaluate(&cluster.model(now), now);
    assert_eq!(answer.holds(), are_spread, "{answer:?}");
}

/// Who left the cluster and still answers speaks for itself only.
#[test]
fn the_cluster_is_called_what_its_members_call_it() {
    let now = Moment::ORIGIN;
    let cluster = Cluster::of(3);
    let mut model = cluster.model(now);
    for observation in cluster.look(&[SourceKind::Management], now) {
        let Ok(Payload::Broker(mut report)) = observation.outcome.clone() else {
            panic!("{observation:?}");
        };
        let has_left = observation.source.host == host(2);
        report.nodes.retain(|row| (row.name == node(2)) == has_left);
        if has_left {
            report.cluster_name = Some(Shown::new("rabbit@rabbit-node3"));
        }
        model.apply(Observation {
            outcome: Ok(Payload::Broker(report)),
            ..observation
        });
    }
    let name = ClusterName::parse("my_rabbitmq_cluster").unwrap();
    let answer = Probe::ClusterNamed { name }.evaluate(&model, now);
    assert_eq!(
        answer.words(),
        "rabbit-node1 and rabbit-node2 call it my_rabbitmq_cluster"
    );
}
