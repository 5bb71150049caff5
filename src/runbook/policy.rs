//! Owns `policy-set` and `policy-clear`: one request to the management API of one node, proved by
//! what the others say. Keys are never merged: one policy is in force on a queue, or none.

mod words;

use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::Change;
use crate::invocation::api::{ApiAddress, ApiCall};
use crate::model::broker::{Policy, QueueRow};
use crate::model::freshness_limit;
use crate::model::name::VhostName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use crate::model::policy::effect::{Policies, Ready, preview};
use crate::model::policy::{PolicyName, PolicyRule, can_be_addressed};
use std::time::Duration;

pub(super) use words::{count, named};

/// Brokers answer at once; their statistics follow within five seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// The target is the member whose management API is written to.
pub(super) fn set(action: &Action, ground: Ground<'_>, rule: &PolicyRule) -> Result<Plan, Refusal> {
    addressable(action, &[rule.vhost.0.raw(), rule.name.raw()])?;
    let ready = Ready::new(rule.clone());
    let mut checks = changing(ground);
    checks.of_policy(ground, &ready);
    let preflight = checks.verdict(action)?;
    let before = Policies::of(known(ground), &rule.vhost);
    let after = before.with(rule);
    let preview = preview(&before, &after, &ready, rows(ground));
    let mut blast = words::of_set(ground, rule, &preview);
    blast.push(words::undo(
        ground,
        (before.named(&rule.name), rule),
        &before,
    ));
    let so = Probe::PolicyIs { rule: rule.clone() };
    let in_force = Probe::PolicyInForce {
        rule: rule.clone(),
        through: ground.node().clone(),
    };
    let step = Step {
        id: "policy-set".to_owned(),
        title: format!("set the policy {} of vhost {}", rule.name, rule.vhost),
        host: ground.host(),
        change: Some(request(ground, ApiCall::SetPolicy { rule: rule.clone() })),
        before: may_change(ground, &before, &rule.vhost, &rule.name),
        already: vec![so.clone()],
        after: vec![so, in_force],
        deadline: DEADLINE,
    };
    Ok(ground.plan(action, preflight, blast, vec![step]))
}

/// The target is the member whose management API is written to.
pub(super) fn clear(
    action: &Action,
    ground: Ground<'_>,
    (vhost, name): (&VhostName, &PolicyName),
) -> Result<Plan, Refusal> {
    addressable(action, &[vhost.0.raw(), name.raw()])?;
    let mut checks = changing(ground);
    checks.of_rights(ground, &preflight::MAY_CHANGE_POLICIES);
    let preflight = checks.verdict(action)?;
    let before = Policies::of(known(ground), vhost);
    let after = before.without(name);
    let mut blast = Vec::new();
    match before.named(name) {
        Some(rule) => {
            let gone = Ready::new(rule.clone());
            let preview = preview(&before, &after, &gone, rows(ground));
            blast.extend(words::of_clear(ground, rule, &preview));
            blast.push(words::undo(ground, (Some(rule), rule), &before));
        }
        None if before.unread.contains(name) => blast.push(words::unread(known(ground), name)),
        None => blast.push(words::absent(&before, vhost, name)),
    }
    let gone = Probe::NoPolicy {
        vhost: vhost.clone(),
        name: name.clone(),
    };
    let nowhere = Probe::PolicyNowhere {
        vhost: vhost.clone(),
        name: name.clone(),
        through: ground.node().clone(),
    };
    let call = ApiCall::ClearPolicy {
        vhost: vhost.clone(),
        name: name.clone(),
    };
    let step = Step {
        id: "policy-clear".to_owned(),
        title: format!("remove the policy {name} of vhost {vhost}"),
        host: ground.host(),
        change: Some(request(ground, call)),
        before: may_change(ground, &before, vhost, name),
        already: vec![gone.clone()],
        after: vec![gone, nowhere],
        deadline: DEADLINE,
    };
    Ok(ground.plan(action, preflight, blast, vec![step]))
}

/// The checks before anything is written to a management API.
pub(super) fn changing(ground: Ground<'_>) -> Checks {
    let mut checks = Checks::default();
    checks.make(&preflight::FRESH, ground);
    checks.make(&preflight::CAPABILITY, ground);
    checks.make(&preflight::PARTITION, ground);
    checks
}

pub(super) fn request(ground: Ground<'_>, call: ApiCall) -> Change {
    let api = &ground.model.inventory.api;
    Change::Api {
        call,
        at: ApiAddress::of(api, ground.target.host),
    }
}

/// Refuses names that no request can hold.
pub(super) fn addressable(action: &Action, names: &[&str]) -> Result<(), Refusal> {
    if names.iter().all(|name| can_be_addressed(name)) {
        return Ok(());
    }
    let reason =
        "the management API cannot be asked about a name that is empty, `.` or `..`".to_owned();
    let instead = Some("use rabbitmqctl on a member".to_owned());
    Err(Checks::default().refuse(action, reason, instead))
}

/// What was there when the plan was made must still be there, so that the way back is known.
fn may_change(
    ground: Ground<'_>,
    before: &Policies,
    vhost: &VhostName,
    name: &PolicyName,
) -> Vec<Probe> {
    let mut probes = vec![ground.seen(NodeState::Running)];
    if let Some(rule) = before.named(name) {
        probes.push(Probe::PolicyIs { rule: rule.clone() });
    } else if !before.unread.contains(name) {
        probes.push(Probe::NoPolicy {
            vhost: vhost.clone(),
            name: name.clone(),
        });
    }
    probes
}

/// The policies, if they are known now; the checks forbid what would rest on less.
pub(super) fn known(ground: Ground<'_>) -> &[Policy] {
    let limit = freshness_limit(SourceKind::Policies);
    let policies = ground.model.policies.current(ground.now, limit);
    policies.map_or(&[], Vec::as_slice)
}

/// The queues that could be listed.
pub(super) fn rows(ground: Ground<'_>) -> &[QueueRow] {
    let limit = freshness_limit(SourceKind::Queues);
    let page = ground.model.queues.current(ground.now, limit);
    page.map_or(&[], |page| page.rows.as_slice())
}
