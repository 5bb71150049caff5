//! Owns the runbooks as subcommands of `plan` and `run`: arguments in, action out.

pub mod policy;

use crate::action::{Action, StopManner};
use crate::model::broker::NodeType;
use crate::model::inventory::Inventory;
use crate::model::name::{ClusterName, NodeName};
use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};

/// The runbooks. The thing acted on comes first.
#[derive(Debug, Clone, Subcommand)]
pub enum Runbook {
    /// Stop the RabbitMQ application of a member; its runtime stays up
    StopApp(Member),
    /// Start the RabbitMQ application of a member whose runtime is up
    StartApp(Member),
    /// Stop and start the RabbitMQ application of a member; its runtime stays up
    RestartApp(Member),
    /// Stop the service of a member: application and runtime
    StopNode {
        /// The member: rabbit@host, or its host's name
        node: String,
        /// Kill what has not ended after 30 seconds: for a node that hangs
        #[arg(long)]
        kill: bool,
    },
    /// Start the service of a member
    StartNode(Member),
    /// Stop and start the service of a member
    RestartNode(Member),
    /// Put a member into maintenance mode: no clients, no leaders
    Drain(Member),
    /// Take a member out of maintenance mode
    Revive(Member),
    /// Make a node a member of the cluster; what it holds is destroyed
    Join {
        /// The node and the member it joins
        #[command(flatten)]
        entry: Entry,
        /// As a RAM member (Mnesia only, until 4.2)
        #[arg(long)]
        ram: bool,
    },
    /// Join a node again that the cluster may still list, or that was forgotten
    Rejoin(Entry),
    /// Make a member a blank cluster of its own again; what it holds is destroyed
    Leave(Member),
    /// Remove a member from the cluster: one that can be reached is stopped first
    Forget {
        /// The member: rabbit@host, or its host's name
        node: String,
        /// Through this member [default: one that runs]
        #[arg(long, value_name = "MEMBER")]
        via: Option<String>,
    },
    /// Make a member a disc or a RAM member (Mnesia only, until 4.2); it is reset and joins again
    NodeType {
        /// The member: rabbit@host, or its host's name
        node: String,
        /// What it becomes
        #[arg(value_enum)]
        kind: Kind,
    },
    /// Give the cluster another name
    RenameCluster {
        /// Its new name
        name: String,
    },
    /// Give every quorum queue a replica on a member
    QuorumGrow(Member),
    /// Take the replicas of all quorum queues off a member
    QuorumShrink(Member),
    /// Spread the leaders of replicated queues over the members
    Rebalance,
    /// Restart the service of one member after the other, while the others serve
    RollingRestart {
        /// Only these members: rabbit@host, or its host's name
        #[arg(long, value_name = "NODE", num_args = 1..)]
        only: Vec<String>,
    },
    /// Stop every member; the order is remembered for start-cluster
    StopCluster,
    /// Start every member, in the order that the metadata store asks for
    StartCluster,
    /// Remove a lost member while no member runs (Mnesia only)
    ForgetOffline {
        /// The lost member: rabbit@host, or its host's name
        node: String,
        /// The survivor on whose disc it is done: the last one that stopped
        #[arg(long, value_name = "SURVIVOR")]
        on: String,
    },
    /// Bring up a cluster that cannot start because the member that stopped last is lost
    RecoverLostNode,
    /// Move the data of a node that is no member aside, so that it starts blank
    Wipe(Member),
    /// Give stopped nodes the Erlang cookie of the members
    CookieAlign {
        /// The nodes: rabbit@host, or their hosts' names [default: all whose cookie differs]
        #[arg(value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Make a policy, or put another in the place of the one of that name
    PolicySet(policy::PolicySet),
    /// Remove a policy
    PolicyClear(policy::PolicyClear),
    /// Mirror classic queues on a majority of the members there are (until 3.13)
    MirrorMajority(policy::MirrorMajority),
    /// Synchronise the mirrors of a classic queue, and wait for it (until 3.13)
    MirrorSync(policy::MirrorSync),
}

/// A node that joins, and whom.
#[derive(Debug, Clone, Args)]
pub struct Entry {
    /// The node: rabbit@host, or its host's name
    pub node: String,
    /// The member it joins [default: one that runs]
    #[arg(long, value_name = "MEMBER")]
    pub to: Option<String>,
}

/// Disc or RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Metadata on disc
    Disc,
    /// Metadata in memory
    Ram,
}

/// A member, as an argument.
#[derive(Debug, Clone, Args)]
pub struct Member {
    /// The member: rabbit@host, or its host's name
    pub node: String,
}

impl Runbook {
    /// The action meant, with short names resolved.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each runbook")]
    pub fn action(&self, inventory: &Inventory) -> anyhow::Result<Action> {
        let named = |member: &Member| resolve(inventory, &member.node);
        let maybe = |name: &Option<String>| {
            let name = name.as_ref();
            name.map(|name| resolve(inventory, name)).transpose()
        };
        let all = |names: &[String]| {
            let nodes = names.iter().map(|name| resolve(inventory, name));
            nodes.collect::<anyhow::Result<Vec<NodeName>>>()
        };
        Ok(match self {
            Self::StopApp(on) => Action::StopApp { node: named(on)? },
            Self::StartApp(on) => Action::StartApp { node: named(on)? },
            Self::RestartApp(on) => Action::RestartApp { node: named(on)? },
            Self::StopNode { node, kill } => Action::StopNode {
                node: resolve(inventory, node)?,
                manner: kill.then_some(StopManner::Kill).unwrap_or_default(),
            },
            Self::StartNode(on) => Action::StartNode { node: named(on)? },
            Self::RestartNode(on) => Action::RestartNode { node: named(on)? },
            Self::Drain(on) => Action::Drain { node: named(on)? },
            Self::Revive(on) => Action::Revive { node: named(on)? },
            Self::Join { entry, ram } => Action::Join {
                node: resolve(inventory, &entry.node)?,
                to: maybe(&entry.to)?,
                kind: if *ram { NodeType::Ram } else { NodeType::Disc },
            },
            Self::Rejoin(entry) => Action::Rejoin {
                node: resolve(inventory, &entry.node)?,
                to: maybe(&entry.to)?,
            },
            Self::Leave(on) => Action::Leave { node: named(on)? },
            Self::Forget { node, via } => Action::Forget {
                node: resolve(inventory, node)?,
                via: maybe(via)?,
            },
            Self::NodeType { node, kind } => Action::NodeType {
                node: resolve(inventory, node)?,
                kind: match kind {
                    Kind::Disc => NodeType::Disc,
                    Kind::Ram => NodeType::Ram,
                },
            },
            Self::RenameCluster { name } => Action::RenameCluster {
                name: ClusterName::parse(name)?,
            },
            Self::QuorumGrow(on) => Action::QuorumGrow { node: named(on)? },
            Self::QuorumShrink(on) => Action::QuorumShrink { node: named(on)? },
            Self::Rebalance => Action::Rebalance,
            Self::RollingRestart { only } => Action::RollingRestart { only: all(only)? },
            Self::StopCluster => Action::StopCluster,
            Self::StartCluster => Action::StartCluster,
            Self::ForgetOffline { node, on } => Action::ForgetOffline {
                node: resolve(inventory, node)?,
                on: resolve(inventory, on)?,
            },
            Self::RecoverLostNode => Action::RecoverLostNode,
            Self::Wipe(on) => Action::Wipe { node: named(on)? },
            Self::CookieAlign { nodes } => Action::CookieAlign { nodes: all(nodes)? },
            Self::PolicySet(args) => args.action()?,
            Self::PolicyClear(args) => args.action()?,
            Self::MirrorMajority(args) => args.action()?,
            Self::MirrorSync(args) => args.action()?,
        })
    }
}

/// `rabbit@host` as it is; a bare name where exactly one host has it.
fn resolve(inventory: &Inventory, text: &str) -> anyhow::Result<NodeName> {
    if text.contains('@') {
        return Ok(NodeName::parse(text)?);
    }
    let named = |(host, node): &(&crate::model::inventory::HostEntry, &NodeName)| {
        host.name.as_str() == text || node.host_part() == text
    };
    let mut found = inventory.nodes().filter(named).map(|(_, node)| node);
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(node.clone()),
        (Some(_), Some(_)) => bail!(
            "`{}` names several nodes; write rabbit@host",
            text.escape_debug()
        ),
        (None, _) => {
            let known: Vec<&str> = inventory.nodes().map(|(_, node)| node.as_str()).collect();
            bail!(
                "no host `{}` with a node; there is: {}",
                text.escape_debug(),
                known.join(", ")
            )
        }
    }
}
