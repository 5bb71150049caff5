//! The smaller runbooks, each on a cluster that needs it.

use crate::begin;
use crate::runs::{again, all_well, done, node};
use rmqtop::action::{Action, StopManner};
use rmqtop::cli::demo::Demo;
use rmqtop::model::broker::NodeType;
use rmqtop::model::name::{ClusterName, QueueName, VhostName};
use rmqtop::model::text::Shown;
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::{Event, Kind, Release, Seats};
use rstest::rstest;
use std::time::Duration;

/// Lets something happen, and its consequences.
async fn happens(demo: &Demo, events: &[Event]) {
    for event in events {
        demo.simulation.stage.with(|world| world.happen(event));
        demo.simulation.stage.skip(Duration::from_secs(4));
    }
    demo.simulation.settled().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_stopped_started_and_restarted(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let stop = Action::StopNode {
        node: node(2),
        manner: StopManner::Orderly,
    };
    done(&demo, stop.clone()).await;
    again(&demo, stop).await;
    done(&demo, Action::StartNode { node: node(2) }).await;
    again(&demo, Action::StartNode { node: node(2) }).await;
    done(&demo, Action::RestartNode { node: node(1) }).await;
    all_well(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs_is_killed_and_started() {
    let demo = begin(Scenario::HungNode, Release::R43).await;
    let kill = Action::StopNode {
        node: node(2),
        manner: StopManner::Kill,
    };
    done(&demo, kill).await;
    done(&demo, Action::StartNode { node: node(2) }).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_shrink_grow_and_spread(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let on_third = |demo: &Demo| {
        demo.simulation.stage.with(|world| {
            let quorum = world
                .queues()
                .iter()
                .filter(|queue| queue.kind == Kind::Quorum);
            quorum.filter(|queue| queue.replicas.has(2)).count()
        })
    };
    let before = on_third(&demo);
    done(&demo, Action::QuorumShrink { node: node(2) }).await;
    assert_eq!(on_third(&demo), 0);
    done(&demo, Action::QuorumGrow { node: node(2) }).await;
    again(&demo, Action::QuorumGrow { node: node(2) }).await;
    assert_eq!(on_third(&demo), before);
    done(&demo, Action::Rebalance).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_renamed(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let name = ClusterName::parse("the other one").unwrap();
    let rename = Action::RenameCluster { name };
    done(&demo, rename.clone()).await;
    again(&demo, rename).await;
    let name = demo.simulation.stage.with(|world| world.name().to_owned());
    assert_eq!(name, "the other one");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_is_aligned(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    happens(&demo, &[Event::ServiceStops(2), Event::Cookie(2, 7)]).await;
    let align = Action::CookieAlign {
        nodes: vec![node(2)],
    };
    done(&demo, align.clone()).await;
    again(&demo, align).await;
    done(&demo, Action::StartNode { node: node(2) }).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_becomes_ram_and_disc_again(
    #[values(Release::R310, Release::R40)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::QuorumShrink { node: node(2) }).await;
    for kind in [NodeType::Ram, NodeType::Disc] {
        let turn = Action::NodeType {
            node: node(2),
            kind,
        };
        done(&demo, turn.clone()).await;
        again(&demo, turn).await;
    }
    all_well(&demo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_are_made_and_synchronised() {
    let demo = begin(Scenario::Healthy, Release::R310).await;
    let mirrors = |demo: &Demo, name: &str| -> (Seats, Seats) {
        demo.simulation.stage.with(|world| {
            let queue = world
                .queues()
                .iter()
                .find(|queue| &*queue.name == name)
                .unwrap();
            (queue.replicas, queue.synced)
        })
    };
    assert_eq!(mirrors(&demo, "orders.paid").0.len(), 3);
    // A mirror that was away lacks what came meanwhile.
    let away = demo.simulation.stage.with(|world| {
        let queue = world
            .queues()
            .iter()
            .find(|queue| &*queue.name == "orders.paid")
            .unwrap();
        (0..3).find(|at| *at != queue.leader).unwrap()
    });
    happens(
        &demo,
        &[Event::ServiceStops(away), Event::ServiceStarts(away)],
    )
    .await;
    let (replicas, synced) = mirrors(&demo, "orders.paid");
    assert_eq!((replicas.len(), synced.len()), (3, 2));
    let sync = Action::MirrorSync {
        vhost: VhostName::new("/"),
        queue: QueueName::new("orders.paid"),
    };
    done(&demo, sync.clone()).await;
    again(&demo, sync).await;
    let majority = Action::MirrorMajority {
        vhost: VhostName::new("/"),
        pattern: Shown::new("^audit"),
    };
    done(&demo, majority.clone()).await;
    again(&demo, majority).await;
    assert_eq!(mirrors(&demo, "audit").0.len(), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_left_is_wiped(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::NodeDown, release).await;
    let forget = Action::Forget {
        node: node(2),
        via: None,
    };
    done(&demo, forget).await;
    done(&demo, Action::Wipe { node: node(2) }).await;
    let aside = demo
        .simulation
        .stage
        .with(|world| world.hosts()[2].aside.len());
    assert_eq!(aside, 1);
}
