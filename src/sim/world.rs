//! Owns the simulated cluster as it is: three hosts with brokers, HAProxy and keepalived on two of
//! them, one VIP, queues, clients, traffic. Pure: time is handed in, chance comes from a seed, and
//! what was done in the same order at the same times gives the same cluster. No I/O, no clock.

mod boot;
mod broker;
mod chance;
mod change;
mod client;
mod ctl;
mod event;
mod front;
mod look;
mod queue;
mod release;
mod seats;
mod vrrp;

pub use broker::{Broker, By, DISC_LIMIT, Data, Life, MEMORY_LIMIT, StartTrouble};
pub use change::{Awaited, Progress, Reply, sealed};
pub use client::Client;
pub use event::Event;
pub use front::{Balancer, FALL, Met, RISE, Server, Unit};
pub use look::{Row, Traffic};
pub use queue::{Kind, Queue};
pub use release::Release;
pub use seats::Seats;
pub use vrrp::{Air, Keepalived, Script, State};

use crate::model::inventory::ServiceNames;
use crate::model::name::{HostName, NodeName};
use crate::model::policy::PolicyRule;
use chance::Chance;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// One step of time.
const TICK: Duration = Duration::from_millis(100);
/// How long members wait for one that says nothing, before it counts as away (`net_ticktime`, a
/// minute); shortened.
const TICKTIME: Duration = Duration::from_secs(5);
/// How long the hosts were up when the story begins.
pub const AGE: Duration = Duration::from_secs(3 * 86_400);
/// The backend of the brokers.
pub const BACKEND: &str = "rabbitmq_cluster";
/// Where the last three bytes of the addresses are the article's.
const ADDRESSES: [&str; 3] = ["192.168.0.12", "192.168.0.14", "192.168.0.15"];
/// The virtual address.
pub const VIP: &str = "192.168.0.200";
/// The article's `maxconn`.
const MAXCONN: usize = 2000;
/// Hosts with HAProxy and keepalived.
const FRONTS: usize = 2;

/// Whether a host is there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It is.
    On,
    /// It answers nothing.
    Gone,
}

/// A host.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Its broker's name.
    pub node: NodeName,
    /// Its address.
    pub address: IpAddr,
    /// Whether it is there.
    pub power: Power,
    /// What its services are called.
    pub services: ServiceNames,
    /// Its broker.
    pub broker: Broker,
    /// Its HAProxy.
    pub balancer: Option<Balancer>,
    /// Its keepalived.
    pub keepalived: Option<Keepalived>,
    /// Stands for its Erlang cookie.
    pub cookie: u8,
    /// Data directories that were moved aside.
    pub aside: Vec<String>,
}

/// How large the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Queues.
    pub queues: usize,
    /// Clients.
    pub clients: usize,
}

/// The simulated cluster.
#[derive(Debug, Clone)]
pub struct World {
    release: Release,
    now: Duration,
    chance: Chance,
    hosts: Vec<Host>,
    name: String,
    policies: Vec<PolicyRule>,
    queues: Vec<Queue>,
    clients: Vec<Client>,
    /// Pairs of brokers that do not reach each other.
    cuts: BTreeSet<(usize, usize)>,
    air: Air,
    /// What is still to happen, the next last.
    story: Vec<(Duration, Event)>,
    /// Who worked at the last tick, and whether queues must be looked at again.
    worked: Seats,
    restless: bool,
    kins: u32,
    traffic: Traffic,
    /// For how long clients were without service, all together.
    unserved: Duration,
}

impl World {
    /// The article's cluster on `release`, all well.
    ///
    /// # Panics
    ///
    /// Never: its names and addresses are constants.
    pub fn new(release: Release, size: Size, seed: u64) -> Self {
        // The article's; who has more clients has set more.
        let limit = MAXCONN.max(size.clients * 2);
        let hosts = ADDRESSES
            .iter()
            .enumerate()
            .map(|(at, address)| host(at, address, limit));
        let mut world = Self {
            release,
            now: Duration::ZERO,
            chance: Chance::new(seed),
            hosts: hosts.collect(),
            name: "my_rabbitmq_cluster".to_owned(),
            policies: Vec::new(),
            queues: Vec::new(),
            clients: vec![Client::Seeking(Duration::ZERO); size.clients],
            cuts: BTreeSet::new(),
            air: Air::Clear,
            story: Vec::new(),
            worked: Seats::first(ADDRESSES.len()),
            restless: true,
            kins: 0,
            traffic: Traffic::default(),
            unserved: Duration::ZERO,
        };
        world.policies = look::first_policies(release);
        world.queues = (0..size.queues).map(|n| world.first_queue(n)).collect();
        world.settle();
        world
    }

    /// The `n`-th queue at the beginning: mostly quorum queues, some with a single copy.
    fn first_queue(&mut self, n: usize) -> Queue {
        const TOPICS: [&str; 8] = [
            "orders.new",
            "orders.paid",
            "mail",
            "stock",
            "invoices",
            "audit",
            "search",
            "carts",
        ];
        let members = self.hosts.len();
        let topic = TOPICS.get(n % TOPICS.len()).copied().unwrap_or("q");
        let name = match n / TOPICS.len() {
            0 => topic.to_owned(),
            more => format!("{topic}.{more}"),
        };
        let leader = n % members;
        let kind = if n % 4 == 1 {
            Kind::Classic
        } else {
            Kind::Quorum
        };
        let replicas = match kind {
            Kind::Quorum => Seats::first(members),
            Kind::Classic => Seats::only(leader),
        };
        let mut queue = Queue::new(name, kind, (leader, replicas));
        queue.messages = self.chance.below(900);
        queue.unacknowledged = queue.messages.min(self.chance.below(20));
        queue
    }

    /// Lets what takes a moment after a beginning be over: mirrors, clients, the VIP.
    fn settle(&mut self) {
        look::judge(&mut self.queues, &self.policies);
        self.mirror_queues();
        for queue in &mut self.queues {
            queue.synced = queue.replicas;
        }
        self.move_clients();
        self.move_traffic();
        self.unserved = Duration::ZERO;
    }

    /// Adds to what will happen.
    pub fn tell(&mut self, story: impl IntoIterator<Item = (Duration, Event)>) {
        self.story.extend(story);
        self.story.sort_by(|(a, _), (b, _)| b.cmp(a));
    }

    /// Lets time go on until `now`.
    pub fn step(&mut self, now: Duration) {
        while self.now + TICK <= now {
            self.now += TICK;
            self.tick();
        }
    }

    fn tick(&mut self) {
        while let Some((at, _)) = self.story.last()
            && *at <= self.now
            && let Some((_, event)) = self.story.pop()
        {
            self.happen(&event);
        }
        self.boot_all();
        self.move_queues();
        self.check_servers();
        self.elect();
        self.move_clients();
        if self.now.subsec_millis() == 0 {
            self.move_traffic();
        }
    }

    /// Marks that leaders, mirrors or replicas may have to move.
    fn stir(&mut self) {
        self.restless = true;
    }

    fn move_queues(&mut self) {
        let works = self.works();
        if works != self.worked || self.restless {
            (self.worked, self.restless) = (works, false);
            self.mirror_queues();
            let up = self.leading();
            for queue in &mut self.queues {
                queue.lead(up);
            }
        }
    }

    /// Mirrors follow the policies, on releases that have them.
    fn mirror_queues(&mut self) {
        if !self.release.has_mirrors() {
            return;
        }
        let works = self.works();
        let mirroring: Vec<_> = self.policies.iter().map(look::Mirroring::of).collect();
        for queue in &mut self.queues {
            if queue.kind != Kind::Classic || !works.has(queue.leader) {
                continue;
            }
            let rule = queue.rule.and_then(|at| *mirroring.get(usize::from(at))?);
            let wanted = rule.map_or(Seats::only(queue.leader), |rule| rule.places(queue, works));
            queue.mirror(wanted, rule.map_or(queue::Eager::No, |rule| rule.eager));
        }
    }

    fn check_servers(&mut self) {
        let met: Vec<Met> = self
            .hosts
            .iter()
            .map(|host| match host.power {
                Power::Gone => Met::NoRoute,
                Power::On if host.broker.listens() => Met::Open,
                Power::On => Met::Refused,
            })
            .collect();
        let now = self.now;
        for host in &mut self.hosts {
            if let Some(balancer) = host.balancer.as_mut().filter(|_| host.power == Power::On) {
                balancer.check(now, |at| met.get(at).copied().unwrap_or(Met::NoRoute));
            }
        }
    }

    fn elect(&mut self) {
        let mut all: Vec<(&mut Keepalived, Unit)> = self
            .hosts
            .iter_mut()
            .filter(|host| host.power == Power::On)
            .filter_map(|host| {
                let haproxy = host.balancer.as_ref().map_or(Unit::Inactive, |it| it.unit);
                Some((host.keepalived.as_mut()?, haproxy))
            })
            .filter(|(keepalived, _)| keepalived.unit == Unit::Active)
            .collect();
        vrrp::elect(&mut all, self.air, self.now);
    }

    /// Breaks connections whose way is gone, and lets those without one try again.
    fn move_clients(&mut self) {
        let holders: Seats = self.holders().collect();
        let open: Seats = self.places().filter(|at| self.takes_clients(*at)).collect();
        let fronts = self
            .places()
            .filter(|at| self.host(*at).is_some_and(Host::balances));
        let fronts: Seats = fronts.collect();
        let landed = self
            .clients
            .iter()
            .filter(|client| client.broker().is_some())
            .count();
        let seeking = self.clients.len() - landed;
        self.unserved += TICK * u32::try_from(seeking).unwrap_or(u32::MAX);
        let mut taken = landed;
        let mut clients = std::mem::take(&mut self.clients);
        for client in &mut clients {
            match *client {
                // A connection goes with the broker, with HAProxy, and with the address.
                Client::Landed { through, on }
                    if open.has(on) && fronts.has(through) && holders.has(through) => {}
                Client::Landed { .. } => {
                    let pause = 300 + self.chance.below(1200);
                    *client = Client::Seeking(self.now + Duration::from_millis(pause));
                }
                Client::Seeking(at) if at > self.now => {}
                Client::Seeking(_) => {
                    let way = self.way(holders).filter(|at| fronts.has(*at));
                    let landed = way.and_then(|through| self.land(through, open, taken));
                    taken += usize::from(landed.is_some());
                    let later = Client::Seeking(self.now + Duration::from_secs(1));
                    *client = landed.unwrap_or(later);
                }
            }
        }
        self.clients = clients;
    }

    /// To whom the VIP leads a client: where two hold it, to either.
    fn way(&mut self, holders: Seats) -> Option<usize> {
        let count = holders.len();
        let nth = match count {
            0 | 1 => 0,
            _ => usize::try_from(self.chance.below(count as u64)).unwrap_or(0),
        };
        holders.iter().nth(nth)
    }

    /// Lets a client in by this HAProxy, unless it is full or its server is gone already.
    fn land(&mut self, through: usize, open: Seats, taken: usize) -> Option<Client> {
        let balancer = self.hosts.get_mut(through)?.balancer.as_mut()?;
        if taken >= balancer.limit {
            return None;
        }
        let on = balancer.pick().filter(|on| open.has(*on))?;
        balancer.landed(on);
        Some(Client::Landed { through, on })
    }
}

impl Host {
    /// Whether it is there, and its HAProxy runs.
    fn balances(&self) -> bool {
        self.power == Power::On && self.balancer.as_ref().is_some_and(Balancer::runs)
    }
}

fn host(at: usize, address: &str, limit: usize) -> Host {
    let name = format!("rabbit-node{}", at + 1);
    let is_front = at < FRONTS;
    let (base, state) = if at == 0 {
        (100, State::Master)
    } else {
        (90, State::Backup)
    };
    Host {
        node: NodeName::parse(&format!("rabbit@{name}")).expect("a constant valid name"),
        name: HostName::parse(&name).expect("a constant valid name"),
        address: address.parse().expect("a constant valid address"),
        power: Power::On,
        services: ServiceNames::default(),
        broker: Broker::member(at, ADDRESSES.len()),
        balancer: is_front.then(|| Balancer::new(ADDRESSES.len(), limit)),
        keepalived: is_front.then(|| Keepalived::new(base, state)),
        cookie: 0,
        aside: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
