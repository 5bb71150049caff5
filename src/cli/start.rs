//! Owns the start of a run: from the confirmed plan to the locks, the copies of definitions and
//! the open journal; or, of a run that is gone on with, its locks and its own journal. The operator
//! can stop all of it. Nothing is changed.

use super::session::Session;
use crate::action::Action;
use crate::executor::control::{Control, Stop};
use crate::executor::definitions::{self, KeepError};
use crate::executor::event::{RunEvent, RunEventKind, RunId};
use crate::executor::hosts::{HostLockError, HostLocks};
use crate::executor::journal::{Audit, Durability, Journal, JournalError};
use crate::executor::lock::{ClusterLock, Holder, LockError};
use crate::executor::record::RunRecord;
use crate::executor::state::{StateDir, StateError, StatePlace};
use crate::guard::Permit;
use crate::model::name::NodeName;
use crate::model::observation::SourceFailure;
use crate::model::text::Shown;
use crate::runbook::plan::Plan;
use secrecy::ExposeSecret;
use std::path::PathBuf;

impl Session {
    /// Takes the locks, keeps copies of definitions that the run of `plan` destroys, and opens its
    /// journal.
    ///
    /// # Errors
    ///
    /// Why the run cannot begin; also where the operator stops it meanwhile.
    pub async fn prepare(
        &self,
        plan: &Plan,
        permit: &Permit,
        (id, control): (&RunId, &Control),
    ) -> Result<Ready, StartError> {
        let preparing = async {
            let state = self.state.open()?;
            let holder = holder(&plan.action, id);
            let lock = ClusterLock::take(&state, &plan.cluster, &holder)?;
            let definitions = self.keep_definitions(plan, &state, id).await?;
            let hosts = HostLocks::take(plan, &self.hands, permit, &holder).await?;
            let journal = Journal::create(&state, id)?;
            let start = Start {
                id: id.clone(),
                lock,
                journal,
                torn: None,
                definitions,
            };
            Ok(Ready { start, hosts })
        };
        unless_stopped(control, preparing).await
    }

    async fn keep_definitions(
        &self,
        plan: &Plan,
        state: &StateDir,
        run: &RunId,
    ) -> Result<Vec<PathBuf>, StartError> {
        let mut kept = Vec::new();
        for node in &plan.definitions {
            let fetched = self.fleet.definitions(node).await;
            let json = fetched.map_err(|failure| StartError::Definitions {
                node: node.clone(),
                failure,
            })?;
            kept.push(definitions::keep(state, run, node, json.expose_secret())?);
        }
        Ok(kept)
    }

    /// As `prepare`, to go on with the run of `seen`.
    ///
    /// # Errors
    ///
    /// As `prepare`; and where its journal has grown since it was seen.
    pub async fn prepare_again(
        &self,
        seen: &RunRecord,
        permit: &Permit,
        control: &Control,
    ) -> Result<Ready, StartError> {
        let preparing = async {
            let start = reopen(&self.state.open()?, seen)?;
            let holder = holder(&seen.plan.action, &seen.run);
            let hosts = HostLocks::take(&seen.plan, &self.hands, permit, &holder).await?;
            Ok(Ready { start, hosts })
        };
        unless_stopped(control, preparing).await
    }
}

/// Lets `work` go on until the operator stops it; what it had taken goes with it.
///
/// # Errors
///
/// Those of `work`, or that it was stopped.
pub async fn unless_stopped<T>(
    control: &Control,
    work: impl Future<Output = Result<T, StartError>>,
) -> Result<T, StartError> {
    tokio::select! {
        biased;
        () = control.wanted(Stop::AfterStep) => Err(StartError::Stopped),
        done = work => done,
    }
}

/// A run that may begin: it holds every lock, and its journal is open.
#[derive(Debug)]
pub struct Ready {
    pub(super) start: Start,
    pub(super) hosts: HostLocks,
}

/// The lock of this machine, and the journal.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) id: RunId,
    pub(super) lock: ClusterLock,
    pub(super) journal: Journal,
    pub(super) torn: Option<Shown>,
    pub(super) definitions: Vec<PathBuf>,
}

/// Closes the run of `seen` for good. Nothing is sent.
///
/// # Errors
///
/// If someone goes on with it, or its journal cannot be written.
pub fn abandon(state: &StatePlace, seen: &RunRecord) -> Result<(), StartError> {
    let mut start = reopen(&state.open()?, seen)?;
    let event = RunEvent {
        run: start.id.clone(),
        at: crate::clock::now().wall,
        elapsed: seen.elapsed,
        what: RunEventKind::Abandoned {
            who: who(),
            torn: start.torn.take(),
        },
    };
    Ok(start.journal.append(&event, Durability::Synced)?)
}

/// Takes the lock and opens the journal of the run of `seen` to go on with it.
fn reopen(state: &StateDir, seen: &RunRecord) -> Result<Start, StartError> {
    let holder = holder(&seen.plan.action, &seen.run);
    let lock = ClusterLock::take(state, &seen.plan.cluster, &holder)?;
    let reopened = Journal::reopen(state, &seen.run)?;
    if RunRecord::fold(&reopened.events).as_ref() != Some(seen) {
        return Err(StartError::Moved {
            run: seen.run.clone(),
        });
    }
    Ok(Start {
        id: seen.run.clone(),
        lock,
        journal: reopened.journal,
        torn: reopened.torn,
        definitions: Vec::new(),
    })
}

/// Why a run cannot begin. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operator did not want it any more.
    #[error("the operator stopped the run before it began")]
    Stopped,
    /// No place for the journal.
    #[error("keep a journal: {0}")]
    State(#[from] StateError),
    /// Another run holds the cluster.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// Another run holds a host, or a host cannot be locked.
    #[error(transparent)]
    Host(#[from] HostLockError),
    /// A node does not give the definitions of which a copy is to be kept: no copy, no action.
    #[error("copy the definitions of {node}: {failure}")]
    Definitions {
        /// Which node.
        node: NodeName,
        /// Why.
        failure: SourceFailure,
    },
    /// The copy cannot be written.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// Someone else went on with it while the operator was asked.
    #[error("go on with the run {run}: its journal has grown meanwhile; look at it again")]
    Moved {
        /// Which run.
        run: RunId,
    },
    /// The journal cannot be written: no audit line, no action.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// `user@machine`, for locks and journals.
pub(super) fn who() -> String {
    let user = user(|name| std::env::var(name).ok(), own_name);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// By the environment; where that names nobody, as after `env -i` or under cron, by the system.
fn user(env: impl Fn(&str) -> Option<String>, system: impl FnOnce() -> Option<String>) -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| env(name).filter(|value| !value.is_empty()))
        .or_else(system)
        .unwrap_or_else(own_uid)
}

/// By the system's own list of users, wherever that is kept.
fn own_name() -> Option<String> {
    let output = std::process::Command::new("id").arg("-un").output().ok()?;
    let name = Shown::new(String::from_utf8(output.stdout).ok()?.trim());
    (output.status.success() && !name.is_empty()).then(|| name.as_str().to_owned())
}

/// `uid 1000`, where nobody knows a name for it.
fn own_uid() -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self")
        .map_or_else(|_| "unknown".to_owned(), |own| format!("uid {}", own.uid()))
}

/// The words of a lock.
fn holder(action: &Action, run: &RunId) -> Holder {
    Holder {
        who: who(),
        what: action.to_string(),
        run: run.clone(),
        since: crate::clock::now().wall,
        pid: std::process::id(),
    }
}

#[cfg(test)]
mod tests {
    use super::{StartError, unless_stopped, user};
    use crate::executor::control::{Controller, channel};

    #[test]
    fn where_the_environment_names_nobody_the_system_does() {
        let env = |name: &str| (name == "USER").then(|| "ops".to_owned());
        assert_eq!(user(env, || None), "ops");
        let empty = |_: &str| Some(String::new());
        assert_eq!(user(empty, || Some("root".to_owned())), "root");
        assert!(user(empty, || None).starts_with("uid "));
    }

    /// A preparation that hangs, as a host does that takes minutes to say no.
    #[tokio::test(start_paused = true)]
    async fn a_preparation_ends_with_the_first_wish() {
        let hangs = || std::future::pending::<Result<(), StartError>>();
        for stop in [
            |c: &Controller| {
                c.interrupt();
            },
            |c: &Controller| c.terminate(),
        ] {
            let (controller, control) = channel();
            let preparing = unless_stopped(&control, hangs());
            let stopping = async { stop(&controller) };
            let (ended, ()) = tokio::join!(preparing, stopping);
            assert!(matches!(ended, Err(StartError::Stopped)));
        }
    }
}
