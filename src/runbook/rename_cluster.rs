//! Owns `rename-cluster`. Federation, shovels and exporters may know the cluster by its name.

use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::CtlVerb;
use crate::model::name::ClusterName;
use crate::model::node::NodeState;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// The target is the member through which it is done.
pub(super) fn plan(
    action: &Action,
    ground: Ground<'_>,
    name: &ClusterName,
) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    checks.make(&preflight::FRESH_MEMBERS, ground);
    checks.make(&preflight::CAPABILITY, ground);
    checks.make(&preflight::PARTITION, ground);
    let preflight = checks.verdict(action)?;
    let was = ground.model.cluster_name();
    let blast = vec![format!(
        "whatever knows the cluster as {} no longer recognises it: federation, shovels, dashboards; clients go on undisturbed",
        was.map_or("it is called now", |was| was.as_str())
    )];
    let named = Probe::ClusterNamed { name: name.clone() };
    let verb = CtlVerb::SetClusterName { name: name.clone() };
    let step = Step {
        id: "rename".to_owned(),
        title: format!("call the cluster {name}"),
        host: ground.host(),
        change: Some(ground.ctl(verb, DEADLINE)),
        before: vec![ground.seen(NodeState::Running)],
        already: vec![named.clone()],
        after: vec![named],
        deadline: DEADLINE,
    };
    Ok(ground.plan(action, preflight, blast, vec![step]))
}
