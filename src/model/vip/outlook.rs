//! Owns what is known of one host's way to a virtual address: whether it could hold it now, and
//! what stands in its way.

use crate::model::Model;
use crate::model::host::AddressFlaw;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::Liveness;
use crate::model::text::Shown;
use crate::model::vrrp::{Daemon, Link, VrrpInstance, VrrpReport};
use std::net::IpAddr;

/// Whether a host could hold a virtual address now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing is known that stands in its way.
    Ready,
    /// Something does.
    Unable,
    /// It is not known.
    Unknown,
}

impl Model {
    /// Whether `host` could hold `address` now, and why.
    pub fn outlook(&self, host: &HostEntry, address: IpAddr, now: Moment) -> (Outlook, String) {
        let name = &host.name;
        if self.liveness(name, now) == Liveness::Silent {
            return self.of_silent(host, now);
        }
        let Some(report) = self.keepalived(name, now) else {
            let why = format!("whether keepalived runs on {name} is not known");
            return (Outlook::Unknown, why);
        };
        let daemon = &report.daemon;
        match daemon {
            Daemon::Starting | Daemon::Stopping | Daemon::Inactive | Daemon::Failed => {
                return (Outlook::Unable, daemon.on(name));
            }
            Daemon::NotFound => {
                let why = format!(
                    "keepalived is not found on {name}: no service `{}`, no process of that name",
                    host.services.keepalived
                );
                return (Outlook::Unknown, why);
            }
            Daemon::Other(word) => {
                let why = format!("systemd says `{word}` of keepalived on {name}");
                return (Outlook::Unknown, why);
            }
            Daemon::Active | Daemon::ByHand => {}
        }
        if let Some(why) = self.obstacle(name, report, address) {
            return (Outlook::Unable, why);
        }
        match self.address(name, now) {
            None => (
                Outlook::Unknown,
                format!("whether {name} holds it too is not known"),
            ),
            Some(_) => (Outlook::Ready, daemon.on(name)),
        }
    }

    /// A host that is silent from here may be well: only who else misses it makes it unable.
    fn of_silent(&self, host: &HostEntry, now: Moment) -> (Outlook, String) {
        let name = &host.name;
        let mut nodes = self.inventory.nodes();
        let node = nodes.find(|(entry, _)| entry.machine == host.machine);
        let is_missed = node.is_some_and(|(_, node)| {
            let known = self.node(node, now).known;
            known.is_denied() || known.peers_wait
        });
        if is_missed {
            let why =
                format!("{name} does not answer, and its peers miss it too: it cannot take over");
            (Outlook::Unable, why)
        } else {
            let why = format!(
                "{name} does not answer from here: whether it could take over is not known"
            );
            (Outlook::Unknown, why)
        }
    }

    /// What keeps a keepalived that runs from holding the address.
    fn obstacle(&self, host: &HostName, report: &VrrpReport, address: IpAddr) -> Option<String> {
        let config = report.config.as_ref().ok()?;
        let listed = self
            .addresses
            .get(host)
            .and_then(|reading| reading.last()?.holding(address)?.flaw());
        if listed == Some(AddressFlaw::DadFailed) {
            let words = AddressFlaw::DadFailed.words();
            return Some(format!("on {host} the address is {words}"));
        }
        let Some(instance) = config.holding(address) else {
            return config
                .gaps
                .is_empty()
                .then(|| format!("no VRRP instance on {host} has {address}"));
        };
        let by_link = instance
            .interface
            .as_ref()
            .and_then(|interface| Self::link_fault(host, report, (instance, interface)));
        by_link.or_else(|| {
            let why = report.logged(instance).fault(instance)?;
            Some(format!("{} is in FAULT on {host}{why}", instance.name))
        })
    }

    /// Why the instance cannot run on its interface.
    fn link_fault(
        host: &HostName,
        report: &VrrpReport,
        (instance, interface): (&VrrpInstance, &Shown),
    ) -> Option<String> {
        match report.links.get(interface) {
            Some(Link::Up) => None,
            Some(Link::Down) if instance.ignores_link => None,
            Some(Link::Down) => Some(format!(
                "{interface} is down on {host}, which puts {} in FAULT",
                instance.name
            )),
            None if report.links.is_empty() => None,
            None => Some(format!(
                "{host} has no interface {interface}, on which {} is to run",
                instance.name
            )),
        }
    }

    /// Why not all of keepalived's configuration on `host` is known.
    pub(super) fn config_gap(&self, host: &HostName, now: Moment) -> Option<String> {
        let why = match &self.keepalived(host, now)?.config {
            Err(failure) => failure.message.as_str(),
            Ok(config) => config.gaps.first()?.as_str(),
        };
        Some(format!(
            "not all of keepalived.conf on {host} is known: {why}"
        ))
    }

    /// The instance of `host` that has `address`, if its configuration is known.
    pub fn instance(&self, host: &HostName, address: IpAddr, now: Moment) -> Option<&VrrpInstance> {
        let config = self.keepalived(host, now)?.config.as_ref().ok()?;
        config.holding(address)
    }

    /// Whether the whole configuration of `host` is known, and has no instance with `address`.
    pub fn has_no_instance(&self, host: &HostName, address: IpAddr, now: Moment) -> bool {
        let report = self.keepalived(host, now);
        let config = report.and_then(|report| report.config.as_ref().ok());
        config.is_some_and(|config| config.gaps.is_empty() && config.holding(address).is_none())
    }
}
