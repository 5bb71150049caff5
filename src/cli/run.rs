//! Owns `rmqtop run`: the plan, the confirmation, and the run with its events as lines. The same
//! engine and the same guard as the console.

use super::outcome;
use super::output::{Out, say};
use super::plan::{self, Format as PlanFormat};
use super::runbook::Runbook;
use super::session::{Planned, Session, StartError};
use crate::config::Cluster;
use crate::executor::control::{self, Control, Controller, Stop};
use crate::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use crate::executor::hosts::HostLockError;
use crate::executor::lock::LockError;
use crate::guard::{self, Confirmation, Denied, Execute, Mode, Permit};
use crate::runbook::plan::Plan;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{BufRead, IsTerminal, Write};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which runbook
    #[command(subcommand)]
    pub runbook: Runbook,
    /// Do it; without this the same as `plan`
    #[arg(long, global = true)]
    pub execute: bool,
    /// Confirm by the name of what is disrupted; where data is destroyed, by the node's name and,
    /// a second time, the cluster's
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Vec<String>,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How to print a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// Every event as it happens, one JSON object a line
    Jsonl,
}

/// Plans and, if asked to and confirmed, does it.
pub async fn run(cluster: &Cluster, mode: &Mode, args: &RunArgs, out: &Out) -> anyhow::Result<u8> {
    let action = args.runbook.action(&cluster.inventory)?;
    let execute = if args.execute {
        Execute::Yes
    } else {
        Execute::No
    };
    if let (Execute::Yes, Mode::Monitor(reason)) = (execute, mode) {
        say(format_args!("refused: {reason}; nothing was sent"));
        return Ok(outcome::REFUSED);
    }
    let session = Session::open(cluster);
    let planned = session.plan(&action).await;
    let planned = match planned {
        Ok(planned) => planned,
        Err(refusal) => {
            session.close();
            return match args.format {
                Format::Text => plan::print(&Err(refusal), cluster, PlanFormat::Text, out),
                Format::Jsonl => {
                    let line = serde_json::json!({ "event": "refused", "refusal": refusal });
                    out.line(&line.to_string())?;
                    Ok(outcome::REFUSED)
                }
            };
        }
    };
    show(&planned.plan, args.format, out)?;
    let code = match confirmed(&planned.plan, mode, execute, &args.confirm)? {
        Ok(permit) => carry_out(&session, &planned, permit, args.format, out).await,
        Err(Denied::NotExecuted) => {
            say("nothing was done: add --execute to do it");
            Ok(0)
        }
        Err(denied) => {
            say(format_args!("{denied}; nothing was sent"));
            Ok(outcome::NOT_CONFIRMED)
        }
    };
    session.close();
    code
}

/// In the stream of events the plan is the first of them.
fn show(plan: &Plan, format: Format, out: &Out) -> std::io::Result<()> {
    match format {
        Format::Text => out.line(crate::runbook::export::plan_text(plan).trim_end()),
        Format::Jsonl => Ok(()),
    }
}

/// Asks for the names on a terminal where none was given.
pub(super) fn confirmed(
    plan: &Plan,
    mode: &Mode,
    execute: Execute,
    given: &[String],
) -> anyhow::Result<Result<Permit, Denied>> {
    let mut typed = given.to_vec();
    let asked = execute == Execute::Yes
        && typed.is_empty()
        && std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal();
    if asked {
        for need in guard::needs(plan) {
            let mut err = std::io::stderr().lock();
            write!(
                err,
                "type {} to confirm, anything else to leave: ",
                need.name()
            )?;
            err.flush()?;
            drop(err);
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .context("cannot read the answer")?;
            typed.push(line.trim_end_matches(['\r', '\n']).to_owned());
        }
    }
    let permit = guard::permit(plan, mode, &Confirmation { execute, typed });
    if let Ok(permit) = &permit {
        for name in permit.ignored() {
            say(format_args!(
                "note: --confirm {} is not asked for",
                name.escape_debug()
            ));
        }
    }
    Ok(permit)
}

async fn carry_out(
    session: &Session,
    planned: &Planned,
    permit: Permit,
    format: Format,
    out: &Out,
) -> anyhow::Result<u8> {
    let (id, start) = match session.prepare(&planned.plan, &permit).await {
        Ok(ready) => ready,
        Err(error) => return not_begun(error),
    };
    let ended = followed(&planned.plan, format, out, |told| {
        session.execute(start, planned, permit, told)
    });
    Ok(end(&id, &ended.await))
}

/// A run that cannot begin; nothing was sent.
pub(super) fn not_begun(error: StartError) -> anyhow::Result<u8> {
    let is_held = matches!(
        error,
        StartError::Locked(LockError::Held { .. }) | StartError::Host(HostLockError::Held { .. })
    );
    if is_held {
        say(format_args!("failed to {error}; nothing was sent"));
        return Ok(outcome::LOCKED);
    }
    Err(error).context("nothing was sent")
}

/// What a run is told with, and what it tells.
type Told = (Control, mpsc::UnboundedSender<RunEvent>);

/// Lets `begin` run, prints what it tells, and heeds the operator's signals meanwhile.
pub(super) async fn followed<F: Future<Output = RunOutcome>>(
    plan: &Plan,
    format: Format,
    out: &Out,
    begin: impl FnOnce(Told) -> F,
) -> RunOutcome {
    let (controller, control) = control::channel();
    let signals = tokio::spawn(heed(controller));
    let (events, mut heard) = mpsc::unbounded_channel();
    let telling = async {
        while let Some(event) = heard.recv().await {
            // A closed output must not stop a run half-way; the journal has it all.
            drop(tell(&event, plan, format, out));
        }
    };
    let (ended, ()) = tokio::join!(begin((control, events)), telling);
    signals.abort();
    ended
}

/// Says what can be done after a run that came to no good end, and gives the exit code.
pub(super) fn end(id: &RunId, ended: &RunOutcome) -> u8 {
    match ended {
        RunOutcome::Done => {}
        RunOutcome::Refused { .. } => say(format_args!("the whole run: rmqtop runs {id}")),
        RunOutcome::Failed { .. } | RunOutcome::Unknown { .. } | RunOutcome::Interrupted { .. } => {
            say(format_args!("the whole run: rmqtop runs {id}"));
            say(format_args!("to go on with it: rmqtop resume {id}"));
        }
    }
    outcome::run_code(ended)
}

/// The first interrupt stops after the step, the second at once; a hang-up or a termination is
/// as the first.
async fn heed(controller: Controller) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => match controller.interrupt() {
                Stop::Now => say("leaving now; the step in flight goes on without us"),
                Stop::AfterStep => say("stopping after this step; once more to leave now"),
                Stop::No => {}
            },
            _ = terminate.recv() => controller.terminate(),
            _ = hangup.recv() => controller.terminate(),
        }
    }
}

/// Prints an event.
pub(super) fn tell(event: &RunEvent, plan: &Plan, format: Format, out: &Out) -> anyhow::Result<()> {
    match format {
        Format::Jsonl => out.line(&serde_json::to_string(event)?)?,
        Format::Text => {
            if let Some(line) = narrate(&event.what, plan) {
                let at = out.dim(format!("{:>6.1}s", event.elapsed.as_secs_f64()));
                out.line(&format!("{at}  {line}"))?;
            }
        }
    }
    Ok(())
}

/// An event as a line; `None` for what the next event says better.
fn narrate(what: &RunEventKind, plan: &Plan) -> Option<String> {
    let total = plan.steps.len();
    let title = |step: usize| plan.steps.get(step).map_or("", |step| step.title.as_str());
    Some(match what {
        RunEventKind::Announced { .. } => return None,
        RunEventKind::Resumed { who, .. } => format!("resumed by {who}"),
        RunEventKind::Abandoned { who, .. } => format!("closed by {who}"),
        RunEventKind::StepStarted { step } => {
            format!("step {} of {total}: {}", step + 1, title(*step))
        }
        RunEventKind::Sending { command, .. } => format!("  $ {command}"),
        RunEventKind::Output { line, .. } => format!("  | {line}"),
        RunEventKind::CommandEnded { words, .. } => format!("  {words}"),
        RunEventKind::Waiting { words, .. } => format!("  waiting: {words}"),
        RunEventKind::StepEnded { step, outcome } => {
            format!("step {} {}", step + 1, step_words(outcome))
        }
        RunEventKind::Ended { outcome } => outcome_words(outcome),
    })
}

fn step_words(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Done { proof } => format!("done: {}", proof.join("; ")),
        StepOutcome::AlreadySo { proof } => format!("was so already: {}", proof.join("; ")),
        StepOutcome::Failed { reason } => format!("FAILED: {reason}"),
        StepOutcome::Unknown { reason } => format!("UNKNOWN: {reason}"),
        StepOutcome::NotRun { reason } => format!("not run: {reason}"),
    }
}

fn outcome_words(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Done => "done: every step is confirmed by the cluster".to_owned(),
        RunOutcome::Failed { reason } => format!("FAILED: {reason}"),
        RunOutcome::Unknown { reason } => format!("UNKNOWN: {reason}"),
        RunOutcome::Interrupted { reason } => format!("stopped: {reason}"),
        RunOutcome::Refused { reason } => format!("refused, nothing was sent: {reason}"),
    }
}
