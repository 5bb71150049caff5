//! Owns what can happen to the simulated cluster by itself: faults and their ends, as a scenario
//! tells them.

use super::broker::{By, Life, StartTrouble};
use super::front::Unit;
use super::vrrp::{Air, Script};
use super::{Data, Power, World};
use std::time::Duration;

/// Something that happens. Members and hosts are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody stops the app of a broker.
    AppStops(usize),
    /// Somebody stops the service of a broker.
    ServiceStops(usize),
    /// The service of a broker is started.
    ServiceStarts(usize),
    /// A broker dies, and systemd does not start it again.
    BrokerDies(usize),
    /// A broker hangs: it keeps its ports and says nothing.
    BrokerHangs(usize),
    /// A host is gone, and all on it.
    HostGone(usize),
    /// The disc of a broker's host is lost with all that was on it; the host is not there.
    HostLost(usize),
    /// A broker uses so many bytes of memory.
    Memory(usize, u64),
    /// So many bytes are free on the disc of a broker.
    DiscFree(usize, u64),
    /// Whether starts of a broker meet something.
    Trouble(usize, Option<StartTrouble>),
    /// The Erlang cookie of a host becomes another.
    Cookie(usize, u8),
    /// Two brokers do not reach each other any more.
    Cut(usize, usize),
    /// All reach each other again.
    Healed,
    /// HAProxy of a host becomes this.
    Haproxy(usize, Unit),
    /// keepalived of a host becomes this.
    Keepalived(usize, Unit),
    /// The check script of every keepalived becomes this, with this weight.
    Scripts(Script, i32),
    /// Whether keepaliveds hear each other.
    Air(Air),
}

impl World {
    /// Lets `event` happen now.
    pub fn happen(&mut self, event: &Event) {
        let now = self.now;
        match *event {
            Event::AppStops(at) => self.stop(at, By::Tool),
            Event::ServiceStops(at) => self.stop(at, By::Service),
            Event::ServiceStarts(at) => self.start_service(at),
            Event::BrokerDies(at) => self.kill(at, Life::Failed),
            Event::BrokerHangs(at) => self.with(at, |host| {
                host.broker.hangs = true;
                host.broker.silent = Some(now);
            }),
            Event::HostGone(at) => {
                let ran = self.works().has(at);
                self.kill(at, Life::Off);
                self.with(at, |host| {
                    host.power = Power::Gone;
                    host.broker.silent = ran.then_some(now);
                });
            }
            Event::HostLost(at) => {
                self.happen(&Event::HostGone(at));
                self.kins += 1;
                let kin = self.kins;
                self.with(at, |host| {
                    host.broker.data = Data {
                        is_there: false,
                        ..Data::blank(at, kin)
                    };
                });
            }
            Event::Memory(at, bytes) => self.with(at, |host| host.broker.memory = bytes),
            Event::DiscFree(at, bytes) => self.with(at, |host| host.broker.disc_free = bytes),
            Event::Trouble(at, trouble) => self.with(at, |host| host.broker.trouble = trouble),
            Event::Cookie(at, cookie) => self.with(at, |host| host.cookie = cookie),
            Event::Cut(a, b) => {
                self.cuts.insert((a.min(b), a.max(b)));
            }
            Event::Healed => self.heal(),
            Event::Haproxy(at, unit) => self.with(at, |host| {
                if let Some(balancer) = &mut host.balancer {
                    balancer.turn(unit);
                }
            }),
            Event::Keepalived(at, unit) => self.with(at, |host| {
                if let Some(keepalived) = &mut host.keepalived {
                    keepalived.turn(unit);
                }
            }),
            Event::Scripts(script, weight) => {
                let all = self
                    .hosts
                    .iter_mut()
                    .filter_map(|host| host.keepalived.as_mut());
                all.for_each(|each| (each.script, each.weight) = (script, weight));
            }
            Event::Air(air) => self.air = air,
        }
        self.stir();
    }

    fn with(&mut self, at: usize, change: impl FnOnce(&mut super::Host)) {
        if let Some(host) = self.hosts.get_mut(at) {
            change(host);
        }
    }

    /// Lets time pass before anybody looks.
    pub fn pass(&mut self, time: Duration) {
        self.step(self.now + time);
    }
}
