//! Owns the evidence on a member: its own word, what the others say, its host, the load balancers,
//! and what its doors do. Fresh answers only; gathers and words them, judges nothing.

use super::service::Service;
use super::{Liveness, NodeState};
use crate::model::Model;
use crate::model::balancer::{ServerRow, ServerStatus, Usage};
use crate::model::broker::ViewScope;
use crate::model::front::BalancerState;
use crate::model::host::ServiceReport;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, SourceFailure, SourceId, SourceKind};
use crate::model::path::port_of;
use crate::model::start::StartFault;
use crate::model::text::Shown;
use std::collections::BTreeSet;
use std::time::Duration;

/// A host that answered this short a time ago may have died since; a load balancer needs that long
/// to notice with the usual checks (three, two seconds apart).
const JUST_NOW: Duration = Duration::from_secs(30);
/// Who was restarted this short a time ago, and before that too, may end again any moment.
const BETWEEN_ENDS: Duration = Duration::from_secs(60);
/// How long a failure counts that only a person can mend.
const SETTLED: Duration = Duration::from_secs(75);
/// Where AMQP is spoken unless somebody says otherwise.
const AMQP_PORTS: [u16; 2] = [5672, 5671];

/// What the door of a node's management API does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Not asked, or not lately.
    #[default]
    Unknown,
    /// It answers as it should.
    Open,
    /// Connection refused: nothing listens.
    Refused,
    /// Something listens and says no: TLS, 401, 403, 404, 5xx, another node.
    Speaks,
    /// It refuses a login that other members accept: it has users of its own.
    OtherUsers,
    /// It accepts connections and says nothing.
    Mute,
    /// No connection: no answer, or no way.
    Silent,
}

/// Which hosts answer nothing at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Silence {
    /// This one answers something, or that is not known.
    #[default]
    Nobody,
    /// This one, while others answer.
    Host,
    /// All of them.
    Everything,
}

/// What is known of one member now, by who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and none excludes another"
)]
pub struct Evidence {
    /// Its own API says that it runs.
    pub own_runs: bool,
    /// `rabbitmqctl` on its host says that it runs.
    pub tool_runs: bool,
    /// Members that see it run.
    pub up: Vec<String>,
    /// A member that sees it run said so, of the whole cluster, after its host had gone silent here:
    /// no member has a peer that is silent.
    pub vouched: bool,
    /// Members that see it not run.
    pub down: Vec<String>,
    /// Members disagree, and not because one was asked before a change and another after it.
    pub disputed: bool,
    /// Whether the other members list it; `None` where none can be asked.
    pub listed: Option<bool>,
    /// Whether another member answers for itself, whatever it can say of others.
    pub has_peers: bool,
    /// Other members answer, and none can answer for the cluster: they wait for a silent peer.
    pub peers_wait: bool,
    /// Its declared host.
    pub host: Option<HostName>,
    /// What its host says.
    pub service: Option<Service>,
    /// Why its host says nothing.
    pub no_service: Option<SourceFailure>,
    /// Load balancers that use it after a check that passed.
    pub served_by: Vec<String>,
    /// Load balancers for which it is DOWN, where it is DOWN on all.
    pub shunned_by: Vec<String>,
    /// What its management API does.
    pub door: Door,
    /// How its management API fails, in words.
    pub door_fault: Option<SourceFailure>,
    /// For how long its API accepts connections and says nothing.
    pub mute_for: Option<Duration>,
    /// Who answers nothing at all.
    pub silence: Silence,
    /// Why nothing of its host answers, in words.
    pub silent_words: Vec<String>,
    /// Something of its host answered just now.
    pub heard: bool,
}

impl Evidence {
    /// Whether some member says that it does not run, and none that it does.
    pub fn is_denied(&self) -> bool {
        !self.down.is_empty() && self.up.is_empty()
    }

    /// Whether its host says so.
    pub fn by_host(&self, so: impl Fn(&Service) -> bool) -> bool {
        self.service.as_ref().is_some_and(so)
    }

    /// All of it, in lines.
    pub(super) fn lines(&self, state: NodeState) -> Vec<String> {
        if self.own_runs && state == NodeState::Running {
            return vec!["its own management API says running".to_owned()];
        }
        let mut lines = Vec::new();
        lines.extend(self.peer_lines());
        if self.tool_runs {
            lines.push("`rabbitmqctl cluster_status` on its host says running".to_owned());
        }
        lines.extend(self.host_lines());
        let fault = self.door_fault.as_ref();
        lines.extend(match self.door {
            Door::OtherUsers => {
                Some("its own management API answers, but knows another user".to_owned())
            }
            Door::Unknown | Door::Open => None,
            Door::Refused | Door::Speaks | Door::Mute | Door::Silent => {
                fault.map(ToString::to_string)
            }
        });
        if !self.served_by.is_empty() {
            let who = joined(&self.served_by);
            lines.push(format!("UP with a check that passed on {who}"));
        }
        if !self.shunned_by.is_empty() {
            lines.push(format!("DOWN on {}", joined(&self.shunned_by)));
        }
        if self.silence != Silence::Nobody {
            lines.extend(self.silent_words.iter().cloned());
        }
        let mut told = BTreeSet::new();
        lines.retain(|line| told.insert(line.clone()));
        lines
    }

    fn peer_lines(&self) -> Vec<String> {
        let sees = |who: &[String]| if who.len() == 1 { "sees" } else { "see" };
        let mut lines = Vec::new();
        if !self.up.is_empty() {
            let line = format!("{} {} it running", joined(&self.up), sees(&self.up));
            lines.push(line);
        }
        if !self.down.is_empty() {
            let says = if self.down.len() == 1 { "says" } else { "say" };
            lines.push(format!(
                "{} {says} that it does not run",
                joined(&self.down)
            ));
        }
        if lines.is_empty() {
            let words = match self.listed {
                Some(false) => "the other members do not list it",
                Some(true) => "the other members do not say whether it runs",
                // Until the runtime gives up on a silent peer (`net_ticktime`, a minute).
                None if self.has_peers => "the other members do not say yet whether it runs",
                None => "no other member can be asked",
            };
            lines.push(words.to_owned());
        }
        lines
    }

    fn host_lines(&self) -> Vec<String> {
        let Some(host) = &self.host else {
            return vec!["its host is not declared".to_owned()];
        };
        let Some(service) = &self.service else {
            let why = self.no_service.as_ref().map(|failure| {
                if failure.kind == FailureKind::NotConfigured {
                    format!("no SSH is configured for {host}, so its services cannot be seen")
                } else {
                    format!("the services of {host} cannot be seen: {failure}")
                }
            });
            return why.into_iter().collect();
        };
        let mut lines = vec![format!("on {host} {}", service.words())];
        lines.extend(service.log.last().map(|line| format!("its log: {line}")));
        lines
    }
}

/// `a`, `a and b`, `a, b and c`.
fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Model {
    /// All that is known of `name` now.
    pub(super) fn evidence(&self, name: &NodeName, now: Moment) -> Evidence {
        let host = self.inventory.host_of(name);
        let mut seen = Evidence {
            host: host.map(|host| host.name.clone()),
            disputed: self.is_disputed(name, now),
            listed: self.is_member(name, now),
            ..Evidence::default()
        };
        let peers = self.views_on(name, now).filter(|(at, view)| {
            let node = self.inventory.host(at).and_then(|at| at.node.as_ref());
            node.is_some_and(|node| node != name && view.node(node).is_some())
        });
        let scopes: Vec<ViewScope> = peers.map(|(_, view)| view.scope).collect();
        seen.has_peers = !scopes.is_empty();
        seen.peers_wait = seen.has_peers && scopes.iter().all(|scope| *scope == ViewScope::Itself);
        for (who, running) in self.peers_say(name, now) {
            let said = if running {
                &mut seen.up
            } else {
                &mut seen.down
            };
            said.push(who.to_string());
        }
        if !seen.up.is_empty() && !seen.down.is_empty() && !seen.disputed {
            // One of them was not asked since the change: the younger word counts.
            match self.latest_word(name, now) {
                Some(true) => seen.down.clear(),
                _ => seen.up.clear(),
            }
        }
        (seen.served_by, seen.shunned_by) = self.served(name, now);
        if let Some(host) = host {
            self.ask_host(name, host, now, &mut seen);
            self.try_doors(host, now, &mut seen);
        }
        seen
    }

    fn ask_host(&self, name: &NodeName, host: &HostEntry, now: Moment, seen: &mut Evidence) {
        let own = self.broker(&host.name, now);
        let row = own.and_then(|report| report.node(name));
        seen.own_runs = row.and_then(|row| row.running) == Some(true);
        let status = Self::current(&self.statuses, &host.name, SourceKind::NodeStatus, now);
        seen.tool_runs = status.is_some_and(|status| status.running.contains(name));
        let reading = self.services.get(&host.name);
        seen.no_service = reading.and_then(|reading| reading.failure().cloned());
        seen.service = self
            .service(&host.name, now)
            .map(|report| self.service_of(name, &host.name, report, now));
    }

    fn service_of(
        &self,
        name: &NodeName,
        host: &HostName,
        report: &ServiceReport,
        now: Moment,
    ) -> Service {
        let age = self.services.get(host).and_then(|reading| reading.age(now));
        let restarts = self.restarts.get(host);
        let ports = self.broker_ports(name);
        let life = report.broker.clone();
        let vips = &self.inventory.vips;
        Service {
            unit: report.rabbitmq.clone(),
            runtime: report
                .runtimes
                .as_ref()
                .map(|names| names.iter().any(|known| known.raw() == name.name_part())),
            listens: report.listening.as_ref().map(|sockets| {
                let is_its = |socket: &std::net::SocketAddr| {
                    ports.contains(&socket.port()) && !vips.contains(&socket.ip())
                };
                sockets.iter().any(is_its)
            }),
            restarts: life.as_ref().map_or(0, |life| life.restarts),
            in_loop: restarts
                .is_some_and(|seen| seen.is_loop(now) && seen.within(BETWEEN_ENDS, now)),
            since: life
                .as_ref()
                .and_then(|life| Some(life.since? + age.unwrap_or_default())),
            life,
            log: report
                .start_log
                .iter()
                .filter(|line| self.is_of_its_own(name, line, now))
                .cloned()
                .collect(),
        }
    }

    /// Whether a line of its log tells of a fault of its own. The side that accepts a connection logs
    /// that the cookies differ: of a tool that was run with another one; or of a peer, whose own it
    /// may be unless other members see that peer run.
    fn is_of_its_own(&self, name: &NodeName, line: &Shown, now: Moment) -> bool {
        let Some(other) = StartFault::turned_away(line) else {
            return true;
        };
        let Ok(other) = NodeName::parse(other) else {
            return false;
        };
        if !self.members().contains(&other) {
            return false;
        }
        let own = self.inventory.host_of(name).map(|host| &host.name);
        let said = self.peers_say(&other, now).into_iter();
        let mut said = said.filter(|(host, _)| Some(*host) != own).peekable();
        said.peek().is_none() || said.any(|(_, runs)| runs)
    }

    /// The ports on which `name` speaks AMQP: as it said last, else as the load balancers were
    /// told, and the usual ones.
    fn broker_ports(&self, name: &NodeName) -> BTreeSet<u16> {
        if let Some(told) = self.amqp_ports(name) {
            return told.into_iter().collect();
        }
        let mut ports = BTreeSet::new();
        for (host, _) in self.inventory.balancers() {
            let report = self.balancers.get(&host.name).and_then(|it| it.last());
            let servers = report.map(|report| self.servers_of(name, host, report));
            let servers = servers.into_iter().flatten();
            ports.extend(servers.filter_map(|(_, server)| port_of(server)));
        }
        if ports.is_empty() {
            // The port of a load balancer, or of another broker of the same machine, is not its own.
            let front = self.inventory.amqp_port;
            let taken = self.ports_of_neighbours(name);
            let is_free = |port: &u16| Some(*port) != front && !taken.contains(port);
            ports.extend(AMQP_PORTS.into_iter().filter(is_free));
        }
        ports
    }

    /// The ports on which other brokers of the same machine speak AMQP; not told, the usual ones.
    fn ports_of_neighbours(&self, name: &NodeName) -> BTreeSet<u16> {
        let machine = self.inventory.host_of(name).map(|host| &host.machine);
        let neighbours = self.inventory.nodes();
        let neighbours =
            neighbours.filter(|(host, other)| *other != name && Some(&host.machine) == machine);
        let usual = || AMQP_PORTS.to_vec();
        let ports = neighbours.map(|(_, other)| self.amqp_ports(other).unwrap_or_else(usual));
        ports.flatten().collect()
    }

    /// The load balancers that use `name` after a check that passed; and those for which it is
    /// DOWN, if it is DOWN on all of them.
    fn served(&self, name: &NodeName, now: Moment) -> (Vec<String>, Vec<String>) {
        let (mut used, mut down, mut other) = (Vec::new(), Vec::new(), false);
        for (host, _) in self.inventory.balancers() {
            let Some(report) = self.balancer(&host.name, now) else {
                // One that cannot be read may use it, unless it is down itself.
                other |= self.balancer_state(host, now) != BalancerState::Down;
                continue;
            };
            for (backend, server) in self.servers_of(name, host, report) {
                let said = host.name.to_string();
                match backend.usage(server) {
                    Usage::Usable if has_passed(server) => used.push(said),
                    Usage::Down => down.push(said),
                    Usage::Usable | Usage::Reserve | Usage::Aside | Usage::Unknown => other = true,
                }
            }
        }
        let all_down = used.is_empty() && !other;
        used.dedup();
        down.dedup();
        (used, if all_down { down } else { Vec::new() })
    }

    fn try_doors(&self, host: &HostEntry, now: Moment, seen: &mut Evidence) {
        let name = &host.name;
        let limit = crate::model::freshness_limit(SourceKind::Management);
        let status = self
            .sources
            .get(&SourceId::new(SourceKind::Management, name.clone()))
            .filter(|status| {
                // What only a person can mend is asked again after a minute.
                let settled = status.failure.as_ref().is_some_and(|f| f.kind.is_settled());
                let limit = if settled { SETTLED } else { limit };
                now.since(status.attempted_at) <= limit
            });
        let failure = status.and_then(|status| status.failure.as_ref());
        seen.door_fault = failure.cloned();
        seen.mute_for = status
            .and_then(|status| status.mute_since)
            .map(|since| now.since(since));
        seen.door = match (status, failure.map(|failure| failure.kind)) {
            (None, _) => Door::Unknown,
            (Some(_), None) => Door::Open,
            (Some(_), Some(kind)) => self.door_that(kind, now),
        };
        seen.silence = self.silence(name, now);
        seen.vouched = host
            .node
            .as_ref()
            .is_some_and(|node| self.is_vouched(node, name, now));
        seen.heard = self.sources.iter().any(|(source, status)| {
            let at = status.answered_at;
            source.host == *name && at.is_some_and(|at| now.since(at) <= JUST_NOW)
        });
        if seen.silence != Silence::Nobody {
            seen.silent_words = self.silent_words(name);
        }
    }

    fn door_that(&self, kind: FailureKind, now: Moment) -> Door {
        match kind {
            FailureKind::Refused => Door::Refused,
            FailureKind::Mute => Door::Mute,
            // Where no member accepts the login, it is the password that is wrong.
            FailureKind::Unauthorized if self.views(now).next().is_some() => Door::OtherUsers,
            FailureKind::Timeout | FailureKind::Unreachable | FailureKind::Lost => Door::Silent,
            FailureKind::NotConfigured | FailureKind::Secret | FailureKind::Local => Door::Unknown,
            FailureKind::HeldUp
            | FailureKind::Unauthorized
            | FailureKind::Forbidden
            | FailureKind::Absent
            | FailureKind::Server
            | FailureKind::Malformed
            | FailureKind::TooLarge
            | FailureKind::HostKey
            | FailureKind::Login
            | FailureKind::Tls => Door::Speaks,
        }
    }

    /// While a peer is silent, a member cannot answer for the whole cluster: it waits for it.
    fn is_vouched(&self, node: &NodeName, host: &HostName, now: Moment) -> bool {
        let of_host = self
            .sources
            .iter()
            .filter(|(source, _)| source.host == *host);
        let Some(silent_since) = of_host.filter_map(|(_, status)| status.silent_since).max() else {
            return false;
        };
        self.views_on(node, now).any(|(other, report)| {
            let runs = report.node(node).and_then(|row| row.running) == Some(true);
            let is_whole = report.scope == ViewScope::Cluster;
            let api = SourceId::new(SourceKind::Management, other.clone());
            let begun = self
                .sources
                .get(&api)
                .map(|status| status.attempted_at.earlier(status.took));
            other != host && runs && is_whole && begun.is_some_and(|begun| begun > silent_since)
        })
    }

    fn silence(&self, host: &HostName, now: Moment) -> Silence {
        if self.liveness(host, now) != Liveness::Silent {
            return Silence::Nobody;
        }
        let mut others = self
            .inventory
            .hosts
            .iter()
            .filter(|other| other.name != *host);
        if others.any(|other| self.liveness(&other.name, now) == Liveness::Alive) {
            Silence::Host
        } else {
            Silence::Everything
        }
    }

    fn silent_words(&self, host: &HostName) -> Vec<String> {
        let failures: BTreeSet<String> = self
            .sources
            .iter()
            .filter(|(source, _)| source.host == *host)
            .filter_map(|(_, status)| Some(status.failure.as_ref()?.message.to_string()))
            .collect();
        failures.into_iter().collect()
    }
}

/// Whether the last check of a server passed; without checks nothing is known by it.
fn has_passed(server: &ServerRow) -> bool {
    let code = server.check_status.as_ref();
    server.status != ServerStatus::NoCheck
        && code.is_none_or(|code| {
            let code = code.raw().trim_start_matches(['*', ' ']);
            matches!(code, "L4OK" | "L6OK" | "L7OK" | "L7OKC" | "PROCOK")
        })
}
