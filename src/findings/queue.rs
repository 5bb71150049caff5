//! Owns Q1 (queues that no client can use), Q2 (queues that the next fault stops) and Q3 (queues that
//! this user is not shown). One finding for all queues with the same trouble and the same nodes
//! missing, however many they are.

use super::{Finding, Severity, listed};
use crate::model::Model;
use crate::model::broker::QueueRow;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::queue::{Trouble, absent, trouble};
use std::collections::BTreeMap;

/// How many queues the evidence names.
const NAMED: usize = 5;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    // Where no list is to be had, its source says so.
    let Ok((page, gap)) = model.listed_queues(now) else {
        return Vec::new();
    };
    let mut groups: BTreeMap<(Trouble, Vec<&NodeName>), Vec<&QueueRow>> = BTreeMap::new();
    for row in &page.rows {
        if let Some(trouble) = trouble(row) {
            groups.entry((trouble, absent(row))).or_default().push(row);
        }
    }
    let mut found: Vec<Finding> = groups
        .iter()
        .map(|((trouble, nodes), rows)| finding(model, (trouble, nodes), rows, now))
        .collect();
    // Rows that could not be read are S5.
    let gap = gap.filter(|_| page.skipped_rows == 0);
    found.extend(gap.map(|gap| unseen(model, &gap)));
    found
}

fn finding(
    model: &Model,
    (trouble, nodes): (&Trouble, &[&NodeName]),
    rows: &[&QueueRow],
    now: Moment,
) -> Finding {
    let (id, severity) = match trouble {
        Trouble::Thin => ("Q2", Severity::Warning),
        Trouble::Stopped(_) | Trouble::NoReplica | Trouble::NoMajority | Trouble::NoLeader => {
            ("Q1", Severity::Critical)
        }
    };
    let subject = match nodes {
        [node] => node.to_string(),
        _ => model.inventory.cluster.clone(),
    };
    let count = match rows.len() {
        1 => "1 queue".to_owned(),
        several => format!("{several} queues"),
    };
    let place = match (trouble, nodes) {
        (_, []) => String::new(),
        (Trouble::Stopped(_), nodes) => format!(" on {}", listed(nodes)),
        (_, nodes) => format!(": not online on {}", listed(nodes)),
    };
    let title = format!("{count} {}{place}", trouble.words());
    let away = nodes.iter().filter_map(|name| {
        let state = model.node(name, now).state;
        state
            .is_away()
            .then(|| format!("{name} does not run: {}", state.words()))
    });
    let away: Vec<String> = away.collect();
    let follows = !nodes.is_empty() && away.len() == nodes.len();
    let finding = Finding::new(id, severity, &subject, title)
        .evidence([names(rows)])
        .causes(away);
    match nodes.len() {
        _ if !follows => finding,
        1 => finding.follows("N1", &subject),
        _ => finding.follows("N5", &subject),
    }
}

fn names(rows: &[&QueueRow]) -> String {
    let mut named: Vec<String> = rows
        .iter()
        .take(NAMED)
        .map(|row| format!("{} in vhost {}", row.name, row.vhost))
        .collect();
    let more = rows.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    listed(named)
}

fn unseen(model: &Model, gap: &str) -> Finding {
    let title = format!("{gap}: whether the others can be used is not known");
    let hides = model.queues.last().is_some_and(|page| {
        let read = (page.rows.len() + page.skipped_rows) as u64;
        page.exist.is_some_and(|exist| exist > read)
            && page.total.is_some_and(|total| total <= read)
    });
    let cause = "the user has no permissions on some virtual hosts (`rabbitmqctl set_permissions`)";
    Finding::new("Q3", Severity::Unknown, &model.inventory.cluster, title)
        .causes(hides.then_some(cause))
}
