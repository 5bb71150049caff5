//! Owns what may be changed: every action, what it acts on, and how dangerous it is. Data only;
//! `runbook` plans it, `guard` permits it, `executor` does it.

use crate::invocation::quoted;
use crate::model::broker::NodeType;
use crate::model::name::{ClusterName, NodeName, QueueName, VhostName};
use crate::model::policy::{DEFAULT_VHOST, PolicyName, PolicyRule};
use crate::model::text::Shown;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "runbook")]
pub enum Action {
    /// Stops the RabbitMQ application of a member; its runtime stays up.
    StopApp {
        /// Which member.
        node: NodeName,
    },
    /// Starts the RabbitMQ application of a member whose runtime is up.
    StartApp {
        /// Which member.
        node: NodeName,
    },
    /// Stops and starts the RabbitMQ application of a member; its runtime stays up.
    RestartApp {
        /// Which member.
        node: NodeName,
    },
    /// Stops the service of a member: application and runtime.
    StopNode {
        /// Which member.
        node: NodeName,
        /// How.
        #[serde(default, skip_serializing_if = "StopManner::is_orderly")]
        manner: StopManner,
    },
    /// Starts the service of a member.
    StartNode {
        /// Which member.
        node: NodeName,
    },
    /// Stops and starts the service of a member.
    RestartNode {
        /// Which member.
        node: NodeName,
    },
    /// Puts a member into maintenance mode: no clients, no leaders.
    Drain {
        /// Which member.
        node: NodeName,
    },
    /// Takes a member out of maintenance mode.
    Revive {
        /// Which member.
        node: NodeName,
    },
    /// Makes a node a member of the cluster; what it held is destroyed.
    Join {
        /// Which node.
        node: NodeName,
        /// Through which member; `None`: whichever runs.
        to: Option<NodeName>,
        /// As a disc or as a RAM member.
        kind: NodeType,
    },
    /// As `Join`, for a node that the cluster may still list as a member.
    Rejoin {
        /// Which node.
        node: NodeName,
        /// Through which member; `None`: whichever runs.
        to: Option<NodeName>,
    },
    /// Makes a member a cluster of its own again; what it held is destroyed.
    Leave {
        /// Which member.
        node: NodeName,
    },
    /// Removes a member from the cluster, from the outside.
    Forget {
        /// Which member.
        node: NodeName,
        /// Through which member; `None`: whichever runs.
        via: Option<NodeName>,
    },
    /// Makes a member a disc or a RAM member; what only it held is destroyed.
    NodeType {
        /// Which member.
        node: NodeName,
        /// What it becomes.
        kind: NodeType,
    },
    /// Gives the cluster another name.
    RenameCluster {
        /// Which.
        name: ClusterName,
    },
    /// Gives every quorum queue a replica on a member.
    QuorumGrow {
        /// Which member.
        node: NodeName,
    },
    /// Takes the replicas of all quorum queues off a member.
    QuorumShrink {
        /// Which member.
        node: NodeName,
    },
    /// Spreads the leaders of replicated queues over the members.
    Rebalance,
    /// Restarts the service of one member after the other, with the load balancers told before.
    RollingRestart {
        /// These members, in no particular order; empty: all.
        only: Vec<NodeName>,
    },
    /// Stops every member, in an order that is remembered.
    StopCluster,
    /// Starts every member: on Mnesia the last one that stopped first.
    StartCluster,
    /// Removes a lost member while no member runs, on the disc of one that survived.
    ForgetOffline {
        /// The lost member.
        node: NodeName,
        /// The survivor.
        on: NodeName,
    },
    /// Brings up a cluster that cannot start because the member that stopped last is lost.
    RecoverLostNode,
    /// Moves the data of a node that is no member aside, so that it starts blank.
    Wipe {
        /// Which node.
        node: NodeName,
    },
    /// Gives stopped nodes the Erlang cookie of the members.
    CookieAlign {
        /// These nodes; empty: every one whose cookie differs.
        nodes: Vec<NodeName>,
    },
    /// Makes a policy, or puts another in its place.
    PolicySet {
        /// The whole of it.
        rule: PolicyRule,
    },
    /// Removes a policy.
    PolicyClear {
        /// Where.
        vhost: VhostName,
        /// Which.
        name: PolicyName,
    },
    /// Mirrors classic queues on a majority of the members there are (until 3.13).
    MirrorMajority {
        /// Where.
        vhost: VhostName,
        /// Queues whose names match this.
        pattern: Shown,
    },
    /// Synchronises the mirrors of a classic queue (until 3.13).
    MirrorSync {
        /// Where.
        vhost: VhostName,
        /// Which.
        queue: QueueName,
    },
}

/// How a service is stopped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopManner {
    /// It is asked to end.
    #[default]
    Orderly,
    /// It is asked to end, and killed if it has not ended after a while: for a node that hangs.
    Kill,
}

impl StopManner {
    /// Whether it is only asked.
    pub fn is_orderly(&self) -> bool {
        *self == Self::Orderly
    }
}

/// How much harm an action can do; decides what must be typed to confirm it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Changes settings: y/N, or `--execute`.
    Change,
    /// Disrupts service: the node's name is typed.
    Disrupt,
    /// Destroys data: the node's and the cluster's names are typed.
    Destroy,
}

impl Action {
    /// The runbook's name on the command line and in the action menu.
    pub fn runbook(&self) -> &'static str {
        match self {
            Self::StopApp { .. } => "stop-app",
            Self::StartApp { .. } => "start-app",
            Self::RestartApp { .. } => "restart-app",
            Self::StopNode { .. } => "stop-node",
            Self::StartNode { .. } => "start-node",
            Self::RestartNode { .. } => "restart-node",
            Self::Drain { .. } => "drain",
            Self::Revive { .. } => "revive",
            Self::Join { .. } => "join",
            Self::Rejoin { .. } => "rejoin",
            Self::Leave { .. } => "leave",
            Self::Forget { .. } => "forget",
            Self::NodeType { .. } => "node-type",
            Self::RenameCluster { .. } => "rename-cluster",
            Self::QuorumGrow { .. } => "quorum-grow",
            Self::QuorumShrink { .. } => "quorum-shrink",
            Self::Rebalance => "rebalance",
            Self::RollingRestart { .. } => "rolling-restart",
            Self::StopCluster => "stop-cluster",
            Self::StartCluster => "start-cluster",
            Self::ForgetOffline { .. } => "forget-offline",
            Self::RecoverLostNode => "recover-lost-node",
            Self::Wipe { .. } => "wipe",
            Self::CookieAlign { .. } => "cookie-align",
            Self::PolicySet { .. } => "policy-set",
            Self::PolicyClear { .. } => "policy-clear",
            Self::MirrorMajority { .. } => "mirror-majority",
            Self::MirrorSync { .. } => "mirror-sync",
        }
    }

    /// How much harm it can do.
    pub fn tier(&self) -> Tier {
        match self {
            Self::StartApp { .. }
            | Self::StartNode { .. }
            | Self::Revive { .. }
            | Self::RenameCluster { .. }
            | Self::QuorumGrow { .. }
            | Self::Rebalance
            | Self::StartCluster
            | Self::CookieAlign { .. }
            | Self::PolicySet { .. }
            | Self::PolicyClear { .. }
            | Self::MirrorMajority { .. }
            | Self::MirrorSync { .. } => Tier::Change,
            Self::StopApp { .. }
            | Self::RestartApp { .. }
            | Self::StopNode {
                manner: StopManner::Orderly,
                ..
            }
            | Self::RestartNode { .. }
            | Self::Drain { .. }
            | Self::QuorumShrink { .. }
            | Self::RollingRestart { .. }
            | Self::StopCluster => Tier::Disrupt,
            Self::StopNode {
                manner: StopManner::Kill,
                ..
            }
            | Self::Join { .. }
            | Self::Rejoin { .. }
            | Self::Leave { .. }
            | Self::Forget { .. }
            | Self::NodeType { .. }
            | Self::ForgetOffline { .. }
            | Self::RecoverLostNode
            | Self::Wipe { .. } => Tier::Destroy,
        }
    }

    /// The node acted on; `None` where it is the cluster, or several.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Self::StopApp { node }
            | Self::StartApp { node }
            | Self::RestartApp { node }
            | Self::StopNode { node, .. }
            | Self::StartNode { node }
            | Self::RestartNode { node }
            | Self::Drain { node }
            | Self::Revive { node }
            | Self::Join { node, .. }
            | Self::Rejoin { node, .. }
            | Self::Leave { node }
            | Self::Forget { node, .. }
            | Self::NodeType { node, .. }
            | Self::QuorumGrow { node }
            | Self::QuorumShrink { node }
            | Self::ForgetOffline { node, .. }
            | Self::Wipe { node } => Some(node),
            Self::RollingRestart { only } => match only.as_slice() {
                [one, rest @ ..] if rest.iter().all(|node| node == one) => Some(one),
                _ => None,
            },
            Self::RenameCluster { .. }
            | Self::Rebalance
            | Self::StopCluster
            | Self::StartCluster
            | Self::RecoverLostNode
            | Self::CookieAlign { .. }
            | Self::PolicySet { .. }
            | Self::PolicyClear { .. }
            | Self::MirrorMajority { .. }
            | Self::MirrorSync { .. } => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.runbook())?;
        if let Some(node) = self.node()
            && !matches!(self, Self::RollingRestart { .. })
        {
            write!(f, " {node}")?;
        }
        match self {
            Self::Join { to, kind, .. } => {
                to.as_ref().map_or(Ok(()), |to| write!(f, " --to {to}"))?;
                match kind {
                    NodeType::Disc => Ok(()),
                    NodeType::Ram => f.write_str(" --ram"),
                }
            }
            Self::Rejoin { to: Some(to), .. } => write!(f, " --to {to}"),
            Self::Forget { via: Some(via), .. } => write!(f, " --via {via}"),
            Self::NodeType { kind, .. } => write!(f, " {kind}"),
            Self::StopNode {
                manner: StopManner::Kill,
                ..
            } => f.write_str(" --kill"),
            // The only name that may hold spaces: as one could paste it.
            Self::RenameCluster { name } => write!(f, " {}", quoted(name.as_str())),
            Self::RollingRestart { only } => {
                only.iter().try_for_each(|node| write!(f, " --only {node}"))
            }
            Self::ForgetOffline { on, .. } => write!(f, " --on {on}"),
            Self::CookieAlign { nodes } => nodes.iter().try_for_each(|node| write!(f, " {node}")),
            Self::PolicySet { rule } => named(&rule.name.0, &policy_options(rule), f),
            Self::PolicyClear { vhost, name } => named(&name.0, &in_vhost(vhost), f),
            Self::MirrorMajority { vhost, pattern } => write!(
                f,
                " --pattern={}{}",
                quoted(pattern.as_str()),
                in_vhost(vhost)
            ),
            Self::MirrorSync { vhost, queue } => named(&queue.0, &in_vhost(vhost), f),
            Self::StopApp { .. }
            | Self::StartApp { .. }
            | Self::RestartApp { .. }
            | Self::StopNode {
                manner: StopManner::Orderly,
                ..
            }
            | Self::StartNode { .. }
            | Self::RestartNode { .. }
            | Self::Drain { .. }
            | Self::Revive { .. }
            | Self::Rejoin { to: None, .. }
            | Self::Leave { .. }
            | Self::Forget { via: None, .. }
            | Self::QuorumGrow { .. }
            | Self::QuorumShrink { .. }
            | Self::Rebalance
            | Self::StopCluster
            | Self::StartCluster
            | Self::RecoverLostNode
            | Self::Wipe { .. } => Ok(()),
        }
    }
}

/// The thing acted on, then the options; where it would be taken for an option itself, after them.
fn named(name: &Shown, options: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let word = quoted(name.as_str());
    if name.as_str().starts_with('-') {
        write!(f, "{options} -- {word}")
    } else {
        write!(f, " {word}{options}")
    }
}

fn in_vhost(vhost: &VhostName) -> String {
    if vhost.0.raw() == DEFAULT_VHOST {
        String::new()
    } else {
        format!(" --vhost={}", quoted(vhost.0.as_str()))
    }
}

/// The options that make this policy.
fn policy_options(rule: &PolicyRule) -> String {
    format!(
        " --pattern={} --definition={} --apply-to={} --priority={}{}",
        quoted(rule.pattern.as_str()),
        quoted(&rule.definition.to_string()),
        rule.apply_to,
        rule.priority,
        in_vhost(&rule.vhost)
    )
}
