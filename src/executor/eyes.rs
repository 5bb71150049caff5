//! Owns the trait through which a run looks at the cluster. A look is asked for and awaited,
//! unlike the pollers' observations, so that a step never decides on what was true before it.

use crate::model::observation::{Observation, SourceKind};
use crate::sources::Fleet;
use futures_util::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;

/// Looks at the cluster, now.
pub trait Eyes: Debug + Send {
    /// Asks every host that can answer one of `kinds`, side by side, and gives what came back:
    /// answers and failures. Each question has its own time limit.
    ///
    /// What is missing from the result counts as not known; nothing is taken from memory.
    fn look<'a>(&'a mut self, kinds: &'a [SourceKind]) -> BoxFuture<'a, Vec<Observation>>;

    /// Something was done to the cluster: who was refused before, and is spared for a while so that
    /// no account is locked, may be asked again. A node that has joined knows other users than the
    /// blank one did.
    fn forgive(&mut self) {}
}

/// The sources' own questions, put on demand.
#[derive(Debug, Clone)]
pub struct FleetEyes(Arc<Fleet>);

impl FleetEyes {
    /// Looks through `fleet`.
    pub fn new(fleet: Arc<Fleet>) -> Self {
        Self(fleet)
    }
}

impl Eyes for FleetEyes {
    fn look<'a>(&'a mut self, kinds: &'a [SourceKind]) -> BoxFuture<'a, Vec<Observation>> {
        Box::pin(self.0.survey(kinds))
    }

    fn forgive(&mut self) {
        self.0.forgive();
    }
}
