//! Owns the names of things that end up in commands and paths, validated once.
//!
//! A value of these types can be handed to a shell-free argv without further thought: it never
//! starts with `-` and holds no white space, quotes or control characters.

use super::text::Shown;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not of the form `rabbit@host`.
    #[error("`{0}` is not a node name; expected the form rabbit@host")]
    Node(Shown),
    /// Not a usable cluster name.
    #[error(
        "`{0}` cannot name a cluster: 1 to 255 characters, none of them invisible, not beginning with `-`"
    )]
    Cluster(Shown),
    /// Not a host name.
    #[error("`{0}` is not a host name; letters, digits, `.`, `-` and `_` are allowed")]
    Host(Shown),
    /// Not a name that HAProxy takes in its configuration.
    #[error("`{0}` is not a name of HAProxy's; letters, digits, `.`, `-`, `_` and `:` are allowed")]
    Haproxy(Shown),
    /// Not a path that can stand in an address of `socat`'s.
    #[error(
        "`{0}` is not the path of a socket; expected an absolute path of letters, digits, `/`, `.`, `-`, `_`, `@`, `+` and `=`"
    )]
    Socket(Shown),
    /// Not the name of a systemd service.
    #[error(
        "`{0}` is not the name of a systemd service; letters, digits, `.`, `-`, `_`, `:` and `@` are allowed, and `.service` as its only ending"
    )]
    Service(Shown),
    /// Not the path of a data directory.
    #[error("`{0}` is no plain path of a data directory")]
    Path(Shown),
}

/// An Erlang node name such as `rabbit@rabbit-node1`. Case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Box<str>);

impl NodeName {
    /// Validates `^[A-Za-z0-9_-]+@[A-Za-z0-9_.-]+$`, refusing a leading `-` on either side.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fault = || NameError::Node(Shown::new(text));
        let (name, host) = text.split_once('@').ok_or_else(fault)?;
        let ok = !name.is_empty()
            && !name.starts_with('-')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            && is_host(host)
            && text.len() <= 255;
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(fault())
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`; registered under this name in epmd.
    pub fn name_part(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(name, _)| name)
    }

    /// The host's part where the node is called `rabbit`, as nearly all are; else the whole, for
    /// two nodes of one host must not be called the same.
    pub fn short(&self) -> &str {
        if self.name_part() == "rabbit" {
            self.host_part()
        } else {
            self.as_str()
        }
    }

    /// What stands after the `@`.
    pub fn host_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, host)| host)
    }
}

/// A host's name in the inventory, such as `rabbit-node1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Box<str>);

impl HostName {
    /// Validates letters, digits, `.`, `-`, `_`, not starting with `-` or `.`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_host(text) && text.len() <= 253 {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Host(Shown::new(text)))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name a cluster can be given. Unlike the others it may hold spaces and quotes, so it must pass
/// as one word of an argv, never through a shell unquoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(Box<str>);

impl ClusterName {
    /// Refuses what is empty, too long, would be taken for an option, or cannot be shown as it is.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shown = Shown::new(text);
        let ok = !text.trim().is_empty()
            && text.len() <= 255
            && !text.starts_with('-')
            && shown.as_str() == text;
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Cluster(shown))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a proxy or of a server in `HAProxy`'s configuration. Holds nothing by which a line of
/// its runtime protocol could be ended, or a second command be begun.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HaproxyName(Box<str>);

impl HaproxyName {
    /// Validates letters, digits, `-`, `_`, `.`, `:` (`HAProxy` configuration manual 4, "proxies"),
    /// refusing a leading `-`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let ok = !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'));
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Haproxy(Shown::new(text)))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a runtime socket stands on its host. Holds nothing that means something in an address of
/// `socat`'s, such as a comma, after which options follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SocketPath(Box<str>);

impl SocketPath {
    /// Validates an absolute path of letters, digits and `/ . - _ @ + =`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let ok = text.starts_with('/')
            && text.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '@' | '+' | '=')
            });
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Socket(Shown::new(text)))
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An absolute path of harmless characters, at least two levels below `/`, with no way back in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DataPath(Box<str>);

impl DataPath {
    /// Refuses relative paths, `/`, its direct children, `.` and `..`, and what a shell could take
    /// for anything but a word.
    ///
    /// # Errors
    ///
    /// If it is no such path.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fault = || NameError::Path(Shown::new(text));
        let rest = text.strip_prefix('/').ok_or_else(fault)?;
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.starts_with('-')
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_.@+-".contains(c))
        };
        let parts: Vec<&str> = rest.split('/').collect();
        if parts.len() >= 2 && parts.into_iter().all(plain) && text.len() <= 255 {
            Ok(Self(text.into()))
        } else {
            Err(fault())
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is moved to: beside it, so that it stays on its device.
    pub fn aside(&self, stamp: &Stamp) -> String {
        format!("{}.bak-{}", self.0, stamp.0)
    }
}

impl TryFrom<String> for DataPath {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<DataPath> for String {
    fn from(path: DataPath) -> Self {
        path.0.into()
    }
}

impl fmt::Display for DataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment as part of a file's name: `20261122-140231`, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(Box<str>);

impl Stamp {
    /// The stamp of a moment.
    pub fn new(at: jiff::Timestamp) -> Self {
        Self(at.strftime("%Y%m%d-%H%M%S").to_string().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '.'])
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

macro_rules! text_like {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}
text_like!(NodeName);
text_like!(HostName);
text_like!(ClusterName);
text_like!(HaproxyName);
text_like!(SocketPath);

mod service;
pub use service::ServiceName;

macro_rules! broker_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Shown);

        impl $name {
            /// Takes a name as the broker gave it.
            pub fn new(raw: &str) -> Self {
                Self(Shown::new(raw))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
broker_name!(
    /// A virtual host's name; may hold any character.
    VhostName
);
broker_name!(
    /// A queue's name; may hold any byte but CR and LF, so it is only ever displayed escaped.
    QueueName
);

#[cfg(test)]
mod tests {
    use super::{ClusterName, DataPath, HaproxyName, HostName, NodeName, SocketPath, Stamp};

    #[test]
    fn a_node_name_has_two_parts() {
        let node = NodeName::parse("rabbit@rabbit-node1").unwrap();
        assert_eq!(
            (node.name_part(), node.host_part()),
            ("rabbit", "rabbit-node1")
        );
        assert_eq!(node.short(), "rabbit-node1");
        let second = NodeName::parse("hare@rabbit-node1").unwrap();
        assert_eq!(second.short(), "hare@rabbit-node1");
    }

    #[test]
    fn names_that_could_act_in_a_command_are_refused() {
        for bad in [
            "rabbit", "@h", "a@", "-n@h", "a@-h", "a b@h", "a@h;id", "a@$(id)", "a@h\n", "é@h",
        ] {
            assert!(NodeName::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", " ", "-n", "a\nb", "a\u{1b}[2J", "\u{202e}a"] {
            assert!(ClusterName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ClusterName::parse("prod \"west\" 'é'").is_ok());
        for bad in ["", "-h", ".h", "a b", "a/b", "a\u{1b}b"] {
            assert!(HostName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_could_act_on_a_runtime_socket_are_refused() {
        for good in ["mq-node1", "rabbitmq_cluster", "a.b:5672"] {
            assert_eq!(HaproxyName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a b",
            "a;shutdown",
            "a\nb",
            "a/b",
            "a\\b",
            "a%",
            "$(id)",
            "é",
            "a\0",
        ] {
            assert!(HaproxyName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(SocketPath::parse("/run/haproxy/admin.sock").is_ok());
        for bad in [
            "run/x",
            "",
            "/run/a,exec:sh",
            "/run/a!!b",
            "/run/a b",
            "/run/'",
            "/a\n",
            "/run/$x",
        ] {
            assert!(SocketPath::parse(bad).is_err(), "{bad:?}");
        }
    }

    const DATA: &str = "/var/lib/rabbitmq/mnesia";

    #[test]
    fn only_a_harmless_path_is_one() {
        for text in [DATA, "/srv/mq", "/data/rabbit@a_b-c.d+e"] {
            assert_eq!(DataPath::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "/",
            "/var",
            "var/lib",
            "/var/lib/",
            "/var//lib",
            "/var/../etc",
            "/var/./lib",
            "/var/$(id)",
            "/var/a b",
            "/var/-rf",
            "/var/a\nb",
        ] {
            assert!(DataPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn it_is_moved_beside_itself() {
        let dir = DataPath::parse(DATA).unwrap();
        let stamp = Stamp::new(jiff::Timestamp::from_second(1_795_356_151).unwrap());
        assert_eq!(
            dir.aside(&stamp),
            "/var/lib/rabbitmq/mnesia.bak-20261122-140231"
        );
    }
}
