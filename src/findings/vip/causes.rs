//! Owns why a VIP is where it is: conditions over what is known of each host's keepalived, its
//! instance, its interface and its checks. Where none holds, the next look is named instead.

use super::listed;
use crate::model::Model;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::vip::{Outlook, VipView};
use crate::model::vrrp::{Daemon, Preempts, VrrpInstance};
use std::collections::BTreeSet;
use std::net::IpAddr;

fn not_known(next: &str) -> String {
    format!("cause not known; next: {next}")
}

fn log_of<'h>(hosts: impl IntoIterator<Item = &'h HostEntry>) -> String {
    let names = listed(hosts.into_iter().map(|host| &host.name));
    not_known(&format!("`journalctl -t Keepalived_vrrp` on {names}"))
}

/// No host holds the address.
pub(super) fn of_none(model: &Model, address: IpAddr, now: Moment) -> Vec<String> {
    let hosts: Vec<&HostEntry> = model.inventory.vrrp_hosts().collect();
    let nowhere = |host: &&HostEntry| model.has_no_instance(&host.name, address, now);
    if !hosts.is_empty() && hosts.iter().all(nowhere) {
        return vec![format!("no VRRP instance of any host has {address}")];
    }
    let stopped = |host: &&HostEntry| {
        let report = model.keepalived(&host.name, now);
        report.is_some_and(|r| matches!(r.daemon, Daemon::Inactive | Daemon::Failed))
    };
    if hosts.iter().all(stopped) {
        let names = listed(hosts.iter().map(|host| &host.name));
        return vec![format!("keepalived is stopped on {names}")];
    }
    let mut causes = Vec::new();
    let mut open = Vec::new();
    for host in hosts {
        match why_not(model, host, address, now) {
            Some(why) => causes.push(why),
            None => open.push(host),
        }
    }
    if !open.is_empty() {
        causes.push(log_of(open));
    }
    causes
}

/// No declared host holds it, and it serves clients.
pub(super) fn of_stranger(address: IpAddr) -> Vec<String> {
    vec![not_known(&format!(
        "which host answers for it (`ip neigh show {address}` on a host of its network)"
    ))]
}

/// Why this host does not hold the address.
fn why_not(model: &Model, host: &HostEntry, address: IpAddr, now: Moment) -> Option<String> {
    let name = &host.name;
    let (outlook, why) = model.outlook(host, address, now);
    match outlook {
        Outlook::Unable => return Some(why),
        Outlook::Unknown => return None,
        Outlook::Ready => {}
    }
    let logged = model.logged(name, address, now)?;
    let instance = model.instance(name, address, now)?;
    (logged.state == Some("MASTER")).then(|| {
        format!(
            "{} is MASTER on {name} without the address: someone removed it from {}",
            instance.name,
            instance
                .interface
                .as_ref()
                .map_or("its interface", |i| i.as_str())
        )
    })
}

/// Several hosts hold it.
pub(super) fn of_split(model: &Model, vip: &VipView, now: Moment) -> Vec<String> {
    let address = vip.address;
    let mut causes = Vec::new();
    for host in &vip.holders {
        if let Some(report) = model.keepalived(host, now)
            && matches!(report.daemon, Daemon::Inactive | Daemon::Failed)
        {
            causes.push(format!(
                "{host} has the address although keepalived is {} there: it was added by hand, or left behind",
                report.daemon.word()
            ));
        } else if model.has_no_instance(host, address, now) {
            causes.push(format!(
                "{host} has the address although no VRRP instance there has it: it was added by hand"
            ));
        }
    }
    let instances: Vec<&VrrpInstance> = vip
        .holders
        .iter()
        .filter_map(|host| model.instance(host, address, now))
        .collect();
    let ids: BTreeSet<u8> = instances.iter().filter_map(|i| i.router_id).collect();
    if ids.len() > 1 {
        causes.push(format!("virtual_router_id differs: {}", listed(&ids)));
    }
    let unicast = instances.iter().filter(|i| i.peers.is_some()).count();
    if unicast > 0 && unicast < instances.len() {
        causes.push("one host sends to unicast_peer, the other to multicast".to_owned());
    }
    for host in &vip.holders {
        causes.extend(missed_peer(model, vip, (host, now)));
    }
    if causes.is_empty() {
        let holders = listed(&vip.holders);
        causes.push(not_known(&format!(
            "see whether VRRP arrives (`tcpdump -ni any ip proto 112` on {holders}), and compare their authentication"
        )));
    }
    causes
}

/// A unicast peer list that leaves out another holder.
fn missed_peer(model: &Model, vip: &VipView, (host, now): (&HostName, Moment)) -> Option<String> {
    let peers = model.instance(host, vip.address, now)?.peers.as_ref()?;
    let mut others = vip.holders.iter().filter(|other| *other != host);
    let missed = others.find(|other| {
        model.address(other, now).is_some_and(|report| {
            let mut own = report.addresses.iter();
            !own.any(|held| held.address != vip.address && peers.contains(&held.address))
        })
    })?;
    Some(format!("unicast_peer on {host} does not name {missed}"))
}

/// One holder, and nobody to follow it.
pub(super) fn of_no_standby(model: &Model, vip: &VipView, now: Moment) -> Vec<String> {
    let others = model.inventory.vrrp_hosts();
    let causes: Vec<String> = others
        .filter(|host| !vip.holders.contains(&host.name))
        .filter_map(|host| match model.outlook(host, vip.address, now) {
            (Outlook::Unable, why) => Some(why),
            (Outlook::Ready | Outlook::Unknown, _) => None,
        })
        .collect();
    if causes.is_empty() {
        return vec!["the configuration declares keepalived on no other host".to_owned()];
    }
    causes
}

/// It is held where it should not be. The verdict's own reason stands in the evidence.
pub(super) fn of_wrong_holder(model: &Model, vip: &VipView, now: Moment) -> Vec<String> {
    let Some(holder) = vip.holders.first() else {
        return Vec::new();
    };
    let report = model.keepalived(holder, now);
    if report.is_some_and(|report| report.daemon.is_down()) {
        return vec![
            "keepalived left the address behind when it ended, or someone added it".into(),
        ];
    }
    if model.has_no_instance(holder, vip.address, now) {
        return vec!["someone added the address by hand".into()];
    }
    let mut causes = Vec::new();
    if let Some(own) = model.instance(holder, vip.address, now) {
        if model.haproxy_runs(holder, now) == Some(false) {
            causes.extend(stays(model, vip, (own, now)));
        }
        let follows = |host| model.instance(host, vip.address, now);
        let patient = vip.standbys.iter().filter(|host| {
            follows(host).is_some_and(|instance| instance.preempts() == Preempts::Never)
        });
        causes.extend(patient.map(|host| format!("nopreempt keeps {host} from taking it back")));
    }
    if causes.is_empty() {
        let hosts = model.inventory.vrrp_hosts();
        causes.push(log_of(hosts));
    }
    causes
}

/// Why the holder keeps the address although HAProxy is down there.
fn stays(model: &Model, vip: &VipView, (own, now): (&VrrpInstance, Moment)) -> Option<String> {
    let holder = vip.holders.first()?;
    if own.checks.is_empty() {
        return Some(format!(
            "{} on {holder} tracks no check of HAProxy",
            own.name
        ));
    }
    let (low, _) = own.priorities()?;
    let may_fault = own.checks.iter().any(|check| check.weight == 0) || own.group.is_some();
    let theirs = vip
        .standbys
        .iter()
        .filter_map(|host| model.instance(host, vip.address, now)?.priorities());
    let best = theirs.map(|(_, high)| high).max()?;
    (!may_fault && low >= best).then(|| {
        let weights = listed(own.checks.iter().map(|check| format!("{} {:+}", check.name, check.weight)));
        format!(
            "with every check failed {holder} still has priority {low}, not below {best}: the weights ({weights}) are too small"
        )
    })
}

/// The holder or its followers are not known: what would tell.
pub(super) fn of_unknown(model: &Model, vip: &VipView, now: Moment) -> Vec<String> {
    let mut causes = Vec::new();
    for host in model.inventory.vrrp_hosts() {
        let report = model.keepalived(&host.name, now);
        if report.is_some_and(|report| report.daemon == Daemon::NotFound) {
            causes.push(format!(
                "keepalived of {} has another name (set services.keepalived), or is not installed there",
                host.name
            ));
        }
    }
    let unasked: Vec<&HostName> = vip
        .unknown
        .iter()
        .filter(|host| {
            let reading = model.addresses.get(*host);
            let failure = reading.and_then(|reading| reading.failure());
            failure.is_some_and(|failure| failure.kind.is_of_the_way())
        })
        .collect();
    if causes.is_empty() && !unasked.is_empty() {
        causes.push(format!("{} cannot be asked over SSH", listed(unasked)));
    }
    causes
}
