//! Owns what `rabbitmqctl` does to the simulated cluster: the app, membership, names. It refuses
//! what the broker would refuse, and a wrong order hurts as it would in life.

use super::broker::{By, Life};
use super::change::{Awaited, Progress, Reply};
use super::{Data, Row, Seats, World};
use crate::invocation::CtlVerb;
use crate::model::broker::NodeType;
use crate::model::name::NodeName;

/// `rabbitmqctl`: a failed check.
const REFUSED: i32 = 70;

impl World {
    /// `rabbitmqctl` on the node of this place.
    pub(super) fn ctl(&mut self, at: usize, verb: &CtlVerb) -> Progress {
        let life = self.host(at).map_or(Life::Off, |host| host.broker.life);
        let has_runtime = self.host(at).is_some_and(|host| host.broker.has_runtime());
        if let CtlVerb::ForgetOffline { gone } = verb {
            return self.forget_offline(at, gone);
        }
        if !has_runtime {
            return self.takes(self.no_node(at));
        }
        match verb {
            CtlVerb::StopApp => {
                self.stop(at, By::Tool);
                Progress::Waits(Awaited::Stop(at, By::Tool))
            }
            CtlVerb::StartApp => {
                self.start_app(at);
                Progress::Waits(Awaited::Start(at, By::Tool))
            }
            // From 4.1 on a node that runs joins too: its app is stopped and started on the way.
            CtlVerb::JoinCluster { to, kind }
                if life == Life::Running && self.release.is_khepri() =>
            {
                self.join_and_start(at, to, *kind)
            }
            CtlVerb::Reset
            | CtlVerb::JoinCluster { .. }
            | CtlVerb::ChangeClusterNodeType { .. }
                if life != Life::AppStopped =>
            {
                let words = "Error:\nthis command requires the 'rabbit' app to be stopped on the \
                             target node. Stop it with 'rabbitmqctl stop_app'.\n";
                self.takes(Reply::fails(REFUSED, words))
            }
            CtlVerb::Reset => self.reset(at),
            CtlVerb::JoinCluster { to, kind } => self.join(at, to, *kind),
            CtlVerb::ForgetClusterNode { gone } => self.forget(at, gone),
            CtlVerb::ChangeClusterNodeType { kind } => self.retype(at, *kind),
            CtlVerb::SetClusterName { name } => {
                if life != Life::Running {
                    return self.takes(self.no_node(at));
                }
                name.as_str().clone_into(&mut self.name);
                self.takes(Reply::done())
            }
            CtlVerb::ForgetOffline { .. } => Progress::Waits(Awaited::Nothing),
        }
    }

    /// Members that run and that a stopped one of this place would talk to.
    fn mates_that_run(&self, at: usize) -> Seats {
        let runs = |other: &usize| {
            *other != at
                && self.works().has(*other)
                && self.are_mates(at, *other)
                && self.reach(at, *other)
        };
        self.places().filter(runs).collect()
    }

    fn blank(&mut self, at: usize) {
        self.kins += 1;
        let kin = self.kins;
        if let Some(host) = self.hosts.get_mut(at) {
            host.broker.data = Data::blank(at, kin);
        }
    }

    /// Takes `gone` out of what all other members of its cluster know, and its copies with it.
    fn take_out(&mut self, gone: usize, of: u32) {
        let others = self
            .hosts
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| *at != gone);
        for (_, host) in others.filter(|(_, host)| host.broker.data.kin == of) {
            let data = &mut host.broker.data;
            data.mates.remove(gone);
            data.ram.remove(gone);
            data.ran.remove(gone);
        }
        if of == 0 {
            self.queues.retain_mut(|queue| !queue.lose(gone));
        }
        self.stir();
    }

    fn reset(&mut self, at: usize) -> Progress {
        let data = self.host(at).map(|host| host.broker.data.clone());
        let Some(data) = data else {
            return Progress::Waits(Awaited::Nothing);
        };
        let is_alone = data.mates.len() <= 1;
        if !is_alone && self.mates_that_run(at).is_empty() {
            let words = "Error:\n{:no_running_cluster_nodes, \"You cannot leave a cluster if no \
                         online nodes are present.\"}\n";
            return self.takes(Reply::fails(REFUSED, words));
        }
        self.take_out(at, data.kin);
        self.blank(at);
        self.takes(Reply::done())
    }

    fn join_and_start(&mut self, at: usize, to: &NodeName, kind: NodeType) -> Progress {
        let before = self.host(at).map(|host| host.broker.data.kin);
        let progress = self.join(at, to, kind);
        if self.host(at).map(|host| host.broker.data.kin) == before {
            return progress;
        }
        self.kill(at, Life::AppStopped);
        self.start_app(at);
        Progress::Waits(Awaited::Start(at, By::Tool))
    }

    fn join(&mut self, at: usize, to: &NodeName, kind: NodeType) -> Progress {
        let target = self
            .place_of(to)
            .filter(|to| self.works().has(*to) && self.reach(at, *to));
        let Some(target) = target else {
            let words = format!("Error:\nunable to connect to node '{to}': nodedown\n");
            return self.takes(Reply::fails(69, words));
        };
        let known = self.host(target).map(|host| host.broker.data.clone());
        let Some(known) = known else {
            return Progress::Waits(Awaited::Nothing);
        };
        if known.mates.has(at) && self.are_mates(at, target) {
            let words =
                "Error:\n{:already_member, \"The node is already a member of this cluster\"}\n";
            return self.takes(Reply::fails(REFUSED, words));
        }
        if known.mates.has(at) {
            let words = "Error:\n{:inconsistent_cluster, \"the cluster still counts this node as a \
                         member: forget it there first\"}\n";
            return self.takes(Reply::fails(REFUSED, words));
        }
        let mut mates = known.mates;
        mates.add(at);
        for other in known.mates.iter() {
            if let Some(host) = self.hosts.get_mut(other)
                && host.broker.data.kin == known.kin
            {
                host.broker.data.mates = mates;
            }
        }
        if let Some(host) = self.hosts.get_mut(at) {
            host.broker.data = Data {
                kin: known.kin,
                mates,
                ram: known.ram,
                ran: known.ran,
                ..Data::blank(at, known.kin)
            };
        }
        self.type_as(at, kind);
        self.stir();
        self.takes(Reply::done())
    }

    fn type_as(&mut self, at: usize, kind: NodeType) {
        let kin = self.host(at).map(|host| host.broker.data.kin);
        for host in &mut self.hosts {
            if Some(host.broker.data.kin) == kin {
                match kind {
                    NodeType::Ram => host.broker.data.ram.add(at),
                    NodeType::Disc => host.broker.data.ram.remove(at),
                }
            }
        }
    }

    fn retype(&mut self, at: usize, kind: NodeType) -> Progress {
        if self.mates_that_run(at).is_empty() {
            let words = "Error:\nNo online cluster nodes are known\n";
            return self.takes(Reply::fails(REFUSED, words));
        }
        self.type_as(at, kind);
        self.takes(Reply::done())
    }

    fn forget(&mut self, by: usize, gone: &NodeName) -> Progress {
        let works = self.works().has(by);
        let (Some(place), true) = (self.place_of(gone), works) else {
            return self.takes(self.no_node(by));
        };
        let refusal = match self.sees(by, place) {
            None => Some("The node selected is not in the cluster.".to_owned()),
            Some(Row::Running) => Some(format!(
                "{{:failed_to_remove_node, :\"{gone}\", {{:active, 'Mnesia is running', :\"{gone}\"}}}}"
            )),
            Some(Row::Away) => None,
        };
        if let Some(words) = refusal {
            return self.takes(Reply::fails(REFUSED, format!("Error:\n{words}\n")));
        }
        let kin = self.host(by).map_or(0, |host| host.broker.data.kin);
        self.take_out(place, kin);
        self.takes(Reply::done())
    }

    /// The survivor's disc is changed while its runtime is down; Khepri does not know that.
    fn forget_offline(&mut self, at: usize, gone: &NodeName) -> Progress {
        if self.release.is_khepri() {
            return self.takes(Reply::fails(69, "Error:\n:not_supported\n"));
        }
        let is_up = self.host(at).is_some_and(|host| host.broker.has_runtime());
        let Some(place) = self.place_of(gone).filter(|_| !is_up) else {
            let words = "Error:\nthis command requires the target node to be stopped\n";
            return self.takes(Reply::fails(REFUSED, words));
        };
        if let Some(host) = self.hosts.get_mut(at) {
            let data = &mut host.broker.data;
            data.mates.remove(place);
            data.ran.remove(place);
            data.forced = true;
        }
        self.queues.retain_mut(|queue| !queue.lose(place));
        self.takes(Reply::done())
    }

    /// All others are no members any more, and it goes on alone.
    pub(super) fn stand_alone(&mut self, at: usize) -> Progress {
        let has_runtime = self.host(at).is_some_and(|host| host.broker.has_runtime());
        if !has_runtime {
            return self.takes(self.no_node(at));
        }
        for other in self.places().filter(|other| *other != at) {
            self.queues.retain_mut(|queue| !queue.lose(other));
        }
        if let Some(host) = self.hosts.get_mut(at) {
            let data = &mut host.broker.data;
            (data.mates, data.ran) = (Seats::only(at), Seats::only(at));
        }
        self.stir();
        self.takes(Reply::done())
    }
}
