//! Owns S5: part of an answer could not be understood. What stands there is not known, so that no
//! other check concludes anything from its absence.

use super::{Finding, Severity};
use crate::model::balancer::UnreadLine;
use crate::model::moment::Moment;
use crate::model::observation::SourceKind;
use crate::model::{Model, freshness_limit};

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say =
        |subject: &dyn ToString, count: usize, one: &str, of: String, which: Vec<String>| {
            let what = if count == 1 {
                format!("1 {one}")
            } else {
                format!("{count} {one}s")
            };
            let title = format!("{what} of {of} could not be read");
            let finding = Finding::new("S5", Severity::Warning, subject, title);
            findings.push(finding.evidence(which));
        };
    for (host, report) in model.views(now) {
        if report.skipped_rows > 0 {
            let of = format!("the nodes that {host} lists");
            say(host, report.skipped_rows, "row", of, Vec::new());
        }
    }
    let cluster = &model.inventory.cluster;
    let queues = model
        .queues
        .current(now, freshness_limit(SourceKind::Queues));
    if let Some(page) = queues.filter(|page| page.skipped_rows > 0) {
        let of = "the queues".to_owned();
        say(cluster, page.skipped_rows, "row", of, Vec::new());
    }
    for (host, _) in model.inventory.balancers() {
        let Some(report) = model.balancer(&host.name, now) else {
            continue;
        };
        if !report.unread.is_empty() {
            let of = format!("HAProxy's statistics on {}", host.name);
            let which = report.unread.iter().filter_map(whose).collect();
            say(&host.name, report.unread.len(), "line", of, which);
        }
    }
    findings
}

/// Whose line it is, as far as it says.
fn whose(line: &UnreadLine) -> Option<String> {
    let proxy = line.proxy.as_ref()?;
    Some(match &line.server {
        Some(server) => format!("the line of {server} in {proxy}"),
        None => format!("a line of {proxy}"),
    })
}
