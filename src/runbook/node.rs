//! Owns `stop-node`, `start-node` and `restart-node`: the broker's service on a member's
//! host, application and runtime together. HAProxy and keepalived on that host are left alone.

use super::blast;
use super::plan::{Plan, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::model::node::NodeState;

const IDLE: &str = "it is not running: nothing is taken away";

pub(super) fn stop(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let (mut checks, step) = to_stop(ground);
    ends_when_asked(action, ground, &mut checks)?;
    stopping(action, ground, checks, vec![step])
}

/// For a node that cannot be asked any more: nothing that it could say forbids it, and one that
/// runs is not killed.
pub(super) fn kill(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    checks.make(&preflight::FRESH, ground);
    for check in [
        &preflight::CAPABILITY,
        &preflight::PARTITION,
        &preflight::COMPANY,
        &preflight::BALANCERS,
    ] {
        checks.advise(check, ground);
    }
    if ground.target.state == NodeState::Running {
        let node = ground.node();
        let reason = format!("{node} runs and answers, and would end when it is asked to");
        let instead = format!("stop-node {node}, without --kill");
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    let plan = stopping(action, ground, checks, vec![ground.kill_node()])?;
    let blast_radius = blast::of_kill(ground, "it runs again");
    Ok(Plan {
        blast_radius,
        ..plan
    })
}

/// Where it is down already it only starts it.
pub(super) fn restart(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let (mut checks, step) = to_stop(ground);
    let mut steps = vec![step];
    steps.extend(ground.lift_start_limit());
    steps.push(ground.start_node());
    steps.extend(ground.balancers());
    checks.make(&preflight::DATA_THERE, ground);
    ends_when_asked(action, ground, &mut checks)?;
    stopping(action, ground, checks, steps)
}

/// Who is no member can be stopped whatever the cluster does.
fn to_stop(ground: Ground<'_>) -> (Checks, Step) {
    let mut checks = Checks::default();
    if ground.is_outside() {
        checks.of_nothing(ground, "it is no member: nobody counts on it");
        (checks, ground.beside_a_member().stop_node_outside())
    } else {
        checks.of_stop(ground, IDLE);
        (checks, ground.stop_node())
    }
}

fn ends_when_asked(
    action: &Action,
    ground: Ground<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    if ground.target.state != NodeState::Hung {
        return Ok(());
    }
    let reason = ground.state_reason("so it would not end when it is asked to");
    Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())))
}

pub(super) fn start(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let mut checks = Checks::of_start(ground);
    checks.make(&preflight::DATA_THERE, ground);
    if !matches!(ground.target.state, NodeState::Running | NodeState::Down) {
        let reason = ground.state_reason("neither running nor down");
        return Err(checks.refuse(action, reason, Some(ground.first())));
    }
    let preflight = checks.verdict(action)?;
    let mut steps = Vec::from_iter(ground.lift_start_limit());
    steps.push(ground.start_node());
    steps.extend(ground.balancers());
    Ok(ground.plan(action, preflight, Vec::new(), steps))
}

fn stopping(
    action: &Action,
    ground: Ground<'_>,
    checks: Checks,
    steps: Vec<Step>,
) -> Result<Plan, Refusal> {
    if ground.target.state.is_out_of_sight() {
        let reason = ground.state_reason("so what would be stopped is not known");
        return Err(checks.refuse(action, reason, Some(ground.first())));
    }
    let preflight = checks.verdict(action)?;
    let blast = blast::of_stop(ground, "it runs again");
    Ok(ground.plan(action, preflight, blast, steps))
}
