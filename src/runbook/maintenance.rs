//! Owns `drain` and `revive`: maintenance mode. A drained member runs, but takes no clients, leads
//! nothing and closes its own management API; a restart ends it, `revive` does too.

use super::blast;
use super::plan::{Plan, Refusal};
use super::preflight::Checks;
use super::steps::Ground;
use crate::action::Action;
use crate::model::node::NodeState;

pub(super) fn drain(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    if ground.draining() {
        checks.of_nothing(ground, "it is in maintenance mode already");
    } else {
        checks.of_stop(ground, "it is not running: nothing is taken away");
    }
    let checks = running(action, ground, checks)?;
    let preflight = checks.verdict(action)?;
    let blast = if ground.draining() {
        Vec::new()
    } else {
        blast::of_drain(ground)
    };
    Ok(ground.plan(action, preflight, blast, vec![ground.drain()]))
}

pub(super) fn revive(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let checks = running(action, ground, Checks::of_start(ground))?;
    let preflight = checks.verdict(action)?;
    let mut steps = vec![ground.revive()];
    steps.extend(ground.balancers());
    Ok(ground.plan(action, preflight, Vec::new(), steps))
}

fn running(action: &Action, ground: Ground<'_>, checks: Checks) -> Result<Checks, Refusal> {
    if ground.target.state == NodeState::Running {
        return Ok(checks);
    }
    let reason = ground.state_reason("and only a running member can be in maintenance mode");
    Err(checks.refuse(action, reason, Some(ground.first())))
}
