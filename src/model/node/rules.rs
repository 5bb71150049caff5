//! Owns the table by which a member is judged: ordered rows, the first that fits. Each row reads
//! the evidence and nothing else; what is said of a state is for `findings`.

use super::NodeState;
use super::evidence::{Door, Evidence, Silence};
use super::service::Service;
use crate::model::HUNG;

/// The row of the table that fits: what the state rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// Its own API says that it runs.
    OwnWord,
    /// Its service ends and is started again.
    Restarts,
    /// Its service is on its way up.
    Boots,
    /// It accepts connections and says nothing.
    Mute,
    /// The other members disagree on it.
    Disputed,
    /// Nothing of its host answers here, where other hosts do.
    SilentHost,
    /// Other members see it run.
    Peers,
    /// `rabbitmqctl` on its host says that it runs.
    OwnTool,
    /// Its API refuses a login that other members accept.
    OtherUsers,
    /// Its runtime is up, its app is not.
    AppStopped,
    /// There is no runtime of its name.
    NoRuntime,
    /// Other members say that it does not run; why is not known.
    PeersAlone,
    /// Clients are served, its API does not tell.
    Serves,
    /// No load balancer reaches it.
    Shunned,
    /// Nothing at all answers, of any host.
    NothingAnswers,
    /// No row fits.
    Undecided,
}

/// A row: when it fits, what the state is.
struct Rule {
    ground: Ground,
    state: NodeState,
    fits: fn(&Evidence) -> bool,
}

const fn row(ground: Ground, state: NodeState, fits: fn(&Evidence) -> bool) -> Rule {
    Rule {
        ground,
        state,
        fits,
    }
}

const RULES: [Rule; 20] = [
    // Between two ends of a loop it may answer for a moment.
    row(Ground::Restarts, NodeState::Restarting, |seen| {
        seen.by_host(Service::is_in_loop)
    }),
    row(Ground::OwnWord, NodeState::Running, |seen| seen.own_runs),
    row(Ground::Restarts, NodeState::Restarting, |seen| {
        seen.by_host(Service::restarts)
    }),
    row(Ground::Boots, NodeState::Starting, |seen| {
        seen.by_host(Service::boots)
    }),
    row(Ground::Mute, NodeState::Hung, |seen| {
        let for_long = seen.mute_for.is_some_and(|mute| mute >= HUNG);
        let is_mute = for_long || (seen.mute_for.is_some() && seen.is_denied());
        is_mute && !seen.by_host(Service::lacks_runtime)
    }),
    row(Ground::Disputed, NodeState::Unknown, |seen| seen.disputed),
    row(Ground::AppStopped, NodeState::AppStopped, |seen| {
        let is_closed = seen.door == Door::Refused || seen.by_host(Service::takes_nobody);
        seen.is_denied() && seen.by_host(Service::has_runtime) && is_closed
    }),
    row(Ground::NoRuntime, NodeState::Down, |seen| {
        seen.is_denied() && seen.by_host(Service::lacks_runtime)
    }),
    row(Ground::SilentHost, NodeState::Unreachable, |seen| {
        seen.is_denied() && seen.silence == Silence::Host
    }),
    row(
        Ground::PeersAlone,
        NodeState::NotRunning,
        Evidence::is_denied,
    ),
    // Whose host has just gone silent may be dead before the others notice; one that was never
    // heard from here, and that others see and use, or that they see since, is only cut off from here.
    row(Ground::SilentHost, NodeState::Unreachable, |seen| {
        let is_used = !seen.up.is_empty() && !seen.served_by.is_empty() && !seen.heard;
        seen.silence == Silence::Host && !is_used && !seen.vouched
    }),
    row(Ground::Peers, NodeState::Running, |seen| {
        !seen.up.is_empty()
    }),
    row(Ground::OwnTool, NodeState::Running, |seen| seen.tool_runs),
    row(Ground::OtherUsers, NodeState::Running, |seen| {
        seen.door == Door::OtherUsers
    }),
    row(Ground::NoRuntime, NodeState::Down, |seen| {
        // A load balancer notices some checks later.
        let is_late = seen.served_by.is_empty() || seen.by_host(Service::is_dead);
        seen.by_host(Service::lacks_runtime) && is_late
    }),
    row(Ground::AppStopped, NodeState::AppStopped, |seen| {
        let is_closed = seen.door == Door::Refused && seen.by_host(Service::takes_nobody);
        is_closed && seen.by_host(Service::has_runtime) && seen.served_by.is_empty()
    }),
    row(Ground::Serves, NodeState::Unknown, |seen| {
        !seen.served_by.is_empty() || seen.by_host(Service::takes_clients)
    }),
    row(Ground::NothingAnswers, NodeState::Unknown, |seen| {
        seen.silence == Silence::Everything
    }),
    row(Ground::Shunned, NodeState::Unknown, |seen| {
        !seen.shunned_by.is_empty()
    }),
    row(Ground::Undecided, NodeState::Unknown, |_| true),
];

/// The first row that fits.
pub(super) fn judge(seen: &Evidence) -> (NodeState, Ground) {
    let rule = RULES.iter().find(|rule| (rule.fits)(seen));
    rule.map_or((NodeState::Unknown, Ground::Undecided), |rule| {
        (rule.state, rule.ground)
    })
}

#[cfg(test)]
mod tests;
