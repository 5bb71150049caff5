//! Owns what one host is asked: who we are on it, which programs it runs, how its HAProxy and its
//! keepalived are set up, and, where a broker runs, what that knows of its cluster.

use super::balancer::{self, BalancerFacts};
use super::target::Destination;
use crate::invocation::Read;
use crate::invocation::keep::Rights;
use crate::model::name::{HostName, NodeName, ServiceName};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::model::vrrp::VrrpConfig;
use crate::remote::local::Local;
use crate::remote::outcome::{Output, RemoteError};
use crate::remote::{Observe, ssh};
use crate::sources::keepalived::Keepalived;
use crate::sources::names;
use crate::sources::{Reach, status};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A host that is slow answers within this, or not at all.
const LIMIT: Duration = Duration::from_secs(15);

/// The programs that a host is searched for, as `/proc` calls them.
const BROKER: &str = "beam.smp";
const HAPROXY: &str = "haproxy";
const KEEPALIVED: &str = "keepalived";

/// What one host said.
#[derive(Debug, Clone)]
pub(super) struct HostFacts {
    pub(super) destination: Destination,
    pub(super) who: Surroundings,
    pub(super) balancer: Option<BalancerFacts>,
    pub(super) vrrp: Option<VrrpConfig>,
    pub(super) broker: Option<BrokerFacts>,
    /// What it could not be asked, and why.
    pub(super) gaps: Vec<String>,
}

/// Who we are on a host, and what is on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) is_root: bool,
    pub(super) may_sudo: bool,
    /// Up to the first dot.
    pub(super) name: String,
    pub(super) fqdn: Option<String>,
    /// Erlang nodes that are registered.
    pub(super) runtimes: Vec<String>,
    /// The unit of each program, and whether it runs.
    pub(super) units: BTreeMap<String, (String, bool)>,
    /// Programs that run in several units: which is which is not told.
    pub(super) several: BTreeSet<String>,
}

/// What a broker knows of its cluster.
#[derive(Debug, Clone)]
pub(super) struct BrokerFacts {
    pub(super) node: NodeName,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) members: Vec<NodeName>,
    /// Whether its own management API is reached with TLS, and on which port.
    pub(super) api: Option<(bool, u16)>,
    /// Ports on which it takes AMQP.
    pub(super) amqp: Vec<u16>,
    pub(super) prefix: String,
    pub(super) is_khepri: bool,
    pub(super) vhosts: Vec<String>,
    /// Users with their tags.
    pub(super) users: Option<Vec<(String, Vec<String>)>>,
    /// Addresses by which this host knows the members' hosts.
    pub(super) addresses: BTreeMap<String, IpAddr>,
}

/// Asks the first of these destinations that lets us in; else says why none did.
pub(super) async fn ask_any(
    destinations: Vec<Destination>,
    ssh_config: Option<&PathBuf>,
) -> Result<HostFacts, RemoteError> {
    let mut first = None;
    for destination in destinations {
        match ask(destination, ssh_config).await {
            Ok(facts) => return Ok(facts),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| RemoteError {
        destination: Shown::new("?"),
        kind: FailureKind::NotConfigured,
        message: Shown::new("no destination is known"),
    }))
}

/// Asks one host everything.
pub(super) async fn ask(
    destination: Destination,
    ssh_config: Option<&PathBuf>,
) -> Result<HostFacts, RemoteError> {
    let link = |rights| -> Arc<dyn Observe> {
        if destination.is_local() {
            Arc::new(Local::new(rights))
        } else {
            Arc::new(ssh::Link::new(
                destination.as_str(),
                ssh_config.cloned(),
                rights,
            ))
        }
    };
    let plain = link(Rights::Login);
    let output = plain.read(&Read::Surroundings, LIMIT).await?;
    let who = surroundings(&output.stdout);
    if !output.stdout.ends_with("end\n") || who.name.is_empty() {
        return Err(RemoteError {
            destination: Shown::new(destination.as_str()),
            kind: FailureKind::Malformed,
            message: Shown::new(status::complaint(&output)),
        });
    }
    let is_plain = who.is_root || !who.may_sudo;
    let link = if is_plain { plain } else { link(Rights::Sudo) };
    let mut facts = HostFacts {
        destination,
        who,
        balancer: None,
        vrrp: None,
        broker: None,
        gaps: Vec::new(),
    };
    if !facts.who.is_root && !facts.who.may_sudo {
        let words = "the login is not root, and sudo asks for a password or refuses: runbooks and some reads need root";
        facts.gap(words);
    }
    facts.ask_balancer(link.as_ref()).await;
    facts.ask_keepalived(&link).await;
    facts.ask_broker(link.as_ref()).await;
    Ok(facts)
}

impl HostFacts {
    fn gap(&mut self, words: &str) {
        self.gaps.push(format!("{}: {words}", self.who.name));
    }

    fn has(&self, program: &str) -> bool {
        self.who.units.contains_key(program)
    }

    /// Whether HAProxy runs there; one that is only installed is no part of the cluster unless its
    /// files say so.
    pub(super) fn runs_haproxy(&self) -> bool {
        self.runs(HAPROXY)
    }

    fn runs(&self, program: &str) -> bool {
        self.who.units.get(program).is_some_and(|(_, runs)| *runs)
    }

    async fn ask_balancer(&mut self, link: &dyn Observe) {
        if !self.has(HAPROXY) {
            return;
        }
        match link.read(&Read::HaproxyFiles, LIMIT).await {
            Ok(output) => {
                let (text, missing) = files(&output.stdout);
                if self.runs_haproxy() {
                    for file in missing {
                        self.gap(&format!("{file} cannot be read"));
                    }
                }
                self.balancer = Some(balancer::read(&text));
            }
            Err(error) => self.gap(&format!("HAProxy's files cannot be read: {error}")),
        }
    }

    async fn ask_keepalived(&mut self, link: &Arc<dyn Observe>) {
        if !self.has(KEEPALIVED) {
            return;
        }
        // A package brings an example of its own.
        if !self.runs(KEEPALIVED) {
            self.gap("keepalived is installed and does not run: what it would hold is left out");
            return;
        }
        let Ok(host) = HostName::parse(&self.who.name) else {
            return;
        };
        let reach = Reach {
            host,
            link: Some(Arc::clone(link)),
        };
        let service = self
            .service(KEEPALIVED)
            .unwrap_or_else(ServiceName::keepalived);
        match Keepalived::new(reach, service).read_files().await {
            Ok(config) => {
                self.gaps
                    .extend(config.gaps.iter().map(ToString::to_string));
                self.vrrp = Some(config);
            }
            Err(failure) => self.gaps.push(failure.message.to_string()),
        }
    }

    /// What a program's unit is called, where it is not called as usual.
    pub(super) fn service(&self, program: &str) -> Option<ServiceName> {
        let is_told = !self.who.several.contains(program);
        let (unit, _) = self.who.units.get(program).filter(|_| is_told)?;
        ServiceName::parse(unit).ok()
    }

    /// The services that are not called as usual: of the broker, of HAProxy, of keepalived.
    pub(super) fn odd_services(&self) -> Vec<(&'static str, String)> {
        [
            ("broker", BROKER, "rabbitmq-server"),
            ("haproxy", HAPROXY, "haproxy"),
            ("keepalived", KEEPALIVED, "keepalived"),
        ]
        .into_iter()
        .filter_map(|(key, program, usual)| {
            let unit = self.service(program)?.to_string();
            (unit != usual).then_some((key, unit))
        })
        .collect()
    }

    async fn ask_broker(&mut self, link: &dyn Observe) {
        if !self.has(BROKER) {
            return;
        }
        let hosts = [Some(self.who.name.clone()), self.who.fqdn.clone()];
        let is_broker = |name: &&String| !name.starts_with("rabbitmqcli");
        let names: Vec<&String> = self.who.runtimes.iter().filter(is_broker).collect();
        let mut said = None;
        for host in hosts.into_iter().flatten() {
            for name in &names {
                let Ok(node) = NodeName::parse(&format!("{name}@{host}")) else {
                    continue;
                };
                match facts_of(link, node).await {
                    Ok(facts) => {
                        self.broker = Some(facts);
                        return;
                    }
                    Err(words) => said = said.or(Some(words)),
                }
            }
        }
        let words = said.unwrap_or_else(|| "no broker is registered with epmd".to_owned());
        self.gap(&format!("its broker cannot be asked: {words}"));
    }
}

async fn facts_of(link: &dyn Observe, node: NodeName) -> Result<BrokerFacts, String> {
    let read = Read::BrokerFacts { node: node.clone() };
    let output = link
        .read(&read, LIMIT)
        .await
        .map_err(|error| error.to_string())?;
    let said: Option<Said> = first_json(&output.stdout);
    let said = said.ok_or_else(|| status::complaint(&output).to_owned())?;
    let members = said.members.iter();
    let mut members: Vec<NodeName> = members
        .filter_map(|name| NodeName::parse(name).ok())
        .collect();
    members.sort();
    let read_users = Read::Users { node: node.clone() };
    let read_names = Read::Names {
        of: members.clone(),
    };
    let (users, names) = tokio::join!(link.read(&read_users, LIMIT), link.read(&read_names, LIMIT));
    Ok(BrokerFacts {
        node,
        api: said.api(),
        amqp: said.amqp(),
        name: said.name,
        version: said.version,
        members,
        prefix: said.prefix.trim_end_matches('/').to_owned(),
        is_khepri: said.khepri,
        vhosts: said.vhosts,
        users: users.ok().and_then(|output| self::users(&output.stdout)),
        addresses: names.map(|output| addresses(&output)).unwrap_or_default(),
    })
}

/// What `Read::BrokerFacts` prints.
#[derive(Deserialize)]
struct Said {
    name: String,
    version: String,
    prefix: String,
    khepri: bool,
    vhosts: Vec<String>,
    members: Vec<String>,
    listeners: Vec<SaidListener>,
}

#[derive(Deserialize)]
struct SaidListener {
    protocol: String,
    port: u16,
}

impl Said {
    fn amqp(&self) -> Vec<u16> {
        let is_amqp = |it: &&SaidListener| matches!(it.protocol.as_str(), "amqp" | "amqp/ssl");
        self.listeners
            .iter()
            .filter(is_amqp)
            .map(|it| it.port)
            .collect()
    }

    /// The plain port where both are open: it needs no authority.
    fn api(&self) -> Option<(bool, u16)> {
        let port = |protocol: &str| {
            let mut all = self.listeners.iter();
            all.find(|it| it.protocol == protocol).map(|it| it.port)
        };
        let plain = port("http").map(|port| (false, port));
        plain.or_else(|| port("https").map(|port| (true, port)))
    }
}

#[derive(Deserialize)]
struct User {
    user: String,
    tags: Vec<String>,
}

/// The first JSON object or array; the tools warn before it, and say `ok` behind it.
fn first_json<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    let (start, _) = text.char_indices().find(|(_, c)| matches!(c, '{' | '['))?;
    let mut values = serde_json::Deserializer::from_str(text.get(start..)?).into_iter();
    values.next()?.ok()
}

fn users(text: &str) -> Option<Vec<(String, Vec<String>)>> {
    let users: Vec<User> = first_json(text)?;
    Some(users.into_iter().map(|row| (row.user, row.tags)).collect())
}

/// Addresses that others reach; a host often knows its own name at a loopback address.
fn addresses(output: &Output) -> BTreeMap<String, IpAddr> {
    let report = names::parse(output).unwrap_or_default();
    let found = report
        .found
        .iter()
        .filter(|(_, address)| !address.is_loopback())
        .filter(|(_, address)| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()));
    found
        .map(|(name, address)| (name.raw().to_owned(), *address))
        .collect()
}

/// What `Read::Surroundings` prints.
fn surroundings(text: &str) -> Surroundings {
    let mut found = Surroundings::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["uid", "0"] => found.is_root = true,
            ["sudo"] => found.may_sudo = true,
            ["name", name] => name
                .split('.')
                .next()
                .unwrap_or(name)
                .clone_into(&mut found.name),
            ["fqdn", name] if name.contains('.') => found.fqdn = Some((*name).to_owned()),
            ["runtime", name] => found.runtimes.push((*name).to_owned()),
            ["unit", program, unit, state] => {
                let runs = *state == "runs";
                let known = found.units.entry((*program).to_owned());
                let known = known.or_insert_with(|| ((*unit).to_owned(), runs));
                if runs && !known.1 {
                    *known = ((*unit).to_owned(), true);
                } else if runs && known.0 != *unit {
                    found.several.insert((*program).to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

/// The files that `Read::HaproxyFiles` prints, one below the other, and those it could not read.
fn files(text: &str) -> (String, Vec<String>) {
    let (mut all, mut missing) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(content) = line.strip_prefix('|') {
            all.push_str(content);
            all.push('\n');
        } else if let Some(file) = line.strip_prefix("missing ") {
            missing.push(file.to_owned());
        }
    }
    (all, missing)
}

#[cfg(test)]
mod tests {
    use super::{Said, files, first_json, surroundings, users};
    use serde_json::Value;

    #[test]
    fn a_host_is_read_as_it_answers() {
        let found = surroundings(
            "uid 1000\nsudo\nname mq1.example.org\nfqdn mq1.example.org\nruntime rabbit\n\
             unit beam.smp rabbitmq-server runs\nunit haproxy haproxy installed\nunit haproxy haproxy-mq runs\nend\n",
        );
        assert!(!found.is_root && found.may_sudo);
        assert_eq!(
            (found.name.as_str(), found.fqdn.as_deref()),
            ("mq1", Some("mq1.example.org"))
        );
        assert_eq!(found.units["haproxy"], ("haproxy-mq".to_owned(), true));
        assert_eq!(
            found.units["beam.smp"],
            ("rabbitmq-server".to_owned(), true)
        );
        assert_eq!(found.runtimes, ["rabbit"]);
    }

    #[test]
    fn words_around_json_are_no_harm() {
        let value: Value = first_json("warning\n{\"a\":1}\nok\n").unwrap();
        assert_eq!(value["a"], 1);
        let known = users("[\n{\"user\":\"guest\",\"tags\":[\"administrator\"]}\n]\n").unwrap();
        assert_eq!(
            known,
            [("guest".to_owned(), vec!["administrator".to_owned()])]
        );
        assert_eq!(users("Error: no"), None);
    }

    /// As 3.10.8 printed it, but for the ports.
    #[test]
    fn the_plain_port_is_preferred() {
        let api = |listeners: &str| {
            let text = format!(
                r#"{{"khepri":false,"listeners":[{listeners}],"members":["rabbit@a"],"name":"mq","prefix":"","version":"3.10.8","vhosts":["/"]}}
ok
"#
            );
            first_json::<Said>(&text).unwrap().api()
        };
        let amqp = r#"{"port":5672,"protocol":"amqp"}"#;
        let tls = r#"{"port":15671,"protocol":"https"}"#;
        let plain = r#"{"port":15672,"protocol":"http"}"#;
        assert_eq!(api(&format!("{tls},{plain}")), Some((false, 15672)));
        assert_eq!(api(&format!("{amqp},{tls}")), Some((true, 15671)));
        assert_eq!(api(amqp), None);
    }

    #[test]
    fn files_stand_one_below_the_other() {
        let (text, missing) = files("file /a\n|global\n|\nmissing /b\nfile /c\n|listen x\nend\n");
        assert_eq!(text, "global\n\nlisten x\n");
        assert_eq!(missing, ["/b"]);
    }
}
