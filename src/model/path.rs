//! Owns the join between layers: which member stands behind a load balancer's server; which
//! backends balance the brokers is for `brokers`. Joined by address and port; by name only where HAProxy does not
//! show addresses, or no address of the host is known, and marked so.

mod brokers;

use super::Model;
use super::balancer::{Backend, BalancerReport, ServerRow};
use super::broker::Listener;
use super::host::AddressReport;
use super::inventory::HostEntry;
use super::moment::Moment;
use super::name::{HostName, NodeName};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// How a server was matched to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum MatchBasis {
    /// HAProxy's address is one of the host's.
    Address,
    /// Only the names agree; assumed.
    Name,
}

/// What is known of a member's place behind one load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// A server stands for it.
    Served,
    /// None does.
    Missing,
    /// What was read does not tell.
    Unknown,
}

impl Model {
    /// The member behind a server of the load balancer on `on`, and how that is known.
    pub fn member_behind(
        &self,
        on: &HostName,
        server: &ServerRow,
    ) -> Option<(&NodeName, MatchBasis)> {
        let place = server.address.as_ref();
        let Some((ip, port)) = place.and_then(|address| parse_address(address.raw())) else {
            return Some((self.member_by_name(server)?, MatchBasis::Name));
        };
        let own = self.inventory.host(on);
        let hosts: Vec<&HostEntry> = self
            .inventory
            .hosts
            .iter()
            .filter(|host| {
                if ip.is_loopback() {
                    own.is_some_and(|own| own.machine == host.machine)
                } else {
                    self.has_address(host, ip)
                }
            })
            .collect();
        if hosts.is_empty() {
            // A host of which no address is known may have any.
            let node = self.member_by_name(server)?;
            let is_unplaced = self.is_unplaced(self.inventory.host_of(node)?);
            return is_unplaced.then_some((node, MatchBasis::Name));
        }
        let nodes: Vec<&NodeName> = hosts.iter().filter_map(|host| host.node.as_ref()).collect();
        if let [node] = nodes.as_slice() {
            return Some((node, MatchBasis::Address));
        }
        if let Some(node) = port.and_then(|port| self.at_port(&nodes, port)) {
            return Some((node, MatchBasis::Address));
        }
        let node = self.member_by_name(server)?;
        nodes.contains(&node).then_some((node, MatchBasis::Name))
    }

    /// Which of several brokers at one address takes AMQP on `port`: the one that is listed so; else
    /// the only one that was not listed, for a node that does not run is not.
    fn at_port<'a>(&self, nodes: &[&'a NodeName], port: u16) -> Option<&'a NodeName> {
        let only = |listens: Option<bool>| {
            let mut fitting = nodes
                .iter()
                .filter(|node| self.listens_on(node, port) == listens);
            fitting.next().filter(|_| fitting.next().is_none()).copied()
        };
        let is_taken = nodes
            .iter()
            .any(|node| self.listens_on(node, port) == Some(true));
        only(if is_taken { Some(true) } else { None })
    }

    /// Keeps what the members that are listed now listen on.
    pub(super) fn note_listeners(&mut self, listed: &[Listener]) {
        for listener in listed {
            self.listeners.remove(&listener.node);
        }
        for listener in listed {
            let own = self.listeners.entry(listener.node.clone()).or_default();
            own.push(listener.clone());
        }
    }

    /// Whether `node` has a listener for AMQP on `port`, as it was last listed; `None` where its
    /// listeners are not known.
    pub fn listens_on(&self, node: &NodeName, port: u16) -> Option<bool> {
        let ports = self.amqp_ports(node)?;
        Some(ports.contains(&port))
    }

    /// The ports on which `node` takes AMQP, with and without TLS, as it was last listed.
    pub fn amqp_ports(&self, node: &NodeName) -> Option<Vec<u16>> {
        let amqp =
            |listener: &&Listener| matches!(listener.protocol.raw(), "amqp" | "amqp/ssl" | "amqps");
        let listed = self.listeners.get(node)?.iter();
        let mut ports: Vec<u16> = listed.filter(amqp).map(|listener| listener.port).collect();
        ports.sort_unstable();
        ports.dedup();
        (!ports.is_empty()).then_some(ports)
    }

    /// Whether no address is known by which another host could reach it.
    fn is_unplaced(&self, host: &HostEntry) -> bool {
        host.addresses.iter().all(IpAddr::is_loopback) && self.last_addresses(host).is_none()
    }

    /// Whether `ip` is one of the host's own addresses, declared or seen; never a VIP.
    fn has_address(&self, host: &HostEntry, ip: IpAddr) -> bool {
        let seen = || self.last_addresses(host);
        host.addresses.contains(&ip)
            || (!ip.is_loopback()
                && !self.inventory.vips.contains(&ip)
                && seen().is_some_and(|report| report.holding(ip).is_some()))
    }

    fn last_addresses(&self, host: &HostEntry) -> Option<&AddressReport> {
        let speaker = self.inventory.speaker(&host.name);
        self.addresses.get(speaker)?.last()
    }

    /// The server rows that stand for `node` on one load balancer, each with its backend.
    pub fn servers_of<'a>(
        &self,
        node: &NodeName,
        on: &HostEntry,
        report: &'a BalancerReport,
    ) -> Vec<(&'a Backend, &'a ServerRow)> {
        let is_behind = |server: &ServerRow| {
            let behind = self.member_behind(&on.name, server);
            behind.is_some_and(|(found, _)| found == node)
        };
        let backends = self.broker_backends(on, report).into_iter();
        backends
            .flat_map(|backend| backend.servers.iter().map(move |server| (backend, server)))
            .filter(|(_, server)| is_behind(server))
            .collect()
    }

    /// Whether a server of the load balancer on `on` stands for `node`. A line that was not read,
    /// or a server that belongs to nobody, may be it.
    pub fn placed(&self, node: &NodeName, on: &HostEntry, now: Moment) -> Placed {
        let Some(report) = self.balancer(&on.name, now) else {
            return Placed::Unknown;
        };
        let backends = self.broker_backends(on, report);
        if backends.is_empty() {
            return Placed::Unknown;
        }
        if !self.servers_of(node, on, report).is_empty() {
            return Placed::Served;
        }
        let is_doubtful = |backend: &&Backend| {
            let is_nobodys = |server| self.member_behind(&on.name, server).is_none();
            report.may_lack_servers(backend.name.raw()) || backend.servers.iter().any(is_nobodys)
        };
        if backends.iter().any(is_doubtful) {
            Placed::Unknown
        } else {
            Placed::Missing
        }
    }

    /// `mq-node3` and `rabbit-node3` share their trailing number, or one name ends in the other.
    fn member_by_name(&self, server: &ServerRow) -> Option<&NodeName> {
        let name = server.name.raw();
        let mut all = self.inventory.nodes();
        let exact = all.find(|(host, node)| is_named(server, host, node));
        if let Some((_, node)) = exact {
            return Some(node);
        }
        let mut fitting = self
            .inventory
            .nodes()
            .filter(|(host, _)| same_tail(name, host.name.as_str()));
        match (fitting.next(), fitting.next()) {
            (Some((_, node)), None) => Some(node),
            _ => None,
        }
    }
}

/// Whether a server has the very name of a host or its node.
fn is_named(server: &ServerRow, host: &HostEntry, node: &NodeName) -> bool {
    let name = server.name.raw();
    name == host.name.as_str() || name == node.short()
}

/// Whether the last `-`-separated part of both names is the same and ends in a digit.
fn same_tail(a: &str, b: &str) -> bool {
    let tail = |s: &str| {
        s.rsplit(['-', '_', '.'])
            .next()
            .map(str::to_ascii_lowercase)
    };
    let (a, b) = (tail(a), tail(b));
    a == b && a.is_some_and(|tail| tail.ends_with(|c: char| c.is_ascii_digit()))
}

/// The port a server leads to, where HAProxy tells.
pub fn port_of(server: &ServerRow) -> Option<u16> {
    parse_address(server.address.as_ref()?.raw())?.1
}

/// HAProxy writes `192.168.0.12:5672` and `[::1]:5672`, and an address alone without a port.
fn parse_address(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some((socket.ip().to_canonical(), Some(socket.port())));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some((ip.to_canonical(), None));
    }
    let (ip, port) = text.rsplit_once(':')?;
    let ip = ip.parse::<IpAddr>().ok()?;
    Some((ip.to_canonical(), port.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::{parse_address, same_tail};

    #[test]
    fn tails_join_only_numbered_names() {
        assert!(same_tail("mq-node3", "rabbit-node3"));
        assert!(!same_tail("mq-node3", "rabbit-node1"));
        assert!(!same_tail("mq-node", "rabbit-node"));
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let ip = |text: &str| text.parse().unwrap();
        let rows = [
            ("192.168.0.12:5672", Some((ip("192.168.0.12"), Some(5672)))),
            ("[::1]:5672", Some((ip("::1"), Some(5672)))),
            ("::1:5672", Some((ip("::1:5672"), None))),
            (
                "[::ffff:127.0.0.1]:5672",
                Some((ip("127.0.0.1"), Some(5672))),
            ),
            ("192.168.0.12", Some((ip("192.168.0.12"), None))),
            ("unix", None),
        ];
        for (text, place) in rows {
            assert_eq!(parse_address(text), place, "{text}");
        }
    }
}
