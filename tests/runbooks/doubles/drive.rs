//! Plans on a scripted world, confirms, runs to the end, and goes on with what was left.

use super::audit::FullDisc;
use super::clock;
use super::ends::{Ran, Resumed};
use super::hands::{Hand, Watcher};
use super::world::World;
use crate::cluster::{Cluster, host, node};
use rmqtop::action::Action;
use rmqtop::executor::Hands;
use rmqtop::executor::control::{self, Controller};
use rmqtop::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome};
use rmqtop::executor::hosts::{HostLockError, HostLocks};
use rmqtop::executor::journal::Journal;
use rmqtop::executor::lock::{ClusterLock, Holder};
use rmqtop::executor::record::RunRecord;
use rmqtop::executor::run::{self, Setting, run};
use rmqtop::executor::state::StateDir;
use rmqtop::guard::{Confirmation, Execute, Mode, Permit, needs, permit};
use rmqtop::model::text::Shown;
use rmqtop::remote::Operate;
use rmqtop::runbook;
use rmqtop::runbook::plan::Plan;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// The plan to restart member 3's app, on what is so now.
pub(crate) fn plan(cluster: &Cluster) -> Plan {
    planned(cluster, &Action::RestartApp { node: node(2) })
}

/// The plan of `action`, on what is so now.
fn planned(cluster: &Cluster, action: &Action) -> Plan {
    let now = clock();
    runbook::plan(action, &cluster.model(now), now).unwrap()
}

/// The permit for it.
pub(crate) fn confirmed(plan: &Plan) -> Permit {
    let typed = needs(plan).into_iter().map(|need| need.name().to_owned());
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: typed.collect(),
    };
    permit(plan, &Mode::Operate, &confirmation).unwrap()
}

/// Plans on the world as it is, and runs that to its end.
pub(crate) async fn restart(world: World) -> Ran {
    restart_with(world, |_| false, |_, _| {}).await
}

/// Plans `action` on the world as it is, and runs that to its end.
pub(crate) async fn act(world: World, action: &Action) -> Ran {
    let plan = planned(&world.cluster, action);
    let permit = confirmed(&plan);
    execute(world, &plan, permit, |_| false, |_, _| {}).await
}

/// As `restart`, with a journal that fails at an event and someone who listens and may interrupt.
pub(crate) async fn restart_with(
    world: World,
    fails_at: fn(&RunEventKind) -> bool,
    listen: impl FnMut(&RunEvent, &Controller),
) -> Ran {
    let plan = plan(&world.cluster);
    let permit = confirmed(&plan);
    execute(world, &plan, permit, fails_at, listen).await
}

/// Runs `plan` under `permit`.
pub(crate) async fn execute(
    world: World,
    plan: &Plan,
    permit: Permit,
    fails_at: fn(&RunEventKind) -> bool,
    listen: impl FnMut(&RunEvent, &Controller),
) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(home.path()).unwrap();
    let id = RunId::new(clock().wall);
    let journal = Journal::create(&state, &id).unwrap();
    let begin = Begin::Run(id.clone(), plan);
    let (outcome, events, world) =
        drive(world, &state, (journal, fails_at), listen, (begin, permit)).await;
    Ran {
        outcome,
        events,
        sent: world.sent,
        listings: world.listings,
        cluster: world.cluster,
        state,
        id,
        _home: home,
    }
}

/// Why the locks for a run on `world` are not to be had.
pub(crate) async fn unheld(world: World) -> HostLockError {
    let plan = plan(&world.cluster);
    let hand: Arc<dyn Operate> = Arc::new(Hand(Arc::new(Mutex::new(world)), 2));
    let hands: Hands = [(host(2), hand)].into();
    let mine = holder(&RunId("x".to_owned()));
    HostLocks::take(&plan, &hands, &confirmed(&plan), &mine)
        .await
        .unwrap_err()
}

/// Goes on with the run whose journal stands in `state`; tells as `execute` does.
pub(crate) async fn resume(world: World, state: &StateDir, id: &RunId) -> Resumed {
    let reopened = Journal::reopen(state, id).unwrap();
    let record = RunRecord::fold(&reopened.events).unwrap();
    let permit = confirmed(&record.plan);
    let torn = reopened.torn.clone();
    let begin = Begin::Resume(&record, torn);
    let journal = (reopened.journal, no_fault as fn(&RunEventKind) -> bool);
    let (outcome, events, world) = drive(world, state, journal, |_, _| {}, (begin, permit)).await;
    Resumed {
        outcome,
        before: reopened.events,
        events,
        world,
    }
}

fn no_fault(_: &RunEventKind) -> bool {
    false
}

enum Begin<'a> {
    Run(RunId, &'a Plan),
    Resume(&'a RunRecord, Option<Shown>),
}

async fn drive(
    world: World,
    state: &StateDir,
    (journal, fails_at): (Journal, fn(&RunEventKind) -> bool),
    mut listen: impl FnMut(&RunEvent, &Controller),
    (begin, permit): (Begin<'_>, Permit),
) -> (RunOutcome, Vec<RunEvent>, World) {
    let model = world.cluster.model(clock());
    let world = Arc::new(Mutex::new(world));
    world.lock().unwrap().journal = journal.path().to_owned();
    let lock = ClusterLock::take(state, "prod", &holder(&RunId("x".to_owned()))).unwrap();
    let members = model.inventory.hosts.len();
    let hand = |at| Arc::new(Hand(world.clone(), at)) as Arc<dyn Operate>;
    let hands: Hands = (0..members).map(|at| (host(at), hand(at))).collect();
    let mine = holder(&RunId("x".to_owned()));
    let locked = match &begin {
        Begin::Run(_, plan) => *plan,
        Begin::Resume(record, _) => &record.plan,
    };
    let mut hosts = HostLocks::take(locked, &hands, &permit, &mine)
        .await
        .unwrap();
    let (controller, control) = control::channel();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut audit = FullDisc::new(journal, fails_at);
    let mut watcher = Watcher(world.clone());
    let setting = Setting {
        model: &model,
        eyes: &mut watcher,
        hands: &hands,
        audit: &mut audit,
        lock: &lock,
        hosts: &mut hosts,
        control,
        events: sender,
        clock,
        who: "ops@desk".to_owned(),
        definitions: Vec::new(),
    };
    let listener = async {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            listen(&event, &controller);
            events.push(event);
        }
        events
    };
    let running = async {
        match begin {
            Begin::Run(id, plan) => run(id, plan, permit, setting).await,
            Begin::Resume(record, torn) => run::resume(record, torn, permit, setting).await,
        }
    };
    let (outcome, events) = tokio::join!(running, listener);
    drop((hands, watcher, hosts));
    let world = Arc::into_inner(world).unwrap().into_inner().unwrap();
    (outcome, events, world)
}

pub(crate) fn holder(run: &RunId) -> Holder {
    Holder {
        who: "ops@desk".to_owned(),
        what: "restart-app rabbit@rabbit-node3".to_owned(),
        run: run.clone(),
        since: clock().wall,
        pid: std::process::id(),
    }
}
