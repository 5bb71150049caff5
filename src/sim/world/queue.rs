//! Owns the queues of the simulated cluster: leaders, replicas, mirrors, and what lies in them.

use super::seats::Seats;
use crate::model::broker::QueueType;

/// Kind of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    /// One copy; on 3.10 perhaps mirrors.
    Classic,
    /// Replicas that agree by majority.
    Quorum,
}

impl Kind {
    /// As the model calls it.
    pub fn of_model(self) -> QueueType {
        match self {
            Self::Classic => QueueType::Classic,
            Self::Quorum => QueueType::Quorum,
        }
    }
}

/// Whether new mirrors are synchronised by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eager {
    /// They are.
    Yes,
    /// Somebody must ask for it.
    No,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its name, in the virtual host `/`.
    pub name: Box<str>,
    /// Its kind.
    pub kind: Kind,
    /// Who leads; of a classic queue, who has it.
    pub leader: usize,
    /// Where it is: the leader and its replicas or mirrors.
    pub replicas: Seats,
    /// Mirrors that have all of it, the leader among them.
    pub synced: Seats,
    /// Messages in it.
    pub messages: u64,
    /// Of these, with consumers.
    pub unacknowledged: u64,
    /// Consumers.
    pub consumers: u32,
    /// The policy in force, by its place in the list.
    pub(super) rule: Option<u16>,
}

impl Queue {
    /// One on `leader`; a quorum queue with replicas on `replicas`.
    pub fn new(name: String, kind: Kind, (leader, replicas): (usize, Seats)) -> Self {
        Self {
            name: name.into(),
            kind,
            leader,
            replicas,
            synced: replicas,
            messages: 0,
            unacknowledged: 0,
            consumers: 1,
            rule: None,
        }
    }

    /// Replicas that could serve it, where `up` do their work.
    pub fn online(&self, up: Seats) -> Seats {
        match self.kind {
            Kind::Quorum => self.replicas.and(up),
            Kind::Classic => self.replicas.and(self.synced).and(up),
        }
    }

    /// Whether clients can use it, where `up` do their work.
    pub fn is_served(&self, up: Seats) -> bool {
        match self.kind {
            Kind::Quorum => self.replicas.is_majority(up),
            Kind::Classic => up.has(self.leader),
        }
    }

    /// Moves the lead away from a member that does not work, where another can take it.
    pub(super) fn lead(&mut self, up: Seats) {
        if up.has(self.leader) {
            return;
        }
        let online = self.online(up);
        let can = match self.kind {
            Kind::Quorum => self.replicas.is_majority(online),
            Kind::Classic => true,
        };
        if let Some(next) = online.iter().next().filter(|_| can) {
            self.leader = next;
        }
    }

    /// Gives it the mirrors that `wanted` says; a new one is empty until it is synchronised.
    pub(super) fn mirror(&mut self, wanted: Seats, is_eager: Eager) {
        self.replicas = wanted;
        self.replicas.add(self.leader);
        self.synced = self.synced.and(self.replicas);
        self.synced.add(self.leader);
        if self.messages == 0 || is_eager == Eager::Yes {
            self.synced = self.replicas;
        }
    }

    /// Takes the replica of `at` away; whether nothing is left of it.
    pub(super) fn lose(&mut self, at: usize) -> bool {
        self.replicas.remove(at);
        self.synced.remove(at);
        if self.leader == at
            && let Some(next) = self.synced.iter().next()
        {
            self.leader = next;
        }
        self.replicas.is_empty()
    }
}
