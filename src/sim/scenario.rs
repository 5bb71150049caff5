//! Owns the scenarios of the demo: what goes wrong in each, and the finding by which it is known.

use super::world::{Air, Event, MEMORY_LIMIT, Release, Script, Size, Unit, World};
use std::time::Duration;
use strum::EnumMessage;

/// What is played.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
    strum::EnumIter,
    strum::EnumMessage,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Scenario {
    /// All is well
    Healthy,
    /// A broker died, and its service is not started again
    NodeDown,
    /// Somebody stopped the app of a broker
    AppStopped,
    /// A broker takes connections and says nothing
    HungNode,
    /// Two hosts hold the VIP at the same time
    SplitVip,
    /// keepalived is stopped on the standby
    NoStandby,
    /// A broker uses more memory than it may, and publishers wait everywhere
    MemoryAlarm,
    /// Two brokers see each other, the third sees neither
    Partition,
    /// The check script cannot be run, and nobody holds the VIP
    BrokenCheckScript,
    /// The disc of a broker is full, and publishers wait everywhere
    FullDisk,
    /// The cluster does not start: the members that are left wait for one that is lost
    LostLastNode,
    /// 100,000 queues and thousands of connections
    Busy,
    /// A story of ten minutes in which one thing leads to the next
    Incident,
}

impl Scenario {
    /// What it is about, in one sentence.
    pub fn about(self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }

    /// The finding by which it is known; none where all is well.
    pub fn mark(self) -> Option<&'static str> {
        match self {
            Self::Healthy | Self::Busy => None,
            Self::NodeDown | Self::AppStopped | Self::HungNode => Some("N1"),
            Self::SplitVip => Some("D18"),
            Self::NoStandby => Some("V1"),
            Self::MemoryAlarm | Self::FullDisk | Self::Incident => Some("D10"),
            Self::Partition => Some("D16"),
            Self::BrokenCheckScript => Some("D6"),
            Self::LostLastNode => Some("N5"),
        }
    }

    /// What else is true then and follows from no other finding: each member that does not run.
    pub fn beside(self, release: Release) -> &'static [&'static str] {
        match self {
            Self::LostLastNode if release.is_khepri() => &["N1", "N1", "N1", "V3"],
            Self::LostLastNode => &["N1", "N1", "N1"],
            Self::Healthy
            | Self::NodeDown
            | Self::AppStopped
            | Self::HungNode
            | Self::Partition
            | Self::Busy
            | Self::SplitVip
            | Self::NoStandby
            | Self::MemoryAlarm
            | Self::FullDisk
            | Self::BrokenCheckScript
            | Self::Incident => &[],
        }
    }

    /// How large its cluster is.
    pub fn size(self) -> Size {
        match self {
            Self::Busy => Size {
                queues: 100_000,
                clients: 4000,
            },
            Self::Healthy
            | Self::NodeDown
            | Self::AppStopped
            | Self::HungNode
            | Self::SplitVip
            | Self::NoStandby
            | Self::MemoryAlarm
            | Self::Partition
            | Self::BrokenCheckScript
            | Self::FullDisk
            | Self::LostLastNode
            | Self::Incident => Size {
                queues: 24,
                clients: 37,
            },
        }
    }

    /// The cluster, with what happens in it; a few seconds old, so that what happened at the
    /// beginning has had its consequences.
    pub fn world(self, release: Release, size: Size, seed: u64) -> World {
        let mut world = World::new(release, size, seed);
        for (at, event) in self.beginning(release) {
            world.pass(at);
            world.happen(&event);
        }
        world.pass(Duration::from_secs(6));
        world.tell(self.story());
        world
    }

    /// What happened before anybody looks, each so long after the one before it.
    fn beginning(self, release: Release) -> Vec<(Duration, Event)> {
        let at = Duration::from_millis;
        let now = at(0);
        match self {
            Self::Healthy | Self::Busy | Self::Incident => Vec::new(),
            Self::NodeDown => vec![(now, Event::BrokerDies(2))],
            Self::AppStopped => vec![(now, Event::AppStops(2))],
            Self::HungNode => vec![(now, Event::BrokerHangs(2))],
            Self::SplitVip => vec![(now, Event::Air(Air::Deaf))],
            Self::NoStandby => vec![(now, Event::Keepalived(1, Unit::Inactive))],
            Self::MemoryAlarm => vec![(now, Event::Memory(1, MEMORY_LIMIT + 120_000_000))],
            Self::Partition => vec![(now, Event::Cut(0, 2)), (now, Event::Cut(1, 2))],
            Self::BrokenCheckScript => vec![(now, Event::Scripts(Script::Broken, 0))],
            Self::FullDisk => vec![(now, Event::DiscFree(1, 12_288_000))],
            // On Khepri two of three would do; there the host of a second one is gone.
            Self::LostLastNode if release.is_khepri() => vec![
                (now, Event::ServiceStops(1)),
                (at(900), Event::ServiceStops(0)),
                (at(900), Event::ServiceStops(2)),
                (at(900), Event::HostLost(0)),
                (now, Event::HostLost(2)),
                (now, Event::ServiceStarts(1)),
            ],
            Self::LostLastNode => vec![
                (now, Event::ServiceStops(0)),
                (at(900), Event::ServiceStops(1)),
                (at(900), Event::ServiceStops(2)),
                (at(900), Event::HostLost(2)),
            ],
        }
    }

    /// What happens while somebody looks, by the clock of the cluster.
    fn story(self) -> Vec<(Duration, Event)> {
        if self != Self::Incident {
            return Vec::new();
        }
        let at = Duration::from_secs;
        vec![
            // Consumers are slow, and memory fills up, until publishers wait everywhere.
            (at(20), Event::Memory(1, MEMORY_LIMIT / 10 * 8)),
            (at(50), Event::Memory(1, MEMORY_LIMIT / 10 * 9)),
            (at(90), Event::Memory(1, MEMORY_LIMIT + 90_000_000)),
            // The kernel ends what uses the most; the others take its clients.
            (at(160), Event::BrokerDies(1)),
            (at(160), Event::Memory(1, 141_000_000)),
            // One of them cannot cope. If the first is not back by now, there is no majority.
            (at(290), Event::BrokerHangs(2)),
            // Everybody comes again at once, which is too much for HAProxy, and the VIP moves.
            (at(420), Event::Haproxy(0, Unit::Failed)),
            (at(540), Event::Haproxy(0, Unit::Active)),
        ]
    }
}
