//! Owns the planners: action and model in, plan or refusal out. Pure; knows versions, hazards and
//! blast radius; does no I/O and reads no clock.
//!
//! One file per runbook. A new one adds its `Action`, its file, and its arm in `plan`.

mod app;
mod blast;
mod cookie_align;
pub mod export;
pub mod fingerprint;
mod maintenance;
mod membership;
mod mirror;
mod node;
mod node_type;
pub mod plan;
mod policy;
mod power;
pub mod preflight;
pub mod probe;
mod rejoin;
mod rename_cluster;
mod replicas;
mod rolling_restart;
mod spare;
mod steps;
mod wipe;
pub(crate) mod written;

use crate::action::{Action, StopManner};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use plan::{Plan, Refusal};
use preflight::Target;
use std::collections::BTreeSet;
use steps::Ground;

/// Plans `action` on what is known at `now`.
///
/// # Errors
///
/// A refusal with every check that was made, where the action would hurt or where it cannot be
/// told that it would not.
pub fn plan(action: &Action, model: &Model, now: Moment) -> Result<Plan, Refusal> {
    let on = |node| {
        let target = preflight::target(action, node, model, now)?;
        Ok(Ground { model, target, now })
    };
    let through = |node, wanted: Option<&NodeName>| {
        let ground: Ground<'_> = on(node)?;
        let via = preflight::via(action, Some(node), wanted, model, now)?;
        if model.lists(via, node, now).is_none() {
            return Err(preflight::unlisted(action, via));
        }
        let target = Target {
            via: Some(via),
            ..ground.target
        };
        Ok(Ground { target, ..ground })
    };
    // Where no member can be asked, names and cookies are what comes next.
    let joining = |node, to| {
        let ground = on(node)?;
        through(node, to).map_err(|refusal| membership::unmet(refusal, ground, to))
    };
    let anywhere = || on(preflight::via(action, None, None, model, now)?);
    match action {
        Action::StopApp { node } => app::stop(action, on(node)?),
        Action::StartApp { node } => app::start(action, on(node)?),
        Action::RestartApp { node } => app::restart(action, on(node)?),
        Action::StopNode { node, manner } => match manner {
            StopManner::Orderly => node::stop(action, on(node)?),
            StopManner::Kill => node::kill(action, on(node)?),
        },
        Action::StartNode { node } => node::start(action, on(node)?),
        Action::RestartNode { node } => node::restart(action, on(node)?),
        Action::Drain { node } => maintenance::drain(action, on(node)?),
        Action::Revive { node } => maintenance::revive(action, on(node)?),
        Action::Join { node, to, kind } => {
            membership::join(action, joining(node, to.as_ref())?, *kind)
        }
        Action::Rejoin { node, to } => rejoin::plan(action, joining(node, to.as_ref())?),
        Action::Leave { node } => membership::leave(action, through(node, None)?),
        Action::Forget { node, via } => membership::forget(action, through(node, via.as_ref())?),
        Action::NodeType { node, kind } => node_type::plan(action, through(node, None)?, *kind),
        Action::RenameCluster { name } => rename_cluster::plan(action, anywhere()?, name),
        Action::QuorumGrow { node } => replicas::grow(action, through(node, None)?),
        Action::QuorumShrink { node } => replicas::shrink(action, through(node, None)?),
        Action::Rebalance => replicas::rebalance(action, anywhere()?),
        Action::PolicySet { rule } => policy::set(action, anywhere()?, rule),
        Action::PolicyClear { vhost, name } => policy::clear(action, anywhere()?, (vhost, name)),
        Action::MirrorMajority { vhost, pattern } => {
            mirror::majority(action, anywhere()?, (vhost, pattern))
        }
        Action::MirrorSync { vhost, queue } => mirror::sync(action, anywhere()?, (vhost, queue)),
        Action::RollingRestart { only } => rolling_restart::plan(action, only, model, now),
        Action::StopCluster => power::stop(action, model, now),
        Action::StartCluster => power::start(action, model, now),
        Action::ForgetOffline { node, on } => power::forget_offline(action, (node, on), model, now),
        Action::RecoverLostNode => power::recover_lost(action, model, now),
        Action::Wipe { node } => wipe::plan(action, through(node, None)?),
        Action::CookieAlign { nodes } => cookie_align::plan(action, nodes, model, now),
    }
}

/// How what a run of `plan` began is undone by hand, where the last of the first `begun` steps came
/// to no good end, and the commands of those in `sent` were sent: words that go on a sentence. `None` where the steps that are left are the only way.
pub fn way_back(plan: &Plan, begun: usize, sent: &BTreeSet<usize>) -> Option<String> {
    let spares = matches!(
        plan.action,
        Action::RollingRestart { .. } | Action::Leave { .. } | Action::Forget { .. }
    );
    spares
        .then(|| rolling_restart::way_back(plan, begun, sent))
        .flatten()
}

/// Whether what a plan of `action` asks depends on what the members say, who are then asked first:
/// their release, and whether the one acted on has closed its own API.
pub fn asks_by_members(action: &Action) -> bool {
    matches!(
        action,
        Action::Drain { .. } | Action::Revive { .. } | Action::RollingRestart { .. }
    ) || stopped(action).is_some()
}

/// The member that a plan of `action` stops, which may be in maintenance mode.
fn stopped(action: &Action) -> Option<&NodeName> {
    let stops = matches!(
        action,
        Action::StopApp { .. }
            | Action::RestartApp { .. }
            | Action::StopNode { .. }
            | Action::RestartNode { .. }
            | Action::Leave { .. }
            | Action::Forget { .. }
            | Action::NodeType { .. }
    );
    action.node().filter(|_| stops)
}

/// What a plan of `action` on the cluster that `known` has seen must ask beyond what is polled
/// anyway: questions put on demand only, because each takes a few seconds on each host.
pub fn also_asks(action: &Action, known: &Model, now: Moment) -> Vec<SourceKind> {
    let capability = known.capability(now);
    // Whether the management API says who is in maintenance mode.
    let api_tells = capability.reports_draining() == Some(true);
    let has_mirrors = capability.has_mirroring() != Some(false);
    let mut asks = usually_asks(action, api_tells, has_mirrors).to_vec();
    // A member that runs and has closed its API may be in maintenance mode: it cannot say itself
    // whether a quorum depends on it.
    let closed = |node: &NodeName| {
        let host = known.inventory.host_of(node);
        let runs = known.node(node, now).state == NodeState::Running;
        runs && host.is_some_and(|host| known.refuses_api(&host.name))
    };
    if !api_tells && stopped(action).is_some_and(closed) && !asks.contains(&SourceKind::NodeStatus)
    {
        asks.push(SourceKind::NodeStatus);
    }
    asks
}

/// Whether a plan of `action` may depend on the list of all queues, which costs the broker more than
/// all else that is asked.
pub fn reads_queues(action: &Action) -> bool {
    match action {
        Action::StartApp { .. }
        | Action::StartNode { .. }
        | Action::Revive { .. }
        | Action::CookieAlign { .. }
        | Action::RenameCluster { .. }
        | Action::QuorumGrow { .. }
        | Action::Rebalance
        | Action::StartCluster
        | Action::ForgetOffline { .. }
        | Action::RecoverLostNode => false,
        Action::StopApp { .. }
        | Action::RestartApp { .. }
        | Action::StopNode { .. }
        | Action::RestartNode { .. }
        | Action::Drain { .. }
        | Action::Join { .. }
        | Action::Rejoin { .. }
        | Action::Leave { .. }
        | Action::Forget { .. }
        | Action::NodeType { .. }
        | Action::QuorumShrink { .. }
        | Action::PolicySet { .. }
        | Action::PolicyClear { .. }
        | Action::MirrorMajority { .. }
        | Action::MirrorSync { .. }
        | Action::RollingRestart { .. }
        | Action::StopCluster
        | Action::Wipe { .. } => true,
    }
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "two facts about the release"
)]
fn usually_asks(action: &Action, api_tells: bool, has_mirrors: bool) -> &'static [SourceKind] {
    match action {
        Action::Drain { .. } | Action::Revive { .. } if api_tells => &[],
        Action::Drain { .. } | Action::Revive { .. } => &[SourceKind::NodeStatus],
        // The user: whether mirrors may be told to synchronise.
        Action::RollingRestart { .. } => match (api_tells, has_mirrors) {
            (true, false) => &[],
            (true, true) => &[SourceKind::User],
            (false, _) => &[SourceKind::NodeStatus, SourceKind::User],
        },
        Action::Join { .. } => &[
            SourceKind::NodeStatus,
            SourceKind::Names,
            SourceKind::Cookie,
        ],
        // One that cannot boot begins on an empty disc.
        Action::Rejoin { .. } => &[
            SourceKind::NodeStatus,
            SourceKind::NodeFiles,
            SourceKind::Names,
            SourceKind::Cookie,
            SourceKind::Data,
        ],
        Action::StartNode { .. } | Action::RestartNode { .. } => &[SourceKind::Data],
        Action::Wipe { .. } => &[SourceKind::NodeStatus, SourceKind::Data],
        Action::CookieAlign { .. } => &[SourceKind::NodeStatus, SourceKind::Cookie],
        Action::PolicySet { .. }
        | Action::PolicyClear { .. }
        | Action::MirrorMajority { .. }
        | Action::MirrorSync { .. } => &[SourceKind::User],
        Action::StartCluster | Action::ForgetOffline { .. } | Action::RecoverLostNode => {
            &[SourceKind::NodeFiles]
        }
        Action::StopApp { .. }
        | Action::StartApp { .. }
        | Action::RestartApp { .. }
        | Action::StopNode { .. }
        | Action::Leave { .. }
        | Action::Forget { .. }
        | Action::NodeType { .. }
        | Action::RenameCluster { .. }
        | Action::QuorumGrow { .. }
        | Action::QuorumShrink { .. }
        | Action::Rebalance
        | Action::StopCluster => &[],
    }
}
