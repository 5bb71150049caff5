//! A scripted host behind the channel: what is sent to it, and how often.

use super::{Channel, collect, run};
use crate::invocation::keep::{Rights, UnitName};
use crate::invocation::{Argv, Change, CtlVerb};
use crate::model::name::NodeName;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::hold::{Hold, HoldError};
use crate::remote::outcome::{CommandOutcome, Output, RemoteError};
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
#[tokio::test(start_paused = true)]
async fn a_change_is_begun_once(
    #[case] answers: Vec<CommandOutcome>,
    #[case] expected: CommandOutcome,
    #[case] sent: &[&str],
) {
    let host = Host::new(answers);
    let unit = UnitName::new("r", 0, 1);
    assert_eq!(run(&host, &change(), &unit, LIMIT).await, expected);
    assert_eq!(host.sent(), sent);
}

/// A host that stays away is looked for until the step's time is over; nothing is sent again.
#[tokio::test(start_paused = true)]
async fn a_host_that_stays_away_is_a_loss() {
    let away = std::iter::repeat_with(|| CommandOutcome::NotSent(error())).take(1000);
    let host = Host::new(std::iter::once(CommandOutcome::Lost(error())).chain(away));
    let begun = tokio::time::Instant::now();
    let unit = UnitName::new("r", 0, 1);
    let outcome = run(&host, &change(), &unit, LIMIT).await;
    assert_eq!(outcome, CommandOutcome::Lost(error()));
    assert!(begun.elapsed() >= LIMIT);
    let sent = host.sent();
    assert!(sent.iter().skip(1).all(|word| *word == "look"), "{sent:?}");
}

#[rstest]
#[case::ended(vec![unit_is("active", 0)], Some(printed(0)))]
#[case::still_runs(vec![unit_is("activating", 0), unit_is("failed", 70)], Some(printed(70)))]
#[case::nothing_there(vec![no_unit()], None)]
#[case::no_systemd(vec![ended(127, "")], None)]
#[tokio::test(start_paused = true)]
async fn what_is_left_is_collected_and_nothing_is_begun(
    #[case] answers: Vec<CommandOutcome>,
    #[case] expected: Option<CommandOutcome>,
) {
    let host = Host::new(answers);
    assert_eq!(
        collect(&host, &UnitName::new("r", 0, 1), LIMIT).await,
        expected
    );
    let sent = host.sent();
    assert!(
        !sent.contains(&"start") && !sent.contains(&"plain"),
        "{sent:?}"
    );
}
