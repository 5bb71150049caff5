//! Owns what can be looked at and selected: panes, lists, subjects. A selection names a thing and
//! not a row, so it follows the thing when rows move.

use crate::executor::event::RunId;
use crate::model::name::{HostName, NodeName, VhostName};
use crate::model::policy::PolicyName;
use std::fmt;
use std::net::IpAddr;

/// A pane. Numbers are final; panes that do not exist yet have no tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum PaneId {
    /// The live path with the findings beside it.
    Overview,
    /// Every member.
    Nodes,
    /// Every policy.
    Policies,
    /// Every load balancer, side by side.
    Haproxy,
    /// Who holds the virtual address.
    Vip,
    /// The runs of this machine.
    Runs,
}

impl PaneId {
    /// The key that opens it.
    pub fn number(self) -> char {
        match self {
            Self::Overview => '1',
            Self::Nodes => '2',
            Self::Policies => '5',
            Self::Haproxy => '6',
            Self::Vip => '7',
            Self::Runs => '9',
        }
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Nodes => "Nodes",
            Self::Policies => "Policies",
            Self::Haproxy => "HAProxy",
            Self::Vip => "VIP",
            Self::Runs => "Runs",
        }
    }
}

/// A list in which something can be selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum ListId {
    /// The path on the Overview.
    Path,
    /// The findings on the Overview.
    Findings,
    /// The members.
    Nodes,
    /// The policies.
    Policies,
    /// The servers of all load balancers.
    Servers,
    /// The hosts that may hold a virtual address.
    VipHosts,
    /// The runs of this machine.
    Runs,
}

/// Something that can be selected, opened or acted on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// All clients together.
    Clients,
    /// A virtual address.
    Vip(IpAddr),
    /// The HAProxy on a host.
    Balancer(HostName),
    /// A server as one load balancer sees it.
    Server {
        /// On which load balancer; `None`: on all of them.
        balancer: Option<HostName>,
        /// Its backend in haproxy.cfg.
        backend: String,
        /// Its name in haproxy.cfg, as HAProxy gave it.
        name: String,
    },
    /// A member.
    Node(NodeName),
    /// A host of the inventory.
    Host(HostName),
    /// A run, by its journal.
    Run(RunId),
    /// A policy.
    Policy {
        /// Where.
        vhost: VhostName,
        /// Which.
        name: PolicyName,
    },
    /// A finding, by its rule and what it is about.
    Finding {
        /// The rule.
        id: String,
        /// What it is about.
        about: String,
        /// Which of several by this rule about this thing, from 0.
        nth: usize,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("clients"),
            Self::Vip(address) => write!(f, "VIP {address}"),
            Self::Balancer(host) => write!(f, "HAProxy on {host}"),
            Self::Server {
                balancer: Some(host),
                name,
                ..
            } => write!(f, "server {name} on {host}", name = shown(name)),
            Self::Server {
                balancer: None,
                name,
                ..
            } => write!(f, "server {name}", name = shown(name)),
            Self::Node(node) => write!(f, "{node}"),
            Self::Host(host) => write!(f, "{host}"),
            Self::Run(run) => write!(f, "run {run}"),
            Self::Policy { vhost, name } => write!(f, "policy {name} of vhost {vhost}"),
            Self::Finding { id, about, .. } => write!(f, "{id} on {about}"),
        }
    }
}

fn shown(raw: &str) -> crate::model::text::Shown {
    crate::model::text::Shown::new(raw)
}

/// Where one list stands.
#[derive(Debug, Clone, Default)]
pub struct ListState {
    /// What is selected; `None`: the first row.
    pub selected: Option<Subject>,
    /// The row it was last seen in, for when the thing itself is gone.
    pub row: usize,
    /// What must (or with a leading `!`, must not) occur in a row; empty: everything.
    pub filter: String,
    /// Whether only rows with a fault are shown.
    pub faults: Faults,
}

/// Whether a list hides what is well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Faults {
    /// Everything is shown.
    #[default]
    Off,
    /// Only what is not well is shown.
    Only,
}

/// The state of every list.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    path: ListState,
    findings: ListState,
    nodes: ListState,
    policies: ListState,
    servers: ListState,
    vip_hosts: ListState,
    runs: ListState,
}

impl Lists {
    /// Where this list stands.
    pub fn get(&self, list: ListId) -> &ListState {
        match list {
            ListId::Path => &self.path,
            ListId::Findings => &self.findings,
            ListId::Nodes => &self.nodes,
            ListId::Policies => &self.policies,
            ListId::Servers => &self.servers,
            ListId::VipHosts => &self.vip_hosts,
            ListId::Runs => &self.runs,
        }
    }

    /// Where this list stands, to be moved.
    pub fn get_mut(&mut self, list: ListId) -> &mut ListState {
        match list {
            ListId::Path => &mut self.path,
            ListId::Findings => &mut self.findings,
            ListId::Nodes => &mut self.nodes,
            ListId::Policies => &mut self.policies,
            ListId::Servers => &mut self.servers,
            ListId::VipHosts => &mut self.vip_hosts,
            ListId::Runs => &mut self.runs,
        }
    }
}

/// The views visited, for `[`, `]` and `-`.
#[derive(Debug, Clone)]
pub struct Trail {
    past: Vec<PaneId>,
    current: PaneId,
    future: Vec<PaneId>,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            past: Vec::new(),
            current: PaneId::Overview,
            future: Vec::new(),
        }
    }
}

impl Trail {
    /// How many steps back are kept.
    const LIMIT: usize = 64;

    /// Where the operator is.
    pub fn current(&self) -> PaneId {
        self.current
    }

    /// Goes to `pane`; going where one already is leaves no trace.
    pub fn visit(&mut self, pane: PaneId) {
        if pane != self.current {
            self.past.push(self.current);
            if self.past.len() > Self::LIMIT {
                self.past.remove(0);
            }
            self.current = pane;
            self.future.clear();
        }
    }

    /// Shows `pane` without a trace: nobody went there.
    pub fn turn_to(&mut self, pane: PaneId) {
        self.current = pane;
    }

    /// One view back, if there is one.
    pub fn back(&mut self) {
        if let Some(pane) = self.past.pop() {
            self.future.push(self.current);
            self.current = pane;
        }
    }

    /// One view forward again, if there is one.
    pub fn forward(&mut self) {
        if let Some(pane) = self.future.pop() {
            self.past.push(self.current);
            self.current = pane;
        }
    }

    /// To the view before this one and back again.
    pub fn toggle_last(&mut self) {
        if let Some(last) = self.last() {
            self.visit(last);
        }
    }

    /// The view before this one.
    pub fn last(&self) -> Option<PaneId> {
        self.past.last().copied()
    }

    /// Whether there is a view to go forward to.
    pub fn can_forward(&self) -> bool {
        !self.future.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{PaneId, Trail};

    #[test]
    fn the_trail_goes_back_and_forward_like_a_browser() {
        let mut trail = Trail::default();
        trail.visit(PaneId::Nodes);
        trail.visit(PaneId::Vip);
        trail.visit(PaneId::Vip);
        trail.back();
        assert_eq!(trail.current(), PaneId::Nodes);
        trail.forward();
        assert_eq!(trail.current(), PaneId::Vip);
        trail.back();
        trail.visit(PaneId::Haproxy);
        assert!(!trail.can_forward());
        trail.toggle_last();
        trail.toggle_last();
        assert_eq!(trail.current(), PaneId::Haproxy);
    }
}
