//! Owns the join between layers: which member stands behind a load balancer's server. Joined by
//! address; by name only where HAProxy does not show addresses, or no address of the host is known,
//! and marked so.

use super::Model;
use super::balancer::{Backend, BalancerReport, ServerRow};
use super::inventory::{BalancerEntry, HostEntry};
use super::name::NodeName;
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

impl Model {
    /// The member behind a server, and how that is known.
    pub fn member_behind(&self, server: &ServerRow) -> Option<(&NodeName, MatchBasis)> {
        match server
            .address
            .as_ref()
            .and_then(|address| parse_address(address.raw()))
        {
            Some(ip) => {
                let mut hosts = self.inventory.hosts.iter();
                if let Some(host) = hosts.find(|host| self.has_address(host, ip)) {
                    return Some((host.node.as_ref()?, MatchBasis::Address));
                }
                // A host of which no address is known may have any.
                let node = self.member_by_name(server)?;
                let is_unplaced = self.is_unplaced(self.inventory.host_of(node)?);
                is_unplaced.then_some((node, MatchBasis::Name))
            }
            None => Some((self.member_by_name(server)?, MatchBasis::Name)),
        }
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

    /// The backend that balances the brokers: the declared one, else the one whose servers match
    /// members best.
    pub fn broker_backend<'a>(
        &self,
        entry: &BalancerEntry,
        report: &'a BalancerReport,
    ) -> Option<&'a Backend> {
        if let Some(name) = &entry.backend {
            return report.backend(name);
        }
        report
            .backends
            .iter()
            .map(|backend| {
                let matched = backend
                    .servers
                    .iter()
                    .filter(|s| self.member_behind(s).is_some())
                    .count();
                (matched, backend)
            })
            .filter(|(matched, _)| *matched > 0)
            .max_by_key(|(matched, _)| *matched)
            .map(|(_, backend)| backend)
    }

    /// The server rows that stand for `node` on one load balancer.
    pub fn servers_of<'a>(
        &self,
        node: &NodeName,
        entry: &BalancerEntry,
        report: &'a BalancerReport,
    ) -> Vec<&'a ServerRow> {
        self.broker_backend(entry, report)
            .map(|backend| {
                backend
                    .servers
                    .iter()
                    .filter(|server| self.member_behind(server).is_some_and(|(n, _)| n == node))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// `mq-node3` and `rabbit-node3` share their trailing number, or one name ends in the other.
    fn member_by_name(&self, server: &ServerRow) -> Option<&NodeName> {
        let name = server.name.raw();
        let candidates: Vec<(&HostEntry, &NodeName)> = self.inventory.nodes().collect();
        let exact = candidates
            .iter()
            .find(|(host, node)| name == host.name.as_str() || name == node.host_part());
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

/// HAProxy writes `192.168.0.12:5672` and `[::1]:5672`, and an address alone without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<SocketAddr>()
        .map(|socket| socket.ip())
        .or_else(|_| text.parse::<IpAddr>())
        .or_else(|_| {
            text.rsplit_once(':')
                .map_or(text, |(ip, _)| ip)
                .parse::<IpAddr>()
        })
        .ok()
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
        assert_eq!(
            parse_address("192.168.0.12:5672"),
            "192.168.0.12".parse().ok()
        );
        assert_eq!(parse_address("[::1]:5672"), "::1".parse().ok());
        assert_eq!(parse_address("192.168.0.12"), "192.168.0.12".parse().ok());
        assert_eq!(parse_address("unix"), None);
    }
}
