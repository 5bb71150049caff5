//! Owns alarms: which member blocks publishers, and for want of what. Two sources say so: each
//! member's statistics, and the health check that any node answers for the whole cluster. The
//! check knows at once what the statistics of a member that has just started do not say yet, and
//! what they never say where their collection is switched off.

use super::Model;
use super::freshness_limit;
use super::moment::Moment;
use super::name::NodeName;
use super::observation::SourceKind;
use super::text::Shown;
use std::fmt;

/// What is short.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Memory is above the watermark.
    Memory,
    /// Free disk space is below the limit.
    Disk,
    /// What the broker calls so, such as `file descriptors` until 3.x.
    Other(Shown),
}

impl Resource {
    /// From the broker's own word (`resource` of `/api/health/checks/alarms`).
    pub fn from_word(word: &str) -> Self {
        match word {
            "memory" => Self::Memory,
            "disk" | "disk space" | "disk_space" => Self::Disk,
            other => Self::Other(Shown::new(other)),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Other(word) => word.as_str(),
        })
    }
}

/// An alarm in force. It blocks publishers on every node, not only on its own (RabbitMQ
/// documentation, "Memory and Disk Alarms").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// The member that raised it.
    pub node: NodeName,
    /// What is short there.
    pub resource: Resource,
}

impl Model {
    /// Every alarm known to be in force, in the order of the members' names. Empty does not mean
    /// that there is none: see `no_alarm`.
    pub fn alarms(&self, now: Moment) -> Vec<Alarm> {
        let mut found: Vec<Alarm> = self.checked_alarms(now).unwrap_or_default().to_vec();
        for view in self.nodes(now) {
            let Some(stats) = view.stats else { continue };
            let raised = [
                (Resource::Memory, stats.memory_alarm),
                (Resource::Disk, stats.disk_alarm),
            ];
            found.extend(
                raised
                    .into_iter()
                    .filter(|(_, alarm)| *alarm == Some(true))
                    .map(|(resource, _)| Alarm {
                        node: view.name.clone(),
                        resource,
                    }),
            );
        }
        found.sort();
        found.dedup();
        found
    }

    /// What the check for the whole cluster says, if that is current; empty: no alarm anywhere.
    pub fn checked_alarms(&self, now: Moment) -> Option<&[Alarm]> {
        let limit = freshness_limit(SourceKind::Alarms);
        self.alarm_check.current(now, limit).map(Vec::as_slice)
    }
}
