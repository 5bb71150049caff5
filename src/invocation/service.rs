//! Owns what systemd is told to do to a service, and what it is asked of them.

use super::Argv;
use crate::model::inventory::ServiceNames;
use crate::model::name::ServiceName;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What systemd is told to do to the broker's service of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceVerb {
    /// Stops it; the application first, then the runtime.
    Stop,
    /// Starts it, and waits until it has booted.
    Start,
    /// Starts it with its count of starts cleared: one that died again and again may have used them
    /// up, whatever systemd thinks of it now (systemctl(1), `reset-failed`).
    StartAnew,
    /// Starts it, and waits for nothing.
    StartNoBlock,
    /// Asks it to end, and kills every process of its control group if it has not ended after
    /// `KILL_AFTER`. systemd starts nothing again that it was told to stop.
    Kill,
    /// Clears its `failed` state and systemd's count of its starts, so that it may be started
    /// again (systemctl(1), `reset-failed`).
    ResetFailed,
}

/// How long a service that hangs has to end before it is killed.
pub const KILL_AFTER: Duration = Duration::from_secs(30);

/// The order to stop stands while its processes are killed, so that systemd does not start the
/// service again (systemd.service(5), `Restart=`). A unit that ends by a signal is `failed`.
const STOP_OR_KILL: &str = concat!(
    r#"timeout "$2" systemctl stop "$1" && exit 0; "#,
    r#"systemctl kill --signal=SIGKILL "$1"; exec timeout "$2" systemctl stop "$1""#,
);

const START_ANEW: &str = r#"systemctl reset-failed "$1"; exec systemctl start "$1""#;

impl ServiceVerb {
    pub(super) fn argv(self, name: &ServiceName) -> Argv {
        let name = name.as_str();
        match self {
            Self::Stop => Argv::new("systemctl", ["stop", name]),
            Self::Start => Argv::new("systemctl", ["start", name]),
            Self::StartAnew => Argv::new("sh", ["-c", START_ANEW, "rmqtop", name]),
            Self::StartNoBlock => Argv::new("systemctl", ["start", "--no-block", name]),
            Self::Kill => {
                let seconds = KILL_AFTER.as_secs().to_string();
                Argv::new("sh", ["-c", STOP_OR_KILL, "rmqtop", name, &seconds])
            }
            Self::ResetFailed => Argv::new("systemctl", ["reset-failed", name]),
        }
    }
}

/// Prints a block of `key=value` lines for each of two services, in the order of the arguments,
/// then `uptime=` of the host in seconds, and `listens=` for each TCP socket, if those could be
/// listed. systemd 252 (Debian 12) and all later ones know these properties. It changes nothing.
const LOOK: &str = r#"# reads only
LC_ALL=C
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
