//! Owns the one polling actor all sources share: interval, limit, back-off, "now", pause, end.
//! An actor never dies of a failure; a failure is an observation like any other.

use super::{Report, Source};
use crate::clock;
use crate::model::freshness_limit;
use crate::model::observation::{FailureKind, Observation, SourceFailure, SourceId};
use crate::remote::backoff::{Backoff, roll};
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// Pace of a source that failed in a way only a person can mend (a wrong password must not be
/// tried often: it could lock the account).
const SETTLED_INTERVAL: Duration = Duration::from_secs(60);
/// Longest wait after failures. Shorter than the time a failure counts as current, so that a
/// host that stays silent stays known to be silent.
const BACKOFF_CAP: Duration = Duration::from_secs(8);
/// How long a knock at the door may take, after an answer did not come in time.
const KNOCK_LIMIT: Duration = Duration::from_secs(1);
/// A source may use one part in this many of the other side's time.
const IDLE_SHARE: u32 = 20;

/// How often a source is asked, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// From one question to the next.
    pub interval: Duration,
    /// From the question to the complete answer.
    pub limit: Duration,
}

impl Cadence {
    /// Of what is asked on demand only, by commands that take `limit` together.
    pub(super) const fn on_demand(limit: Duration) -> Self {
        Self::with_room(Duration::from_secs(15), limit)
    }

    /// Of what takes a command that ends itself after `limit`, so that its own words are heard.
    pub(super) const fn with_room(interval: Duration, limit: Duration) -> Self {
        Self {
            interval,
            limit: limit.saturating_add(Duration::from_secs(1)),
        }
    }
}

/// Whether the pollers ask at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Running,
    Paused,
}

/// What an actor is told while it runs.
#[derive(Debug, Clone)]
pub(super) struct Control {
    /// Holds one wish at most: any number of wishes before the next poll are one.
    pub(super) now: Arc<Notify>,
    pub(super) pace: watch::Receiver<Pace>,
    pub(super) end: CancellationToken,
    pub(super) out: mpsc::Sender<Observation>,
    /// Wakes the other sources of a host whose state changed.
    pub(super) neighbours: Neighbours,
}

/// The wake-up calls of all sources that ask the same host.
#[derive(Debug, Clone, Default)]
pub(super) struct Neighbours(pub(super) Vec<Arc<Notify>>);

impl Neighbours {
    /// Has them ask now: what one source of a host saw change, the others will see too.
    pub(super) fn wake(&self) {
        self.0.iter().for_each(|now| now.notify_one());
    }
}

impl Control {
    /// Reports; `false` if nobody listens any more.
    pub(super) async fn report(&self, observation: Observation) -> bool {
        tokio::select! {
            () = self.end.cancelled() => false,
            sent = self.out.send(observation) => sent.is_ok(),
        }
    }

    /// Waits for `until` or a wish; `false` if it is over. While paused only a wish counts.
    pub(super) async fn wait(&mut self, until: Instant) -> bool {
        loop {
            let pace = *self.pace.borrow_and_update();
            let due = async {
                match pace {
                    Pace::Running => sleep_until(until).await,
                    Pace::Paused => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.end.cancelled() => return false,
                () = self.now.notified() => return true,
                () = due => return true,
                changed = self.pace.changed() => {
                    if changed.is_err() {
                        return false;
                    }
                }
            }
        }
    }
}

/// Asks once, within the source's own limit and this one.
pub(super) async fn ask(source: &dyn Source, longest: Duration) -> Observation {
    let limit = source.cadence().limit.min(longest);
    let begun = Instant::now();
    let Report { host, outcome } = match timeout(limit, source.observe()).await {
        Ok(report) => report,
        Err(_elapsed) => late(source, limit).await,
    };
    Observation {
        source: SourceId::new(source.id().kind, host),
        at: clock::now(),
        took: begun.elapsed(),
        outcome,
    }
}

/// No answer came: from nobody, or from someone who accepts connections.
async fn late(source: &dyn Source, limit: Duration) -> Report {
    let accepts = timeout(KNOCK_LIMIT, source.accepts())
        .await
        .unwrap_or(false);
    let (kind, words) = if accepts {
        let words = "it accepts connections, but gave no answer within";
        (FailureKind::Mute, words)
    } else {
        (FailureKind::Timeout, "no answer within")
    };
    // Tenths: what is left of a longer wait is no round number.
    let tenths = (limit.as_secs_f32() * 10.0).round() / 10.0;
    let text = format!("{}: {words} {tenths} s", source.id());
    Report {
        host: source.id().host,
        outcome: Err(SourceFailure::new(kind, text)),
    }
}

/// When to ask next, counted from the last question.
pub(super) fn pause_after(
    cadence: Cadence,
    observation: &Observation,
    failures: u32,
    roll: f64,
) -> Duration {
    match &observation.outcome {
        Ok(_) => {
            // However slow the other side is, its answers must not grow old before the next.
            let longest = freshness_limit(observation.source.kind).mul_f64(0.8);
            let polite = observation.took.saturating_mul(IDLE_SHARE).min(longest);
            polite.max(cadence.interval)
        }
        Err(failure) if failure.kind.is_settled() => SETTLED_INTERVAL,
        Err(_) => {
            let backoff = Backoff {
                base: cadence.interval.min(BACKOFF_CAP),
                cap: BACKOFF_CAP.max(cadence.interval),
            };
            backoff.wait(failures, roll)
        }
    }
}

/// Asks `source` until told to end.
pub(super) async fn poll(source: Arc<dyn Source>, mut control: Control) {
    let mut failures = 0_u32;
    let mut was_good = None;
    loop {
        // Wishes until here are one, and this poll grants it.
        let _granted = control.now.notified().now_or_never();
        let begun = Instant::now();
        let observation = tokio::select! {
            () = control.end.cancelled() => return,
            observation = ask(&*source, Duration::MAX) => observation,
        };
        let is_good = observation.outcome.is_ok();
        failures = if is_good {
            0
        } else {
            failures.saturating_add(1)
        };
        let pause = pause_after(source.cadence(), &observation, failures, roll());
        if was_good.replace(is_good).is_some_and(|was| was != is_good) {
            control.neighbours.wake();
        }
        if !control.report(observation).await || !control.wait(begun + pause).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
