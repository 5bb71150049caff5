//! Owns what a haproxy.cfg says of a load balancer of brokers: its statistics page, its runtime
//! socket, and the proxy whose servers are the members. Pure.

use crate::syntax::haproxy::{Line, Section, sections};
use std::net::IpAddr;

/// What its files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalancerFacts {
    /// The first page of statistics that another host can reach.
    pub page: Option<Page>,
    /// The first runtime socket that is a file.
    pub socket: Option<String>,
    /// Its proxies with servers.
    pub backends: Vec<Backend>,
}

/// A page of statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whether it is reached with TLS.
    pub is_https: bool,
    /// The address it listens at; none: each of the host's.
    pub host: Option<String>,
    /// Port.
    pub port: u16,
    /// Path.
    pub uri: String,
    /// The user it asks for.
    pub user: Option<String>,
}

impl Page {
    /// Its URL on a host with this address.
    pub fn url(&self, address: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let host = self.host.as_deref().unwrap_or(address);
        let (port, uri) = (self.port, &self.uri);
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}{uri}")
        } else {
            format!("{scheme}://{host}:{port}{uri}")
        }
    }
}

/// A proxy with servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// What it is called.
    pub name: String,
    /// The ports on which its clients come in.
    pub ports: Vec<u16>,
    /// Host and port of each server.
    pub servers: Vec<(String, Option<u16>)>,
}

/// Where a proxy listens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bind {
    host: Option<String>,
    port: u16,
    is_tls: bool,
}

/// What the files say together, in the order in which HAProxy reads them.
pub fn read(text: &str) -> BalancerFacts {
    let all = sections(text);
    let mut facts = BalancerFacts::default();
    let globals = all.iter().filter(|section| section.kind() == "global");
    let lines: Vec<&Line> = globals.flat_map(|section| section.all("stats")).collect();
    let mut levels = lines
        .iter()
        .filter(|line| line.value_of("level") == Some("admin"));
    let admin = levels.find_map(|line| socket(line));
    facts.socket = admin.or_else(|| lines.iter().find_map(|line| socket(line)));
    let mut mode = "tcp";
    for section in &all {
        let own = section.all("mode").filter_map(|line| line.word(1)).last();
        match section.kind() {
            "defaults" => mode = own.unwrap_or("tcp"),
            "listen" | "frontend" | "backend" => {
                let page = || page(section, own.unwrap_or(mode));
                facts.page = facts.page.or_else(page);
                facts.backends.extend(backend(section, &all));
            }
            _ => {}
        }
    }
    facts
}

/// The path of `stats socket`, where it is no port.
fn socket(line: &Line) -> Option<String> {
    let path = (line.word(1) == Some("socket")).then(|| line.word(2))??;
    let path = path.strip_prefix("unix@").unwrap_or(path);
    path.starts_with('/').then(|| path.to_owned())
}

fn page(section: &Section, mode: &str) -> Option<Page> {
    let stats: Vec<&Line> = section.all("stats").collect();
    // A path or a user alone enables it too (HAProxy's manual, `stats enable`).
    let is_on = stats
        .iter()
        .any(|line| matches!(line.word(1), Some("enable" | "uri" | "auth")));
    if mode != "http" || !is_on {
        return None;
    }
    let is_near = |bind: &&Bind| bind.host.as_deref().is_some_and(is_loopback);
    let bind = binds(section).into_iter().find(|bind| !is_near(&bind))?;
    let value = |keyword| {
        let line = stats.iter().find(|line| line.word(1) == Some(keyword));
        line.and_then(|line| line.word(2)).map(str::to_owned)
    };
    Some(Page {
        is_https: bind.is_tls,
        host: bind.host,
        port: bind.port,
        uri: value("uri").unwrap_or_else(|| "/haproxy?stats".to_owned()),
        user: value("auth").map(|user| user.split(':').next().unwrap_or_default().to_owned()),
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn backend(section: &Section, all: &[Section]) -> Option<Backend> {
    let name = section.name()?.to_owned();
    let servers: Vec<_> = section
        .all("server")
        .filter_map(|line| server(line.word(2)?))
        .collect();
    if servers.is_empty() {
        return None;
    }
    let leads_here = |frontend: &&Section| {
        let uses = frontend
            .all("default_backend")
            .chain(frontend.all("use_backend"));
        frontend.kind() == "frontend" && uses.filter_map(|line| line.word(1)).any(|to| to == name)
    };
    let fronts = all.iter().filter(leads_here);
    let binds = fronts.flat_map(binds).chain(binds(section));
    let mut ports: Vec<u16> = binds.map(|bind| bind.port).collect();
    ports.sort_unstable();
    ports.dedup();
    Some(Backend {
        name,
        ports,
        servers,
    })
}

/// `host:port`, `[address]:port` or a host alone. Sockets and names of other kinds are no host.
fn server(word: &str) -> Option<(String, Option<u16>)> {
    let word = word
        .strip_prefix("ipv4@")
        .or(word.strip_prefix("ipv6@"))
        .unwrap_or(word);
    if word.starts_with('/') || word.contains('@') {
        return None;
    }
    let (host, port) = match word.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (word, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// The first port of every range; a port that an environment variable gives is not known.
fn binds(section: &Section) -> Vec<Bind> {
    let mut binds = Vec::new();
    for line in section.all("bind") {
        let is_tls = line.has("ssl");
        // What an environment variable says is not known.
        let words = line.words.get(1).filter(|word| !word.expands);
        let addresses = words.into_iter().flat_map(|word| word.text.split(','));
        for address in addresses {
            let address = ["ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"]
                .iter()
                .find_map(|kind| address.strip_prefix(kind))
                .unwrap_or(address);
            let Some((host, port)) = address.rsplit_once(':') else {
                continue;
            };
            let first = port.split('-').next().unwrap_or(port);
            let Ok(port) = first.parse() else { continue };
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let is_any = matches!(host, "" | "*" | "0.0.0.0" | "::");
            binds.push(Bind {
                host: (!is_any).then(|| host.to_owned()),
                port,
                is_tls,
            });
        }
    }
    binds
}

#[cfg(test)]
mod tests {
    use super::{Backend, Page, read};

    #[test]
    fn the_file_of_the_article_is_read() {
        let text = "global\n stats socket /run/haproxy/admin.sock mode 660 level admin\n\
                    defaults\n mode tcp\n\
                    listen rabbitmq_cluster\n bind :5671\n server mq-node1 rabbit-node1:5672 check\n\
                    listen monitor\n bind :8100\n mode http\n stats enable\n stats uri /stats\n";
        let facts = read(text);
        assert_eq!(facts.socket.as_deref(), Some("/run/haproxy/admin.sock"));
        let page = facts.page.unwrap();
        assert_eq!(
            (page.port, page.uri.as_str(), page.user),
            (8100, "/stats", None)
        );
        let backend = Backend {
            name: "rabbitmq_cluster".to_owned(),
            ports: vec![5671],
            servers: vec![("rabbit-node1".to_owned(), Some(5672))],
        };
        assert_eq!(facts.backends, [backend]);
    }

    #[test]
    fn frontends_tls_users_and_other_addresses_are_understood() {
        let text = "global\n stats socket ipv4@127.0.0.1:9999 level admin\n stats socket unix@/run/h.sock\n\
                    defaults\n mode http\n\
                    frontend near\n bind 127.0.0.1:1936\n stats enable\n\
                    frontend stats\n bind 10.0.0.1:8443 ssl\n stats auth admin\n\
                    frontend amqp\n bind *:5672,[::]:5671\n mode tcp\n default_backend mq\n\
                    backend mq\n mode tcp\n server a 10.0.0.5:5672\n server b [fd00::5]:5672\n server c /run/x.sock\n";
        let facts = read(text);
        assert_eq!(facts.socket.as_deref(), Some("/run/h.sock"));
        let page = Page {
            is_https: true,
            host: Some("10.0.0.1".to_owned()),
            port: 8443,
            uri: "/haproxy?stats".to_owned(),
            user: Some("admin".to_owned()),
        };
        assert_eq!(
            facts.page,
            Some(page),
            "nobody else reaches the one at loopback"
        );
        assert_eq!(facts.backends[0].ports, [5671, 5672]);
        let hosts: Vec<&str> = facts.backends[0]
            .servers
            .iter()
            .map(|(host, _)| host.as_str())
            .collect();
        assert_eq!(hosts, ["10.0.0.5", "fd00::5"]);
    }
}
