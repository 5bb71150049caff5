//! Owns two load balancers as they are, and what their hosts say of them; for the table "A VIP".

use rmqtop::findings::{self, Severity};
use rmqtop::model::Model;
use rmqtop::model::host::{AddressReport, AddressVia, Dad, HostAddress, ServiceReport, UnitState};
use rmqtop::model::inventory::{Access, HostEntry, Inventory, Keepalived, ServiceNames};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::HostName;
use rmqtop::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use rmqtop::model::text::Shown;
use rmqtop::model::vip::VipVerdict;
use rmqtop::model::vrrp::{Check, Daemon, Link, VrrpConfig, VrrpInstance, VrrpReport};
use std::net::IpAddr;
use std::time::Duration;

pub(crate) const VIP: &str = "192.168.0.200";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn name(host: usize) -> HostName {
    HostName::parse(["lb1", "lb2"][host]).unwrap()
}

/// One instance with the VIP: the first host has the higher priority.
pub(crate) fn instance(host: usize) -> VrrpInstance {
    VrrpInstance {
        name: Shown::new("VI_1"),
        initial_state: Some(Shown::new("BACKUP")),
        priority: Some([100, 50][host]),
        router_id: Some(51),
        interface: Some(Shown::new("eth0")),
        addresses: vec![ip(VIP)],
        ..VrrpInstance::default()
    }
}

/// Two load balancers as they are.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) vips: Vec<IpAddr>,
    /// Address, interface and flags listed on each, beside its own.
    pub(crate) lists: [Vec<(&'static str, &'static str, Dad)>; 2],
    pub(crate) vrrp: [Option<VrrpReport>; 2],
    pub(crate) haproxy: [UnitState; 2],
    /// Hosts that do not answer over SSH.
    pub(crate) mute: Vec<usize>,
}

impl Pair {
    /// The first host holds the VIP, the second could.
    pub(crate) fn well() -> Self {
        let report = |host| VrrpReport {
            daemon: Daemon::Active,
            links: [(Shown::new("eth0"), Link::Up)].into(),
            config: Ok(VrrpConfig {
                instances: vec![instance(host)],
                gaps: Vec::new(),
            }),
            log: Vec::new(),
        };
        Self {
            vips: vec![ip(VIP)],
            lists: [vec![(VIP, "eth0", Dad::Settled)], Vec::new()],
            vrrp: [Some(report(0)), Some(report(1))],
            haproxy: [UnitState::Active, UnitState::Active],
            mute: Vec::new(),
        }
    }

    pub(crate) fn held_by(mut self, hosts: &[usize]) -> Self {
        for host in 0..2 {
            self.lists[host].clear();
            if hosts.contains(&host) {
                self.lists[host].push((VIP, "eth0", Dad::Settled));
            }
        }
        self
    }

    pub(crate) fn report(mut self, host: usize, change: impl FnOnce(&mut VrrpReport)) -> Self {
        change(self.vrrp[host].as_mut().unwrap());
        self
    }

    pub(crate) fn daemon(self, host: usize, daemon: Daemon) -> Self {
        self.report(host, |report| report.daemon = daemon)
    }

    pub(crate) fn config(self, host: usize, change: impl FnOnce(&mut VrrpInstance)) -> Self {
        self.report(host, |report| {
            change(&mut report.config.as_mut().unwrap().instances[0]);
        })
    }

    pub(crate) fn log(self, host: usize, lines: &[&str]) -> Self {
        self.report(host, |report| {
            report.log = lines.iter().map(|line| Shown::new(line)).collect();
        })
    }

    pub(crate) fn model(&self) -> (Model, Moment) {
        let entry = |host: usize| HostEntry {
            name: name(host),
            machine: name(host),
            address: format!("192.168.0.1{host}"),
            addresses: Vec::new(),
            access: Access::Ssh,
            node: None,
            balancer: None,
            keepalived: Keepalived::Expected,
            port: None,
            services: ServiceNames::default(),
        };
        let mut model = Model::new(Inventory {
            vips: self.vips.clone(),
            hosts: vec![entry(0), entry(1)],
            ..Inventory::default()
        });
        let now = Moment::ORIGIN.later(Duration::from_secs(9));
        for host in 0..2 {
            for (kind, outcome) in self.says(host) {
                model.apply(Observation {
                    source: SourceId::new(kind, name(host)),
                    at: now,
                    took: Duration::ZERO,
                    outcome,
                });
            }
        }
        (model, now)
    }

    pub(crate) fn says(&self, host: usize) -> Vec<(SourceKind, Result<Payload, SourceFailure>)> {
        let kinds = [
            SourceKind::Vip,
            SourceKind::Services,
            SourceKind::Keepalived,
        ];
        if self.mute.contains(&host) {
            let refused = || SourceFailure::new(FailureKind::Login, "permission denied");
            return kinds.map(|kind| (kind, Err(refused()))).into();
        }
        let own = (["10.0.0.10", "10.0.0.11"][host], "eth0", Dad::Settled);
        let listed = std::iter::once(&own).chain(&self.lists[host]);
        let addresses = listed.map(|(address, interface, dad)| HostAddress {
            interface: Shown::new(interface),
            address: ip(address),
            prefix: 24,
            dad: *dad,
        });
        let services = ServiceReport {
            haproxy: Some(self.haproxy[host].clone()),
            ..ServiceReport::default()
        };
        let mut said = vec![
            (
                SourceKind::Vip,
                Ok(Payload::Addresses(AddressReport {
                    via: AddressVia::Poll,
                    addresses: addresses.collect(),
                })),
            ),
            (SourceKind::Services, Ok(Payload::Services(services))),
        ];
        let vrrp = self.vrrp[host].clone();
        said.extend(vrrp.map(|report| (SourceKind::Keepalived, Ok(Payload::Vrrp(report)))));
        said
    }

    pub(crate) fn verdict(&self) -> VipVerdict {
        let (model, now) = self.model();
        model.vip(self.vips[0], now).verdict
    }

    /// The finding about the VIP: its id, severity and causes.
    pub(crate) fn finding(&self) -> Option<(String, Severity, Vec<String>)> {
        let (model, now) = self.model();
        let found = findings::all(&model, now);
        let mut about = found
            .into_iter()
            .filter(|f| f.subject == self.vips[0].to_string());
        let finding = about.next()?;
        assert_eq!(about.next(), None);
        Some((finding.id, finding.severity, finding.causes))
    }
}

pub(crate) fn weighed(weight: i32) -> Vec<Check> {
    vec![Check {
        name: Shown::new("chk"),
        weight,
    }]
}
