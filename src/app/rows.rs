//! Owns which things a list holds, in which order, after filter and faults-only. Navigation and
//! drawing read the same rows, so the cursor can never stand on something that is not drawn.

use super::focus::{Faults, ListId, ListState, Subject};
use crate::findings::{Finding, Severity};
use crate::model::Model;
use crate::model::balancer::{Backend, ServerRow};
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::text::Shown;
use crate::model::vip::VipVerdict;
use std::collections::{BTreeMap, BTreeSet};

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub subject: Subject,
    /// How deep it hangs in a tree; 0 in flat lists.
    pub depth: usize,
    /// What a filter looks in.
    pub text: String,
    /// Whether it is not well, or not known.
    pub health: Health,
}

/// Whether a row is shown in faults-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong with it.
    Well,
    /// It is not well, or it cannot be told.
    Fault,
}

impl Health {
    pub(super) fn of(well: impl Into<Option<bool>>) -> Self {
        match well.into() {
            Some(true) => Self::Well,
            Some(false) | None => Self::Fault,
        }
    }
}

fn row(subject: Subject, depth: usize, text: String, health: Health) -> Row {
    Row {
        subject,
        depth,
        text,
        health,
    }
}

/// The rows of `list` that are shown.
pub fn rows(
    model: &Model,
    findings: &[Finding],
    list: ListId,
    state: &ListState,
    now: Moment,
) -> Vec<Row> {
    let all = match list {
        ListId::Path => path(model, now),
        ListId::Findings => finding_rows(findings),
        ListId::Nodes => nodes(model, now),
        ListId::Servers => servers(model, now),
        ListId::VipHosts => vip_hosts(model, now),
        // Not of the model, or not of it alone: see `journal` and `policies`.
        ListId::Policies | ListId::Runs => Vec::new(),
    };
    keep(all, state)
}

fn finding_rows(findings: &[Finding]) -> Vec<Row> {
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    findings
        .iter()
        .map(|finding| {
            let nth = seen.entry((&finding.id, &finding.subject)).or_default();
            let subject = Subject::Finding {
                id: finding.id.clone(),
                about: finding.subject.clone(),
                nth: *nth,
            };
            *nth += 1;
            let text = format!("{} {} {}", finding.id, finding.subject, finding.title);
            let well = finding.severity == Severity::Info || finding.expected;
            row(subject, 0, text, Health::of(well))
        })
        .collect()
}

/// The finding a subject names.
pub fn finding<'a>(findings: &'a [Finding], subject: &Subject) -> Option<&'a Finding> {
    let Subject::Finding { id, about, nth } = subject else {
        return None;
    };
    findings
        .iter()
        .filter(|finding| finding.id == *id && finding.subject == *about)
        .nth(*nth)
}

fn node_row(model: &Model, name: &NodeName, depth: usize, now: Moment) -> Row {
    let view = model.node(name, now);
    row(
        Subject::Node(name.clone()),
        depth,
        format!("{name} {}", view.state.words()),
        Health::of(view.state == NodeState::Running && view.draining != Some(true)),
    )
}

fn nodes(model: &Model, now: Moment) -> Vec<Row> {
    model
        .members()
        .iter()
        .map(|name| node_row(model, name, 0, now))
        .collect()
}

/// A server's text for filters, and whether it is well.
fn server_row(
    model: &Model,
    (on, known): (&HostName, KnownServer<'_>),
    balancer: Option<HostName>,
    depth: usize,
) -> Row {
    let KnownServer { backend, server } = known;
    let node = model
        .member_behind(on, server)
        .map(|(node, _)| node.as_str())
        .unwrap_or_default();
    row(
        Subject::Server {
            balancer,
            backend: backend.name.raw().to_owned(),
            name: server.name.raw().to_owned(),
        },
        depth,
        format!("{} {} {} {node}", backend.name, server.name, server.state()),
        Health::of(server.takes_clients()),
    )
}

/// A server of a load balancer, as it was last known.
#[derive(Debug, Clone, Copy)]
pub struct KnownServer<'a> {
    /// Its backend.
    pub backend: &'a Backend,
    /// Itself.
    pub server: &'a ServerRow,
}

impl KnownServer<'_> {
    /// Whether it is the one of these names.
    pub fn is(&self, backend: &str, name: &str) -> bool {
        self.backend.name.raw() == backend && self.server.name.raw() == name
    }
}

/// The last known servers of a load balancer's broker backends, whatever their age.
pub fn known_servers<'a>(model: &'a Model, host: &HostName) -> Vec<KnownServer<'a>> {
    let report = model.balancers.get(host).and_then(|reading| reading.last());
    let Some((entry, report)) = model.inventory.host(host).zip(report) else {
        return Vec::new();
    };
    let backends = model.broker_backends(entry, report).into_iter();
    let each = |backend: &'a Backend| {
        let servers = backend.servers.iter();
        servers.map(move |server| KnownServer { backend, server })
    };
    backends.flat_map(each).collect()
}

/// How a server is called among these rows: with its backend where another has the same name.
pub fn server_label(rows: &[Row], backend: &str, name: &str) -> String {
    let is_twin = |row: &Row| {
        matches!(
            &row.subject,
            Subject::Server { backend: other, name: same, .. } if same == name && other != backend
        )
    };
    let shown = Shown::new(name);
    if rows.iter().any(is_twin) {
        format!("{}/{shown}", Shown::new(backend))
    } else {
        shown.to_string()
    }
}

fn servers(model: &Model, now: Moment) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (host, _) in model.inventory.balancers() {
        let is_current = model.balancer(&host.name, now).is_some();
        for known in known_servers(model, &host.name) {
            let health = Health::of(is_current && known.server.takes_clients());
            let is_it = |row: &&mut Row| matches!(&row.subject, Subject::Server { backend, name, .. } if known.is(backend, name));
            if let Some(row) = rows.iter_mut().find(is_it) {
                if health == Health::Fault {
                    row.health = Health::Fault;
                }
                continue;
            }
            let mut new = server_row(model, (&host.name, known), None, 0);
            new.health = health;
            rows.push(new);
        }
    }
    rows
}

fn vip_hosts(model: &Model, now: Moment) -> Vec<Row> {
    model
        .inventory
        .vrrp_hosts()
        .map(|host| {
            let well = model.address(&host.name, now).is_some()
                && model
                    .keepalived(&host.name, now)
                    .is_some_and(|report| report.daemon.is_up());
            let subject = Subject::Host(host.name.clone());
            row(subject, 0, host.name.to_string(), Health::of(well))
        })
        .collect()
}

/// The live path as a tree: clients, virtual addresses, load balancers, servers, nodes.
fn path(model: &Model, now: Moment) -> Vec<Row> {
    let mut rows = vec![row(Subject::Clients, 0, "clients".to_owned(), Health::Well)];
    let mut depth = 1;
    for vip in model.vips(now) {
        let holders: Vec<&str> = vip.holders.iter().map(HostName::as_str).collect();
        rows.push(row(
            Subject::Vip(vip.address),
            1,
            format!("vip {} {}", vip.address, holders.join(" ")),
            Health::of(vip.verdict == VipVerdict::Ok),
        ));
        depth = 2;
    }
    let mut behind: BTreeSet<&NodeName> = BTreeSet::new();
    for (host, _) in model.inventory.balancers() {
        let is_current = model.balancer(&host.name, now).is_some();
        rows.push(row(
            Subject::Balancer(host.name.clone()),
            depth,
            format!("haproxy {}", host.name),
            Health::of(is_current),
        ));
        for known in known_servers(model, &host.name) {
            let balancer = Some(host.name.clone());
            let mut new = server_row(model, (&host.name, known), balancer, depth + 1);
            let node = model
                .member_behind(&host.name, known.server)
                .map(|(node, _)| node);
            let node_well =
                node.is_some_and(|node| model.node(node, now).state == NodeState::Running);
            if !is_current || !node_well {
                new.health = Health::Fault;
            }
            rows.push(new);
            behind.extend(node);
        }
    }
    for name in model.members().iter().filter(|name| !behind.contains(name)) {
        rows.push(node_row(model, name, depth, now));
    }
    rows
}

/// What a filter looks for in a row. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Needle {
    /// The row holds it.
    With(String),
    /// The row does not hold it.
    Without(String),
    /// The row holds its letters in this order, whatever is between them.
    Letters(String),
}

impl Needle {
    fn parse(filter: &str) -> Self {
        let filter = filter.to_lowercase();
        if let Some(rest) = filter.strip_prefix('!') {
            Self::Without(rest.to_owned())
        } else if let Some(rest) = filter.strip_prefix("-f") {
            Self::Letters(rest.trim_start().to_owned())
        } else {
            Self::With(filter)
        }
    }

    fn is_empty(&self) -> bool {
        let (Self::With(text) | Self::Without(text) | Self::Letters(text)) = self;
        text.is_empty()
    }

    fn passes(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        match self {
            Self::With(needle) => text.contains(needle),
            Self::Without(needle) => needle.is_empty() || !text.contains(needle),
            Self::Letters(needle) => {
                let mut rest = text.chars();
                needle.chars().all(|letter| rest.any(|c| c == letter))
            }
        }
    }
}

/// Keeps what filter and faults-only let through, and in a tree what it hangs from.
pub(super) fn keep(all: Vec<Row>, state: &ListState) -> Vec<Row> {
    let needle = Needle::parse(&state.filter);
    if needle.is_empty() && state.faults == Faults::Off {
        return all;
    }
    let passes = |row: &Row| {
        needle.passes(&row.text) && (state.faults == Faults::Off || row.health == Health::Fault)
    };
    let mut kept: Vec<Row> = Vec::with_capacity(all.len());
    let mut needed = 0;
    // From the end, so that a row knows whether something kept hangs from it.
    for row in all.into_iter().rev() {
        if passes(&row) || row.depth < needed {
            needed = row.depth;
            kept.push(row);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::{Health, Row, Subject, row, server_label};

    #[test]
    fn a_server_is_called_by_its_backend_too_where_another_has_its_name() {
        let server = |backend: &str, name: &str| -> Row {
            let subject = Subject::Server {
                balancer: None,
                backend: backend.to_owned(),
                name: name.to_owned(),
            };
            row(subject, 0, String::new(), Health::Well)
        };
        let rows = [
            server("amqp", "mq-node1"),
            server("amqps", "mq-node1"),
            server("amqp", "mq-node2"),
        ];
        assert_eq!(server_label(&rows, "amqps", "mq-node1"), "amqps/mq-node1");
        assert_eq!(server_label(&rows, "amqp", "mq-node2"), "mq-node2");
    }
}
