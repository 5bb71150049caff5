//! Each scenario is known by its finding, and shows nothing false beside it.

use crate::{begin, look, roots};
use rmqtop::cli::demo::Demo;
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::{Event, Release};
use rstest::rstest;
use std::time::Duration;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_is_known_by_its_finding(
    #[values(
        Scenario::Healthy,
        Scenario::NodeDown,
        Scenario::AppStopped,
        Scenario::HungNode,
        Scenario::SplitVip,
        Scenario::NoStandby,
        Scenario::MemoryAlarm,
        Scenario::Partition,
        Scenario::BrokenCheckScript,
        Scenario::FullDisk,
        Scenario::LostLastNode
    )]
    scenario: Scenario,
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(scenario, release).await;
    let found = roots(&look(&demo.session()).await);
    let mut ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    let mut expected: Vec<&str> = scenario.mark().into_iter().collect();
    expected.extend(scenario.beside(release));
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected, "{found:#?}");
}

/// What is found once this much time has passed, and the ports have followed.
async fn found_after(demo: &Demo, time: Duration) -> Vec<String> {
    demo.simulation.stage.skip(time);
    demo.simulation.settled().await;
    let found = roots(&look(&demo.session()).await);
    found.into_iter().map(|(id, _)| id).collect()
}

/// Nobody does anything: one thing leads to the next.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_incident_takes_its_course(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Incident, release).await;
    let nothing: Vec<String> = Vec::new();
    assert_eq!(found_after(&demo, Duration::ZERO).await, nothing);
    // 100 s: memory is full.
    assert_eq!(found_after(&demo, Duration::from_secs(94)).await, ["D10"]);
    // 170 s: the kernel has ended that broker.
    let found = found_after(&demo, Duration::from_secs(70)).await;
    assert!(found.contains(&"N1".to_owned()), "{found:?}");
    assert!(!found.contains(&"D10".to_owned()), "{found:?}");
    // 300 s: a second one hangs, and there is no majority.
    let found = found_after(&demo, Duration::from_secs(130)).await;
    assert!(found.contains(&"N5".to_owned()), "{found:?}");
    // 440 s: HAProxy has failed, and its VIP has moved.
    let found = found_after(&demo, Duration::from_secs(140)).await;
    assert!(found.contains(&"H1".to_owned()), "{found:?}");
    assert!(!found.iter().any(|id| id.starts_with('V')), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_busy_one_is_well() {
    let demo = begin(Scenario::Busy, Release::R43).await;
    let found = roots(&look(&demo.session()).await);
    assert_eq!(found, []);
}

/// Mnesia remembers that it was torn until somebody restarts a side; Khepri needs nobody.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_over_is_remembered_by_mnesia(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Partition, release).await;
    demo.simulation
        .stage
        .with(|world| world.happen(&Event::Healed));
    let found = found_after(&demo, Duration::from_secs(3)).await;
    let expected: &[&str] = if release == Release::R43 {
        &[]
    } else {
        &["N3"]
    };
    assert_eq!(found, expected);
}

/// Who just went silent holds the others up: they answer for themselves, and nothing is told of
/// them that is not so.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_just_went_silent_holds_the_others_up(
    #[values(Release::R310, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let session = demo.session();
    look(&session).await;
    demo.simulation
        .stage
        .with(|world| world.happen(&Event::BrokerHangs(2)));
    let found = roots(&look(&session).await);
    let others = [
        "rabbit-node1:",
        "rabbit-node2:",
        "rabbit@rabbit-node1:",
        "rabbit@rabbit-node2:",
    ];
    let of_others = found
        .iter()
        .find(|(_, words)| others.iter().any(|it| words.starts_with(it)));
    assert_eq!(of_others, None, "{found:#?}");
    assert!(found.iter().any(|(id, _)| id == "N1"), "{found:#?}");
}
