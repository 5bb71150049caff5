//! Owns the loaded configuration: clusters, hosts, where secrets come from. Validated here, so
//! that every other room can trust it. No I/O beyond reading its files.

pub mod file;
pub mod secret;

use crate::model::inventory::{ApiEntry, Inventory};
use crate::model::name::HostName;
use secret::SecretSource;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The whole configuration.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The cluster used when none is named.
    pub default_cluster: Option<String>,
    /// All clusters, by name.
    pub clusters: BTreeMap<String, Cluster>,
}

/// One cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name in the file.
    pub name: String,
    /// Whether it may only be watched, whatever the flags say.
    pub access: AccessRule,
    /// The frame's colour, as written.
    pub color: Option<String>,
    /// Given to `ssh -F`.
    pub ssh_config: Option<PathBuf>,
    /// Hosts, nodes, load balancers, VIPs.
    pub inventory: Inventory,
    /// SSH destinations, by host; absent for hosts without SSH.
    pub ssh: BTreeMap<HostName, String>,
    /// Hosts on which what needs root is run through `sudo -n`.
    pub sudo: BTreeSet<HostName>,
    /// How the management API is reached.
    pub management: Management,
    /// How the statistics page of each load balancer is read, by its host.
    pub pages: BTreeMap<HostName, Page>,
    /// AMQP handshakes; off unless present.
    pub canary: Option<Canary>,
}

impl Cluster {
    /// Every login with the place of its password.
    pub fn logins_mut(&mut self) -> impl Iterator<Item = (&str, &mut SecretSource)> {
        let management = &mut self.management;
        let api = (management.username.as_str(), &mut management.password);
        let pages = self
            .pages
            .values_mut()
            .filter_map(|page| page.login.as_mut());
        let pages = pages.map(|login| (login.username.as_str(), &mut login.password));
        let canary = self.canary.as_mut();
        let canary = canary.map(|it| (it.username.as_str(), &mut it.password));
        [api].into_iter().chain(pages).chain(canary)
    }
}

/// Whether a cluster may be changed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessRule {
    /// Watch only.
    ReadOnly,
    /// Flags decide.
    ReadWrite,
}

/// How the management API is reached.
#[derive(Debug, Clone)]
pub struct Management {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Port on every node.
    pub port: u16,
    /// `management.path_prefix`, without trailing slash.
    pub path_prefix: String,
    /// User.
    pub username: String,
    /// Where the password comes from.
    pub password: SecretSource,
    /// A private authority's certificate, PEM.
    pub ca_file: Option<PathBuf>,
    /// A client certificate with its key, PEM.
    pub client_cert: Option<PathBuf>,
}

impl Management {
    /// How it is addressed, without the secret.
    pub fn entry(&self) -> ApiEntry {
        let shown = |path: &PathBuf| path.to_string_lossy().into_owned();
        ApiEntry {
            scheme: self.scheme.to_string(),
            port: self.port,
            path_prefix: self.path_prefix.clone(),
            user: self.username.clone(),
            ca_file: self.ca_file.as_ref().map(shown),
            client_cert: self.client_cert.as_ref().map(shown),
        }
    }
}

/// URL schemes of the management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// How a load balancer's statistics page is read, beside its address.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// A private authority's certificate, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whom it lets in; none: it asks nobody.
    pub login: Option<Login>,
}

/// A user with a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// User.
    pub username: String,
    /// Where the password comes from.
    pub password: SecretSource,
}

/// AMQP handshakes through the VIP and each load balancer.
#[derive(Debug, Clone)]
pub struct Canary {
    /// User.
    pub username: String,
    /// Where the password comes from.
    pub password: SecretSource,
    /// Virtual host, `/` by default.
    pub vhost: String,
}

/// Why no cluster could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// No cluster of that name.
    #[error("no cluster `{name}` in the configuration; there is: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several clusters and no default.
    #[error(
        "several clusters and no default_cluster; choose one with --cluster: {}",
        known.join(", ")
    )]
    Ambiguous {
        /// What there is.
        known: Vec<String>,
    },
    /// No cluster at all.
    #[error("the configuration declares no cluster")]
    Empty,
}

impl Config {
    /// The cluster named, else the default, else the only one.
    pub fn choose(&self, name: Option<&str>) -> Result<&Cluster, ChoiceError> {
        let known = || self.clusters.keys().cloned().collect();
        match name.or(self.default_cluster.as_deref()) {
            Some(name) => self.clusters.get(name).ok_or_else(|| ChoiceError::Unknown {
                name: name.to_owned(),
                known: known(),
            }),
            None if self.clusters.len() > 1 => Err(ChoiceError::Ambiguous { known: known() }),
            None => self.clusters.values().next().ok_or(ChoiceError::Empty),
        }
    }
}
