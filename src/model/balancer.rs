//! Owns what HAProxy says about itself and its servers, and what its own rows mean for new clients:
//! whether a backend has a server left, whether a frontend lets them in. `findings` puts it in
//! words; which member stands behind a server is for `path`.

mod status;

pub use status::{Checks, ServerStatus, Usage};

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
    /// CSV lines that could not be understood.
    pub unread: Vec<UnreadLine>,
}

/// A line of the statistics that could not be understood, and whose it is as far as it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnreadLine {
    /// The proxy.
    pub proxy: Option<Shown>,
    /// The server, or `FRONTEND` or `BACKEND`.
    pub server: Option<Shown>,
}

impl BalancerReport {
    /// The backend of this name.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends
            .iter()
            .find(|backend| backend.name.raw() == name)
    }

    /// Whether a server of this backend may stand on a line that could not be read.
    pub fn may_lack_servers(&self, backend: &str) -> bool {
        let of_it = |line: &&UnreadLine| line.proxy.as_ref().is_none_or(|p| p.raw() == backend);
        let mut lines = self.unread.iter().filter(of_it);
        lines.any(|line| {
            let server = line.server.as_ref().map(Shown::raw);
            !matches!(server, Some("FRONTEND" | "BACKEND"))
        })
    }

    /// Whether a server of `backend` is left, by HAProxy's own count; where that row could not be
    /// read, by its servers, if all of them were.
    pub fn left(&self, backend: &Backend) -> Left {
        let any = |usage| {
            backend
                .servers
                .iter()
                .any(|server| server.own_usage() == usage)
        };
        match (backend.status.raw(), backend.active, backend.backup) {
            ("DOWN", _, _) | (_, Some(0), Some(0)) => Left::None,
            (_, Some(1..), _) | (_, _, Some(1..)) => Left::Some,
            _ if any(Usage::Usable) => Left::Some,
            _ if any(Usage::Unknown) || self.may_lack_servers(backend.name.raw()) => Left::Unknown,
            _ => Left::None,
        }
    }

    /// The frontends through which clients of this backend come: that of the same name (a `listen`
    /// block yields both); else, for the statistics do not tell which leads where, all that are no
    /// HTTP and no `listen` block of another backend.
    pub fn entrances(&self, backend: &str) -> Vec<&Frontend> {
        let mut same = self.frontends.iter();
        if let Some(same) = same.find(|frontend| frontend.name.raw() == backend) {
            return vec![same];
        }
        let all = self.frontends.iter();
        all.filter(|frontend| !is_http(frontend.mode.as_ref()))
            .filter(|frontend| self.backend(frontend.name.raw()).is_none())
            .collect()
    }
}

fn is_http(mode: Option<&Shown>) -> bool {
    mode.is_some_and(|mode| mode.raw() == "http")
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
    /// `tcp` or `http`.
    pub mode: Option<Shown>,
    /// `OPEN`, `FULL`, `PAUSED`, `STOP`.
    pub status: Shown,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Session limit.
    pub session_limit: Option<u64>,
    /// Sessions per second.
    pub rate: Option<u64>,
}

/// Whether a frontend lets new clients in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It does.
    Open,
    /// As many are in as its limit allows; the next wait until one leaves.
    Full,
    /// A person paused or stopped it, or the process is stopping.
    Closed,
    /// The word is not known.
    Unknown,
}

impl Frontend {
    /// Whether it lets new clients in. `FULL` is the word of releases before 2.4; later ones stay
    /// `OPEN` at the limit.
    pub fn entrance(&self) -> Entrance {
        let at_limit = match (self.sessions, self.session_limit) {
            (Some(now), Some(limit)) => limit > 0 && now >= limit,
            _ => false,
        };
        match self.status.raw() {
            "PAUSED" | "STOP" => Entrance::Closed,
            "FULL" => Entrance::Full,
            "OPEN" if at_limit => Entrance::Full,
            "OPEN" => Entrance::Open,
            _ => Entrance::Unknown,
        }
    }
}

/// A backend row with its servers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backend {
    /// Proxy name.
    pub name: Shown,
    /// `tcp` or `http`.
    pub mode: Option<Shown>,
    /// `UP` or `DOWN`; empty where its own row could not be read.
    pub status: Shown,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Active servers HAProxy would use.
    pub active: Option<u64>,
    /// Backup servers HAProxy would use.
    pub backup: Option<u64>,
    /// Weights of the servers HAProxy would use, together.
    pub weight: Option<u64>,
    /// Servers in the order of the configuration.
    pub servers: Vec<ServerRow>,
}

/// Whether a backend has a server left for new clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// At least one.
    Some,
    /// None: clients are turned away.
    None,
    /// The rows that were read do not tell.
    Unknown,
}

impl Backend {
    /// Whether it balances HTTP, which brokers' clients do not speak.
    pub fn is_http(&self) -> bool {
        is_http(self.mode.as_ref())
    }
}

/// Whether a server is used from the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerRole {
    /// It is.
    #[default]
    Active,
    /// Only once no active server is left (`backup`).
    Backup,
}

/// A server row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerRow {
    /// Server name in haproxy.cfg.
    pub name: Shown,
    /// What HAProxy thinks of it.
    pub status: ServerStatus,
    /// Whether it is a backup.
    pub role: ServerRole,
    /// Current sessions.
    pub sessions: Option<u64>,
    /// Effective weight.
    pub weight: Option<u64>,
    /// Last check's result, such as `L4OK`, `L4CON`, `L4TOUT`.
    pub check_status: Option<Shown>,
    /// Last check's description, such as `Connection refused`.
    pub check_text: Option<Shown>,
    /// The server whose checks count for it (`track`): `proxy/server`.
    pub tracks: Option<Shown>,
    /// Last result of its agent, where it has one (`agent-check`).
    pub agent: Option<Shown>,
    /// Seconds since the status last changed.
    pub last_change_s: Option<u64>,
    /// `address:port`; only with `stats show-legends` or over the socket.
    pub address: Option<Shown>,
}

#[cfg(test)]
mod tests {
    use super::{
        Backend, BalancerReport, Entrance, Frontend, Left, ServerRow, ServerStatus, UnreadLine,
    };
    use crate::model::text::Shown;

    /// `status`, `act` and `bck` of the backend's own row, and the statuses of its servers.
    type Rows = (
        &'static str,
        Option<u64>,
        Option<u64>,
        &'static [&'static str],
    );

    fn backend((status, active, backup, servers): Rows) -> Backend {
        let server = |status: &&str| ServerRow {
            status: ServerStatus::parse(status),
            weight: Some(1),
            ..ServerRow::default()
        };
        Backend {
            status: Shown::new(status),
            active,
            backup,
            servers: servers.iter().map(server).collect(),
            ..Backend::default()
        }
    }

    fn unread(lines: usize) -> BalancerReport {
        BalancerReport {
            unread: vec![UnreadLine::default(); lines],
            ..BalancerReport::default()
        }
    }

    /// judging.md, "A load balancer's backend": HAProxy's own row is believed, whatever is unread.
    #[test]
    fn the_table_of_a_backend_by_its_own_row() {
        let rows: [(Rows, Left); 6] = [
            (("UP", Some(3), Some(0), &["UP", "UP", "UP"]), Left::Some),
            (("UP", Some(1), Some(0), &["DOWN", "MAINT"]), Left::Some),
            (("UP", Some(0), Some(1), &["DOWN", "UP"]), Left::Some),
            (("DOWN", Some(0), Some(0), &["UP", "UP"]), Left::None),
            (("DOWN", None, None, &["UP"]), Left::None),
            // A backend without servers is `UP`, and turns every client away.
            (("UP", Some(0), Some(0), &[]), Left::None),
        ];
        for (row, left) in rows {
            for lines in 0..2 {
                assert_eq!(unread(lines).left(&backend(row)), left, "{row:?} {lines}");
            }
        }
    }

    /// The same where that row could not be read: whole, and with an unread line.
    #[test]
    fn the_table_of_a_backend_by_its_servers() {
        let rows: [(&'static [&'static str], Left, Left); 5] = [
            (&["UP 1/3", "DOWN"], Left::Some, Left::Some),
            (&["no check"], Left::Some, Left::Some),
            (&["DOWN", "MAINT (resolution)"], Left::None, Left::Unknown),
            (&["FUTURE"], Left::Unknown, Left::Unknown),
            (&[], Left::None, Left::Unknown),
        ];
        for (servers, whole, broken) in rows {
            let backend = backend(("", None, None, servers));
            assert_eq!(unread(0).left(&backend), whole, "{servers:?}");
            assert_eq!(unread(1).left(&backend), broken, "{servers:?}");
        }
    }

    #[test]
    fn the_table_of_a_frontend() {
        let rows = [
            ("OPEN", Some(1999), Some(2000), Entrance::Open),
            ("OPEN", Some(2000), Some(2000), Entrance::Full),
            ("OPEN", None, Some(2000), Entrance::Open),
            ("OPEN", Some(0), Some(0), Entrance::Open),
            ("FULL", None, None, Entrance::Full),
            ("PAUSED", Some(0), Some(2000), Entrance::Closed),
            ("STOP", Some(2), Some(2), Entrance::Closed),
            ("", None, None, Entrance::Unknown),
        ];
        for (status, sessions, session_limit, entrance) in rows {
            let frontend = Frontend {
                status: Shown::new(status),
                sessions,
                session_limit,
                ..Frontend::default()
            };
            assert_eq!(frontend.entrance(), entrance, "{status} {sessions:?}");
        }
    }

    #[test]
    fn clients_come_in_by_the_frontend_of_the_same_name_or_by_any_that_may_lead_there() {
        let frontend = |name: &str, mode: &str| Frontend {
            name: Shown::new(name),
            mode: Some(Shown::new(mode)),
            ..Frontend::default()
        };
        let backend = |name: &str| Backend {
            name: Shown::new(name),
            ..Backend::default()
        };
        let report = BalancerReport {
            frontends: vec![
                frontend("amqp", "tcp"),
                frontend("monitor", "http"),
                frontend("both", "tcp"),
                frontend("mysql", "tcp"),
                frontend("amqps", "tcp"),
            ],
            backends: ["rabbit", "both", "mysql"].map(backend).into(),
            ..BalancerReport::default()
        };
        let names = |backend: &str| -> Vec<String> {
            let found = report.entrances(backend).into_iter();
            found.map(|frontend| frontend.name.to_string()).collect()
        };
        assert_eq!(names("both"), ["both"]);
        assert_eq!(
            names("rabbit"),
            ["amqp", "amqps"],
            "`listen mysql` is another way"
        );
    }

    #[test]
    fn a_line_of_another_proxy_hides_no_server_of_this_one() {
        let line = |proxy: Option<&str>, server: Option<&str>| UnreadLine {
            proxy: proxy.map(Shown::new),
            server: server.map(Shown::new),
        };
        let rows = [
            (line(None, None), true),
            (line(Some("px"), None), true),
            (line(Some("px"), Some("mq-node3")), true),
            (line(Some("px"), Some("BACKEND")), false),
            (line(Some("monitor"), Some("x")), false),
        ];
        for (unread, may_lack) in rows {
            let report = BalancerReport {
                unread: vec![unread.clone()],
                ..BalancerReport::default()
            };
            assert_eq!(report.may_lack_servers("px"), may_lack, "{unread:?}");
        }
    }
}
