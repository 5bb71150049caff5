//! What every runbook is put through: all goes well and the second run sends nothing, a fault at
//! each of its commands, and a cluster that changes between the plan and the first act.

use super::drive::act;
use super::ends::Ran;
use super::world::{Act, Reply, World};
use crate::cluster::{Cluster, Life};
use rmqtop::action::Action;
use rmqtop::executor::event::RunOutcome;
use rmqtop::runbook::plan::Plan;
use std::fmt::Write as _;

/// How many steps of `plan` have a command.
pub(crate) fn commands(plan: &Plan) -> usize {
    let acts = plan.steps.iter().filter(|step| step.change.is_some());
    acts.count()
}

/// Each of `count` commands works, and the cluster follows a little later. Then the same is asked
/// for once more, and nothing is sent. Gives the first run.
pub(crate) async fn twice(action: &Action, before: Cluster, count: usize) -> Ran {
    let acts = (0..count).map(|_| Act::soon());
    let ran = act(World::new(before, acts), action).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{action}: {}", ran.story());
    let again = act(World::new(ran.cluster.clone(), []), action).await;
    assert_eq!(
        again.outcome,
        RunOutcome::Done,
        "{action}: {}",
        again.story()
    );
    assert!(again.sent_nothing(), "{action}: {}", again.story());
    ran
}

/// The n-th of `count` commands goes wrong, those before it work: it ends with the code `fails`, is
/// lost before or after its effect, is not answered in time, or nothing can be seen after it. Gives
/// what the records tell.
pub(crate) async fn faulted(
    action: &Action,
    before: &Cluster,
    (count, fails): (usize, i32),
) -> String {
    let faults = [
        ("fails", Act::new(None, Reply::Exit(fails))),
        ("lost_before", Act::new(None, Reply::Lost)),
        ("lost_after", Act::lost_after_its_effect()),
        ("times_out", Act::new(None, Reply::TimedOut)),
    ];
    let mut story = String::new();
    for at in 0..count {
        for (fault, bad) in faults {
            let acts = (0..count).map(|n| if n == at { bad } else { Act::works() });
            let ran = act(World::new(before.clone(), acts), action).await;
            assert_eq!(ran.journal(), ran.events);
            let is_done = ran.outcome == RunOutcome::Done;
            assert_eq!(is_done, fault == "lost_after", "{action}: {}", ran.story());
            writeln!(story, "## command {} {fault}\n{}", at + 1, ran.story()).unwrap();
        }
        let mut world = World::new(before.clone(), (0..count).map(|_| Act::works()));
        world.blind_after = Some(at + 1);
        let ran = act(world, action).await;
        let is_unknown = matches!(ran.outcome, RunOutcome::Unknown { .. });
        assert!(is_unknown, "{action}: {}", ran.story());
        writeln!(story, "## command {} blind\n{}", at + 1, ran.story()).unwrap();
    }
    story
}

/// Another member is lost between the plan and the first act: nothing is sent.
pub(crate) async fn overtaken(action: &Action, before: Cluster) {
    let mut world = World::new(before, []);
    world
        .meanwhile
        .insert(1, |cluster| cluster.lives[1] = Life::Down);
    let ran = act(world, action).await;
    let is_refused = matches!(ran.outcome, RunOutcome::Refused { .. });
    assert!(is_refused, "{action}: {}", ran.story());
    assert!(ran.sent.is_empty());
}
