//! Owns the judgement of what state a load balancer is in, from all that is known of it: its
//! statistics, systemd, its page, its host. And whether clients come in over it.

use super::Model;
use super::balancer::BalancerReport;
use super::host::UnitState;
use super::inventory::HostEntry;
use super::moment::Moment;
use super::name::HostName;
use super::node::Liveness;
use super::observation::{FailureKind, SourceFailure, SourceId, SourceKind};
use serde::Serialize;

/// What state a load balancer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum BalancerState {
    /// It shows its statistics.
    Up,
    /// It does not run.
    Down,
    /// Its host does not answer.
    Unreachable,
    /// It cannot be told.
    Unknown,
}

/// What the host of a load balancer shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Its statistics, now.
    Statistics,
    /// Nothing on the host answers.
    Silence,
    /// Neither.
    None,
}

/// What is known of the port at which clients connect to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientPort {
    /// An AMQP handshake through it succeeded.
    Serves,
    /// It is tried where the page is refused.
    Tried,
    /// Nothing.
    Untried,
}

/// What is known of a load balancer, apart from its figures.
#[derive(Debug, Clone, Copy)]
struct Evidence<'a> {
    sign: Sign,
    /// systemd's word, if current.
    unit: Option<&'a UnitState>,
    /// Why the last attempt at its statistics failed.
    failed: Option<FailureKind>,
    clients: ClientPort,
}

impl Evidence<'_> {
    /// The first row that fits.
    fn judge(self) -> BalancerState {
        use FailureKind as Kind;
        match self.sign {
            Sign::Statistics => return BalancerState::Up,
            Sign::Silence => return BalancerState::Unreachable,
            Sign::None => {}
        }
        match (self.unit, self.failed) {
            (Some(UnitState::Failed | UnitState::Activating), _) => BalancerState::Down,
            _ if self.clients == ClientPort::Serves => BalancerState::Unknown,
            // Whatever systemd says: a process that is stopping is active, and lets nobody in.
            (_, Some(Kind::Refused)) if self.clients == ClientPort::Tried => BalancerState::Down,
            (Some(unit), _) if unit.is_up() => BalancerState::Unknown,
            // Something speaks there: it may have been started by hand, past systemd.
            (
                _,
                Some(
                    Kind::Unauthorized
                    | Kind::Forbidden
                    | Kind::Absent
                    | Kind::Malformed
                    | Kind::TooLarge
                    | Kind::Tls,
                ),
            ) => BalancerState::Unknown,
            (Some(UnitState::Inactive | UnitState::Deactivating), _) => BalancerState::Down,
            _ => BalancerState::Unknown,
        }
    }
}

impl Model {
    /// What state the load balancer on `host` is in.
    pub fn balancer_state(&self, host: &HostEntry, now: Moment) -> BalancerState {
        let name = &host.name;
        let has_page = host
            .balancer
            .as_ref()
            .is_some_and(|entry| entry.stats_url.is_some());
        let canary = Self::current(&self.canaries, name, SourceKind::Canary, now);
        let sign = if self.balancer(name, now).is_some() {
            Sign::Statistics
        } else if self.liveness(name, now) == Liveness::Silent {
            Sign::Silence
        } else {
            Sign::None
        };
        let evidence = Evidence {
            sign,
            unit: self
                .service(name, now)
                .and_then(|services| services.haproxy.as_ref()),
            failed: self.page_failure(name, now).map(|failure| failure.kind),
            clients: match canary {
                Some(_) => ClientPort::Serves,
                None if has_page && self.inventory.amqp_port.is_some() => ClientPort::Tried,
                None => ClientPort::Untried,
            },
        };
        evidence.judge()
    }

    /// Why the statistics of the load balancer on `host` cannot be read now.
    pub fn page_failure(&self, host: &HostName, now: Moment) -> Option<&SourceFailure> {
        let id = SourceId::new(SourceKind::Haproxy, host.clone());
        let status = self.sources.get(&id)?;
        let limit = super::freshness_limit(SourceKind::Haproxy);
        let is_recent = now.since(status.attempted_at) <= limit;
        status.failure.as_ref().filter(|_| is_recent)
    }

    /// Whether the HAProxy on `host` accepts connections and has said nothing for long.
    pub fn balancer_hangs(&self, host: &HostName, now: Moment) -> bool {
        let id = SourceId::new(SourceKind::Haproxy, host.clone());
        let mute_since = self.sources.get(&id).and_then(|status| status.mute_since);
        let is_mute = mute_since.is_some_and(|since| now.since(since) >= super::HUNG);
        is_mute && self.page_failure(host, now).is_some()
    }

    /// Whether clients come in over the load balancer on `host`: by who holds the VIPs; where that
    /// is not known, by whether the VIPs let clients in, and by who has sessions. `None` if none of
    /// them tells.
    pub fn carries_clients(&self, host: &HostName, now: Moment) -> Option<bool> {
        let vips = self.vips(now);
        if vips.iter().any(|vip| vip.holders.contains(host)) {
            return Some(true);
        }
        if !vips.is_empty() && vips.iter().all(|vip| !vip.holders.is_empty()) {
            return Some(false);
        }
        // Nobody tells who holds them: what clients meet there decides.
        let failure = self.page_failure(host, now);
        match failure.and_then(|failure| failure.vips_open) {
            Some(true) => return Some(false),
            Some(false) => return None,
            None => {}
        }
        let sessions = |entry: &HostEntry| {
            let report = self.balancer(&entry.name, now)?;
            Some(self.sessions_on(entry, report))
        };
        let mut others = self.inventory.balancers();
        let others = others.any(|(entry, _)| entry.name != *host && sessions(entry) > Some(0));
        match self.inventory.host(host).and_then(sessions) {
            Some(1..) => Some(true),
            Some(0) | None if others => Some(false),
            Some(0) | None => None,
        }
    }

    /// Sessions of clients of the brokers.
    fn sessions_on(&self, host: &HostEntry, report: &BalancerReport) -> u64 {
        let backends = self.broker_backends(host, report).into_iter();
        backends.filter_map(|backend| backend.sessions).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{BalancerState, ClientPort, Evidence, Sign};
    use crate::model::host::UnitState;
    use crate::model::observation::FailureKind;

    const NONE: Evidence<'_> = Evidence {
        sign: Sign::None,
        unit: None,
        failed: None,
        clients: ClientPort::Untried,
    };

    fn refused(unit: &UnitState) -> Evidence<'_> {
        Evidence {
            unit: Some(unit),
            failed: Some(FailureKind::Refused),
            ..NONE
        }
    }

    fn failed(kind: FailureKind) -> Evidence<'static> {
        Evidence {
            failed: Some(kind),
            clients: ClientPort::Tried,
            ..NONE
        }
    }

    #[test]
    fn the_table_of_a_load_balancer_with_systemds_word() {
        use BalancerState::{Down, Unknown, Up};
        let by_hand = Evidence {
            sign: Sign::Statistics,
            ..refused(&UnitState::Inactive)
        };
        let stopping = Evidence {
            clients: ClientPort::Tried,
            ..refused(&UnitState::Active)
        };
        let asks = Evidence {
            failed: Some(FailureKind::Unauthorized),
            ..refused(&UnitState::Inactive)
        };
        let rows = [
            ("started by hand, past systemd", by_hand, Up),
            ("active", refused(&UnitState::Active), Unknown),
            ("active, but every door is refused", stopping, Down),
            ("failed", refused(&UnitState::Failed), Down),
            ("inactive", refused(&UnitState::Inactive), Down),
            ("starting", refused(&UnitState::Activating), Down),
            ("stopping", refused(&UnitState::Deactivating), Down),
            ("inactive, but something asks for a password", asks, Unknown),
        ];
        for (case, evidence, state) in rows {
            assert_eq!(evidence.judge(), state, "{case}");
        }
    }

    #[test]
    fn the_table_of_a_load_balancer_without_ssh() {
        use BalancerState::{Down, Unknown, Unreachable, Up};
        let sign = |sign| Evidence { sign, ..NONE };
        let page_alone = Evidence {
            failed: Some(FailureKind::Refused),
            ..NONE
        };
        let shaken = Evidence {
            clients: ClientPort::Serves,
            ..failed(FailureKind::Refused)
        };
        let rows = [
            ("nothing is known", NONE, Unknown),
            ("it shows itself", sign(Sign::Statistics), Up),
            ("no door answers", sign(Sign::Silence), Unreachable),
            ("the page alone is refused", page_alone, Unknown),
            ("every door is refused", failed(FailureKind::Refused), Down),
            ("refused, but a handshake passed", shaken, Unknown),
            (
                "only clients are let in",
                failed(FailureKind::Absent),
                Unknown,
            ),
            (
                "a password is asked for",
                failed(FailureKind::Unauthorized),
                Unknown,
            ),
            ("TLS fails", failed(FailureKind::Tls), Unknown),
            ("the page is late", failed(FailureKind::Timeout), Unknown),
        ];
        for (case, evidence, state) in rows {
            assert_eq!(evidence.judge(), state, "{case}");
        }
    }
}
