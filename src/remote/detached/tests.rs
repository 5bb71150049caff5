//! A scripted host behind the channel: what is sent to it, and how often.

use super::{Channel, collect, run};
use crate::invocation::keep::{Rights, UnitName};
use crate::invocation::{Argv, Change, CtlVerb};
use crate::model::name::NodeName;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::Printed;
use crate::remote::hold::{Hold, HoldError};
use crate::remote::outcome::{CommandOutcome, Leftover, Output, RemoteError};
use futures_util::future::BoxFuture;
use rstest::rstest;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn ended(code: i32, stdout: &str) -> CommandOutcome {
    CommandOutcome::Ended(Output {
        code: Some(code),
        stdout: stdout.to_owned(),
        stderr: String::new(),
    })
}

fn error() -> RemoteError {
    RemoteError {
        destination: Shown::new("root@h"),
        kind: FailureKind::Lost,
        message: Shown::new("the connection was lost"),
    }
}

fn unit_is(active: &str, status: i32) -> CommandOutcome {
    let text = format!(
        "LoadState=loaded\nActiveState={active}\nExecMainCode=1\nExecMainStatus={status}\n\nprinted\n"
    );
    ended(0, &text)
}

fn no_unit() -> CommandOutcome {
    let text = "LoadState=not-found\nActiveState=inactive\nExecMainCode=0\nExecMainStatus=0\n\n";
    ended(0, text)
}

/// Its unit was reset by someone, and what it printed stands there.
fn begun_and_gone() -> CommandOutcome {
    let text = "LoadState=not-found\nActiveState=inactive\nExecMainCode=0\nExecMainStatus=0\nPrinted=yes\n\nprinted\n";
    ended(0, text)
}

/// `systemctl show` fails: the bus is being restarted, `sudo` has no room, a fork fails.
fn no_show() -> CommandOutcome {
    CommandOutcome::Ended(Output {
        code: Some(1),
        stdout: String::new(),
        stderr: "Failed to connect to bus\n".to_owned(),
    })
}

fn nowhere() -> Printed {
    Printed::new(String::new())
}

fn lost(words: &str) -> CommandOutcome {
    CommandOutcome::Lost(Host::new([]).fault(words))
}

fn no_look() -> RemoteError {
    Host::new([]).fault("the unit could not be looked at: Failed to connect to bus")
}

/// Answers in order; what comes after them is the clearing of the unit.
struct Host {
    answers: Mutex<VecDeque<CommandOutcome>>,
    sent: Mutex<Vec<String>>,
}

impl Host {
    fn new(answers: impl IntoIterator<Item = CommandOutcome>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            sent: Mutex::default(),
        }
    }

    /// Each command that was sent, as one word.
    fn sent(&self) -> Vec<&'static str> {
        let sent = self.sent.lock().unwrap();
        sent.iter()
            .map(|line| match line {
                line if line.starts_with("systemd-run ") => "start",
                line if line.starts_with("rabbitmqctl ") => "plain",
                line if line.contains("systemctl show") => "look",
                line if line.contains("reset-failed") => "clear",
                line => panic!("{line}"),
            })
            .collect()
    }
}

impl Channel for Host {
    fn send<'a>(&'a self, argv: &'a Argv, _limit: Duration) -> BoxFuture<'a, CommandOutcome> {
        Box::pin(async move {
            self.sent.lock().unwrap().push(argv.to_string());
            let next = self.answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| ended(0, ""))
        })
    }

    fn keep<'a>(&'a self, _argv: &'a Argv) -> BoxFuture<'a, Result<Hold, HoldError>> {
        Box::pin(async { Err(HoldError::Failed(error())) })
    }

    fn rights(&self) -> Rights {
        Rights::Login
    }

    fn hurry(&self) {}

    fn fault(&self, words: &str) -> RemoteError {
        RemoteError {
            message: Shown::new(words),
            ..error()
        }
    }
}

fn change() -> Change {
    Change::Ctl {
        node: NodeName::parse("rabbit@rabbit-node3").unwrap(),
        verb: CtlVerb::StopApp,
        limit: LIMIT,
    }
}

fn printed(code: i32) -> CommandOutcome {
    ended(code, "printed\n")
}

#[rstest]
#[case::works(vec![ended(0, ""), unit_is("active", 0)], printed(0), &["start", "look", "clear"])]
#[case::fails(vec![ended(1, ""), unit_is("failed", 69)], printed(69), &["start", "look", "clear"])]
#[case::lost_then_found(
    vec![CommandOutcome::Lost(error()), CommandOutcome::NotSent(error()), unit_is("activating", 0), unit_is("active", 0)],
    printed(0),
    &["start", "look", "look", "look", "clear"]
)]
#[case::lost_and_never_begun(vec![CommandOutcome::Lost(error()), no_unit()], CommandOutcome::Lost(error()), &["start", "look"])]
#[case::not_sent(vec![CommandOutcome::NotSent(error())], CommandOutcome::NotSent(error()), &["start"])]
#[case::no_systemd_run(vec![ended(127, ""), ended(127, ""), printed(0)], printed(0), &["start", "look", "plain"])]
#[case::unit_refused(vec![ended(1, ""), no_unit(), printed(0)], printed(0), &["start", "look", "plain"])]
#[case::not_executable(vec![ended(1, ""), unit_is("failed", 203), ended(0, ""), printed(127)], printed(127), &["start", "look", "clear", "plain"])]
#[case::not_shown_at_first(vec![ended(0, ""), no_show(), no_show(), unit_is("active", 0)], printed(0), &["start", "look", "look", "look", "clear"])]
#[case::started_and_gone(vec![ended(0, ""), no_unit()], lost("the unit in which it ran is gone"), &["start", "look"])]
#[case::failed_and_reset(vec![ended(1, ""), begun_and_gone()], lost("the unit in which it ran is gone"), &["start", "look"])]
#[case::started_and_no_units(vec![ended(0, ""), ended(127, "")], lost("the unit in which it ran is gone"), &["start", "look"])]
#[tokio::test(start_paused = true)]
async fn a_change_is_begun_once(
    #[case] answers: Vec<CommandOutcome>,
    #[case] expected: CommandOutcome,
    #[case] sent: &[&str],
) {
    let host = Host::new(answers);
    let unit = UnitName::new("r", 0, 1);
    let outcome = run(&host, (&change(), &unit), LIMIT, &nowhere()).await;
    assert_eq!(outcome, expected);
    assert_eq!(host.sent(), sent);
}

/// A host that stays away is looked for until the step's time is over; nothing is sent again.
#[tokio::test(start_paused = true)]
async fn a_host_that_stays_away_is_a_loss() {
    let away = std::iter::repeat_with(|| CommandOutcome::NotSent(error())).take(1000);
    let host = Host::new(std::iter::once(CommandOutcome::Lost(error())).chain(away));
    let begun = tokio::time::Instant::now();
    let unit = UnitName::new("r", 0, 1);
    let outcome = run(&host, (&change(), &unit), LIMIT, &nowhere()).await;
    assert_eq!(outcome, CommandOutcome::Lost(error()));
    assert!(begun.elapsed() >= LIMIT);
    let sent = host.sent();
    assert!(sent.iter().skip(1).all(|word| *word == "look"), "{sent:?}");
}

/// Where the host cannot say what became of the unit, nothing is sent again, whatever the start
/// said of itself.
#[rstest]
#[case(0)]
#[case(1)]
#[tokio::test(start_paused = true)]
async fn a_unit_that_is_never_shown_is_a_loss(#[case] start: i32) {
    let looks = std::iter::repeat_with(no_show).take(1000);
    let host = Host::new(std::iter::once(ended(start, "")).chain(looks));
    let unit = UnitName::new("r", 0, 1);
    let outcome = run(&host, (&change(), &unit), LIMIT, &nowhere()).await;
    assert_eq!(outcome, CommandOutcome::Lost(no_look()));
    let sent = host.sent();
    assert!(sent.iter().skip(1).all(|word| *word == "look"), "{sent:?}");
}

/// A unit that runs on when the time is over has not failed.
#[tokio::test(start_paused = true)]
async fn a_unit_that_still_runs_is_told_as_such() {
    let runs = || std::iter::repeat_with(|| unit_is("activating", 0)).take(1000);
    let unit = UnitName::new("r", 0, 1);
    for start in [ended(0, ""), CommandOutcome::Lost(error())] {
        let host = Host::new(std::iter::once(start).chain(runs()));
        let outcome = run(&host, (&change(), &unit), LIMIT, &nowhere()).await;
        assert_eq!(outcome, CommandOutcome::TimedOut);
    }
    let left = collect(&Host::new(runs()), &unit, LIMIT, &nowhere()).await;
    assert_eq!(left, Leftover::Running);
}

/// What a unit prints is handed on while it runs.
#[tokio::test(start_paused = true)]
async fn what_a_unit_prints_is_heard_while_it_runs() {
    let prints = |text: &str| {
        let head = "LoadState=loaded\nActiveState=activating\nExecMainCode=0\nExecMainStatus=0";
        ended(0, &format!("{head}\nPrinted=yes\n\n{text}"))
    };
    let host = Host::new([
        CommandOutcome::Lost(error()),
        prints("one\n"),
        prints("one\ntwo\n"),
        unit_is("active", 0),
    ]);
    let (printed, mut heard) = tokio::sync::watch::channel(String::new());
    let listening = async {
        let mut all = Vec::new();
        while heard.changed().await.is_ok() {
            all.push(heard.borrow_and_update().clone());
        }
        all
    };
    let unit = UnitName::new("r", 0, 1);
    let change = change();
    let running = async {
        let outcome = run(&host, (&change, &unit), LIMIT, &printed).await;
        drop(printed);
        outcome
    };
    let (outcome, all) = tokio::join!(running, listening);
    assert_eq!(
        (outcome, all),
        (
            self::printed(0),
            vec!["one\n".to_owned(), "one\ntwo\n".to_owned()]
        )
    );
}

fn output(code: i32) -> Leftover {
    Leftover::Ended(Output {
        code: Some(code),
        stdout: "printed\n".to_owned(),
        stderr: String::new(),
    })
}

#[rstest]
#[case::ended(vec![unit_is("active", 0)], output(0))]
#[case::still_runs(vec![unit_is("activating", 0), unit_is("failed", 70)], output(70))]
#[case::nothing_there(vec![no_unit()], Leftover::Nothing)]
#[case::begun_and_gone(vec![begun_and_gone()], Leftover::Nothing)]
#[case::no_systemd(vec![ended(127, "")], Leftover::Nothing)]
#[case::not_shown_at_first(vec![no_show(), unit_is("active", 0)], output(0))]
#[tokio::test(start_paused = true)]
async fn what_is_left_is_collected_and_nothing_is_begun(
    #[case] answers: Vec<CommandOutcome>,
    #[case] expected: Leftover,
) {
    let host = Host::new(answers);
    assert_eq!(
        collect(&host, &UnitName::new("r", 0, 1), LIMIT, &nowhere()).await,
        expected
    );
    let sent = host.sent();
    assert!(
        !sent.contains(&"start") && !sent.contains(&"plain"),
        "{sent:?}"
    );
}
