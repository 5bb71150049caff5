//! Whether the replicas on a member have caught up, by the list of queues and by the members.

use crate::cluster::{Cluster, Life, node};
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::observation::{Observation, Payload, SourceKind};
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
