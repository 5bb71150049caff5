//! What a plan says, and a run looks at, where the list of queues is not whole, lacks figures, or
//! takes the broker a long time.

use crate::cluster::{Cluster, EVERYTHING, Life, Queue, node};
use crate::doubles::{Act, Reply, World, act};
use rmqtop::action::Action;
use rmqtop::executor::event::RunOutcome;
use rmqtop::model::Model;
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::ClusterName;
use rmqtop::model::observation::SourceKind;
use rmqtop::runbook;
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use rstest::rstest;
use std::time::Duration;

fn plan(action: &Action, cluster: &Cluster) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(action, &cluster.model(now), now)
}

/// The list of all queues is not asked for where the plan is the same without it.
#[test]
fn a_plan_that_reads_no_queues_is_the_same_without() {
    let queues = || {
        Cluster::healthy()
            .with_queue("orders", QueueType::Quorum, &[2, 0])
            .with_queue("old", QueueType::Classic, &[2])
    };
    let is = |life| queues().with_life(2, life);
    let all_down = Cluster {
        lives: vec![Life::Down; 3],
        ..queues()
    };
    let mut drained = queues();
    drained.draining = vec![2];
    let of = || node(2);
    let name = ClusterName::parse("other").unwrap();
    let cases = [
        (Action::StartApp { node: of() }, is(Life::AppStopped)),
        (Action::StartNode { node: of() }, is(Life::Down)),
        (Action::Revive { node: of() }, drained),
        (Action::CookieAlign { nodes: vec![of()] }, is(Life::Down)),
        (Action::RenameCluster { name }, queues()),
        (Action::QuorumGrow { node: of() }, queues()),
        (Action::Rebalance, queues()),
        (Action::StartCluster, is(Life::Down)),
        (Action::StartCluster, all_down.clone()),
        (
            Action::ForgetOffline {
                node: of(),
                on: node(1),
            },
            all_down.clone().with_life(2, Life::HostDead),
        ),
        (
            Action::RecoverLostNode,
            all_down.with_life(2, Life::HostDead),
        ),
    ];
    let now = Moment::ORIGIN;
    for (action, cluster) in cases {
        assert!(!runbook::reads_queues(&action), "{action}");
        let mut unasked = Model::new(cluster.inventory());
        let kinds = EVERYTHING.into_iter();
        let kinds: Vec<SourceKind> = kinds.filter(|kind| *kind != SourceKind::Queues).collect();
        for observation in cluster.look(&kinds, now) {
            unasked.apply(observation);
        }
        let with = runbook::plan(&action, &cluster.model(now), now).unwrap();
        let without = runbook::plan(&action, &unasked, now);
        assert_eq!(Ok(with), without, "{action}");
    }
}

/// Queues that are on member 3 only, one of them not durable.
fn only_there() -> Cluster {
    let mut cluster = Cluster::healthy()
        .with_queue("invoices", QueueType::Classic, &[2])
        .with_queue("sessions", QueueType::Classic, &[2]);
    cluster.queues[1].durable = false;
    cluster
}

/// As the user sees it that has no permissions on the virtual host.
fn unseen() -> Cluster {
    Cluster {
        shown: Some(0),
        ..only_there()
    }
}

#[test]
fn no_member_is_removed_on_a_list_that_is_not_whole() {
    for action in [
        Action::Leave { node: node(2) },
        Action::Forget {
            node: node(2),
            via: None,
        },
    ] {
        assert!(plan(&action, &only_there()).is_ok());
        let refusal = plan(&action, &unseen()).unwrap_err();
        let p7 = refusal.preflight.iter().find(|check| check.id == "P7");
        assert_eq!(p7.unwrap().verdict, Verdict::CannotTell);
        assert!(
            refusal.reason.ends_with("0 of 2 queues are visible to mon"),
            "{}",
            refusal.reason
        );
    }
}

#[test]
fn what_a_stop_hits_is_a_lower_bound_on_a_list_that_is_not_whole() {
    let action = Action::RestartApp { node: node(2) };
    let blast = plan(&action, &unseen()).unwrap().blast_radius;
    let bound = "0 of 2 queues are visible to mon: more queues may be hit than are named here";
    assert!(blast.iter().any(|line| line == bound), "{blast:#?}");
}

/// New queues, and a broker that keeps no statistics, say nothing of what lies in them; the sum of
/// all is as late as they are.
#[rstest]
#[case::some(None, 80)]
#[case::none(Some(0), 0)]
fn what_lies_in_a_queue_is_never_nothing_because_it_is_not_known(
    #[case] each: Option<u64>,
    #[case] all: u64,
) {
    let mut cluster = Cluster {
        tells_depths: false,
        ..only_there()
    };
    for queue in &mut cluster.queues {
        queue.messages = each.unwrap_or(queue.messages);
    }
    let action = Action::RestartApp { node: node(2) };
    let blast = plan(&action, &cluster).unwrap().blast_radius.join("; ");
    let words = format!(
        "an unknown number of messages (a few seconds ago all queues together held {all}) lost"
    );
    assert!(blast.contains(&words), "{words} in {blast}");
    assert!(!blast.contains(" 0 messages"), "{blast}");
}

#[test]
fn a_member_counts_its_own_connections() {
    let mut cluster = only_there();
    cluster.connections = vec![9, 2, 17];
    let action = Action::RestartApp { node: node(2) };
    let blast = plan(&action, &cluster).unwrap().blast_radius;
    assert!(
        blast.contains(&"17 connections close".to_owned()),
        "{blast:#?}"
    );
    cluster.mute = vec![(SourceKind::Totals, 0)];
    let now = Moment::ORIGIN;
    assert_eq!(cluster.model(now).connection_count(now), Some(28));
    cluster.mute.push((SourceKind::Management, 1));
    assert_eq!(cluster.model(now).connection_count(now), None);
}

/// Six thousand queues, as an answer of a broker without statistics has them.
fn many() -> Cluster {
    let mut cluster = Cluster::healthy();
    cluster.queues = (0..6000)
        .map(|at| Queue {
            name: format!("orders.{at}"),
            kind: QueueType::Classic,
            members: vec![at % 3],
            durable: true,
            messages: 0,
        })
        .collect();
    cluster.tells_depths = false;
    "4.3.6".clone_into(&mut cluster.version);
    cluster.khepri = Some(true);
    cluster
}

/// The members themselves say whether a quorum depends on them: nothing is listed for that.
#[tokio::test(start_paused = true)]
async fn a_run_lists_no_queue_where_the_members_tell() {
    let action = Action::RestartApp { node: node(2) };
    let ran = act(World::new(many(), [Act::works(), Act::works()]), &action).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(ran.listings, []);
}

/// A wait that needs the list leaves the broker in peace: one part in twenty is for it.
#[tokio::test(start_paused = true)]
async fn a_wait_does_not_list_all_queues_again_and_again() {
    let mut cluster = many();
    cluster.queues.push(Queue {
        name: "invoices".to_owned(),
        kind: QueueType::Quorum,
        members: vec![0, 1, 2],
        durable: true,
        messages: 0,
    });
    let takes = Duration::from_secs(2);
    let mut world = World::new(
        cluster,
        [Act::new(Some(Duration::from_secs(100)), Reply::Exit(0))],
    );
    world.listing_takes = takes;
    let action = Action::QuorumShrink { node: node(2) };
    let ran = act(world, &action).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let waits = ran.listings.windows(2).skip(1);
    assert!(ran.listings.len() > 2, "{:?}", ran.listings);
    for pair in waits {
        let between = pair[1] - pair[0];
        assert!(between >= takes * 20, "{:?}", ran.listings);
    }
}
