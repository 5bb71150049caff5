//! Owns what a broker's log says of a start that fails or waits: the kinds that have an answer, told
//! apart by the words RabbitMQ and Erlang use. Sources: `rabbit_prelaunch_dist`, `rabbit_mnesia`,
//! `rabbit_khepri`, `rabbit_table` and Erlang's `dist_util`, releases 3.10 to 4.3.

use super::text::Shown;

/// Why a start fails or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StartFault {
    /// The cluster does not know it any more, or the other way round.
    Forgotten,
    /// Its Erlang cookie is another.
    Cookie,
    /// Its disc is full.
    DiskFull,
    /// A runtime of its name is there already.
    NameTaken,
    /// Another program has one of its ports.
    PortTaken,
    /// Its release or feature flags do not fit the cluster's.
    Release,
    /// Its configuration cannot be read.
    Config,
    /// It waits for members that stopped after it (Mnesia).
    Tables,
    /// It waits for a majority to choose a leader (Khepri).
    Leader,
    /// Something else.
    Other,
}

/// Signs of each kind, lower case. The gravest come first: a node with a wrong cookie waits for its
/// peers as well.
const SIGNS: [(&str, StartFault); 24] = [
    ("inconsistent_cluster", StartFault::Forgotten),
    ("thinks it's clustered with", StartFault::Forgotten),
    ("invalid challenge", StartFault::Cookie),
    ("challenge reply", StartFault::Cookie),
    ("authentication failed", StartFault::Cookie),
    ("enospc", StartFault::DiskFull),
    ("no space left", StartFault::DiskFull),
    ("duplicate_node_name", StartFault::NameTaken),
    ("already running on", StartFault::NameTaken),
    ("seems to be in use by another", StartFault::NameTaken),
    ("eaddrinuse", StartFault::PortTaken),
    ("dist_port_already_used", StartFault::PortTaken),
    ("address already in use", StartFault::PortTaken),
    ("incompatible_feature_flags", StartFault::Release),
    ("schema_integrity_check_failed", StartFault::Release),
    ("feature flags", StartFault::Release),
    ("failed_to_prepare_configuration", StartFault::Config),
    ("failed to prepare configuration", StartFault::Config),
    ("error generating configuration", StartFault::Config),
    ("error while waiting for mnesia", StartFault::Tables),
    ("waiting for mnesia tables", StartFault::Tables),
    ("timeout_waiting_for_tables", StartFault::Tables),
    ("leader", StartFault::Leader),
    ("khepri", StartFault::Leader),
];

impl StartFault {
    /// What the lines say, and the line that says it; `None` without lines.
    pub fn read(lines: &[Shown]) -> Option<(Self, &Shown)> {
        for (sign, fault) in SIGNS {
            let has = |line: &&Shown| line.raw().to_lowercase().contains(sign);
            if let Some(line) = lines.iter().rev().find(has) {
                return Some((fault, line));
            }
        }
        Some((Self::Other, lines.last()?))
    }

    /// The node that a line says was turned away for its cookie.
    pub fn turned_away(line: &Shown) -> Option<&str> {
        let words = line.raw();
        let is_cookie = |(sign, fault): &(&str, Self)| {
            *fault == Self::Cookie && words.to_lowercase().contains(sign)
        };
        SIGNS.iter().find(|sign| is_cookie(sign))?;
        words.split('\'').find(|word| word.contains('@'))
    }

    /// Whether it goes on by itself once others are there.
    pub fn waits(self) -> bool {
        matches!(self, Self::Tables | Self::Leader)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Forgotten => "the other members do not count it as one of theirs any more",
            Self::Cookie => "its Erlang cookie is not that of the others",
            Self::DiskFull => "its disc is full",
            Self::NameTaken => "a runtime of the same name is there already",
            Self::PortTaken => "another program has one of its ports",
            Self::Release => "its release or feature flags do not fit those of the cluster",
            Self::Config => "its configuration cannot be read",
            Self::Tables => "it waits for members that stopped after it",
            Self::Leader => "it waits for a majority of the members to choose a leader",
            Self::Other => "its log has an error",
        }
    }

    /// The runbook that ends it.
    pub fn answer(self) -> Option<&'static str> {
        match self {
            Self::Forgotten => Some("rejoin"),
            Self::Cookie => Some("cookie-align"),
            Self::DiskFull
            | Self::NameTaken
            | Self::PortTaken
            | Self::Release
            | Self::Config
            | Self::Tables
            | Self::Leader
            | Self::Other => None,
        }
    }

    /// What a person does about it, where no runbook does.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Forgotten => "rejoin makes it a member again; its queues' copies there are lost",
            Self::Cookie => "stop it, then give it the cookie of the others",
            Self::DiskFull => "free space on its host, then it starts by itself",
            Self::NameTaken => "end the other runtime of that name on its host",
            Self::PortTaken => "`ss -ltnp` on its host names the program that has the port",
            Self::Release => "install the release of the other members on its host",
            Self::Config => "mend rabbitmq.conf on its host",
            Self::Tables | Self::Leader => {
                "start the other members; it goes on when they are there"
            }
            Self::Other => "read the end of its log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StartFault;
    use crate::model::text::Shown;
    use rstest::rstest;

    #[rstest]
    #[case(
        "{error,{inconsistent_cluster,\"Node 'rabbit@b' thinks it's clustered with node 'rabbit@a', but 'rabbit@a' disagrees\"}}",
        StartFault::Forgotten
    )]
    #[case(
        "** Connection attempt from node 'rabbit@c' rejected. Invalid challenge reply. **",
        StartFault::Cookie
    )]
    #[case("{error,{file_error,\"LATEST.LOG\",enospc}}", StartFault::DiskFull)]
    #[case(
        "ERROR: node with name \"rabbit\" is already running on host \"b\"",
        StartFault::NameTaken
    )]
    #[case(
        "Failed to start Ranch listener for port 5672: eaddrinuse",
        StartFault::PortTaken
    )]
    #[case(
        "Error while waiting for Mnesia tables: {timeout_waiting_for_tables,['rabbit@a']}",
        StartFault::Tables
    )]
    #[case(
        "Waiting for Khepri leader for 30000 ms, 9 retries left",
        StartFault::Leader
    )]
    #[case("BOOT FAILED", StartFault::Other)]
    fn a_line_is_known_by_its_words(#[case] line: &str, #[case] fault: StartFault) {
        let lines = [Shown::new(line)];
        assert_eq!(StartFault::read(&lines), Some((fault, &lines[0])));
    }

    #[test]
    fn a_wrong_cookie_stands_above_the_wait_that_follows() {
        let lines = [
            Shown::new(
                "** Connection attempt from node 'rabbit@c' rejected. Invalid challenge reply. **",
            ),
            Shown::new("Waiting for Khepri leader for 30000 ms, 3 retries left"),
        ];
        let read = StartFault::read(&lines).map(|(fault, _)| fault);
        assert_eq!(read, Some(StartFault::Cookie));
        assert_eq!(StartFault::read(&[]), None);
    }
}
