//! Owns what a change does to the simulated cluster, and what whoever sent it hears: one arm per
//! command. What `rabbitmqctl` does is `ctl`'s.

use super::broker::{By, Life};
use super::front::Unit;
use super::{BACKEND, Data, Kind, Power, World, look};
use crate::invocation::api::ApiCall;
use crate::invocation::cookie::CookieVerb;
use crate::invocation::haproxy::SetServer;
use crate::invocation::{Change, QueuesVerb, ServiceVerb, UpgradeVerb};
use crate::model::name::{DataPath, NodeName, ServiceName, Stamp};
use crate::model::policy::PolicyRule;
use std::time::Duration;

/// What a tool of RabbitMQ takes at the least: it starts a runtime of its own.
pub(super) const TOOL: Duration = Duration::from_millis(300);
/// Before the processes of a service that hangs are killed; shortened.
const KILLED_AFTER: Duration = Duration::from_secs(2);

/// What a command ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Reply {
    /// It did as it was told.
    pub fn done() -> Self {
        Self::default()
    }

    /// It printed this.
    pub fn says(stdout: impl Into<String>) -> Self {
        Self {
            stdout: stdout.into(),
            ..Self::default()
        }
    }

    /// It did not do it.
    pub fn fails(code: i32, words: impl Into<String>) -> Self {
        Self {
            code,
            stdout: String::new(),
            stderr: words.into(),
        }
    }
}

/// What a command waits for before it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaited {
    /// This time; then it ends with this.
    Time(Duration, Reply),
    /// A broker runs, or its start failed.
    Start(usize, By),
    /// A broker is stopped.
    Stop(usize, By),
    /// A killed service is gone.
    Kill(usize, Duration),
    /// Nothing that would come: it hangs.
    Nothing,
}

/// How far a command has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// To its end.
    Ended(Reply),
    /// It waits.
    Waits(Awaited),
}

impl World {
    /// Does as `change` says, sent to the host of this place.
    pub fn begin(&mut self, on: usize, change: &Change) -> Progress {
        match change {
            Change::Ctl { node, verb, .. } => self.at_node(node, |world, at| world.ctl(at, verb)),
            Change::Upgrade { node, verb, .. } => {
                self.at_node(node, |world, at| world.maintain(at, *verb))
            }
            Change::Queues { node, verb, .. } => {
                self.at_node(node, |world, at| world.manage_queues(at, verb))
            }
            Change::Service { name, verb } => self.service(on, name, *verb),
            Change::Api { call, .. } => self.call(call),
            Change::Haproxy(set) => self.set_server(on, set),
            Change::Cookie { verb } => self.cookie(on, verb),
            Change::ForceStandalone { node, .. } => self.at_node(node, Self::stand_alone),
            Change::SetAside { dir, stamp, .. } => self.set_aside(on, dir, stamp),
        }
    }

    /// What a command that waited has come to.
    pub fn ended(&mut self, awaited: &Awaited) -> Option<Reply> {
        match awaited {
            Awaited::Time(at, reply) => (*at <= self.now).then(|| reply.clone()),
            Awaited::Start(at, by) => self.start_ended(*at, *by),
            Awaited::Stop(at, by) => {
                let life = self.host(*at)?.broker.life;
                let over = match by {
                    By::Service => !self.host(*at)?.broker.has_runtime(),
                    By::Tool => life == Life::AppStopped,
                };
                over.then(Reply::done)
            }
            Awaited::Kill(at, due) => {
                if *due <= self.now && self.host(*at)?.broker.has_runtime() {
                    self.kill(*at, Life::Failed);
                }
                (!self.host(*at)?.broker.has_runtime()).then(Reply::done)
            }
            Awaited::Nothing => None,
        }
    }

    fn start_ended(&self, at: usize, by: By) -> Option<Reply> {
        let broker = &self.host(at)?.broker;
        let log = || broker.log.last().cloned().unwrap_or_default();
        match (broker.life, by) {
            (Life::Running, _) | (Life::AppStopped, By::Service) => Some(Reply::done()),
            (Life::AppStopped, By::Tool) => Some(Reply::fails(69, format!("Error:\n{}\n", log()))),
            (Life::Failed | Life::Off | Life::Between(_), By::Service) => {
                let words = "Job for rabbitmq-server.service failed because the control process \
                             exited with error code.\n";
                Some(Reply::fails(1, words))
            }
            (Life::Failed | Life::Off | Life::Between(_), By::Tool) => Some(self.no_node(at)),
            (Life::Booting(..) | Life::Stopping(..), _) => None,
        }
    }

    /// Ends with this once a tool has done its work.
    pub(super) fn takes(&self, reply: Reply) -> Progress {
        Progress::Waits(Awaited::Time(self.now + TOOL, reply))
    }

    /// What a tool says that does not reach a runtime.
    pub(super) fn no_node(&self, at: usize) -> Reply {
        let node = self
            .host(at)
            .map_or_else(String::new, |host| host.node.to_string());
        let words = format!(
            "Error: unable to perform an operation on node '{node}'. Please see diagnostics information and suggestions below.\n"
        );
        Reply::fails(69, words)
    }

    fn at_node(
        &mut self,
        node: &NodeName,
        then: impl FnOnce(&mut Self, usize) -> Progress,
    ) -> Progress {
        match self.place_of(node) {
            Some(at) if self.host(at).is_some_and(|host| host.broker.hangs) => {
                Progress::Waits(Awaited::Nothing)
            }
            Some(at) => then(self, at),
            None => Progress::Ended(Reply::fails(68, format!("unknown host of {node}\n"))),
        }
    }

    fn maintain(&mut self, at: usize, verb: UpgradeVerb) -> Progress {
        if !self.host(at).is_some_and(|host| host.broker.works()) {
            return self.takes(self.no_node(at));
        }
        if let Some(host) = self.hosts.get_mut(at) {
            host.broker.drained = verb == UpgradeVerb::Drain;
        }
        // Leaders of what is replicated move away; single copies stay.
        let up = self.leading();
        let quorum = self
            .queues
            .iter_mut()
            .filter(|queue| queue.kind == Kind::Quorum);
        quorum.for_each(|queue| queue.lead(up));
        self.takes(Reply::done())
    }

    fn manage_queues(&mut self, at: usize, verb: &QueuesVerb) -> Progress {
        if !self.host(at).is_some_and(|host| host.broker.works()) {
            return self.takes(self.no_node(at));
        }
        let members = self.seen_by(at);
        let place = |node: &NodeName| self.hosts.iter().position(|host| host.node == *node);
        let target = match verb {
            QueuesVerb::Grow { onto: node } | QueuesVerb::Shrink { off: node } => place(node),
            QueuesVerb::Rebalance => None,
        };
        let order: Vec<usize> = members.iter().collect();
        let quorum = self
            .queues
            .iter_mut()
            .filter(|queue| queue.kind == Kind::Quorum);
        for (number, queue) in quorum.enumerate() {
            match (verb, target) {
                (QueuesVerb::Grow { .. }, Some(onto)) if members.has(onto) => {
                    queue.replicas.add(onto);
                }
                (QueuesVerb::Shrink { .. }, Some(off)) if queue.replicas.len() > 1 => {
                    queue.replicas.remove(off);
                    queue.lead(members.and(queue.replicas));
                }
                (QueuesVerb::Rebalance, _) => {
                    let next = order.get(number % order.len().max(1)).copied();
                    queue.leader = next
                        .filter(|at| queue.replicas.has(*at))
                        .unwrap_or(queue.leader);
                }
                (QueuesVerb::Grow { .. } | QueuesVerb::Shrink { .. }, _) => {}
            }
            queue.synced = queue.replicas;
        }
        self.stir();
        self.takes(Reply::done())
    }

    fn service(&mut self, on: usize, name: &ServiceName, verb: ServiceVerb) -> Progress {
        let Some(host) = self
            .hosts
            .get_mut(on)
            .filter(|host| host.power == Power::On)
        else {
            return Progress::Waits(Awaited::Nothing);
        };
        let unit = match verb {
            ServiceVerb::Stop | ServiceVerb::Kill | ServiceVerb::ResetFailed => Unit::Inactive,
            ServiceVerb::Start | ServiceVerb::StartAnew | ServiceVerb::StartNoBlock => Unit::Active,
        };
        if *name == host.services.haproxy
            && let Some(balancer) = &mut host.balancer
        {
            balancer.turn(unit);
            return self.takes(Reply::done());
        }
        if *name == host.services.keepalived
            && let Some(keepalived) = &mut host.keepalived
        {
            keepalived.turn(unit);
            return self.takes(Reply::done());
        }
        if *name != host.services.broker {
            let words = format!("Unit {name}.service not found.\n");
            return Progress::Ended(Reply::fails(5, words));
        }
        self.broker_service(on, verb)
    }

    fn broker_service(&mut self, on: usize, verb: ServiceVerb) -> Progress {
        let hangs = self.host(on).is_some_and(|host| host.broker.hangs);
        match verb {
            ServiceVerb::Stop if hangs => Progress::Waits(Awaited::Nothing),
            ServiceVerb::Stop => {
                self.stop(on, By::Service);
                Progress::Waits(Awaited::Stop(on, By::Service))
            }
            ServiceVerb::Kill => {
                if !hangs {
                    self.stop(on, By::Service);
                }
                Progress::Waits(Awaited::Kill(on, self.now + KILLED_AFTER))
            }
            ServiceVerb::Start | ServiceVerb::StartAnew => {
                self.forget_starts(on, verb);
                self.start_service(on);
                Progress::Waits(Awaited::Start(on, By::Service))
            }
            ServiceVerb::StartNoBlock => {
                self.start_service(on);
                Progress::Ended(Reply::done())
            }
            ServiceVerb::ResetFailed => {
                self.forget_starts(on, verb);
                if let Some(host) = self.hosts.get_mut(on)
                    && host.broker.life == Life::Failed
                {
                    host.broker.life = Life::Off;
                }
                Progress::Ended(Reply::done())
            }
        }
    }

    fn forget_starts(&mut self, on: usize, verb: ServiceVerb) {
        if verb != ServiceVerb::Start
            && let Some(host) = self.hosts.get_mut(on)
        {
            host.broker.restarts = 0;
        }
    }

    fn call(&mut self, call: &ApiCall) -> Progress {
        match call {
            ApiCall::SetPolicy { rule } => self.set_policy(rule.clone()),
            ApiCall::ClearPolicy { vhost, name } => {
                self.policies.retain(|known| !known.is(vhost, name));
                self.policies_changed();
            }
            ApiCall::SyncQueue { queue, .. } => self.sync_queue(queue.0.raw()),
        }
        Progress::Ended(Reply::done())
    }

    /// Makes a policy, or puts another in its place.
    pub fn set_policy(&mut self, rule: PolicyRule) {
        self.policies
            .retain(|known| !known.is(&rule.vhost, &rule.name));
        self.policies.push(rule);
        self.policies_changed();
    }

    /// Removes a policy of the virtual host `/`; whether there was one.
    pub fn clear_policy(&mut self, name: &str) -> bool {
        let before = self.policies.len();
        self.policies.retain(|known| known.name.raw() != name);
        self.policies_changed();
        self.policies.len() < before
    }

    /// Has the mirrors of a queue synchronised.
    pub fn sync_queue(&mut self, name: &str) {
        let named = self.queues.iter_mut().filter(|queue| &*queue.name == name);
        named
            .filter(|queue| look::is_mirrored(queue))
            .for_each(|queue| queue.synced = queue.replicas);
    }

    fn policies_changed(&mut self) {
        look::judge(&mut self.queues, &self.policies);
        self.stir();
        self.move_queues();
    }

    fn set_server(&mut self, on: usize, set: &SetServer) -> Progress {
        let now = self.now;
        let front = self
            .hosts
            .get_mut(on)
            .and_then(|host| host.balancer.as_mut());
        let Some(balancer) = front.filter(|balancer| balancer.runs()) else {
            return Progress::Ended(Reply::fails(1, "socat: connect: Connection refused\n"));
        };
        if set.backend.as_str() != BACKEND {
            let words = Reply::says("No such backend.\n\n");
            return Progress::Ended(Reply { code: 69, ..words });
        }
        let place = set
            .server
            .as_str()
            .strip_prefix("mq-node")
            .and_then(|n| n.parse::<usize>().ok());
        let server = place.and_then(|n| balancer.servers.get_mut(n.checked_sub(1)?));
        let Some(server) = server else {
            let words = Reply::says("No such server.\n\n");
            return Progress::Ended(Reply { code: 69, ..words });
        };
        server.told(set.state, now);
        Progress::Ended(Reply::done())
    }

    fn set_aside(&mut self, on: usize, dir: &DataPath, stamp: &Stamp) -> Progress {
        self.kins += 1;
        let kin = self.kins;
        let Some(host) = self.hosts.get_mut(on) else {
            return Progress::Waits(Awaited::Nothing);
        };
        if host.broker.has_runtime() {
            let words = "rabbitmq-server or another runtime of the user rabbitmq runs\n";
            return Progress::Ended(Reply::fails(70, words));
        }
        host.aside.push(dir.aside(stamp));
        host.broker.data = Data {
            is_there: false,
            ..Data::blank(on, kin)
        };
        self.queues
            .retain_mut(|queue| queue.kind == Kind::Quorum || !queue.lose(on));
        Progress::Ended(Reply::done())
    }

    fn cookie(&mut self, on: usize, verb: &CookieVerb) -> Progress {
        let Some(host) = self.hosts.get_mut(on) else {
            return Progress::Waits(Awaited::Nothing);
        };
        Progress::Ended(match verb {
            CookieVerb::Key => Reply::says(sealed(host.cookie)),
            // Never sent: it becomes an `Open` first.
            CookieVerb::Take { .. } => Reply::fails(64, "a cookie is sealed before it travels\n"),
            CookieVerb::Open { .. } if host.broker.has_runtime() => Reply::fails(
                70,
                "rabbitmq-server or another runtime of the user rabbitmq runs\n",
            ),
            CookieVerb::Open { .. } => {
                let change = Change::Cookie { verb: verb.clone() }.argv();
                host.cookie = change
                    .args
                    .get(3)
                    .map_or(host.cookie, |text| unsealed(text));
                Reply::done()
            }
        })
    }
}

/// A word of base64 that stands for a sealed cookie: as long as a real one, with the cookie's number.
pub fn sealed(cookie: u8) -> String {
    format!("{}{:04}", "QUJD".repeat(64), cookie)
}

fn unsealed(text: &str) -> u8 {
    let digits: String = text.chars().skip(4 * 64).collect();
    digits.parse().unwrap_or(0)
}
