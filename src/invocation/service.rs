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

/// Prints a block of `key=value` lines for each of two services, in the order of the arguments,
/// then `uptime=` of the host in seconds, and `listens=` for each TCP socket, if those could be
/// listed. systemd 252 (Debian 12) and all later ones know these properties. It changes nothing.
const LOOK: &str = r#"LC_ALL=C
export LC_ALL
systemctl show "$1" "$2" --property=LoadState --property=ActiveState --property=SubState \
    --property=Result --property=NRestarts --property=ExecMainCode --property=ExecMainStatus \
    --property=ExecMainExitTimestampMonotonic --property=InactiveExitTimestampMonotonic \
    --property=StateChangeTimestampMonotonic --property=TimeoutStartUSec || exit
echo
read -r uptime rest < /proc/uptime && echo "uptime=$uptime"
sockets=$(ss -Hltn 2>/dev/null) && echo sockets=known &&
    echo "$sockets" | while read -r state received sent local rest; do echo "listens=$local"; done
exit 0"#;

/// Asks how the broker and HAProxy fare, in this order, and what listens on their host.
pub(super) fn states(of: &ServiceNames) -> Argv {
    let [broker, haproxy] = [&of.broker, &of.haproxy].map(ServiceName::as_str);
    Argv::new("sh", ["-c", LOOK, "rmqtop", broker, haproxy])
}
