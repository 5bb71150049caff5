//! Owns who should hold a virtual address: by HAProxy, by the priorities that keepalived's checks
//! give, and by whether a better host takes it back at all.

use super::VipView;
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::vrrp::{Preempts, VrrpInstance};
use std::net::IpAddr;

/// What is to be said of a holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// Another should hold it, and why.
    Wrong(String),
    /// Another would be preferred, and does not take it, or may not.
    Preferred(String),
}

/// A host with its instance and the lowest and highest priority it may have now.
struct Standing<'m> {
    host: &'m HostName,
    instance: &'m VrrpInstance,
    low: i32,
    high: i32,
}

impl Model {
    /// Whether another than `holder` should hold the address, given who could.
    pub(super) fn claim(&self, view: &VipView, holder: &HostName, now: Moment) -> Option<Claim> {
        if let Some(report) = self.keepalived(holder, now)
            && report.daemon.is_down()
        {
            let word = report.daemon.word();
            return Some(Claim::Wrong(format!(
                "{holder} holds it although keepalived is {word} there"
            )));
        }
        if self.has_no_instance(holder, view.address, now) {
            let address = view.address;
            return Some(Claim::Wrong(format!(
                "{holder} holds it although no VRRP instance there has {address}"
            )));
        }
        let hangs = |host: &HostName| self.balancer_hangs(host, now);
        let serves = |host: &&HostName| self.haproxy_runs(host, now) == Some(true) && !hangs(host);
        let fails = match self.haproxy_runs(holder, now) {
            Some(false) => Some("is down"),
            // Its process is there, and keepalived's check of it passes.
            Some(true) | None => hangs(holder).then_some("hangs"),
        };
        if let Some((fails, better)) = fails.zip(view.standbys.iter().find(serves)) {
            let why = format!("HAProxy {fails} on {holder} and is up on {better}");
            return Some(Claim::Wrong(why));
        }
        let own = self.standing(holder, view.address, now)?;
        let claims = view.standbys.iter().filter_map(|host| {
            let other = self.standing(host, view.address, now)?;
            self.rank(&own, &other, now)
        });
        let mut claims: Vec<Claim> = claims.collect();
        claims.sort_by_key(|claim| matches!(claim, Claim::Preferred(_)));
        claims.into_iter().next()
    }

    /// What follows from two priorities, of which each may be known as a range only.
    fn rank(&self, own: &Standing<'_>, other: &Standing<'_>, now: Moment) -> Option<Claim> {
        let better = other.host;
        if other.high <= own.high {
            return None;
        }
        let belongs = format!("by priority it belongs on {better}");
        let kept = |why: &str| Some(Claim::Preferred(format!("{belongs}{why}")));
        // A check that fails there takes its priority away: then it is no better.
        if self.haproxy_runs(better, now) == Some(false) {
            return kept(", where HAProxy is down");
        }
        match other.instance.preempts() {
            Preempts::Never => kept(", which does not take it back (nopreempt)"),
            _ if other.low <= own.high => kept(" if its checks pass"),
            Preempts::After(delay) => kept(&format!(
                ", which takes it back after its preempt_delay of {} s",
                delay.as_secs()
            )),
            Preempts::AtOnce => Some(Claim::Wrong(format!(
                "{better} has priority {}, above {} of {}, and preempts",
                range(other),
                range(own),
                own.host
            ))),
        }
    }

    fn standing<'m>(
        &'m self,
        host: &'m HostName,
        address: IpAddr,
        now: Moment,
    ) -> Option<Standing<'m>> {
        let instance = self.instance(host, address, now)?;
        let logged = self.logged(host, address, now)?;
        let (low, high) = instance.priorities_given(|check| logged.passes(check))?;
        Some(Standing {
            host,
            instance,
            low,
            high,
        })
    }

    /// The host that the configured priorities prefer, where all that may hold it are known.
    pub(super) fn expected_holder(&self, address: IpAddr, now: Moment) -> Option<HostName> {
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
}

fn range(standing: &Standing<'_>) -> String {
    let Standing { low, high, .. } = standing;
    if low == high {
        low.to_string()
    } else {
        format!("{low} to {high}")
    }
}
