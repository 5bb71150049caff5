//! Owns what systemd is told to do to a service, and what it is asked of them.

use super::Argv;
use crate::model::inventory::ServiceNames;
use crate::model::name::ServiceName;
use serde::{Deserialize, Serialize};

/// What systemd is told to do to the broker's service of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceVerb {
    /// Stops it; the application first, then the runtime.
    Stop,
    /// Starts it, and waits until it has booted.
    Start,
    /// Starts it, and waits for nothing.
    StartNoBlock,
    /// Clears its `failed` state and systemd's count of its starts, so that it may be started
    /// again (systemctl(1), `reset-failed`).
    ResetFailed,
}

impl ServiceVerb {
    pub(super) fn argv(self, name: &ServiceName) -> Argv {
        let name = name.as_str();
        match self {
            Self::Stop => Argv::new("systemctl", ["stop", name]),
            Self::Start => Argv::new("systemctl", ["start", name]),
            Self::StartNoBlock => Argv::new("systemctl", ["start", "--no-block", name]),
            Self::ResetFailed => Argv::new("systemctl", ["reset-failed", name]),
        }
    }
}

/// Asks for the states of the broker and of HAProxy, in this order.
pub(super) fn states(of: &ServiceNames) -> Argv {
    let [broker, haproxy] = [&of.broker, &of.haproxy].map(ServiceName::as_str);
    Argv::new("systemctl", ["is-active", broker, haproxy])
}
