//! Owns the words in which a step's end is told. Pure.

use super::step::Answer;
use crate::executor::event::StepOutcome;
use crate::executor::journal::JournalError;
use crate::remote::outcome::{CommandOutcome, Output, RemoteError, sysexit_words};
use crate::runbook::plan::Step;
use std::time::Duration;

/// How the command of a step ended, in words.
#[derive(Debug)]
pub(super) enum CommandEnd {
    /// It says that it succeeded.
    Clean(String),
    /// It says that it failed, or says nothing.
    Doubtful(String),
}

/// Where the operator leaves a step of which nothing was sent.
pub(super) const LEFT_BEFORE: &str = "the operator stopped the run before this step sent anything";

/// Of a command that an earlier process sent, and that is found at work.
pub(super) fn still_runs(step: &Step) -> String {
    format!(
        "its command, sent before the run was resumed, still runs on {}",
        step.host
    )
}

/// Of a command that an earlier process sent, where its host does not say what became of it.
pub(super) fn may_still_run(step: &Step, error: &RemoteError) -> String {
    format!(
        "its command, sent before the run was resumed, may still run on {}: {error}",
        step.host
    )
}

pub(super) fn left_unconfirmed(command: Option<&CommandEnd>) -> StepOutcome {
    StepOutcome::Unknown {
        reason: match command {
            Some(CommandEnd::Clean(words) | CommandEnd::Doubtful(words)) => {
                format!("the operator left before the cluster confirmed it; the command: {words}")
            }
            None => "the operator left before the cluster confirmed it".to_owned(),
        },
    }
}

pub(super) fn done(mut proof: Vec<String>, command: Option<CommandEnd>) -> StepOutcome {
    if let Some(CommandEnd::Doubtful(words)) = command {
        proof.push(format!("although the command: {words}"));
    }
    StepOutcome::Done { proof }
}

pub(super) fn given_up(
    answer: &Answer,
    command: Option<CommandEnd>,
    waited: Duration,
) -> StepOutcome {
    let waited = waited.as_secs();
    let since = match command {
        Some(CommandEnd::Clean(words) | CommandEnd::Doubtful(words)) => {
            format!("the command: {words}; {waited} s later")
        }
        None => format!("after {waited} s"),
    };
    match answer {
        Answer::CannotTell(words) => StepOutcome::Unknown {
            reason: format!("{since} it cannot be told: {words}"),
        },
        Answer::Not(words) => StepOutcome::Failed {
            reason: format!("{since} still: {words}"),
        },
        Answer::Holds(proof) => StepOutcome::Done {
            proof: proof.clone(),
        },
    }
}

pub(super) fn end_words(outcome: &CommandOutcome, deadline: Duration) -> String {
    match outcome {
        CommandOutcome::Ended(Output {
            code: Some(code), ..
        }) => format!("exit {code} ({})", sysexit_words(*code)),
        CommandOutcome::Ended(Output { code: None, .. }) => "ended by a signal".to_owned(),
        CommandOutcome::Answered(response) => response.words(),
        CommandOutcome::NotSent(error) => format!("not sent: {error}"),
        CommandOutcome::Lost(error) => {
            format!("connection lost after it was sent, it may have run: {error}")
        }
        CommandOutcome::TimedOut => {
            format!(
                "no answer within {} s, it may still run",
                deadline.as_secs()
            )
        }
    }
}

pub(super) fn no_audit_no_action(fault: &JournalError) -> String {
    format!("nothing was sent, for every act is written down first: failed to {fault}")
}
