//! Owns what can be asked of the simulated cluster: who works, who sees whom, what a policy does to
//! a queue, how much goes through it. Changes nothing but its own figures of traffic.

use super::queue::Eager;
use super::{Balancer, Host, Kind, Power, Queue, Release, Seats, State, Unit, World};
use crate::model::broker::QueueRow;
use crate::model::name::{NodeName, QueueName, VhostName};
use crate::model::policy::effect::Ready;
use crate::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use crate::model::text::Shown;
use serde_json::Value;
use std::time::Duration;

/// How much goes through the cluster, messages a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Traffic {
    /// Published.
    pub published: f64,
    /// Handed to consumers.
    pub delivered: f64,
    /// Acknowledged by them.
    pub acknowledged: f64,
}

/// What one member says of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// It runs.
    Running,
    /// It is a member and does not run.
    Away,
}

/// Queues whose depth changes from second to second; the others keep theirs.
const LIVELY: usize = 64;
/// Messages that a client publishes in a second, a hundredth.
const RATE: f64 = 4.2;

impl World {
    /// Simulated time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Which release it is.
    pub fn release(&self) -> Release {
        self.release
    }

    /// How the cluster is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its policies.
    pub fn policies(&self) -> &[PolicyRule] {
        &self.policies
    }

    /// Its queues.
    pub fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// Its clients.
    pub fn clients(&self) -> &[super::Client] {
        &self.clients
    }

    /// How much goes through it.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// For how long clients were without service, all together.
    pub fn unserved(&self) -> Duration {
        self.unserved
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The host of this place.
    pub fn host(&self, at: usize) -> Option<&Host> {
        self.hosts.get(at)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.hosts.len()
    }

    /// The place of the host with this node.
    pub fn place_of(&self, node: &NodeName) -> Option<usize> {
        self.hosts.iter().position(|host| host.node == *node)
    }

    /// Whether the host of this place is there.
    pub fn is_on(&self, at: usize) -> bool {
        self.host(at).is_some_and(|host| host.power == Power::On)
    }

    /// Brokers of any cluster that do their work.
    pub fn works(&self) -> Seats {
        let works =
            |at: &usize| self.is_on(*at) && self.host(*at).is_some_and(|h| h.broker.works());
        self.places().filter(works).collect()
    }

    /// Whether the broker takes clients: it listens, and does its work.
    pub(super) fn takes_clients(&self, at: usize) -> bool {
        let takes = |host: &Host| host.broker.listens() && host.broker.works();
        self.is_on(at) && self.host(at).is_some_and(takes)
    }

    /// Whether two runtimes reach each other: both hosts are there, nothing is cut, one cookie.
    pub fn reach(&self, a: usize, b: usize) -> bool {
        let (Some(one), Some(other)) = (self.host(a), self.host(b)) else {
            return false;
        };
        let cut = self.cuts.contains(&(a.min(b), a.max(b)));
        let answers = |host: &Host| {
            host.power == Power::On && host.broker.has_runtime() && !host.broker.hangs
        };
        a == b || (answers(one) && answers(other) && !cut && one.cookie == other.cookie)
    }

    /// Whether both count each other as members of one cluster.
    pub(super) fn are_mates(&self, a: usize, b: usize) -> bool {
        let (Some(one), Some(other)) = (self.host(a), self.host(b)) else {
            return false;
        };
        let (one, other) = (&one.broker.data, &other.broker.data);
        one.kin == other.kin && one.mates.has(b) && other.mates.has(a)
    }

    /// What member `viewer` says of `other`; `None`: it is none of its cluster.
    pub fn sees(&self, viewer: usize, other: usize) -> Option<Row> {
        let listed = self.host(viewer)?.broker.data.mates.has(other);
        let works = self.works();
        let runs = works.has(other) && self.reach(viewer, other) || self.is_awaited(other);
        let runs = runs && self.are_mates(viewer, other);
        listed.then_some(if runs { Row::Running } else { Row::Away })
    }

    /// Whether it went silent so lately that its peers still count on it.
    fn is_awaited(&self, at: usize) -> bool {
        let silent = self.host(at).and_then(|host| host.broker.silent);
        silent.is_some_and(|since| self.now < since + super::TICKTIME)
    }

    /// Whether what the broker of this place must ask all members for comes late: it waits for one
    /// that is silent.
    pub fn is_held_up(&self, at: usize) -> bool {
        let mut others = self.places().filter(|other| *other != at);
        others.any(|other| self.is_awaited(other) && self.are_mates(at, other))
    }

    /// All that `viewer` sees running, itself among them.
    pub fn seen_by(&self, viewer: usize) -> Seats {
        let runs = |at: &usize| self.sees(viewer, *at) == Some(Row::Running);
        self.places().filter(runs).collect()
    }

    /// Members of the demo's cluster that can lead: of the largest part that sees itself, those
    /// that are not drained.
    pub(super) fn leading(&self) -> Seats {
        let is_kin = |at: &usize| self.host(*at).is_some_and(|h| h.broker.data.kin == 0);
        let parts = self
            .works()
            .iter()
            .filter(is_kin)
            .map(|at| self.seen_by(at));
        let largest = parts.max_by_key(|part| part.len()).unwrap_or_default();
        let drained = |at: &usize| self.host(*at).is_some_and(|h| h.broker.drained);
        let rested: Seats = largest.iter().filter(drained).collect();
        largest.without(rested)
    }

    /// Replicas that have caught up, by the word of `viewer`.
    pub fn current_for(&self, viewer: usize) -> Seats {
        let seen = self.seen_by(viewer);
        let is_new = |at: &usize| {
            self.host(*at)
                .is_some_and(|h| h.broker.caught_up > self.now)
        };
        let behind: Seats = seen.iter().filter(is_new).collect();
        seen.without(behind)
    }

    /// Places of the hosts that have the VIP.
    pub fn holders(&self) -> impl Iterator<Item = usize> {
        let holds = |host: &Host| {
            let master = host.keepalived.as_ref().is_some_and(|keepalived| {
                keepalived.unit == Unit::Active && keepalived.state == State::Master
            });
            master && host.power == Power::On
        };
        self.hosts
            .iter()
            .enumerate()
            .filter(move |(_, host)| holds(host))
            .map(|(at, _)| at)
    }

    /// Clients that came through this HAProxy to this broker.
    pub fn sessions(&self, front: usize, broker: usize) -> usize {
        let wanted = super::Client::Landed {
            through: front,
            on: broker,
        };
        self.clients
            .iter()
            .filter(|client| **client == wanted)
            .count()
    }

    /// Clients of a broker.
    pub fn connections(&self, broker: usize) -> usize {
        self.clients
            .iter()
            .filter(|client| client.broker() == Some(broker))
            .count()
    }

    /// Whether an alarm of any member blocks publishers.
    pub fn is_blocked(&self) -> bool {
        let works = self.works();
        let alarmed = |at: usize| {
            self.host(at)
                .is_some_and(|h| h.broker.memory_alarm() || h.broker.disc_alarm())
        };
        works.iter().any(alarmed)
    }

    /// The policy in force on a queue.
    pub fn policy_of(&self, queue: &Queue) -> Option<&PolicyRule> {
        self.policies.get(usize::from(queue.rule?))
    }

    /// A second of traffic: how much goes through, and what is left lying.
    pub(super) fn move_traffic(&mut self) {
        let served = self
            .clients
            .iter()
            .filter(|client| client.broker().is_some())
            .count();
        let blocked = self.is_blocked();
        let swing = 0.9 + self.chance.below(200) as f64 / 1000.0;
        let flow = served as f64 * RATE * swing;
        // While nobody publishes, consumers have what lies in the queues, and no more.
        let left: u64 = self.queues.iter().take(LIVELY).map(|q| q.messages).sum();
        let out = if blocked {
            flow.min(left as f64 / 10.0)
        } else {
            flow
        };
        self.traffic = Traffic {
            published: if blocked { 0.0 } else { flow },
            delivered: out * 0.97,
            acknowledged: out * 0.96,
        };
        let up = self.leading();
        for queue in self
            .queues
            .iter_mut()
            .take(LIVELY)
            .filter(|queue| queue.is_served(up))
        {
            let (come, go) = (self.chance.below(40), self.chance.below(42));
            let come = if blocked { 0 } else { come };
            queue.messages = (queue.messages + come).saturating_sub(go).min(5000);
            queue.unacknowledged = queue.messages.min(self.chance.below(20));
        }
    }
}

impl Host {
    /// Whether a HAProxy on it answers.
    pub fn front(&self) -> Option<&Balancer> {
        self.balancer
            .as_ref()
            .filter(|balancer| balancer.runs() && self.power == Power::On)
    }
}

/// The policies at the beginning; 3.10 has mirrors.
pub(super) fn first_policies(release: Release) -> Vec<PolicyRule> {
    let rule = |name: &str, pattern: &str, definition: &str| {
        Some(PolicyRule {
            vhost: VhostName::new("/"),
            name: PolicyName(Shown::new(name)),
            pattern: Shown::new(pattern),
            apply_to: ApplyTo::Queues,
            priority: 1,
            definition: Definition::parse(definition).ok()?,
        })
    };
    let limits = rule("limits", "^orders\\.", r#"{"max-length":100000}"#);
    let mirrors = rule(
        "ha-all",
        "^(mail|orders\\.paid)$",
        r#"{"ha-mode":"all","max-length":100000}"#,
    );
    let mirrors = mirrors
        .filter(|_| release.has_mirrors())
        .map(|rule| PolicyRule {
            priority: 2,
            ..rule
        });
    limits.into_iter().chain(mirrors).collect()
}

/// Which policy is in force on each queue, by its place: the one of the highest priority that is
/// for it.
pub(super) fn judge(queues: &mut [Queue], policies: &[PolicyRule]) {
    let rules: Vec<Ready> = policies.iter().cloned().map(Ready::new).collect();
    for queue in queues {
        let row = bare_row(queue);
        let fits = rules
            .iter()
            .enumerate()
            .filter(|(_, ready)| ready.is_for(&row) == Some(true));
        let best = fits.max_by_key(|(_, ready)| ready.rule.priority);
        queue.rule = best.and_then(|(at, _)| u16::try_from(at).ok());
    }
}

/// What of a queue a policy looks at.
fn bare_row(queue: &Queue) -> QueueRow {
    QueueRow {
        vhost: VhostName::new("/"),
        name: QueueName::new(&queue.name),
        queue_type: Some(queue.kind.of_model()),
        leader: None,
        members: Vec::new(),
        online: Vec::new(),
        state: None,
        durable: Some(true),
        exclusive: Some(false),
        policy: None,
        operator_policy: None,
        effective: None,
        synced: None,
        messages: None,
        ready: None,
        unacknowledged: None,
        consumers: None,
    }
}

/// How a policy has queues mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mirroring {
    /// On so many members; `None`: on all.
    count: Option<usize>,
    /// New mirrors are synchronised by themselves.
    pub(super) eager: Eager,
}

impl Mirroring {
    /// What `rule` says; `None`: nothing of mirrors.
    pub(super) fn of(rule: &PolicyRule) -> Option<Self> {
        let keys = rule.definition.keys();
        let word = |key: &str| keys.get(key).and_then(Value::as_str);
        let count = match word("ha-mode")? {
            "all" => None,
            _ => Some(keys.get("ha-params").and_then(Value::as_u64).unwrap_or(1)),
        };
        Some(Self {
            count: count.and_then(|count| usize::try_from(count).ok()),
            eager: match word("ha-sync-mode") {
                Some("automatic") => Eager::Yes,
                _ => Eager::No,
            },
        })
    }

    /// Where a queue is, of the members that work.
    pub(super) fn places(self, queue: &Queue, works: Seats) -> Seats {
        let Some(count) = self.count else {
            return works;
        };
        let mut kept = Seats::only(queue.leader);
        for at in queue.replicas.and(works).iter().chain(works.iter()) {
            if kept.len() < count {
                kept.add(at);
            }
        }
        kept
    }
}

/// Only classic queues have mirrors.
pub(super) fn is_mirrored(queue: &Queue) -> bool {
    queue.kind == Kind::Classic && queue.replicas.len() > 1
}
