//! Owns whom a probe is about: the members whose state it asks for.

use crate::model::name::NodeName;
use crate::runbook::plan::Probe;

impl Probe {
    /// The members whose state it asks for; empty where it asks about the cluster as a whole.
    pub fn subjects(&self) -> Vec<&NodeName> {
        match self {
            Self::PeersSee { node, .. }
            | Self::HostSees { node, .. }
            | Self::DoesNotRun { node }
            | Self::SelfReports { node }
            | Self::BalancersUse { node, .. }
            | Self::BalancersSpare { node, .. }
            | Self::ServerUsed { node, .. }
            | Self::ServerSpared { node, .. }
            | Self::OtherServers { node, .. }
            | Self::OthersUnchanged { node, .. }
            | Self::Drained { node, .. }
            | Self::NotDrained { node, .. }
            | Self::Member { node, .. }
            | Self::NotMember { node, .. }
            | Self::Alone { node }
            | Self::TypeIs { node, .. }
            | Self::NoReplicas { node }
            | Self::AllReplicas { node }
            | Self::ReplicasOnline { node }
            | Self::MirrorsReady { node }
            | Self::NotQuorumCritical { node }
            | Self::VirtualHostsRun { node }
            | Self::ServiceNotFailed { node }
            | Self::RuntimeUp { node }
            | Self::Forgotten { node, .. }
            | Self::CookieShared { node, .. }
            | Self::DataFree { node, .. }
            | Self::DataAside { node, .. }
            | Self::Blank { node } => vec![node],
            Self::Stopped { nodes } | Self::NoneRuns { nodes } | Self::RunTogether { nodes } => {
                nodes.iter().collect()
            }
            Self::ClusterNamed { .. }
            | Self::LeadersSpread
            | Self::NoAlarms
            | Self::PolicyIs { .. }
            | Self::NoPolicy { .. }
            | Self::PolicyInForce { .. }
            | Self::PolicyNowhere { .. }
            | Self::MirrorsInSync { .. }
            | Self::QueuesUp
            | Self::QueuesBack { .. } => Vec::new(),
        }
    }
}
