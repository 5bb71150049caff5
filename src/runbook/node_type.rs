//! Owns `node-type`: a disc member becomes a RAM member, or the other way round. The broker resets
//! the member and joins it again, so what only it held is gone. Mnesia only, until 4.2.

use super::blast;
use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::CtlVerb;
use crate::model::broker::NodeType;
use crate::model::node::NodeState;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(120);

pub(super) fn plan(action: &Action, ground: Ground<'_>, kind: NodeType) -> Result<Plan, Refusal> {
    let node = ground.node();
    if let Some(reason) = ground.model.capability(ground.now).lacks_ram() {
        let instead = "leave it: every member is a disc member here".to_owned();
        return Err(Checks::default().refuse(action, reason, Some(instead)));
    }
    let is_so = ground.model.node(node, ground.now).node_type == Some(kind);
    let mut checks = Checks::default();
    if is_so {
        checks.of_nothing(ground, "it is of that type already");
    } else {
        checks.of_removal(ground);
        checks.make(&preflight::UNREPLICATED, ground);
    }
    if !matches!(
        ground.target.state,
        NodeState::Running | NodeState::AppStopped
    ) {
        let reason = ground.state_reason("and its runtime must be up");
        return Err(checks.refuse(action, reason, Some(ground.first())));
    }
    let preflight = checks.verdict(action)?;
    let blast = if is_so {
        Vec::new()
    } else {
        let fate = format!("{node} is reset and joins again: what only it holds is gone");
        let mut sentences = blast::of_removal(ground, &fate);
        sentences.extend(blast::on_the_servers(ground, "it serves again"));
        sentences
    };
    let definitions = if is_so { Vec::new() } else { ground.kept() };
    Ok(Plan {
        definitions,
        ..ground.plan(action, preflight, blast, steps(ground, kind, is_so))
    })
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "a fact about the member, not a switch"
)]
fn steps(ground: Ground<'_>, kind: NodeType, is_so: bool) -> Vec<Step> {
    let node = ground.node();
    let now_so = Probe::TypeIs {
        node: node.clone(),
        kind,
    };
    let mut steps = Vec::new();
    if !is_so {
        steps.push(ground.stop_app());
    }
    steps.push(Step {
        id: "change-type".to_owned(),
        title: format!("make {node} a {kind} member"),
        host: ground.host(),
        change: Some(ground.ctl(CtlVerb::ChangeClusterNodeType { kind }, DEADLINE)),
        before: vec![
            ground.seen(NodeState::AppStopped),
            ground.others_unchanged(),
        ],
        already: vec![now_so.clone()],
        after: vec![now_so.clone()],
        deadline: DEADLINE,
    });
    let mut start = ground.start_app();
    start.after.push(now_so);
    steps.push(start);
    steps.extend(ground.balancers());
    steps
}
