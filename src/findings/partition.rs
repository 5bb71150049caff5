//! Owns N3 (the brokers report a partition, Mnesia until 4.2) and D16 (their views disagree, which
//! is the only detector left from 4.3): members that run and do not see each other, with the sides.

use super::{Finding, Root, Severity, listed};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use std::collections::BTreeSet;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    if let Some(reported) = reported(model, now) {
        // Where the brokers say so themselves, their views disagree as a matter of course.
        return vec![reported];
    }
    let pairs = denials(model, now);
    if pairs.is_empty() {
        doubts(model, now)
    } else {
        vec![apart(model, &pairs, now)]
    }
}

/// The finding that is a partition of the cluster, and no doubt about one member; none without one.
pub(super) fn root(model: &Model, now: Moment) -> Option<Root> {
    let id = if !reports(model, now).is_empty() {
        "N3"
    } else if !denials(model, now).is_empty() {
        "D16"
    } else {
        return None;
    };
    Some(Root {
        id: id.to_owned(),
        subject: model.inventory.cluster.clone(),
    })
}

/// The members on either side of a partition; none without one.
pub(super) fn torn(model: &Model, now: Moment) -> BTreeSet<NodeName> {
    let mut pairs = reports(model, now);
    pairs.extend(denials(model, now));
    pairs.into_iter().flat_map(|(a, b)| [a, b]).collect()
}

/// Who says that it was cut off from whom.
fn reports(model: &Model, now: Moment) -> BTreeSet<(NodeName, NodeName)> {
    let views = model
        .member_views(now)
        .flat_map(|(_, report)| &report.nodes);
    views
        .flat_map(|row| {
            let from = row.partitions.iter().cloned();
            from.map(|other| (row.name.clone(), other))
        })
        .collect()
}

/// Who says of whom that it does not run, though that one answers itself and says that it does. A
/// member that answers nothing here may be dead, and its peers notice that one after the other.
fn denials(model: &Model, now: Moment) -> BTreeSet<(NodeName, NodeName)> {
    let mut pairs = BTreeSet::new();
    for name in model.members() {
        if !model.is_disputed(&name, now) || !says_of_itself(model, &name, now) {
            continue;
        }
        for (host, report) in model.views_on(&name, now) {
            let by = model
                .inventory
                .host(host)
                .and_then(|host| host.node.as_ref());
            let denied = report.node(&name).and_then(|row| row.running) == Some(false);
            if let Some(by) = by.filter(|by| denied && **by != name) {
                pairs.insert((by.clone(), name.clone()));
            }
        }
    }
    pairs
}

fn says_of_itself(model: &Model, name: &NodeName, now: Moment) -> bool {
    let own = model
        .inventory
        .host_of(name)
        .and_then(|host| model.broker(&host.name, now));
    let row = own.and_then(|report| report.node(name));
    row.and_then(|row| row.running) == Some(true)
}

/// One finding for the whole cluster: a partition has sides, and all of them report it.
fn reported(model: &Model, now: Moment) -> Option<Finding> {
    let pairs = reports(model, now);
    if pairs.is_empty() {
        return None;
    }
    let lines = model.member_views(now).flat_map(|(host, report)| {
        let rows = report.nodes.iter().filter(|row| !row.partitions.is_empty());
        rows.map(move |row| {
            let whom = listed(&row.partitions);
            format!("by {host}: {} is cut off from {whom}", row.name)
        })
    });
    let finding = found("N3", Severity::Critical, model, &pairs).evidence(lines);
    let again = "next: choose the side to keep, and restart the members of the other";
    Some(if !denials(model, now).is_empty() {
        finding.causes(["the network between the sides is cut, longer than net_ticktime"])
    } else if pairs.iter().all(|(a, b)| meet(model, (a, b), now)) {
        finding.causes([
            "they see each other again, but what each side did alone was never brought together",
            again,
        ])
    } else {
        finding.causes([again])
    })
}

/// Whether one of two members sees the other run, by its own current word.
fn meet(model: &Model, (a, b): (&NodeName, &NodeName), now: Moment) -> bool {
    let sees = |one: &NodeName, other: &NodeName| {
        let host = model.inventory.host_of(one)?;
        model.broker(&host.name, now)?.node(other)?.running
    };
    sees(a, b) == Some(true) || sees(b, a) == Some(true)
}

fn apart(model: &Model, pairs: &BTreeSet<(NodeName, NodeName)>, now: Moment) -> Finding {
    let lasting = pairs.iter().any(|(_, name)| model.is_settled(name, now));
    let severity = if lasting {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let lines = pairs.iter().map(|(by, name)| {
        format!("{by} says that {name} does not run; {name} itself says running")
    });
    let since = pairs
        .iter()
        .filter_map(|(_, name)| model.disagreements.get(name))
        .min();
    let age = since.map_or(0, |since| now.since(*since).as_secs());
    let finding = found("D16", severity, model, pairs)
        .evidence(lines)
        .evidence((age > 0).then(|| format!("for {age} s")));
    if lasting {
        finding.causes(["the network between the sides is cut, longer than net_ticktime"])
    } else {
        finding.causes(["seen at one look only: a member may be starting or stopping right now"])
    }
}

fn found(
    id: &str,
    severity: Severity,
    model: &Model,
    pairs: &BTreeSet<(NodeName, NodeName)>,
) -> Finding {
    let title = format!("network partition: {}", sides(model, pairs));
    Finding::new(id, severity, &model.inventory.cluster, title)
}

/// `a and b on one side, c on the other`; where that is not so clear, who does not see whom.
fn sides(model: &Model, pairs: &BTreeSet<(NodeName, NodeName)>) -> String {
    let torn: BTreeSet<&NodeName> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
    let meets = |a: &NodeName, b: &NodeName| {
        let apart = |x: &NodeName, y: &NodeName| pairs.contains(&(x.clone(), y.clone()));
        !apart(a, b) && !apart(b, a)
    };
    let mut sides: Vec<Vec<NodeName>> = Vec::new();
    let members = model.members();
    for name in members.iter().filter(|name| torn.contains(name)) {
        let fits = |side: &&mut Vec<NodeName>| side.iter().all(|other| meets(other, name));
        match sides.iter_mut().find(fits) {
            Some(side) => side.push(name.clone()),
            None => sides.push(vec![name.clone()]),
        }
    }
    // Members of one side that meet one of another as well: only some links are cut.
    let crossed = sides.iter().enumerate().any(|(at, side)| {
        let others = sides.iter().skip(at + 1).flatten();
        let mut links = others.flat_map(|other| side.iter().map(move |one| (one, other)));
        links.any(|(one, other)| meets(one, other))
    });
    match sides.as_slice() {
        _ if crossed => {
            let cut: BTreeSet<(&NodeName, &NodeName)> = pairs
                .iter()
                .map(|(a, b)| if a < b { (a, b) } else { (b, a) })
                .collect();
            let cut = cut.iter().map(|(a, b)| format!("{a} and {b}"));
            format!("{} do not see each other", listed(cut))
        }
        [one, other] => format!(
            "{} on one side, {} on the other",
            listed(one),
            listed(other)
        ),
        many => many.iter().map(listed).collect::<Vec<_>>().join(" | "),
    }
}

/// Peers that disagree on a member which does not speak for itself: it may be dying.
fn doubts(model: &Model, now: Moment) -> Vec<Finding> {
    model
        .members()
        .iter()
        .filter(|name| model.is_disputed(name, now))
        .filter_map(|name| {
            let since = *model.disagreements.get(name)?;
            let says: Vec<String> = model
                .views_on(name, now)
                .filter_map(|(host, report)| {
                    let word = if report.node(name)?.running? {
                        "running"
                    } else {
                        "not running"
                    };
                    Some(format!("{host} sees it {word}"))
                })
                .collect();
            let title = format!("the other members disagree on whether {name} runs");
            let age = now.since(since).as_secs();
            Some(
                Finding::new("D16", Severity::Warning, &name, title)
                    .evidence(says)
                    .evidence((age > 0).then(|| format!("for {age} s")))
                    .causes(["some of them have not noticed yet that it died, or came back"])
                    .follows("N1", name),
            )
        })
        .collect()
}
