//! Owns a broker of the simulated cluster: what its service and its app do, what stands on its
//! disc, and what it uses. How a start goes on is `boot`'s.

use super::seats::Seats;
use crate::model::broker::NodeType;
use std::time::Duration;

/// Bytes of the watermark, as on the recorded hosts.
pub const MEMORY_LIMIT: u64 = 10_110_600_806;
/// Bytes below which the disc alarm is raised, RabbitMQ's default.
pub const DISC_LIMIT: u64 = 50_000_000;
/// Lines of its log that are kept.
const LOGGED: usize = 4;

/// Who started or stops an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// systemd, with the whole runtime.
    Service,
    /// `rabbitmqctl start_app`, `stop_app`.
    Tool,
}

/// What the service and the app of a broker do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// No runtime; systemd was told so, or never told otherwise.
    Off,
    /// No runtime; the service ended with an error and is not started again.
    Failed,
    /// No runtime; systemd starts it again at this time.
    Between(Duration),
    /// The app boots since this time.
    Booting(Duration, By),
    /// The app stops, until this time.
    Stopping(Duration, By),
    /// The runtime without the app.
    AppStopped,
    /// The app.
    Running,
}

/// A fault with which no start succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTrouble {
    /// Nothing can be written.
    DiscFull,
    /// `rabbitmq.conf` cannot be read.
    Config,
}

impl StartTrouble {
    /// What the log says of it.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::DiscFull => "{error,{file_error,\"LATEST.LOG\",enospc}}: no space left on device",
            Self::Config => "failed_to_prepare_configuration",
        }
    }
}

/// What a broker left on its disc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// Which cluster it belongs to: 0 is the one of the demo, every blank node is one of its own.
    pub kin: u32,
    /// The members it knows, itself among them.
    pub mates: Seats,
    /// Who of them is a RAM member.
    pub ram: Seats,
    /// Who ran when it was last told (`nodes_running_at_shutdown`).
    pub ran: Seats,
    /// It waits for nobody at its next start.
    pub forced: bool,
    /// There is a directory at all.
    pub is_there: bool,
}

impl Data {
    /// A blank node's.
    pub fn blank(at: usize, kin: u32) -> Self {
        Self {
            kin,
            mates: Seats::only(at),
            ram: Seats::default(),
            ran: Seats::only(at),
            forced: false,
            is_there: true,
        }
    }
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// What it does.
    pub life: Life,
    /// Since when, in simulated time.
    pub since: Duration,
    /// When its service last went down.
    pub ended: Option<Duration>,
    /// It holds its ports and answers nothing.
    pub hangs: bool,
    /// When it went silent without a word: it hangs, or its host is gone.
    pub silent: Option<Duration>,
    /// Maintenance mode.
    pub drained: bool,
    /// On its disc.
    pub data: Data,
    /// What every start of it meets.
    pub trouble: Option<StartTrouble>,
    /// How often systemd started it again.
    pub restarts: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disc_free: u64,
    /// From when on its replicas have caught up.
    pub caught_up: Duration,
    /// Members from which it was cut off, by its own word (Mnesia).
    pub partitions: Seats,
    /// What its log says of its latest start.
    pub log: Vec<String>,
}

impl Broker {
    /// A member that runs, of so many.
    pub fn member(at: usize, of: usize) -> Self {
        Self {
            life: Life::Running,
            since: Duration::ZERO,
            ended: None,
            hangs: false,
            silent: None,
            drained: false,
            data: Data {
                mates: Seats::first(of),
                ran: Seats::first(of),
                ..Data::blank(at, 0)
            },
            trouble: None,
            restarts: 0,
            memory: 138_829_824 + 4096 * 317 * at as u64,
            disc_free: 18_931_265_536 - 4096 * 63 * at as u64,
            caught_up: Duration::ZERO,
            partitions: Seats::default(),
            log: Vec::new(),
        }
    }

    /// Changes what it does.
    pub(super) fn turn(&mut self, life: Life, now: Duration) {
        if matches!(life, Life::Off | Life::Failed | Life::Between(_)) {
            self.ended = Some(now);
            self.drained = false;
            self.hangs = false;
            self.silent = None;
        }
        if self.life != life {
            (self.life, self.since) = (life, now);
        }
    }

    /// Writes into its log.
    pub(super) fn logs(&mut self, line: String) {
        if self.log.last() == Some(&line) {
            return;
        }
        self.log.push(line);
        let more = self.log.len().saturating_sub(LOGGED);
        self.log.drain(..more);
    }

    /// Whether a runtime of its name is registered.
    pub fn has_runtime(&self) -> bool {
        !matches!(self.life, Life::Off | Life::Failed | Life::Between(_))
    }

    /// Whether its app runs and does its work.
    pub fn works(&self) -> bool {
        self.life == Life::Running && !self.hangs
    }

    /// Whether its ports for clients accept connections; the kernel does that for one that hangs.
    pub fn listens(&self) -> bool {
        self.life == Life::Running && !self.drained
    }

    /// Whether its memory is above the watermark.
    pub fn memory_alarm(&self) -> bool {
        self.memory > MEMORY_LIMIT
    }

    /// Whether its disc is below the limit.
    pub fn disc_alarm(&self) -> bool {
        self.disc_free < DISC_LIMIT
    }

    /// Disc or RAM, by its own word.
    pub fn kind(&self, at: usize) -> NodeType {
        if self.data.ram.has(at) {
            NodeType::Ram
        } else {
            NodeType::Disc
        }
    }
}
