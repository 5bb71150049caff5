//! A journal with a fault.

use rmqtop::executor::event::{RunEvent, RunEventKind};
use rmqtop::executor::journal::{Audit, Durability, Journal, JournalError};
use std::io;

/// A journal that fails at a chosen event, as a full disc does: from then on for good.
#[derive(Debug)]
pub(super) struct FullDisc {
    journal: Journal,
    fails_at: fn(&RunEventKind) -> bool,
    full: bool,
}

impl FullDisc {
    /// `journal` until `fails_at` says so.
    pub(super) fn new(journal: Journal, fails_at: fn(&RunEventKind) -> bool) -> Self {
        Self {
            journal,
            fails_at,
            full: false,
        }
    }
}

impl Audit for FullDisc {
    fn append(&mut self, event: &RunEvent, durability: Durability) -> Result<(), JournalError> {
        self.full |= (self.fails_at)(&event.what);
        if self.full {
            return Err(JournalError::File {
                path: "/state/run.jsonl".into(),
                source: io::Error::from(io::ErrorKind::StorageFull),
            });
        }
        self.journal.append(event, durability)
    }
}
