//! Proves the watch on scripted hosts: what is reported when, and that losing the stream is said.

use super::Addresses;
use crate::invocation::Read;
use crate::model::host::AddressVia;
use crate::model::observation::{FailureKind, Observation, Payload};
use crate::remote::outcome::RemoteError;
use crate::sources::poller::{Control, Neighbours, Pace};
use crate::sources::scripted::Script;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const LISTING: &str = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n";
const VIP: &str = "2: eth0    inet 192.168.0.200/32 scope global proto keepalived eth0\\   valid";

struct Bench {
    script: Arc<Script>,
    observations: mpsc::Receiver<Observation>,
    pace: watch::Sender<Pace>,
    end: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn watch_on(script: Script) -> Bench {
    let script = Arc::new(script);
    let (out, observations) = mpsc::channel(16);
    let (pace, paces) = watch::channel(Pace::Running);
    let end = CancellationToken::new();
    let control = Control {
        now: Arc::new(Notify::new()),
        pace: paces,
        end: end.clone(),
        out,
        neighbours: Neighbours::default(),
    };
    let source = Arc::new(Addresses::new(Arc::clone(&script).shared_reach()));
    Bench {
        script,
        observations,
        pace,
        end,
        task: tokio::spawn(source.watch(control)),
    }
}

impl Bench {
    async fn next(&mut self) -> Observation {
        self.observations.recv().await.unwrap()
    }

    /// The way the next good report came, and whether it holds the VIP.
    async fn next_report(&mut self) -> (AddressVia, bool) {
        let vip: IpAddr = "192.168.0.200".parse().unwrap();
        match self.next().await.outcome {
            Ok(Payload::Addresses(report)) => (report.via, report.holding(vip).is_some()),
            other => panic!("{other:?}"),
        }
    }

    async fn next_failure(&mut self) -> FailureKind {
        self.next().await.outcome.unwrap_err().kind
    }
}

fn script() -> Script {
    Script::new().answer(Read::Addresses, 0, LISTING, "")
}

fn lost() -> RemoteError {
    RemoteError {
        destination: "host".into(),
        kind: FailureKind::Timeout,
        message: "the connection was lost".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_reported_as_it_happens_and_what_stays_is_confirmed() {
    let script = script();
    let stream = script.stream();
    let mut bench = watch_on(script);
    assert_eq!(bench.next_report().await, (AddressVia::Stream, false));
    let begun = Instant::now();
    stream.send(Ok(VIP.to_owned())).await.unwrap();
    assert_eq!(bench.next_report().await, (AddressVia::Stream, true));
    // Time is virtual here: none passed, so nothing waited for a tick.
    assert_eq!(begun.elapsed(), Duration::ZERO);
    stream.send(Ok(format!("Deleted {VIP}"))).await.unwrap();
    assert_eq!(bench.next_report().await, (AddressVia::Stream, false));
    let begun = Instant::now();
    assert_eq!(bench.next_report().await, (AddressVia::Stream, false));
    assert!(begun.elapsed() <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_missed_an_audit_finds() {
    let script = script();
    let stream = script.stream();
    let mut bench = watch_on(script);
    bench.next_report().await;
    stream.send(Ok(VIP.to_owned())).await.unwrap();
    assert_eq!(bench.next_report().await, (AddressVia::Stream, true));
    // The next event is the audit's or a confirmation; the event that came before the audit was
    // begun is not replayed over the listing forever.
    let begun = Instant::now();
    while bench.next_report().await.1 {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    assert!(bench.script.count(&Read::Addresses) >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_stream_is_a_failure_at_once_and_is_opened_again() {
    let script = script();
    let stream = script.stream();
    let mut bench = watch_on(script);
    bench.next_report().await;
    let again = bench.script.stream();
    let begun = Instant::now();
    stream.send(Err(lost())).await.unwrap();
    assert_eq!(bench.next_failure().await, FailureKind::Timeout);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(bench.next_report().await, (AddressVia::Stream, false));
    assert!(begun.elapsed() < Duration::from_secs(1));
    drop(again);
    assert_eq!(bench.next_failure().await, FailureKind::Lost);
}

#[tokio::test(start_paused = true)]
async fn where_the_stream_is_refused_the_host_is_listed_every_second() {
    let script = script();
    script.refuse_stream(FailureKind::Server);
    let mut bench = watch_on(script);
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(bench.next_report().await, (AddressVia::Poll, false));
    }
    assert_eq!(begun.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_empty_listing_is_a_failure_and_not_a_host_without_addresses() {
    let script = Script::new().answer(Read::Addresses, 1, "", "Cannot open netlink socket\n");
    let _stream = script.stream();
    let mut bench = watch_on(script);
    assert_eq!(bench.next_failure().await, FailureKind::Server);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_the_stream_and_resuming_opens_it() {
    let script = script();
    let stream = script.stream();
    let mut bench = watch_on(script);
    bench.next_report().await;
    bench.pace.send_replace(Pace::Paused);
    stream.closed().await;
    let _again = bench.script.stream();
    bench.pace.send_replace(Pace::Running);
    assert_eq!(bench.next_report().await, (AddressVia::Stream, false));
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_when_told_to() {
    let script = script();
    let stream = script.stream();
    let mut bench = watch_on(script);
    bench.next_report().await;
    bench.end.cancel();
    bench.task.await.unwrap();
    assert!(stream.is_closed());
}
