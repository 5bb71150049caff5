//! Owns what `plan`, `run` and the console share: the links to the hosts, the fleet of sources,
//! and the fresh look on which a plan rests.

use super::output;
use super::start::{self, Ready, Start};
use crate::action::Action;
use crate::config::Cluster;
use crate::executor::control::Control;
use crate::executor::event::{RunEvent, RunId, RunOutcome};
use crate::executor::eyes::FleetEyes;
use crate::executor::hosts::HostLocks;
use crate::executor::journal;
use crate::executor::record::{Review, RunRecord};
use crate::executor::remembered::{last_stop, taken_out};
use crate::executor::resume;
use crate::executor::run::Setting;
use crate::executor::state::StatePlace;
use crate::executor::{self, Hands};
use crate::guard::Permit;
use crate::model::Model;
use crate::model::name::{HaproxyName, HostName};
use crate::model::observation::{Observation, SourceKind};
use crate::model::shutdown::StopRecord;
use crate::runbook;
use crate::runbook::plan::{Plan, Refusal};
use crate::sources::Fleet;
use std::collections::BTreeSet;
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
    /// Where runs are remembered.
    pub state: StatePlace,
}

impl Session {
    /// Names the ways; nothing is connected yet.
    pub fn open(cluster: &Cluster) -> Self {
        Self::over(cluster, crate::remote::links(cluster), StatePlace::OfUser)
    }

    /// As `open`, over these ways to the hosts, and with runs remembered there.
    pub fn over(cluster: &Cluster, hands: Hands, state: StatePlace) -> Self {
        let fleet = Arc::new(Fleet::new(cluster, &crate::remote::observers(&hands)));
        Self {
            cluster: cluster.clone(),
            fleet,
            hands,
            state,
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

    /// Asks these sources once.
    pub async fn observe(&self, wanted: impl Fn(SourceKind) -> bool) -> Vec<Observation> {
        let kinds: Vec<SourceKind> = SourceKind::iter().filter(|kind| wanted(*kind)).collect();
        self.fleet.survey(&kinds).await
    }

    /// Plans on a fresh look, and gives the model it rests on with the plan. Where that cannot be,
    /// for a reason that may pass by itself, it is looked again for a while.
    pub async fn plan(&self, action: &Action) -> Result<Planned, Refusal> {
        let begun = Instant::now();
        loop {
            match self.plan_once(action).await {
                Err(refusal) if refusal.may_pass && begun.elapsed() < MAY_PASS_FOR => {
                    sleep(PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    async fn plan_once(&self, action: &Action) -> Result<Planned, Refusal> {
        let members = |kind| kind == SourceKind::Management && runbook::asks_by_members(action);
        let known = self.survey(members).await;
        let asks = runbook::also_asks(action, &known, crate::clock::now());
        // What takes long comes first: what was seen beside it would be old by the time it is over.
        let mut model = self.survey(|kind| asks.contains(&kind)).await;
        let others = |kind: SourceKind| {
            kind != SourceKind::Canary
                && !kind.is_costly()
                && !kind.is_for_runbooks()
                && !asks.contains(&kind)
                && (kind != SourceKind::Queues || runbook::reads_queues(action))
        };
        for observation in self.observe(others).await {
            model.apply(observation);
        }
        if asks.contains(&SourceKind::NodeFiles) {
            model.remembered = self.remembered();
        }
        if matches!(action, Action::Join { .. } | Action::Rejoin { .. }) {
            model.taken_out = self.taken_out();
        }
        let mut plan = runbook::plan(action, &model, crate::clock::now())?;
        let sockets = self.try_sockets(&plan).await;
        if !sockets.deaf.is_empty() {
            // Without them the plan is another one: they are named in it, and not told.
            model.deaf.clone_from(&sockets.deaf);
            plan = runbook::plan(action, &model, crate::clock::now())?;
        }
        self.check_rights(&mut plan).await?;
        sockets.note(&mut plan);
        Ok(Planned { plan, model })
    }

    /// What the journal of this machine remembers; without one, the hosts alone are asked.
    fn remembered(&self) -> Option<StopRecord> {
        let state = self.state.open().ok()?;
        last_stop(&state, &self.cluster.name).ok()?
    }

    /// The servers that a run took out, by the journal of this machine; without one, none.
    fn taken_out(&self) -> BTreeSet<(HostName, HaproxyName, HaproxyName)> {
        let state = self.state.open().ok();
        let out = state.and_then(|state| taken_out(&state, &self.cluster.name).ok());
        out.unwrap_or_default()
    }

    /// What is left of `run`, on a fresh look at the cluster. Nothing is sent.
    pub async fn review(&self, run: &RunId) -> Result<Review, Refusal> {
        let refuse = |action: String, reason: String| Refusal {
            action,
            reason,
            preflight: Vec::new(),
            instead: None,
            may_pass: false,
        };
        let state = self
            .state
            .open()
            .map_err(|error| refuse(run.to_string(), format!("failed to {error}")))?;
        let record = journal::record(&state, run)
            .map_err(|error| refuse(run.to_string(), format!("failed to {error}")))?;
        let action = record.plan.action.to_string();
        if let Some(reason) = resume::closed(&record) {
            let reason = format!("nobody can go on with {run}: {reason}");
            return Err(refuse(action, reason));
        }
        let model = self.look_at(&record).await;
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

    /// Looks at what decides how the run of `record` goes on, and at nothing else; what takes long
    /// comes first, for what was seen beside it would be old by the time it is over.
    pub async fn look_at(&self, record: &RunRecord) -> Model {
        let needs = resume::needs(record);
        let (slow, quick): (Vec<_>, Vec<_>) = needs
            .into_iter()
            .partition(|kind: &SourceKind| kind.is_costly());
        let mut model = self.survey(|kind| slow.contains(&kind)).await;
        for observation in self.observe(|kind| quick.contains(&kind)).await {
            model.apply(observation);
        }
        model
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
            who: start::who(),
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
