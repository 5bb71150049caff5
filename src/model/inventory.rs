//! Owns what the operator declared: the hosts, what runs on each, the VIP. Plain data made from
//! the configuration, without secrets.

use super::name::{HostName, NodeName, ServiceName};
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
    /// Port on every node that names no other.
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
    /// The URL of the host's node, up to and with `/api/`.
    pub fn url(&self, host: &HostEntry) -> String {
        let address = if host.address.parse::<Ipv6Addr>().is_ok() {
            format!("[{}]", host.address)
        } else {
            host.address.clone()
        };
        let port = host.port.unwrap_or(self.port);
        format!(
            "{}://{address}:{port}{}/api/",
            self.scheme, self.path_prefix
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
    /// The first declared host of the same machine; its own name, unless several nodes of one
    /// machine are declared.
    pub machine: HostName,
    /// The port of its node's management API, where it differs from that of the others.
    pub port: Option<u16>,
    /// What its services are called.
    pub services: ServiceNames,
}

/// What the services of a host are called: the units that systemd is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceNames {
    /// The broker's.
    pub broker: ServiceName,
    /// HAProxy's.
    pub haproxy: ServiceName,
    /// keepalived's.
    pub keepalived: ServiceName,
}

impl Default for ServiceNames {
    fn default() -> Self {
        Self {
            broker: ServiceName::rabbitmq_server(),
            haproxy: ServiceName::haproxy(),
            keepalived: ServiceName::keepalived(),
        }
    }
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

    /// Machines, each by the declared host that speaks for it: the one with keepalived, else the
    /// first. A machine has one set of addresses, however many of its nodes are declared.
    pub fn machines(&self) -> impl Iterator<Item = &HostEntry> {
        let speaks = |host: &&HostEntry| self.speaker(&host.name) == &host.name;
        self.hosts.iter().filter(speaks)
    }

    /// The declared host that speaks for the machine that `name` is on.
    pub fn speaker<'a>(&'a self, name: &'a HostName) -> &'a HostName {
        let Some(host) = self.host(name) else {
            return name;
        };
        let mut same = self.hosts.iter().filter(|o| o.machine == host.machine);
        let vrrp = same
            .clone()
            .find(|other| other.keepalived == Keepalived::Expected);
        let speaker = vrrp.or_else(|| same.next());
        speaker.map_or(name, |speaker| &speaker.name)
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

    /// What the canary through a VIP is called: `vip`, the next `vip-2`.
    pub fn canary_of(&self, vip: IpAddr) -> Option<HostName> {
        let name = match self.vips.iter().position(|known| *known == vip)? {
            0 => "vip".to_owned(),
            place => format!("vip-{}", place + 1),
        };
        HostName::parse(&name).ok()
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
    use super::{Access, ApiEntry, HostEntry, Keepalived, ServiceNames};
    use crate::model::name::HostName;

    #[test]
    fn a_url_has_brackets_for_ipv6_and_the_port_of_its_node() {
        let api = ApiEntry {
            scheme: "http".to_owned(),
            port: 15672,
            ..ApiEntry::default()
        };
        let url = |address: &str, port| {
            api.url(&HostEntry {
                name: HostName::parse("rabbit-node1").unwrap(),
                address: address.to_owned(),
                addresses: Vec::new(),
                access: Access::None,
                node: None,
                balancer: None,
                keepalived: Keepalived::Absent,
                machine: HostName::parse("rabbit-node1").unwrap(),
                port,
                services: ServiceNames::default(),
            })
        };
        assert_eq!(url("fe80::1", None), "http://[fe80::1]:15672/api/");
        assert_eq!(url("192.168.0.12", None), "http://192.168.0.12:15672/api/");
        assert_eq!(
            url("rabbit-node1", Some(15673)),
            "http://rabbit-node1:15673/api/"
        );
    }
}
