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
use std::net::IpAddr;

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

/// Where a VIP is, as seen from the host of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vip {
    /// The host holds one.
    Here,
    /// It holds none.
    Elsewhere,
    /// There is none, or it is not known.
    Unknown,
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
    vip: Vip,
    /// Whether every VIP let clients in when the page was refused.
    vips_open: Option<bool>,
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
            (_, Some(Kind::Refused)) if self.may_serve_at_vip() => BalancerState::Unknown,
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

    /// Whether it may listen at a VIP only, so that a refusal at its own address says nothing.
    fn may_serve_at_vip(&self) -> bool {
        match self.vip {
            Vip::Here | Vip::Unknown => self.vips_open == Some(true),
            Vip::Elsewhere => self.unit.is_some_and(UnitState::is_up),
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
        let sign = if self.balancer(name, now).is_some() {
            Sign::Statistics
        } else if self.liveness(name, now) == Liveness::Silent {
            Sign::Silence
        } else {
            Sign::None
        };
        let failure = self.page_failure(name, now);
        let evidence = Evidence {
            sign,
            unit: self
                .service(name, now)
                .and_then(|services| services.haproxy.as_ref()),
            failed: failure.map(|failure| failure.kind),
            vip: self.vip_seen_from(name, now),
            vips_open: failure.and_then(|failure| failure.vips_open),
            clients: match self.passed_at(name, now) {
                Some(_) => ClientPort::Serves,
                None if has_page && self.inventory.amqp_port.is_some() => ClientPort::Tried,
                None => ClientPort::Untried,
            },
        };
        evidence.judge()
    }

    fn vip_seen_from(&self, host: &HostName, now: Moment) -> Vip {
        let vips = &self.inventory.vips;
        match self.address(host, now) {
            Some(report) if vips.iter().any(|vip| report.usable(*vip).is_some()) => Vip::Here,
            Some(_) if !vips.is_empty() => Vip::Elsewhere,
            Some(_) | None => Vip::Unknown,
        }
    }

    /// Whether HAProxy runs on `host`: as it is judged, and by its service where that leaves it
    /// open; `None` where neither tells.
    pub fn haproxy_runs(&self, host: &HostName, now: Moment) -> Option<bool> {
        match self.balancer_state(self.inventory.host(host)?, now) {
            BalancerState::Up => Some(true),
            BalancerState::Down => Some(false),
            BalancerState::Unreachable => None,
            BalancerState::Unknown => {
                let unit = self.service(host, now)?.haproxy.as_ref();
                unit.is_some_and(UnitState::is_up).then_some(true)
            }
        }
    }

    /// Why the statistics of the load balancer on `host` cannot be read now.
    pub fn page_failure(&self, host: &HostName, now: Moment) -> Option<&SourceFailure> {
        let id = SourceId::new(SourceKind::Haproxy, host.clone());
        let status = self.sources.get(&id)?;
        let limit = super::freshness_limit(SourceKind::Haproxy);
        let is_recent = now.since(status.attempted_at) <= limit;
        status.failure.as_ref().filter(|_| is_recent)
    }

    /// Whether the HAProxy on `host` accepts connections and has said nothing for long, to its
    /// clients neither.
    pub fn balancer_hangs(&self, host: &HostName, now: Moment) -> bool {
        let id = SourceId::new(SourceKind::Haproxy, host.clone());
        let Some(since) = self.sources.get(&id).and_then(|status| status.mute_since) else {
            return false;
        };
        let serves = self.served_at(host, now) >= Some(since);
        let is_mute = now.since(since) >= super::HUNG;
        is_mute && !serves && self.page_failure(host, now).is_some()
    }

    /// When an AMQP handshake last passed the load balancer on `host`, at its own address or at a
    /// VIP that it holds; `None` where that is not so now.
    fn served_at(&self, host: &HostName, now: Moment) -> Option<Moment> {
        let report = self.address(host, now);
        let holds = |vip: &&IpAddr| report.is_some_and(|it| it.usable(**vip).is_some());
        let held = self.inventory.vips.iter().filter(holds);
        let at_vips = held.filter_map(|vip| self.vip_served_at(*vip, now));
        at_vips.chain(self.passed_at(host, now)).max()
    }

    /// When an AMQP handshake last passed through a VIP; one from before its holders last changed
    /// says nothing of what came after.
    pub fn vip_served_at(&self, address: IpAddr, now: Moment) -> Option<Moment> {
        let at = self.passed_at(&self.inventory.canary_of(address)?, now)?;
        (Some(at) >= self.holders_changed(address)).then_some(at)
    }

    fn passed_at(&self, target: &HostName, now: Moment) -> Option<Moment> {
        let reading = self.canaries.get(target)?;
        reading.current(now, super::freshness_limit(SourceKind::Canary))?;
        reading.seen_at()
    }

    /// Whether clients come in over the load balancer on `host`: by who holds the VIPs, and without
    /// any over each; where that is not known, by whether the VIPs let clients in, and by who has
    /// sessions. `None` if none of them tells.
    pub fn carries_clients(&self, host: &HostName, now: Moment) -> Option<bool> {
        let vips = self.vips(now);
        if vips.is_empty() {
            return Some(true);
        }
        if vips.iter().any(|vip| vip.is_held_on(host, &self.inventory)) {
            return Some(true);
        }
        if vips.iter().all(|vip| !vip.holders.is_empty()) {
            return Some(false);
        }
        // Nobody tells who holds them: what clients meet there decides. It may listen there only.
        let failure = self.page_failure(host, now);
        match failure.and_then(|failure| failure.vips_open) {
            Some(true) => {
                let entry = self.inventory.host(host)?;
                let is_down = self.balancer_state(entry, now) == BalancerState::Down;
                return is_down.then_some(false);
            }
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
            Some(0) if others => Some(false),
            // Of several VIPs it may hold another than those by which the others have theirs.
            None if others && vips.len() == 1 => Some(false),
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
    use super::{BalancerState, ClientPort, Evidence, Sign, Vip};
    use crate::model::host::UnitState;
    use crate::model::observation::FailureKind;

    const NONE: Evidence<'_> = Evidence {
        sign: Sign::None,
        unit: None,
        failed: None,
        clients: ClientPort::Untried,
        vip: Vip::Unknown,
        vips_open: None,
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
    /// `bind <VIP>:5671` refuses at the host's own address, and serves.
    #[test]
    fn the_table_of_a_load_balancer_that_may_listen_at_the_vip_only() {
        use BalancerState::{Down, Unknown};
        let active = Some(&UnitState::Active);
        let rows = [
            ("holder, open", Vip::Here, Some(true), active, Unknown),
            (
                "holder, open, no word",
                Vip::Here,
                Some(true),
                None,
                Unknown,
            ),
            ("holder, shut", Vip::Here, Some(false), active, Down),
            ("standby", Vip::Elsewhere, Some(true), active, Unknown),
            (
                "standby, shut",
                Vip::Elsewhere,
                Some(false),
                active,
                Unknown,
            ),
            (
                "standby, stopped",
                Vip::Elsewhere,
                Some(true),
                Some(&UnitState::Inactive),
                Down,
            ),
            (
                "holder, failed",
                Vip::Here,
                Some(true),
                Some(&UnitState::Failed),
                Down,
            ),
            (
                "who holds it is not known",
                Vip::Unknown,
                Some(true),
                None,
                Unknown,
            ),
            ("no VIP", Vip::Unknown, None, active, Down),
        ];
        for (case, vip, vips_open, unit, state) in rows {
            let evidence = Evidence {
                unit,
                vip,
                vips_open,
                ..failed(FailureKind::Refused)
            };
            assert_eq!(evidence.judge(), state, "{case}");
        }
    }
}
