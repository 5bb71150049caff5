//! Owns which servers have accepted a password. Until one has, a single question tries it there
//! and all others wait for the verdict, however long that takes: every further attempt with a
//! wrong password could lock the account.

use crate::model::observation::SourceFailure;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Held by who tries, with the last failure to do so and when that was: it counts for all who
/// waited for it.
type Trial = tokio::sync::Mutex<Option<(SourceFailure, Instant)>>;

/// What is known of the password, by scheme, host and port.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accepted: BTreeSet<String>,
    trials: BTreeMap<String, Arc<Trial>>,
}

impl Proofs {
    /// Returns when `origin` has accepted the password. `attempt` asks it; any answer but an error
    /// is acceptance. Runs at most once at a time for an origin, and never again after a success.
    pub(super) async fn wait<F>(
        &self,
        origin: &str,
        attempt: impl FnOnce() -> F,
    ) -> Result<(), SourceFailure>
    where
        F: Future<Output = Result<(), SourceFailure>>,
    {
        let since = Instant::now();
        if self.is_accepted(origin) {
            return Ok(());
        }
        let trial = self.trial(origin);
        let mut last = trial.lock().await;
        if self.is_accepted(origin) {
            return Ok(());
        }
        if let Some((failure, at)) = &*last
            && *at >= since
        {
            return Err(failure.clone());
        }
        match attempt().await {
            Ok(()) => {
                self.state().accepted.insert(origin.to_owned());
                Ok(())
            }
            Err(failure) => {
                *last = Some((failure.clone(), Instant::now()));
                Err(failure)
            }
        }
    }

    /// The password may be another from now on: all are asked again. Who is being asked already
    /// is not asked a second time meanwhile.
    pub(super) fn doubt(&self) {
        self.state().accepted.clear();
    }

    fn is_accepted(&self, origin: &str) -> bool {
        self.state().accepted.contains(origin)
    }

    fn trial(&self, origin: &str) -> Arc<Trial> {
        let mut state = self.state();
        Arc::clone(state.trials.entry(origin.to_owned()).or_default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
