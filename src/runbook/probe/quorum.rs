//! Owns the answer to whether a quorum depends on a member: by its own word, and where that does not
//! reach, by the list of queues.

use super::ProbeAnswer;
use crate::model::Model;
use crate::model::impact::{QuorumMember, QuorumVerdict};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::observation::SourceKind;

/// The member itself is asked (the endpoint judges whoever answers). Where it cannot be, a list of
/// queues may still prove a loss. The opposite it proves of a member in maintenance mode only, whose
/// API is closed and which leads nothing, and if it is whole.
pub(super) fn not_critical(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let loses = |members: &[QuorumMember], basis: &str| {
        let names: Vec<String> = members.iter().map(ToString::to_string).collect();
        ProbeAnswer::Not(format!(
            "stopping {node} would lose the quorum of {}{basis}",
            names.join(", ")
        ))
    };
    let verdict = model.inventory.host_of(node).and_then(|host| {
        Model::current(&model.quorum, &host.name, SourceKind::QuorumCritical, now)
    });
    match verdict {
        Some(QuorumVerdict::Safe) => {
            ProbeAnswer::Holds(format!("{node} says that every quorum survives without it"))
        }
        Some(QuorumVerdict::Critical(members)) => loses(members, ""),
        None => {
            let lost = model.stop_impact(node, now).quorum_lost;
            let draining = model.node(node, now).draining == Some(true);
            if lost.is_empty() && draining && model.all_queues(now).is_ok() {
                ProbeAnswer::Holds(format!(
                    "{node} is in maintenance mode and cannot be asked; by the members online no queue loses its quorum without it"
                ))
            } else if lost.is_empty() {
                ProbeAnswer::CannotTell(format!(
                    "{node} could not be asked whether a quorum depends on it"
                ))
            } else {
                loses(&lost, ", by the members shown online")
            }
        }
    }
}
