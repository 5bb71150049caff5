//! Owns the answers about alarms and virtual hosts: what keeps a member that runs from serving.

use super::{ProbeAnswer, host};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::{NodeState, NodeView};
use crate::model::observation::SourceKind;

pub(super) fn no_alarms(model: &Model, now: Moment) -> ProbeAnswer {
    let raised: Vec<String> = model
        .alarms(now)
        .iter()
        .map(|alarm| {
            format!(
                "{} has a {} alarm: publishers are blocked",
                alarm.node, alarm.resource
            )
        })
        .collect();
    if !raised.is_empty() {
        return ProbeAnswer::Not(raised.join("; "));
    }
    if model.checked_alarms(now).is_some() {
        let words = "no alarm is in force, by the cluster's own health check";
        return ProbeAnswer::Holds(words.to_owned());
    }
    // Without the check every running member must say so itself, in its statistics.
    let running = model.nodes(now).into_iter();
    let running = running.filter(|view| view.state == NodeState::Running);
    let is_silent = |view: &NodeView<'_>| {
        view.stats
            .is_none_or(|stats| stats.memory_alarm.is_none() || stats.disk_alarm.is_none())
    };
    let (silent, clear): (Vec<_>, Vec<_>) = running.partition(is_silent);
    let names = |views: &[NodeView<'_>]| {
        let names: Vec<&str> = views.iter().map(|view| view.name.as_str()).collect();
        names.join(" and ")
    };
    if silent.is_empty() && !clear.is_empty() {
        ProbeAnswer::Holds(format!("no alarm on {}, by the statistics", names(&clear)))
    } else if silent.is_empty() {
        ProbeAnswer::CannotTell("no member says whether an alarm is in force".to_owned())
    } else {
        let names = names(&silent);
        ProbeAnswer::CannotTell(format!("whether {names} has an alarm is not known"))
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
