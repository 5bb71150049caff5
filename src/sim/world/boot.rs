//! Owns how brokers start and stop: whom a start waits for, what makes it fail, and what a broker
//! knows of the others when it goes. On Mnesia a member waits for those that stopped after it, on
//! Khepri for a majority.

use super::broker::{By, Life};
use super::{Power, Row, Seats, World};
use std::time::Duration;

/// From the start to the end of a boot that waits for nobody.
const BOOT: Duration = Duration::from_millis(2500);
/// From the order to the end of a stop.
const STOP: Duration = Duration::from_millis(800);
/// How long a start waits for others: ten times thirty seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// Before this, a wait is not worth a line.
const FIRST_WAIT: Duration = Duration::from_secs(3);
/// Between the end of a service and its next start (`RestartSec`), shortened.
const RESTART: Duration = Duration::from_secs(4);
/// Until replicas on a member that came back have caught up.
const CATCH_UP: Duration = Duration::from_millis(1500);

/// What becomes of a boot.
enum Verdict {
    Goes,
    Waits(String),
    Fails(String),
}

impl World {
    /// Starts the service of a broker, if it is not up.
    pub(super) fn start_service(&mut self, at: usize) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(at)
            && !host.broker.has_runtime()
        {
            host.broker.data.is_there = true;
            host.broker.log.clear();
            host.broker.turn(Life::Booting(now, By::Service), now);
        }
    }

    /// Starts the app in a runtime.
    pub(super) fn start_app(&mut self, at: usize) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(at)
            && host.broker.life == Life::AppStopped
        {
            host.broker.log.clear();
            host.broker.turn(Life::Booting(now, By::Tool), now);
        }
    }

    /// Stops the app, or the service with it.
    pub(super) fn stop(&mut self, at: usize, by: By) {
        let over = self.now + STOP;
        let now = self.now;
        let Some(host) = self.hosts.get_mut(at) else {
            return;
        };
        let broker = &mut host.broker;
        match (broker.life, by) {
            (Life::Off | Life::Failed | Life::Between(_), By::Service) => {
                broker.turn(Life::Off, now);
            }
            (Life::Off | Life::Failed | Life::Between(_) | Life::AppStopped, By::Tool) => {}
            (
                Life::AppStopped | Life::Running | Life::Booting(..) | Life::Stopping(..),
                By::Service,
            )
            | (Life::Running | Life::Booting(..) | Life::Stopping(..), By::Tool) => {
                broker.turn(Life::Stopping(over, by), now);
            }
        }
        self.stir();
    }

    /// Its processes are killed, or die.
    pub(super) fn kill(&mut self, at: usize, then: Life) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(at) {
            host.broker.turn(then, now);
        }
        self.stir();
    }

    /// Lets every start and stop go on.
    pub(super) fn boot_all(&mut self) {
        for at in self.places() {
            let Some(host) = self.host(at).filter(|host| host.power == Power::On) else {
                continue;
            };
            match host.broker.life {
                Life::Between(again) if again <= self.now => {
                    self.turn(at, Life::Booting(self.now, By::Service));
                }
                Life::Stopping(over, by) if over <= self.now => {
                    let next = match by {
                        By::Service => Life::Off,
                        By::Tool => Life::AppStopped,
                    };
                    self.turn(at, next);
                }
                Life::Booting(since, by) if since + BOOT <= self.now => self.boot(at, by, since),
                Life::Off
                | Life::Failed
                | Life::Between(_)
                | Life::Stopping(..)
                | Life::Booting(..)
                | Life::AppStopped
                | Life::Running => {}
            }
        }
        self.note_who_runs();
    }

    fn turn(&mut self, at: usize, life: Life) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(at) {
            host.broker.turn(life, now);
        }
        self.stir();
    }

    fn boot(&mut self, at: usize, by: By, since: Duration) {
        match self.verdict(at) {
            Verdict::Goes => self.booted(at),
            Verdict::Waits(line) => {
                let waited = self.now.saturating_sub(since);
                if waited > PATIENCE {
                    self.failed(at, by, "timeout_waiting_for_tables: BOOT FAILED".to_owned());
                } else if waited > FIRST_WAIT
                    && let Some(host) = self.hosts.get_mut(at)
                {
                    host.broker.logs(line);
                }
            }
            Verdict::Fails(line) => self.failed(at, by, line),
        }
    }

    fn failed(&mut self, at: usize, by: By, line: String) {
        let again = self.now + RESTART;
        let Some(host) = self.hosts.get_mut(at) else {
            return;
        };
        host.broker.logs(line);
        let next = match by {
            By::Tool => Life::AppStopped,
            By::Service => {
                host.broker.restarts += 1;
                Life::Between(again)
            }
        };
        self.turn(at, next);
    }

    /// The app runs: it knows again who its cluster is, and its replicas catch up.
    fn booted(&mut self, at: usize) {
        let (now, caught_up) = (self.now, self.now + CATCH_UP);
        let elders = self
            .works()
            .iter()
            .find(|other| *other != at && self.would_meet(at, *other));
        let known = elders
            .and_then(|other| self.host(other))
            .map(|host| host.broker.data.clone());
        let Some(host) = self.hosts.get_mut(at) else {
            return;
        };
        if let Some(known) = known {
            (host.broker.data.mates, host.broker.data.ram) = (known.mates, known.ram);
        }
        let broker = &mut host.broker;
        broker.data.forced = false;
        broker.drained = false;
        broker.partitions = Seats::default();
        broker.caught_up = caught_up;
        broker.log.clear();
        broker.turn(Life::Running, now);
        for queue in &mut self.queues {
            if queue.leader != at {
                queue.synced.remove(at);
            }
            if queue.kind == super::Kind::Quorum {
                queue.synced = queue.replicas;
            }
        }
        self.stir();
    }

    /// Whether two would be mates if both ran: they reach each other and count each other.
    fn would_meet(&self, a: usize, b: usize) -> bool {
        self.are_mates(a, b) && self.reach(a, b)
    }

    fn verdict(&self, at: usize) -> Verdict {
        let Some(host) = self.host(at) else {
            return Verdict::Goes;
        };
        if let Some(trouble) = host.broker.trouble {
            return Verdict::Fails(trouble.line().to_owned());
        }
        let data = &host.broker.data;
        let others = data.mates.without(Seats::only(at));
        if others.is_empty() || data.forced {
            return Verdict::Goes;
        }
        let near: Seats = others
            .iter()
            .filter(|other| self.reach(at, *other))
            .collect();
        let works = self.works();
        let disowns = |other: &usize| works.has(*other) && !self.are_mates(at, *other);
        if let Some(other) = near.iter().find(disowns)
            && let Some(other) = self.host(other)
        {
            let (own, other) = (&host.node, &other.node);
            return Verdict::Fails(format!(
                "{{error,{{inconsistent_cluster,\"Node '{own}' thinks it's clustered with node '{other}', but '{other}' disagrees\"}}}}"
            ));
        }
        let comes = |other: &usize| {
            self.host(*other).is_some_and(|host| {
                matches!(host.broker.life, Life::Running | Life::Booting(..))
                    && self.are_mates(at, *other)
            })
        };
        let coming: Seats = near.iter().filter(comes).collect();
        let waits = |line: String| Verdict::Waits(self.turned_away(at, others).unwrap_or(line));
        if self.release.is_khepri() {
            let mut up = coming;
            up.add(at);
            return if data.mates.is_majority(up) {
                Verdict::Goes
            } else {
                waits("Waiting for Khepri leader for 30000 ms, 9 retries left".to_owned())
            };
        }
        let ran = data.ran.and(data.mates).without(Seats::only(at));
        let missing = ran.without(coming);
        if missing.is_empty() || !coming.and(works).is_empty() {
            Verdict::Goes
        } else {
            waits(self.waits_for(missing))
        }
    }

    /// What its log says where a peer is there and has another cookie.
    fn turned_away(&self, at: usize, others: Seats) -> Option<String> {
        let own = self.host(at)?.cookie;
        let odd = |other: &usize| {
            self.host(*other).is_some_and(|host| {
                host.power == Power::On && host.broker.has_runtime() && host.cookie != own
            })
        };
        let peer = &self.host(others.iter().find(odd)?)?.node;
        Some(format!(
            "** Connection attempt from node '{peer}' rejected. Invalid challenge reply. **"
        ))
    }

    fn waits_for(&self, missing: Seats) -> String {
        let names: Vec<String> = missing
            .iter()
            .filter_map(|other| Some(format!("'{}'", self.host(other)?.node)))
            .collect();
        let names = names.join(",");
        format!("Error while waiting for Mnesia tables: {{timeout_waiting_for_tables,[{names}]}}")
    }

    /// Who runs writes down whom it sees running: the last word of one that goes stays on its disc.
    fn note_who_runs(&mut self) {
        for at in self.works().iter() {
            let seen = self.seen_by(at);
            if let Some(host) = self.hosts.get_mut(at) {
                host.broker.data.ran = seen;
            }
        }
    }

    /// Lets every pair that was cut off meet again; on Mnesia each remembers it.
    pub(super) fn heal(&mut self) {
        let pairs = std::mem::take(&mut self.cuts);
        for (a, b) in pairs {
            for (one, other) in [(a, b), (b, a)] {
                let meets = self.sees(one, other) == Some(Row::Running);
                if let Some(host) = self.hosts.get_mut(one)
                    && meets
                    && !self.release.is_khepri()
                {
                    host.broker.partitions.add(other);
                }
            }
        }
        self.stir();
    }
}
