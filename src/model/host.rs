//! Owns what a host says over SSH: its addresses and its services; and what a canary connection
//! saw.

use super::moment::Moment;
use super::text::Shown;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// All addresses of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressReport {
    /// Streamed (`ip monitor`) or polled.
    pub via: AddressVia,
    /// Addresses in kernel order.
    pub addresses: Vec<HostAddress>,
}

impl AddressReport {
    /// Where `address` is listed, preferably where it can be used.
    pub fn holding(&self, address: IpAddr) -> Option<&HostAddress> {
        let mut listed = self.addresses.iter().filter(|held| held.address == address);
        self.usable(address).or_else(|| listed.next())
    }

    /// Where `address` can be used: clients reach it there.
    pub fn usable(&self, address: IpAddr) -> Option<&HostAddress> {
        let mut listed = self.addresses.iter().filter(|held| held.address == address);
        listed.find(|held| held.flaw().is_none())
    }
}

/// How addresses reach us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AddressVia {
    /// A live `ip monitor address`: a change is known as it happens.
    #[default]
    Stream,
    /// Listed at intervals, because the stream was refused.
    Poll,
}

/// One address on one interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostAddress {
    /// Interface, such as `eth0`.
    pub interface: Shown,
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 where keepalived's configuration gives none.
    pub prefix: u8,
    /// How the search for duplicates of an IPv6 address fares.
    pub dad: Dad,
}

impl HostAddress {
    /// Why clients do not reach it, if so. A deprecated address is reached: keepalived adds IPv6
    /// addresses so, for the host not to use them as its own (`vrrp_ipaddress.c`).
    pub fn flaw(&self) -> Option<AddressFlaw> {
        match self.dad {
            Dad::Failed => Some(AddressFlaw::DadFailed),
            Dad::Tentative => Some(AddressFlaw::Tentative),
            Dad::Settled => (self.interface.raw() == "lo").then_some(AddressFlaw::Loopback),
        }
    }
}

/// How duplicate address detection fares (ip-address(8), flags `tentative` and `dadfailed`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dad {
    /// It is over, or none was made.
    #[default]
    Settled,
    /// It goes on.
    Tentative,
    /// Another host has the address.
    Failed,
}

/// Why an address that is listed is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFlaw {
    /// It is on the loopback interface.
    Loopback,
    /// The search for duplicates goes on.
    Tentative,
    /// Another host has it.
    DadFailed,
}

impl AddressFlaw {
    /// As after "it is".
    pub fn words(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Tentative => "tentative (not yet known to be free)",
            Self::DadFailed => "dadfailed (another host has it)",
        }
    }
}

/// Services and registrations of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceReport {
    /// systemd's word for the broker's service.
    pub rabbitmq: Option<UnitState>,
    /// systemd's word for HAProxy's service.
    pub haproxy: Option<UnitState>,
    /// Names registered in epmd (the Erlang runtimes that are up); `None` where epmd could not
    /// be asked, empty where it answered with no name or is not running.
    pub runtimes: Option<Vec<Shown>>,
    /// How the broker's service fares; `None` where systemd knows none.
    pub broker: Option<ServiceLife>,
    /// Where something listens for TCP connections; `None` where that could not be asked.
    pub listening: Option<Vec<SocketAddr>>,
    /// What the broker's log says of its latest start, where it is not simply up.
    pub start_log: Vec<Shown>,
}

/// How a service fares, beyond its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceLife {
    /// systemd's sub-state: `running`, `start`, `auto-restart`, `dead`, …
    pub sub_state: Shown,
    /// systemd's result of its latest end: `success`, `exit-code`, `start-limit-hit`, …
    pub result: Shown,
    /// How often systemd has started it again by itself since somebody started it.
    pub restarts: u32,
    /// How its main process ended, where it is between two lives or ended.
    pub exit: Option<Exit>,
    /// How long it had been in its state when it was asked.
    pub since: Option<Duration>,
    /// How long its start may take; `None`: for ever.
    pub start_limit: Option<Duration>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// systemd's word: `exited`, `killed`, `dumped`.
    pub how: Shown,
    /// Its exit status, or the signal that killed it.
    pub status: i32,
}

impl Exit {
    /// After who it was: `exited with 1`, `was killed by signal 9`.
    pub fn words(&self) -> String {
        match self.how.raw() {
            "exited" => format!("exited with {}", self.status),
            "dumped" => format!("dumped core on signal {}", self.status),
            _ => format!("was {} by signal {}", self.how, self.status),
        }
    }
}

/// What was seen of a service's restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts {
    /// systemd's count when it was last asked.
    pub count: u32,
    /// When the count was seen to have grown.
    pub grown: Vec<Moment>,
}

/// Restarts further apart than this are not one loop. A node that waits for its peers in vain
/// takes five minutes to give up.
const ONE_LOOP: Duration = Duration::from_secs(900);

impl Restarts {
    /// Begins with systemd's count.
    pub fn from(count: u32) -> Self {
        Self {
            count,
            grown: Vec::new(),
        }
    }

    /// Notes systemd's count at `at`.
    pub fn note(&mut self, count: u32, at: Moment) {
        if count < self.count {
            self.grown.clear();
        } else if count > self.count {
            self.grown.push(at);
        }
        self.count = count;
        self.grown.retain(|grown| at.since(*grown) <= ONE_LOOP);
    }

    /// Whether it was restarted twice while we looked, the last time not long ago.
    pub fn is_loop(&self, now: Moment) -> bool {
        let in_loop = |grown: &&Moment| now.since(**grown) <= ONE_LOOP;
        self.grown.iter().filter(in_loop).count() >= 2
    }

    /// Whether it was seen to be restarted within `span`.
    pub fn within(&self, span: Duration, now: Moment) -> bool {
        self.grown.last().is_some_and(|at| now.since(*at) <= span)
    }
}

/// The addresses by which a host knows others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameReport {
    /// Each name that was found, with its address.
    pub found: Vec<(Shown, IpAddr)>,
}

/// What `systemctl is-active` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Running.
    Active,
    /// Not running, or no such unit.
    Inactive,
    /// Ended with an error.
    Failed,
    /// On its way up.
    Activating,
    /// On its way down.
    Deactivating,
    /// Reloading its configuration.
    Reloading,
    /// Another word.
    Other(Shown),
}

impl UnitState {
    /// Reads one line of `systemctl is-active`.
    pub fn parse(word: &str) -> Self {
        match word.trim() {
            "active" => Self::Active,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            "reloading" => Self::Reloading,
            other => Self::Other(Shown::new(other)),
        }
    }

    /// Whether the service does its work now.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Active | Self::Reloading)
    }

    /// Whether systemd knows the unit, and says of it what we understand.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// systemd's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Reloading => "reloading",
            Self::Other(text) => text.as_str(),
        }
    }
}

/// One AMQP handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryReport {
    /// Where it connected: `vip` or a host name.
    pub target: Shown,
    /// From TCP connect to an open channel.
    pub took: Duration,
    /// The cluster name the broker announced.
    pub cluster_name: Option<Shown>,
}
