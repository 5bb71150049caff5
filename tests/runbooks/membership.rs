//! The runbooks on who is a member, of which type, and where replicas are: their plans, version
//! gates, refusals, a fault at every step, and that the second run sends nothing.

use crate::cluster::{Cluster, Life, node};
use crate::doubles::{commands, faulted, overtaken, twice};
use rmqtop::action::Action;
use rmqtop::model::broker::{NodeType, QueueType, ViewScope};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::ClusterName;
use rmqtop::model::observation::{Observation, Payload, SourceKind};
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Probe, Refusal};
use rmqtop::runbook::probe::ProbeAnswer;
use rstest::rstest;

/// Every runbook here, by a name that also says from where it starts; on member 3.
const ALL: [&str; 13] = [
    "join",
    "join-stopped",
    "join-ram",
    "rejoin",
    "rejoin-stale",
    "leave",
    "forget",
    "forget-dead",
    "node-type",
    "rename-cluster",
    "quorum-grow",
    "quorum-shrink",
    "rebalance",
];

fn action(name: &str) -> Action {
    let node = node(2);
    let to = None;
    match name {
        "join" | "join-stopped" => Action::Join {
            node,
            to,
            kind: NodeType::Disc,
        },
        "join-ram" => Action::Join {
            node,
            to,
            kind: NodeType::Ram,
        },
        "rejoin" | "rejoin-stale" => Action::Rejoin { node, to },
        "leave" => Action::Leave { node },
        "forget" | "forget-dead" => Action::Forget { node, via: None },
        "node-type" => Action::NodeType {
            node,
            kind: NodeType::Ram,
        },
        "rename-cluster" => Action::RenameCluster {
            name: ClusterName::parse("orders \"west\"").unwrap(),
        },
        "quorum-grow" => Action::QuorumGrow { node },
        "quorum-shrink" => Action::QuorumShrink { node },
        "rebalance" => Action::Rebalance,
        other => panic!("{other}"),
    }
}

/// A cluster on which the runbook has something to do.
fn before(name: &str) -> Cluster {
    let mut cluster = Cluster::healthy();
    match name {
        "join" | "join-ram" | "rejoin" => cluster.strangers = vec![2],
        "join-stopped" => {
            cluster.strangers = vec![2];
            cluster.lives[2] = Life::AppStopped;
        }
        "rejoin-stale" => cluster.lives[2] = Life::AppStopped,
        "forget-dead" => cluster.lives[2] = Life::HostDead,
        "quorum-grow" => cluster = cluster.with_queue("orders", QueueType::Quorum, &[0, 1]),
        "leave" | "forget" | "quorum-shrink" => {
            cluster = cluster.with_queue("orders", QueueType::Quorum, &[2, 0, 1]);
        }
        "rebalance" => {
            for queue in ["orders", "invoices", "events"] {
                cluster = cluster.with_queue(queue, QueueType::Quorum, &[0, 1, 2]);
            }
        }
        _ => {}
    }
    if !matches!(name, "node-type" | "rebalance") {
        cluster = cluster.with_queue("sessions", QueueType::Classic, &[2]);
        if cluster.strangers == [2] || name == "forget-dead" {
            cluster.queues.pop();
        }
    }
    cluster
}

fn plan(name: &str, cluster: &Cluster) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(&action(name), &cluster.model(now), now)
}

#[test]
fn the_plans_say_what_they_do() {
    for name in ALL {
        let plan = plan(name, &before(name)).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        insta::assert_snapshot!(format!("plan_{name}"), export::plan_text(&plan));
    }
}

/// The first of three fresh nodes has no company yet whose word could count.
#[tokio::test(start_paused = true)]
async fn two_fresh_nodes_join_the_first() {
    let mut cluster = Cluster::healthy();
    cluster.strangers = vec![1, 2];
    let join = Action::Join {
        node: node(2),
        to: Some(node(0)),
        kind: NodeType::Disc,
    };
    let count =
        commands(&runbook::plan(&join, &cluster.model(Moment::ORIGIN), Moment::ORIGIN).unwrap());
    let ran = twice(&join, cluster, count).await;
    assert_eq!(ran.cluster.members(), [0, 2], "{}", ran.story());
}

/// What the record tells is a snapshot.
#[tokio::test(start_paused = true)]
async fn all_goes_well_and_the_second_run_sends_nothing() {
    for name in ALL {
        let count = commands(&plan(name, &before(name)).unwrap());
        let ran = twice(&action(name), before(name), count).await;
        assert_eq!(ran.sent.len(), count, "{name}: {}", ran.story());
        insta::assert_snapshot!(format!("all_goes_well_{name}"), ran.story());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_every_step() {
    for name in ALL {
        let count = commands(&plan(name, &before(name)).unwrap());
        let story = faulted(&action(name), &before(name), (count, 69)).await;
        insta::assert_snapshot!(format!("faults_{name}"), story);
    }
}

#[tokio::test(start_paused = true)]
async fn the_cluster_changes_meanwhile() {
    for name in ALL {
        overtaken(&action(name), before(name)).await;
    }
}

/// Which steps are sent follows the version.
#[rstest]
#[case::mnesia("3.10.8", None, &["stop_app", "join_cluster", "start_app"])]
#[case::mnesia_4("4.0.5", Some(false), &["stop_app", "join_cluster", "start_app"])]
#[case::khepri_4("4.0.5", Some(true), &["stop_app", "join_cluster", "start_app"])]
#[case::from_4_1("4.1.4", Some(true), &["join_cluster", "start_app"])]
#[case::khepri_only("4.3.6", Some(true), &["join_cluster", "start_app"])]
fn joining_follows_the_version(
    #[case] version: &str,
    #[case] khepri: Option<bool>,
    #[case] expected: &[&str],
) {
    let mut cluster = before("join");
    cluster.version = version.to_owned();
    cluster.khepri = khepri;
    let plan = plan("join", &cluster).unwrap();
    let sent: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| Some(step.change.as_ref()?.argv().args[5].clone()))
        .collect();
    assert_eq!(sent, expected);
}

#[rstest]
#[case::ram_on_khepri(
    "join-ram",
    "4.0.5",
    Some(true),
    "Khepri knows no RAM nodes; this is RabbitMQ 4.0.5 · khepri"
)]
#[case::ram_on_4_3(
    "join-ram",
    "4.3.6",
    Some(true),
    "RAM nodes were removed in RabbitMQ 4.3; this is RabbitMQ 4.3.6 · khepri"
)]
#[case::type_on_khepri(
    "node-type",
    "4.0.5",
    Some(true),
    "Khepri knows no RAM nodes; this is RabbitMQ 4.0.5 · khepri"
)]
#[case::type_on_4_3(
    "node-type",
    "4.3.6",
    Some(true),
    "RAM nodes were removed in RabbitMQ 4.3; this is RabbitMQ 4.3.6 · khepri"
)]
fn what_this_version_cannot_do_is_refused(
    #[case] name: &str,
    #[case] version: &str,
    #[case] khepri: Option<bool>,
    #[case] reason: &str,
) {
    let mut cluster = before(name);
    cluster.version = version.to_owned();
    cluster.khepri = khepri;
    let refusal = plan(name, &cluster).unwrap_err();
    assert_eq!(refusal.reason, reason);
    assert!(refusal.instead.is_some());
}

#[rstest]
#[case("join-ram")]
#[case("node-type")]
fn ram_members_exist_on_mnesia_4_0(#[case] name: &str) {
    let mut cluster = before(name);
    cluster.version = "4.0.5".to_owned();
    cluster.khepri = Some(false);
    plan(name, &cluster).unwrap();
}

fn refused(name: &str, cluster: &Cluster) -> String {
    let refusal = plan(name, cluster).unwrap_err();
    let instead = refusal.instead.unwrap_or_default();
    format!("{}\ninstead: {instead}", refusal.reason)
}

#[test]
fn the_only_disc_member_stays_one() {
    let mut cluster = before("node-type");
    cluster.ram = vec![0, 1];
    insta::assert_snapshot!("only_disc", refused("node-type", &cluster));
    insta::assert_snapshot!("only_disc_leaves", refused("leave", &cluster));
}

/// Its group would count on a replica without memory.
#[test]
fn a_member_with_replicas_does_not_change_its_type() {
    let cluster = before("node-type").with_queue("orders", QueueType::Quorum, &[0, 1, 2]);
    insta::assert_snapshot!("type_with_replicas", refused("node-type", &cluster));
}

#[test]
fn the_last_member_is_not_forgotten_and_does_not_leave() {
    let mut cluster = Cluster::healthy();
    cluster.lives = vec![Life::Down, Life::Down, Life::Running];
    insta::assert_snapshot!("leave_alone", refused("leave", &cluster));
    insta::assert_snapshot!("forget_alone", refused("forget", &cluster));
}

/// Two of three replicas are needed; without the third, one of two would be left.
#[test]
fn shrinking_leaves_no_queue_without_majority() {
    let cluster = before("quorum-shrink").with_life(1, Life::Down);
    insta::assert_snapshot!("shrink_stranded", refused("quorum-shrink", &cluster));
    let cluster = Cluster::healthy().with_queue("only", QueueType::Quorum, &[2]);
    insta::assert_snapshot!("shrink_only_replica", refused("quorum-shrink", &cluster));
}

/// Two replicas, of which the dead member holds one: the other cannot agree on taking it off, and
/// would be without a leader for good. A stream of which no other replica is online is as bad.
#[test]
fn a_group_that_cannot_agree_keeps_its_member() {
    let pair = before("forget-dead").with_queue("pair", QueueType::Quorum, &[1, 2]);
    assert!(
        refused("forget-dead", &pair).contains("pair"),
        "{}",
        refused("forget-dead", &pair)
    );
    let mut log = Cluster::healthy().with_queue("log", QueueType::Stream, &[1, 2]);
    log.lives = vec![Life::Running, Life::Down, Life::Running];
    log.khepri = None;
    assert!(
        refused("forget", &log).contains("log"),
        "{}",
        refused("forget", &log)
    );
}

/// The only replica of a stream goes with its member: the plan names what is lost.
#[test]
fn a_stream_with_its_only_replica_there_is_named() {
    let cluster = before("forget-dead").with_queue("events", QueueType::Stream, &[2]);
    let plan = plan("forget-dead", &cluster).unwrap();
    let lost = "1 queue with the only usable copy here will be deleted: events; 40 messages lost";
    assert!(
        plan.blast_radius.iter().any(|line| line == lost),
        "{:?}",
        plan.blast_radius
    );
    assert!(plan.definitions.len() == 1 && plan.definitions[0] != node(2));
}

#[test]
fn a_member_that_cannot_be_seen_at_all_is_not_forgotten() {
    let mut cluster = Cluster::healthy().with_life(2, Life::HostDead);
    cluster.lives[1] = Life::HostDead;
    insta::assert_snapshot!("forget_without_majority", {
        cluster.version = "4.3.6".to_owned();
        cluster.khepri = Some(true);
        refused("forget", &cluster)
    });
}

#[test]
fn a_named_member_must_be_of_use() {
    let now = Moment::ORIGIN;
    let join = |to| Action::Join {
        node: node(2),
        to: Some(to),
        kind: NodeType::Disc,
    };
    let cluster = before("join").with_life(1, Life::Down);
    let refused = |to| {
        let refusal = runbook::plan(&join(to), &cluster.model(now), now).unwrap_err();
        refusal.reason
    };
    assert_eq!(
        refused(node(1)),
        "rabbit@rabbit-node2 does not run, does not answer, or is out of reach for commands"
    );
    assert_eq!(
        refused(node(2)),
        "rabbit@rabbit-node3 cannot do this to itself"
    );
    assert_eq!(
        refused(node(7)),
        "rabbit@rabbit-node8 is not in the configuration"
    );
}

/// A silent peer holds up the list of members, so that a node speaks of itself only: who is
/// missing from such an answer is not taken for gone.
#[test]
fn an_answer_that_covers_one_node_removes_nobody() {
    let now = Moment::ORIGIN;
    let cluster = before("forget-dead");
    let mut model = cluster.model(now);
    for observation in cluster.look(&[SourceKind::Management], now) {
        let Ok(Payload::Broker(mut report)) = observation.outcome.clone() else {
            continue;
        };
        let own = report.answered_by.clone();
        report.nodes.retain(|row| Some(&row.name) == own.as_ref());
        report.scope = ViewScope::Itself;
        model.apply(Observation {
            outcome: Ok(Payload::Broker(report)),
            ..observation
        });
    }
    for name in ["forget-dead", "rejoin", "leave", "join"] {
        let refusal = runbook::plan(&action(name), &model, now).unwrap_err();
        assert!(
            refusal.reason.contains("does not say who its members are"),
            "{name}: {}",
            refusal.reason
        );
    }
    let gone = Probe::NotMember {
        node: node(2),
        by: node(0),
    };
    assert!(matches!(
        gone.evaluate(&model, now),
        ProbeAnswer::CannotTell(_)
    ));
}

/// The row of a new stream does not say for a while who has a replica: that is not "nobody".
#[rstest]
#[case("forget")]
#[case("leave")]
#[case("node-type")]
fn a_stream_that_does_not_say_who_has_it_keeps_a_member_from_going(#[case] name: &str) {
    let cluster = Cluster::healthy().with_queue("new", QueueType::Stream, &[]);
    let now = Moment::ORIGIN;
    let refusal = runbook::plan(&action(name), &cluster.model(now), now).unwrap_err();
    assert_eq!(refusal.reason, "who has a replica of new is not told");
    assert!(refusal.may_pass);
    let plain = Cluster::healthy().with_queue("old", QueueType::Stream, &[0, 1]);
    assert!(runbook::plan(&action(name), &plain.model(now), now).is_ok());
}

/// 4.3 takes no replicas off a member whose app is stopped: nothing is sent before that is known.
#[rstest]
#[case("4.3.6", Life::AppStopped, false)]
#[case("4.3.6", Life::Running, true)]
#[case("4.0.5", Life::AppStopped, true)]
fn a_stopped_member_with_replicas_is_forgotten(
    #[case] version: &str,
    #[case] life: Life,
    #[case] may_leave: bool,
) {
    let mut cluster = Cluster::healthy()
        .with_queue("orders", QueueType::Quorum, &[0, 1, 2])
        .with_life(2, life);
    cluster.version = version.to_owned();
    let now = Moment::ORIGIN;
    let leave = Action::Leave { node: node(2) };
    let planned = runbook::plan(&leave, &cluster.model(now), now);
    assert_eq!(planned.is_ok(), may_leave, "{planned:?}");
    if let Err(refusal) = planned {
        let instead = refusal.instead.unwrap();
        assert!(
            instead.starts_with("forget rabbit@rabbit-node3"),
            "{instead}"
        );
    }
}
