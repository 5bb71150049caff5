//! Owns how the load balancers are kept from sending clients to a node that is no member: its server
//! is taken out before it goes, on each that can be told, and put back once it is a member again.

use super::plan::{BalancerServer, Probe, Step};
use super::rolling_restart::command;
use super::steps::{BALANCER_DEADLINE, Ground, TOLD_DEADLINE};
use crate::invocation::Change;
use crate::invocation::haproxy::{ServerState, SetServer};
use crate::model::balancer::{ServerRow, ServerStatus, Usage};
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::path::Placed;

/// One load balancer, and what it is told about the server of a node.
pub(super) type Told = (HostName, SetServer);

/// The very server that is told something takes no new clients.
pub(super) fn spared(node: &NodeName, told: &Told) -> Probe {
    Probe::ServerSpared {
        node: node.clone(),
        row: row(told),
    }
}

/// The very server that is told something takes clients.
pub(super) fn used(node: &NodeName, told: &Told) -> Probe {
    Probe::ServerUsed {
        node: node.clone(),
        row: row(told),
    }
}

/// What tells a server from the others of `all` on its load balancer, at the end of an id and of a
/// title; nothing where it is the only one.
pub(super) fn distinct(told: &Told, all: &[Told]) -> (String, String) {
    if all.iter().filter(|(on, _)| *on == told.0).count() <= 1 {
        return (String::new(), String::new());
    }
    let row = row(told);
    (format!(" {row}"), format!(", over {row}"))
}

fn row((on, set): &Told) -> BalancerServer {
    BalancerServer {
        on: on.clone(),
        backend: set.backend.clone(),
        server: set.server.clone(),
    }
}

/// How the load balancers stand to the server of a node.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// Those that may send it clients, now or when it comes up, and can be told not to.
    pub(super) used: Vec<Told>,
    /// Those on which an earlier run took it out for good, and that can be told to use it.
    out: Vec<Told>,
    /// Those on which it is out for good and stays so, each with why.
    kept: Vec<String>,
    /// The others, each with why nothing is done about it.
    untold: Vec<String>,
}

impl Servers {
    /// What the statistics say.
    pub(super) fn of(ground: Ground<'_>) -> Self {
        let (model, node) = (ground.model, ground.node());
        let mut all = Self::default();
        for (host, entry) in model.inventory.balancers() {
            let on = &host.name;
            let Some(report) = model.balancer(on, ground.now) else {
                all.untold.push(format!(
                    "HAProxy on {on} cannot be asked: where it has a server for {node}, it sends clients there as soon as that is up"
                ));
                continue;
            };
            let servers = model.servers_of(node, host, report);
            if servers.is_empty() && model.placed(node, host, ground.now) == Placed::Unknown {
                all.untold.push(format!(
                    "whether HAProxy on {on} has a server for {node} is not known: if so, it may send clients there"
                ));
            }
            for (backend, server) in servers {
                let names = (backend.name.raw(), server.name.raw());
                let command = command(model, (host, entry), names);
                all.sort_in(ground, on, (server, command));
            }
        }
        all
    }

    fn sort_in(
        &mut self,
        ground: Ground<'_>,
        on: &HostName,
        (server, command): (&ServerRow, Result<SetServer, String>),
    ) {
        let node = ground.node();
        match (wanted(server), command) {
            (Some(ServerState::Ready), Ok(set)) => {
                let name = (on.clone(), set.backend.clone(), set.server.clone());
                if ground.model.taken_out.contains(&name) {
                    self.out.push((on.clone(), set));
                } else {
                    let why = "no run in the journal of this machine took it out";
                    self.kept.push(kept(on, node, server, why));
                }
            }
            (Some(ServerState::Ready), Err(why)) => self.kept.push(kept(on, node, server, &why)),
            (Some(state @ (ServerState::Maint | ServerState::Drain)), Ok(set)) => {
                self.used.push((on.clone(), SetServer { state, ..set }));
            }
            (Some(ServerState::Maint | ServerState::Drain), Err(why)) => {
                self.untold.push(untold(on, node, &why));
                self.untold.dedup();
            }
            (None, _) => {}
        }
    }

    /// Which servers stay out although the node becomes a member.
    pub(super) fn kept(&self) -> Vec<String> {
        self.kept.clone()
    }

    /// What becomes of clients where the node is no member afterwards.
    pub(super) fn words(&self, node: &NodeName) -> Vec<String> {
        let mut words = Vec::new();
        if !self.used.is_empty() {
            let mut names: Vec<&str> = self.used.iter().map(|(on, _)| on.as_str()).collect();
            names.dedup();
            words.push(format!(
                "HAProxy on {} sends {node} no clients any more: its server stays in MAINT until it has joined again",
                names.join(" and ")
            ));
        }
        words.extend(self.untold.iter().cloned());
        words
    }

    /// The steps that take it out, each where `may_go` holds.
    pub(super) fn take_out(&self, ground: Ground<'_>, may_go: &[Probe]) -> Vec<Step> {
        let step = |told: &Told| {
            let (on, set) = told;
            let (suffix, over) = distinct(told, &self.used);
            let spared = spared(ground.node(), told);
            Step {
                id: format!("lb-out-{on}{suffix}"),
                title: format!(
                    "let HAProxy on {on} send {} no clients any more{over}",
                    ground.node()
                ),
                host: on.clone(),
                change: Some(Change::Haproxy(set.clone())),
                before: may_go.to_vec(),
                already: vec![spared.clone()],
                after: vec![spared],
                deadline: TOLD_DEADLINE,
            }
        };
        self.used.iter().map(step).collect()
    }

    /// The steps that let it be used again once it runs as a member: on those of `also`, which this
    /// very run told to spare it, and, where it is no member now, on those that an earlier run told.
    /// Whoever else took it out did so for a reason of their own.
    pub(super) fn put_back(&self, ground: Ground<'_>, also: &[Told]) -> Vec<Step> {
        let out = if ground.is_listed() {
            &[][..]
        } else {
            &self.out
        };
        let all: Vec<Told> = out.iter().chain(also).cloned().collect();
        let step = |told: &Told| {
            let (on, set) = told;
            let (suffix, over) = distinct(told, &all);
            let used = used(ground.node(), told);
            let ready = SetServer {
                state: ServerState::Ready,
                ..set.clone()
            };
            Step {
                id: format!("lb-back-{on}{suffix}"),
                title: format!(
                    "let HAProxy on {on} send {} clients again{over}",
                    ground.node()
                ),
                host: on.clone(),
                change: Some(Change::Haproxy(ready)),
                before: vec![Probe::PeersSee {
                    node: ground.node().clone(),
                    state: NodeState::Running,
                }],
                already: vec![used.clone()],
                after: vec![used],
                deadline: BALANCER_DEADLINE,
            }
        };
        all.iter().map(step).collect()
    }
}

/// What a server is to become. One that takes no clients even where its checks succeed, for its
/// weight or by a person's word, is left as it is: it would never be seen in use again.
fn wanted(server: &ServerRow) -> Option<ServerState> {
    if server.weight == Some(0) {
        return None;
    }
    match server.own_usage() {
        // Apart from the servers beside it, a backup is as usable as any.
        Usage::Usable | Usage::Reserve | Usage::Down => Some(ServerState::Maint),
        Usage::Aside if server.status == ServerStatus::Maint => Some(ServerState::Ready),
        Usage::Aside | Usage::Unknown => None,
    }
}

fn kept(on: &HostName, node: &NodeName, server: &ServerRow, why: &str) -> String {
    format!(
        "HAProxy on {on} keeps {} of {node} in MAINT, for {why}: clients are sent there once it is put back by hand",
        server.name
    )
}

fn untold(on: &HostName, node: &NodeName, why: &str) -> String {
    format!(
        "HAProxy on {on} cannot be told, for {why}: it may send clients to {node} until its server is taken out by hand"
    )
}
