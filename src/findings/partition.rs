//! Owns N3 (the brokers report a partition, Mnesia until 4.2) and D16 (their views disagree, which
//! is the only detector left from 4.3).

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use std::collections::BTreeSet;
use std::time::Duration;

/// Views are polled one after the other, so a change is seen by one before the other; only a
/// disagreement that outlives two polls is a partition.
const SETTLING: Duration = Duration::from_secs(11);

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let reported = reported(model, now);
    // Where the brokers say so themselves, their views disagree as a matter of course.
    if reported.is_some() {
        reported.into_iter().collect()
    } else {
        disagreements(model, now)
    }
}

/// One finding for the whole cluster: a partition has two sides, and both report it.
fn reported(model: &Model, now: Moment) -> Option<Finding> {
    let rows = model.views(now).flat_map(|(host, report)| {
        report
            .nodes
            .iter()
            .filter(|row| !row.partitions.is_empty())
            .map(move |row| (host, row))
    });
    let mut torn: BTreeSet<&NodeName> = BTreeSet::new();
    let mut lines = Vec::new();
    for (host, row) in rows {
        torn.insert(&row.name);
        torn.extend(&row.partitions);
        lines.push(format!(
            "by {host}: {} is cut off from {}",
            row.name,
            listed(&row.partitions)
        ));
    }
    let title = format!("network partition between {}", listed(&torn));
    (!lines.is_empty()).then(|| {
        Finding::new("N3", Severity::Critical, &model.inventory.cluster, title)
            .evidence(lines)
            .causes(["the network between the nodes was cut for longer than net_ticktime"])
    })
}

fn disagreements(model: &Model, now: Moment) -> Vec<Finding> {
    model
        .members()
        .iter()
        .filter(|name| model.is_disputed(name, now))
        .filter_map(|name| {
            let since = *model.disagreements.get(name)?;
            let says: Vec<String> = model
                .views(now)
                .filter_map(|(host, report)| {
                    let running = report.node(name)?.running?;
                    Some(format!(
                        "{host} sees it {}",
                        if running { "running" } else { "not running" }
                    ))
                })
                .collect();
            let lasting = now.since(since) >= SETTLING;
            let severity = if lasting {
                Severity::Critical
            } else {
                Severity::Warning
            };
            let title = format!("the nodes disagree on whether {name} runs");
            let for_how_long = now.since(since).as_secs();
            Some(
                Finding::new("D16", severity, &name, title)
                    .evidence(says)
                    .evidence((for_how_long > 0).then(|| format!("for {for_how_long} s")))
                    .causes([
                        "a partition that only some nodes see",
                        "the node is starting or stopping right now",
                    ]),
            )
        })
        .collect()
}
