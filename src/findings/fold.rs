//! Owns what stands where: a cause above its consequences, and the worst cause first. A consequence
//! stands right below its cause and keeps its severity out of the count.

use super::{Finding, Root, Severity, partition};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::Ground;
use std::collections::{BTreeMap, BTreeSet};

/// Partition, majority, backend, server: consequences lie no deeper.
const LEVELS: usize = 3;

/// Puts every finding in its place.
pub(super) fn fold(model: &Model, mut findings: Vec<Finding>, now: Moment) -> Vec<Finding> {
    let torn = partition::torn(model, now);
    let apart = partition::root(model, now);
    let with_severity = |finding: &Finding| (root_of(finding), finding.severity);
    let roots: BTreeMap<Root, Severity> = findings.iter().map(with_severity).collect();
    for finding in &mut findings {
        let own = root_of(finding);
        let about = member_of(model, finding);
        let by_partition = apart.clone().filter(|apart| {
            *apart != own
                && matches!(
                    finding.id.as_str(),
                    "D1" | "D2" | "D3" | "S2" | "S1" | "N1" | "N5" | "Q1" | "Q2"
                )
                && follows_partition(model, finding, (about.as_ref(), &torn), now)
        });
        let by_server = about.filter(|_| is_of_server(finding));
        let named = finding.consequence_of.take();
        let subject = named.as_ref().map(|root| root.subject.clone());
        let member = by_server.map(|node| node.to_string()).or(subject);
        let by_member = member.map(|subject| {
            ["N1", "N2", "N4"].map(|id| Root {
                id: id.to_owned(),
                subject: subject.clone(),
            })
        });
        let mut causes = by_partition
            .into_iter()
            .chain(by_member.into_iter().flatten())
            .chain(named);
        // What clients lose with queues is never folded into what is told as less bad; a partition
        // becomes as bad as that.
        let least = if is_of_queues(finding) {
            finding.severity
        } else {
            Severity::Info
        };
        let is_told = |root: &Root| {
            let told = roots.get(root);
            told.is_some_and(|severity| *severity >= least || apart.as_ref() == Some(root))
        };
        finding.consequence_of = causes.find(|root| is_told(root) && *root != own);
    }
    settle(&mut findings, apart.as_ref());
    in_order(findings, apart.as_ref())
}

fn root_of(finding: &Finding) -> Root {
    Root {
        id: finding.id.clone(),
        subject: finding.subject.clone(),
    }
}

fn is_of_server(finding: &Finding) -> bool {
    matches!(finding.id.as_str(), "D1" | "D2" | "D3" | "S2")
}

fn is_of_queues(finding: &Finding) -> bool {
    matches!(finding.id.as_str(), "Q1" | "Q2")
}

/// The member that a finding is about: by name, by host, or behind the server of that name.
fn member_of(model: &Model, finding: &Finding) -> Option<NodeName> {
    if is_of_server(finding) {
        let (backend, name) = match finding.subject.split_once('/') {
            Some((backend, name)) => (Some(backend), name),
            None => (None, finding.subject.as_str()),
        };
        return model.inventory.balancers().find_map(|(host, _)| {
            let report = model.balancers.get(&host.name)?.last()?;
            let backends = model.broker_backends(host, report).into_iter();
            let mut servers = backends
                .filter(|known| backend.is_none_or(|wanted| known.name.raw() == wanted))
                .flat_map(|known| &known.servers);
            let server = servers.find(|server| server.name.raw() == name)?;
            let (node, _) = model.member_behind(&host.name, server)?;
            Some(node.clone())
        });
    }
    let by_host = model.inventory.nodes().find(|(host, node)| {
        node.as_str() == finding.subject || host.name.as_str() == finding.subject
    });
    by_host.map(|(_, node)| node.clone())
}

/// Between the sides everything may fail; a fault of one host alone is its own, and so is that of a
/// member of which more is known than what its peers say. Of the sources only the broker's own
/// silence follows.
fn follows_partition(
    model: &Model,
    finding: &Finding,
    (about, torn): (Option<&NodeName>, &BTreeSet<NodeName>),
    now: Moment,
) -> bool {
    match finding.id.as_str() {
        "N5" => model.members().iter().all(|node| torn.contains(node)),
        // With pause_minority a member stops its app by itself.
        "N1" => about.is_some_and(|node| {
            let ground = model.node(node, now).ground;
            let by_peers = matches!(ground, Ground::PeersAlone | Ground::Disputed);
            torn.contains(node) && (by_peers || ground == Ground::AppStopped)
        }),
        "S1" => finding.consequence_of.is_some() && about.is_some_and(|node| torn.contains(node)),
        _ => about.is_some_and(|node| torn.contains(node)),
    }
}

/// What follows from a consequence follows from its cause.
fn settle(findings: &mut [Finding], apart: Option<&Root>) {
    let causes: BTreeMap<Root, Root> = findings
        .iter()
        .filter_map(|finding| Some((root_of(finding), finding.consequence_of.clone()?)))
        .collect();
    for finding in &mut *findings {
        // A cluster may be called like one of its hosts: never in a circle.
        for _level in 0..LEVELS {
            let root = finding.consequence_of.as_ref();
            if let Some(above) = root.and_then(|root| causes.get(root)) {
                finding.consequence_of = Some(above.clone());
            }
        }
    }
    let follows: BTreeSet<Root> = findings
        .iter()
        .filter(|finding| finding.consequence_of.is_some())
        .map(root_of)
        .collect();
    let mut below: BTreeMap<Root, (BTreeSet<String>, Severity)> = BTreeMap::new();
    for finding in &mut *findings {
        let root = finding.consequence_of.as_ref();
        if root.is_some_and(|root| follows.contains(root)) {
            finding.consequence_of = None;
        }
        if let Some(root) = &finding.consequence_of {
            let first = (BTreeSet::new(), Severity::Info);
            let (ids, worst) = below.entry(root.clone()).or_insert(first);
            ids.insert(finding.id.clone());
            *worst = finding.severity.max(*worst);
        }
    }
    for finding in findings {
        let Some((ids, worst)) = below.remove(&root_of(finding)) else {
            continue;
        };
        finding.consequences = ids.into_iter().collect();
        // A partition is as bad as what clients lose by it.
        if apart == Some(&root_of(finding)) {
            finding.severity = finding.severity.max(worst);
        }
    }
}

/// The cluster as a whole comes before its members: partition, then majority, then the others.
fn rank(finding: &Finding, apart: Option<&Root>) -> u8 {
    match finding.id.as_str() {
        _ if apart == Some(&root_of(finding)) => 0,
        "N5" => 1,
        _ => 2,
    }
}

fn in_order(findings: Vec<Finding>, apart: Option<&Root>) -> Vec<Finding> {
    let (mut below, mut roots): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|finding| finding.consequence_of.is_some());
    let by_weight = |a: &Finding, b: &Finding| {
        let key = |finding: &Finding| (finding.id.clone(), finding.subject.clone());
        b.severity
            .cmp(&a.severity)
            .then_with(|| rank(a, apart).cmp(&rank(b, apart)))
            .then_with(|| key(a).cmp(&key(b)))
    };
    roots.sort_by(by_weight);
    below.sort_by(by_weight);
    let mut all = Vec::new();
    for root in roots {
        let own = root_of(&root);
        all.push(root);
        let (its, rest) = below
            .into_iter()
            .partition(|finding: &Finding| finding.consequence_of.as_ref() == Some(&own));
        below = rest;
        all.extend::<Vec<Finding>>(its);
    }
    all
}
