//! Owns the choice of configuration file and cluster.

use super::Common;
use crate::config::secret::{SecretSource, Typed};
use crate::config::{self, AccessRule, Cluster, Config, Management, Scheme};
use crate::model::inventory::{Access, HostEntry, Inventory, Keepalived, ServiceNames};
use crate::model::name::{HostName, NodeName};
use crate::view::theme::color::Rgb;
use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// The cluster the operator means: the one named, the default, or, without any configuration, the
/// broker on this host.
pub fn cluster(common: &Common) -> anyhow::Result<Cluster> {
    let path = match &common.config {
        Some(path) => path.clone(),
        None => default_path()?,
    };
    if common.config.is_none() && !path.exists() {
        if let Some(name) = &common.cluster {
            bail!(
                "there is no cluster `{name}`: the configuration {} does not exist",
                path.display()
            );
        }
        return local_broker();
    }
    let config: Config = config::file::load(&path)?;
    let cluster = config.choose(common.cluster.as_deref());
    let cluster = cluster.with_context(|| format!("in {}", path.display()))?;
    if let Some(color) = &cluster.color
        && Rgb::named(color).is_none()
    {
        bail!(
            "in {}: the color `{}` of cluster `{}` is none; write {}, or #rrggbb",
            path.display(),
            color.escape_debug(),
            cluster.name,
            Rgb::WORDS
        );
    }
    Ok(cluster.clone())
}

/// As `cluster`, for what asks the cluster: where a variable for a password is not set and a person
/// is there, the person is asked, once for each.
pub fn cluster_to_ask(common: &Common) -> anyhow::Result<Cluster> {
    let mut cluster = cluster(common)?;
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(cluster);
    }
    let name = cluster.name.clone();
    let mut typed: BTreeMap<String, Typed> = BTreeMap::new();
    for (user, source) in cluster.logins_mut() {
        let Some(variable) = source.unset_variable().map(str::to_owned) else {
            continue;
        };
        if !typed.contains_key(&variable) {
            let question = format!("password of {user} on {name} ({variable} is not set): ");
            let answer = rpassword::prompt_password(question).context("no password was given")?;
            typed.insert(variable.clone(), Typed::new(SecretString::from(answer)));
        }
        if let Some(password) = typed.get(&variable) {
            *source = SecretSource::Typed(password.clone());
        }
    }
    Ok(cluster)
}

/// `rmqtop/config.toml` in the user's configuration folder.
pub fn default_path() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().context("no home folder")?;
    Ok(folders.config_dir().join("rmqtop").join("config.toml"))
}

/// The broker of this host with its default user, which it accepts from here only.
fn local_broker() -> anyhow::Result<Cluster> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("cannot read this host's name")?;
    let short = name.trim().split('.').next().unwrap_or_default().to_owned();
    let host = HostName::parse(&short)?;
    let node = NodeName::parse(&format!("rabbit@{short}"))?;
    let entry = HostEntry {
        name: host.clone(),
        machine: host,
        address: "127.0.0.1".to_owned(),
        addresses: vec![std::net::Ipv4Addr::LOCALHOST.into()],
        access: Access::Local,
        node: Some(node),
        balancer: None,
        keepalived: Keepalived::Absent,
        port: None,
        services: ServiceNames::default(),
    };
    let password = match std::env::var_os("RMQTOP_PASSWORD") {
        Some(_) => SecretSource::Env("RMQTOP_PASSWORD".to_owned()),
        None => SecretSource::Guest,
    };
    let management = Management {
        scheme: Scheme::Http,
        port: 15672,
        path_prefix: String::new(),
        username: "guest".to_owned(),
        password,
        ca_file: None,
        client_cert: None,
    };
    let inventory = Inventory {
        cluster: "local".to_owned(),
        hosts: vec![entry],
        api: management.entry(),
        ..Inventory::default()
    };
    Ok(Cluster {
        name: "local".to_owned(),
        access: AccessRule::ReadWrite,
        color: None,
        ssh_config: None,
        inventory,
        ssh: BTreeMap::new(),
        sudo: BTreeSet::new(),
        pages: BTreeMap::new(),
        management,
        canary: None,
    })
}
