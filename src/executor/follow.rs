//! Owns the following of runs by their journals on this machine, whoever writes them: what is new
//! since the last look. Reads only; a journal that did not grow is not read again.

use super::event::RunId;
use super::journal::{self, JournalError};
use super::lock::ClusterLock;
use super::record::{Kept, Look, RunRecord, Writer};
use super::resume;
use super::state::StateDir;
use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

/// The latest runs that are followed; older ones are only counted.
const FOLLOWED: usize = 300;

/// Follows the journals.
#[derive(Debug)]
pub struct Follower {
    state: StateDir,
    seen: BTreeMap<RunId, Seen>,
    older: Option<usize>,
}

/// What was seen of a journal last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: Option<SystemTime>,
    /// The cluster of a run that has no end yet: whether it goes on is asked each time.
    open: Option<String>,
    writer: Writer,
}

impl Follower {
    /// Nothing was looked at yet.
    pub fn new(state: StateDir) -> Self {
        Self {
            state,
            seen: BTreeMap::new(),
            older: None,
        }
    }

    /// What is new since the last look; everything at the first. `None`: nothing is. Blocks for
    /// as long as the disc does.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read. A journal that cannot is told as one.
    pub fn look(&mut self) -> Result<Option<Look>, JournalError> {
        let mut ids = journal::ids(&self.state)?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let older = ids.len().saturating_sub(FOLLOWED);
        ids.truncate(FOLLOWED);
        let kept: Vec<Kept> = ids.into_iter().filter_map(|id| self.news(id)).collect();
        let is_new = self.older.replace(older) != Some(older) || !kept.is_empty();
        Ok(is_new.then_some(Look { kept, older }))
    }

    /// Whether a run has no end yet and its process lives: worth looking at more often.
    pub fn is_live(&self) -> bool {
        self.seen.values().any(|seen| seen.writer == Writer::Lives)
    }

    fn news(&mut self, id: RunId) -> Option<Kept> {
        // Asked before the file is read: a process that ends meanwhile has written its end.
        let before = self.seen.get(&id);
        let writer = before.map_or(Writer::Gone, |seen| self.writer(&id, seen.open.as_deref()));
        let file = fs::metadata(journal::path_of(&self.state, &id)).ok()?;
        let (len, modified) = (file.len(), file.modified().ok());
        if before
            .is_some_and(|seen| (seen.len, seen.modified, seen.writer) == (len, modified, writer))
        {
            return None;
        }
        let record = journal::record(&self.state, &id);
        let open = record
            .as_ref()
            .ok()
            .filter(|record| !record.is_finished())
            .map(|record| record.plan.cluster.clone());
        let writer = match before {
            Some(_) => writer,
            None => self.writer(&id, open.as_deref()),
        };
        let seen = Seen {
            len,
            modified,
            open,
            writer,
        };
        self.seen.insert(id.clone(), seen);
        Some(kept(id, record, writer))
    }

    /// Whether the run of a journal without an end goes on.
    fn writer(&self, id: &RunId, open: Option<&str>) -> Writer {
        let holder = open.and_then(|cluster| ClusterLock::holder(&self.state, cluster));
        if holder.is_some_and(|holder| holder.run == *id) {
            Writer::Lives
        } else {
            Writer::Gone
        }
    }
}

fn kept(run: RunId, record: Result<RunRecord, JournalError>, writer: Writer) -> Kept {
    match record {
        Ok(record) => Kept {
            run,
            closed: resume::closed(&record),
            record: Ok(Box::new(record)),
            writer,
        },
        Err(error) => Kept {
            run,
            closed: Some("its journal cannot be read".to_owned()),
            record: Err(format!("failed to {error}")),
            writer,
        },
    }
}
