//! Owns what a discovery gives: plain data, without a secret in it.

use crate::model::name::NodeName;
use std::net::IpAddr;

/// A cluster as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What the cluster calls itself.
    pub name: Option<String>,
    /// The release of the broker that was asked.
    pub version: Option<String>,
    /// Whether its metadata is in Khepri.
    pub is_khepri: Option<bool>,
    /// Whether its management API is reached with TLS.
    pub is_https: bool,
    /// The port of the management API on most members.
    pub port: Option<u16>,
    /// Below which path it is.
    pub prefix: String,
    /// The port on which clients come in.
    pub amqp_port: Option<u16>,
    /// Virtual addresses.
    pub vips: Vec<IpAddr>,
    /// Hosts, members first.
    pub hosts: Vec<FoundHost>,
    /// The user that a URL named.
    pub user: Option<String>,
    /// The broker's users with their tags, where they could be listed.
    pub users: Option<Vec<(String, Vec<String>)>>,
    /// Virtual hosts, where they could be listed.
    pub vhosts: Option<Vec<String>>,
    /// What could not be learnt, and why.
    pub gaps: Vec<String>,
}

/// One host of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundHost {
    /// Its name.
    pub name: String,
    /// How it was reached; none: not over SSH.
    pub ssh: Option<String>,
    /// How that was tried in vain, and why it failed.
    pub unreached: Option<(String, String)>,
    /// Where its ports are reached.
    pub address: String,
    /// The broker on it.
    pub node: Option<NodeName>,
    /// The port of its management API, where it is another than on most members.
    pub port: Option<u16>,
    /// Whether the login needs `sudo`.
    pub sudo: bool,
    /// The HAProxy on it.
    pub balancer: Option<FoundBalancer>,
    /// Whether keepalived is set up there.
    pub keepalived: bool,
    /// Services that are not called as usual.
    pub services: Vec<(&'static str, String)>,
}

/// An HAProxy in front of the members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundBalancer {
    /// URL of its statistics page.
    pub stats: Option<String>,
    /// The user that the page asks for.
    pub user: Option<String>,
    /// Its runtime socket.
    pub socket: Option<String>,
    /// The proxy whose servers are the members.
    pub backend: Option<String>,
}
