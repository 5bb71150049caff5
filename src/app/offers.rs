//! Owns which runbooks are offered for a node and for the cluster, and why one cannot be asked for
//! now. What the state forbids is said at once; what needs a closer look, the plan says.

use super::App;
use super::availability::Availability;
use super::modal::form::{Fault, Form};
use super::runbooks::{Ground, RUNBOOKS, RunbookSpec, Scope};
use crate::action::{Action, Tier};
use crate::guard::Mode;
use crate::model::broker::{MetadataStore, NodeType};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;

/// A runbook, offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which.
    pub spec: &'static RunbookSpec,
    /// How much harm it can do, where its usual answers tell.
    pub tier: Option<Tier>,
    /// Whether it can be asked for now.
    pub availability: Availability,
}

impl App {
    /// Every runbook, with the reason where it cannot be asked for. What acts on the cluster comes
    /// first where no node is selected.
    pub fn offers(&self, node: Option<&NodeName>, now: Moment) -> Vec<Offer> {
        let mut offers: Vec<Offer> = RUNBOOKS
            .iter()
            .map(|spec| self.offer(spec, node, now))
            .collect();
        if node.is_none() {
            offers.sort_by_key(|offer| offer.spec.scope == Scope::Node);
        }
        offers
    }

    /// One runbook on `node`, or on the cluster.
    pub fn offer(&self, spec: &'static RunbookSpec, node: Option<&NodeName>, now: Moment) -> Offer {
        let app = self;
        let usual = Form::asking(spec, &Ground { app, node, now });
        let action = (spec.action)(&usual).ok();
        // Which node is not known yet: the form says what stands against the one that is named.
        let is_open = spec.scope == Scope::Node && node.is_none();
        let judged = action.as_ref().filter(|_| !is_open);
        let reason = self
            .forbids_any()
            .or_else(|| judged.and_then(|action| self.forbids(action, now)))
            .or_else(|| self.lacks(spec, &usual, now));
        Offer {
            spec,
            tier: action.as_ref().map(Action::tier),
            availability: reason.map_or(Availability::Enabled, Availability::Disabled),
        }
    }

    /// The action that the answers of `form` make now.
    ///
    /// # Errors
    ///
    /// What stands against it: an answer that will not do, or the state of the cluster.
    pub fn form_action(&self, form: &Form, now: Moment) -> Result<Action, Fault> {
        if let Some(fault) = form.fault() {
            return Err(fault);
        }
        let action = (form.spec.action)(form)?;
        match self.forbids_any().or_else(|| self.forbids(&action, now)) {
            None => Ok(action),
            Some(reason) => Err(Fault::whole(reason)),
        }
    }

    /// Why `action` cannot begin with its node in this state, or on this cluster. An unknown state
    /// forbids nothing here: the plan looks again.
    fn forbids(&self, action: &Action, now: Moment) -> Option<String> {
        let is_ram = matches!(
            action,
            Action::NodeType { .. }
                | Action::Join {
                    kind: NodeType::Ram,
                    ..
                }
        );
        if is_ram && let Some(reason) = self.model.capability(now).lacks_ram() {
            return Some(reason);
        }
        match action.node() {
            Some(node) => self.forbids_on(action, node, now),
            None => self.forbids_here(action, now),
        }
    }

    fn forbids_on(&self, action: &Action, node: &NodeName, now: Moment) -> Option<String> {
        match (action, self.model.is_member(node, now)) {
            (Action::Join { .. }, Some(true)) => return Some("it is a member already".to_owned()),
            (Action::Forget { .. } | Action::Leave { .. }, Some(false)) => {
                return Some("it is no member".to_owned());
            }
            _ => {}
        }
        if matches!(action, Action::ForgetOffline { .. })
            && let Some(reason) = self.forbids_offline(now)
        {
            return Some(reason);
        }
        let state = self.model.node(node, now).state;
        let from = begins_from(action);
        let words: Vec<&str> = from.iter().map(|state| state.words()).collect();
        let reason = || format!("it is {}, not {}", state.words(), words.join(" or "));
        let fits = match state {
            NodeState::Unknown => true,
            // Whichever of the others it is.
            NodeState::NotRunning => from.iter().any(|state| *state != NodeState::Running),
            NodeState::Running
            | NodeState::AppStopped
            | NodeState::Down
            | NodeState::Unreachable
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung => from.contains(&state),
        };
        (!fits).then(reason)
    }

    /// What the cluster as a whole forbids.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other runbooks act on one node, or whatever the cluster does"
    )]
    fn forbids_here(&self, action: &Action, now: Moment) -> Option<String> {
        let nodes = self.model.nodes(now);
        let all = |wanted: &[NodeState]| {
            !nodes.is_empty() && nodes.iter().all(|node| wanted.contains(&node.state))
        };
        let stopped = [
            NodeState::Down,
            NodeState::Unreachable,
            NodeState::NotRunning,
        ];
        let reason = match action {
            Action::StartCluster if all(&[NodeState::Running]) => "every member runs already",
            Action::StopCluster if all(&stopped) => "no member runs",
            Action::RecoverLostNode if self.lacks_majority(now) => return None,
            Action::RecoverLostNode => return self.forbids_offline(now),
            Action::RenameCluster { .. } | Action::Rebalance | Action::RollingRestart { .. }
                if all(&[
                    NodeState::Down,
                    NodeState::Unreachable,
                    NodeState::NotRunning,
                    NodeState::AppStopped,
                ]) =>
            {
                "no member runs"
            }
            _ => return None,
        };
        Some(reason.to_owned())
    }

    /// Why nothing can be done on the disc of a survivor: the cluster runs.
    fn forbids_offline(&self, now: Moment) -> Option<String> {
        let nodes = self.model.nodes(now);
        let running = nodes.iter().find(|node| node.state == NodeState::Running)?;
        Some(format!(
            "{} runs: forget removes a lost member from a cluster that runs",
            running.name
        ))
    }

    /// Whether members on Khepri wait for so many whose hosts say nothing that they cannot go on
    /// without them, although their runtimes may be up.
    fn lacks_majority(&self, now: Moment) -> bool {
        let nodes = self.model.nodes(now);
        let present = nodes.iter().filter(|node| !node.state.is_out_of_sight());
        self.model.capability(now).store == Some(MetadataStore::Khepri)
            && present.count() <= nodes.len() / 2
    }

    /// Why no action at all can be asked for.
    pub(super) fn forbids_any(&self) -> Option<String> {
        if let Mode::Monitor(reason) = &self.setup.mode {
            Some(reason.to_string())
        } else if self.under_way().is_some() {
            Some("another run is under way".to_owned())
        } else if self.frozen.is_some() {
            Some("the console is paused; p lets it go on".to_owned())
        } else {
            None
        }
    }
}

/// The states of its node in which `action` has something to do.
fn begins_from(action: &Action) -> &'static [NodeState] {
    use NodeState::{AppStopped, Down, Hung, Restarting, Running, Starting, Unreachable};
    match action {
        Action::StopApp { .. }
        | Action::Drain { .. }
        | Action::Revive { .. }
        | Action::QuorumGrow { .. } => &[Running],
        Action::StartApp { .. } => &[AppStopped],
        Action::StartNode { .. } => &[Down],
        Action::StopNode { .. } => &[Running, AppStopped, Starting, Restarting, Hung],
        Action::RestartApp { .. }
        | Action::Join { .. }
        | Action::Leave { .. }
        | Action::NodeType { .. } => &[Running, AppStopped],
        Action::Rejoin { .. } => &[AppStopped, Running, Down, Starting, Restarting],
        Action::RestartNode { .. } => &[Running, AppStopped, Down],
        Action::Wipe { .. } => &[Running, AppStopped, Down, Starting, Restarting],
        Action::ForgetOffline { .. } => &[Down, Unreachable],
        Action::Forget { .. }
        | Action::QuorumShrink { .. }
        | Action::RenameCluster { .. }
        | Action::Rebalance
        | Action::RollingRestart { .. }
        | Action::StopCluster
        | Action::StartCluster
        | Action::RecoverLostNode
        | Action::CookieAlign { .. }
        | Action::PolicySet { .. }
        | Action::PolicyClear { .. }
        | Action::MirrorMajority { .. }
        | Action::MirrorSync { .. } => &[
            Running,
            AppStopped,
            Down,
            Unreachable,
            Starting,
            Restarting,
            Hung,
        ],
    }
}
