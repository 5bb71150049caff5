//! Between the plan and the first act minutes may pass: what forbids a plan forbids its act too.

use crate::cluster::{Cluster, node};
use crate::doubles::{Happening, World, act};
use rmqtop::action::{Action, StopManner};
use rmqtop::executor::event::RunOutcome;
use rstest::rstest;

/// The runbooks that P4 (alarms) and P11 (another server) guard.
fn guarded() -> Vec<Action> {
    let node = node(2);
    vec![
        Action::StopApp { node: node.clone() },
        Action::RestartApp { node: node.clone() },
        Action::StopNode {
            node: node.clone(),
            manner: StopManner::Orderly,
        },
        Action::RestartNode { node: node.clone() },
        Action::Drain { node: node.clone() },
        Action::Leave { node: node.clone() },
        Action::Forget {
            node: node.clone(),
            via: None,
        },
        Action::RollingRestart { only: vec![node] },
    ]
}

#[rstest]
#[case::an_alarm(|cluster: &mut Cluster| cluster.alarms = vec![0], "rabbit@rabbit-node1 has a memory alarm")]
#[case::no_other_server(|cluster: &mut Cluster| cluster.maint = vec![0, 1], "no server but that of rabbit@rabbit-node3")]
#[tokio::test(start_paused = true)]
async fn what_fell_before_the_first_act_stops_it(#[case] happens: Happening, #[case] words: &str) {
    for action in guarded() {
        let mut world = World::new(Cluster::healthy(), []);
        world.meanwhile.insert(1, happens);
        let ran = act(world, &action).await;
        assert!(ran.sent.is_empty(), "{action}: {}", ran.story());
        assert_ne!(ran.outcome, RunOutcome::Done, "{action}");
        assert!(ran.story().contains(words), "{action}: {}", ran.story());
    }
}
