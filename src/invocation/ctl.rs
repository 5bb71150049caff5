//! Owns what `rabbitmqctl` is told to do. Every argument is a constant or a validated name.

use super::Argv;
use crate::model::broker::NodeType;
use crate::model::name::{ClusterName, NodeName};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The command fails with `noproc` for the second or two from the registration of the runtime until
/// the store is up (seen on 4.0.5), and does nothing then: it is said again.
const FORCE_STANDALONE: &str = concat!(
    r#"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "#,
    r#"a=$(rabbitmqctl -n "$1" -t "$2" --silent force_standalone_khepri_boot 2>&1); c=$?; "#,
    r#"case "$c$a" in 0*) break ;; *noproc*) sleep 2 ;; *) break ;; esac; done; "#,
    r#"if [ -n "$a" ]; then echo "$a"; fi; exit "$c""#,
);

/// Lets a member go on alone (`rabbitmqctl`, 3.13 on).
pub(super) fn force_standalone(node: &NodeName, limit: Duration) -> Argv {
    let seconds = limit.as_secs().max(1).to_string();
    let args = ["-c", FORCE_STANDALONE, "rmqtop", node.as_str(), &seconds];
    Argv::new("sh", args)
}

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
