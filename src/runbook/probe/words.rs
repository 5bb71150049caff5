//! Owns the words of a probe: the question as a statement.

use super::{joined, nodes_joined};
use crate::model::name::NodeName;
use crate::runbook::plan::{MaintenanceWord, Probe};
use std::fmt;

/// The question as a statement, for plans, exports and scripts.
impl fmt::Display for Probe {
    #[expect(clippy::too_many_lines, reason = "a table: one line for each probe")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeersSee { node, state } => {
                write!(f, "the other members see {node} {}", state.words())
            }
            Self::HostSees { node, state } => {
                write!(f, "the host of {node} shows it {}", state.words())
            }
            Self::DoesNotRun { node } => write!(f, "{node} does not run"),
            Self::SelfReports { node } => {
                write!(f, "the management API of {node} itself says running")
            }
            Self::BalancersUse { node, on } => {
                write!(f, "HAProxy on {} sends {node} clients", joined(on))
            }
            Self::BalancersSpare { node, on } => {
                write!(f, "HAProxy on {} sends {node} no new clients", joined(on))
            }
            Self::ServerUsed { node, row } => {
                write!(f, "HAProxy on {} sends {node} clients over {row}", row.on)
            }
            Self::ServerSpared { node, row } => {
                write!(
                    f,
                    "HAProxy on {} sends {node} no new clients over {row}",
                    row.on
                )
            }
            Self::OtherServers { node, on } => write!(
                f,
                "HAProxy on {} has another server than that of {node} to send clients to",
                joined(on)
            ),
            Self::OthersUnchanged { running, .. } if running.is_empty() => {
                write!(f, "no other member was running")
            }
            Self::OthersUnchanged { running, .. } => {
                let names: Vec<&str> = running.iter().map(NodeName::as_str).collect();
                write!(f, "still running: {}", names.join(", "))
            }
            Self::NotQuorumCritical { node } => {
                write!(f, "stopping {node} loses no quorum, by its own word")
            }
            Self::Member { node, by } => write!(f, "{by} and its members list {node}"),
            Self::NotMember { node, by } => {
                write!(f, "neither {by} nor a member it lists knows {node}")
            }
            Self::Alone { node } => {
                write!(
                    f,
                    "`rabbitmqctl cluster_status` of {node} lists it alone, running"
                )
            }
            Self::TypeIs { node, kind } => {
                write!(f, "the other members know {node} as a {kind} member")
            }
            Self::ClusterNamed { name } => {
                write!(f, "every node that answers calls the cluster {name}")
            }
            Self::NoReplicas { node } => write!(f, "no quorum queue has a replica on {node}"),
            Self::AllReplicas { node } => {
                write!(f, "every quorum queue has a replica on {node}, online")
            }
            Self::ReplicasOnline { node } => {
                write!(
                    f,
                    "every replica of a quorum queue on {node} is online, and mirrors are back"
                )
            }
            Self::MirrorsReady { node } => write!(
                f,
                "every mirrored queue that {node} leads has a synchronised mirror"
            ),
            Self::LeadersSpread => {
                write!(
                    f,
                    "no running member leads more than its share of replicated queues"
                )
            }
            Self::NoAlarms => write!(f, "no alarm is in force"),
            Self::VirtualHostsRun { node } => {
                write!(f, "every virtual host runs on {node}, by its own word")
            }
            Self::PolicyIs { rule } => write!(
                f,
                "every node that answers knows the policy {} of vhost {} exactly so",
                rule.name, rule.vhost
            ),
            Self::NoPolicy { vhost, name } => {
                write!(
                    f,
                    "no node that answers knows a policy {name} of vhost {vhost}"
                )
            }
            Self::PolicyInForce { rule, .. } => write!(
                f,
                "the queues that {} must be in force on have it, by another node's word",
                rule.name
            ),
            Self::PolicyNowhere { name, .. } => {
                write!(f, "{name} is in force on no queue, by another node's word")
            }
            Self::MirrorsInSync { queue, .. } => write!(
                f,
                "every mirror of {queue} is synchronised, by another node's word"
            ),
            Self::Stopped { nodes } => write!(
                f,
                "no runtime of {} by its host, and no member that answers sees it run",
                nodes_joined(nodes)
            ),
            Self::NoneRuns { nodes } => write!(
                f,
                "as far as can be seen, none of these runs: {}",
                nodes_joined(nodes)
            ),
            Self::ServiceNotFailed { node } => {
                write!(f, "systemd does not hold the service of {node} for failed")
            }
            Self::RuntimeUp { node } => {
                write!(f, "the runtime of {node} is up, by its host")
            }
            Self::RunTogether { nodes } => {
                write!(f, "{} run, by the word of each", nodes_joined(nodes))
            }
            Self::QueuesUp => write!(f, "no queue that can be listed is down or in minority"),
            Self::QueuesBack { at_least } => {
                write!(
                    f,
                    "at least {at_least} queues are there, as before the stop"
                )
            }
            Self::Forgotten { node, on } => {
                write!(
                    f,
                    "{on} no longer counts {node} as a member, by its list or its disc"
                )
            }
            Self::CookieShared { node, with } => {
                write!(f, "the host of {node} has the Erlang cookie of {with}")
            }
            Self::DataFree { node, dir } => {
                write!(f, "{dir} of {node} is a plain directory that nobody uses")
            }
            Self::DataAside { dir, stamp, .. } => {
                write!(f, "{} is there, and nothing at {dir}", dir.aside(stamp))
            }
            Self::Blank { node } => {
                write!(
                    f,
                    "{node} runs alone, with nothing but what a fresh node has"
                )
            }
            Self::Drained { node, by } => {
                write!(f, "{} says that {node} is in maintenance mode", who(*by))
            }
            Self::NotDrained { node, by } => {
                write!(
                    f,
                    "{} says that {node} is not in maintenance mode",
                    who(*by)
                )
            }
        }
    }
}

fn who(by: MaintenanceWord) -> &'static str {
    match by {
        MaintenanceWord::Api => "the management API",
        MaintenanceWord::Status => "`rabbitmqctl cluster_status`",
    }
}
