//! Owns the commands that may be run on a host, as typed argv. `Read` and `Change` are different
//! types, so that a poller cannot be handed a command that changes anything.
//!
//! There is no constructor from free text and no shell: every argument is a constant or a
//! validated name. Uses the model's names, node types and policies and nothing else of the crate.

pub mod api;
pub mod cookie;
mod ctl;
mod data;
mod files;
mod find;
pub mod haproxy;
pub mod keep;
pub mod keepalived;
mod service;

use crate::model::inventory::ServiceNames;
use crate::model::name::{DataPath, NodeName, ServiceName, Stamp};
use api::{ApiAddress, ApiCall};
use cookie::{CookieVerb, PublicKey, Salt};
pub use ctl::CtlVerb;
use keepalived::FilePattern;
use serde::{Deserialize, Serialize};
pub use service::{KILL_AFTER, ServiceVerb};
use std::fmt;
use std::time::Duration;

/// A program with its arguments. `Display` gives the line one could paste into a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argv {
    /// Program name, found on the host's PATH.
    pub program: String,
    /// Arguments, unquoted.
    pub args: Vec<String>,
}

impl Argv {
    fn new<const N: usize>(program: &str, args: [&str; N]) -> Self {
        Self {
            program: program.to_owned(),
            args: args.map(str::to_owned).to_vec(),
        }
    }
}

impl fmt::Display for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", quoted(&self.program))?;
        self.args
            .iter()
            .try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// Quotes for a POSIX shell; words of harmless characters stay bare.
pub fn quoted(word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `ip monitor` never reads its input, so it would outlive a lost connection until the next
/// address changes. This constant ends it with its input instead, however that came about
/// (`OpenSSH` keeps a command without terminal running; openssh crate, issue 87).
const WATCH_ADDRESSES: &str =
    "ip -o monitor address & exec >/dev/null 2>&1; cat; kill $! 2>/dev/null";

/// A command that only reads. What pollers hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Read {
    /// All addresses, one line each.
    Addresses,
    /// Address changes, as they happen; does not end by itself.
    WatchAddresses,
    /// How the services of the broker and of HAProxy fare, in this order, and what listens.
    UnitStates {
        /// What they are called.
        of: ServiceNames,
    },
    /// Runtimes registered in epmd.
    Runtimes,
    /// `show stat` on HAProxy's runtime socket.
    HaproxyStatistics {
        /// The socket's path.
        socket: String,
    },
    /// How much `HAProxy`'s runtime socket lets us do: `admin` where it takes commands.
    HaproxyLevel {
        /// The socket's path.
        socket: String,
    },
    /// keepalived's configuration without the secrets in it: its main file, or what includes ask
    /// for.
    KeepalivedFiles {
        /// Which files; none: the main one.
        of: Vec<FilePattern>,
    },
    /// How keepalived and the links of its host fare.
    KeepalivedState {
        /// What its service is called.
        service: ServiceName,
    },
    /// What a running node says of itself and its cluster, as JSON.
    ClusterStatus {
        /// The node asked.
        node: NodeName,
    },
    /// All definitions of a node, as JSON. They hold password hashes: they are counted, or kept in
    /// a file that only its owner can read.
    Definitions {
        /// The node asked.
        node: NodeName,
    },
    /// What a node left on its host's disc, and what its log says of its latest start.
    NodeFiles {
        /// The node.
        node: NodeName,
        /// Its service.
        service: ServiceName,
    },
    /// What a node's log says of its latest start.
    StartLog {
        /// The node.
        node: NodeName,
        /// Its service.
        service: ServiceName,
    },
    /// Whether this host's tools reach the runtime of a node: name, ports and cookie are right.
    Ping {
        /// The node asked.
        node: NodeName,
    },
    /// Who we are on a host, and which of the three programs are on it.
    Surroundings,
    /// Where the `HAProxy` of a host listens, where its servers, statistics and socket are.
    HaproxyFiles,
    /// The users of a node's cluster, with their tags, as JSON.
    Users {
        /// The node asked.
        node: NodeName,
    },
    /// What a node knows by itself of its cluster, as JSON: it asks no other, so that a silent
    /// member does not hold it up.
    BrokerFacts {
        /// The node asked.
        node: NodeName,
    },
    /// Does nothing: proves that the connection and the login work.
    Nothing,
    /// The addresses by which the host knows the hosts of nodes.
    Names {
        /// The nodes.
        of: Vec<NodeName>,
    },
    /// What may be known of the Erlang cookie: never the cookie.
    CookieDigest {
        /// Makes the digest useless to others.
        salt: Salt,
    },
    /// The Erlang cookie, sealed for the holder of the other half of a key.
    SealedCookie {
        /// The public half.
        key: PublicKey,
    },
    /// Settings that say where the node's data is.
    DataSettings {
        /// The node's service.
        service: ServiceName,
    },
    /// What stands where the node's data should be, and who uses it.
    DataDirectory {
        /// Where.
        dir: DataPath,
    },
}

impl Read {
    /// The command.
    pub fn argv(&self) -> Argv {
        match self {
            Self::Addresses => Argv::new("ip", ["-o", "addr", "show"]),
            Self::WatchAddresses => Argv::new("sh", ["-c", WATCH_ADDRESSES]),
            Self::UnitStates { of } => service::states(of),
            Self::Runtimes => Argv::new("epmd", ["-names"]),
            Self::HaproxyStatistics { socket } | Self::HaproxyLevel { socket } => Argv {
                program: "socat".to_owned(),
                args: vec!["-".to_owned(), format!("UNIX-CONNECT:{socket}")],
            },
            Self::KeepalivedFiles { of } => keepalived::files(of),
            Self::KeepalivedState { service } => keepalived::state(service),
            Self::ClusterStatus { node } => {
                let words = ["--formatter", "json", "cluster_status"];
                bounded("rabbitmqctl", node, Duration::from_secs(10), &words)
            }
            Self::Definitions { node } => {
                let words = ["export_definitions", "-"];
                bounded("rabbitmqctl", node, Duration::from_secs(60), &words)
            }
            Self::NodeFiles { node, service } => files::look(node, service),
            Self::StartLog { node, service } => files::start_log(node, service),
            Self::Ping { node } => bounded(
                "rabbitmq-diagnostics",
                node,
                Duration::from_secs(6),
                &["ping"],
            ),
            Self::Surroundings => find::surroundings(),
            Self::HaproxyFiles => find::haproxy(),
            Self::Users { node } => {
                let words = ["--formatter", "json", "list_users"];
                bounded("rabbitmqctl", node, Duration::from_secs(10), &words)
            }
            Self::BrokerFacts { node } => {
                let words = ["eval", find::BROKER_FACTS];
                bounded("rabbitmqctl", node, Duration::from_secs(10), &words)
            }
            Self::Nothing => Argv::new("true", []),
            Self::Names { of } => {
                let mut argv = Argv::new("getent", ["hosts"]);
                argv.args
                    .extend(of.iter().map(|node| node.host_part().to_owned()));
                argv
            }
            Self::CookieDigest { salt } => cookie::digest(salt),
            Self::SealedCookie { key } => cookie::seal(key),
            Self::DataSettings { service } => data::settings(service),
            Self::DataDirectory { dir } => data::directory(dir),
        }
    }

    /// Whether only root may ask on many hosts: a runtime socket, a configuration of mode 600, a
    /// data directory, and the broker's own tools, which Debian's packages let no other user run.
    pub fn wants_root(&self) -> bool {
        matches!(
            self,
            Self::HaproxyStatistics { .. }
                | Self::HaproxyLevel { .. }
                | Self::KeepalivedFiles { .. }
                | Self::KeepalivedState { .. }
                | Self::ClusterStatus { .. }
                | Self::Definitions { .. }
                | Self::Ping { .. }
                | Self::CookieDigest { .. }
                | Self::SealedCookie { .. }
                | Self::DataSettings { .. }
                | Self::DataDirectory { .. }
                | Self::NodeFiles { .. }
                | Self::StartLog { .. }
                | Self::HaproxyFiles
                | Self::Users { .. }
                | Self::BrokerFacts { .. }
        )
    }

    /// What the command is given on standard input.
    pub fn stdin(&self) -> Option<&'static str> {
        if matches!(self, Self::HaproxyLevel { .. }) {
            return Some("show cli level\n");
        }
        matches!(self, Self::HaproxyStatistics { .. }).then_some("show stat\n")
    }
}

/// What `rabbitmq-queues` is told to do, through a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueuesVerb {
    /// Gives every quorum queue a replica on this member.
    Grow {
        /// Which.
        onto: NodeName,
    },
    /// Takes the replicas of all quorum queues off this member.
    Shrink {
        /// Which.
        off: NodeName,
    },
    /// Spreads the leaders of all replicated queues.
    Rebalance,
}

/// What `rabbitmq-upgrade` is told to do to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeVerb {
    /// Puts it into maintenance mode.
    Drain,
    /// Takes it out of maintenance mode.
    Revive,
}

/// A command that changes something. Only `executor` holds them, and `remote` runs them only
/// against a `Permit`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// `rabbitmqctl` on the host of `node`.
    Ctl {
        /// The node acted on.
        node: NodeName,
        /// What to do.
        verb: CtlVerb,
        /// How long rabbitmqctl itself may take.
        limit: Duration,
    },
    /// `rabbitmq-upgrade` on the host of `node`.
    Upgrade {
        /// The node acted on.
        node: NodeName,
        /// What to do.
        verb: UpgradeVerb,
        /// How long the command itself may take.
        limit: Duration,
    },
    /// `rabbitmq-queues` on the host of `node`.
    Queues {
        /// The node through which it is done.
        node: NodeName,
        /// What to do.
        verb: QueuesVerb,
        /// How long the command itself may take.
        limit: Duration,
    },
    /// `systemctl` on the broker's service.
    Service {
        /// What it is called; journals of runs before it could be chosen do not say.
        #[serde(default = "ServiceName::rabbitmq_server")]
        name: ServiceName,
        /// What to do.
        verb: ServiceVerb,
    },
    /// A request to the management API of the host's node. No command: it is sent from here, and
    /// `argv` is only what one could paste.
    Api {
        /// What is asked for.
        call: ApiCall,
        /// Where, and as whom.
        at: ApiAddress,
    },
    /// A command to the `HAProxy` of the host, over its runtime socket.
    Haproxy(haproxy::SetServer),
    /// The Erlang cookie of the host.
    Cookie {
        /// What to do.
        verb: CookieVerb,
    },
    /// Lets a member on Khepri go on alone that waits at boot for a majority which is lost, or runs
    /// without one.
    ForceStandalone {
        /// Which member.
        node: NodeName,
        /// How long the command itself may take.
        limit: Duration,
    },
    /// Moves the data directory of the host's node beside itself, and leaves an empty one.
    SetAside {
        /// The node's service.
        #[serde(default = "ServiceName::rabbitmq_server")]
        service: ServiceName,
        /// Where it is.
        dir: DataPath,
        /// Tells this copy from others.
        stamp: Stamp,
    },
}

impl Change {
    /// Whether it is a command on the host.
    pub fn is_command(&self) -> bool {
        !matches!(self, Self::Api { .. })
    }

    /// Whether it must run in a unit of its own to outlive the connection over which it is sent.
    /// A job of systemd goes on without whoever asked for it; `HAProxy` has done what it was told,
    /// or was not told, before a connection could be seen to be lost; and a request is the
    /// broker's.
    pub fn needs_unit(&self) -> bool {
        match self {
            Self::Ctl { .. }
            | Self::Upgrade { .. }
            | Self::Queues { .. }
            | Self::Cookie { .. }
            | Self::ForceStandalone { .. }
            | Self::SetAside { .. }
            | Self::Service {
                verb: ServiceVerb::Kill,
                ..
            } => true,
            Self::Service { .. } | Self::Haproxy(_) | Self::Api { .. } => false,
        }
    }

    /// The command. Always names the node, never prints a banner, always bounded.
    pub fn argv(&self) -> Argv {
        match self {
            Self::Ctl { node, verb, limit } => bounded("rabbitmqctl", node, *limit, &verb.words()),
            Self::Upgrade { node, verb, limit } => {
                let verb = match verb {
                    UpgradeVerb::Drain => "drain",
                    UpgradeVerb::Revive => "revive",
                };
                bounded("rabbitmq-upgrade", node, *limit, &[verb])
            }
            Self::Queues { node, verb, limit } => {
                let words = match verb {
                    QueuesVerb::Grow { onto } => vec!["grow", onto.as_str(), "all"],
                    QueuesVerb::Shrink { off } => vec!["shrink", off.as_str()],
                    QueuesVerb::Rebalance => vec!["rebalance", "all"],
                };
                bounded("rabbitmq-queues", node, *limit, &words)
            }
            Self::Service { name, verb } => verb.argv(name),
            Self::Api { call, at } => call.argv(at),
            Self::Haproxy(set) => set.argv(),
            Self::Cookie { verb } => verb.argv(),
            Self::ForceStandalone { node, limit } => ctl::force_standalone(node, *limit),
            Self::SetAside {
                service,
                dir,
                stamp,
            } => data::set_aside(service, dir, stamp),
        }
    }
}

impl Change {
    /// What a person does instead where the command alone, pasted, would not do.
    pub fn by_hand(&self) -> Option<&'static str> {
        matches!(self, Self::Cookie { .. }).then_some(
            "rmqtop seals the cookie on the one host for the other; by hand: with the service stopped, \
             copy .erlang.cookie of the home of rabbitmq from host to host (owner rabbitmq, mode 400), \
             without a copy on the way. The command is:",
        )
    }
}

/// A command line tool of RabbitMQ, told which node and how long it may take.
fn bounded(program: &str, node: &NodeName, limit: Duration, words: &[&str]) -> Argv {
    let seconds = limit.as_secs().max(1).to_string();
    let mut argv = Argv::new(program, ["-n", node.as_str(), "-t", &seconds, "--silent"]);
    argv.args.extend(words.iter().map(ToString::to_string));
    argv
}

#[cfg(test)]
mod tests {
    use super::{Change, CtlVerb, quoted};
    use crate::model::name::NodeName;
    use std::time::Duration;

    #[test]
    fn the_pasted_line_is_the_command() {
        let change = Change::Ctl {
            node: NodeName::parse("rabbit@rabbit-node3").unwrap(),
            verb: CtlVerb::StopApp,
            limit: Duration::from_secs(60),
        };
        assert_eq!(
            change.argv().to_string(),
            "rabbitmqctl -n rabbit@rabbit-node3 -t 60 --silent stop_app"
        );
    }

    #[test]
    fn quoting_survives_a_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's; $(id)"), r"'it'\''s; $(id)'");
        assert_eq!(quoted(""), "''");
    }
}
