//! Owns the join between layers: which member stands behind a load balancer's server, and which
//! backends balance the brokers. Joined by address and port; by name only where HAProxy does not
//! show addresses, or no address of the host is known, and marked so.

use super::Model;
use super::balancer::{Backend, BalancerReport, ServerRow};
use super::inventory::HostEntry;
use super::moment::Moment;
use super::name::{HostName, NodeName};
use super::reading::Reading;
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
        // Several brokers at one address differ by their ports.
        let mut listening = nodes
            .iter()
            .filter(|node| port.is_some_and(|port| self.listens_on(node, port) == Some(true)));
        if let (Some(node), None) = (listening.next(), listening.next()) {
            return Some((node, MatchBasis::Address));
        }
        let node = self.member_by_name(server)?;
        nodes.contains(&node).then_some((node, MatchBasis::Name))
    }

    /// Whether `node` has a listener for AMQP on `port`, as any member last said; `None` where its
    /// listeners are not known.
    pub fn listens_on(&self, node: &NodeName, port: u16) -> Option<bool> {
        let ports = self.amqp_ports(node)?;
        Some(ports.contains(&port))
    }

    /// The ports on which `node` takes AMQP, with and without TLS, as any member last said.
    pub fn amqp_ports(&self, node: &NodeName) -> Option<Vec<u16>> {
        let reports = self.brokers.values().filter_map(Reading::last);
        let listeners = reports.flat_map(|report| &report.listeners);
        let mut ports: Vec<u16> = listeners
            .filter(|listener| listener.node == *node)
            .filter(|listener| matches!(listener.protocol.raw(), "amqp" | "amqp/ssl" | "amqps"))
            .map(|listener| listener.port)
            .collect();
        ports.sort_unstable();
        ports.dedup();
        (!ports.is_empty()).then_some(ports)
    }

    /// Whether no address is known by which another host could reach it.
    fn is_unplaced(&self, host: &HostEntry) -> bool {
        let seen = self.addresses.get(&host.name);
        host.addresses.iter().all(IpAddr::is_loopback)
            && seen.and_then(|reading| reading.last()).is_none()
    }

    /// Whether `ip` is one of the host's own addresses, declared or seen; never a VIP.
    fn has_address(&self, host: &HostEntry, ip: IpAddr) -> bool {
        let seen = || {
            self.addresses
                .get(&host.name)
                .and_then(|reading| reading.last())
        };
        host.addresses.contains(&ip)
            || (!ip.is_loopback()
                && !self.inventory.vips.contains(&ip)
                && seen().is_some_and(|report| report.holding(ip).is_some()))
    }

    /// The backends that balance the brokers: the declared one; else those of which a server
    /// leads to a member's AMQP port; else the one whose servers match members best.
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
        let matched = |backend: &Backend, with: &dyn Fn(&ServerRow, &NodeName) -> bool| {
            let behind = |server| Some((server, self.member_behind(&on.name, server)?.0));
            let servers = backend.servers.iter().filter_map(behind);
            servers.filter(|(server, node)| with(server, node)).count()
        };
        let any = |_: &ServerRow, _: &NodeName| true;
        let tcp = || report.backends.iter().filter(|backend| !backend.is_http());
        let amqp: Vec<&Backend> = tcp()
            .filter(|backend| {
                matched(backend, &|server, node| self.leads_to_amqp(server, node)) > 0
            })
            .collect();
        if !amqp.is_empty() {
            return amqp;
        }
        let best = tcp()
            .map(|backend| (matched(backend, &any), backend))
            .filter(|(matched, _)| *matched > 0)
            .max_by_key(|(matched, _)| *matched);
        best.map(|(_, backend)| backend).into_iter().collect()
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
        let candidates: Vec<(&HostEntry, &NodeName)> = self.inventory.nodes().collect();
        let exact = candidates
            .iter()
            .find(|(host, node)| name == host.name.as_str() || name == node.short());
        if let Some((_, node)) = exact {
            return Some(node);
        }
        let mut fitting = candidates
            .iter()
            .filter(|(host, _)| same_tail(name, host.name.as_str()));
        match (fitting.next(), fitting.next()) {
            (Some((_, node)), None) => Some(node),
            _ => None,
        }
    }
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
