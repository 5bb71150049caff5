//! Each scenario is known by its finding, and shows nothing false beside it.

use crate::{begin, look, roots};
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::Release;
use rstest::rstest;

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
