//! Owns `Reading<T>`: a value that knows its age and what happened since.
//!
//! Law: missing is never zero and never healthy. The last good value stays when a source fails,
//! but only `current` may be used to claim that something is so now.

use super::moment::Moment;
use super::observation::SourceFailure;
use std::time::Duration;

/// Why there is no value before the first question.
pub const NOT_ASKED: &str = "not asked yet";

/// The last good value of a source, its time, and the failures since.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    value: Option<(T, Moment)>,
    failures: u32,
    failure: Option<(SourceFailure, Moment)>,
    changed_at: Option<Moment>,
}

/// How far a reading can be trusted at a given moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Asked for, not answered yet.
    Pending,
    /// Good and young enough.
    Fresh,
    /// A good value exists, but it is old or the source failed since.
    Stale,
    /// Never a good value, and the source failed.
    Failed,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self {
            value: None,
            failures: 0,
            failure: None,
            changed_at: None,
        }
    }
}

impl<T> Reading<T> {
    /// Records a good value.
    pub fn succeed(&mut self, value: T, at: Moment)
    where
        T: PartialEq,
    {
        if self.value.as_ref().is_some_and(|(old, _)| *old != value) {
            self.changed_at = Some(at);
        }
        self.value = Some((value, at));
        self.failures = 0;
        self.failure = None;
    }

    /// Records a failure; the last good value stays.
    pub fn fail(&mut self, failure: SourceFailure, at: Moment) {
        self.failures = self.failures.saturating_add(1);
        self.failure = Some((failure, at));
    }

    /// The last good value, whatever its age. Draw it, but never conclude from it alone.
    pub fn last(&self) -> Option<&T> {
        self.value.as_ref().map(|(value, _)| value)
    }

    /// The value, if it may be taken for what is so now: no failure since, and not older than
    /// `limit`.
    pub fn current(&self, now: Moment, limit: Duration) -> Option<&T> {
        (self.freshness(now, limit) == Freshness::Fresh)
            .then(|| self.last())
            .flatten()
    }

    /// How far this reading can be trusted.
    pub fn freshness(&self, now: Moment, limit: Duration) -> Freshness {
        match (&self.value, self.failures) {
            (Some((_, at)), 0) if now.since(*at) <= limit => Freshness::Fresh,
            (Some(_), _) => Freshness::Stale,
            (None, 0) => Freshness::Pending,
            (None, _) => Freshness::Failed,
        }
    }

    /// Why there is no value that may be taken for what is so now, in words; for whoever lacks one.
    pub fn absence(&self, now: Moment) -> String {
        match (&self.failure, self.age(now)) {
            (Some((failure, _)), _) => failure.to_string(),
            (None, Some(age)) => format!("the last answer is {} s old", age.as_secs()),
            (None, None) => NOT_ASKED.to_owned(),
        }
    }

    /// When the last good value was seen.
    pub fn seen_at(&self) -> Option<Moment> {
        self.value.as_ref().map(|(_, at)| *at)
    }

    /// When the value last differed from the one before; `None` while it never did.
    pub fn changed_at(&self) -> Option<Moment> {
        self.changed_at
    }

    /// The age of the last good value.
    pub fn age(&self, now: Moment) -> Option<Duration> {
        self.seen_at().map(|at| now.since(at))
    }

    /// Failures since the last good value.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The last failure, if the source has not answered well since.
    pub fn failure(&self) -> Option<&SourceFailure> {
        self.failure.as_ref().map(|(failure, _)| failure)
    }
}

#[cfg(test)]
mod tests {
    use super::{Freshness, Reading};
    use crate::model::moment::Moment;
    use crate::model::observation::{FailureKind, SourceFailure};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_failure_keeps_the_value_but_ends_its_claim() {
        let mut reading = Reading::default();
        assert_eq!(reading.freshness(Moment::ORIGIN, LIMIT), Freshness::Pending);
        assert_eq!(reading.absence(Moment::ORIGIN), "not asked yet");
        reading.succeed(7, Moment::ORIGIN);
        assert_eq!(reading.current(Moment::ORIGIN, LIMIT), Some(&7));
        let later = Moment::ORIGIN.later(Duration::from_secs(1));
        reading.fail(SourceFailure::new(FailureKind::Timeout, "no answer"), later);
        assert_eq!(reading.current(later, LIMIT), None);
        assert_eq!(reading.last(), Some(&7));
        assert_eq!(reading.absence(later), "no answer");
        assert_eq!(reading.age(later), Some(Duration::from_secs(1)));
        assert_eq!(reading.freshness(later, LIMIT), Freshness::Stale);
    }

    #[test]
    fn age_alone_makes_a_value_stale() {
        let mut reading = Reading::default();
        reading.succeed(7, Moment::ORIGIN);
        let old = Moment::ORIGIN.later(LIMIT + Duration::from_millis(1));
        assert_eq!(reading.current(old, LIMIT), None);
        assert_eq!(reading.absence(old), "the last answer is 10 s old");
    }

    #[test]
    fn a_source_that_only_ever_failed_is_not_pending() {
        let mut reading: Reading<u8> = Reading::default();
        reading.fail(
            SourceFailure::new(FailureKind::Refused, "refused"),
            Moment::ORIGIN,
        );
        assert_eq!(reading.freshness(Moment::ORIGIN, LIMIT), Freshness::Failed);
    }
}
