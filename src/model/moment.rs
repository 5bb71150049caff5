//! Owns the pair of clocks every observation carries.
//!
//! Nothing here reads a clock: `tui`, `cli`, `sources` and `executor` do, and hand the value in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A point in time on both clocks: the monotonic one for ages, the wall clock for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Monotonic time since the process (or the recording) started.
    pub elapsed: Duration,
    /// Wall clock, for display and the journal only.
    pub wall: Timestamp,
}

impl Moment {
    /// Puts the two clocks together.
    pub fn new(elapsed: Duration, wall: Timestamp) -> Self {
        Self { elapsed, wall }
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed)
    }

    /// This moment, later by `by` on both clocks.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self {
            elapsed: self.elapsed + by,
            wall: self.wall.checked_add(by).unwrap_or(self.wall),
        }
    }

    /// This moment, earlier by `by` on both clocks; not before the start.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self {
            elapsed: self.elapsed.saturating_sub(by),
            wall: self.wall.checked_sub(by).unwrap_or(self.wall),
        }
    }

    /// The start of a recording, for tests and replays.
    pub const ORIGIN: Self = Self {
        elapsed: Duration::ZERO,
        wall: Timestamp::UNIX_EPOCH,
    };
}
