//! Owns the disagreements between a load balancer and the broker behind a server: D1 (DOWN, but
//! the node runs), D2 (DOWN on one load balancer only), D3 (UP, but the node does not run), S2
//! (DOWN because the node does not run: a consequence, so no more than a warning), and S3 (kept
//! from new clients by somebody or something, whatever its checks say).

mod cause;

use super::{Finding, Severity, balancer, listed};
use crate::model::Model;
use crate::model::balancer::{Backend, ServerRow, ServerStatus, Usage};
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::{NodeState, NodeView};
use std::collections::BTreeMap;

/// A server on one load balancer.
#[derive(Debug, Clone, Copy)]
struct Sight<'a> {
    on: &'a HostName,
    backend: &'a Backend,
    server: &'a ServerRow,
}

impl Sight<'_> {
    fn usage(&self) -> Usage {
        self.backend.usage(self.server)
    }
}

/// What is one server to an operator: a member's, where it has one on each load balancer; else
/// whatever goes by one name in one backend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Member(&'a NodeName),
    Server(&'a str, &'a str),
}

/// One server with how each load balancer sees it.
struct Seen<'a> {
    name: String,
    node: Option<NodeView<'a>>,
    sights: Vec<Sight<'a>>,
}

impl<'a> Seen<'a> {
    fn with(&self, usage: Usage) -> Vec<Sight<'a>> {
        let sights = self.sights.iter().copied();
        sights.filter(|sight| sight.usage() == usage).collect()
    }

    /// Where it is UP, whether it gets clients or waits as a backup.
    fn up(&self) -> Vec<Sight<'a>> {
        let sights = self.sights.iter().copied();
        let is_up = |sight: &Sight<'_>| matches!(sight.usage(), Usage::Usable | Usage::Reserve);
        sights.filter(is_up).collect()
    }

    fn state(&self) -> Option<NodeState> {
        self.node.as_ref().map(|node| node.state)
    }
}

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let all = collect(model, now);
    all.iter()
        .flat_map(|seen| {
            let emptied = emptied(model, seen, now);
            let found = judge(model, seen).into_iter().chain(aside(model, seen));
            let found = found.map(|finding| finding.evidence(guessed(model, seen)));
            found.map(move |finding| match &emptied {
                Some(subject) => finding.follows("D4", subject),
                None => finding,
            })
        })
        .collect()
}

/// That it is not certain that these are servers of the brokers at all.
fn guessed(model: &Model, seen: &Seen<'_>) -> Option<String> {
    let mut sights = seen.sights.iter();
    let sight = sights.find(|sight| model.is_guessed(sight.on, sight.backend))?;
    Some(balancer::guess(sight.backend))
}

/// The first D4 under which what is wrong with a server stands: wherever it is, no other is left.
fn emptied(model: &Model, seen: &Seen<'_>, now: Moment) -> Option<String> {
    let backends = seen.sights.iter();
    let mut subjects =
        backends.map(|sight| balancer::emptied(model, (sight.on, sight.backend), now));
    let first = subjects.next()??;
    subjects.all(|subject| subject.is_some()).then_some(first)
}

fn collect(model: &Model, now: Moment) -> Vec<Seen<'_>> {
    let mut sights: Vec<(Sight<'_>, Option<&NodeName>)> = Vec::new();
    for (host, _) in model.inventory.balancers() {
        let Some(report) = model.balancer(&host.name, now) else {
            continue;
        };
        for backend in model.broker_backends(host, report) {
            for server in &backend.servers {
                let on = &host.name;
                let node = model.member_behind(on, server).map(|(node, _)| node);
                let sight = Sight {
                    on,
                    backend,
                    server,
                };
                sights.push((sight, node));
            }
        }
    }
    let mut count: BTreeMap<(&HostName, &NodeName), usize> = BTreeMap::new();
    for (sight, node) in &sights {
        if let Some(node) = *node {
            *count.entry((sight.on, node)).or_default() += 1;
        }
    }
    let has_several =
        |wanted: &NodeName| count.iter().any(|((_, node), n)| *node == wanted && *n > 1);
    let mut all: Vec<(Key<'_>, Seen<'_>)> = Vec::new();
    for (sight, node) in sights {
        let key = match node {
            Some(node) if !has_several(node) => Key::Member(node),
            _ => Key::Server(sight.backend.name.raw(), sight.server.name.raw()),
        };
        if let Some((_, seen)) = all.iter_mut().find(|(known, _)| *known == key) {
            seen.sights.push(sight);
            continue;
        }
        let seen = Seen {
            name: sight.server.name.to_string(),
            node: node.map(|node| model.node(node, now)),
            sights: vec![sight],
        };
        all.push((key, seen));
    }
    let mut all: Vec<Seen<'_>> = all.into_iter().map(|(_, seen)| seen).collect();
    tell_apart(&mut all);
    all
}

/// The same name in two backends is two servers: `amqp/mq-node1`, `amqps/mq-node1`.
fn tell_apart(all: &mut [Seen<'_>]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for seen in all.iter() {
        *count.entry(seen.name.clone()).or_default() += 1;
    }
    for seen in all.iter_mut() {
        if count.get(&seen.name).is_some_and(|n| *n > 1)
            && let Some(sight) = seen.sights.first()
        {
            seen.name = format!("{}/{}", sight.backend.name, sight.server.name);
        }
    }
}

fn judge(model: &Model, seen: &Seen<'_>) -> Option<Finding> {
    let is_down = !seen.with(Usage::Down).is_empty();
    match (is_down, seen.state()) {
        (false, None | Some(NodeState::Running | NodeState::Unknown)) => None,
        (false, Some(_)) => still_up(seen),
        (true, Some(NodeState::Running)) => Some(unexplained(model, seen)),
        (true, _) => Some(consequence(model, seen)),
    }
}

/// D3.
fn still_up(seen: &Seen<'_>) -> Option<Finding> {
    let node = seen.node.as_ref()?;
    let up = seen.with(Usage::Usable);
    if up.is_empty() {
        return None;
    }
    let title = format!(
        "{} gets new clients from {} although {} is {}",
        seen.name,
        listed(up.iter().map(|sight| sight.on)),
        node.name,
        node.state.words()
    );
    let finding = Finding::new("D3", Severity::Warning, &seen.name, title)
        .evidence(node.evidence.iter().cloned())
        .evidence(up.iter().map(line));
    Some(cause::told(
        finding,
        cause::of_still_up(&up),
        &cause::next(&up),
    ))
}

/// D1 or D2.
fn unexplained(model: &Model, seen: &Seen<'_>) -> Finding {
    let (down, up) = (seen.with(Usage::Down), seen.up());
    let is_drained = seen
        .node
        .as_ref()
        .is_some_and(|node| node.draining == Some(true));
    let is_partial = !up.is_empty();
    if down.iter().all(is_rising) {
        let where_on = where_on(&hosts(&down), model);
        let title = format!(
            "{} comes back on {where_on}: its checks pass again",
            seen.name
        );
        let id = if is_partial { "D2" } else { "D1" };
        return Finding::new(id, Severity::Info, &seen.name, title)
            .evidence(down.iter().chain(&up).map(line));
    }
    // Nobody misses a backup yet.
    let is_spare = down.iter().all(|sight| {
        let others = sight.backend.active;
        sight.server.is_backup() && others > Some(0)
    });
    let severity = if is_drained || is_partial || is_spare {
        Severity::Warning
    } else {
        Severity::Critical
    };
    let finding = Finding::new(
        if is_partial { "D2" } else { "D1" },
        severity,
        &seen.name,
        format!("{}, but the node runs", down_where(model, seen)),
    )
    .evidence(down.iter().chain(&up).map(line));
    let causes = cause::of_down(model, seen.node.as_ref(), &down, &up);
    cause::told(finding, causes, &cause::next(&down))
}

/// S2.
fn consequence(model: &Model, seen: &Seen<'_>) -> Finding {
    let (down, up) = (seen.with(Usage::Down), seen.up());
    // What answers it stands with the finding on the node.
    let finding = Finding::new("S2", Severity::Warning, &seen.name, down_where(model, seen))
        .evidence(down.iter().chain(&up).map(line));
    let nobodys = "no declared node stands behind it";
    let finding = finding.evidence(seen.node.is_none().then(|| nobodys.to_owned()));
    let causes = cause::of_down(model, seen.node.as_ref(), &down, &up);
    cause::told(finding, causes, &cause::next(&down))
}

/// S3.
fn aside(model: &Model, seen: &Seen<'_>) -> Option<Finding> {
    let mut ways: Vec<(String, Vec<&HostName>)> = Vec::new();
    let out = seen.with(Usage::Aside);
    for sight in &out {
        let way = way_out(sight.server);
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, hosts)) => hosts.push(sight.on),
            None => ways.push((way, vec![sight.on])),
        }
    }
    let name = &seen.name;
    let mut ways = ways.into_iter();
    let (way, hosts) = ways.next()?;
    let sends = if hosts.len() == 1 { "sends" } else { "send" };
    let first = format!(
        "{} {sends} {name} no new clients ({way})",
        where_on(&hosts, model)
    );
    let others = ways.map(|(way, hosts)| format!(", nor {} ({way})", does(&hosts, model)));
    let used = seen.with(Usage::Usable);
    let users: Vec<&HostName> = used.iter().map(|sight| sight.on).collect();
    let differs = (!users.is_empty()).then(|| {
        let does = if users.len() == 1 { "does" } else { "do" };
        format!("; {} {does}", listed(users))
    });
    let title: String = [first].into_iter().chain(others).chain(differs).collect();
    Some(
        Finding::new("S3", Severity::Warning, name, title)
            .evidence(out.iter().map(line))
            .evidence(out.iter().filter_map(|sight| way_back(*sight))),
    )
}

fn does(hosts: &[&HostName], model: &Model) -> String {
    let does = if hosts.len() == 1 { "does" } else { "do" };
    format!("{does} {}", where_on(hosts, model))
}

/// What keeps new clients from a server, and by whom: `weight 0, set by a person or in haproxy.cfg`.
fn way_out(server: &ServerRow) -> String {
    let by = server.kept_out_by().unwrap_or_default();
    let is_up = matches!(server.status, ServerStatus::Up(_) | ServerStatus::NoCheck);
    let state = if is_up {
        "weight 0".to_owned()
    } else {
        server.state()
    };
    let backup = if server.is_backup() { "backup, " } else { "" };
    format!("{backup}{state}, {by}")
}

/// How a server that a person took out is used again.
fn way_back(sight: Sight<'_>) -> Option<String> {
    let what = match &sight.server.status {
        ServerStatus::Up(_) | ServerStatus::NoCheck => "weight 100%",
        ServerStatus::Maint | ServerStatus::Drain(_) if sight.server.tracks.is_none() => {
            "state ready"
        }
        ServerStatus::Down(_)
        | ServerStatus::DownByAgent
        | ServerStatus::NoLb(_)
        | ServerStatus::Drain(_)
        | ServerStatus::DrainByAgent
        | ServerStatus::Maint
        | ServerStatus::MaintByResolution
        | ServerStatus::MaintVia(_)
        | ServerStatus::Other(_) => return None,
    };
    let Sight {
        on,
        backend,
        server,
    } = sight;
    Some(format!(
        "put back by `set server {}/{} {what}` on the runtime socket of {on}",
        backend.name, server.name
    ))
}

fn down_where(model: &Model, seen: &Seen<'_>) -> String {
    let hosts = hosts(&seen.with(Usage::Down));
    format!("{} is DOWN on {}", seen.name, where_on(&hosts, model))
}

fn hosts<'a>(sights: &[Sight<'a>]) -> Vec<&'a HostName> {
    sights.iter().map(|sight| sight.on).collect()
}

/// Whether some of the checks that put it back into use have passed: `DOWN 1/2`.
fn is_rising(sight: &Sight<'_>) -> bool {
    matches!(sight.server.status, ServerStatus::Down(Some((passed, _))) if passed > 0)
}

/// The load balancers by name, or all that there are at once, read or not.
fn where_on(hosts: &[&HostName], model: &Model) -> String {
    let all = model.inventory.balancers().count();
    match (hosts.len(), hosts.len() == all) {
        (2, true) => "both load balancers".to_owned(),
        (n, true) if n > 2 => format!("all {n} load balancers"),
        _ => listed(hosts),
    }
}

fn line(sight: &Sight<'_>) -> String {
    let server = sight.server;
    let check = match (&server.check_text, &server.check_status) {
        (Some(text), Some(code)) if !text.is_empty() => format!(": {text} ({code})"),
        (_, Some(code)) => format!(": {code}"),
        _ => String::new(),
    };
    // HAProxy counts from the last UP or DOWN, whatever was told it since.
    let is_told = matches!(
        server.status,
        ServerStatus::Drain(_) | ServerStatus::DrainByAgent
    ) || server.weight == Some(0);
    let since = server.last_change_s.filter(|_| !is_told);
    let since = since.map_or_else(String::new, |s| format!(", for {s} s"));
    format!("{}: {}{check}{since}", sight.on, server.state())
}
