//! Owns S1: a source does not answer although nothing else explains it. What follows from a member
//! that is down, drained or unreachable is not reported a second time.

use super::{Finding, Severity};
use crate::model::Model;
use crate::model::inventory::Access;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::{Liveness, NodeState};
use crate::model::observation::{FailureKind, SourceId, SourceKind};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let mut by_cause: BTreeMap<Cause<'_>, Vec<(SourceKind, &str)>> = BTreeMap::new();
    for (source, status) in &model.sources {
        let Some(failure) = &status.failure else {
            continue;
        };
        if explained(model, source, failure.kind, now) {
            continue;
        }
        // A wrong password is one fault, however many sources meet it.
        let host = (failure.kind != FailureKind::Unauthorized).then_some(&source.host);
        by_cause
            .entry(Cause {
                host,
                word: failure.kind.to_string(),
            })
            .or_default()
            .push((source.kind, failure.message.as_str()));
    }
    by_cause
        .into_iter()
        .filter_map(|(cause, met)| finding(model, &cause, &met))
        .collect()
}

/// What several sources of one host have in common; without a host, of the whole cluster.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cause<'a> {
    host: Option<&'a HostName>,
    word: String,
}

fn finding(model: &Model, cause: &Cause<'_>, met: &[(SourceKind, &str)]) -> Option<Finding> {
    let kind = met.first().and_then(|(first, _)| {
        let mut all = model
            .sources
            .iter()
            .filter(|(source, _)| source.kind == *first);
        all.find_map(|(_, status)| {
            let kind = status.failure.as_ref()?.kind;
            (kind.to_string() == cause.word).then_some(kind)
        })
    })?;
    let names: BTreeSet<String> = met.iter().map(|(kind, _)| kind.to_string()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let lines: BTreeSet<String> = met
        .iter()
        .map(|(_, message)| (*message).to_owned())
        .collect();
    let (subject, title) = match cause.host {
        Some(host) => (
            host.to_string(),
            format!("{names} of {host} cannot be read"),
        ),
        None => (
            model.inventory.cluster.clone(),
            "the management API refuses the user or the password".to_owned(),
        ),
    };
    Some(
        Finding::new("S1", severity(kind), &subject, title)
            .evidence(lines)
            .causes(self::cause(kind)),
    )
}

/// Whether another finding, or the wish of the operator, already says why.
fn explained(model: &Model, source: &SourceId, kind: FailureKind, now: Moment) -> bool {
    let host = &source.host;
    let entry = model.inventory.host(host);
    // Asked only before a runbook; its check says what came out.
    if source.kind == SourceKind::QuorumCritical || source.kind.is_for_runbooks() {
        return true;
    }
    // A host that was declared without SSH is meant to be watched without it.
    if kind == FailureKind::NotConfigured && entry.is_some_and(|e| e.access == Access::None) {
        return true;
    }
    // A member that just went silent holds every answer up until the runtimes have noticed.
    let held_up = kind == FailureKind::Timeout
        && model
            .nodes(now)
            .iter()
            .any(|node| node.state == NodeState::Unreachable);
    if held_up && is_of_api(source.kind) {
        return true;
    }
    if model.liveness(host, now) == Liveness::Silent
        && model
            .inventory
            .host(host)
            .is_some_and(|entry| entry.node.is_some())
    {
        return true;
    }
    let node = model
        .inventory
        .host(host)
        .and_then(|entry| entry.node.as_ref())
        .map(|node| model.node(node, now));
    let node_explains = node.is_some_and(|node| {
        !matches!(node.state, NodeState::Running | NodeState::Unknown)
            || node.draining == Some(true)
    });
    if is_of_api(source.kind) {
        return node_explains && kind == FailureKind::Refused;
    }
    source.kind == SourceKind::Haproxy && super::balancer::tells(model, host, now)
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

fn cause(kind: FailureKind) -> Option<&'static str> {
    Some(match kind {
        FailureKind::Refused => "nothing listens there: the service or its plugin is off",
        FailureKind::Timeout => "the host or the service is too slow, or a firewall drops packets",
        FailureKind::Unreachable => "no route, or the name does not resolve",
        FailureKind::Lost => "the connection was cut",
        FailureKind::Unauthorized => "the user or the password is wrong; not asked again for now",
        FailureKind::Forbidden => "the user lacks the tag `monitoring`",
        FailureKind::Absent => "the endpoint, the program or the file does not exist there",
        FailureKind::Malformed => "something else answers on that port",
        FailureKind::HostKey => {
            "the host was reinstalled, or someone is in between: compare the key before accepting it"
        }
        FailureKind::Login => "the SSH key is not accepted there",
        FailureKind::Tls => "the certificate is not trusted, or the port does not speak TLS",
        FailureKind::Secret => "the password could not be read",
        FailureKind::Server | FailureKind::TooLarge | FailureKind::NotConfigured => return None,
    })
}
