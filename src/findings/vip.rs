//! Owns the verdicts on a VIP as findings: D6 no holder, D18 several holders, V1 nobody to take
//! over, V2 the wrong holder, V3 not known. A cause is told where the evidence shows it.

mod causes;

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::node::Liveness;
use crate::model::observation::{FailureKind, SourceId, SourceKind};
use crate::model::reading::Reading;
use crate::model::vip::{VipVerdict, VipView};
use std::time::Duration;

/// A handover takes a moment in which no host or two hosts hold the address; only what outlives
/// it is told. A graceful handover takes 0.8 s (VRRP: skew time only).
const HANDOVER: Duration = Duration::from_secs(1);

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    model
        .vips(now)
        .iter()
        .filter(|vip| !is_passing(model, vip, now))
        .filter_map(|vip| judge(model, vip, now))
        .collect()
}

/// Whether the verdict may be gone in an instant, or rests on hosts that were not asked yet.
fn is_passing(model: &Model, vip: &VipView, now: Moment) -> bool {
    match vip.verdict {
        VipVerdict::None | VipVerdict::Split => model
            .holders_changed(vip.address)
            .is_some_and(|at| now.since(at) < HANDOVER),
        // Whether the daemons run is polled, who holds the address is streamed: until each has
        // been asked since the move, the old holder's daemon may be the one that was stopped.
        VipVerdict::WrongHolder => model.holders_changed(vip.address).is_some_and(|at| {
            let asked_since = |host: &HostEntry| {
                let services = model.services.get(&host.name).and_then(Reading::seen_at);
                let vrrp = model.vrrp.get(&host.name).and_then(Reading::seen_at);
                let since = |seen: Option<Moment>| seen.is_some_and(|s| s >= at.later(HANDOVER));
                since(services) && since(vrrp)
            };
            !model.inventory.vrrp_hosts().all(asked_since)
        }),
        VipVerdict::Unknown => {
            let asked = |kind| {
                model
                    .inventory
                    .vrrp_hosts()
                    .all(|h| model.was_asked(kind, &h.name))
            };
            !(asked(SourceKind::Vip) && asked(SourceKind::Keepalived))
        }
        VipVerdict::Ok | VipVerdict::NoStandby => false,
    }
}

fn judge(model: &Model, vip: &VipView, now: Moment) -> Option<Finding> {
    let address = vip.address;
    let finding = |id, severity, title: String| {
        Finding::new(id, severity, &address, title).evidence(vip.evidence.iter().cloned())
    };
    let holder = listed(&vip.holders);
    Some(match vip.verdict {
        VipVerdict::Ok => return None,
        VipVerdict::None => match through(model, vip, now) {
            Through::Served(line) => finding(
                "D6",
                Severity::Warning,
                format!(
                    "no declared host holds the VIP {address}, yet something serves clients there"
                ),
            )
            .evidence([line])
            .causes(causes::of_stranger(address)),
            Through::Refused(_) | Through::Silent(_) | Through::NotTried => finding(
                "D6",
                Severity::Critical,
                format!("no host holds the VIP {address}: clients cannot connect"),
            )
            .causes(causes::of_none(model, address, now)),
        },
        VipVerdict::Split => finding(
            "D18",
            Severity::Critical,
            format!("{holder} hold the VIP {address} at the same time"),
        )
        .causes(causes::of_split(model, vip, now)),
        VipVerdict::NoStandby => finding(
            "V1",
            Severity::Warning,
            format!("{holder} holds the VIP {address} and nobody could take it over"),
        )
        .causes(causes::of_no_standby(model, vip, now)),
        VipVerdict::WrongHolder => finding(
            "V2",
            Severity::Warning,
            format!("{holder} holds the VIP {address} but should not"),
        )
        .causes(causes::of_wrong_holder(model, vip, now)),
        VipVerdict::Unknown => unknown(model, vip, now),
    })
    .map(|finding| match reason(model, vip, now) {
        Some((id, subject)) => finding.follows(id, &subject),
        None => finding,
    })
}

/// The finding whose consequence the verdict is: HAProxy fails on the holder, or the one host that
/// could take the address over is silent or without HAProxy.
fn reason(model: &Model, vip: &VipView, now: Moment) -> Option<(&'static str, String)> {
    let with_instance = model
        .inventory
        .vrrp_hosts()
        .filter(|host| !model.has_no_instance(&host.name, vip.address, now));
    let (holders, others): (Vec<_>, Vec<_>) =
        with_instance.partition(|host| vip.holders.contains(&host.name));
    let ((VipVerdict::WrongHolder, [host], _) | (VipVerdict::NoStandby, _, [host])) =
        (vip.verdict, &holders[..], &others[..])
    else {
        return None;
    };
    let name = &host.name;
    if model.liveness(name, now) == Liveness::Silent {
        let node = host.node.as_ref().map(|node| ("N1", node.to_string()));
        return node.or(Some(("H1", name.to_string())));
    }
    let fails = model.haproxy_runs(name, now) == Some(false) || model.balancer_hangs(name, now);
    let takes_part = model
        .keepalived(name, now)
        .is_some_and(|report| !report.daemon.is_down());
    (fails && takes_part).then(|| ("H1", name.to_string()))
}

/// The holder, or who could follow it, is not known; what clients meet at the address may be.
fn unknown(model: &Model, vip: &VipView, now: Moment) -> Finding {
    let address = vip.address;
    let holder = listed(&vip.holders);
    let told = if vip.holders.is_empty() {
        format!("which host holds the VIP {address} is not known")
    } else if vip.unknown.is_empty() {
        format!("{holder} holds the VIP {address}; whether another could take it over is not known")
    } else {
        format!("{holder} holds the VIP {address}; whether it is alone is not known")
    };
    let (severity, title, line) = match through(model, vip, now) {
        Through::Served(line) if vip.holders.is_empty() => (
            Severity::Info,
            format!("{told}; it serves clients"),
            Some(line),
        ),
        Through::Silent(line) => (
            Severity::Critical,
            format!("nothing answers at the VIP {address}, and {told}"),
            Some(line),
        ),
        Through::Served(line) | Through::Refused(line) => (Severity::Unknown, told, Some(line)),
        Through::NotTried => (Severity::Unknown, told, None),
    };
    Finding::new("V3", severity, &address, title)
        .evidence(vip.evidence.iter().cloned())
        .evidence(line)
        .evidence(sessions(model, now))
        .causes(causes::of_unknown(model, vip, now))
}

/// What an AMQP handshake through the address met.
enum Through {
    Served(String),
    Refused(String),
    Silent(String),
    NotTried,
}

fn through(model: &Model, vip: &VipView, now: Moment) -> Through {
    let Some(target) = model.inventory.canary_of(vip.address) else {
        return Through::NotTried;
    };
    if model.vip_served_at(vip.address, now).is_some() {
        return Through::Served("an AMQP handshake through it succeeds".to_owned());
    }
    let id = SourceId::new(SourceKind::Canary, target);
    let failure = model.sources.get(&id).and_then(|s| s.failure.as_ref());
    let Some(failure) = failure else {
        return Through::NotTried;
    };
    let line = format!("an AMQP handshake through it fails: {failure}");
    // From a machine that reaches nothing, nothing follows.
    let reaches_some = model
        .sources
        .iter()
        .any(|(source, status)| source.kind != SourceKind::Canary && status.failure.is_none());
    let is_silent = matches!(
        failure.kind,
        FailureKind::Timeout | FailureKind::Unreachable
    );
    if is_silent && reaches_some {
        Through::Silent(line)
    } else {
        Through::Refused(line)
    }
}

/// Where clients are, by the load balancers' own count: they come by way of the address.
fn sessions(model: &Model, now: Moment) -> Vec<String> {
    let balancers = model.inventory.balancers();
    let told = balancers.filter_map(|(host, _)| {
        let report = model.balancer(&host.name, now)?;
        let servers = report.backends.iter().flat_map(|backend| &backend.servers);
        let sessions: u64 = servers.filter_map(|server| server.sessions).sum();
        Some(format!("HAProxy on {} has {sessions} sessions", host.name))
    });
    told.collect()
}
