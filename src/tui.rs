//! Owns the interactive face: terminal, input and the loop between the state and the world. What
//! the world is, it is handed; nothing here knows SSH or HTTP. Prints nothing.

pub mod clipboard;
pub mod input;
pub mod runtime;
pub mod terminal;

use crate::action::Action;
use crate::app::effect::Leaving;
use crate::app::{App, Setup};
use crate::executor::event::{RunEvent, RunId};
use crate::executor::record::{Look, Review, RunRecord};
use crate::guard::Confirmation;
use crate::model::inventory::Inventory;
use crate::model::observation::Observation;
use crate::runbook::plan::{Plan, Refusal};
use crate::view::theme::Theme;
use futures_util::future::BoxFuture;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use runtime::Runtime;
use terminal::Guard;
use tokio::sync::mpsc;

/// What a session is started with.
pub struct Session {
    /// Names, colour and whether anything may be changed.
    pub setup: Setup,
    /// What the operator declared.
    pub inventory: Inventory,
    /// Colours and signs.
    pub theme: Theme,
    /// What the sources see. Closing it means that no more will come.
    pub observations: mpsc::Receiver<Observation>,
    /// The world.
    pub backend: Box<dyn Backend>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

/// What a run tells: an event, or in one sentence why there will be none.
pub type RunTold = Result<RunEvent, String>;

/// What the console asks of the world. Nothing here blocks: what takes time is a future or a
/// channel.
pub trait Backend: Send {
    /// Starts the sources. Called once, after the first frame is on screen.
    fn start(&mut self);
    /// Asks every source at once.
    fn poll_now(&mut self);
    /// Stops asking.
    fn pause(&mut self);
    /// Goes on asking.
    fn resume(&mut self);
    /// Re-reads what `action` depends on and plans it. Changes nothing.
    fn survey(&mut self, action: Action) -> BoxFuture<'static, Result<Plan, Refusal>>;
    /// Permits and runs a plan that was shown and confirmed; `guard` compares what was typed. The
    /// channel closes after `Ended`, or after the one error that says why nothing was run.
    fn execute(&mut self, plan: Plan, confirmation: Confirmation) -> mpsc::Receiver<RunTold>;
    /// Follows the journals of this machine: everything at first, then what is new; or why they
    /// cannot be read. Called once, with `start`.
    fn follow(&mut self) -> mpsc::Receiver<Result<Look, String>>;
    /// Re-reads the cluster to see what is left of a run. Changes nothing.
    fn review(&mut self, run: RunId) -> BoxFuture<'static, Result<Review, Refusal>>;
    /// Permits and goes on with a run that was reviewed and confirmed; tells of it as `execute`
    /// does.
    fn resume_run(
        &mut self,
        record: RunRecord,
        confirmation: Confirmation,
    ) -> mpsc::Receiver<RunTold>;
    /// Closes an interrupted run for good; the error is in words for the operator.
    fn abandon(&mut self, record: RunRecord) -> BoxFuture<'static, Result<(), String>>;
    /// Puts `text` on the operator's clipboard.
    fn copy(&mut self, text: &str);
    /// Stops a run after the step it is in; `None`: the one that has not reported yet.
    fn stop_run(&mut self, run: Option<RunId>);
}

/// Runs the console until it is left. The terminal is as it was when this returns, whatever
/// happened.
///
/// # Errors
/// Standard input or output is no terminal, or it broke down meanwhile.
pub async fn run(session: Session) -> anyhow::Result<Leaving> {
    let signals = runtime::Signals::new()?;
    let guard = Guard::enter()?;
    let terminal = Terminal::new(CrosstermBackend::new(std::io::stdout()))?;
    let app = App::new(session.setup, session.inventory);
    let mut runtime = Runtime::new(terminal, app, session.theme, session.backend);
    // Before anything is asked of the network: the screen must be there at once.
    runtime.draw()?;
    runtime.begin();
    let input = input::events(crossterm::event::EventStream::new());
    let left = runtime
        .run(input, session.observations, signals, || guard.is_intact())
        .await;
    drop(guard);
    left
}
