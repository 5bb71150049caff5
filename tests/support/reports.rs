//! What each source reports of the cluster as it is: the shapes and figures are those of the
//! recorded answers under `tests/fixtures`.

use super::{Cluster, Life, Queue, VIP, address, node};
use rmqtop::model::alarm::{Alarm, Resource};
use rmqtop::model::balancer::{
    Backend, BalancerReport, Frontend, ServerRow, ServerStatus, StatsVia,
};
use rmqtop::model::broker::{
    BrokerReport, Holdings, MessageTotals, MetadataStore, NodeRow, NodeStats, NodeStatus, NodeType,
    ObjectTotals, QueuePage, QueueRow, QueueType, Version, ViewScope,
};
use rmqtop::model::host::{
    AddressReport, AddressVia, Dad, Exit, HostAddress, ServiceLife, ServiceReport, UnitState,
};
use rmqtop::model::impact::{QuorumMember, QuorumVerdict};
use rmqtop::model::name::{QueueName, VhostName};
use rmqtop::model::shutdown::{DataDirectory, NodeFiles, Patience};
use rmqtop::model::text::Shown;
use rmqtop::model::vrrp::{Daemon, Link, VrrpConfig, VrrpInstance, VrrpReport};
use std::net::SocketAddr;
use std::time::Duration;

impl Cluster {
    /// What a member says of the cluster.
    pub(crate) fn report(&self, index: usize) -> BrokerReport {
        BrokerReport {
            answered_by: Some(node(index)),
            cluster_name: Some(Shown::new(&self.name)),
            version: Some(Version::parse(&self.version)),
            erlang_version: Some(Shown::new("25.2.3")),
            objects: ObjectTotals {
                connections: Some(self.connections[index] as u64),
                queues: self.totals().queues,
                ..ObjectTotals::default()
            },
            nodes: self.members().into_iter().map(|at| self.row(at)).collect(),
            skipped_rows: 0,
            scope: ViewScope::Cluster,
        }
    }

    /// What the overview counts.
    fn totals(&self) -> ObjectTotals {
        self.counted.unwrap_or_else(|| ObjectTotals {
            connections: Some(self.connections.iter().sum::<usize>() as u64),
            queues: Some(self.queues.len() as u64),
            ..ObjectTotals::default()
        })
    }

    /// Message counts and numbers of objects, as the statistics have them.
    pub(super) fn message_totals(&self) -> MessageTotals {
        MessageTotals {
            messages: Some(self.queues.iter().map(|queue| queue.messages).sum()),
            objects: self.totals(),
            stats_disabled: Some(false),
            listeners: self.listeners(),
            ..MessageTotals::default()
        }
    }

    /// A member's row; a stopped one has five keys only.
    fn row(&self, member: usize) -> NodeRow {
        let running = self.lives[member] == Life::Running;
        NodeRow {
            name: node(member),
            node_type: Some(if self.ram.contains(&member) {
                NodeType::Ram
            } else {
                NodeType::Disc
            }),
            running: Some(running),
            being_drained: (!self.version.starts_with("3.10"))
                .then(|| self.draining.contains(&member)),
            partitions: Vec::new(),
            stats: (running && !self.statless.contains(&member)).then(|| self.stats(member)),
        }
    }

    /// What any node's health check says of the whole cluster.
    pub(crate) fn raised(&self) -> Vec<Alarm> {
        let alarm = |member: &usize| Alarm {
            node: node(*member),
            resource: Resource::Memory,
        };
        self.alarms.iter().map(alarm).collect()
    }

    fn stats(&self, member: usize) -> NodeStats {
        NodeStats {
            memory_used: Some(138_829_824),
            memory_limit: Some(10_110_600_806),
            memory_alarm: Some(self.alarms.contains(&member)),
            disk_free: Some(18_931_265_536),
            disk_free_limit: Some(50_000_000),
            disk_alarm: Some(false),
            fd_used: Some(40),
            fd_total: Some(20_000),
            proc_used: Some(358),
            proc_total: Some(1_048_576),
            uptime_ms: Some(1_465_655),
            run_queue: Some(1),
            version: Some(Version::parse(&self.version)),
        }
    }

    pub(super) fn status(&self, index: usize) -> NodeStatus {
        if self.strangers.contains(&index) {
            let mut status = self.blank(index);
            if self.stale.contains(&index) {
                let believed = self.members().into_iter().map(node);
                status.disc.extend(believed.clone());
                status.running.extend(believed);
            }
            return status;
        }
        let all = self.members().into_iter();
        NodeStatus {
            cluster_name: Some(Shown::new(&self.name)),
            version: Some(Version::parse(&self.version)),
            disc: all.clone().map(node).collect(),
            ram: Vec::new(),
            running: all
                .clone()
                .filter(|member| self.lives[*member] == Life::Running)
                .map(node)
                .collect(),
            maintenance: all
                .map(|member| (node(member), self.draining.contains(&member)))
                .collect(),
            ..NodeStatus::default()
        }
    }

    /// A node that never was a member, or is none any more, and reaches all others.
    fn blank(&self, index: usize) -> NodeStatus {
        let others = (0..self.lives.len()).filter(|other| *other != index);
        NodeStatus {
            cluster_name: Some(Shown::new(node(index).as_str())),
            version: Some(Version::parse(&self.version)),
            disc: vec![node(index)],
            running: vec![node(index)],
            maintenance: vec![(node(index), false)],
            holdings: Some(Holdings {
                queues: usize::from(self.laden.contains(&index)) * 3,
                users: 1,
                vhosts: 1,
            }),
            reached: others.map(|other| (node(other), None)).collect(),
            ..NodeStatus::default()
        }
    }

    /// What a member left on its disc.
    pub(super) fn files(&self, index: usize) -> NodeFiles {
        let version = Version::parse(&self.version);
        let is_khepri = self.khepri == Some(true) || version.series() >= (4, 3);
        let mut files = NodeFiles {
            release: Some(version),
            unit: self.services(index).rabbitmq,
            ..NodeFiles::default()
        };
        if self.wiped.contains(&index) {
            return files;
        }
        files.data = DataDirectory::Present;
        if is_khepri {
            files.store = Some(MetadataStore::Khepri);
            return files;
        }
        files.store = Some(MetadataStore::Mnesia);
        files.members = self.members().into_iter().map(node).collect();
        let disc = self.members().into_iter();
        let disc = disc.filter(|member| !self.ram.contains(member));
        files.disc = disc.map(node).collect();
        let all = self.members();
        let ran = self.ran.get(&index).unwrap_or(&all);
        files.ran = Some(ran.iter().copied().map(node).collect());
        if self.forced.contains(&index) {
            files.patience = Patience::Forced;
        }
        files
    }

    /// Indexes of the members.
    pub(crate) fn members(&self) -> Vec<usize> {
        let all = 0..self.lives.len();
        all.filter(|index| !self.strangers.contains(index))
            .collect()
    }

    /// The broker's own rule: critical if no more members are up than a majority needs.
    pub(crate) fn critical(&self, index: usize) -> QuorumVerdict {
        let mut members: Vec<QuorumMember> = self
            .queues
            .iter()
            .filter(|queue| queue.kind != QueueType::Classic && queue.members.contains(&index))
            .filter(|queue| self.up(queue).len() <= queue.members.len() / 2 + 1)
            .map(|queue| QuorumMember {
                vhost: VhostName::new("/"),
                name: QueueName::new(&queue.name),
            })
            .collect();
        let members_up = self.members().into_iter();
        let members_up = members_up.filter(|member| self.lives[*member] == Life::Running);
        let (up, all) = (members_up.count(), self.members().len());
        let store = self.khepri == Some(true) && all > 1;
        if store && up <= all / 2 + 1 {
            members.push(QuorumMember {
                vhost: VhostName::default(),
                name: QueueName::new("rabbitmq_metadata"),
            });
        }
        if members.is_empty() {
            QuorumVerdict::Safe
        } else {
            QuorumVerdict::Critical(members)
        }
    }

    fn up(&self, queue: &Queue) -> Vec<usize> {
        let runs = |member: &&usize| self.lives[**member] == Life::Running;
        let leader = queue.members.first();
        let lags = self.lagging.contains(&queue.name);
        let follows = |member: &&usize| !lags || leader == Some(*member);
        let members = queue.members.iter().filter(runs);
        members.filter(follows).copied().collect()
    }

    pub(crate) fn queue_page(&self) -> QueuePage {
        let row = |queue: &Queue| QueueRow {
            vhost: VhostName::new("/"),
            name: QueueName::new(&queue.name),
            queue_type: Some(queue.kind.clone()),
            leader: queue.members.first().map(|member| node(*member)),
            members: queue.members.iter().copied().map(node).collect(),
            online: self.up(queue).into_iter().map(node).collect(),
            state: Some(Shown::new("running")),
            durable: Some(queue.durable),
            exclusive: Some(false),
            policy: self.policy_on(queue),
            operator_policy: None,
            effective: Some(self.effective_on(queue)),
            synced: None,
            messages: self.tells_depths.then_some(queue.messages),
            ready: None,
            unacknowledged: None,
            consumers: None,
        };
        let shown = self.shown.unwrap_or(self.queues.len());
        QueuePage {
            exist: Some(self.queues.len() as u64),
            total: Some(shown as u64),
            rows: self.queues.iter().take(shown).map(row).collect(),
            user: Some(Shown::new("mon")),
            ..QueuePage::default()
        }
    }

    /// Maintenance mode closes the listeners too.
    fn listening(&self, index: usize) -> Vec<SocketAddr> {
        let open = self.lives[index] == Life::Running && !self.draining.contains(&index);
        let broker = open.then(|| SocketAddr::from(([0, 0, 0, 0], 5672)));
        let front = self.balancers.contains(&index);
        let balancer = front.then(|| SocketAddr::from(([0, 0, 0, 0], 5671)));
        broker.into_iter().chain(balancer).collect()
    }

    /// The units of a host.
    pub(crate) fn services(&self, index: usize) -> ServiceReport {
        let state = |runs: bool| {
            Some(if runs {
                UnitState::Active
            } else {
                UnitState::Inactive
            })
        };
        let life = self.lives[index];
        let up = !matches!(life, Life::Down | Life::HostDead | Life::Restarting);
        let front = self.balancers.contains(&index);
        ServiceReport {
            rabbitmq: match life {
                Life::Restarting | Life::Starting => Some(UnitState::Activating),
                Life::Running | Life::AppStopped | Life::Down | Life::HostDead | Life::Hung => {
                    if self.failed.contains(&index) {
                        Some(UnitState::Failed)
                    } else {
                        state(up)
                    }
                }
            },
            haproxy: state(front),
            runtimes: Some(if up {
                vec![Shown::new("rabbit")]
            } else {
                Vec::new()
            }),
            broker: Some(self.life(index)),
            listening: Some(self.listening(index)),
            start_log: self.start_log(index),
        }
    }

    /// How the broker's service fares.
    fn life(&self, index: usize) -> ServiceLife {
        match self.lives[index] {
            Life::Restarting => ServiceLife {
                sub_state: Shown::new("auto-restart"),
                result: Shown::new("exit-code"),
                restarts: 3,
                exit: Some(Exit {
                    how: Shown::new("exited"),
                    status: 1,
                }),
                ..ServiceLife::default()
            },
            Life::Starting => ServiceLife {
                sub_state: Shown::new("start"),
                since: Some(Duration::from_secs(5)),
                ..ServiceLife::default()
            },
            Life::Running | Life::AppStopped | Life::Down | Life::HostDead | Life::Hung => {
                ServiceLife::default()
            }
        }
    }

    /// What its log says of a start that fails or waits.
    fn start_log(&self, index: usize) -> Vec<Shown> {
        let boots = matches!(self.lives[index], Life::Restarting | Life::Starting);
        let line = if !boots {
            return Vec::new();
        } else if self.odd_cookies.contains(&index) {
            "** Connection attempt from node rejected. Invalid challenge reply. **"
        } else if self.stale.contains(&index) {
            "{error,{inconsistent_cluster,\"it thinks it's clustered with the others\"}}"
        } else {
            "BOOT FAILED"
        };
        vec![Shown::new(line)]
    }

    /// What every HAProxy shows: a server for each host.
    pub(crate) fn balancer(&self) -> BalancerReport {
        let servers: Vec<ServerRow> = (0..self.lives.len()).map(|at| self.server(at)).collect();
        let sessions = self.totals().connections;
        BalancerReport {
            via: StatsVia::Http,
            frontends: vec![Frontend {
                name: Shown::new("rabbitmq_cluster"),
                mode: Some(Shown::new("tcp")),
                status: Shown::new("OPEN"),
                sessions,
                session_limit: Some(2000),
                rate: Some(0),
            }],
            backends: vec![Backend {
                name: Shown::new("rabbitmq_cluster"),
                mode: Some(Shown::new("tcp")),
                status: Shown::new("UP"),
                sessions,
                servers,
                ..Backend::default()
            }],
            unread: Vec::new(),
        }
    }

    /// What one HAProxy shows, with what it alone was told. One that is down is shown as that.
    pub(super) fn balancer_of(&self, index: usize) -> BalancerReport {
        let mut report = self.balancer();
        let servers = report
            .backends
            .iter_mut()
            .flat_map(|backend| &mut backend.servers);
        for (at, server) in servers.enumerate() {
            let is_up = matches!(server.status, ServerStatus::Up(_));
            if is_up && self.spared.contains(&(index, at)) {
                server.status = ServerStatus::Drain(None);
            }
            if self.out.contains(&(index, at)) {
                server.status = ServerStatus::Maint;
            }
        }
        report.backends.extend(self.second_backend(index));
        report
    }

    pub(super) fn server(&self, index: usize) -> ServerRow {
        let open = self.lives[index] == Life::Running && !self.draining.contains(&index);
        let status = if self.maint.contains(&index) {
            ServerStatus::Maint
        } else if open {
            ServerStatus::Up(None)
        } else {
            ServerStatus::Down(None)
        };
        let odd = self.odd_rows.iter().find(|(at, ..)| *at == index);
        let (status, weight) = match odd {
            Some((_, word, weight)) if open => (ServerStatus::parse(word), *weight),
            Some((_, _, weight)) => (status, *weight),
            None => (status, 1),
        };
        let is_down = matches!(status, ServerStatus::Down(_));
        ServerRow {
            name: Shown::new(&format!("mq-node{}", index + 1)),
            status,
            sessions: Some(if is_down {
                0
            } else {
                self.connections[index] as u64
            }),
            weight: Some(weight),
            check_status: Some(Shown::new(if is_down { "L4CON" } else { "L4OK" })),
            check_text: is_down.then(|| Shown::new("Connection refused")),
            last_change_s: Some(60),
            address: Some(Shown::new(&format!("{}:5672", self.reached_by(index)))),
            ..ServerRow::default()
        }
    }

    /// The addresses of a host.
    pub(crate) fn addresses(&self, index: usize) -> AddressReport {
        let on = |interface: &str, address: &str, prefix| HostAddress {
            interface: Shown::new(interface),
            address: address.parse().unwrap(),
            prefix,
            dad: Dad::Settled,
        };
        let mut addresses = vec![on("lo", "127.0.0.1", 8), on("eth0", &address(index), 24)];
        if self.inner_net {
            addresses.push(on("eth1", &self.reached_by(index), 24));
        }
        if self.holder == Some(index) {
            addresses.push(on("eth0", VIP, 32));
        }
        AddressReport {
            via: AddressVia::Stream,
            addresses,
        }
    }

    /// The article's keepalived.conf: the first load balancer has the higher priority.
    pub(crate) fn vrrp(&self, index: usize) -> VrrpReport {
        let first = self.balancers.first() == Some(&index);
        let instance = VrrpInstance {
            name: Shown::new("VI_1"),
            initial_state: Some(Shown::new(if first { "MASTER" } else { "BACKUP" })),
            priority: Some(if first { 100 } else { 50 }),
            router_id: Some(51),
            interface: Some(Shown::new("eth0")),
            addresses: vec![VIP.parse().unwrap()],
            ..VrrpInstance::default()
        };
        VrrpReport {
            daemon: Daemon::Active,
            links: [(Shown::new("eth0"), Link::Up)].into(),
            config: Ok(VrrpConfig {
                instances: vec![instance],
                gaps: Vec::new(),
            }),
            log: Vec::new(),
        }
    }
}
