//! Owns the entry of the configuration that a discovery gives: a new one as text, with what is not
//! known as comments; what changed in one that stands already is for `update`. Pure; no secret is
//! ever in it.

#[cfg(test)]
mod tests;
mod update;

use super::found::{Found, FoundBalancer, FoundHost};
use crate::config::Cluster;
use crate::config::file::{self, ConfigError};
use crate::model::inventory::HostEntry;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, InlineTable, Value};

/// What the discovery does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// What the cluster is called in the configuration.
    pub name: String,
    /// The user of the management API.
    pub username: String,
    /// Given to `ssh -F`.
    pub ssh_config: Option<PathBuf>,
}

/// The environment variables that an entry names for its secrets.
pub const PASSWORD_ENV: &str = "RMQTOP_PASSWORD";
const HAPROXY_PASSWORD_ENV: &str = "RMQTOP_HAPROXY_PASSWORD";

/// Why a file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It is no TOML.
    #[error("{0}")]
    Toml(#[from] toml_edit::TomlError),
    /// The cluster stands in it in a form that is not edited.
    #[error(
        "the entry of cluster {0} is not written as tables ([clusters.{0}] and [[clusters.{0}.hosts]])"
    )]
    Form(String),
}

/// What the file says already: the entry that declares one of the nodes found, and its API user.
///
/// # Errors
///
/// If the file is no valid configuration: then nothing is added to it.
pub fn standing(
    path: &Path,
    text: &str,
    found: &Found,
) -> Result<Option<(String, String)>, ConfigError> {
    let is_begun = text
        .parse::<DocumentMut>()
        .map_or(true, |document| document.contains_key("clusters"));
    if !is_begun {
        return Ok(None);
    }
    let config = file::parse(path, text)?;
    // Clusters of other places may have the same names: where they are tells them apart.
    let is_here = |entry: &HostEntry, cluster: &Cluster, host: &FoundHost| {
        let ssh = cluster.ssh.get(&entry.name);
        entry.address == host.address || ssh.is_some() && ssh == host.ssh.as_ref()
    };
    let declares = |cluster: &Cluster| {
        let mut hosts = found.hosts.iter();
        hosts.any(|host| {
            let entry = host
                .node
                .as_ref()
                .and_then(|node| cluster.inventory.host_of(node));
            entry.is_some_and(|entry| is_here(entry, cluster, host))
        })
    };
    let entry = config
        .clusters
        .into_values()
        .find(|cluster| declares(cluster));
    Ok(entry.map(|cluster| (cluster.name, cluster.management.username)))
}

/// Whether the file has a cluster of this name.
pub fn is_taken(text: &str, name: &str) -> bool {
    let document = text.parse::<DocumentMut>().ok();
    let clusters = document.as_ref().and_then(|it| it.get("clusters"));
    clusters.is_some_and(|clusters| clusters.get(name).is_some())
}

/// The file's text with the cluster in it, and what changed, a line each; nothing if nothing did.
///
/// # Errors
///
/// If the text cannot be edited.
pub fn into_text(
    text: &str,
    found: &Found,
    choices: &Choices,
) -> Result<(String, Vec<String>), EntryError> {
    let mut document: DocumentMut = text.parse()?;
    let known = document
        .get("clusters")
        .and_then(|clusters| clusters.get(&choices.name));
    if known.is_some() {
        let changes = update::cluster(&mut document, found, choices)?;
        return Ok((document.to_string(), changes));
    }
    let mut whole = String::new();
    if text.trim().is_empty() {
        whole = format!("default_cluster = {}\n", quoted(&choices.name));
    } else {
        whole.push_str(text.trim_end());
        whole.push('\n');
    }
    whole.push('\n');
    whole.push_str(&render(found, choices));
    Ok((whole, vec![format!("cluster {} is new", choices.name)]))
}

fn quoted(word: &str) -> String {
    Value::from(word).to_string()
}

/// A new entry.
fn render(found: &Found, choices: &Choices) -> String {
    let name = toml_edit::Key::new(&choices.name).to_string();
    let mut lines = vec![format!("[clusters.{name}]")];
    let vips: Vec<String> = found
        .vips
        .iter()
        .map(|vip| quoted(&vip.to_string()))
        .collect();
    lines.push(match vips.as_slice() {
        [] => "# vip = \"…\"  # the address that keepalived moves: none was found".to_owned(),
        [vip] => format!("vip = {vip}"),
        several => format!("vip = [{}]", several.join(", ")),
    });
    lines.push(match found.amqp_port {
        Some(port) => format!("amqp_port = {port}"),
        None => "# amqp_port = 5672  # where clients come in, on the load balancers".to_owned(),
    });
    if let Some(path) = &choices.ssh_config {
        lines.push(format!("ssh_config = {}", quoted(&path.to_string_lossy())));
    }
    lines.push(format!("\n[clusters.{name}.management]"));
    lines.extend(management(found, choices));
    for host in &found.hosts {
        lines.push(format!("\n[[clusters.{name}.hosts]]"));
        lines.extend(host_lines(host));
    }
    lines.join("\n") + "\n"
}

fn management(found: &Found, choices: &Choices) -> Vec<String> {
    let others = "or password_file = \"…\" (mode 0600), or password_command = \"…\"";
    let mut lines = vec![
        format!("username = {}", quoted(&choices.username)),
        format!("password_env = {}  # {others}", quoted(PASSWORD_ENV)),
    ];
    if found.is_https {
        lines.push("scheme = \"https\"".to_owned());
        let words = "where a private authority signed the certificate";
        lines.push(format!("# ca_file = \"…\"  # {words}"));
    }
    lines.push(match found.port {
        Some(port) => format!("port = {port}"),
        None => "# port = 15672  # no member listens for it now".to_owned(),
    });
    if !found.prefix.is_empty() {
        lines.push(format!("path_prefix = {}", quoted(&found.prefix)));
    }
    lines
}

fn host_lines(host: &FoundHost) -> Vec<String> {
    let ssh = match (&host.ssh, &host.unreached) {
        (Some(ssh), _) => format!("ssh = {}", quoted(ssh)),
        (None, Some((tried, why))) => format!("# ssh = {}  # {}", quoted(tried), one_line(why)),
        (None, None) => {
            let words = "without it nothing is known of the host, and no runbook can act there";
            format!(
                "# ssh = {}  # {words}",
                quoted(&format!("root@{}", host.address))
            )
        }
    };
    let mut lines = vec![
        format!("name = {}", quoted(&host.name)),
        ssh,
        format!("address = {}", quoted(&host.address)),
    ];
    let node = host
        .node
        .as_ref()
        .map(|node| format!("node = {}", quoted(node.as_str())));
    let port = host.port.map(|port| format!("port = {port}"));
    let sudo = host.sudo.then(|| "sudo = true".to_owned());
    let inline = |key: &str, table: InlineTable| format!("{key} = {}", table.to_string().trim());
    let balancer = host
        .balancer
        .as_ref()
        .map(|it| inline("haproxy", haproxy(it)));
    let keepalived = host.keepalived.then(|| "keepalived = true".to_owned());
    let odd = (!host.services.is_empty()).then(|| inline("services", services(host)));
    lines.extend(
        [node, port, sudo, balancer, keepalived, odd]
            .into_iter()
            .flatten(),
    );
    lines
}

/// A reason of several lines would end its comment.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control())
        .collect::<Vec<_>>()
        .join(" ")
}

fn haproxy(balancer: &FoundBalancer) -> InlineTable {
    let mut table = InlineTable::new();
    let stats = balancer.stats.as_ref().map(|url| ("stats", url.as_str()));
    let user = balancer.user.iter().flat_map(|user| {
        [
            ("username", user.as_str()),
            ("password_env", HAPROXY_PASSWORD_ENV),
        ]
    });
    let socket = balancer
        .socket
        .as_ref()
        .map(|path| ("socket", path.as_str()));
    let backend = balancer
        .backend
        .as_ref()
        .map(|name| ("backend", name.as_str()));
    let all = stats.into_iter().chain(user).chain(socket).chain(backend);
    for (key, value) in all {
        table.insert(key, value.into());
    }
    table
}

fn services(host: &FoundHost) -> InlineTable {
    let mut table = InlineTable::new();
    for (key, unit) in &host.services {
        table.insert(*key, unit.as_str().into());
    }
    table
}
