//! What a run looks with and acts with, on a scripted world.

use super::clock;
use super::world::{Reply, SEALED, Shared};
use futures_util::future::BoxFuture;
use rmqtop::executor::eyes::Eyes;
use rmqtop::guard::Permit;
use rmqtop::invocation::cookie::CookieVerb;
use rmqtop::invocation::keep::{HostLock, UnitName};
use rmqtop::invocation::{Change, Read};
use rmqtop::model::observation::{FailureKind, Observation, SourceKind};
use rmqtop::model::text::Shown;
use rmqtop::remote::hold::{Hold, HoldError};
use rmqtop::remote::outcome::{CommandOutcome, Leftover, Output, RemoteError, Response};
use rmqtop::remote::{Lines, Observe, Operate, Printed};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Looks at the world.
#[derive(Debug)]
pub(super) struct Watcher(pub(super) Shared);

impl Eyes for Watcher {
    fn look<'a>(&'a mut self, kinds: &'a [SourceKind]) -> BoxFuture<'a, Vec<Observation>> {
        Box::pin(async move {
            let lists = kinds.iter().any(|kind| kind.is_listing());
            let takes = {
                let world = self.0.lock().unwrap();
                let next = world.looks + 1;
                let slow = world.slow_from.filter(|(from, _)| next >= *from);
                let usual = Duration::from_millis(20);
                let lists = if lists {
                    world.listing_takes
                } else {
                    Duration::ZERO
                };
                slow.map_or(usual + lists, |(_, takes)| takes)
            };
            sleep(takes).await;
            let mut world = self.0.lock().unwrap();
            if lists {
                world.listings.push(Instant::now());
            }
            world.catch_up();
            let blind = world.blind_after.is_some_and(|n| world.sent.len() >= n);
            if blind {
                Vec::new()
            } else {
                let mut seen = world.cluster.look(kinds, clock());
                for observation in &mut seen {
                    if observation.source.kind.is_listing() {
                        observation.took = takes;
                    }
                }
                seen
            }
        })
    }
}

/// Acts on the host of one member.
#[derive(Debug)]
pub(super) struct Hand(pub(super) Shared, pub(super) usize);

fn error(message: &str) -> RemoteError {
    RemoteError {
        destination: Shown::new("root@192.168.0.14"),
        kind: FailureKind::Lost,
        message: Shown::new(message),
    }
}

impl Observe for Hand {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        _limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            match read {
                Read::SealedCookie { .. } => Ok(self.sealed()),
                _ => Err(error("a run reads through its eyes")),
            }
        })
    }

    fn lines<'a>(&'a self, _read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        Box::pin(async { Err(error("a run reads through its eyes")) })
    }
}

impl Hand {
    /// A key, or something sealed: both are words.
    fn sealed(&self) -> Output {
        let fault = self.0.lock().unwrap().seals_nothing;
        Output {
            code: Some(i32::from(fault.is_some())),
            stdout: fault.map_or(SEALED, |_| "").to_owned(),
            stderr: fault.unwrap_or_default().to_owned(),
        }
    }
}

impl Operate for Hand {
    fn collect<'a>(
        &'a self,
        _permit: &'a Permit,
        unit: &'a UnitName,
        limit: Duration,
        _printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover> {
        Box::pin(async move {
            if self.0.lock().unwrap().unshown {
                sleep(limit).await;
                return Leftover::Unseen(error("the unit could not be looked at"));
            }
            let is_at_work = {
                let mut world = self.0.lock().unwrap();
                let is_at_work = world.at_work > 0;
                world.at_work = world.at_work.saturating_sub(1);
                is_at_work
            };
            if is_at_work {
                sleep(limit).await;
                return Leftover::Running;
            }
            let left = self.0.lock().unwrap().left.remove(unit.as_str());
            left.map_or(Leftover::Nothing, Leftover::Ended)
        })
    }

    fn change_in<'a>(
        &'a self,
        permit: &'a Permit,
        (change, _unit): (&'a Change, &'a UnitName),
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, CommandOutcome> {
        Box::pin(async move {
            let mut outcome = self.change(permit, change, limit).await;
            let lines = self.0.lock().unwrap().prints.clone();
            for line in &lines {
                printed.send_modify(|text| text.push_str(line));
                sleep(Duration::from_secs(1)).await;
            }
            if let CommandOutcome::Ended(output) = &mut outcome {
                output.stdout = lines.concat();
            }
            outcome
        })
    }

    fn hold<'a>(
        &'a self,
        _permit: &'a Permit,
        _lock: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>> {
        Box::pin(async move {
            let mut world = self.0.lock().unwrap();
            let held = match self.1 {
                2 => world.holders.pop_front().flatten(),
                _ => None,
            };
            if let Some(words) = held {
                return Err(HoldError::Held(words));
            }
            let (lease, keeper) = Hold::new();
            world.keepers.push(keeper);
            Ok(lease)
        })
    }

    fn change<'a>(
        &'a self,
        _permit: &'a Permit,
        change: &'a Change,
        limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome> {
        Box::pin(async move {
            if let Change::Cookie {
                verb: CookieVerb::Key,
            } = change
            {
                return CommandOutcome::Ended(self.sealed());
            }
            let reply = self.0.lock().unwrap().obey(self.1, change);
            sleep(Duration::from_millis(500)).await;
            match reply {
                Reply::Exit(status) if !change.is_command() => CommandOutcome::Answered(Response {
                    status: u16::try_from(status).unwrap(),
                    reason: (status >= 400).then(|| Shown::new("a word\u{1b}[2J of the broker")),
                    user: Shown::new("ops"),
                }),
                Reply::Exit(code) => CommandOutcome::Ended(Output {
                    code: Some(code),
                    stdout: String::new(),
                    stderr: "a word\u{1b}[2J of rabbitmqctl\n".to_owned(),
                }),
                Reply::Killed => CommandOutcome::Ended(Output::default()),
                Reply::NotSent => CommandOutcome::NotSent(error("connection refused")),
                Reply::Lost => CommandOutcome::Lost(error("the connection ended")),
                Reply::TimedOut => {
                    sleep(limit).await;
                    CommandOutcome::TimedOut
                }
                Reply::Silence => std::future::pending().await,
            }
        })
    }
}
