//! Owns how hosts become a cluster: the members as a broker lists them, the hosts they are on, the
//! load balancers whose servers they are, and the peers of those.

#[cfg(test)]
mod tests;

use super::api::{self, ApiFacts};
use super::balancer::{Backend, Page};
use super::found::{Found, FoundBalancer, FoundHost};
use super::host::{self, BrokerFacts, HostFacts};
use super::target::{ApiTarget, Destination, Target};
use crate::model::name::NodeName;
use crate::remote::outcome::RemoteError;
use futures_util::future::join_all;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

/// Why nothing was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The first host could not be asked.
    #[error("{0}")]
    Host(#[from] RemoteError),
    /// The management API could not be asked.
    #[error("{0}")]
    Api(String),
    /// None of the hosts has a broker that answers.
    #[error("no broker answers on {}; name a host whose broker runs{}", hosts.join(", "), reasons(gaps))]
    NoBroker {
        /// Who was asked.
        hosts: Vec<String>,
        /// What they said.
        gaps: Vec<String>,
    },
}

fn reasons(gaps: &[String]) -> String {
    let lines = gaps.iter().map(|gap| format!("\n  {gap}"));
    lines.collect()
}

/// With what a discovery begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// What the operator named, in order.
    pub targets: Vec<Target>,
    /// Given to `ssh -F`.
    pub ssh_config: Option<PathBuf>,
    /// The user of the management API.
    pub user: Option<String>,
    /// Its password, where one is at hand.
    pub password: Option<SecretString>,
}

/// Finds the cluster of these targets. Nothing is changed anywhere.
///
/// # Errors
///
/// If no broker could be asked.
pub async fn find(start: &Start) -> Result<Found, FindError> {
    let (mut ssh, mut apis) = (Vec::new(), Vec::new());
    for target in &start.targets {
        match target {
            Target::Ssh(destination) => ssh.push(destination.clone()),
            Target::Api(api) => apis.push(api.clone()),
        }
    }
    let told = match apis.first() {
        Some(target) => Some(ask_api(start, target).await),
        None => None,
    };
    if ssh.is_empty() {
        let told = told.unwrap_or_else(|| Err("nothing was named".to_owned()));
        return told.map(by_api_alone).map_err(FindError::Api);
    }
    let mut found = by_hosts(ssh, start.ssh_config.as_ref()).await?;
    found.user = apis.into_iter().find_map(|target| target.user);
    match told {
        Some(Ok(facts)) => {
            found.gaps.extend(facts.gaps);
            // The way that was named is one that works.
            found.is_https = facts.is_https;
            found.port = most(facts.members.iter().filter_map(|it| it.port)).or(found.port);
            found.prefix = facts.prefix;
        }
        Some(Err(words)) => found.gaps.push(words),
        None => {}
    }
    Ok(found)
}

async fn ask_api(start: &Start, target: &ApiTarget) -> Result<ApiFacts, String> {
    let user = start.user.clone().or_else(|| target.user.clone());
    let password = target.password.clone().or_else(|| start.password.clone());
    api::ask(
        target,
        user.as_deref().unwrap_or("guest"),
        password.as_ref(),
    )
    .await
}

/// Members and their API, and nothing of their hosts.
fn by_api_alone(facts: ApiFacts) -> Found {
    let mut gaps = facts.gaps;
    gaps.push(
        "hosts, load balancers and VIP: only a management API was named; name a host over SSH \
         as well, such as root@HOST"
            .to_owned(),
    );
    let port = most(facts.members.iter().filter_map(|member| member.port));
    let hosts = facts.members.into_iter().map(|member| FoundHost {
        name: short(member.node.host_part()).to_owned(),
        address: member.address,
        port: member.port.filter(|own| Some(*own) != port),
        node: Some(member.node),
        ..FoundHost::default()
    });
    Found {
        name: facts.cluster_name,
        version: facts.version,
        is_https: facts.is_https,
        port,
        prefix: facts.prefix,
        hosts: hosts.collect(),
        users: facts.users,
        user: facts.user,
        gaps,
        ..Found::default()
    }
}

/// Members whose hosts were not reached: how that was tried first, and why it failed.
type Away = BTreeMap<NodeName, (String, String)>;

async fn by_hosts(
    named: Vec<Destination>,
    ssh_config: Option<&PathBuf>,
) -> Result<Found, FindError> {
    let asked = join_all(named.iter().map(|it| host::ask(it.clone(), ssh_config))).await;
    let (mut hosts, mut gaps, mut failure) = (Vec::new(), Vec::new(), None);
    for answer in asked {
        match answer {
            Ok(facts) => push_new(&mut hosts, facts),
            Err(error) => {
                gaps.push(error.to_string());
                failure = failure.or(Some(error));
            }
        }
    }
    let by_broker = |it: &HostFacts| Some((it.broker.clone()?, it.destination.clone()));
    let Some((broker, template)) = hosts.iter().find_map(by_broker) else {
        if let (Some(error), true) = (failure, hosts.is_empty()) {
            return Err(error.into());
        }
        gaps.extend(hosts.iter().flat_map(|it| it.gaps.clone()));
        let hosts = named.iter().map(ToString::to_string).collect();
        return Err(FindError::NoBroker { hosts, gaps });
    };
    let mut away = BTreeMap::new();
    let missing: Vec<&NodeName> = broker
        .members
        .iter()
        .filter(|node| !hosts.iter().any(|it| is_on(node, it)))
        .collect();
    let asked = missing.iter().map(|node| {
        let host = node.host_part();
        let address = broker.addresses.get(host).copied();
        host::ask_any(template.siblings(host, address), ssh_config)
    });
    for (node, answer) in missing.iter().zip(join_all(asked).await) {
        match answer {
            Ok(facts) => hosts.push(facts),
            Err(error) => {
                let address = broker.addresses.get(node.host_part()).copied();
                let tried = template.siblings(node.host_part(), address);
                let tried = tried.first().map(ToString::to_string).unwrap_or_default();
                away.insert((*node).clone(), (tried, error.to_string()));
            }
        }
    }
    let peers = ask_peers(&hosts, &broker, &template, ssh_config, &mut gaps).await;
    hosts.extend(peers);
    Ok(join(&hosts, &broker, &away, gaps))
}

/// A host that was named twice is one.
fn push_new(hosts: &mut Vec<HostFacts>, facts: HostFacts) {
    if hosts.iter().all(|other| other.who.name != facts.who.name) {
        hosts.push(facts);
    }
}

/// The hosts that the keepalived of others names, and that were not asked yet.
async fn ask_peers(
    hosts: &[HostFacts],
    broker: &BrokerFacts,
    template: &Destination,
    ssh_config: Option<&PathBuf>,
    gaps: &mut Vec<String>,
) -> Vec<HostFacts> {
    let known = |address: &IpAddr| {
        let text = address.to_string();
        broker.addresses.values().any(|own| own == address)
            || hosts.iter().any(|it| it.destination.host == text)
    };
    let instances = hosts
        .iter()
        .flat_map(|it| &it.vrrp)
        .flat_map(|it| &it.instances);
    let peers = instances.flat_map(|it| it.peers.iter().flatten());
    let peers: BTreeSet<IpAddr> = peers.copied().filter(|peer| !known(peer)).collect();
    let asked = peers
        .iter()
        .map(|peer| host::ask(template.at(&peer.to_string()), ssh_config));
    let mut found: Vec<HostFacts> = Vec::new();
    for answer in join_all(asked).await {
        match answer {
            Ok(facts) => {
                let mut known = hosts.iter().chain(&found);
                if known.all(|other| other.who.name != facts.who.name) {
                    found.push(facts);
                }
            }
            Err(error) => gaps.push(format!("a peer of keepalived: {error}")),
        }
    }
    found
}

fn short(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    host.split('.').next().unwrap_or(host)
}

fn is_on(node: &NodeName, host: &HostFacts) -> bool {
    let name = node.host_part();
    short(name) == host.who.name || Some(name) == host.who.fqdn.as_deref()
}

/// The value that is there most often; of equals the smallest.
fn most(values: impl Iterator<Item = u16>) -> Option<u16> {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let best = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    best.map(|(value, _)| value)
}

fn join(hosts: &[HostFacts], broker: &BrokerFacts, away: &Away, mut gaps: Vec<String>) -> Found {
    gaps.extend(hosts.iter().flat_map(|it| it.gaps.clone()));
    let apis: Vec<(bool, u16)> = hosts
        .iter()
        .filter_map(|it| it.broker.as_ref()?.api)
        .collect();
    let port = most(apis.iter().map(|(_, port)| *port));
    let instances = hosts
        .iter()
        .flat_map(|it| &it.vrrp)
        .flat_map(|it| &it.instances);
    let vips: BTreeSet<IpAddr> = instances
        .flat_map(|it| it.addresses.iter().copied())
        .collect();
    let fronts = hosts.iter().filter_map(|it| in_front(it, broker));
    let fronts = fronts.flat_map(|backend| backend.ports.clone());
    let found = Found {
        name: Some(broker.name.clone()),
        version: Some(broker.version.clone()),
        is_khepri: Some(broker.is_khepri),
        is_https: !apis.is_empty() && apis.iter().all(|(is_https, _)| *is_https),
        port,
        prefix: broker.prefix.clone(),
        amqp_port: most(fronts),
        vips: vips.into_iter().collect(),
        hosts: machines(hosts, broker, (away, port), &mut gaps),
        user: None,
        users: broker.users.clone(),
        vhosts: Some(broker.vhosts.clone()),
        gaps,
    };
    with_gaps(found, hosts, broker)
}

/// A host for each member, then those without a broker.
fn machines(
    hosts: &[HostFacts],
    broker: &BrokerFacts,
    (away, port): (&Away, Option<u16>),
    gaps: &mut Vec<String>,
) -> Vec<FoundHost> {
    let mut all: Vec<FoundHost> = Vec::new();
    for node in &broker.members {
        let host = member(node, hosts, broker, (away, port));
        if all.iter().any(|known| known.name == host.name) {
            gaps.push(format!(
                "{node} is another broker on the machine {}: add it by hand, as a host with the \
                 same address and its own name, port and services (rmqtop init --example)",
                host.name
            ));
        } else {
            all.push(host);
        }
    }
    let is_free = |it: &&HostFacts| !broker.members.iter().any(|node| is_on(node, it));
    for facts in hosts.iter().filter(is_free) {
        let host = with_programs(facts, broker, own_address(facts));
        if host.balancer.is_some() || host.keepalived {
            all.push(host);
        } else {
            gaps.push(stranger(facts));
        }
    }
    all
}

/// Why a host that was named is left out.
fn stranger(facts: &HostFacts) -> String {
    let name = &facts.who.name;
    match &facts.broker {
        Some(other) => format!(
            "{name}: {} belongs to another cluster, {}: run init for that one separately",
            other.node, other.name
        ),
        None => format!(
            "{name}: it has neither a broker of this cluster nor a load balancer in front of it: \
             left out"
        ),
    }
}

/// With what is missing from the whole.
fn with_gaps(mut found: Found, hosts: &[HostFacts], broker: &BrokerFacts) -> Found {
    let gaps = &mut found.gaps;
    gaps.extend(hosts.iter().filter_map(|host| balancer_gap(host, broker)));
    let words = [
        (
            found.port.is_none(),
            "no broker that was asked has the management API open: rabbitmq-plugins enable \
             rabbitmq_management",
        ),
        (
            !hosts.iter().any(|host| host.balancer.is_some()),
            "load balancers: none of these hosts has an HAProxy; name its host as well",
        ),
        (
            found.vips.is_empty(),
            "VIP: none of these hosts has a keepalived with a virtual address",
        ),
    ];
    let missing = words.into_iter().filter(|(is_missing, _)| *is_missing);
    gaps.extend(missing.map(|(_, words)| words.to_owned()));
    found
}

/// Why the HAProxy of a host is not in the entry.
fn balancer_gap(host: &HostFacts, broker: &BrokerFacts) -> Option<String> {
    let facts = host.balancer.as_ref()?;
    let name = &host.who.name;
    if in_front(host, broker).is_none() {
        let words = format!("{name}: no proxy of its HAProxy has the members for servers");
        return host.runs_haproxy().then_some(words);
    }
    let page = facts.page.as_ref().filter(|page| !is_at_vip(page, host));
    let is_mute = page.is_none() && facts.socket.is_none();
    is_mute.then(|| {
        format!(
            "{name}: its HAProxy has neither a page of statistics that other hosts reach (`stats \
             enable`, `stats uri`) nor a runtime socket (`stats socket`)"
        )
    })
}

fn member(
    node: &NodeName,
    hosts: &[HostFacts],
    broker: &BrokerFacts,
    (away, port): (&Away, Option<u16>),
) -> FoundHost {
    let name = node.host_part();
    let address = broker.addresses.get(name).map(ToString::to_string);
    let facts = hosts.iter().find(|it| is_on(node, it));
    let mut found = match facts {
        Some(facts) => {
            let fallback = || own_address(facts);
            with_programs(facts, broker, address.unwrap_or_else(fallback))
        }
        None => FoundHost {
            name: short(name).to_owned(),
            address: address.unwrap_or_else(|| name.to_owned()),
            unreached: away.get(node).cloned(),
            ..FoundHost::default()
        },
    };
    found.node = Some(node.clone());
    let broker = facts.and_then(|facts| facts.broker.as_ref());
    let own = broker.filter(|it| it.node == *node).and_then(|it| it.api);
    found.port = own.map(|(_, own)| own).filter(|own| Some(*own) != port);
    found
}

/// Where a host is reached that nobody told the address of.
fn own_address(facts: &HostFacts) -> String {
    if facts.destination.is_local() {
        "127.0.0.1".to_owned()
    } else {
        facts.destination.host.clone()
    }
}

/// Whether a page listens at a VIP alone: there the holder of the moment answers, whoever that is.
fn is_at_vip(page: &Page, facts: &HostFacts) -> bool {
    let address: Option<IpAddr> = page.host.as_ref().and_then(|host| host.parse().ok());
    let instances = facts.vrrp.iter().flat_map(|it| &it.instances);
    let mut vips = instances.flat_map(|it| &it.addresses);
    address.is_some_and(|address| vips.any(|vip| *vip == address))
}

fn with_programs(facts: &HostFacts, broker: &BrokerFacts, address: String) -> FoundHost {
    let backend = in_front(facts, broker);
    let balancer = facts.balancer.as_ref().and_then(|it| {
        let page = it.page.as_ref().filter(|page| !is_at_vip(page, facts));
        let is_readable = page.is_some() || it.socket.is_some();
        is_readable.then(|| FoundBalancer {
            stats: page.map(|page| page.url(&address)),
            user: page.and_then(|page| page.user.clone()),
            socket: it.socket.clone(),
            // Where several fit, each is found by its servers; one that is named is the only one.
            backend: backend
                .filter(|_| fitting(facts, broker).len() == 1)
                .map(|backend| backend.name.clone()),
        })
    });
    let balancer = balancer.filter(|_| backend.is_some());
    let instances = facts.vrrp.iter().flat_map(|it| &it.instances);
    FoundHost {
        name: facts.who.name.clone(),
        ssh: Some(facts.destination.to_string()),
        address,
        sudo: !facts.who.is_root && facts.who.may_sudo,
        balancer,
        keepalived: instances.count() > 0,
        services: facts.odd_services(),
        ..FoundHost::default()
    }
}

/// The backend of a host's HAProxy that takes AMQP to the members, to the most of them.
fn in_front<'a>(facts: &'a HostFacts, broker: &BrokerFacts) -> Option<&'a Backend> {
    let fitting = fitting(facts, broker);
    // Of equals the first, from behind.
    let best = fitting.into_iter().rev().max_by_key(|(count, _)| *count);
    best.map(|(_, backend)| backend)
}

/// The backends that take AMQP to members, each with to how many. Other services of the same hosts
/// stand behind it as well; their servers have other ports.
fn fitting<'a>(facts: &'a HostFacts, broker: &BrokerFacts) -> Vec<(usize, &'a Backend)> {
    let is_member = |host: &str| {
        let address = host.parse::<IpAddr>().ok();
        let mut members = broker.members.iter();
        members.any(|node| {
            let name = node.host_part();
            host == name
                || short(host) == short(name) && address.is_none()
                || address.is_some() && broker.addresses.get(name).copied() == address
        })
    };
    let ports = &broker.amqp;
    let is_amqp = |port: Option<u16>| port.is_none_or(|it| ports.is_empty() || ports.contains(&it));
    let count = |backend: &Backend| {
        let servers = backend.servers.iter();
        servers
            .filter(|(host, port)| is_member(host) && is_amqp(*port))
            .count()
    };
    let backends = facts.balancer.iter().flat_map(|it| &it.backends);
    let counted = backends.map(|it| (count(it), it));
    counted.filter(|(count, _)| *count > 0).collect()
}
