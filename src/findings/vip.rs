//! Owns the verdicts on a VIP as findings: D6 no holder, D18 several holders, V1 nobody to take
//! over, V2 the wrong holder, V3 cannot be told.

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::node::Liveness;
use crate::model::observation::SourceKind;
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
                let services = model.services.get(&host.name);
                services
                    .and_then(Reading::seen_at)
                    .is_some_and(|seen| seen >= at.later(HANDOVER))
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
            !(asked(SourceKind::Vip) && asked(SourceKind::Services))
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
        VipVerdict::None => finding(
            "D6",
            Severity::Critical,
            format!("no host holds the VIP {address}: clients cannot connect"),
        )
        .causes([
            "keepalived is stopped on every load balancer",
            "every instance is in FAULT: its interface is down or its check fails",
        ]),
        VipVerdict::Split => finding(
            "D18",
            Severity::Critical,
            format!("{holder} hold the VIP {address} at the same time"),
        )
        .causes([
            "VRRP advertisements do not arrive: IP protocol 112 is blocked or the unicast peers \
             are wrong",
            "virtual_router_id or authentication differ",
        ]),
        VipVerdict::NoStandby => finding(
            "V1",
            Severity::Warning,
            format!("{holder} holds the VIP {address} and nobody could take it over"),
        )
        .causes(no_standby_causes(model, now)),
        VipVerdict::WrongHolder => finding(
            "V2",
            Severity::Warning,
            format!("{holder} holds the VIP {address} but should not"),
        )
        .causes([
            "keepalived is about to move it",
            "the check script cannot move it: its weight is not above the priority gap",
        ]),
        VipVerdict::Unknown => finding(
            "V3",
            Severity::Unknown,
            if vip.holders.is_empty() {
                format!("which host holds the VIP {address} cannot be told")
            } else {
                format!("{holder} holds the VIP {address}; whether it is alone cannot be told")
            },
        ),
    })
}

/// A silent host cannot take over whatever its daemon does, so then that comes first.
fn no_standby_causes(model: &Model, now: Moment) -> Vec<&'static str> {
    let silent = model
        .inventory
        .vrrp_hosts()
        .any(|host| model.liveness(&host.name, now) == Liveness::Silent);
    if silent {
        vec!["the other load balancer's host does not answer"]
    } else {
        vec!["keepalived is stopped on the other load balancer"]
    }
}
