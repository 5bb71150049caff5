//! Owns HAProxy of the simulated cluster: its servers with their health checks, and whom it sends a
//! new client to.

use crate::invocation::haproxy::ServerState;
use std::time::Duration;

/// Between two checks of a server; the article has five seconds, which is long to look at.
pub(super) const INTERVAL: Duration = Duration::from_millis(700);
/// Checks that must succeed for a server to be used again.
pub const RISE: u64 = 2;
/// Checks that must fail for it to be used no more.
pub const FALL: u64 = 3;

/// What a service of a host does, other than the broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// It runs.
    Active,
    /// It was stopped.
    Inactive,
    /// It ended with an error.
    Failed,
}

/// What a check met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// The port accepts connections.
    Open,
    /// Nothing listens.
    Refused,
    /// Nothing answers.
    NoRoute,
}

/// A line of the backend.
#[derive(Debug, Clone)]
pub struct Server {
    /// What an administrator made of it.
    pub admin: ServerState,
    /// By its checks.
    pub up: bool,
    /// Checks in a row that contradict that.
    pub against: u64,
    /// What the last check met.
    pub met: Met,
    /// When it last came up or went down.
    pub changed: Duration,
    /// Clients it was given.
    pub total: u64,
    /// Checks that failed.
    pub failed: u64,
    /// How often it went down.
    pub downs: u64,
}

impl Server {
    fn new() -> Self {
        Self {
            admin: ServerState::Ready,
            up: true,
            against: 0,
            met: Met::Open,
            changed: Duration::ZERO,
            total: 0,
            failed: 0,
            downs: 0,
        }
    }

    /// Whether it gets new clients.
    pub fn is_used(&self) -> bool {
        self.up && self.admin == ServerState::Ready
    }

    /// Takes the result of a check.
    pub(super) fn check(&mut self, met: Met, now: Duration) {
        if self.admin == ServerState::Maint {
            return;
        }
        self.met = met;
        let passed = met == Met::Open;
        self.failed += u64::from(!passed);
        if passed == self.up {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against >= if self.up { FALL } else { RISE } {
            self.up = passed;
            self.against = 0;
            self.changed = now;
            self.downs += u64::from(!passed);
        }
    }

    /// Takes an administrator's word. Back from MAINT it is used at once, until a check fails often
    /// enough.
    pub(super) fn told(&mut self, state: ServerState, now: Duration) {
        if self.admin == ServerState::Maint && state != ServerState::Maint {
            (self.up, self.against, self.changed) = (true, 0, now);
        }
        self.admin = state;
    }
}

/// A HAProxy.
#[derive(Debug, Clone)]
pub struct Balancer {
    /// Its service.
    pub unit: Unit,
    /// One server for each broker, in their order.
    pub servers: Vec<Server>,
    /// Clients it took.
    pub total: u64,
    /// Clients it takes at once (`maxconn`).
    pub limit: usize,
    next: usize,
    checked: Duration,
}

impl Balancer {
    /// One that runs, with so many servers, for so many clients.
    pub fn new(servers: usize, limit: usize) -> Self {
        Self {
            unit: Unit::Active,
            servers: vec![Server::new(); servers],
            total: 0,
            limit,
            next: 0,
            checked: Duration::ZERO,
        }
    }

    /// Whether it takes clients.
    pub fn runs(&self) -> bool {
        self.unit == Unit::Active
    }

    /// Starts or stops it; what it was told before is forgotten.
    pub(super) fn turn(&mut self, unit: Unit) {
        if unit == Unit::Active && self.unit != unit {
            *self = Self::new(self.servers.len(), self.limit);
        }
        self.unit = unit;
    }

    /// Checks every server, if that is due.
    pub(super) fn check(&mut self, now: Duration, meets: impl Fn(usize) -> Met) {
        if !self.runs() || now < self.checked + INTERVAL {
            return;
        }
        self.checked = now;
        for (at, server) in self.servers.iter_mut().enumerate() {
            server.check(meets(at), now);
        }
    }

    /// The next server in turn that is used.
    pub(super) fn pick(&mut self) -> Option<usize> {
        let count = self.servers.len();
        let places = (0..count).map(|step| (self.next + step) % count);
        let mut used = places.filter(|at| self.servers.get(*at).is_some_and(Server::is_used));
        let found = used.next()?;
        self.next = found + 1;
        Some(found)
    }

    /// Counts a client that landed.
    pub(super) fn landed(&mut self, at: usize) {
        self.total += 1;
        if let Some(server) = self.servers.get_mut(at) {
            server.total += 1;
        }
    }
}
