//! Owns the way of commands to a simulated host, in process: the place of SSH. It answers what
//! `shell` says, does what `world` does, and takes as long as a host might.

use super::shell::{self, Said};
use super::stage::Stage;
use super::world::{Progress, Reply};
use crate::guard::Permit;
use crate::invocation::keep::{HostLock, UnitName};
use crate::invocation::{Change, Read};
use crate::model::name::HostName;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::hold::{Hold, HoldError};
use crate::remote::outcome::{CommandOutcome, Leftover, Output, RemoteError};
use crate::remote::{Lines, Observe, Operate, Printed};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// From a question to its answer.
const LATENCY: Duration = Duration::from_millis(8);
/// Between two looks at a command that takes its time, and at the addresses.
const LOOK: Duration = Duration::from_millis(50);
/// Until it is known that a host does not answer.
const NO_ROUTE: Duration = Duration::from_millis(600);
/// Lines that may wait for whoever reads them.
const QUEUED: usize = 16;

/// A unit of its own that a command runs in, and what it ended with.
type Kept = (String, Option<Output>);

/// The way to one host.
#[derive(Debug)]
pub(super) struct Door {
    stage: Stage,
    at: usize,
    destination: Shown,
    /// Commands that nobody waited for to their end.
    kept: Arc<Mutex<Vec<Kept>>>,
    /// Who holds the lock.
    holder: Arc<Mutex<Option<String>>>,
}

impl Door {
    /// The way to the host of this place.
    pub(super) fn new(stage: Stage, at: usize, name: &HostName) -> Self {
        Self {
            stage,
            at,
            destination: Shown::new(&format!("root@{name}")),
            kept: Arc::default(),
            holder: Arc::default(),
        }
    }

    fn fault(&self, kind: FailureKind, words: &str) -> RemoteError {
        RemoteError {
            destination: self.destination.clone(),
            kind,
            message: Shown::new(words),
        }
    }

    /// Fails where the host is gone, after the time it takes to know that.
    async fn reach(&self, limit: Duration) -> Result<(), RemoteError> {
        if self.stage.with(|world| world.is_on(self.at)) {
            sleep(LATENCY.min(limit)).await;
            return Ok(());
        }
        sleep(NO_ROUTE.min(limit)).await;
        Err(self.fault(FailureKind::Unreachable, "no route to host"))
    }
}

fn output(reply: Reply) -> Output {
    Output {
        code: Some(reply.code),
        stdout: reply.stdout,
        stderr: reply.stderr,
    }
}

/// Waits for the end of a command; it goes on whoever waits.
async fn carry_out(stage: &Stage, at: usize, change: &Change) -> Output {
    let mut progress = stage.with(|world| world.begin(at, change));
    loop {
        match progress {
            Progress::Ended(reply) => return output(reply),
            Progress::Waits(awaited) => {
                sleep(LOOK).await;
                progress = match stage.with(|world| world.ended(&awaited)) {
                    Some(reply) => Progress::Ended(reply),
                    None => Progress::Waits(awaited),
                };
            }
        }
    }
}

impl Observe for Door {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        async move {
            let deadline = Instant::now() + limit;
            self.reach(limit).await?;
            match self.stage.with(|world| shell::answer(world, self.at, read)) {
                Said::Reply(reply) => Ok(output(reply)),
                Said::Nothing => {
                    sleep_until(deadline).await;
                    let words = format!("no end within {} s", limit.as_secs());
                    Err(self.fault(FailureKind::Timeout, &words))
                }
            }
        }
        .boxed()
    }

    fn lines<'a>(&'a self, _read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        async move {
            self.reach(NO_ROUTE).await?;
            let (tell, lines) = mpsc::channel(QUEUED);
            let lost = self.fault(FailureKind::Lost, "the connection was lost");
            tokio::spawn(follow_addresses(self.stage.clone(), self.at, (tell, lost)));
            Ok(lines)
        }
        .boxed()
    }
}

/// Tells of the VIP as it comes and goes, until the host is gone or nobody listens.
async fn follow_addresses(
    stage: Stage,
    at: usize,
    (tell, lost): (mpsc::Sender<Result<String, RemoteError>>, RemoteError),
) {
    let look = || stage.with(|world| (world.is_on(at), world.holders().any(|holder| holder == at)));
    let (_, mut held) = look();
    loop {
        tokio::select! {
            () = tell.closed() => return,
            () = sleep(LOOK) => {}
        }
        let (is_on, holds) = look();
        if !is_on {
            drop(tell.send(Err(lost)).await);
            return;
        }
        if holds != held {
            held = holds;
            let mark = if holds { "" } else { "Deleted " };
            drop(tell.send(Ok(format!("{mark}{}", shell::vip_line()))).await);
        }
    }
}

impl Operate for Door {
    fn change<'a>(
        &'a self,
        _permit: &'a Permit,
        change: &'a Change,
        limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome> {
        async move {
            if let Err(error) = self.reach(limit).await {
                return CommandOutcome::NotSent(error);
            }
            let (stage, at, change) = (self.stage.clone(), self.at, change.clone());
            let work = tokio::spawn(async move { carry_out(&stage, at, &change).await });
            match tokio::time::timeout(limit, work).await {
                Ok(Ok(output)) => CommandOutcome::Ended(output),
                Ok(Err(_ended)) => {
                    CommandOutcome::Lost(self.fault(FailureKind::Lost, "the connection was lost"))
                }
                Err(_elapsed) => CommandOutcome::TimedOut,
            }
        }
        .boxed()
    }

    fn change_in<'a>(
        &'a self,
        _permit: &'a Permit,
        (change, unit): (&'a Change, &'a UnitName),
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, CommandOutcome> {
        async move {
            if let Err(error) = self.reach(limit).await {
                return CommandOutcome::NotSent(error);
            }
            let name = unit.as_str().to_owned();
            lock(&self.kept).push((name.clone(), None));
            let (stage, at, change) = (self.stage.clone(), self.at, change.clone());
            let kept = Arc::clone(&self.kept);
            tokio::spawn(async move {
                let output = carry_out(&stage, at, &change).await;
                let mut kept = lock(&kept);
                let found = kept.iter_mut().find(|(known, _)| *known == name);
                if let Some((_, slot)) = found {
                    *slot = Some(output);
                }
            });
            match self.await_unit(unit, limit).await {
                Some(output) => {
                    printed.send_replace(output.stdout.clone());
                    CommandOutcome::Ended(output)
                }
                None => CommandOutcome::TimedOut,
            }
        }
        .boxed()
    }

    fn collect<'a>(
        &'a self,
        _permit: &'a Permit,
        unit: &'a UnitName,
        limit: Duration,
        printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover> {
        async move {
            if let Err(error) = self.reach(limit).await {
                return Leftover::Unseen(error);
            }
            if !lock(&self.kept)
                .iter()
                .any(|(known, _)| known == unit.as_str())
            {
                return Leftover::Nothing;
            }
            match self.await_unit(unit, limit).await {
                Some(output) => {
                    printed.send_replace(output.stdout.clone());
                    Leftover::Ended(output)
                }
                None => Leftover::Running,
            }
        }
        .boxed()
    }

    fn hold<'a>(
        &'a self,
        _permit: &'a Permit,
        lock_of_host: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>> {
        async move {
            self.reach(NO_ROUTE).await.map_err(HoldError::Failed)?;
            let words = lock_of_host.argv().args.pop().unwrap_or_default();
            let mut holder = lock(&self.holder);
            if let Some(words) = &*holder {
                return Err(HoldError::Held(words.clone()));
            }
            *holder = Some(words);
            let (hold, keeper) = Hold::new();
            let holder = Arc::clone(&self.holder);
            tokio::spawn(async move {
                keeper.kept().await;
                *lock(&holder) = None;
            });
            Ok(hold)
        }
        .boxed()
    }
}

impl Door {
    /// The end of what runs in `unit`, if it comes within `limit`.
    async fn await_unit(&self, unit: &UnitName, limit: Duration) -> Option<Output> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = {
                let mut kept = lock(&self.kept);
                let place = kept
                    .iter()
                    .position(|(known, output)| known == unit.as_str() && output.is_some());
                place.and_then(|place| kept.swap_remove(place).1)
            };
            if ended.is_some() {
                return ended;
            }
            if Instant::now() >= deadline {
                return None;
            }
            sleep(LOOK).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
