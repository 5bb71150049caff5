//! Owns S1: a source does not answer. Names the system that does not; what follows from a member's
//! own state stands under that, and what the operator wished for is not reported at all.

use super::{Finding, Severity};
use crate::model::Model;
use crate::model::inventory::Access;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::{Liveness, NodeState};
use crate::model::observation::{FailureKind, SourceId, SourceKind};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let mut by_cause: BTreeMap<Cause<'_>, Vec<(SourceKind, &str)>> = BTreeMap::new();
    for (source, status) in &model.sources {
        let Some(failure) = &status.failure else {
            continue;
        };
        let root = match explanation(model, source, failure.kind, now) {
            Explanation::Wished => continue,
            Explanation::Finding(id, subject) => Some((id, subject)),
            Explanation::Nothing => None,
        };
        let system = System::of(source.kind);
        // A wrong password or a missing tag is one fault, however many nodes and sources meet it.
        let shared = system == System::Api && is_of_login(failure.kind) && root.is_none();
        let cause = Cause {
            system,
            host: (!shared).then_some(&source.host),
            kind: failure.kind,
            root,
        };
        let met = (source.kind, failure.message.as_str());
        by_cause.entry(cause).or_default().push(met);
    }
    let found = by_cause.into_iter();
    found
        .map(|(cause, met)| finding(model, &cause, &met))
        .collect()
}

/// Who does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum System {
    /// A node's management API.
    Api,
    /// HAProxy's statistics.
    Haproxy,
    /// A host, over SSH.
    Host,
    /// An AMQP handshake.
    Amqp,
}

impl System {
    fn of(kind: SourceKind) -> Self {
        if kind == SourceKind::Haproxy {
            Self::Haproxy
        } else if kind == SourceKind::Canary {
            Self::Amqp
        } else if is_of_api(kind) {
            Self::Api
        } else {
            Self::Host
        }
    }
}

/// What several sources have in common; without a host, of the whole cluster.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cause<'a> {
    system: System,
    host: Option<&'a HostName>,
    kind: FailureKind,
    /// Rule and subject of the finding that explains it.
    root: Option<(&'static str, String)>,
}

fn is_of_login(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Unauthorized | FailureKind::Forbidden)
}

fn finding(model: &Model, cause: &Cause<'_>, met: &[(SourceKind, &str)]) -> Finding {
    let lines: BTreeSet<String> = met
        .iter()
        .map(|(_, message)| (*message).to_owned())
        .collect();
    let subject = cause
        .host
        .map_or_else(|| model.inventory.cluster.clone(), ToString::to_string);
    let finding = Finding::new("S1", severity(cause.kind), &subject, title(cause, met))
        .evidence(lines)
        .causes(self::cause(cause.system, cause.kind));
    match &cause.root {
        Some((id, subject)) => finding.follows(id, subject),
        None => finding,
    }
}

/// Names the system, and what it does where that is known.
fn title(cause: &Cause<'_>, met: &[(SourceKind, &str)]) -> String {
    let system = match (cause.system, cause.host) {
        (System::Api, None) => "the management API".to_owned(),
        (System::Api, Some(host)) => format!("the management API of {host}"),
        (System::Haproxy, host) => {
            let host = host.map_or_else(String::new, |host| format!(" on {host}"));
            format!("the statistics page of HAProxy{host}")
        }
        (System::Amqp, host) => {
            let host = host.map_or_else(String::new, |host| format!(" through {host}"));
            format!("the AMQP handshake{host}")
        }
        (System::Host, host) => {
            let host = host.map_or_else(String::new, |host| format!(" of {host}"));
            return format!("{}{host} cannot be read", names(met));
        }
    };
    let of_all = |(kind, _): &(SourceKind, &str)| *kind != SourceKind::Management;
    if cause.system == System::Api && !is_of_login(cause.kind) && met.iter().all(of_all) {
        // It answers; what it must ask all members for is late or fails.
        let host = cause
            .host
            .map_or_else(String::new, |host| format!(" from {host}"));
        return format!("{} cannot be read{host}", names(met));
    }
    let own = [
        (
            FailureKind::Unauthorized,
            "refuses the user or the password",
        ),
        (FailureKind::Forbidden, "lets this user see too little"),
        (FailureKind::Mute, "accepts connections and says nothing"),
        (
            FailureKind::Refused,
            "cannot be read: nothing listens there",
        ),
    ];
    let is_amqp = cause.system == System::Amqp;
    match own.iter().find(|(kind, _)| *kind == cause.kind && !is_amqp) {
        Some((_, does)) => format!("{system} {does}"),
        None if cause.kind == FailureKind::Tls => format!("TLS to {system} fails"),
        None if is_amqp => format!("{system} fails"),
        None => format!("{system} cannot be read"),
    }
}

/// What is not known, in words.
fn names(met: &[(SourceKind, &str)]) -> String {
    let names: BTreeSet<String> = met
        .iter()
        .map(|(kind, _)| kind.to_string().replace('_', " "))
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// What says why a source fails.
enum Explanation {
    /// The operator wished for it, or its check says what came out.
    Wished,
    /// What is found on this subject by this rule.
    Finding(&'static str, String),
    /// Nothing.
    Nothing,
}

fn explanation(model: &Model, source: &SourceId, kind: FailureKind, now: Moment) -> Explanation {
    let host = &source.host;
    let entry = model.inventory.host(host);
    let is_unwished = kind == FailureKind::NotConfigured
        && entry.is_some_and(|entry| entry.access == Access::None);
    let is_late = source.kind == SourceKind::QuorumCritical || source.kind.is_for_runbooks();
    let is_told = source.kind == SourceKind::Haproxy && super::balancer::tells(model, host, now);
    if is_unwished || is_late || is_told {
        return Explanation::Wished;
    }
    let node = entry.and_then(|entry| entry.node.as_ref());
    if let Some(node) = node {
        let view = model.node(node, now);
        let silent = model.liveness(host, now) == Liveness::Silent;
        let api = is_of_api(source.kind) && !(is_of_login(kind) && view.member != Some(false));
        let away = view.state != NodeState::Running || view.draining == Some(true);
        let stranger = view.member == Some(false);
        if (silent && view.state != NodeState::Running) || (api && (away || stranger)) {
            return of_member(node);
        }
    }
    let is_silent = model.liveness(host, now) == Liveness::Silent;
    if is_silent && super::balancer::tells(model, host, now) {
        return Explanation::Finding("H1", host.to_string());
    }
    // Who just went silent holds every answer up until the other runtimes have noticed.
    let holds_up = |state| matches!(state, NodeState::Unreachable | NodeState::Hung);
    let holder = model
        .nodes(now)
        .into_iter()
        .find(|node| holds_up(node.state));
    match holder {
        Some(node) if is_of_api(source.kind) && kind.is_silence() => of_member(&node.name),
        _ => Explanation::Nothing,
    }
}

fn of_member(node: &NodeName) -> Explanation {
    Explanation::Finding("N1", node.to_string())
}

/// Asked of a node's management API.
fn is_of_api(kind: SourceKind) -> bool {
    matches!(
        kind,
        SourceKind::Management
            | SourceKind::Totals
            | SourceKind::MetadataStore
            | SourceKind::Alarms
            | SourceKind::Queues
            | SourceKind::Policies
    )
}

fn severity(kind: FailureKind) -> Severity {
    if kind == FailureKind::HostKey {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

fn cause(system: System, kind: FailureKind) -> Option<&'static str> {
    Some(match kind {
        FailureKind::Refused if system == System::Api => {
            "the plugin rabbitmq_management is off there, or listens on another port"
        }
        FailureKind::Refused => "nothing listens there",
        FailureKind::Timeout => "the host is too slow, or a firewall drops packets",
        FailureKind::Mute => "it is overloaded, or hangs",
        FailureKind::HeldUp => {
            "a member says nothing, and the others wait for it until they give it up (net_ticktime)"
        }
        FailureKind::Unreachable => "no route, or the name does not resolve",
        FailureKind::Lost => "the connection was cut",
        FailureKind::Unauthorized => "the user or the password is wrong; not asked again for now",
        FailureKind::Forbidden if system == System::Api => "the user lacks the tag `monitoring`",
        FailureKind::Forbidden => "the user may not see it",
        FailureKind::Absent => "the endpoint, the program or the file does not exist there",
        FailureKind::Malformed => "something else answers on that port",
        FailureKind::HostKey => {
            "the host was reinstalled, or someone is in between: compare the key before accepting it"
        }
        FailureKind::Login => "the SSH key is not accepted there",
        FailureKind::Tls => {
            "the certificate is not trusted (`ca_file` names a private authority), or the port does not speak TLS"
        }
        FailureKind::Secret => "the password could not be read",
        FailureKind::Server
        | FailureKind::TooLarge
        | FailureKind::NotConfigured
        | FailureKind::Local => return None,
    })
}
