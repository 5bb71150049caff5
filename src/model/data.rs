//! Owns what a host tells of the directory in which its node keeps its data: where it is, who says
//! so, and whether it may be moved.

use super::name::DataPath;
use super::text::Shown;

/// Where a node keeps its data if nobody says otherwise (file locations guide, `RABBITMQ_MNESIA_BASE`).
/// It is named so on Khepri too.
pub const DEFAULT_BASE: &str = "/var/lib/rabbitmq/mnesia";

/// The data directory of a host's node, and who uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataReport {
    /// Where it is.
    pub dir: DataPath,
    /// By whose word: the default, or a setting with its file.
    pub by: Shown,
    /// What stands there.
    pub state: DataState,
    /// Names in it, as many as were listed.
    pub holds: Vec<Shown>,
    /// Runtimes of the user `rabbitmq` on the host, registered in epmd or not.
    pub runtimes: usize,
    /// Full paths of what was moved aside earlier.
    pub aside: Vec<Shown>,
}

/// What stands where a node keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataState {
    /// Nothing.
    Absent,
    /// A directory with nothing in it.
    Empty,
    /// A directory.
    Directory,
    /// A symbolic link, on the path or at its end.
    Link,
    /// A file system of its own.
    Mount,
    /// Something else.
    Other,
}
