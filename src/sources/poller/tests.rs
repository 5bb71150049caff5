//! Proves the actor on virtual time: pace, limit, back-off, wishes, pause and end.

use super::{BACKOFF_CAP, Cadence, Control, Neighbours, Pace, pause_after, poll};
use crate::model::host::ServiceReport;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use crate::sources::{Report, Source};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const CADENCE: Cadence = Cadence {
    interval: Duration::from_secs(5),
    limit: Duration::from_secs(4),
};

/// What the source does when asked.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    Fail(FailureKind),
    Hang,
}

/// Acts as told, then answers.
#[derive(Debug)]
struct Scripted(Mutex<VecDeque<Act>>);

fn id() -> SourceId {
    SourceId::new(SourceKind::Services, HostName::parse("h").unwrap())
}

impl Source for Scripted {
    fn id(&self) -> SourceId {
        id()
    }

    fn cadence(&self) -> Cadence {
        CADENCE
    }

    fn observe(&self) -> BoxFuture<'_, Report> {
        let act = self.0.lock().unwrap().pop_front().unwrap_or(Act::Answer);
        async move {
            let outcome = match act {
                Act::Answer => Ok(Payload::Services(ServiceReport::default())),
                Act::Fail(kind) => Err(SourceFailure::new(kind, "scripted")),
                Act::Hang => std::future::pending().await,
            };
            Report {
                host: id().host,
                outcome,
            }
        }
        .boxed()
    }
}

struct Bench {
    observations: mpsc::Receiver<Observation>,
    now: Arc<Notify>,
    neighbour: Arc<Notify>,
    pace: watch::Sender<Pace>,
    end: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    begun: Instant,
}

fn run(acts: impl IntoIterator<Item = Act>) -> Bench {
    let (out, observations) = mpsc::channel(16);
    let (pace, paces) = watch::channel(Pace::Running);
    let (now, neighbour) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let end = CancellationToken::new();
    let control = Control {
        now: Arc::clone(&now),
        pace: paces,
        end: end.clone(),
        out,
        neighbours: Neighbours(vec![Arc::clone(&neighbour)]),
    };
    let source = Arc::new(Scripted(Mutex::new(acts.into_iter().collect())));
    Bench {
        observations,
        now,
        neighbour,
        pace,
        end,
        task: tokio::spawn(poll(source, control)),
        begun: Instant::now(),
    }
}

impl Bench {
    /// The kind of the next failure, if it is one, and when it came, in seconds.
    async fn next(&mut self) -> (Option<FailureKind>, u64) {
        let observation = self.observations.recv().await.unwrap();
        let kind = observation.outcome.err().map(|failure| failure.kind);
        (kind, self.begun.elapsed().as_secs())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_is_asked_at_once_and_then_at_its_interval() {
    let mut bench = run([]);
    for expected in [0, 5, 10] {
        assert_eq!(bench.next().await, (None, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_is_a_timeout_and_the_actor_lives_on() {
    let mut bench = run([Act::Hang]);
    assert_eq!(bench.next().await, (Some(FailureKind::Timeout), 4));
    let (kind, at) = bench.next().await;
    assert_eq!(kind, None);
    assert!(at <= 5, "{at}");
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_mend_is_asked_slowly_or_on_demand() {
    let mut bench = run([Act::Fail(FailureKind::Unauthorized); 2]);
    bench.next().await;
    assert_eq!(bench.next().await, (Some(FailureKind::Unauthorized), 60));
    bench.now.notify_one();
    bench.now.notify_one();
    assert_eq!(bench.next().await, (None, 60));
    // Two wishes before the poll were one.
    assert_eq!(bench.next().await, (None, 65));
}

#[tokio::test(start_paused = true)]
async fn the_neighbours_hear_of_a_change_and_only_of_a_change() {
    let mut bench = run([
        Act::Answer,
        Act::Fail(FailureKind::Lost),
        Act::Fail(FailureKind::Lost),
    ]);
    bench.next().await;
    assert_eq!(bench.neighbour.notified().now_or_never(), None);
    bench.next().await;
    assert_eq!(bench.neighbour.notified().now_or_never(), Some(()));
    bench.next().await;
    assert_eq!(bench.neighbour.notified().now_or_never(), None);
    bench.next().await;
    assert_eq!(bench.neighbour.notified().now_or_never(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn a_paused_source_is_asked_only_on_demand() {
    let mut bench = run([]);
    bench.next().await;
    bench.pace.send_replace(Pace::Paused);
    let hour = Duration::from_secs(3600);
    let silence = tokio::time::timeout(hour, bench.next()).await;
    assert!(silence.is_err());
    bench.now.notify_one();
    assert_eq!(bench.next().await, (None, 3600));
    bench.pace.send_replace(Pace::Running);
    // No burst of what was missed.
    assert_eq!(bench.next().await, (None, 3605));
}

#[tokio::test(start_paused = true)]
async fn the_actor_ends_when_told_even_while_it_waits_for_an_answer() {
    let bench = run([Act::Hang]);
    bench.end.cancel();
    bench.task.await.unwrap();
    assert_eq!(bench.begun.elapsed(), Duration::ZERO);
}

fn observed(kind: Option<FailureKind>, took: Duration) -> Observation {
    Observation {
        source: id(),
        at: Moment::ORIGIN,
        took,
        outcome: match kind {
            None => Ok(Payload::Services(ServiceReport::default())),
            Some(kind) => Err(SourceFailure::new(kind, "x")),
        },
    }
}

#[test]
fn a_slow_source_is_asked_less_often_but_before_its_answer_is_old() {
    let pause = |took| pause_after(CADENCE, &observed(None, took), 0, 0.5);
    assert_eq!(pause(Duration::from_millis(10)), CADENCE.interval);
    assert_eq!(pause(Duration::from_millis(400)), Duration::from_secs(8));
    let limit = crate::model::freshness_limit(SourceKind::Services);
    assert!(pause(Duration::from_secs(3)) < limit);
}

proptest! {
    #[test]
    fn pauses_after_failures_grow_up_to_the_cap(failures in 1_u32..50, roll in 0.0..1.0_f64) {
        let lost = observed(Some(FailureKind::Lost), Duration::ZERO);
        let pause = pause_after(CADENCE, &lost, failures, roll);
        prop_assert!(pause <= BACKOFF_CAP);
        prop_assert!(pause <= pause_after(CADENCE, &lost, failures + 1, roll));
    }
}
