//! Owns what HAProxy says about itself and its servers. No judgement: `findings` judges.

use super::text::Shown;
use serde::{Deserialize, Serialize};

/// One HAProxy process, as its statistics show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BalancerReport {
    /// Which way the statistics came.
    pub via: StatsVia,
    /// All frontends.
    pub frontends: Vec<Frontend>,
    /// All backends with their servers.
    pub backends: Vec<Backend>,
    /// CSV rows that could not be understood.
    pub skipped_rows: usize,
}

impl BalancerReport {
    /// The backend of this name.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends
            .iter()
            .find(|backend| backend.name.raw() == name)
    }

    /// The frontend of this name (a `listen` block yields both).
    pub fn frontend(&self, name: &str) -> Option<&Frontend> {
        self.frontends
            .iter()
            .find(|frontend| frontend.name.raw() == name)
    }
}

/// Where statistics were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum StatsVia {
    /// The statistics page, `;csv`.
    #[default]
    Http,
    /// `show stat` on the runtime socket, over SSH.
    Socket,
}

/// A frontend row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frontend {
    /// Proxy name.
    pub name: Shown,
    /// `OPEN`, `FULL`, `STOP`, …
    pub status: Shown,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Session limit.
    pub session_limit: Option<u64>,
    /// Sessions per second.
    pub rate: Option<u64>,
}

/// A backend row with its servers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backend {
    /// Proxy name.
    pub name: Shown,
    /// `UP` or `DOWN`.
    pub status: Shown,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Active servers HAProxy would use.
    pub active: Option<u64>,
    /// Servers in the order of the configuration.
    pub servers: Vec<ServerRow>,
}

/// A server row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerRow {
    /// Server name in haproxy.cfg.
    pub name: Shown,
    /// What HAProxy thinks of it.
    pub status: ServerStatus,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Effective weight.
    pub weight: Option<u64>,
    /// Last check's result, such as `L4OK`, `L4CON`, `L4TOUT`.
    pub check_status: Option<Shown>,
    /// Last check's description, such as `Connection refused`.
    pub check_text: Option<Shown>,
    /// Seconds since the status last changed.
    pub last_change_s: Option<u64>,
    /// `address:port`; only with `stats show-legends` or over the socket.
    pub address: Option<Shown>,
}

/// A server's status. Transitional counts are `n` of `m` checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStatus {
    /// In use. With counts: going down.
    Up(Option<(u32, u32)>),
    /// Out of use after failed checks. With counts: going up.
    Down(Option<(u32, u32)>),
    /// Up, but takes no new balanced sessions.
    NoLb,
    /// Takes no new sessions, by an administrator or an agent.
    Drain,
    /// In maintenance.
    Maint,
    /// Not checked at all: HAProxy always uses it.
    NoCheck,
    /// A word this version does not know.
    Other(Shown),
}

impl Default for ServerStatus {
    fn default() -> Self {
        Self::Other(Shown::default())
    }
}

impl ServerStatus {
    /// Reads HAProxy's words, such as `UP 2/3`, `DOWN (agent)`, `MAINT (via px/srv)`.
    pub fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let counts = |word: Option<&str>| {
            let (n, m) = word?.split_once('/')?;
            Some((n.parse().ok()?, m.parse().ok()?))
        };
        match words.next() {
            Some("UP") => Self::Up(counts(words.next())),
            Some("DOWN") => Self::Down(counts(words.next())),
            Some("NOLB") => Self::NoLb,
            Some("DRAIN") => Self::Drain,
            Some("MAINT") => Self::Maint,
            Some("no") if words.next() == Some("check") => Self::NoCheck,
            _ => Self::Other(Shown::new(text)),
        }
    }

    /// Whether HAProxy sends new clients to this server.
    pub fn takes_clients(&self) -> bool {
        matches!(self, Self::Up(_) | Self::NoCheck)
    }

    /// The word shown and written to JSON: `UP`, `DOWN`, `NOLB`, `DRAIN`, `MAINT`, `no check`.
    pub fn word(&self) -> &str {
        match self {
            Self::Up(_) => "UP",
            Self::Down(_) => "DOWN",
            Self::NoLb => "NOLB",
            Self::Drain => "DRAIN",
            Self::Maint => "MAINT",
            Self::NoCheck => "no check",
            Self::Other(text) => text.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServerStatus;

    #[test]
    fn every_documented_status_is_known() {
        let known = [
            ("UP", ServerStatus::Up(None)),
            ("UP 2/3", ServerStatus::Up(Some((2, 3)))),
            ("DOWN", ServerStatus::Down(None)),
            ("DOWN 1/2", ServerStatus::Down(Some((1, 2)))),
            ("DOWN (agent)", ServerStatus::Down(None)),
            ("NOLB 1/2", ServerStatus::NoLb),
            ("DRAIN (agent)", ServerStatus::Drain),
            ("MAINT (via px/srv)", ServerStatus::Maint),
            ("no check", ServerStatus::NoCheck),
        ];
        for (text, status) in known {
            assert_eq!(ServerStatus::parse(text), status, "{text}");
        }
        assert_eq!(ServerStatus::parse("FUTURE").word(), "FUTURE");
    }
}
