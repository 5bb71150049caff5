//! Owns the verdict on a virtual address: who holds it, who should, and whether anyone could take
//! over. Several holders and none are representable; a host that cannot be asked is never taken
//! for one that does not hold it.

mod claim;
mod log;
mod outlook;

use claim::Claim;
pub use log::Logged;
pub use outlook::Outlook;

use super::Model;
use super::inventory::Inventory;
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

impl VipView {
    /// Whether the machine that `host` is on holds it, whichever of its names is declared first.
    pub fn is_held_on(&self, host: &HostName, inventory: &Inventory) -> bool {
        self.holders.contains(inventory.speaker(host))
    }
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

    /// Whether the machine that `host` is on holds one of the VIPs.
    pub fn holds_a_vip(&self, host: &HostName, now: Moment) -> bool {
        let vips = self.vips(now);
        vips.iter().any(|vip| vip.is_held_on(host, &self.inventory))
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
        self.judge_held(view, &holder, now)
    }

    /// One host holds it: who could follow, and who should have it.
    fn judge_held(&self, view: &mut VipView, holder: &HostName, now: Moment) -> VipVerdict {
        let mut doubtful = Vec::new();
        for host in self.inventory.vrrp_hosts() {
            if host.name == *holder {
                continue;
            }
            let (outlook, why) = self.outlook(host, view.address, now);
            view.evidence.push(why);
            match outlook {
                Outlook::Ready => view.standbys.push(host.name.clone()),
                Outlook::Unable => {}
                Outlook::Unknown => doubtful.push(&host.name),
            }
        }
        // One that could take over is enough; one that may hold it too is not well.
        let may_hold = |host: &&HostName| view.unknown.contains(host);
        if doubtful.iter().any(may_hold) || (view.standbys.is_empty() && !doubtful.is_empty()) {
            return VipVerdict::Unknown;
        }
        if view.standbys.is_empty() {
            let preferred = view.expected.iter().filter(|host| *host != holder);
            let lines = preferred.map(|host| format!("by priority it belongs on {host}"));
            view.evidence.extend(lines);
            return VipVerdict::NoStandby;
        }
        match self.claim(view, holder, now) {
            Some(Claim::Wrong(why)) => {
                view.evidence.push(why);
                VipVerdict::WrongHolder
            }
            Some(Claim::Preferred(why)) => {
                view.evidence.push(why);
                VipVerdict::Ok
            }
            None => VipVerdict::Ok,
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
