//! Owns the steps on the service of a node: application and runtime together. What systemd thinks of
//! it decides what must be sent first.

use super::{Ground, STOP_DEADLINE};
use crate::invocation::{Change, KILL_AFTER, ServiceVerb};
use crate::model::host::UnitState;
use crate::model::name::ServiceName;
use crate::model::node::NodeState;
use crate::runbook::plan::{Probe, Step};
use std::time::Duration;

/// A node waits up to 300 s for its peers (Mnesia 10 times 30 s; Khepri for a leader), then boots.
const BOOT_DEADLINE: Duration = Duration::from_secs(360);
/// systemd answers at once; only the way there takes time.
const RESET_DEADLINE: Duration = Duration::from_secs(20);
/// Asked to end, killed, and reaped.
const KILL_DEADLINE: Duration = Duration::from_secs(90);

impl<'a> Ground<'a> {
    /// Stops the service: application and runtime.
    pub(in crate::runbook) fn stop_node(self) -> Step {
        let down = self.seen_now(NodeState::Down);
        Step {
            id: "stop-node".to_owned(),
            title: format!("stop {} of {}", self.service(), self.node()),
            host: self.host(),
            change: Some(Change::Service {
                name: self.service(),
                verb: ServiceVerb::Stop,
            }),
            before: match self.target.state {
                NodeState::Running => self.may_go(),
                NodeState::Starting | NodeState::Restarting | NodeState::Hung => {
                    vec![self.does_not_run()]
                }
                NodeState::AppStopped
                | NodeState::Down
                | NodeState::Unreachable
                | NodeState::NotRunning
                | NodeState::Unknown => vec![self.seen_now(NodeState::AppStopped)],
            },
            already: vec![down.clone()],
            after: vec![down],
            deadline: STOP_DEADLINE,
        }
    }

    /// Stops the service of a node that is no member, or of a member that cannot boot: no other can
    /// be asked, and none misses it.
    pub(in crate::runbook) fn stop_node_outside(self) -> Step {
        Step {
            before: self.still_outside(),
            already: vec![self.down()],
            after: vec![self.down()],
            ..self.stop_node()
        }
    }

    /// Stops the service of a node that hangs: what does not end is killed.
    pub(in crate::runbook) fn kill_node(self) -> Step {
        Step {
            id: "kill-node".to_owned(),
            title: format!(
                "stop {} of {}, and kill it if it has not ended after {} s",
                self.service(),
                self.node(),
                KILL_AFTER.as_secs()
            ),
            change: Some(Change::Service {
                name: self.service(),
                verb: ServiceVerb::Kill,
            }),
            before: vec![self.does_not_run(), self.others_unchanged()],
            already: vec![self.down()],
            after: vec![self.down()],
            deadline: KILL_DEADLINE,
            ..self.stop_node()
        }
    }

    /// What an act that no other member would notice rests on: minutes may pass before it is sent,
    /// and a run may be gone on with hours later. Meanwhile the node may have booted, or joined.
    pub(in crate::runbook) fn still_outside(self) -> Vec<Probe> {
        let (node, by) = (self.node(), self.through());
        let outside = match self.model.lists(by, node, self.now) {
            Some(false) => Some(Probe::NotMember {
                node: node.clone(),
                by: by.clone(),
            }),
            Some(true) | None => {
                (self.target.state != NodeState::Running).then(|| self.does_not_run())
            }
        };
        std::iter::once(self.others_unchanged())
            .chain(outside)
            .collect()
    }

    fn does_not_run(self) -> Probe {
        Probe::DoesNotRun {
            node: self.node().clone(),
        }
    }

    /// Its runtime is down, by the word of its host.
    pub(in crate::runbook) fn down(self) -> Probe {
        Probe::HostSees {
            node: self.node().clone(),
            state: NodeState::Down,
        }
    }

    /// What the node's service is called.
    pub(in crate::runbook) fn service(self) -> ServiceName {
        self.target.host.services.broker.clone()
    }

    /// What systemd says of the service.
    pub(in crate::runbook) fn unit(self) -> Option<&'a UnitState> {
        let services = self.model.service(&self.target.host.name, self.now)?;
        services.rabbitmq.as_ref()
    }

    /// Where systemd holds the service for failed, it may refuse to start it: a unit that was
    /// started too often stays down until its count is cleared (systemd.unit(5),
    /// `StartLimitBurst`; 5 starts in 600 s in the unit of 4.3).
    pub(in crate::runbook) fn lift_start_limit(self) -> Option<Step> {
        if self.unit() != Some(&UnitState::Failed) {
            return None;
        }
        let node = self.node().clone();
        let lifted = Probe::ServiceNotFailed { node: node.clone() };
        Some(Step {
            id: format!("reset-failed-{}", node.short()),
            title: format!("reset the failed {} of {node}", self.service()),
            host: self.host(),
            change: Some(Change::Service {
                name: self.service(),
                verb: ServiceVerb::ResetFailed,
            }),
            before: Vec::new(),
            already: vec![lifted.clone()],
            after: vec![lifted],
            deadline: RESET_DEADLINE,
        })
    }

    /// Starts the service, from a runtime that is down.
    pub(in crate::runbook) fn start_node(self) -> Step {
        let verb = if self.target.state == NodeState::Restarting {
            ServiceVerb::StartAnew
        } else {
            ServiceVerb::Start
        };
        Step {
            id: "start-node".to_owned(),
            title: format!("start {} of {}", self.service(), self.node()),
            host: self.host(),
            change: Some(Change::Service {
                name: self.service(),
                verb,
            }),
            before: vec![self.seen(NodeState::Down)],
            already: self.runs(),
            after: self.runs(),
            deadline: BOOT_DEADLINE,
        }
    }
}
