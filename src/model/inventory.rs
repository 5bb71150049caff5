//! Owns what the operator declared: the hosts, what runs on each, the VIP. Plain data made from
//! the configuration, without secrets.

use super::name::{HostName, NodeName};
use std::net::{IpAddr, Ipv6Addr};

/// The declared cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// The cluster's name in the configuration; typed to confirm what destroys.
    pub cluster: String,
    /// Virtual addresses.
    pub vips: Vec<IpAddr>,
    /// Port clients use on the VIP.
    pub amqp_port: Option<u16>,
    /// Hosts in the order of the configuration.
    pub hosts: Vec<HostEntry>,
    /// How the management API is addressed.
    pub api: ApiEntry,
}

/// How the management API of every node is addressed; no secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiEntry {
    /// `http` or `https`.
    pub scheme: String,
    /// Port on every node.
    pub port: u16,
    /// `management.path_prefix`, without trailing slash.
    pub path_prefix: String,
    /// User.
    pub user: String,
    /// A private authority's certificate.
    pub ca_file: Option<String>,
    /// A client certificate with its key.
    pub client_cert: Option<String>,
}

impl ApiEntry {
    /// The URL of the node at `address`, up to and with `/api/`.
    pub fn url(&self, address: &str) -> String {
        let host = if address.parse::<Ipv6Addr>().is_ok() {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        format!(
            "{}://{host}:{}{}/api/",
            self.scheme, self.port, self.path_prefix
        )
    }
}

/// One declared host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Its name.
    pub name: HostName,
    /// Where its HTTP ports are reached: an address or a name.
    pub address: String,
    /// Its addresses, as far as known; used to join load-balancer servers to nodes.
    pub addresses: Vec<IpAddr>,
    /// How commands reach it.
    pub access: Access,
    /// The broker on it.
    pub node: Option<NodeName>,
    /// The HAProxy on it.
    pub balancer: Option<BalancerEntry>,
    /// Whether keepalived belongs on it.
    pub keepalived: Keepalived,
}

/// How commands reach a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Over SSH.
    Ssh,
    /// This machine.
    Local,
    /// Not at all; what needs it says so.
    None,
}

/// Whether a host takes part in VRRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalived {
    /// It may hold the VIP.
    Expected,
    /// It may not.
    Absent,
}

/// A declared HAProxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancerEntry {
    /// The proxy whose servers are the brokers; `None`: whichever holds servers that match.
    pub backend: Option<String>,
    /// Statistics page, without `;csv`.
    pub stats_url: Option<String>,
    /// Runtime socket's path on the host.
    pub socket: Option<String>,
}

impl Inventory {
    /// The host of this name.
    pub fn host(&self, name: &HostName) -> Option<&HostEntry> {
        self.hosts.iter().find(|host| host.name == *name)
    }

    /// The host that runs `node`.
    pub fn host_of(&self, node: &NodeName) -> Option<&HostEntry> {
        self.hosts
            .iter()
            .find(|host| host.node.as_ref() == Some(node))
    }

    /// All declared nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = (&HostEntry, &NodeName)> {
        self.hosts
            .iter()
            .filter_map(|host| Some((host, host.node.as_ref()?)))
    }

    /// All declared load balancers, in order.
    pub fn balancers(&self) -> impl Iterator<Item = (&HostEntry, &BalancerEntry)> {
        self.hosts
            .iter()
            .filter_map(|host| Some((host, host.balancer.as_ref()?)))
    }

    /// All hosts that may hold the VIP, in order.
    pub fn vrrp_hosts(&self) -> impl Iterator<Item = &HostEntry> {
        self.hosts
            .iter()
            .filter(|host| host.keepalived == Keepalived::Expected)
    }
}

#[cfg(test)]
mod tests {
    use super::ApiEntry;

    #[test]
    fn only_ipv6_addresses_get_brackets() {
        let api = ApiEntry {
            scheme: "http".to_owned(),
            port: 15672,
            ..ApiEntry::default()
        };
        assert_eq!(api.url("fe80::1"), "http://[fe80::1]:15672/api/");
        assert_eq!(api.url("192.168.0.12"), "http://192.168.0.12:15672/api/");
        assert_eq!(api.url("rabbit-node1"), "http://rabbit-node1:15672/api/");
    }
}
