//! Owns `rmqtop run`: the plan, the confirmation, and the run with its events as lines. The same
//! engine and the same guard as the console.

use super::outcome;
use super::output::{Out, say};
use super::plan::{self, Format as PlanFormat};
use super::runbook::Runbook;
use super::session::{Planned, Session, Told};
use super::start::StartError;
use crate::config::Cluster;
use crate::executor::control::{Control, Controller, RunHandle, Stop};
use crate::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use crate::executor::hosts::HostLockError;
use crate::executor::lock::LockError;
use crate::guard::{self, Confirmation, Denied, Execute, Mode, Permit};
use crate::runbook::plan::{Plan, Refusal};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{BufRead, IsTerminal, Write};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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
    /// How to print; json, markdown and sh are for a plan that is not carried out
    #[arg(long, global = true, value_enum, default_value_t = Wanted::Text)]
    pub format: Wanted,
}

/// How to print a plan, or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// For people
    Text,
    /// Every event as it happens, one JSON object a line
    Jsonl,
    /// The plan, for programs
    Json,
    /// The plan, for a ticket
    Markdown,
    /// The plan as a shell script that does the same without rmqtop
    Sh,
}

impl Wanted {
    /// As which the plan is printed; `None`: as an event.
    fn of_plan(self) -> Option<PlanFormat> {
        match self {
            Self::Text => Some(PlanFormat::Text),
            Self::Json => Some(PlanFormat::Json),
            Self::Markdown => Some(PlanFormat::Markdown),
            Self::Sh => Some(PlanFormat::Sh),
            Self::Jsonl => None,
        }
    }

    /// As which a run is told; `None`: it cannot be.
    fn of_run(self) -> Option<Format> {
        match self {
            Self::Text => Some(Format::Text),
            Self::Jsonl => Some(Format::Jsonl),
            Self::Json | Self::Markdown | Self::Sh => None,
        }
    }
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
    let told = match (execute, args.format.of_run()) {
        (Execute::Yes, None) => {
            say("a run is told as text or as jsonl; json, markdown and sh are for a plan");
            return Ok(outcome::USAGE);
        }
        (Execute::Yes | Execute::No, told) => told.unwrap_or(Format::Text),
    };
    let session = Session::open(cluster);
    session.announce();
    let (planned, model) = match session.plan(&action).await {
        Ok(Planned { plan, model }) => (Ok(plan), Some(model)),
        Err(refusal) => (Err(refusal), None),
    };
    show(&planned, cluster, (args.format, execute), out)?;
    let (Ok(plan), Some(model)) = (planned, model) else {
        session.close();
        return Ok(outcome::REFUSED);
    };
    let planned = Planned { plan, model };
    let code = match confirmed(&planned.plan, mode, execute, &args.confirm)? {
        Ok(permit) => carry_out(&session, &planned, permit, told, out).await,
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

/// In the stream of events of a run the plan is the first of them.
fn show(
    planned: &Result<Plan, Refusal>,
    cluster: &Cluster,
    (format, execute): (Wanted, Execute),
    out: &Out,
) -> anyhow::Result<()> {
    match (format.of_plan(), planned) {
        (Some(format), planned) => plan::print(planned, cluster, format, out).map(drop)?,
        (None, Err(refusal)) => {
            let line = serde_json::json!({ "event": "refused", "refusal": refusal });
            out.line(&line.to_string())?;
        }
        (None, Ok(plan)) if execute == Execute::No => {
            let line = serde_json::json!({ "event": "planned", "plan": plan });
            out.line(&line.to_string())?;
        }
        (None, Ok(_)) => {}
    }
    Ok(())
}

/// Asks on a terminal where no name was given: for the names, or where none is needed for a yes.
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
    if asked && mode == &Mode::Operate {
        let needs = guard::needs(plan);
        if needs.is_empty() {
            let answer = answer_to(&format!("{} on {}? (y/N) ", plan.action, plan.cluster))?;
            if !matches!(answer.as_str(), "y" | "Y" | "yes") {
                return Ok(Err(Denied::Declined));
            }
        }
        for need in needs {
            typed.push(answer_to(&format!(
                "type {} to confirm, anything else to leave: ",
                need.name()
            ))?);
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

/// What the operator types after a question.
fn answer_to(question: &str) -> anyhow::Result<String> {
    let mut err = std::io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    drop(err);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the answer")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn carry_out(
    session: &Session,
    planned: &Planned,
    permit: Permit,
    format: Format,
    out: &Out,
) -> anyhow::Result<u8> {
    let (handle, control) = RunHandle::new(RunId::new(crate::clock::now().wall));
    // Nothing is prepared before the operator can stop it.
    let _heeding = heed(handle.controller)?;
    let run = (&handle.id, &control);
    let start = match session.prepare(&planned.plan, &permit, run).await {
        Ok(start) => start,
        Err(error) => return not_begun(error),
    };
    let ended = followed(&planned.plan, (format, out), control.clone(), |told| {
        session.execute(start, planned, permit, told)
    });
    Ok(end(&handle.id, &ended.await, out))
}

/// A run that cannot begin, or was stopped before it did; nothing was sent.
pub(super) fn not_begun(error: StartError) -> anyhow::Result<u8> {
    let is_held = matches!(
        error,
        StartError::Locked(LockError::Held { .. }) | StartError::Host(HostLockError::Held { .. })
    );
    if is_held {
        say(format_args!("failed to {error}; nothing was sent"));
        return Ok(outcome::LOCKED);
    }
    if matches!(error, StartError::Stopped) {
        say("stopped before the run began; nothing was sent");
        return Ok(outcome::STOPPED);
    }
    Err(error).context("nothing was sent")
}

/// Lets `begin` run, and prints what it tells.
pub(super) async fn followed<F: Future<Output = RunOutcome>>(
    plan: &Plan,
    (format, out): (Format, &Out),
    control: Control,
    begin: impl FnOnce(Told) -> F,
) -> RunOutcome {
    let (events, mut heard) = mpsc::unbounded_channel();
    let telling = async {
        while let Some(event) = heard.recv().await {
            // A closed output must not stop a run half-way; the journal has it all.
            drop(tell(&event, plan, format, out));
        }
    };
    let (ended, ()) = tokio::join!(begin((control, events)), telling);
    ended
}

/// Says what can be done after a run that came to no good end, and gives the exit code.
pub(super) fn end(id: &RunId, ended: &RunOutcome, out: &Out) -> u8 {
    match ended {
        RunOutcome::Done => {}
        RunOutcome::Refused { .. } => say(format_args!("the whole run: rmqtop runs {id}")),
        RunOutcome::Failed { .. } | RunOutcome::Unknown { .. } | RunOutcome::Interrupted { .. } => {
            say(format_args!("the whole run: rmqtop runs {id}"));
            say_how_to_resume(id, out);
        }
    }
    outcome::run_code(ended)
}

/// Says with which command someone goes on with a run.
pub(super) fn say_how_to_resume(id: &RunId, out: &Out) {
    let resume = out.command(format_args!("resume {id}"));
    say(format_args!("to go on with it: {resume}"));
}

/// Whoever heeds the operator's signals, for as long as this lives.
#[derive(Debug)]
pub(super) struct Heeding(JoinHandle<()>);

impl Drop for Heeding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// From now on the first interrupt stops after the step, the second at once; a hang-up or a
/// termination is as the first.
///
/// # Errors
///
/// If the signals cannot be had.
pub(super) fn heed(controller: Controller) -> std::io::Result<Heeding> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(Heeding(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => match controller.interrupt() {
                    Stop::Now => say("leaving now; what was sent goes on without us"),
                    Stop::AfterStep => say("stopping after the step under way; once more to leave now"),
                    Stop::No => {}
                },
                _ = terminate.recv() => controller.terminate(),
                _ = hangup.recv() => controller.terminate(),
            }
        }
    })))
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
        RunEventKind::Announced { definitions, .. } if definitions.is_empty() => return None,
        RunEventKind::Announced { definitions, .. } => {
            let paths: Vec<String> = definitions
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            format!("definitions before it are kept in {}", paths.join(" and "))
        }
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
