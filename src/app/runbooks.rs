//! Owns the runbooks as menus, palette and forms know them: their names, what rabbitmqctl calls
//! them, what they ask, and the action the answers make. A runbook that is not in this table
//! cannot be reached from the console.

mod asks;
mod policies;

use super::App;
use super::modal::form::{Fault, Form, FormField};
use crate::action::Action;
use crate::model::moment::Moment;
use crate::model::name::NodeName;

/// Under which heading the action menu lists a runbook. In the menu's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Group {
    /// The RabbitMQ application of a node.
    Application,
    /// Who belongs to the cluster.
    Membership,
    /// The service of a node, and maintenance mode.
    Service,
    /// Where replicas are.
    Replicas,
    /// Policies, and the mirrors they make.
    Policies,
    /// The cluster as a whole.
    Cluster,
}

impl Group {
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::Membership => "Membership",
            Self::Service => "Service and maintenance",
            Self::Replicas => "Quorum queue replicas",
            Self::Policies => "Policies and mirrors",
            Self::Cluster => "The whole cluster",
        }
    }
}

/// What a runbook acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One node: the selected one, else one that is asked for.
    Node,
    /// The cluster.
    Cluster,
}

/// What is known when a runbook's questions are put.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The state of the screen.
    pub app: &'a App,
    /// The node acted on, where it is known already.
    pub node: Option<&'a NodeName>,
    /// This moment.
    pub now: Moment,
}

/// One row of the table.
#[derive(Debug)]
pub struct RunbookSpec {
    /// Its name on the command line.
    pub name: &'static str,
    /// What an operator would type without rmqtop, `rabbitmqctl` left out; the first is shown.
    pub known_as: &'static [&'static str],
    /// Its heading in the menu.
    pub group: Group,
    /// What it acts on.
    pub scope: Scope,
    /// What it does, in a few words.
    pub words: &'static str,
    /// What it asks before the plan, besides the node; each with its usual answer.
    pub asks: fn(&Ground<'_>) -> Vec<FormField>,
    /// The action that the answers make.
    pub action: fn(&Form) -> Result<Action, Fault>,
}

impl PartialEq for RunbookSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for RunbookSpec {}

const fn spec(
    name: &'static str,
    known_as: &'static [&'static str],
    (group, scope): (Group, Scope),
    words: &'static str,
    action: fn(&Form) -> Result<Action, Fault>,
) -> RunbookSpec {
    RunbookSpec {
        name,
        known_as,
        group,
        scope,
        words,
        asks: asks::nothing,
        action,
    }
}

impl RunbookSpec {
    const fn asking(mut self, asks: fn(&Ground<'_>) -> Vec<FormField>) -> Self {
        self.asks = asks;
        self
    }

    /// The row of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        RUNBOOKS.iter().find(|spec| spec.name == name)
    }

    /// How well it fits what was typed, best first: a name that begins so, one that holds it, a
    /// description that does; `None`: not at all. `typed` is in lower case.
    pub fn rank(&self, typed: &str) -> Option<u8> {
        let names = || std::iter::once(&self.name).chain(self.known_as);
        if names().any(|name| name.starts_with(typed)) {
            Some(0)
        } else if names().any(|name| name.contains(typed)) {
            Some(1)
        } else {
            let told = typed.len() > 2 && self.words.to_lowercase().contains(typed);
            told.then_some(2)
        }
    }
}

const APPLICATION: (Group, Scope) = (Group::Application, Scope::Node);
const MEMBERSHIP: (Group, Scope) = (Group::Membership, Scope::Node);
const SERVICE: (Group, Scope) = (Group::Service, Scope::Node);
const REPLICAS: (Group, Scope) = (Group::Replicas, Scope::Node);
const POLICIES: (Group, Scope) = (Group::Policies, Scope::Cluster);
const CLUSTER: (Group, Scope) = (Group::Cluster, Scope::Cluster);

/// Every runbook, in the order of the menu.
#[rustfmt::skip]
pub static RUNBOOKS: &[RunbookSpec] = &[
    spec("restart-app", &[], APPLICATION, "stop and start the RabbitMQ application", |form| Ok(Action::RestartApp { node: form.node()? })),
    spec("stop-app", &["stop_app"], APPLICATION, "stop the RabbitMQ application; its runtime stays up", |form| Ok(Action::StopApp { node: form.node()? })),
    spec("start-app", &["start_app"], APPLICATION, "start the RabbitMQ application", |form| Ok(Action::StartApp { node: form.node()? })),
    spec("join", &["join_cluster"], MEMBERSHIP, "make it a member; what it held is lost", asks::join_action).asking(asks::join),
    spec("rejoin", &["join_cluster again"], MEMBERSHIP, "after it was forgotten, or lost its data", asks::rejoin_action).asking(asks::rejoin),
    spec("leave", &["reset"], MEMBERSHIP, "a blank cluster of its own again", |form| Ok(Action::Leave { node: form.node()? })),
    spec("forget", &["forget_cluster_node"], MEMBERSHIP, "remove it from the cluster", asks::forget_action).asking(asks::forget),
    spec("forget-offline", &["forget_cluster_node --offline"], MEMBERSHIP, "the same while no member runs", asks::forget_offline_action).asking(asks::forget_offline),
    spec("node-type", &["change_cluster_node_type"], MEMBERSHIP, "disc or RAM", asks::node_type_action).asking(asks::node_type),
    spec("wipe", &["force_reset", "rm -r mnesia"], MEMBERSHIP, "move its data aside; it starts blank", |form| Ok(Action::Wipe { node: form.node()? })),
    spec("start-node", &["systemctl start"], SERVICE, "the service: application and runtime", |form| Ok(Action::StartNode { node: form.node()? })),
    spec("stop-node", &["systemctl stop", "shutdown"], SERVICE, "the service: application and runtime", asks::stop_node_action).asking(asks::stop_node),
    spec("restart-node", &["systemctl restart"], SERVICE, "the service: application and runtime", |form| Ok(Action::RestartNode { node: form.node()? })),
    spec("drain", &["rabbitmq-upgrade drain"], SERVICE, "maintenance mode: no clients, no leaders", |form| Ok(Action::Drain { node: form.node()? })),
    spec("revive", &["rabbitmq-upgrade revive"], SERVICE, "end maintenance mode", |form| Ok(Action::Revive { node: form.node()? })),
    spec("quorum-grow", &["rabbitmq-queues grow"], REPLICAS, "one of every quorum queue on it", |form| Ok(Action::QuorumGrow { node: form.node()? })),
    spec("quorum-shrink", &["rabbitmq-queues shrink"], REPLICAS, "none of any quorum queue on it", |form| Ok(Action::QuorumShrink { node: form.node()? })),
    spec("policy-set", &["set_policy"], POLICIES, "make one, or put another in its place", policies::set_action).asking(policies::set),
    spec("policy-clear", &["clear_policy"], POLICIES, "remove one; the plan names the way back", policies::clear_action).asking(policies::clear),
    spec("mirror-majority", &["set_policy ha-mode exactly"], POLICIES, "a copy on most members (until 3.13)", policies::majority_action).asking(policies::majority),
    spec("mirror-sync", &["sync_queue"], POLICIES, "copy a queue to its mirrors (until 3.13)", policies::sync_action).asking(policies::sync),
    spec("rolling-restart", &["systemctl restart, one by one"], CLUSTER, "while the others serve", asks::rolling_action).asking(asks::rolling),
    spec("stop-cluster", &["systemctl stop, all"], CLUSTER, "every member; the order is remembered", |_| Ok(Action::StopCluster)),
    spec("start-cluster", &["systemctl start, all"], CLUSTER, "in the order that the store asks for", |_| Ok(Action::StartCluster)),
    spec("rename-cluster", &["set_cluster_name"], CLUSTER, "give the cluster another name", asks::rename_action).asking(asks::rename),
    spec("rebalance", &["rabbitmq-queues rebalance"], CLUSTER, "spread the leaders over all members", |_| Ok(Action::Rebalance)),
    spec("recover-lost-node", &["force_boot"], CLUSTER, "start without the member that stopped last", |_| Ok(Action::RecoverLostNode)),
    spec("cookie-align", &[".erlang.cookie"], CLUSTER, "give stopped nodes the members' cookie", asks::cookie_action).asking(asks::cookie),
];

#[cfg(test)]
mod tests {
    use super::RUNBOOKS;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_grouped() {
        let names: BTreeSet<_> = RUNBOOKS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), RUNBOOKS.len());
        let groups: Vec<_> = RUNBOOKS.iter().map(|spec| spec.group).collect();
        assert!(groups.is_sorted(), "the menu shows each heading once");
    }

    #[test]
    fn what_an_operator_types_first_finds_its_runbook_first() {
        for (typed, runbook) in [
            ("stop_app", "stop-app"),
            ("start_app", "start-app"),
            ("reset", "leave"),
            ("join_cluster", "join"),
            ("change_cluster_node_type", "node-type"),
            ("forget_cluster_node", "forget"),
            ("set_cluster_name", "rename-cluster"),
            ("set_policy", "policy-set"),
            ("clear_policy", "policy-clear"),
        ] {
            let mut found: Vec<_> = RUNBOOKS
                .iter()
                .filter_map(|spec| Some((spec.rank(typed)?, spec.name)))
                .collect();
            found.sort_by_key(|(rank, _)| *rank);
            assert_eq!(found.first().map(|(_, name)| *name), Some(runbook));
        }
    }
}
