//! Owns the checks of what clients notice: P8 mirrors, P9 connections, P10 the VIP, P11 the load
//! balancers.

use super::{Check, Judged, Target};
use crate::model::Model;
use crate::model::broker::{QueueRow, QueueType};
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::Liveness;
use crate::runbook::plan::Verdict;

/// P8: mirrored queues whose mirrors could not take over. Advisory: the blast radius names them.
pub const MIRRORS: Check = Check {
    id: "P8",
    title: "mirrors of the queues led here are synchronised",
    judge: mirrors,
};

/// P9: clients that are cut off. Advisory: a restart is asked for in spite of them.
pub const CONNECTIONS: Check = Check {
    id: "P9",
    title: "connections on the member",
    judge: connections,
};

/// P10: the member's host holds the VIP. Advisory where only the broker's app is touched.
pub const VIP: Check = Check {
    id: "P10",
    title: "the member's host does not hold the VIP",
    judge: vip,
};

/// P11: clients have somewhere to go.
pub const BALANCERS: Check = Check {
    id: "P11",
    title: "every load balancer keeps another server",
    judge: balancers,
};

fn mirrors(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    if model.capability(now).has_mirroring() == Some(false) {
        return Judged::one(Verdict::NotApplicable, "queues are not mirrored since 4.0");
    }
    let (page, gap) = match model.listed_queues(now) {
        Ok(listed) => listed,
        Err(gap) => return Judged::one(Verdict::Warning, format!("unknown: {gap}")),
    };
    let behind = |row: &&QueueRow| {
        row.leader.as_ref() == Some(target.node)
            && matches!(row.queue_type, Some(QueueType::Classic) | None)
            && row
                .members
                .iter()
                .any(|member| !row.online.contains(member))
    };
    let mut lines: Vec<String> = page
        .rows
        .iter()
        .filter(behind)
        .map(|row| {
            format!(
                "{} in vhost {} has mirrors that are not synchronised",
                row.name, row.vhost
            )
        })
        .collect();
    lines.extend(gap.map(|gap| format!("{gap}: of the others it is not known")));
    if lines.is_empty() {
        Judged::one(Verdict::Passed, "none is behind")
    } else {
        Judged::new(Verdict::Warning, lines)
    }
}

fn connections(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    match model.connections_of(target.node, now) {
        Some(0) => Judged::one(Verdict::Passed, "none"),
        Some(here) => Judged::one(Verdict::Warning, format!("{} would close", counted(here))),
        None => Judged::one(
            Verdict::Warning,
            "how many connections would close is not known",
        ),
    }
}

fn counted(connections: u64) -> String {
    if connections == 1 {
        "1 connection".to_owned()
    } else {
        format!("{connections} connections")
    }
}

fn vip(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let vips = model.vips(now);
    if vips.is_empty() {
        return Judged::one(Verdict::NotApplicable, "no VIP is declared");
    }
    let host = &target.host.name;
    let mut warnings = Vec::new();
    for vip in &vips {
        if vip.is_held_on(host, &model.inventory) {
            warnings.push(format!(
                "{host} holds {}; HAProxy and keepalived are left alone, so it should stay there",
                vip.address
            ));
        } else if vip.holders.is_empty() && vip.unknown.contains(model.inventory.speaker(host)) {
            warnings.push(format!(
                "whether {host} holds {} cannot be told",
                vip.address
            ));
        }
    }
    if warnings.is_empty() {
        let holders = vips.iter().flat_map(|vip| {
            vip.holders
                .iter()
                .map(|holder| format!("{holder} holds {}", vip.address))
        });
        Judged::new(Verdict::Passed, holders.collect())
    } else {
        Judged::new(Verdict::Warning, warnings)
    }
}

fn balancers(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    if model.inventory.balancers().next().is_none() {
        return Judged::one(Verdict::NotApplicable, "no load balancer is declared");
    }
    if model.running_without(target.node, now).1 <= 1 {
        let words = format!(
            "{} is the only member: nobody is sent anywhere meanwhile",
            target.node
        );
        return Judged::one(Verdict::Warning, words);
    }
    let (last, unknown) = model.last_server_on(target.node, now);
    let names = |hosts: &[HostName]| {
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        names.join(" and ")
    };
    let told = || {
        format!(
            "whether another server takes clients on {} is not known",
            names(&unknown)
        )
    };
    if !last.is_empty() {
        let mut evidence = vec![format!(
            "on {} no server but that of {} takes clients",
            names(&last),
            target.node
        )];
        if !unknown.is_empty() {
            evidence.push(told());
        }
        Judged::new(Verdict::Failed, evidence)
            .instead("bring another server up on that load balancer first")
    } else if !unknown.is_empty() {
        // A load balancer whose host is gone sends nobody anywhere.
        let is_dead = |host: &HostName| model.liveness(host, now) == Liveness::Silent;
        let another = unknown.len() < model.inventory.balancers().count();
        if another && unknown.iter().all(is_dead) {
            let words = format!(
                "{}: the host does not answer, and another load balancer serves",
                told()
            );
            Judged::one(Verdict::Warning, words)
        } else {
            Judged::one(Verdict::CannotTell, told())
        }
    } else {
        let kept = model
            .inventory
            .balancers()
            .map(|(host, _)| format!("{} keeps another server", host.name));
        Judged::new(Verdict::Passed, kept.collect())
    }
}
