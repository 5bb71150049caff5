//! Owns the commands that `HAProxy` takes over its runtime socket. The script is a constant; what
//! varies is handed to it as validated arguments, so that no name can end a line of the protocol or
//! begin a second command.

use super::Argv;
use crate::model::name::{HaproxyName, SocketPath};
use serde::{Deserialize, Serialize};

/// `HAProxy` answers an empty line where it did as told and words where it did not, and `socat` ends
/// with 0 in both cases; so the words become the failure. They are printed either way.
const SET_STATE: &str = r#"a=$(echo "set server $2/$3 state $4" | socat - "UNIX-CONNECT:$1") && { test -z "$a" || { echo "$a"; exit 69; }; }"#;

/// The state an administrator gives a server (`HAProxy` management guide, "set server … state").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It takes clients as soon as its checks succeed.
    Ready,
    /// It takes no new clients; its sessions go on, and so do its checks.
    Drain,
    /// It is not used and not checked.
    Maint,
}

impl ServerState {
    /// The word of the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

/// Gives a server a state, on one load balancer. Lost when `HAProxy` is restarted or reloaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetServer {
    /// The runtime socket on the host.
    pub socket: SocketPath,
    /// The proxy the server belongs to.
    pub backend: HaproxyName,
    /// Which server.
    pub server: HaproxyName,
    /// What it becomes.
    pub state: ServerState,
}

impl SetServer {
    /// The command.
    pub fn argv(&self) -> Argv {
        Argv::new(
            "sh",
            [
                "-c",
                SET_STATE,
                "rmqtop",
                self.socket.as_str(),
                self.backend.as_str(),
                self.server.as_str(),
                self.state.word(),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{ServerState, SetServer};
    use crate::model::name::{HaproxyName, SocketPath};

    #[test]
    fn what_varies_is_an_argument() {
        let set = SetServer {
            socket: SocketPath::parse("/run/haproxy/admin.sock").unwrap(),
            backend: HaproxyName::parse("rabbitmq_cluster").unwrap(),
            server: HaproxyName::parse("mq-node3").unwrap(),
            state: ServerState::Drain,
        };
        let args = set.argv().args;
        assert_eq!(
            args[3..],
            [
                "/run/haproxy/admin.sock",
                "rabbitmq_cluster",
                "mq-node3",
                "drain"
            ]
        );
        // systemd expands `${NAME}` in the commands of a unit, and makes `$$` one dollar.
        assert!(!args[1].contains("${") && !args[1].contains("$$"));
    }
}
