//! Owns the verdict on a virtual address: who holds it, who should, and whether anyone could take
//! over. Several holders and none are representable; a host that cannot be asked is never taken
//! for one that does not hold it.

mod log;
mod outlook;

pub use log::Logged;
pub use outlook::Outlook;

use super::Model;
use super::moment::Moment;
use super::name::HostName;
use super::observation::SourceKind;
use super::reading::NOT_ASKED;
use super::vrrp::VrrpReport;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The verdict on a VIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum VipVerdict {
    /// One holder, the right one, and another host could take over.
    Ok,
    /// No host holds it.
    None,
    /// Two or more hosts hold it.
    Split,
    /// A host holds it that should not.
    WrongHolder,
    /// One holder, and nobody could take over.
    NoStandby,
    /// It is not known.
    Unknown,
}

/// One VIP with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VipView {
    /// The address.
    pub address: IpAddr,
    /// The verdict.
    pub verdict: VipVerdict,
    /// Hosts that hold it now.
    pub holders: Vec<HostName>,
    /// The host keepalived's priorities prefer, if they are known.
    pub expected: Option<HostName>,
    /// Hosts that could take over now.
    pub standbys: Vec<HostName>,
    /// Hosts whose addresses are not known now.
    pub unknown: Vec<HostName>,
    /// Hosts that list the address and cannot use it, and why.
    pub unusable: Vec<(HostName, String)>,
    /// Why that verdict, one line each.
    pub evidence: Vec<String>,
}

impl Model {
    /// Every declared VIP with its verdict.
    pub fn vips(&self, now: Moment) -> Vec<VipView> {
        self.inventory
            .vips
            .iter()
            .map(|address| self.vip(*address, now))
            .collect()
    }

    /// One VIP with its verdict.
    pub fn vip(&self, address: IpAddr, now: Moment) -> VipView {
        let mut view = VipView {
            address,
            verdict: VipVerdict::Unknown,
            holders: Vec::new(),
            expected: self.expected_holder(address, now),
            standbys: Vec::new(),
            unknown: Vec::new(),
            unusable: Vec::new(),
            evidence: Vec::new(),
        };
        for host in self.inventory.machines() {
            match self.address(&host.name, now) {
                Some(report) if report.usable(address).is_some() => {
                    view.holders.push(host.name.clone());
                }
                Some(report) => {
                    let listed = report.holding(address).and_then(|held| {
                        let why = format!("{} on {}", held.flaw()?.words(), held.interface);
                        Some((host.name.clone(), why))
                    });
                    view.unusable.extend(listed);
                }
                None if self.inventory.vrrp_hosts().any(|h| h.name == host.name) => {
                    view.unknown.push(host.name.clone());
                }
                None => {}
            }
        }
        view.verdict = self.judge_vip(&mut view, now);
        view
    }

    fn judge_vip(&self, view: &mut VipView, now: Moment) -> VipVerdict {
        for host in &view.unknown {
            let reading = self.addresses.get(host);
            let why = reading.map_or_else(|| NOT_ASKED.to_owned(), |it| it.absence(now));
            view.evidence
                .push(format!("the addresses of {host} are unknown: {why}"));
        }
        for host in self.inventory.vrrp_hosts() {
            view.evidence.extend(self.config_gap(&host.name, now));
        }
        for (host, why) in &view.unusable {
            let line = format!("{host} lists the address and cannot use it: it is {why}");
            view.evidence.push(line);
        }
        let holder = match view.holders.as_slice() {
            [] if view.unknown.is_empty() && self.inventory.vrrp_hosts().next().is_some() => {
                view.evidence.push("no host holds the address".to_owned());
                for host in self.inventory.vrrp_hosts() {
                    let (_, why) = self.outlook(host, view.address, now);
                    view.evidence.push(why);
                }
                return VipVerdict::None;
            }
            [] => return VipVerdict::Unknown,
            [one] => one.clone(),
            several => {
                let names: Vec<&str> = several.iter().map(HostName::as_str).collect();
                view.evidence
                    .push(format!("{} hold it at once", names.join(" and ")));
                return VipVerdict::Split;
            }
        };
        view.evidence.push(format!("{holder} holds it"));
        let mut in_doubt = false;
        for host in self.inventory.vrrp_hosts() {
            if host.name == holder {
                continue;
            }
            let (outlook, why) = self.outlook(host, view.address, now);
            view.evidence.push(why);
            match outlook {
                Outlook::Ready => view.standbys.push(host.name.clone()),
                Outlook::Unable => {}
                Outlook::Unknown => in_doubt = true,
            }
        }
        if in_doubt {
            VipVerdict::Unknown
        } else if view.standbys.is_empty() {
            VipVerdict::NoStandby
        } else if let Some(why) = self.wrong_holder(view, &holder, now) {
            view.evidence.push(why);
            VipVerdict::WrongHolder
        } else {
            VipVerdict::Ok
        }
    }

    /// Why the holder should not be the holder, given who else could hold it.
    fn wrong_holder(&self, view: &VipView, holder: &HostName, now: Moment) -> Option<String> {
        if let Some(report) = self.keepalived(holder, now)
            && report.daemon.is_down()
        {
            let word = report.daemon.word();
            return Some(format!(
                "{holder} holds it although keepalived is {word} there"
            ));
        }
        if self.has_no_instance(holder, view.address, now) {
            let address = view.address;
            return Some(format!(
                "{holder} holds it although no VRRP instance there has {address}"
            ));
        }
        let haproxy_up = |host: &HostName| self.haproxy_runs(host, now);
        if haproxy_up(holder) == Some(false)
            && let Some(better) = view.standbys.iter().find(|h| haproxy_up(h) == Some(true))
        {
            return Some(format!("HAProxy is down on {holder} and up on {better}"));
        }
        let of = |host: &HostName| self.instance(host, view.address, now);
        let (_, own) = of(holder)?.priorities()?;
        view.standbys.iter().find_map(|better| {
            let instance = of(better)?;
            let (_, theirs) = instance.priorities()?;
            // A check that fails there takes its priority away: then it is no better.
            let is_well = haproxy_up(better) != Some(false);
            (is_well && theirs > own && instance.preempts()).then(|| {
                format!("{better} has priority {theirs}, above {own} of {holder}, and preempts")
            })
        })
    }

    /// The host that the configured priorities prefer, where all that may hold it are known.
    fn expected_holder(&self, address: IpAddr, now: Moment) -> Option<HostName> {
        let mut hosts: Vec<(i32, &HostName)> = Vec::new();
        for host in self.inventory.vrrp_hosts() {
            if self.has_no_instance(&host.name, address, now) {
                continue;
            }
            let (_, priority) = self.instance(&host.name, address, now)?.priorities()?;
            hosts.push((priority, &host.name));
        }
        let best = hosts.iter().map(|(priority, _)| *priority).max()?;
        let mut top = hosts.iter().filter(|(priority, _)| *priority == best);
        match (top.next(), top.next()) {
            (Some((_, host)), None) => Some((*host).clone()),
            _ => None,
        }
    }

    /// What a host says of keepalived, if current.
    pub fn keepalived(&self, host: &HostName, now: Moment) -> Option<&VrrpReport> {
        Self::current(&self.vrrp, host, SourceKind::Keepalived, now)
    }

    /// Whether a host's addresses reach us now.
    pub fn watches_addresses(&self, host: &HostName, now: Moment) -> bool {
        Self::current(&self.addresses, host, SourceKind::Vip, now).is_some()
    }
}
