//! Owns the verdict on a virtual address: who holds it, who should, and whether anyone could take
//! over. Several holders and none are representable; a host that cannot be asked is never taken
//! for one that does not hold it.

use super::Model;
use super::inventory::HostEntry;
use super::moment::Moment;
use super::name::HostName;
use super::node::Liveness;
use super::observation::SourceKind;
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
    /// It cannot be told.
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
    /// Hosts whose addresses cannot be told now.
    pub unknown: Vec<HostName>,
    /// Why that verdict, one line each.
    pub evidence: Vec<String>,
}

/// Whether a host could take the VIP over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standby {
    Ready,
    Unable,
    Unknown,
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
        let mut holders = Vec::new();
        let mut unknown = Vec::new();
        for host in self.inventory.machines() {
            match self.address(&host.name, now) {
                Some(report) if report.holding(address).is_some() => {
                    holders.push(host.name.clone());
                }
                None if self.inventory.vrrp_hosts().any(|h| h.name == host.name) => {
                    unknown.push(host.name.clone());
                }
                _ => {}
            }
        }
        let mut view = VipView {
            address,
            verdict: VipVerdict::Unknown,
            holders,
            expected: self.preferred_holder(),
            standbys: Vec::new(),
            unknown,
            evidence: Vec::new(),
        };
        view.verdict = self.judge_vip(&mut view, now);
        view
    }

    fn judge_vip(&self, view: &mut VipView, now: Moment) -> VipVerdict {
        for host in &view.unknown {
            let why = self
                .addresses
                .get(host)
                .and_then(|reading| reading.failure())
                .map_or_else(|| "not asked yet".to_owned(), ToString::to_string);
            view.evidence
                .push(format!("the addresses of {host} are unknown: {why}"));
        }
        let holder = match view.holders.as_slice() {
            [] if view.unknown.is_empty() && self.inventory.vrrp_hosts().next().is_some() => {
                view.evidence.push("no host holds the address".to_owned());
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
        for host in self
            .inventory
            .vrrp_hosts()
            .filter(|host| host.name != holder)
        {
            let (standby, why) = self.standby(host, now);
            view.evidence.push(why);
            match standby {
                Standby::Ready => view.standbys.push(host.name.clone()),
                Standby::Unable => {}
                Standby::Unknown => in_doubt = true,
            }
        }
        if in_doubt {
            VipVerdict::Unknown
        } else if view.standbys.is_empty() {
            VipVerdict::NoStandby
        } else if let Some(why) = self.wrong_holder(&holder, &view.standbys, now) {
            view.evidence.push(why);
            VipVerdict::WrongHolder
        } else {
            VipVerdict::Ok
        }
    }

    fn standby(&self, host: &HostEntry, now: Moment) -> (Standby, String) {
        let name = &host.name;
        if self.liveness(name, now) == Liveness::Silent {
            let why = format!("{name} does not answer, so it cannot take over");
            return (Standby::Unable, why);
        }
        let unit = self
            .service(name, now)
            .and_then(|services| services.keepalived.as_ref());
        match unit {
            Some(unit) if unit.is_up() => match self.address(name, now) {
                Some(_) => (Standby::Ready, format!("keepalived is active on {name}")),
                None => (
                    Standby::Unknown,
                    format!("whether {name} holds it too cannot be told"),
                ),
            },
            Some(unit) => (
                Standby::Unable,
                format!("keepalived is {} on {name}", unit.word()),
            ),
            None => (
                Standby::Unknown,
                format!("whether keepalived runs on {name} cannot be told"),
            ),
        }
    }

    /// Why the holder should not be the holder, given who else could hold it.
    fn wrong_holder(
        &self,
        holder: &HostName,
        standbys: &[HostName],
        now: Moment,
    ) -> Option<String> {
        let keepalived = self
            .service(holder, now)
            .and_then(|s| s.keepalived.as_ref());
        if let Some(unit) = keepalived
            && !unit.is_up()
        {
            return Some(format!(
                "{holder} holds it although keepalived is {} there",
                unit.word()
            ));
        }
        let haproxy_up = |host: &HostName| {
            self.service(host, now)
                .and_then(|s| s.haproxy.as_ref())
                .map(super::host::UnitState::is_up)
        };
        if haproxy_up(holder) == Some(false)
            && let Some(better) = standbys.iter().find(|host| haproxy_up(host) == Some(true))
        {
            return Some(format!("HAProxy is down on {holder} and up on {better}"));
        }
        let own = self.priority(holder)?;
        let better = standbys.iter().find(|host| {
            self.preempts(host) && self.priority(host).is_some_and(|priority| priority > own)
        })?;
        let priority = self.priority(better)?;
        Some(format!(
            "{better} has priority {priority}, above {own} of {holder}, and would preempt"
        ))
    }

    fn preferred_holder(&self) -> Option<HostName> {
        let mut hosts: Vec<(u8, &HostName)> = Vec::new();
        for host in self.inventory.vrrp_hosts() {
            hosts.push((self.priority(&host.name)?, &host.name));
        }
        let best = hosts.iter().map(|(priority, _)| *priority).max()?;
        let mut top = hosts.iter().filter(|(priority, _)| *priority == best);
        match (top.next(), top.next()) {
            (Some((_, host)), None) => Some((*host).clone()),
            _ => None,
        }
    }

    fn priority(&self, host: &HostName) -> Option<u8> {
        self.vrrp.get(host)?.last()?.priority
    }

    /// `nopreempt` works only where the initial state is not MASTER (keepalived.conf(5)).
    fn preempts(&self, host: &HostName) -> bool {
        self.vrrp
            .get(host)
            .and_then(|reading| reading.last())
            .is_none_or(|config| {
                config.nopreempt != Some(true)
                    || config
                        .initial_state
                        .as_ref()
                        .is_some_and(|state| state.raw() == "MASTER")
            })
    }

    /// How a host's addresses reach us now, with their age, for display.
    pub fn watches_addresses(&self, host: &HostName, now: Moment) -> bool {
        Self::current(&self.addresses, host, SourceKind::Vip, now).is_some()
    }
}
