//! Owns `stop-app`, `start-app` and `restart-app`: the RabbitMQ application of a member; its
//! runtime and its host stay up. What is so already is announced, and found so.

use super::blast;
use super::plan::{Plan, Refusal, Step};
use super::preflight::Checks;
use super::steps::Ground;
use crate::action::Action;
use crate::model::node::NodeState;

/// Where the app is stopped already it only starts it.
pub(super) fn restart(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let mut steps = vec![ground.stop_app(), ground.start_app()];
    steps.extend(ground.balancers());
    stopping(action, ground, steps)
}

pub(super) fn stop(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    stopping(action, ground, vec![ground.stop_app()])
}

pub(super) fn start(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let checks = Checks::of_start(ground);
    if !is_up(ground.target.state) {
        return Err(not_from(action, ground, checks));
    }
    let preflight = checks.verdict(action)?;
    let mut steps = vec![ground.start_app()];
    steps.extend(ground.balancers());
    Ok(ground.plan(action, preflight, Vec::new(), steps))
}

fn stopping(action: &Action, ground: Ground<'_>, steps: Vec<Step>) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    checks.of_stop(ground, "the app is stopped already: nothing is taken away");
    if !is_up(ground.target.state) {
        return Err(not_from(action, ground, checks));
    }
    let preflight = checks.verdict(action)?;
    let blast = blast::of_stop(ground, "the app runs again");
    Ok(ground.plan(action, preflight, blast, steps))
}

fn is_up(state: NodeState) -> bool {
    matches!(state, NodeState::Running | NodeState::AppStopped)
}

fn not_from(action: &Action, ground: Ground<'_>, checks: Checks) -> Refusal {
    let reason = ground.state_reason("neither running nor app stopped");
    checks.refuse(action, reason, Some(ground.first()))
}
