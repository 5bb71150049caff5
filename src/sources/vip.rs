//! Owns the watch on a host's addresses: a stream of changes that begins before the listing it
//! completes, so that nothing falls between; a listing every second where the stream is refused.
//! A lost stream is reported at once: not knowing is never "holds nothing".

mod addresses;
#[cfg(test)]
mod tests;

use super::poller::{Control, Pace};
use super::{AskOne, Cadence, Reach, Source};
use crate::clock;
use crate::invocation::Read;
use crate::model::host::{AddressReport, AddressVia};
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Observation, Payload, SourceFailure, SourceKind};
use crate::remote::Lines;
use crate::remote::backoff::{Backoff, roll};
use addresses::{Event, Table, parse_event};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};

/// From connecting to the last line of a listing, or to an open stream.
const LIMIT: Duration = Duration::from_secs(4);
/// A living stream confirms what it knows this often, so that the age of a reading is honest.
const CONFIRM: Duration = Duration::from_secs(2);
/// A listing this often makes up for anything a stream could have missed.
const AUDIT: Duration = Duration::from_secs(30);
/// Pace of listings where the stream is refused.
const POLL: Duration = Duration::from_secs(1);
/// How long listings go on before the stream is tried again.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Waits between attempts to watch.
const RETRY: Backoff = Backoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(4),
};
/// Pace while only a person can help.
const SETTLED_RETRY: Duration = Duration::from_secs(60);

/// The addresses of one host.
#[derive(Debug)]
pub(crate) struct Addresses {
    reach: Reach,
}

/// Why a watch came to its end.
enum End {
    /// Nobody listens any more.
    Over,
    /// The pollers were paused.
    Paused,
    /// The host or the connection failed.
    Failed(SourceFailure),
    /// The stream cannot be had there, listings can.
    Refused,
}

impl Addresses {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach }
    }

    async fn list(&self) -> Result<Table, SourceFailure> {
        let output = self.reach.link()?.read(&Read::Addresses, LIMIT).await?;
        let table = Table::parse(&output.stdout);
        if table.0.is_empty() {
            // Every host has its loopback address: nothing is no answer.
            let words = output.stderr.lines().next().unwrap_or("it said nothing");
            let text = format!("ip addr show on {}: {words}", self.reach.host);
            return Err(SourceFailure::new(FailureKind::Server, text));
        }
        Ok(table)
    }

    fn observation(&self, begun: Instant, outcome: Result<Payload, SourceFailure>) -> Observation {
        Observation {
            source: self.id(),
            at: clock::now(),
            took: begun.elapsed(),
            outcome,
        }
    }

    async fn report(&self, control: &Control, table: &Table, begun: Instant) -> bool {
        let payload = payload(AddressVia::Stream, table.clone());
        control.report(self.observation(begun, Ok(payload))).await
    }

    /// Watches until told to end.
    pub(super) async fn watch(self: Arc<Self>, mut control: Control) {
        let mut failures = 0_u32;
        loop {
            let begun = Instant::now();
            let mut end = self.stream(&mut control, &mut failures).await;
            if matches!(end, End::Refused) {
                end = self.poll(&mut control).await;
            }
            let pause = match end {
                End::Over => return,
                End::Paused | End::Refused => Duration::ZERO,
                End::Failed(failure) => {
                    let pause = if failure.kind.is_settled() {
                        SETTLED_RETRY
                    } else {
                        failures = failures.saturating_add(1);
                        RETRY.wait(failures, roll())
                    };
                    if failures == 1 {
                        control.neighbours.wake();
                    }
                    let observation = self.observation(begun, Err(failure));
                    if !control.report(observation).await {
                        return;
                    }
                    pause
                }
            };
            if !control.wait(Instant::now() + pause).await {
                return;
            }
        }
    }

    /// Opens the stream, lists, and follows. Resets `failures` once it stands.
    async fn stream(&self, control: &mut Control, failures: &mut u32) -> End {
        let begun = Instant::now();
        let opened = async {
            let link = self.reach.link()?;
            let lines = timeout(LIMIT, link.lines(&Read::WatchAddresses)).await;
            lines
                .map_err(|_elapsed| self.late())?
                .map_err(SourceFailure::from)
        };
        let lines = tokio::select! {
            () = control.end.cancelled() => return End::Over,
            opened = opened => match opened {
                Ok(lines) => lines,
                Err(failure) => return refusal(failure),
            },
        };
        let table = tokio::select! {
            () = control.end.cancelled() => return End::Over,
            listed = self.list() => match listed {
                Ok(table) => table,
                Err(failure) => return End::Failed(failure),
            },
        };
        if !self.report(control, &table, begun).await {
            return End::Over;
        }
        if std::mem::take(failures) > 0 {
            control.neighbours.wake();
        }
        self.follow(control, lines, table).await
    }

    fn late(&self) -> SourceFailure {
        let text = format!("{}: no stream within {} s", self.id(), LIMIT.as_secs());
        SourceFailure::new(FailureKind::Timeout, text)
    }

    async fn follow(&self, control: &mut Control, mut lines: Lines, mut table: Table) -> End {
        let mut confirm = interval(CONFIRM);
        confirm.reset();
        // The first audit follows soon: `ip monitor` may have begun to listen only after the
        // listing, although its channel was opened before.
        let mut audit = Box::pin(self.list_after(Duration::from_secs(1)));
        // What the stream said while a listing was under way is newer than that listing.
        let mut since = Vec::new();
        loop {
            let is_due = tokio::select! {
                () = control.end.cancelled() => return End::Over,
                line = lines.recv() => match line {
                    Some(Ok(line)) => match parse_event(&line) {
                        Some(event) => {
                            let is_change = table.apply(&event);
                            since.push(event);
                            is_change
                        }
                        None => false,
                    },
                    Some(Err(error)) => return refusal(error.into()),
                    None => return refusal(self.broken()),
                },
                listed = &mut audit => {
                    audit = Box::pin(self.list_after(AUDIT));
                    match listed {
                        Ok(listed) => replace(&mut table, listed, &mut since),
                        Err(failure) => return End::Failed(failure),
                    }
                }
                _ = confirm.tick() => true,
                () = control.now.notified() => {
                    audit = Box::pin(self.list_after(Duration::ZERO));
                    true
                }
                changed = control.pace.changed() => {
                    if changed.is_err() {
                        return End::Over;
                    }
                    if *control.pace.borrow() == Pace::Paused {
                        return End::Paused;
                    }
                    false
                }
            };
            if is_due {
                confirm.reset();
                if !self.report(control, &table, Instant::now()).await {
                    return End::Over;
                }
            }
        }
    }

    fn broken(&self) -> SourceFailure {
        let text = format!("{}: the stream ended without a word", self.id());
        SourceFailure::new(FailureKind::Lost, text)
    }

    async fn list_after(&self, pause: Duration) -> Result<Table, SourceFailure> {
        tokio::time::sleep(pause).await;
        self.list().await
    }

    /// Lists every second for a while.
    async fn poll(&self, control: &mut Control) -> End {
        let until = Instant::now() + REFUSED_FOR;
        while Instant::now() < until {
            let begun = Instant::now();
            let table = tokio::select! {
                () = control.end.cancelled() => return End::Over,
                listed = self.list() => match listed {
                    Ok(table) => table,
                    Err(failure) => return End::Failed(failure),
                },
            };
            let observation = self.observation(begun, Ok(payload(AddressVia::Poll, table)));
            if !control.report(observation).await || !control.wait(begun + POLL).await {
                return End::Over;
            }
        }
        End::Refused
    }
}

/// A host that answers but will not stream is polled.
fn refusal(failure: SourceFailure) -> End {
    use FailureKind::{Absent, Forbidden, Server};
    if matches!(failure.kind, Server | Absent | Forbidden) {
        End::Refused
    } else {
        End::Failed(failure)
    }
}

/// Takes a listing over, with what happened after it was begun. Whether anything changed.
fn replace(table: &mut Table, mut listed: Table, since: &mut Vec<Event>) -> bool {
    for event in since.drain(..) {
        listed.apply(&event);
    }
    let is_change = *table != listed;
    *table = listed;
    is_change
}

fn payload(via: AddressVia, table: Table) -> Payload {
    Payload::Addresses(AddressReport {
        via,
        addresses: table.0,
    })
}

impl AskOne for Addresses {
    const KIND: SourceKind = SourceKind::Vip;
    const CADENCE: Cadence = Cadence {
        interval: POLL,
        limit: LIMIT,
    };

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let table = self.list().await?;
        Ok(payload(AddressVia::Poll, table))
    }
}
