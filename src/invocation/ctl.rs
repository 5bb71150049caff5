//! Owns what `rabbitmqctl` is told to do. Every argument is a constant or a validated name.

use crate::model::broker::NodeType;
use crate::model::name::{ClusterName, NodeName};
use serde::{Deserialize, Serialize};

/// What `rabbitmqctl` is told to do to a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtlVerb {
    /// Stops the RabbitMQ application; the runtime stays up.
    StopApp,
    /// Starts the RabbitMQ application.
    StartApp,
    /// Returns the node to its virgin state and takes it out of its cluster.
    Reset,
    /// Makes the node a member of the cluster of another; resets it first.
    JoinCluster {
        /// The other.
        to: NodeName,
        /// As a disc or as a RAM member.
        kind: NodeType,
    },
    /// Takes another member out of the node's cluster.
    ForgetClusterNode {
        /// The other.
        gone: NodeName,
    },
    /// Takes another member out of the node's cluster while the node's runtime is down: the tool
    /// takes its place. The node loads what it has at its next start, and waits for nobody.
    ForgetOffline {
        /// The other.
        gone: NodeName,
    },
    /// Makes the node a disc or a RAM member.
    ChangeClusterNodeType {
        /// What it becomes.
        kind: NodeType,
    },
    /// Names the node's cluster.
    SetClusterName {
        /// Its new name.
        name: ClusterName,
    },
}

impl CtlVerb {
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Self::StopApp => vec!["stop_app"],
            Self::StartApp => vec!["start_app"],
            Self::Reset => vec!["reset"],
            Self::JoinCluster { to, kind } => match kind {
                NodeType::Disc => vec!["join_cluster", to.as_str()],
                NodeType::Ram => vec!["join_cluster", "--ram", to.as_str()],
            },
            Self::ForgetClusterNode { gone } => vec!["forget_cluster_node", gone.as_str()],
            Self::ForgetOffline { gone } => {
                vec!["forget_cluster_node", "--offline", gone.as_str()]
            }
            Self::ChangeClusterNodeType { kind } => {
                let kind = match kind {
                    NodeType::Disc => "disc",
                    NodeType::Ram => "ram",
                };
                vec!["change_cluster_node_type", kind]
            }
            Self::SetClusterName { name } => vec!["set_cluster_name", name.as_str()],
        }
    }
}
