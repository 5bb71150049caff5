//! Owns the loop: wait for anything, apply all that is queued, draw once; and the carrying out of
//! effects. Decides nothing about the screen: `App::update` does.

use super::{Backend, RunTold, input};
use crate::app::App;
use crate::app::changes::News;
use crate::app::effect::{Effect, Leaving};
use crate::app::msg::Msg;
use crate::clock;
use crate::executor::event::RunEventKind;
use crate::model::observation::Observation;
use crate::view::{self, theme::Theme};
use anyhow::{Context, bail};
use crossterm::event::Event;
use futures_util::{FutureExt, Stream, StreamExt};
use ratatui::Terminal;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// At most this many frames a second for what sources see; a key is drawn at once.
const FRAME: Duration = Duration::from_millis(16);
/// Messages applied before the next frame, so that a flood cannot starve the screen.
const BATCH: usize = 4096;

/// A timer is as exact as this.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

/// The signals that end or interrupt the console.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            term: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Msg {
        tokio::select! {
            _ = self.term.recv() => Msg::Terminated,
            _ = self.hangup.recv() => Msg::Terminated,
            _ = self.interrupt.recv() => Msg::Interrupted,
        }
    }
}

/// Whether the next frame may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// The operator waits for it.
    Now,
    /// Within a frame's time.
    Soon,
}

/// The loop with all it holds.
pub struct Runtime<T: ratatui::backend::Backend> {
    terminal: Terminal<T>,
    app: App,
    theme: Theme,
    backend: Box<dyn Backend>,
    answers: (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    drawn_at: Option<Instant>,
}

impl<T: ratatui::backend::Backend> std::fmt::Debug for Runtime<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl<T> Runtime<T>
where
    T: ratatui::backend::Backend,
    T::Error: std::error::Error + Send + Sync + 'static,
{
    /// Puts the parts together; nothing happens yet.
    pub fn new(terminal: Terminal<T>, app: App, theme: Theme, backend: Box<dyn Backend>) -> Self {
        Self {
            terminal,
            app,
            theme,
            backend,
            answers: mpsc::channel(256),
            drawn_at: None,
        }
    }

    /// The state, to be looked at.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The terminal, to be looked at.
    pub fn terminal(&self) -> &Terminal<T> {
        &self.terminal
    }

    /// Starts the sources.
    pub fn begin(&mut self) {
        self.backend.start();
        let mut looks = self.backend.follow();
        let answers = self.answers.0.clone();
        tokio::spawn(async move {
            while let Some(look) = looks.recv().await {
                if answers.send(Msg::Kept(look)).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Draws the state as it is now.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub fn draw(&mut self) -> anyhow::Result<()> {
        let now = clock::now();
        let mut drawn = view::Drawn::default();
        let (app, theme) = (&self.app, &self.theme);
        let mut size = (0, 0);
        self.terminal
            .draw(|frame| {
                size = (frame.area().width, frame.area().height);
                drawn = view::draw(frame, app, theme, now);
            })
            .context("draw on the terminal")?;
        let (width, height) = size;
        self.app.update(Msg::Resized { width, height }, now);
        self.app.settle(drawn.scroll_limit);
        self.drawn_at = Some(Instant::now());
        Ok(())
    }

    /// Runs until the console is left.
    ///
    /// # Errors
    /// The terminal broke down.
    pub async fn run(
        &mut self,
        mut input: impl Stream<Item = std::io::Result<Event>> + Unpin,
        mut observations: mpsc::Receiver<Observation>,
        mut signals: Signals,
        is_intact: impl Fn() -> bool,
    ) -> anyhow::Result<Leaving> {
        let mut due: Option<Instant> = None;
        let mut watching = true;
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        loop {
            let wake = Instant::now() + self.app.wake_after(clock::now());
            let wake = due.map_or(wake, |due| due.min(wake));
            // Setting a timer wakes another thread: only where it is not set already.
            if timer.is_elapsed() || wake + TIMER_GRAIN < timer.deadline() {
                timer.as_mut().reset(wake);
            }
            let mut seen = Vec::new();
            // Signals first, so that nothing can keep the console from ending; then the operator,
            // whose key must not wait behind a flood of observations.
            let (msg, urgency) = tokio::select! {
                biased;
                msg = signals.next() => (Some(msg), Urgency::Now),
                event = input.next() => match event {
                    Some(Ok(event)) => (input::message(event), Urgency::Now),
                    // The terminal is gone: nobody looks any more.
                    Some(Err(_)) | None => return Ok(Leaving::Terminated),
                },
                msg = self.answers.1.recv() => (msg, Urgency::Soon),
                count = observations.recv_many(&mut seen, BATCH), if watching => {
                    watching = count > 0;
                    ((count > 0).then_some(Msg::Observed(seen)), Urgency::Soon)
                }
                () = &mut timer => (Some(Msg::Ticked), Urgency::Now),
            };
            if !is_intact() {
                bail!("a part of the program failed; the terminal was given back");
            }
            let Some(msg) = msg else { continue };
            let mut quiet = matches!(msg, Msg::Observed(_));
            if let Some(leaving) = self.apply(msg) {
                return Ok(leaving);
            }
            quiet &= self.app.news() == News::None;
            while let Ok(msg) = self.answers.1.try_recv() {
                quiet = false;
                if let Some(leaving) = self.apply(msg) {
                    return Ok(leaving);
                }
            }
            // A healthy cluster is polled several times a second; drawing each new figure would be
            // most of what an idle console costs. The next whole second shows them all.
            if quiet {
                continue;
            }
            due = self.draw_when_due(urgency)?;
        }
    }

    /// Draws now, or says when.
    fn draw_when_due(&mut self, urgency: Urgency) -> anyhow::Result<Option<Instant>> {
        let earliest = self.drawn_at.map(|at| at + FRAME);
        match earliest {
            Some(earliest) if urgency == Urgency::Soon && Instant::now() < earliest => {
                Ok(Some(earliest))
            }
            _ => {
                self.draw()?;
                Ok(None)
            }
        }
    }

    /// Folds a message in and carries out what comes of it; gives back why the console is left.
    fn apply(&mut self, msg: Msg) -> Option<Leaving> {
        let effects = self.app.update(msg, clock::now());
        effects.into_iter().find_map(|effect| self.perform(effect))
    }

    fn perform(&mut self, effect: Effect) -> Option<Leaving> {
        match effect {
            Effect::Quit(leaving) => return Some(leaving),
            Effect::PollNow => self.backend.poll_now(),
            Effect::PausePolling => self.backend.pause(),
            Effect::ResumePolling => self.backend.resume(),
            Effect::Copy(text) => self.backend.copy(&text),
            Effect::StopRun { run } => self.backend.stop_run(run),
            Effect::Survey { ticket, action } => {
                let answer = self.backend.survey(action).map(Box::new);
                self.answer(answer.map(move |answer| Msg::Planned { ticket, answer }));
            }
            Effect::Review { ticket, run } => {
                let answer = self.backend.review(run).map(Box::new);
                self.answer(answer.map(move |answer| Msg::Reviewed { ticket, answer }));
            }
            Effect::Abandon { record } => {
                let run = record.run.clone();
                let answer = self.backend.abandon(*record);
                self.answer(answer.map(move |answer| Msg::Abandoned { run, answer }));
            }
            Effect::Execute { plan, confirmation } => {
                let told = self.backend.execute(*plan, confirmation);
                tokio::spawn(forward(told, self.answers.0.clone()));
            }
            Effect::Resume {
                record,
                confirmation,
            } => {
                let told = self.backend.resume_run(*record, confirmation);
                tokio::spawn(forward(told, self.answers.0.clone()));
            }
        }
        None
    }

    /// Waits for an answer beside the loop.
    fn answer(&self, answer: impl Future<Output = Msg> + Send + 'static) {
        let answers = self.answers.0.clone();
        tokio::spawn(async move {
            // The console may be gone by now; then nobody waits for it.
            let _gone = answers.send(answer.await).await;
        });
    }
}

/// Hands on what a run tells, and says so if it falls silent without an end.
async fn forward(mut told: mpsc::Receiver<RunTold>, answers: mpsc::Sender<Msg>) {
    let mut ended = false;
    while let Some(told) = told.recv().await {
        let msg = match told {
            Ok(event) => {
                ended = matches!(event.what, RunEventKind::Ended { .. });
                Msg::Ran(Box::new(event))
            }
            Err(reason) => {
                ended = true;
                Msg::RunSilent { reason }
            }
        };
        if answers.send(msg).await.is_err() {
            return;
        }
    }
    if !ended {
        let reason = "the run fell silent without an end; its journal tells how far it came";
        let msg = Msg::RunSilent {
            reason: reason.to_owned(),
        };
        let _gone = answers.send(msg).await;
    }
}
