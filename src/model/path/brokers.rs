//! Owns which backends of a load balancer balance the brokers, where it shows others too.

use super::{MatchBasis, is_named, port_of};
use crate::model::Model;
use crate::model::balancer::{Backend, BalancerReport, ServerRow};
use crate::model::inventory::HostEntry;
use crate::model::name::{HostName, NodeName};
use std::collections::BTreeSet;

/// How well a backend matches the members, the first figure first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// Members of which a server leads to the AMQP port, or does not tell its port.
    reached: usize,
    /// Members matched by an address, or by their very name.
    exact: usize,
    /// Members matched at all.
    matched: usize,
    /// Whether the backend is named after the brokers.
    named: bool,
}

impl Model {
    /// The backends that balance the brokers: the declared one; else those of which a server
    /// leads, by its address, to a member's AMQP port; else the one that matches members best.
    /// Names alone do not tell two services on like-named hosts apart: they give no more than one.
    pub fn broker_backends<'a>(
        &self,
        on: &HostEntry,
        report: &'a BalancerReport,
    ) -> Vec<&'a Backend> {
        if let Some(name) = on
            .balancer
            .as_ref()
            .and_then(|entry| entry.backend.as_ref())
        {
            return report.backend(name).into_iter().collect();
        }
        let tcp = || report.backends.iter().filter(|backend| !backend.is_http());
        let leads = |server: &ServerRow| match self.member_behind(&on.name, server) {
            Some((node, MatchBasis::Address)) => self.leads_to_amqp(server, node),
            Some((_, MatchBasis::Name)) | None => false,
        };
        let amqp: Vec<&Backend> = tcp()
            .filter(|backend| backend.servers.iter().any(leads))
            .collect();
        if !amqp.is_empty() {
            return amqp;
        }
        // Of equals the first: the last of the greatest, from behind.
        let fits = tcp().rev().map(|backend| (self.fit(on, backend), backend));
        let best = fits
            .filter(|(fit, _)| fit.matched > 0)
            .max_by_key(|(fit, _)| *fit);
        best.map(|(_, backend)| backend).into_iter().collect()
    }

    /// Whether only the names of its servers speak for it that `backend` balances the brokers.
    pub fn is_guessed(&self, on: &HostName, backend: &Backend) -> bool {
        let entry = self.inventory.host(on);
        let balancer = entry.and_then(|host| host.balancer.as_ref());
        let is_declared = balancer.is_some_and(|entry| entry.backend.is_some());
        let by_address = |server: &ServerRow| {
            let behind = self.member_behind(on, server);
            behind.is_some_and(|(_, basis)| basis == MatchBasis::Address)
        };
        !is_declared && !backend.servers.iter().any(by_address)
    }

    fn fit(&self, on: &HostEntry, backend: &Backend) -> Fit {
        let (mut reached, mut exact, mut matched) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for server in &backend.servers {
            let Some((node, basis)) = self.member_behind(&on.name, server) else {
                continue;
            };
            matched.insert(node);
            if self.leads_to_amqp(server, node) {
                reached.insert(node);
            }
            let host = self.inventory.host_of(node);
            if basis == MatchBasis::Address || host.is_some_and(|h| is_named(server, h, node)) {
                exact.insert(node);
            }
        }
        let name = backend.name.raw().to_ascii_lowercase();
        Fit {
            reached: reached.len(),
            exact: exact.len(),
            matched: matched.len(),
            named: ["rabbit", "amqp", "mq"].iter().any(|it| name.contains(it)),
        }
    }

    /// Whether a server leads to a port on which `node` takes AMQP, or its port is not told. A node
    /// that nobody lists, or that is away, is taken to listen as the others do.
    fn leads_to_amqp(&self, server: &ServerRow, node: &NodeName) -> bool {
        let Some(port) = port_of(server) else {
            return true;
        };
        let own = self.listens_on(node, port);
        own.or_else(|| {
            let nodes = self.inventory.nodes();
            nodes
                .filter_map(|(_, other)| self.listens_on(other, port))
                .reduce(|one, other| one || other)
        })
        .unwrap_or(true)
    }
}
