//! Owns the words in which a step's end is told. Pure.

use super::step::Answer;
use crate::executor::event::StepOutcome;
use crate::executor::journal::JournalError;
use crate::remote::outcome::{CommandOutcome, Output, sysexit_words};
use std::time::Duration;

/// How the command of a step ended, in words.
#[derive(Debug)]
pub(super) enum CommandEnd {
    /// It says that it succeeded.
    Clean(String),
    /// It says that it failed, or says nothing.
    Doubtful(String),
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
