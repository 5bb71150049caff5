//! The real loop on a terminal made of memory: what is typed comes in as terminal events, what
//! the world does is scripted.

use super::cluster::host;
use super::plans::{plan, run_events};
use super::scene::{Scene, Vip, addresses};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rmqtop::action::Action;
use rmqtop::app::effect::Leaving;
use rmqtop::app::{App, Setup};
use rmqtop::executor::event::RunId;
use rmqtop::executor::record::{Look, Review, RunRecord};
use rmqtop::guard::{Confirmation, Mode};
use rmqtop::model::observation::{Observation, Payload, SourceId, SourceKind};
use rmqtop::runbook::plan::{Plan, Refusal};
use rmqtop::tui::runtime::{Runtime, Signals};
use rmqtop::tui::{Backend, RunTold};
use rmqtop::view::glyphs::Charset;
use rmqtop::view::theme::Theme;
use rmqtop::view::theme::color::Depth;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// What was asked of the world, in order.
type Log = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
struct Scripted {
    log: Log,
    /// Told after a run ends, so that a test need not guess when to go on.
    ran: mpsc::Sender<()>,
}

impl Scripted {
    fn note(&self, words: impl Into<String>) {
        self.log.lock().unwrap().push(words.into());
    }
}

impl Backend for Scripted {
    fn start(&mut self) {
        self.note("start");
    }
    fn poll_now(&mut self) {
        self.note("poll");
    }
    fn pause(&mut self) {
        self.note("pause");
    }
    fn resume(&mut self) {
        self.note("resume");
    }
    fn survey(&mut self, action: Action) -> BoxFuture<'static, Result<Plan, Refusal>> {
        self.note(format!("survey {action}"));
        async { Ok(plan()) }.boxed()
    }
    fn execute(&mut self, plan: Plan, confirmation: Confirmation) -> mpsc::Receiver<RunTold> {
        self.note(format!("execute {} {:?}", plan.action, confirmation.typed));
        let (tell, told) = mpsc::channel(32);
        let ran = self.ran.clone();
        tokio::spawn(async move {
            for event in run_events(12) {
                tell.send(Ok(event)).await.unwrap();
            }
            drop(tell);
            ran.send(()).await.unwrap();
        });
        told
    }
    fn follow(&mut self) -> mpsc::Receiver<Result<Look, String>> {
        self.note("follow");
        mpsc::channel(1).1
    }
    fn review(&mut self, run: RunId) -> BoxFuture<'static, Result<Review, Refusal>> {
        self.note(format!("review {run}"));
        std::future::pending().boxed()
    }
    fn resume_run(
        &mut self,
        record: RunRecord,
        confirmation: Confirmation,
    ) -> mpsc::Receiver<RunTold> {
        self.note(format!("resume {} {:?}", record.run, confirmation.typed));
        mpsc::channel(1).1
    }
    fn abandon(&mut self, record: RunRecord) -> BoxFuture<'static, Result<(), String>> {
        self.note(format!("abandon {}", record.run));
        std::future::ready(Ok(())).boxed()
    }
    fn copy(&mut self, text: &str) {
        self.note(format!("copy {text}"));
    }
    fn stop_run(&mut self, run: Option<RunId>) {
        self.note(format!("stop {run:?}"));
    }
}

fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn text(runtime: &Runtime<TestBackend>) -> String {
    super::stage::text(runtime.terminal().backend().buffer())
}

struct Bench {
    runtime: Runtime<TestBackend>,
    log: Log,
    ran: mpsc::Receiver<()>,
}

fn bench() -> Bench {
    let log = Log::default();
    let (tell, ran) = mpsc::channel(1);
    let cluster = Scene::healthy("3.10.8");
    let setup = Setup {
        cluster: "prod".to_owned(),
        color: None,
        mode: Mode::Operate,
        zone: TimeZone::UTC,
        rotate: None,
    };
    let app = App::new(setup, cluster.model.inventory.clone());
    let theme = Theme::embedded("dark", Depth::TrueColor, Charset::Unicode).unwrap();
    let terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let backend = Box::new(Scripted {
        log: Arc::clone(&log),
        ran: tell,
    });
    Bench {
        runtime: Runtime::new(terminal, app, theme, backend),
        log,
        ran,
    }
}

#[tokio::test]
async fn the_first_frame_needs_nothing_from_the_world() {
    let mut bench = bench();
    bench.runtime.draw().unwrap();
    assert!(text(&bench.runtime).contains("waiting for the first answers"));
    assert!(
        bench.log.lock().unwrap().is_empty(),
        "nothing was started yet"
    );
}

#[tokio::test]
async fn an_operator_restarts_a_node_and_leaves() {
    let mut bench = bench();
    bench.runtime.begin();
    let (type_in, typed) = mpsc::channel(64);
    let (_seen, observations) = mpsc::channel::<Observation>(8);
    let input = stream::unfold(typed, |mut typed: mpsc::Receiver<_>| async {
        Some((typed.recv().await?, typed))
    })
    .boxed_local();
    let mut ran = bench.ran;
    let operator = async {
        for c in "2Ga".chars() {
            type_in.send(Ok(key(KeyCode::Char(c)))).await.unwrap();
        }
        type_in.send(Ok(key(KeyCode::Enter))).await.unwrap();
        // The confirmation takes keys after half a second only; the name is typed until it does.
        let mut typing = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                biased;
                _ = ran.recv() => break,
                _ = typing.tick() => {
                    type_in.send(Ok(Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)))).await.unwrap();
                    for c in "rabbit@rabbit-node3".chars() {
                        type_in.send(Ok(key(KeyCode::Char(c)))).await.unwrap();
                    }
                    type_in.send(Ok(key(KeyCode::Enter))).await.unwrap();
                }
            }
        }
        type_in.send(Ok(key(KeyCode::Esc))).await.unwrap();
        type_in.send(Ok(key(KeyCode::Char('q')))).await.unwrap();
        std::future::pending::<()>().await;
    };
    let signals = Signals::new().unwrap();
    let console = bench.runtime.run(input, observations, signals, || true);
    let left = tokio::select! {
        left = console => left.unwrap(),
        () = operator => unreachable!("the operator never leaves first"),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("the console hangs"),
    };
    assert_eq!(left, Leaving::Done);
    let log = bench.log.lock().unwrap().clone();
    assert_eq!(
        log,
        [
            "start",
            "follow",
            "survey restart-app rabbit@rabbit-node3",
            "execute restart-app rabbit@rabbit-node3 [\"rabbit@rabbit-node3\"]"
        ]
    );
}

#[tokio::test]
async fn what_sources_see_is_drawn_and_a_lost_terminal_ends_the_console() {
    let mut bench = bench();
    let (see, observations) = mpsc::channel(8);
    let at = rmqtop::clock::now();
    for (number, vip) in [(0, Vip::Absent), (1, Vip::Held)] {
        see.send(Observation {
            source: SourceId::new(SourceKind::Vip, host(number)),
            at,
            took: Duration::ZERO,
            outcome: Ok(Payload::Addresses(addresses(number, vip))),
        })
        .await
        .unwrap();
    }
    // The terminal goes away as soon as the observations were taken.
    let input = Box::pin(stream::once(async move {
        see.reserve_many(see.max_capacity())
            .await
            .map(drop)
            .unwrap();
        Err(std::io::Error::other("the terminal is gone"))
    }));
    let signals = Signals::new().unwrap();
    let left = bench
        .runtime
        .run(input, observations, signals, || true)
        .await
        .unwrap();
    assert_eq!(left, Leaving::Terminated);
    assert!(text(&bench.runtime).contains("◆ rabbit-node2"));
}

#[tokio::test]
async fn a_terminal_given_back_by_a_panic_elsewhere_ends_the_console_with_an_error() {
    let mut bench = bench();
    let (_see, observations) = mpsc::channel::<Observation>(1);
    let input = stream::iter([Ok(key(KeyCode::Char('j')))]);
    let signals = Signals::new().unwrap();
    let error = bench
        .runtime
        .run(input, observations, signals, || false)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("given back"), "{error}");
}
