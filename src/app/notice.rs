//! Owns the short message in the footer: what was just done or why it was not. It goes by itself.

use crate::model::moment::Moment;
use std::time::Duration;

/// How long a message stays.
const STAYS: Duration = Duration::from_secs(8);

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub words: String,
    /// How it is meant.
    pub tone: Tone,
    at: Moment,
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// For information.
    Plain,
    /// Something asked for was not done.
    Refused,
    /// Something changed that the operator must see.
    News,
}

impl Notice {
    /// A message as of now.
    pub fn new(tone: Tone, words: impl Into<String>, at: Moment) -> Self {
        Self {
            words: words.into(),
            tone,
            at,
        }
    }

    /// Whether it is still shown.
    pub fn is_shown(&self, now: Moment) -> bool {
        now.since(self.at) < STAYS
    }
}
