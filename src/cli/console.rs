//! Owns the console's way to the world: sources, planning, guard and executor behind
//! `tui::Backend`. The only place where the screen and the engine meet.

use super::output::{Out, say};
use super::run::{heed, say_how_to_resume};
use super::session::{Planned, Session, Told};
use super::start::{self, unless_stopped};
use super::{ColorChoice, Common, mode};
use crate::action::Action;
use crate::app::Setup;
use crate::app::effect::Leaving;
use crate::config::Cluster;
use crate::executor::control::{Control, RunHandle};
use crate::executor::event::{RunId, RunOutcome};
use crate::executor::follow::Follower;
use crate::executor::journal;
use crate::executor::record::{Look, Review, RunRecord};
use crate::executor::resume;
use crate::executor::state::{StateDir, StatePlace};
use crate::guard::{self, Confirmation, Mode};
use crate::model::observation::{Observation, SourceKind};
use crate::runbook::plan::{Plan, Refusal};
use crate::sources::Watch;
use crate::tui::{self, Backend, RunTold, clipboard};
use crate::view::glyphs::Charset;
use crate::view::theme::Theme;
use crate::view::theme::color::Depth;
use anyhow::Context;
use futures_util::future::BoxFuture;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// Observations that may wait for the screen.
const QUEUED: usize = 1024;
/// Events that may wait for the screen; the run itself never waits for it.
const EVENTS_QUEUED: usize = 1024;
/// Looks at the journals that may wait for the screen.
const LOOKS_QUEUED: usize = 4;
/// How often the journals are looked at, while a run is under way and while none is.
const LOOKS_LIVE: Duration = Duration::from_millis(250);
const LOOKS_IDLE: Duration = Duration::from_secs(2);

/// Opens the console and closes it again.
pub async fn run(
    cluster: &Cluster,
    common: &Common,
    rotate: Option<Duration>,
) -> anyhow::Result<u8> {
    let out = Out::new(common);
    let left = |id: &RunId| say_what_is_left(id, &out);
    show(Session::open(cluster), (common, rotate), &left).await
}

/// Opens the console on `session` and closes it again; says of a run that was left what `left` says.
/// With `rotate` each pane is shown for that long, in turn.
pub async fn show(
    session: Session,
    (common, rotate): (&Common, Option<Duration>),
    left: &(dyn Fn(&RunId) + Sync),
) -> anyhow::Result<u8> {
    let cluster = &session.cluster;
    let mode = mode(common, cluster);
    let (seen, observations) = mpsc::channel(QUEUED);
    let (runs, tasks) = (Runs::default(), TaskTracker::new());
    let world = World {
        session: session.clone(),
        mode: mode.clone(),
        seen,
        watch: None,
        runs: Arc::clone(&runs),
        tasks: tasks.clone(),
    };
    let ended = tui::run(tui::Session {
        setup: Setup {
            cluster: cluster.name.clone(),
            color: cluster.color.clone(),
            mode,
            zone: jiff::tz::TimeZone::system(),
            rotate,
        },
        inventory: cluster.inventory.clone(),
        theme: theme(common)?,
        observations,
        backend: Box::new(world),
    })
    .await;
    if matches!(ended, Ok(Leaving::Terminated) | Err(_)) {
        end_runs(&runs, &tasks, left).await;
    }
    session.close();
    match ended? {
        Leaving::Done | Leaving::Terminated => {}
        Leaving::RunLeft { run } => {
            let begun = runs_of(&runs).last().map(|handle| handle.id.clone());
            if let Some(id) = run.or(begun) {
                left(&id);
            }
        }
    }
    Ok(0)
}

/// The terminal is gone, or the console was told to end: a run under way takes its step to the end,
/// as after the first interrupt, and writes its own; one that has sent nothing ends at once.
async fn end_runs(runs: &Runs, tasks: &TaskTracker, left: &(dyn Fn(&RunId) + Sync)) {
    let live: Vec<RunHandle> = runs_of(runs)
        .iter()
        .filter(|handle| !handle.controller.is_over())
        .cloned()
        .collect();
    let mut heeding = Vec::new();
    for RunHandle { id, controller } in &live {
        controller.terminate();
        heeding.push(heed(controller.clone()));
        say(format_args!("the run {id} ends after the step under way"));
    }
    tasks.close();
    tasks.wait().await;
    for handle in &live {
        left(&handle.id);
    }
}

/// Says of a run that was left how far it came, by its journal.
fn say_what_is_left(id: &RunId, out: &Out) {
    let record = StateDir::of_user()
        .ok()
        .map(|state| journal::record(&state, id));
    match record {
        Some(Err(journal::JournalError::NoSuchRun { .. })) => {
            say("the run was stopped before it began; nothing was sent");
        }
        Some(Ok(record)) if resume::closed(&record).is_some() => {
            say(format_args!("how the run ended: rmqtop runs {id}"));
        }
        Some(Ok(_) | Err(_)) | None => {
            say(format_args!(
                "a run was left before its end; how far it came: rmqtop runs {id}"
            ));
            say_how_to_resume(id, out);
        }
    }
}

fn theme(common: &Common) -> anyhow::Result<Theme> {
    let depth = match common.color {
        ColorChoice::Never => Depth::None,
        ColorChoice::Auto | ColorChoice::Always => Depth::detect(|name| std::env::var(name).ok()),
    };
    let charset = if common.ascii {
        Charset::Ascii
    } else {
        Charset::Unicode
    };
    if Path::new(&common.theme)
        .extension()
        .is_some_and(|ext| ext == "toml")
    {
        let text = std::fs::read_to_string(&common.theme)
            .with_context(|| format!("cannot read the theme {}", common.theme))?;
        return Ok(Theme::parse(&common.theme, &text, depth, charset)?);
    }
    Theme::embedded(&common.theme, depth, charset).context("failed")
}

/// The runs that were started here, in order, from their confirmation on.
type Runs = Arc<Mutex<Vec<RunHandle>>>;

fn runs_of(runs: &Runs) -> std::sync::MutexGuard<'_, Vec<RunHandle>> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The world behind the screen.
struct World {
    session: Session,
    mode: Mode,
    seen: mpsc::Sender<Observation>,
    watch: Option<Watch>,
    runs: Runs,
    /// The runs themselves.
    tasks: TaskTracker,
}

impl Backend for World {
    fn start(&mut self) {
        self.watch = Some(self.session.fleet.watch(&self.seen));
    }

    fn poll_now(&mut self) {
        if let Some(watch) = &self.watch {
            watch.poll_now();
        }
    }

    fn pause(&mut self) {
        if let Some(watch) = &self.watch {
            watch.pause();
        }
    }

    fn resume(&mut self) {
        if let Some(watch) = &self.watch {
            watch.resume();
        }
    }

    fn survey(&mut self, action: Action) -> BoxFuture<'static, Result<Plan, Refusal>> {
        let session = self.session.clone();
        Box::pin(async move { session.plan(&action).await.map(|planned| planned.plan) })
    }

    fn execute(&mut self, plan: Plan, confirmation: Confirmation) -> mpsc::Receiver<RunTold> {
        let (tell, told) = mpsc::channel(EVENTS_QUEUED);
        let work = self.work(RunId::new(crate::clock::now().wall));
        self.tasks.spawn(async move {
            if let Err(error) = work.run(plan, confirmation, &tell).await {
                // The console may be gone; then the journal has it all.
                drop(tell.send(Err(format!("{error:#}; nothing was sent"))).await);
            }
        });
        told
    }

    fn follow(&mut self) -> mpsc::Receiver<Result<Look, String>> {
        let (tell, told) = mpsc::channel(LOOKS_QUEUED);
        tokio::spawn(follow(self.session.state.clone(), tell));
        told
    }

    fn review(&mut self, run: RunId) -> BoxFuture<'static, Result<Review, Refusal>> {
        let session = self.session.clone();
        Box::pin(async move { session.review(&run).await })
    }

    fn resume_run(
        &mut self,
        record: RunRecord,
        confirmation: Confirmation,
    ) -> mpsc::Receiver<RunTold> {
        let (tell, told) = mpsc::channel(EVENTS_QUEUED);
        let work = self.work(record.run.clone());
        self.tasks.spawn(async move {
            if let Err(error) = work.resume(record, confirmation, &tell).await {
                drop(tell.send(Err(format!("{error:#}; nothing was sent"))).await);
            }
        });
        told
    }

    fn abandon(&mut self, record: RunRecord) -> BoxFuture<'static, Result<(), String>> {
        let state = self.session.state.clone();
        let closing = tokio::task::spawn_blocking(move || start::abandon(&state, &record));
        Box::pin(async move {
            match closing.await {
                Ok(closed) => closed.map_err(|error| format!("failed to {error}")),
                Err(_gone) => Err("the journal could not be written".to_owned()),
            }
        })
    }

    fn copy(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A terminal that cannot be written to ends the console by itself.
        drop(out.write_all(clipboard::osc52(text).as_bytes()));
        drop(out.flush());
    }

    fn stop_run(&mut self, run: Option<RunId>) {
        let runs = runs_of(&self.runs);
        let handle = match run {
            Some(run) => runs.iter().rfind(|handle| handle.id == run),
            // Its first event has not come yet.
            None => runs.last(),
        };
        if let Some(handle) = handle {
            handle.controller.interrupt();
        }
    }
}

impl World {
    /// A run that can be stopped from now on.
    fn work(&self, id: RunId) -> Work {
        let (handle, control) = RunHandle::new(id.clone());
        runs_of(&self.runs).push(handle);
        Work {
            session: self.session.clone(),
            mode: self.mode.clone(),
            id,
            control,
        }
    }
}

/// Looks at the journals until nobody listens any more; more often while a run is under way.
async fn follow(state: StatePlace, tell: mpsc::Sender<Result<Look, String>>) {
    let mut follower = match state.open() {
        Ok(state) => Follower::new(state),
        Err(error) => {
            drop(tell.send(Err(format!("failed to {error}"))).await);
            return;
        }
    };
    let mut fault = None;
    loop {
        // Reading blocks; the follower comes back with what it saw.
        let looking = tokio::task::spawn_blocking(move || {
            let look = follower.look();
            (follower, look)
        });
        let Ok((back, look)) = looking.await else {
            return;
        };
        follower = back;
        let news = match look {
            Ok(look) => {
                fault = None;
                look.map(Ok)
            }
            Err(error) => {
                let words = format!("failed to {error}");
                let is_new = fault.replace(words.clone()) != Some(words.clone());
                is_new.then_some(Err(words))
            }
        };
        if let Some(news) = news
            && tell.send(news).await.is_err()
        {
            return;
        }
        let pause = if follower.is_live() {
            LOOKS_LIVE
        } else {
            LOOKS_IDLE
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = tell.closed() => return,
        }
    }
}

/// One run, from the confirmed plan to its end.
struct Work {
    session: Session,
    mode: Mode,
    id: RunId,
    control: Control,
}

impl Work {
    /// Permits and runs. An error means that nothing was sent.
    async fn run(
        self,
        plan: Plan,
        confirmation: Confirmation,
        tell: &mpsc::Sender<RunTold>,
    ) -> anyhow::Result<()> {
        let permit = guard::permit(&plan, &self.mode, &confirmation)?;
        let session = &self.session;
        let run = (&self.id, &self.control);
        let start = session.prepare(&plan, &permit, run).await?;
        let store = session.survey(|kind| kind == SourceKind::MetadataStore);
        let model = unless_stopped(&self.control, async { Ok(store.await) }).await?;
        let planned = Planned { plan, model };
        let begin = |told| session.execute(start, &planned, permit, told);
        hand_on(tell, self.control.clone(), begin).await;
        Ok(())
    }

    /// Permits and goes on with a run. An error means that nothing was sent.
    async fn resume(
        self,
        record: RunRecord,
        confirmation: Confirmation,
        tell: &mpsc::Sender<RunTold>,
    ) -> anyhow::Result<()> {
        let permit = guard::permit(&record.plan, &self.mode, &confirmation)?;
        let session = &self.session;
        let start = session
            .prepare_again(&record, &permit, &self.control)
            .await?;
        let look = async { Ok(session.look_at(&record).await) };
        let model = unless_stopped(&self.control, look).await?;
        let begin = |told| session.resume(start, (&record, &model), permit, told);
        hand_on(tell, self.control.clone(), begin).await;
        Ok(())
    }
}

/// Lets `begin` run and hands on what it tells.
async fn hand_on<F: Future<Output = RunOutcome>>(
    tell: &mpsc::Sender<RunTold>,
    control: Control,
    begin: impl FnOnce(Told) -> F,
) {
    let (events, mut heard) = mpsc::unbounded_channel();
    let telling = async {
        while let Some(event) = heard.recv().await {
            drop(tell.send(Ok(event)).await);
        }
    };
    tokio::join!(begin((control, events)), telling);
}

#[cfg(test)]
mod tests;
