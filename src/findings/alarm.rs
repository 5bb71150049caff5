//! Owns D10: a memory or disk alarm, which blocks publishers on every node, not only the one that
//! raised it (RabbitMQ documentation, alarms).

use super::{Finding, Severity};
use crate::model::Model;
use crate::model::alarm::{Alarm, Resource};
use crate::model::moment::Moment;

pub(super) fn check(model: &Model, now: Moment) -> Vec<Finding> {
    let found = |alarm: &Alarm| {
        let Alarm { node, resource } = alarm;
        let (effect, next) = match resource {
            Resource::Memory => (
                ": publishers are blocked on every node",
                Some("cause not known; next: `rabbitmq-diagnostics memory_breakdown` there"),
            ),
            Resource::Disk => (
                ": publishers are blocked on every node",
                Some("cause not known; next: what fills the disc of its data directory"),
            ),
            // `rabbit_alarm` (until 3.x): it takes no new connections until this ends.
            Resource::Other(word) if word.raw().contains("file") => {
                (": it accepts no new connections", None)
            }
            Resource::Other(_) => ("", None),
        };
        let title = format!("{resource} alarm on {node}{effect}");
        Finding::new("D10", Severity::Critical, node, title)
            .evidence(figures(model, alarm, now))
            .causes(next)
    };
    model.alarms(now).iter().map(found).collect()
}

/// The figures that show it, bytes; `None` where the member tells no figures.
fn figures(model: &Model, alarm: &Alarm, now: Moment) -> Option<String> {
    let stats = model.node(&alarm.node, now).stats?;
    match alarm.resource {
        Resource::Memory => {
            let (used, limit) = stats.memory_used.zip(stats.memory_limit)?;
            Some(format!("memory used {used} bytes, watermark {limit} bytes"))
        }
        Resource::Disk => {
            let (free, limit) = stats.disk_free.zip(stats.disk_free_limit)?;
            Some(format!("disk free {free} bytes, limit {limit} bytes"))
        }
        Resource::Other(_) => None,
    }
}
