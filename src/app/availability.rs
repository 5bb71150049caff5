//! Owns whether a command can be used now, and why not. What cannot be used stays visible with its
//! reason; nothing here hides anything.

use super::App;
use super::command::Command;
use super::focus::{ListId, PaneId, Subject};
use super::rows::{KnownServer, known_servers};
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};

/// Whether something can be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Enabled,
    /// It cannot, for this reason.
    Disabled(String),
}

impl Availability {
    fn when(possible: impl Into<Option<bool>>, reason: &str) -> Self {
        if possible.into() == Some(true) {
            Self::Enabled
        } else {
            Self::Disabled(reason.to_owned())
        }
    }
}

impl App {
    /// Whether `command` can be used now.
    pub fn availability(&self, command: Command, now: Moment) -> Availability {
        match command {
            Command::Open | Command::Copy => {
                Availability::when(self.selected(now).is_some(), "nothing is selected")
            }
            Command::NextList => Availability::when(
                self.pane() == PaneId::Overview,
                "only the Overview has two lists",
            ),
            Command::Run => Availability::when(
                !self.runs.is_empty() || self.under_way().is_some(),
                "nothing was run in this session",
            ),
            Command::LastView | Command::HistoryBack => {
                Availability::when(self.trail.last().is_some(), "this is the first view")
            }
            Command::HistoryForward => {
                Availability::when(self.trail.can_forward(), "this is the latest view")
            }
            Command::PollNow => Availability::when(
                self.frozen.is_none(),
                "the console is paused; p lets it go on",
            ),
            Command::Actions
            | Command::Overview
            | Command::Nodes
            | Command::Policies
            | Command::Haproxy
            | Command::Vip
            | Command::Runs
            | Command::Back
            | Command::Palette
            | Command::Filter
            | Command::Faults
            | Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::Top
            | Command::Bottom
            | Command::Pause
            | Command::Help
            | Command::Quit
            | Command::Interrupt => Availability::Enabled,
        }
    }

    /// The node an action would be about: the selected one, the one behind the selected server,
    /// or the one the selected finding is about.
    pub fn selected_node(&self, now: Moment) -> Option<NodeName> {
        self.node_of(&self.selected(now)?)
    }

    /// The node `subject` stands for.
    pub fn node_of(&self, subject: &Subject) -> Option<NodeName> {
        match subject {
            Subject::Node(node) => Some(node.clone()),
            Subject::Server {
                balancer,
                backend,
                name,
            } => self.node_behind(balancer.as_ref(), |known| known.is(backend, name)),
            Subject::Finding { about, .. } => self.node_called(about),
            Subject::Clients
            | Subject::Vip(_)
            | Subject::Balancer(_)
            | Subject::Host(_)
            | Subject::Run(_)
            | Subject::Policy { .. } => None,
        }
    }

    fn node_behind(
        &self,
        balancer: Option<&HostName>,
        is_it: impl Fn(&KnownServer<'_>) -> bool,
    ) -> Option<NodeName> {
        let hosts = self.model.inventory.balancers().map(|(host, _)| &host.name);
        hosts
            .filter(|host| balancer.is_none_or(|wanted| wanted == *host))
            .find_map(|host| {
                let known = known_servers(&self.model, host).into_iter().find(&is_it)?;
                Some(self.model.member_behind(host, known.server)?.0.clone())
            })
    }

    /// A finding names its subject as a node, as its host, or as a server.
    fn node_called(&self, about: &str) -> Option<NodeName> {
        self.model
            .members()
            .into_iter()
            .find(|node| node.as_str() == about || node.short() == about)
            .or_else(|| {
                let mut nodes = self.model.inventory.nodes();
                let on_host = nodes.find(|(host, _)| host.name.as_str() == about);
                on_host.map(|(_, node)| node.clone())
            })
            .or_else(|| {
                self.node_behind(None, |known| match about.split_once('/') {
                    Some((backend, name)) => known.is(backend, name),
                    None => known.server.name.as_str() == about,
                })
            })
    }

    /// The list that keys move in.
    pub fn list(&self) -> ListId {
        match self.pane() {
            PaneId::Overview => self.overview_list,
            PaneId::Nodes => ListId::Nodes,
            PaneId::Policies => ListId::Policies,
            PaneId::Haproxy => ListId::Servers,
            PaneId::Vip => ListId::VipHosts,
            PaneId::Runs => ListId::Runs,
        }
    }
}
