//! Owns N1 (a member does not run) and N2 (a member is in maintenance mode).

use super::{Finding, Severity};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::node::{NodeState, NodeView};
use crate::model::observation::SourceKind;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    model
        .nodes(now)
        .iter()
        .filter(|node| {
            node.state != NodeState::Unknown
                || node
                    .host
                    .is_none_or(|host| model.was_asked(SourceKind::Management, &host.name))
        })
        .filter_map(judge)
        .collect()
}

fn judge(node: &NodeView<'_>) -> Option<Finding> {
    let name = &node.name;
    let host = node
        .host
        .map_or_else(|| name.short().to_owned(), |host| host.name.to_string());
    let finding = |severity, title| {
        Finding::new("N1", severity, &name, title).evidence(node.evidence.iter().cloned())
    };
    match node.state {
        NodeState::Running => maintenance(node),
        NodeState::AppStopped => Some(
            finding(Severity::Critical, format!("the app on {host} is stopped"))
                .causes([
                    "stop_app, or a runbook between its steps",
                    "the node is starting and waits for its peers",
                ])
                .answered_by("restart-app"),
        ),
        NodeState::Down => Some(
            finding(
                Severity::Critical,
                format!("RabbitMQ is down on {host}, the host is up"),
            )
            .causes([
                "the service was stopped",
                "the runtime crashed or was killed",
            ]),
        ),
        NodeState::Unreachable => Some(
            finding(
                Severity::Critical,
                format!("the host {host} does not answer"),
            )
            .causes(["the host is down", "the network between here and it is cut"]),
        ),
        NodeState::NotRunning => Some(finding(
            Severity::Critical,
            format!("{name} is not running"),
        )),
        NodeState::Starting => Some(finding(Severity::Warning, format!("{name} is starting"))),
        NodeState::Restarting => Some(
            finding(
                Severity::Critical,
                format!("RabbitMQ on {host} ends and is started again, over and over"),
            )
            .answered_by("stop-node"),
        ),
        NodeState::Hung => Some(
            finding(
                Severity::Critical,
                format!("{name} is hung: it accepts connections and says nothing"),
            )
            .answered_by("stop-node"),
        ),
        NodeState::Unknown => Some(finding(
            Severity::Unknown,
            format!("whether {name} runs cannot be told"),
        )),
    }
}

/// Maintenance is wanted, but it is lost redundancy all the same, and easily forgotten.
fn maintenance(node: &NodeView<'_>) -> Option<Finding> {
    (node.draining == Some(true)).then(|| {
        let title = format!(
            "{} is drained: it takes no clients and leads no queues",
            node.name
        );
        Finding::new("N2", Severity::Warning, &node.name, title)
            .causes(["rabbitmq-upgrade drain; revive or a restart ends it"])
    })
}
