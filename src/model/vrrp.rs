//! Owns what a host says of keepalived: whether it runs, its VRRP instances, the links they stand
//! on, and what it logged. No judgement, and never a password.

use super::name::HostName;
use super::observation::SourceFailure;
use super::text::Shown;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// All that is asked of one host about keepalived.
#[derive(Debug, Clone, PartialEq)]
pub struct VrrpReport {
    /// Whether it runs.
    pub daemon: Daemon,
    /// The host's network interfaces.
    pub links: BTreeMap<Shown, Link>,
    /// Its configuration, or why that could not be read.
    pub config: Result<VrrpConfig, SourceFailure>,
    /// What it last logged about its instances and checks, oldest first.
    pub log: Vec<Shown>,
}

/// Whether keepalived runs, by its service and by its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Daemon {
    /// Its service is active.
    Active,
    /// It runs, and not as the service that is asked for.
    ByHand,
    /// Its service is on its way up.
    Starting,
    /// Its service is on its way down.
    Stopping,
    /// Its service is stopped, and nothing of that name runs.
    Inactive,
    /// Its service ended with an error, and nothing of that name runs.
    Failed,
    /// There is no such service, and nothing of that name runs: it may have another name.
    NotFound,
    /// systemd said something else.
    Other(Shown),
}

impl Daemon {
    /// By systemd's words and the number of keepalived processes.
    pub fn of(load: &str, active: &str, processes: usize) -> Self {
        match active {
            "active" | "reloading" | "refreshing" => Self::Active,
            "activating" => Self::Starting,
            "deactivating" => Self::Stopping,
            "inactive" | "failed" if processes > 0 => Self::ByHand,
            "inactive" if load == "not-found" => Self::NotFound,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            other => Self::Other(Shown::new(other)),
        }
    }

    /// Whether it does its work now.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Active | Self::ByHand)
    }

    /// Whether it is known not to work, or not yet.
    pub fn is_down(&self) -> bool {
        match self {
            Self::Starting | Self::Stopping | Self::Inactive | Self::Failed => true,
            Self::Active | Self::ByHand | Self::NotFound | Self::Other(_) => false,
        }
    }

    /// In a clause.
    pub fn on(&self, host: &HostName) -> String {
        match self {
            Self::ByHand => format!("keepalived runs on {host} outside its service"),
            Self::Active
            | Self::Starting
            | Self::Stopping
            | Self::Inactive
            | Self::Failed
            | Self::NotFound
            | Self::Other(_) => format!("keepalived is {} on {host}", self.word()),
        }
    }

    /// In a word or two, as after "keepalived is".
    pub fn word(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::ByHand => "up by hand",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Inactive => "stopped",
            Self::Failed => "failed",
            Self::NotFound => "not found",
            Self::Other(word) => word.as_str(),
        }
    }
}

/// Whether an interface carries traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It does, or does not say.
    Up,
    /// It is switched off, or has no carrier.
    Down,
}

/// What the files say. Where something in them could not be read or understood, `gaps` says so,
/// and nothing follows from what is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VrrpConfig {
    /// All instances, in order.
    pub instances: Vec<VrrpInstance>,
    /// What is missing to be sure that these are all.
    pub gaps: Vec<Shown>,
}

impl VrrpConfig {
    /// The instance that has this address.
    pub fn holding(&self, address: IpAddr) -> Option<&VrrpInstance> {
        let mut all = self.instances.iter();
        all.find(|instance| instance.addresses.contains(&address))
    }
}

/// A VRRP instance as it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VrrpInstance {
    /// Its name.
    pub name: Shown,
    /// `MASTER` or `BACKUP`.
    pub initial_state: Option<Shown>,
    /// Base priority, 1 to 255; `None` where it is written in a way that is not understood.
    pub priority: Option<u8>,
    /// Whether a better host leaves the VIP where it is.
    pub nopreempt: bool,
    /// How long a better host waits before it takes the VIP back (`preempt_delay`).
    pub preempt_delay: Duration,
    /// Virtual router id.
    pub router_id: Option<u8>,
    /// Interface it runs on.
    pub interface: Option<Shown>,
    /// Whether it goes on when that interface is down (`dont_track_primary`).
    pub ignores_link: bool,
    /// Its addresses, excluded ones too.
    pub addresses: Vec<IpAddr>,
    /// What it tracks.
    pub checks: Vec<Check>,
    /// Unicast peers; `None`: it uses multicast.
    pub peers: Option<Vec<IpAddr>>,
    /// The sync group it belongs to.
    pub group: Option<Shown>,
}

/// A script, process, interface or file that an instance tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: Shown,
    /// By how much it changes the priority; 0: its failure puts the instance into FAULT.
    pub weight: i32,
}

impl VrrpInstance {
    /// The lowest and the highest priority that its checks can give it without a FAULT.
    pub fn priorities(&self) -> Option<(i32, i32)> {
        self.priorities_given(|_| None)
    }

    /// The same where it is known of some checks whether they pass.
    ///
    /// An owner of the address (255) has no other (`vrrp.c`); members of a sync group have their
    /// weights set to 0 (keepalived.conf(5)).
    pub fn priorities_given(&self, passes: impl Fn(&Check) -> Option<bool>) -> Option<(i32, i32)> {
        let base = i32::from(self.priority?);
        if base == 255 || self.group.is_some() {
            return Some((base, base));
        }
        let (mut low, mut high) = (base, base);
        for check in &self.checks {
            let (more, less) = (check.weight.max(0), check.weight.min(0));
            let (worst, best) = match passes(check) {
                Some(true) => (more, more),
                Some(false) => (less, less),
                None => (less, more),
            };
            low += worst;
            high += best;
        }
        let bounded = |priority: i32| priority.clamp(1, 254);
        Some((bounded(low), bounded(high)))
    }

    /// Whether it takes the VIP from a worse host. `nopreempt` and `preempt_delay` work only where
    /// the initial state is not MASTER (keepalived.conf(5)).
    pub fn preempts(&self) -> Preempts {
        let starts_as_master = self.initial_state.as_ref().map(Shown::raw) == Some("MASTER");
        if starts_as_master {
            Preempts::AtOnce
        } else if self.nopreempt {
            Preempts::Never
        } else if self.preempt_delay.is_zero() {
            Preempts::AtOnce
        } else {
            Preempts::After(self.preempt_delay)
        }
    }
}

/// Whether a better host takes the VIP back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preempts {
    /// As soon as it can.
    AtOnce,
    /// Once it has seen the worse one for so long.
    After(Duration),
    /// It leaves the VIP where it is.
    Never,
}
