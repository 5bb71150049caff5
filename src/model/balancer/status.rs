//! Owns HAProxy's word on a server: read whole, with its suffix, and what it means for new clients.
//! The words are those of `stats-proxy.c`; management guide, 9.1, columns `status` and `weight`.

use super::super::text::Shown;
use super::{Backend, ServerRole, ServerRow};
use std::fmt;

/// Checks that passed, of those that count: `UP 2/3`.
pub type Checks = (u32, u32);

/// A server's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStatus {
    /// In use. With counts: going down.
    Up(Option<Checks>),
    /// Out of use after failed checks. With counts: going up.
    Down(Option<Checks>),
    /// Out of use because its agent says so.
    DownByAgent,
    /// Up, but takes no new balanced sessions: its check answers 404 (`disable-on-404`).
    NoLb(Option<Checks>),
    /// Takes no new sessions.
    Drain(Option<Checks>),
    /// Takes no new sessions; it has an agent, which may have said so.
    DrainByAgent,
    /// In maintenance.
    Maint,
    /// In maintenance because its name does not resolve.
    MaintByResolution,
    /// In maintenance because the server it tracks is.
    MaintVia(Shown),
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
        let text = text.trim();
        let (word, suffix) = match text.split_once(' ') {
            Some((word, suffix)) => (word, Some(suffix.trim())),
            None => (text, None),
        };
        let unknown = || Self::Other(Shown::new(text));
        let counted = |with: fn(Option<Checks>) -> Self| match suffix {
            None => with(None),
            Some(suffix) => checks(suffix).map_or_else(unknown, |checks| with(Some(checks))),
        };
        match (word, suffix) {
            ("DOWN", Some("(agent)")) => Self::DownByAgent,
            ("DRAIN", Some("(agent)")) => Self::DrainByAgent,
            ("MAINT", Some("(resolution)")) => Self::MaintByResolution,
            ("MAINT", Some(suffix)) => suffix
                .strip_prefix("(via ")
                .and_then(|rest| rest.strip_suffix(')'))
                .map_or_else(unknown, |tracked| Self::MaintVia(Shown::new(tracked))),
            ("MAINT", None) => Self::Maint,
            ("UP", _) => counted(Self::Up),
            ("DOWN", _) => counted(Self::Down),
            ("NOLB", _) => counted(Self::NoLb),
            ("DRAIN", _) => counted(Self::Drain),
            ("no", Some("check")) => Self::NoCheck,
            _ => unknown(),
        }
    }

    /// Whether somebody or something keeps new sessions from it, whatever its checks say.
    pub fn is_set_aside(&self) -> bool {
        matches!(
            self,
            Self::Drain(_)
                | Self::DrainByAgent
                | Self::Maint
                | Self::MaintByResolution
                | Self::MaintVia(_)
        )
    }

    /// Whether its checks or its agent took it out.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down(_) | Self::DownByAgent)
    }

    /// The word without its suffix, for where there is no room: `UP`, `DOWN`, `MAINT`, …
    pub fn short(&self) -> &str {
        match self {
            Self::Up(_) => "UP",
            Self::Down(_) | Self::DownByAgent => "DOWN",
            Self::NoLb(_) => "NOLB",
            Self::Drain(_) | Self::DrainByAgent => "DRAIN",
            Self::Maint | Self::MaintByResolution | Self::MaintVia(_) => "MAINT",
            Self::NoCheck => "no check",
            Self::Other(text) => text.as_str(),
        }
    }
}

fn checks(suffix: &str) -> Option<Checks> {
    let (passed, of) = suffix.split_once('/')?;
    Some((passed.parse().ok()?, of.parse().ok()?))
}

/// HAProxy's word with its suffix, as it is shown and written to JSON.
impl fmt::Display for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.short();
        match self {
            Self::Up(Some((n, m)))
            | Self::Down(Some((n, m)))
            | Self::NoLb(Some((n, m)))
            | Self::Drain(Some((n, m))) => f.pad(&format!("{word} {n}/{m}")),
            Self::DownByAgent | Self::DrainByAgent => f.pad(&format!("{word} (agent)")),
            Self::MaintByResolution => f.pad(&format!("{word} (resolution)")),
            Self::MaintVia(tracked) => f.pad(&format!("{word} (via {tracked})")),
            Self::Up(None)
            | Self::Down(None)
            | Self::NoLb(None)
            | Self::Drain(None)
            | Self::Maint
            | Self::NoCheck
            | Self::Other(_) => f.pad(word),
        }
    }
}

/// What HAProxy does with new clients, as far as one server is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// It may get some.
    Usable,
    /// It gets none while another is left: it is a backup.
    Reserve,
    /// It gets none: its checks or its agent took it out.
    Down,
    /// It gets none, whatever its checks say.
    Aside,
    /// The word is not known.
    Unknown,
}

impl Backend {
    /// What HAProxy does with new clients as far as `server`, one of its own, is concerned.
    pub fn usage(&self, server: &ServerRow) -> Usage {
        let usage = server.own_usage();
        if usage == Usage::Usable && server.is_backup() && self.has_active() {
            Usage::Reserve
        } else {
            usage
        }
    }

    /// Whether a server that is no backup takes clients, by HAProxy's count; where that could not
    /// be read, by the servers themselves.
    fn has_active(&self) -> bool {
        let mut servers = self.servers.iter();
        let takes = |server: &ServerRow| !server.is_backup() && server.takes_clients();
        self.active
            .map_or_else(|| servers.any(takes), |active| active > 0)
    }
}

impl ServerRow {
    /// What its status and weight say, apart from the servers beside it.
    pub fn own_usage(&self) -> Usage {
        match &self.status {
            ServerStatus::Up(_) | ServerStatus::NoCheck if self.weight == Some(0) => Usage::Aside,
            ServerStatus::Up(_) | ServerStatus::NoCheck => Usage::Usable,
            ServerStatus::Down(_) | ServerStatus::DownByAgent => Usage::Down,
            ServerStatus::NoLb(_)
            | ServerStatus::Drain(_)
            | ServerStatus::DrainByAgent
            | ServerStatus::Maint
            | ServerStatus::MaintByResolution
            | ServerStatus::MaintVia(_) => Usage::Aside,
            ServerStatus::Other(_) => Usage::Unknown,
        }
    }

    /// Whether HAProxy would send it new clients; a backup only once no other is left.
    pub fn takes_clients(&self) -> bool {
        self.own_usage() == Usage::Usable
    }

    /// The status with the weight where that decides: `UP with weight 0`.
    pub fn state(&self) -> String {
        match (&self.status, self.weight) {
            (ServerStatus::Up(_) | ServerStatus::NoCheck, Some(0)) => {
                format!("{} with weight 0", self.status)
            }
            (status, _) => status.to_string(),
        }
    }

    /// By whom or what it gets no new clients; `None` while it gets some, or its checks say it.
    /// A server with an agent may have been told by it (`agent-check`: `maint`, `drain`, `0%`).
    pub fn kept_out_by(&self) -> Option<String> {
        let has_agent = self.agent.is_some();
        let person = if has_agent {
            "by a person or by its agent"
        } else {
            "by a person"
        };
        let of_agent = if has_agent { ", by its agent" } else { "" };
        let words = match (&self.status, self.weight) {
            (ServerStatus::Up(_) | ServerStatus::NoCheck, Some(0)) => {
                format!("set by a person{of_agent} or in haproxy.cfg")
            }
            (ServerStatus::DownByAgent, _) => "by its agent".to_owned(),
            (ServerStatus::NoLb(_), _) => "by its check, which answers 404".to_owned(),
            (ServerStatus::Drain(_), _) => match &self.tracks {
                Some(tracked) => format!("{person}, or because it follows {tracked}"),
                None => person.to_owned(),
            },
            (ServerStatus::DrainByAgent, _) => "by its agent or by a person".to_owned(),
            (ServerStatus::Maint, _) => {
                format!("by a person{of_agent}, or by `disabled` in haproxy.cfg")
            }
            (ServerStatus::MaintByResolution, _) => {
                "by DNS: its name does not resolve there".to_owned()
            }
            (ServerStatus::MaintVia(tracked), _) => format!("because it follows {tracked}"),
            (
                ServerStatus::Up(_)
                | ServerStatus::Down(_)
                | ServerStatus::NoCheck
                | ServerStatus::Other(_),
                _,
            ) => return None,
        };
        Some(words)
    }

    /// Whether it is used only once no other server is left.
    pub fn is_backup(&self) -> bool {
        self.role == ServerRole::Backup
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, ServerRole, ServerRow, ServerStatus, Usage};
    use crate::model::text::Shown;

    #[test]
    fn every_documented_status_is_known_and_written_as_it_was_read() {
        let via = ServerStatus::MaintVia(Shown::new("px/srv"));
        let known = [
            ("UP", ServerStatus::Up(None), "UP"),
            ("UP 2/3", ServerStatus::Up(Some((2, 3))), "UP"),
            ("DOWN", ServerStatus::Down(None), "DOWN"),
            ("DOWN 1/2", ServerStatus::Down(Some((1, 2))), "DOWN"),
            ("DOWN (agent)", ServerStatus::DownByAgent, "DOWN"),
            ("NOLB", ServerStatus::NoLb(None), "NOLB"),
            ("NOLB 1/2", ServerStatus::NoLb(Some((1, 2))), "NOLB"),
            ("DRAIN", ServerStatus::Drain(None), "DRAIN"),
            ("DRAIN 1/2", ServerStatus::Drain(Some((1, 2))), "DRAIN"),
            ("DRAIN (agent)", ServerStatus::DrainByAgent, "DRAIN"),
            ("MAINT", ServerStatus::Maint, "MAINT"),
            (
                "MAINT (resolution)",
                ServerStatus::MaintByResolution,
                "MAINT",
            ),
            ("MAINT (via px/srv)", via, "MAINT"),
            ("no check", ServerStatus::NoCheck, "no check"),
        ];
        for (text, status, short) in known {
            assert_eq!(ServerStatus::parse(text), status, "{text}");
            assert_eq!(
                (status.to_string(), status.short()),
                (text.to_owned(), short)
            );
        }
    }

    #[test]
    fn what_is_not_known_whole_is_not_known() {
        for text in ["FUTURE", "UP (perhaps)", "MAINT (moon)", "DOWN 1", "no", ""] {
            let status = ServerStatus::parse(text);
            assert_eq!(status, ServerStatus::Other(Shown::new(text)), "{text}");
            assert_eq!(status.to_string(), text);
        }
    }

    /// judging.md, "A load balancer's backend": status, weight, what it means, and by whom.
    #[test]
    fn the_table_of_a_server() {
        const WEIGHTLESS: &str = "set by a person or in haproxy.cfg";
        let rows = [
            ("UP", Some(1), Usage::Usable, None),
            ("UP 1/3", Some(1), Usage::Usable, None),
            ("UP", None, Usage::Usable, None),
            ("no check", Some(1), Usage::Usable, None),
            ("UP", Some(0), Usage::Aside, Some(WEIGHTLESS)),
            ("no check", Some(0), Usage::Aside, Some(WEIGHTLESS)),
            ("DOWN", Some(1), Usage::Down, None),
            ("DOWN 1/2", Some(1), Usage::Down, None),
            ("DOWN (agent)", Some(1), Usage::Down, Some("by its agent")),
            (
                "NOLB",
                Some(1),
                Usage::Aside,
                Some("by its check, which answers 404"),
            ),
            ("DRAIN", Some(1), Usage::Aside, Some("by a person")),
            (
                "DRAIN (agent)",
                Some(1),
                Usage::Aside,
                Some("by its agent or by a person"),
            ),
            (
                "MAINT",
                Some(1),
                Usage::Aside,
                Some("by a person, or by `disabled` in haproxy.cfg"),
            ),
            (
                "MAINT (resolution)",
                Some(1),
                Usage::Aside,
                Some("by DNS: its name does not resolve there"),
            ),
            (
                "MAINT (via px/a)",
                Some(1),
                Usage::Aside,
                Some("because it follows px/a"),
            ),
            ("FUTURE", Some(1), Usage::Unknown, None),
        ];
        for (status, weight, usage, by) in rows {
            let server = ServerRow {
                status: ServerStatus::parse(status),
                weight,
                ..ServerRow::default()
            };
            assert_eq!(server.own_usage(), usage, "{status}");
            assert_eq!(server.takes_clients(), usage == Usage::Usable);
            assert_eq!(server.kept_out_by().as_deref(), by, "{status}");
        }
    }

    /// `act`, and whether a backup that is UP gets clients.
    #[test]
    fn a_backup_is_kept_in_reserve_while_another_is_left() {
        let server = |status: &str, role| ServerRow {
            status: ServerStatus::parse(status),
            weight: Some(1),
            role,
            ..ServerRow::default()
        };
        let rows = [
            (Some(1), "DOWN", Usage::Reserve),
            (Some(0), "UP", Usage::Usable),
            (None, "UP", Usage::Reserve),
            (None, "DOWN", Usage::Usable),
        ];
        for (active, other, usage) in rows {
            let backup = server("UP", ServerRole::Backup);
            let backend = Backend {
                active,
                servers: vec![server(other, ServerRole::Active), backup.clone()],
                ..Backend::default()
            };
            assert_eq!(backend.usage(&backup), usage, "{active:?} {other}");
        }
    }

    #[test]
    fn what_an_agent_or_another_server_may_have_said_is_not_laid_on_a_person() {
        let mut server = ServerRow {
            status: ServerStatus::Maint,
            agent: Some(Shown::new("L7OK")),
            ..ServerRow::default()
        };
        let by = "by a person, by its agent, or by `disabled` in haproxy.cfg";
        assert_eq!(server.kept_out_by().as_deref(), Some(by));
        server.agent = None;
        server.status = ServerStatus::Drain(None);
        server.tracks = Some(Shown::new("px/a"));
        let by = "by a person, or because it follows px/a";
        assert_eq!(server.kept_out_by().as_deref(), Some(by));
    }
}
