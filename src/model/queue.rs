//! Owns how a queue is judged, by its state, its leader and its replicas.

use super::broker::{QueueRow, QueueType};
use super::name::NodeName;
use super::text::Shown;

/// What is wrong with a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The broker says `down`, `stopped` or `crashed`: no client reaches it.
    Stopped(String),
    /// None of its replicas is online.
    NoReplica,
    /// Its replicas that are online are no majority, or the broker says `minority`.
    NoMajority,
    /// It has replicas, and none of them leads.
    NoLeader,
    /// As many replicas are online as a majority needs, and no more: with the next one it stops.
    Thin,
}

impl Trouble {
    /// The rest of a sentence about one queue, or about several.
    pub fn words(&self) -> String {
        match self {
            Self::Stopped(state) => format!("in state {state}"),
            Self::NoReplica => "without a replica online".to_owned(),
            Self::NoMajority => "without a majority of replicas".to_owned(),
            Self::NoLeader => "without a leader".to_owned(),
            Self::Thin => "with a bare majority of replicas online".to_owned(),
        }
    }
}

/// What is wrong with a queue; the first that fits. Up to 3.12 a quorum queue without a majority
/// says `running` all the same, so that its replicas are counted too.
pub fn trouble(row: &QueueRow) -> Option<Trouble> {
    let state = row.state.as_ref().map(Shown::raw);
    if let Some(state) = state.filter(|state| matches!(*state, "down" | "stopped" | "crashed")) {
        return Some(Trouble::Stopped(state.to_owned()));
    }
    let is_raft = matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream));
    let (online, all) = (row.online.len(), row.members.len());
    let majority = all / 2 + 1;
    // A new one's row has no replicas for a while (up to five seconds, seen on 3.10.8).
    let counts = is_raft && all > 0;
    if counts && online == 0 {
        Some(Trouble::NoReplica)
    } else if state == Some("minority") || (counts && online < majority) {
        Some(Trouble::NoMajority)
    } else if counts && row.leader.is_none() {
        Some(Trouble::NoLeader)
    } else if counts && online < all && online == majority {
        Some(Trouble::Thin)
    } else {
        None
    }
}

/// Whose absence shows in it: replicas that are not online; of a queue without replicas, the node it
/// is on.
pub fn absent(row: &QueueRow) -> Vec<&NodeName> {
    let is_raft = matches!(row.queue_type, Some(QueueType::Quorum | QueueType::Stream));
    if !is_raft || row.members.is_empty() {
        return row.leader.iter().collect();
    }
    let mut absent: Vec<&NodeName> = row
        .members
        .iter()
        .filter(|member| !row.online.contains(member))
        .collect();
    absent.sort();
    absent
}

#[cfg(test)]
mod tests {
    use super::{Trouble, absent, trouble};
    use crate::model::broker::{QueueRow, QueueType};
    use crate::model::name::{NodeName, QueueName, VhostName};
    use crate::model::text::Shown;
    use rstest::rstest;

    fn row(kind: QueueType, state: &str, members: usize, online: usize) -> QueueRow {
        let nodes = |count: usize| -> Vec<NodeName> {
            let name = |at| NodeName::parse(&format!("rabbit@mq{at}")).unwrap();
            (1..=count).map(name).collect()
        };
        QueueRow {
            vhost: VhostName::new("/"),
            name: QueueName::new("q"),
            queue_type: Some(kind),
            leader: nodes(1).pop(),
            members: nodes(members),
            online: nodes(online),
            state: (!state.is_empty()).then(|| Shown::new(state)),
            durable: Some(true),
            exclusive: Some(false),
            policy: None,
            operator_policy: None,
            effective: None,
            synced: None,
            messages: None,
            ready: None,
            unacknowledged: None,
            consumers: None,
        }
    }

    #[rstest]
    #[case(QueueType::Classic, "running", 1, 1, None)]
    #[case(QueueType::Classic, "idle", 1, 1, None)]
    #[case(QueueType::Classic, "", 1, 1, None)]
    #[case(QueueType::Classic, "down", 1, 1, Some(Trouble::Stopped("down".to_owned())))]
    #[case(QueueType::Classic, "stopped", 1, 1, Some(Trouble::Stopped("stopped".to_owned())))]
    #[case(QueueType::Classic, "crashed", 1, 1, Some(Trouble::Stopped("crashed".to_owned())))]
    #[case(QueueType::Quorum, "down", 3, 0, Some(Trouble::Stopped("down".to_owned())))]
    #[case(QueueType::Quorum, "running", 3, 0, Some(Trouble::NoReplica))]
    #[case(QueueType::Quorum, "minority", 3, 3, Some(Trouble::NoMajority))]
    #[case(QueueType::Quorum, "running", 3, 1, Some(Trouble::NoMajority))]
    #[case(QueueType::Stream, "running", 3, 1, Some(Trouble::NoMajority))]
    #[case(QueueType::Quorum, "running", 3, 2, Some(Trouble::Thin))]
    #[case(QueueType::Quorum, "running", 5, 4, None)]
    #[case(QueueType::Quorum, "running", 5, 3, Some(Trouble::Thin))]
    #[case(QueueType::Quorum, "running", 3, 3, None)]
    // By choice.
    #[case(QueueType::Quorum, "running", 1, 1, None)]
    #[case(QueueType::Quorum, "running", 2, 2, None)]
    #[case(QueueType::Quorum, "running", 2, 1, Some(Trouble::NoMajority))]
    // New, its replicas are not told yet.
    #[case(QueueType::Quorum, "running", 0, 0, None)]
    // A mirror that is not synchronised is for the runbooks to wait for.
    #[case(QueueType::Classic, "running", 2, 1, None)]
    fn a_queue_is_judged_by_the_first_row_that_fits(
        #[case] kind: QueueType,
        #[case] state: &str,
        #[case] members: usize,
        #[case] online: usize,
        #[case] expected: Option<Trouble>,
    ) {
        assert_eq!(trouble(&row(kind, state, members, online)), expected);
    }

    #[rstest]
    fn replicas_without_a_leader_are_of_no_use() {
        let leaderless = QueueRow {
            leader: None,
            ..row(QueueType::Quorum, "running", 3, 3)
        };
        assert_eq!(trouble(&leaderless), Some(Trouble::NoLeader));
    }

    #[rstest]
    #[case(QueueType::Classic, 1, 1, &["rabbit@mq1"])]
    #[case(QueueType::Quorum, 3, 2, &["rabbit@mq3"])]
    #[case(QueueType::Quorum, 3, 3, &[])]
    fn who_is_missing_is_named(
        #[case] kind: QueueType,
        #[case] members: usize,
        #[case] online: usize,
        #[case] expected: &[&str],
    ) {
        let row = row(kind, "running", members, online);
        let names: Vec<&str> = absent(&row).into_iter().map(NodeName::as_str).collect();
        assert_eq!(names, expected);
    }
}
