//! Owns the configuration file: its strict TOML types, their validation, and errors that name the
//! file, the line and what was probably meant. Reads one file and nothing else.

mod haproxy;
mod machines;
mod words;

use super::secret::SecretSource;
use super::{AccessRule, Canary, Cluster, Config, Management, Page, Scheme};
use crate::model::inventory::{Access, HostEntry, Inventory, Keepalived};
use crate::model::name::{HostName, NodeName};
use haproxy::RawHaproxy;
use machines::{Place, RawServices, check_port};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use toml::Spanned;
use words::{OneOrMany, explain};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds something that cannot be used.
    #[error("{path}:{line}: {message}", path = path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what was probably meant.
        message: String,
    },
}

/// Reads and validates a file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// Validates the text of a file.
pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let invalid = |at: usize, message: String| ConfigError::Invalid {
        path: path.to_owned(),
        line: line_of(text, at),
        message,
    };
    let raw: RawConfig = toml::from_str(text).map_err(|error| {
        invalid(
            error.span().map_or(0, |s| s.start),
            explain(error.message()),
        )
    })?;
    if raw.clusters.is_empty() {
        let message = "the configuration declares no cluster; `rmqtop init root@HOST` finds one and \
                       writes it, `rmqtop init --example` shows every key";
        return Err(invalid(0, message.to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut clusters = BTreeMap::new();
    for (name, cluster) in raw.clusters {
        let cluster = cluster
            .validate(&name, folder)
            .map_err(|f| invalid(f.at, f.message))?;
        clusters.insert(name, cluster);
    }
    let default_cluster = match raw.default_cluster {
        Some(name) if !clusters.contains_key(name.get_ref()) => {
            let known: Vec<&str> = clusters.keys().map(String::as_str).collect();
            let message = format!(
                "default_cluster names `{}`, but the clusters are: {}",
                name.get_ref(),
                known.join(", ")
            );
            return Err(invalid(name.span().start, message));
        }
        name => name.map(Spanned::into_inner),
    };
    Ok(Config {
        default_cluster,
        clusters,
    })
}

/// A fault at a byte offset of the file.
struct Fault {
    at: usize,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    default_cluster: Option<Spanned<String>>,
    #[serde(default)]
    clusters: BTreeMap<String, RawCluster>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCluster {
    #[serde(default)]
    read_only: bool,
    color: Option<String>,
    vip: Option<Spanned<OneOrMany>>,
    amqp_port: Option<u16>,
    ssh_config: Option<PathBuf>,
    management: RawManagement,
    canary: Option<RawCanary>,
    hosts: Spanned<Vec<RawHost>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManagement {
    username: Spanned<String>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    password_command: Option<OneOrMany>,
    #[serde(default = "http")]
    scheme: Scheme,
    port: Option<u16>,
    #[serde(default)]
    path_prefix: String,
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCanary {
    username: Spanned<String>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    password_command: Option<OneOrMany>,
    vhost: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHost {
    name: Spanned<HostName>,
    ssh: Option<Spanned<String>>,
    address: Option<String>,
    node: Option<Spanned<NodeName>>,
    haproxy: Option<Spanned<RawHaproxy>>,
    keepalived: Option<Spanned<bool>>,
    #[serde(default)]
    sudo: bool,
    port: Option<Spanned<u16>>,
    services: Option<Spanned<RawServices>>,
}

fn http() -> Scheme {
    Scheme::Http
}

impl RawCluster {
    fn validate(self, name: &str, folder: &Path) -> Result<Cluster, Fault> {
        let hosts_at = self.hosts.span().start;
        let (mut ssh, mut pages) = (BTreeMap::new(), BTreeMap::new());
        let mut sudo = BTreeSet::new();
        let (mut hosts, mut places) = (Vec::new(), Vec::new());
        let (mut names, mut nodes) = (BTreeSet::new(), BTreeSet::new());
        for raw in self.hosts.into_inner() {
            let at = raw.name.span().start;
            let host = raw.name.get_ref().clone();
            if !names.insert(host.clone()) {
                return Err(Fault {
                    at,
                    message: format!("host `{host}` is declared twice"),
                });
            }
            if let Some(node) = raw.node.as_ref()
                && !nodes.insert(node.get_ref().clone())
            {
                let message = format!("node `{}` is declared on two hosts", node.get_ref());
                return Err(Fault {
                    at: node.span().start,
                    message,
                });
            }
            if raw.sudo {
                sudo.insert(host);
            }
            places.push(raw.place());
            hosts.push(raw.validate(folder, &mut ssh, &mut pages)?);
        }
        let management = self.management.validate(folder)?;
        machines::join(&mut hosts, &ssh, (&places, management.port))?;
        if nodes.is_empty() {
            return Err(no_broker(name, hosts_at));
        }
        let canary = self.canary.map(|raw| raw.validate(folder)).transpose()?;
        Ok(Cluster {
            name: name.to_owned(),
            access: if self.read_only {
                AccessRule::ReadOnly
            } else {
                AccessRule::ReadWrite
            },
            color: self.color,
            ssh_config: self.ssh_config.map(|path| folder.join(path)),
            inventory: Inventory {
                cluster: name.to_owned(),
                vips: self.vip.map(addresses).transpose()?.unwrap_or_default(),
                amqp_port: self.amqp_port,
                hosts,
                api: management.entry(),
            },
            ssh,
            sudo,
            pages,
            management,
            canary,
        })
    }
}

fn no_broker(cluster: &str, at: usize) -> Fault {
    Fault {
        at,
        message: format!("cluster `{cluster}` has no broker: give at least one host a `node`"),
    }
}

impl RawHost {
    fn place(&self) -> Place {
        let name = self.name.span().start;
        Place {
            port: self.port.as_ref().map_or(name, |port| port.span().start),
            services: self.services.as_ref().map_or(name, |s| s.span().start),
            keepalived: self.keepalived.as_ref().map_or(name, |k| k.span().start),
        }
    }

    fn validate(
        self,
        folder: &Path,
        ssh: &mut BTreeMap<HostName, String>,
        pages: &mut BTreeMap<HostName, Page>,
    ) -> Result<HostEntry, Fault> {
        let name = self.name.into_inner();
        let access = match &self.ssh {
            None => Access::None,
            Some(word) if word.get_ref() == "local" => Access::Local,
            Some(_) => Access::Ssh,
        };
        if let (Access::Ssh, Some(word)) = (access, &self.ssh) {
            check_destination(word)?;
            ssh.insert(name.clone(), word.get_ref().clone());
        }
        let address = self.address.unwrap_or_else(|| match (access, &self.ssh) {
            (Access::Local, _) => "127.0.0.1".to_owned(),
            (Access::Ssh, Some(word)) => host_part(word.get_ref()).to_owned(),
            _ => name.to_string(),
        });
        let mut balancer = None;
        if let Some(raw) = self.haproxy {
            let (entry, page) = haproxy::validate(raw, (&name, access), folder)?;
            balancer = Some(entry);
            pages.insert(name.clone(), page);
        }
        let port = self
            .port
            .map(|port| check_port(&name, self.node.as_ref(), port));
        let port = port.transpose()?;
        let services = self.services.map(Spanned::into_inner).unwrap_or_default();
        Ok(HostEntry {
            machine: name.clone(),
            addresses: address.parse::<IpAddr>().ok().into_iter().collect(),
            name,
            address,
            access,
            node: self.node.map(Spanned::into_inner),
            balancer,
            keepalived: match self.keepalived.map(Spanned::into_inner) {
                Some(true) => Keepalived::Expected,
                Some(false) | None => Keepalived::Absent,
            },
            port,
            services: services.with_defaults(),
        })
    }
}

fn addresses(words: Spanned<OneOrMany>) -> Result<Vec<IpAddr>, Fault> {
    let at = words.span().start;
    let parse = |word: String| {
        word.parse().map_err(|error| Fault {
            at,
            message: format!("vip: `{word}`: {error}"),
        })
    };
    words.into_inner().0.into_iter().map(parse).collect()
}

impl RawManagement {
    fn validate(self, folder: &Path) -> Result<Management, Fault> {
        let at = self.username.span().start;
        let username = self.username.into_inner();
        Ok(Management {
            password: secret(
                (self.password_env, self.password_file, self.password_command),
                folder,
                at,
                &username,
            )?,
            port: self.port.unwrap_or(match self.scheme {
                Scheme::Http => 15672,
                Scheme::Https => 15671,
            }),
            scheme: self.scheme,
            path_prefix: self.path_prefix.trim_end_matches('/').to_owned(),
            username,
            ca_file: self.ca_file.map(|path| folder.join(path)),
            client_cert: self.client_cert.map(|path| folder.join(path)),
        })
    }
}

impl RawCanary {
    fn validate(self, folder: &Path) -> Result<Canary, Fault> {
        let at = self.username.span().start;
        let username = self.username.into_inner();
        let sources = (self.password_env, self.password_file, self.password_command);
        Ok(Canary {
            password: secret(sources, folder, at, &username)?,
            username,
            vhost: self.vhost.unwrap_or_else(|| "/".to_owned()),
        })
    }
}

type SecretKeys = (Option<String>, Option<PathBuf>, Option<OneOrMany>);

fn secret(keys: SecretKeys, folder: &Path, at: usize, user: &str) -> Result<SecretSource, Fault> {
    let mut found = Vec::new();
    if let Some(name) = keys.0 {
        found.push(SecretSource::Env(name));
    }
    if let Some(path) = keys.1 {
        found.push(SecretSource::File(folder.join(path)));
    }
    if let Some(words) = keys.2 {
        found.push(SecretSource::Command(words.into_argv()));
    }
    match (found.pop(), found.is_empty()) {
        (Some(source), true) => Ok(source),
        (None, _) => Err(Fault {
            at,
            message: format!(
                "no password for user `{user}`: give one of password_env, password_file, \
                 password_command"
            ),
        }),
        (Some(_), false) => Err(Fault {
            at,
            message: format!(
                "several passwords for user `{user}`: keep one of password_env, password_file, \
                 password_command"
            ),
        }),
    }
}

/// `ssh` would take a destination that starts with `-` for an option.
fn check_destination(word: &Spanned<String>) -> Result<(), Fault> {
    let text = word.get_ref();
    let ok = !text.is_empty()
        && !text.starts_with('-')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if ok {
        return Ok(());
    }
    let message = format!(
        "ssh is `{}`; expected a destination such as root@192.168.0.12",
        text.escape_debug()
    );
    Err(Fault {
        at: word.span().start,
        message,
    })
}

/// The host of `user@host`, `host`, or `ssh://user@host:port`.
fn host_part(destination: &str) -> &str {
    let (rest, is_url) = match destination.strip_prefix("ssh://") {
        Some(rest) => (rest, true),
        None => (destination, false),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if is_url {
        host.split_once(':').map_or(host, |(host, _)| host)
    } else {
        host
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
