//! Owns `rmqtop resume` and `rmqtop abandon`: what is left of an interrupted run, its
//! confirmation, and the way on. The same engine and the same guard as `run`.

use super::output::{Out, say};
use super::run::{self, Format};
use super::session::Session;
use super::start::{self, unless_stopped};
use super::{Common, mode, outcome, select};
use crate::executor::control::RunHandle;
use crate::executor::event::RunId;
use crate::executor::journal::{self, JournalError};
use crate::executor::record::RunRecord;
use crate::executor::state::{StateDir, StatePlace};
use crate::executor::{report, resume};
use crate::guard::{Denied, Execute, Mode, Permit, ReadOnly};
use crate::model::Model;
use anyhow::bail;
use clap::Args;

/// Options of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Which run; see `rmqtop runs`
    pub id: String,
    /// Do it; without this only what is left to do is shown
    #[arg(long)]
    pub execute: bool,
    /// Confirm by the name of what is disrupted; where data is destroyed, by the node's name and,
    /// a second time, the cluster's
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Options of `abandon`.
#[derive(Debug, Args)]
pub struct AbandonArgs {
    /// Which run; see `rmqtop runs`
    pub id: String,
}

/// Shows what is left of a run and, if asked to and confirmed, goes on with it.
pub async fn resume(common: &Common, args: &ResumeArgs, out: &Out) -> anyhow::Result<u8> {
    let record = match open_run(&args.id)? {
        Ok(record) => record,
        Err(reason) => return Ok(refused(&reason)),
    };
    let common = Common {
        cluster: common
            .cluster
            .clone()
            .or_else(|| Some(record.plan.cluster.clone())),
        ..common.clone()
    };
    let cluster = select::cluster_to_ask(&common)?;
    let mode = mode(&common, &cluster);
    if let (true, Mode::Monitor(reason)) = (args.execute, &mode) {
        return Ok(refused(&reason.to_string()));
    }
    if cluster.name != record.plan.cluster {
        return Ok(refused(&format!(
            "{} is a run on {}, not on {}",
            record.run, record.plan.cluster, cluster.name
        )));
    }
    let session = Session::open(&cluster);
    session.announce();
    let code = go_on(&session, &record, &mode, args, out).await;
    session.close();
    code
}

async fn go_on(
    session: &Session,
    record: &RunRecord,
    mode: &Mode,
    args: &ResumeArgs,
    out: &Out,
) -> anyhow::Result<u8> {
    let model = session.look_at(record).await;
    let now = crate::clock::now();
    let foreign = resume::foreign(&record.plan, &model, now);
    if !foreign.is_empty() {
        return Ok(refused(&format!(
            "the cluster is not the one of the plan: {}",
            foreign.join("; ")
        )));
    }
    if args.format == Format::Text {
        show(record, &model, out)?;
    }
    let execute = if args.execute {
        Execute::Yes
    } else {
        Execute::No
    };
    match run::confirmed(&record.plan, mode, execute, &args.confirm)? {
        Ok(permit) => carry_on(session, record, permit, args.format, out).await,
        Err(Denied::NotExecuted) => {
            say("nothing was done: add --execute to go on");
            Ok(0)
        }
        Err(denied) => {
            say(format_args!("{denied}; nothing was sent"));
            Ok(outcome::NOT_CONFIRMED)
        }
    }
}

async fn carry_on(
    session: &Session,
    record: &RunRecord,
    permit: Permit,
    format: Format,
    out: &Out,
) -> anyhow::Result<u8> {
    let (handle, control) = RunHandle::new(record.run.clone());
    let _heeding = run::heed(handle.controller)?;
    let start = match session.prepare_again(record, &permit, &control).await {
        Ok(start) => start,
        Err(error) => return run::not_begun(error),
    };
    // What was seen before the operator was asked is old by now.
    let look = async { Ok(session.look_at(record).await) };
    let model = match unless_stopped(&control, look).await {
        Ok(model) => model,
        Err(error) => return run::not_begun(error),
    };
    let ended = run::followed(&record.plan, (format, out), control.clone(), |told| {
        session.resume(start, (record, &model), permit, told)
    });
    Ok(run::end(&record.run, &ended.await, out))
}

fn show(record: &RunRecord, model: &Model, out: &Out) -> std::io::Result<()> {
    out.line(&format!(
        "resume {}: {} on {}, by {}",
        record.run, record.plan.action, record.plan.cluster, record.who
    ))?;
    out.line(&report::conclusion(record))?;
    out.line("")?;
    for line in resume::left(record, model, crate::clock::now()) {
        out.line(&format!("  {line}"))?;
    }
    out.line("")
}

/// Closes a run for good. Nothing is sent.
pub fn abandon(common: &Common, args: &AbandonArgs, out: &Out) -> anyhow::Result<u8> {
    if common.read_only {
        return Ok(refused(&ReadOnly::Session.to_string()));
    }
    let record = match open_run(&args.id)? {
        Ok(record) => record,
        Err(reason) => return Ok(refused(&reason)),
    };
    match start::abandon(&StatePlace::OfUser, &record) {
        Ok(()) => {
            out.line(&format!(
                "{} is closed; the cluster stays as it is",
                record.run
            ))?;
            Ok(0)
        }
        Err(error) => run::not_begun(error),
    }
}

fn refused(reason: &str) -> u8 {
    say(format_args!("refused: {reason}; nothing was sent"));
    outcome::REFUSED
}

/// The run an operator names, if anybody can go on with it; else why nobody can.
fn open_run(text: &str) -> anyhow::Result<Result<RunRecord, String>> {
    let Some(id) = RunId::parse(text) else {
        bail!(
            "`{}` is not the id of a run; see rmqtop runs",
            text.escape_debug()
        );
    };
    let state = StateDir::of_user()?;
    match journal::record(&state, &id) {
        Ok(record) => Ok(match resume::closed(&record) {
            None => Ok(record),
            Some(reason) => Err(format!("nobody can go on with {id}: {reason}")),
        }),
        Err(error @ JournalError::Damaged { .. }) => Ok(Err(format!("failed to {error}"))),
        Err(error) => Err(error.into()),
    }
}
