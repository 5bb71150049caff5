//! Owns what `plan`, `run` and the console share: the links to the hosts, the fleet of sources,
//! and the fresh look on which a plan rests.

use super::output;
use crate::action::Action;
use crate::config::Cluster;
use crate::executor::control::Control;
use crate::executor::definitions::{self, KeepError};
use crate::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome};
use crate::executor::eyes::FleetEyes;
use crate::executor::hosts::{HostLockError, HostLocks};
use crate::executor::journal::{self, Audit, Durability, Journal, JournalError};
use crate::executor::lock::{ClusterLock, Holder, LockError};
use crate::executor::record::{Review, RunRecord};
use crate::executor::remembered::last_stop;
use crate::executor::resume;
use crate::executor::run::Setting;
use crate::executor::state::{StateDir, StateError};
use crate::executor::{self, Hands};
use crate::guard::Permit;
use crate::model::Model;
use crate::model::name::NodeName;
use crate::model::observation::{Observation, SourceFailure, SourceKind};
use crate::model::shutdown::StopRecord;
use crate::model::text::Shown;
use crate::runbook;
use crate::runbook::plan::{Plan, Preflight, Refusal, Verdict};
use crate::sources::Fleet;
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use strum::IntoEnumIterator;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep};

/// A member that started, and a queue that was declared, are told of within five seconds.
const MAY_PASS_FOR: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(500);

/// What a run is told with, and what it tells.
pub type Told = (Control, UnboundedSender<RunEvent>);

/// Open ways to one cluster.
#[derive(Debug, Clone)]
pub struct Session {
    /// What is declared.
    pub cluster: Cluster,
    /// Every source.
    pub fleet: Arc<Fleet>,
    /// Ways to change each host; useless without a permit.
    pub hands: Hands,
}

impl Session {
    /// Names the ways; nothing is connected yet.
    pub fn open(cluster: &Cluster) -> Self {
        let hands = crate::remote::links(cluster);
        let fleet = Arc::new(Fleet::new(cluster, &crate::remote::observers(&hands)));
        Self {
            cluster: cluster.clone(),
            fleet,
            hands,
        }
    }

    /// Tells who looks on that the look takes its time.
    pub fn announce(&self) {
        let hosts = self.cluster.inventory.hosts.len();
        output::progress(format_args!(
            "looking at {hosts} hosts of {} …",
            self.cluster.name
        ));
    }

    /// Asks these sources once, and gives a model of what they said and nothing else.
    pub async fn survey(&self, wanted: impl Fn(SourceKind) -> bool) -> Model {
        let mut model = Model::new(self.cluster.inventory.clone());
        for observation in self.observe(wanted).await {
            model.apply(observation);
        }
        model
    }

    async fn observe(&self, wanted: impl Fn(SourceKind) -> bool) -> Vec<Observation> {
        let kinds: Vec<SourceKind> = SourceKind::iter().filter(|kind| wanted(*kind)).collect();
        self.fleet.survey(&kinds).await
    }

    /// Plans on a fresh look, and gives the model it rests on with the plan. Where that cannot be,
    /// for a reason that may pass by itself, it is looked again for a while.
    pub async fn plan(&self, action: &Action) -> Result<Planned, Refusal> {
        let begun = Instant::now();
        loop {
            match self.plan_once(action).await {
                Err(refusal) if refusal.may_pass() && begun.elapsed() < MAY_PASS_FOR => {
                    sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    async fn plan_once(&self, action: &Action) -> Result<Planned, Refusal> {
        let release = |kind| kind == SourceKind::Management && runbook::asks_by_release(action);
        let known = self.survey(release).await;
        let asks = runbook::also_asks(action, &known.capability(crate::clock::now()));
        // What takes long comes first: what was seen beside it would be old by the time it is over.
        let mut model = self.survey(|kind| asks.contains(&kind)).await;
        let others = |kind: SourceKind| {
            kind != SourceKind::Canary
                && !kind.is_costly()
                && !kind.is_for_runbooks()
                && !asks.contains(&kind)
        };
        for observation in self.observe(others).await {
            model.apply(observation);
        }
        if asks.contains(&SourceKind::NodeFiles) {
            model.remembered = self.remembered();
        }
        let mut plan = runbook::plan(action, &model, crate::clock::now())?;
        self.check_rights(&mut plan).await?;
        Ok(Planned { plan, model })
    }

    /// What the journal of this machine remembers; without one, the hosts alone are asked.
    fn remembered(&self) -> Option<StopRecord> {
        let state = StateDir::of_user().ok()?;
        last_stop(&state, &self.cluster.name).ok()?
    }

    /// Adds the check that every host would let us run the plan's commands, where `sudo` has a
    /// say in it.
    async fn check_rights(&self, plan: &mut Plan) -> Result<(), Refusal> {
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        for step in &plan.steps {
            let (Some(change), Some(hand)) = (&step.change, self.hands.get(&step.host)) else {
                continue;
            };
            if !self.cluster.sudo.contains(&step.host) {
                continue;
            }
            let line = hand.line(change);
            match (hand.refusal(change).await, change) {
                (Some(words), _) => refused.push(format!("{} refuses {words}", step.host)),
                // The request goes out from here; only the host's lock needs root there.
                (None, change) if !change.is_command() => {
                    asked.push(format!("{} allows its lock to be taken", step.host));
                }
                (None, _) => asked.push(format!("{} allows `{line}`", step.host)),
            }
        }
        if asked.is_empty() && refused.is_empty() {
            return Ok(());
        }
        let verdict = if refused.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        plan.preflight.push(Preflight {
            id: "P20".to_owned(),
            title: "sudo allows every command without a password".to_owned(),
            verdict,
            evidence: refused.iter().chain(&asked).cloned().collect(),
        });
        match refused.into_iter().next() {
            None => Ok(()),
            Some(reason) => Err(Refusal {
                action: plan.action.to_string(),
                reason,
                preflight: plan.preflight.clone(),
                instead: Some(
                    "allow it there without a password (NOPASSWD in sudoers), together with `sh` \
                     and `systemd-run`; or log in as root"
                        .to_owned(),
                ),
            }),
        }
    }

    /// Takes the locks, keeps copies of definitions that the run of `plan` destroys, and opens its
    /// journal. Nothing is changed.
    pub async fn prepare(
        &self,
        plan: &Plan,
        permit: &Permit,
    ) -> Result<(RunId, Ready), StartError> {
        let state = StateDir::of_user()?;
        let id = RunId::new(crate::clock::now().wall);
        let holder = holder(&plan.action, &id);
        let lock = ClusterLock::take(&state, &plan.cluster, &holder)?;
        let definitions = self.keep_definitions(plan, &state, &id).await?;
        let hosts = HostLocks::take(plan, &self.hands, permit, &holder).await?;
        let journal = Journal::create(&state, &id)?;
        let start = Start {
            id: id.clone(),
            lock,
            journal,
            torn: None,
            definitions,
        };
        Ok((id, Ready { start, hosts }))
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
    pub async fn prepare_again(
        &self,
        seen: &RunRecord,
        permit: &Permit,
    ) -> Result<Ready, StartError> {
        let start = reopen(seen)?;
        let holder = holder(&seen.plan.action, &seen.run);
        let hosts = HostLocks::take(&seen.plan, &self.hands, permit, &holder).await?;
        Ok(Ready { start, hosts })
    }

    /// What is left of `run`, on a fresh look at the cluster. Nothing is sent.
    pub async fn review(&self, run: &RunId) -> Result<Review, Refusal> {
        let refuse = |action: String, reason: String| Refusal {
            action,
            reason,
            preflight: Vec::new(),
            instead: None,
        };
        let state = StateDir::of_user()
            .map_err(|error| refuse(run.to_string(), format!("failed to {error}")))?;
        let record = journal::record(&state, run)
            .map_err(|error| refuse(run.to_string(), format!("failed to {error}")))?;
        let action = record.plan.action.to_string();
        if let Some(reason) = resume::closed(&record) {
            let reason = format!("nobody can go on with {run}: {reason}");
            return Err(refuse(action, reason));
        }
        let model = self.survey(|kind| kind != SourceKind::Canary).await;
        let now = crate::clock::now();
        let foreign = resume::foreign(&record.plan, &model, now);
        if !foreign.is_empty() {
            let reason = format!(
                "the cluster is not the one of the plan: {}",
                foreign.join("; ")
            );
            return Err(refuse(action, reason));
        }
        let left = resume::left(&record, &model, now);
        Ok(Review { record, left })
    }

    /// Goes on with the run of `record`; tells of it as `execute` does.
    pub async fn resume(
        &self,
        Ready {
            mut start,
            mut hosts,
        }: Ready,
        (record, model): (&RunRecord, &Model),
        permit: Permit,
        told: Told,
    ) -> RunOutcome {
        let torn = start.torn.take();
        let mut eyes = FleetEyes::new(Arc::clone(&self.fleet));
        let setting = self.setting(model, &mut eyes, (&mut start, &mut hosts), told);
        let outcome = executor::run::resume(record, torn, permit, setting).await;
        hosts.release().await;
        outcome
    }

    /// Carries out `plan`; tells of it on the channel given with the control.
    pub async fn execute(
        &self,
        Ready {
            mut start,
            mut hosts,
        }: Ready,
        planned: &Planned,
        permit: Permit,
        told: Told,
    ) -> RunOutcome {
        let mut eyes = FleetEyes::new(Arc::clone(&self.fleet));
        let id = start.id.clone();
        let setting = self.setting(&planned.model, &mut eyes, (&mut start, &mut hosts), told);
        let outcome = executor::run::run(id, &planned.plan, permit, setting).await;
        hosts.release().await;
        outcome
    }

    fn setting<'a>(
        &'a self,
        model: &'a Model,
        eyes: &'a mut FleetEyes,
        (start, hosts): (&'a mut Start, &'a mut HostLocks),
        (control, events): Told,
    ) -> Setting<'a> {
        Setting {
            model,
            eyes,
            hands: &self.hands,
            audit: &mut start.journal,
            lock: &start.lock,
            hosts,
            control,
            events,
            clock: crate::clock::now,
            who: who(),
            definitions: start.definitions.clone(),
        }
    }

    /// Ends every connection.
    pub fn close(&self) {
        for link in self.hands.values() {
            link.close();
        }
    }
}

/// A plan, and what was known when it was made.
#[derive(Debug)]
pub struct Planned {
    /// What would be done.
    pub plan: Plan,
    /// What it rests on.
    pub model: Model,
}

/// A run that may begin: it holds every lock, and its journal is open.
#[derive(Debug)]
pub struct Ready {
    start: Start,
    hosts: HostLocks,
}

/// The lock of this machine, and the journal.
#[derive(Debug)]
struct Start {
    id: RunId,
    lock: ClusterLock,
    journal: Journal,
    torn: Option<Shown>,
    definitions: Vec<PathBuf>,
}

/// Closes the run of `seen` for good. Nothing is sent.
pub fn abandon(seen: &RunRecord) -> Result<(), StartError> {
    let mut start = reopen(seen)?;
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

/// Takes the lock and opens the journal of the run of `seen` to go on with it. Nothing is sent.
fn reopen(seen: &RunRecord) -> Result<Start, StartError> {
    let state = StateDir::of_user()?;
    let holder = holder(&seen.plan.action, &seen.run);
    let lock = ClusterLock::take(&state, &seen.plan.cluster, &holder)?;
    let reopened = Journal::reopen(&state, &seen.run)?;
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
fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(own_uid);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// `uid 1000`, where the environment names nobody.
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
