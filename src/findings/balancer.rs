//! Owns what is wrong with a load balancer itself: H1 (it is down), H2 (it has no backend for the
//! brokers), H3 (its frontend lets no clients in), D4 (it has no server left for them).

mod cause;

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::balancer::{Backend, BalancerReport, Entrance, Frontend, Left};
use crate::model::front::BalancerState;
use crate::model::host::UnitState;
use crate::model::inventory::HostEntry;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::observation::FailureKind;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (host, _) in model.inventory.balancers() {
        let Some(report) = model.balancer(&host.name, now) else {
            findings.extend(gone(model, host, now));
            continue;
        };
        let backends = model.broker_backends(host, report);
        if backends.is_empty() {
            findings.extend(no_backend(host, report));
        }
        for backend in backends {
            findings.extend(empty(model, host, (report, backend), now));
            findings.extend(shut(host, report, backend));
        }
    }
    findings
}

/// Whether H1 already says why the statistics of `host` cannot be read.
pub(super) fn tells(model: &Model, host: &HostName, now: Moment) -> bool {
    let entry = model.inventory.host(host);
    let entry = entry.filter(|host| host.balancer.is_some());
    entry.is_some_and(|host| gone(model, host, now).is_some())
}

/// H1: down, or it hangs, or nothing listens where it should, or its host does not answer.
fn gone(model: &Model, host: &HostEntry, now: Moment) -> Option<Finding> {
    let name = &host.name;
    let failure = model.page_failure(name, now);
    let unit = model
        .service(name, now)
        .and_then(|services| services.haproxy.as_ref());
    let is_refused = failure.is_some_and(|failure| failure.kind == FailureKind::Refused);
    let vips_open = failure.and_then(|failure| failure.vips_open);
    let holds = model.holds_a_vip(name, now);
    let what = match model.balancer_state(host, now) {
        // A member's own finding says it where there is one.
        BalancerState::Unreachable if host.node.is_some() => return None,
        BalancerState::Unreachable => {
            format!("the host {name} of a load balancer does not answer")
        }
        BalancerState::Down if unit == Some(&UnitState::Activating) => {
            format!("HAProxy on {name} is starting and takes no clients yet")
        }
        BalancerState::Down if unit.is_some_and(UnitState::is_up) => format!(
            "HAProxy on {name} lets nobody in: its page and the port of its clients refuse connections"
        ),
        BalancerState::Down => format!("HAProxy is down on {name}"),
        // It may listen there only; that its page is refused is told as that.
        BalancerState::Unknown if holds && vips_open == Some(true) => return None,
        BalancerState::Unknown if is_refused && !unit.is_some_and(UnitState::is_up) => {
            format!("nothing listens on the statistics page of HAProxy on {name}; it may be down")
        }
        BalancerState::Unknown if model.balancer_hangs(name, now) => {
            format!("HAProxy hangs on {name}")
        }
        BalancerState::Up | BalancerState::Unknown => return None,
    };
    let others = model.inventory.balancers();
    let none_else = !others
        .filter(|(other, _)| other.name != *name)
        .any(|(other, _)| model.balancer_state(other, now) == BalancerState::Up);
    // Where nobody knows over which one clients come in, it may be this one.
    let has_vip = !model.inventory.vips.is_empty();
    let may_carry =
        has_vip && vips_open != Some(true) && model.carries_clients(name, now) != Some(false);
    let severity = if holds || none_else || may_carry {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let why = match (holds, none_else) {
        (true, _) => ", which holds the VIP",
        (false, true) => ", and no other load balancer is up",
        (false, false) if vips_open == Some(false) => ", and the VIP lets no clients in",
        (false, false) => "",
    };
    let finding = Finding::new("H1", severity, name, format!("{what}{why}"))
        .evidence(unit.map(|unit| format!("systemd says {}", unit.word())))
        .evidence(failure.map(ToString::to_string));
    Some(explained(model, name, (finding, unit), now))
}

/// H1 with its cause, or what to look at next.
fn explained(
    model: &Model,
    name: &HostName,
    (finding, unit): (Finding, Option<&UnitState>),
    now: Moment,
) -> Finding {
    match unit {
        Some(UnitState::Failed) => finding.causes(["the service failed: its log says why"]),
        Some(UnitState::Inactive) => finding.causes(["the service was stopped"]),
        _ if model.balancer_hangs(name, now) => finding.causes([
            "its process is stopped or overloaded",
            "next: the state of its process and its log, on its host",
        ]),
        Some(unit) if unit.is_up() => finding.evidence([format!(
            "cause not known; check next: whether HAProxy on {name} is stopping, or listens elsewhere"
        )]),
        _ => finding,
    }
}

/// H2: nothing that balances the brokers; critical where what there is has no server left. That
/// there is nothing at all may be the page's own choice (`stats scope`).
fn no_backend(host: &HostEntry, report: &BalancerReport) -> Option<Finding> {
    let name = &host.name;
    let declared = host
        .balancer
        .as_ref()
        .and_then(|entry| entry.backend.as_deref());
    // It may stand on a line that could not be read.
    if report.may_lack_servers(declared.unwrap_or_default()) {
        return None;
    }
    let others = report.backends.iter().filter(|backend| !backend.is_http());
    let left: Vec<Left> = others.clone().map(|each| report.left(each)).collect();
    let severity = if left.is_empty() || left.contains(&Left::Some) {
        Severity::Warning
    } else {
        Severity::Critical
    };
    let wanted = declared.unwrap_or("with servers that match the nodes");
    let title = format!("HAProxy on {name} has no backend {wanted}");
    let known = if report.backends.is_empty() {
        "it has no backend at all".to_owned()
    } else {
        format!(
            "its backends: {}",
            listed(report.backends.iter().map(|b| &b.name))
        )
    };
    let finding = Finding::new("H2", severity, name, title).evidence([known]);
    let names: Vec<&str> = others.map(|backend| backend.name.as_str()).collect();
    Some(match (declared, names.as_slice()) {
        (Some(_), [_, ..]) => finding.causes([format!(
            "`backend` in the configuration names another proxy than {}; or that proxy is `disabled`",
            listed(&names)
        )]),
        (Some(_), []) => finding.evidence([format!(
            "cause not known; check next: whether haproxy.cfg on {name} has it, enabled, and whether \
             its page hides it (`stats scope`)"
        )]),
        (None, _) => finding,
    })
}

/// H3: clients come in by no frontend, or by fewer than there are.
fn shut(host: &HostEntry, report: &BalancerReport, backend: &Backend) -> Vec<Finding> {
    let entrances = report.entrances(backend.name.raw());
    let any_open = entrances
        .iter()
        .any(|each| each.entrance() == Entrance::Open);
    let finding = |frontend: &&Frontend| {
        let (name, on) = (&frontend.name, &host.name);
        let count = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
        let sessions = format!(
            "{} of {} sessions",
            count(frontend.sessions),
            count(frontend.session_limit)
        );
        let (title, cause) = match frontend.entrance() {
            Entrance::Open => return None,
            Entrance::Closed => (
                format!(
                    "HAProxy on {on} lets no clients in at {name}: it is {}",
                    frontend.status
                ),
                Some(cause::of_closed(report, frontend)),
            ),
            Entrance::Full => (
                format!("HAProxy on {on} is full at {name}: {sessions}; new clients wait"),
                Some("more clients than its `maxconn` allows".to_owned()),
            ),
            Entrance::Unknown => (
                format!(
                    "whether HAProxy on {on} lets clients in at {name} is not known: it says {}",
                    frontend.status
                ),
                None,
            ),
        };
        let severity = match (frontend.entrance(), any_open) {
            (Entrance::Unknown, _) => Severity::Unknown,
            (_, true) => Severity::Warning,
            // A VIP stays on a HAProxy that runs, whether it lets clients in or not.
            (_, false) => Severity::Critical,
        };
        let subject = format!("{on}/{name}");
        Some(Finding::new("H3", severity, &subject, title).causes(cause))
    };
    entrances.iter().filter_map(finding).collect()
}

/// What is said where only names speak for it that a backend is the brokers'.
pub(super) fn guess(backend: &Backend) -> String {
    format!(
        "{} is matched to the nodes by the names of its servers only; `backend` in the \
         configuration settles it",
        backend.name
    )
}

/// What D4 calls a backend: where there is one of the brokers, by its load balancer.
fn subject_of(
    model: &Model,
    host: &HostEntry,
    (report, backend): (&BalancerReport, &Backend),
) -> String {
    if model.broker_backends(host, report).len() > 1 {
        format!("{}/{}", host.name, backend.name)
    } else {
        host.name.to_string()
    }
}

/// The subject of the D4 that says that this backend of `on` has no server left.
pub(super) fn emptied(
    model: &Model,
    (on, backend): (&HostName, &Backend),
    now: Moment,
) -> Option<String> {
    let host = model.inventory.host(on)?;
    let report = model.balancer(on, now)?;
    (report.left(backend) == Left::None).then(|| subject_of(model, host, (report, backend)))
}

/// D4: HAProxy's own verdict on its backend.
fn empty(
    model: &Model,
    host: &HostEntry,
    (report, backend): (&BalancerReport, &Backend),
    now: Moment,
) -> Option<Finding> {
    let (on, name) = (&host.name, &backend.name);
    let all_read = !report.may_lack_servers(name.raw());
    let (severity, title) = match report.left(backend) {
        Left::Some => return None,
        Left::None if backend.servers.is_empty() && all_read => (
            Severity::Critical,
            format!("backend {name} of HAProxy on {on} has no server: clients are turned away"),
        ),
        Left::None => (
            Severity::Critical,
            format!("HAProxy on {on} has no server left for {name}: clients are turned away"),
        ),
        Left::Unknown => (
            Severity::Unknown,
            format!("whether HAProxy on {on} has a server left for {name} is not known"),
        ),
    };
    let own = [
        (!backend.status.is_empty()).then(|| format!("BACKEND says {}", backend.status)),
        backend.active.map(|n| format!("act {n}")),
        backend.backup.map(|n| format!("bck {n}")),
        backend.weight.map(|n| format!("weight {n}")),
    ];
    let own: Vec<String> = own.into_iter().flatten().collect();
    let lines = backend.servers.iter().map(|server| {
        let by = server.kept_out_by();
        let by = by.map_or_else(String::new, |by| format!(", {by}"));
        format!("{} is {}{by}", server.name, server.state())
    });
    let subject = subject_of(model, host, (report, backend));
    let away = backend.servers.iter().all(|server| {
        let behind = model.member_behind(on, server);
        behind.is_some_and(|(node, _)| model.node(node, now).state.is_away())
    });
    let finding = Finding::new("D4", severity, &subject, title);
    let finding = if away && !backend.servers.is_empty() {
        finding.follows("N5", &model.inventory.cluster)
    } else {
        finding
    };
    let finding = finding
        .evidence(lines)
        .evidence((!own.is_empty()).then(|| own.join(", ")))
        .evidence(model.is_guessed(on, backend).then(|| guess(backend)));
    let causes = cause::of_none_left(model, host, backend, now);
    Some(if causes.is_empty() && severity == Severity::Critical {
        finding.evidence([format!(
            "cause not known; check next: connect from {on} to the addresses of its servers"
        )])
    } else {
        finding.causes(causes)
    })
}
