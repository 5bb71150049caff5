//! Owns the simulated cluster while it is played: time, which goes on by itself, and the ways to it
//! that the product takes, as a configuration and as links. Binds nothing but loopback, and all of it
//! goes with the value.

use super::api::USER;
use super::door::Door;
use super::http::{self, Gate, Site};
use super::world::{BACKEND, Host, VIP, World};
use crate::config::secret::SecretSource;
use crate::config::{AccessRule, Cluster, Management, Page, Scheme};
use crate::model::inventory::{Access, BalancerEntry, HostEntry, Inventory, Keepalived};
use crate::model::name::HostName;
use crate::remote::Operate;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How the cluster of the demo is called in its configuration; typed to confirm what destroys.
pub const NAME: &str = "DEMO";
/// The colour of its frame.
const COLOR: &str = "magenta";
/// The address of everything that is bound.
const LOOPBACK: &str = "127.0.0.1";
/// HAProxy's runtime socket, by its name on the simulated hosts; nothing is there.
const SOCKET: &str = "/run/haproxy/admin.sock";

/// The cluster and its clock, in many hands.
#[derive(Debug, Clone)]
pub struct Stage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    /// When the play began.
    begun: Instant,
    /// How old the cluster was then, and what was left out since.
    head: Mutex<Duration>,
}

impl Stage {
    fn new(world: World) -> Self {
        Self(Arc::new(Inner {
            begun: Instant::now(),
            head: Mutex::new(world.now()),
            world: Mutex::new(world),
        }))
    }

    /// Looks at the cluster as it is now, or does something to it.
    pub fn with<T>(&self, then: impl FnOnce(&mut World) -> T) -> T {
        let inner = &self.0;
        let head = *inner.head.lock().unwrap_or_else(PoisonError::into_inner);
        let mut world = inner.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.step(head + inner.begun.elapsed());
        then(&mut world)
    }

    /// Lets time pass that nobody waits for: what happens in it happens at once.
    pub fn skip(&self, time: Duration) {
        let mut head = self.0.head.lock().unwrap_or_else(PoisonError::into_inner);
        *head += time;
    }
}

/// A cluster that is played: dropping it ends it.
#[derive(Debug)]
pub struct Simulation {
    /// The cluster and its clock.
    pub stage: Stage,
    /// What the product is told of it.
    pub cluster: Cluster,
    /// The ways that commands take.
    pub links: BTreeMap<HostName, Arc<dyn Operate>>,
    keeper: JoinHandle<()>,
    /// How often all ports were looked at.
    rounds: watch::Receiver<u64>,
}

impl Simulation {
    /// Begins to play `world`.
    ///
    /// # Errors
    ///
    /// If no port of the loopback address can be bound.
    pub async fn begin(world: World) -> io::Result<Self> {
        let mut gates = Vec::new();
        let (mut hosts, mut pages, mut ssh) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (at, host) in world.hosts().iter().enumerate() {
            let api = Gate::new(Site::Api(at))?;
            let page = host
                .balancer
                .as_ref()
                .map(|_| Gate::new(Site::Page(at)))
                .transpose()?;
            hosts.push(entry(host, api.port(), page.as_ref().map(Gate::port)));
            if page.is_some() {
                pages.insert(host.name.clone(), Page::default());
            }
            ssh.insert(host.name.clone(), format!("root@{}", host.address));
            gates.push(api);
            gates.extend(page);
        }
        let names: Vec<HostName> = hosts.iter().map(|host| host.name.clone()).collect();
        let stage = Stage::new(world);
        for gate in &mut gates {
            gate.follow(&stage).await;
        }
        let (count, rounds) = watch::channel(0);
        let door = |(at, name): (usize, HostName)| {
            let door: Arc<dyn Operate> = Arc::new(Door::new(stage.clone(), at, &name));
            (name, door)
        };
        Ok(Self {
            links: names.into_iter().enumerate().map(door).collect(),
            cluster: cluster(hosts, pages, ssh),
            keeper: tokio::spawn(http::keep(gates, stage.clone(), count)),
            rounds,
            stage,
        })
    }
}

impl Simulation {
    /// Waits until every port is as the cluster has it by now.
    pub async fn settled(&self) {
        let mut rounds = self.rounds.clone();
        // The round under way may have passed a port already.
        let wanted = *rounds.borrow() + 2;
        // It ends with the play alone.
        let _over = rounds.wait_for(|count| *count >= wanted).await;
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

fn entry(host: &Host, port: u16, page: Option<u16>) -> HostEntry {
    HostEntry {
        name: host.name.clone(),
        // Only what is asked over HTTP is here; servers are joined to nodes by `addresses`.
        address: LOOPBACK.to_owned(),
        addresses: vec![host.address],
        access: Access::Ssh,
        node: Some(host.node.clone()),
        balancer: page.map(|page| BalancerEntry {
            backend: Some(BACKEND.to_owned()),
            stats_url: Some(format!("http://{LOOPBACK}:{page}/stats")),
            socket: Some(SOCKET.to_owned()),
        }),
        keepalived: match host.keepalived {
            Some(_) => Keepalived::Expected,
            None => Keepalived::Absent,
        },
        machine: host.name.clone(),
        port: Some(port),
        services: host.services.clone(),
    }
}

fn cluster(
    hosts: Vec<HostEntry>,
    pages: BTreeMap<HostName, Page>,
    ssh: BTreeMap<HostName, String>,
) -> Cluster {
    let management = Management {
        scheme: Scheme::Http,
        port: 0,
        path_prefix: String::new(),
        username: USER.to_owned(),
        password: SecretSource::Guest,
        ca_file: None,
        client_cert: None,
    };
    Cluster {
        name: NAME.to_owned(),
        access: AccessRule::ReadWrite,
        color: Some(COLOR.to_owned()),
        ssh_config: None,
        inventory: Inventory {
            cluster: NAME.to_owned(),
            vips: VIP.parse().into_iter().collect(),
            // Nobody could connect there: the VIP is no address of this machine.
            amqp_port: None,
            hosts,
            api: management.entry(),
        },
        ssh,
        sudo: BTreeSet::new(),
        management,
        pages,
        canary: None,
    }
}
