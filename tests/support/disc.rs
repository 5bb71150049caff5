//! What each host says of its own disc and files: the names it finds, its Erlang cookie, the data of
//! its node.

use super::{Cluster, Life, address, node};
use rmqtop::model::cookie::{CookieDigest, CookieReport};
use rmqtop::model::data::{DEFAULT_BASE, DataReport, DataState};
use rmqtop::model::host::NameReport;
use rmqtop::model::name::DataPath;
use rmqtop::model::text::Shown;

impl Cluster {
    /// Every host finds every other.
    pub(super) fn names(&self, index: usize) -> NameReport {
        let others = (0..self.lives.len()).filter(|other| *other != index);
        NameReport {
            found: others
                .map(|other| {
                    let name = Shown::new(node(other).host_part());
                    (name, address(other).parse().unwrap())
                })
                .collect(),
        }
    }

    /// One cookie for all but the odd ones.
    pub(super) fn cookie(&self, index: usize) -> CookieReport {
        let own = if self.odd_cookies.contains(&index) {
            index + 1
        } else {
            0
        };
        CookieReport {
            digest: CookieDigest::parse(&format!("{own:064x}")),
            is_private: true,
            obstacles: Vec::new(),
        }
    }

    /// Where the packages put it; empty after it was moved aside, until the node runs again.
    pub(super) fn data(&self, index: usize) -> DataReport {
        let up = !matches!(self.lives[index], Life::Down | Life::HostDead);
        let moved = self.aside.iter().filter(|(on, _)| *on == index);
        let aside: Vec<Shown> = moved.map(|(_, path)| Shown::new(path)).collect();
        let is_empty = self.wiped.contains(&index) || !up && !aside.is_empty();
        let name = node(index);
        DataReport {
            dir: DataPath::parse(DEFAULT_BASE).unwrap(),
            by: Shown::new("the default"),
            state: if is_empty {
                DataState::Empty
            } else {
                DataState::Directory
            },
            holds: if is_empty {
                Vec::new()
            } else {
                vec![
                    Shown::new(name.as_str()),
                    Shown::new(&format!("{name}-feature_flags")),
                ]
            },
            runtimes: usize::from(up),
            aside,
        }
    }
}
