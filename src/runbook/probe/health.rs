//! Owns the answers about alarms and virtual hosts: what keeps a member that runs from serving.

use super::{ProbeAnswer, host};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::observation::SourceKind;

pub(super) fn no_alarms(model: &Model, now: Moment) -> ProbeAnswer {
    let raised: Vec<String> = model
        .alarms(now)
        .iter()
        .map(|alarm| format!("{} has a {} alarm", alarm.node, alarm.resource))
        .collect();
    if !raised.is_empty() {
        ProbeAnswer::Not(format!("{}: publishers are blocked", raised.join("; ")))
    } else if model.checked_alarms(now).is_some() {
        ProbeAnswer::Holds("no alarm is in force".to_owned())
    } else {
        ProbeAnswer::CannotTell("whether an alarm is in force is not known".to_owned())
    }
}

/// Queues, exchanges and messages belong to a virtual host, which may fail to start on a node that
/// runs (`rabbit_vhost_sup_sup:check`).
pub(super) fn virtual_hosts_run(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    match host::own_word(
        &model.vhosts_down,
        (model, node),
        SourceKind::VirtualHosts,
        now,
    ) {
        Err(words) => ProbeAnswer::CannotTell(words),
        Ok(down) if down.is_empty() => {
            ProbeAnswer::Holds(format!("every virtual host runs on {node}"))
        }
        Ok(down) => {
            let names: Vec<&str> = down.iter().map(|name| name.0.as_str()).collect();
            ProbeAnswer::Not(format!(
                "the virtual hosts {} do not run on {node}",
                names.join(", ")
            ))
        }
    }
}
