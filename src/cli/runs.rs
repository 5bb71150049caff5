//! Owns `rmqtop runs`: the journal as a list, or one run in full.

use super::outcome;
use super::output::{Out, say};
use super::report::whole_seconds;
use super::run::{self as running, Format as RunFormat};
use super::{Common, select};
use crate::executor::event::{RunId, RunOutcome};
use crate::executor::journal;
use crate::executor::lock::ClusterLock;
use crate::executor::record::RunRecord;
use crate::executor::state::StateDir;
use crate::executor::{report, resume};
use crate::runbook::export;
use anyhow::bail;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::time::Duration;

/// Options of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// One run in full
    pub id: Option<String>,
    /// Every event as it happens, until the run ends; it may be run by any rmqtop on this machine
    #[arg(long, requires = "id")]
    pub follow: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How often a journal that is followed is looked at.
const LOOKS: Duration = Duration::from_millis(200);

/// How to print runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a ticket
    Markdown,
    /// One run's plan as a shell script that does the same without rmqtop
    Sh,
}

#[derive(Serialize)]
struct One<'a> {
    schema: u8,
    run: &'a RunRecord,
}

#[derive(Serialize)]
struct Row<'a> {
    run: &'a RunId,
    started: Option<String>,
    cluster: Option<&'a str>,
    action: Option<String>,
    who: Option<&'a str>,
    outcome: Option<&'a RunOutcome>,
    state: Option<String>,
    resumable: bool,
    error: Option<String>,
}

/// Prints the journal.
pub async fn run(common: &Common, args: &RunsArgs, out: &Out) -> anyhow::Result<u8> {
    let state = StateDir::of_user()?;
    match &args.id {
        Some(text) => {
            let Some(id) = RunId::parse(text) else {
                bail!(
                    "`{}` is not the id of a run; see rmqtop runs",
                    text.escape_debug()
                );
            };
            if args.follow {
                return follow(&state, &id, args.format, out).await;
            }
            let record = journal::record(&state, &id)?;
            let text = match args.format {
                Format::Text => report::text(&record),
                Format::Json => serde_json::to_string_pretty(&One {
                    schema: 1,
                    run: &record,
                })?,
                Format::Markdown => report::markdown(&record),
                Format::Sh => script(common, &record)?,
            };
            out.line(text.trim_end())?;
        }
        None => list(&state, args.format, out)?,
    }
    Ok(0)
}

/// What was planned, with the ways that the configuration names for the cluster of the run.
fn script(common: &Common, record: &RunRecord) -> anyhow::Result<String> {
    let common = Common {
        cluster: Some(record.plan.cluster.clone()),
        ..common.clone()
    };
    let cluster = select::cluster(&common)?;
    Ok(export::plan_script(
        &record.plan,
        super::plan::ways(&cluster),
    ))
}

/// Prints what a run did so far and then what it does, until its end; gives its exit code, as
/// `run` does.
async fn follow(state: &StateDir, id: &RunId, format: Format, out: &Out) -> anyhow::Result<u8> {
    let format = match format {
        Format::Text => RunFormat::Text,
        Format::Json => RunFormat::Jsonl,
        Format::Markdown | Format::Sh => {
            bail!("a run that goes on is followed as text or as json")
        }
    };
    let mut told = 0;
    let mut look = tokio::time::interval(LOOKS);
    loop {
        look.tick().await;
        // Asked before the journal is read: a process that ends meanwhile has written its end.
        let holds = |record: &RunRecord| {
            let holder = ClusterLock::holder(state, &record.plan.cluster);
            holder.is_some_and(|holder| holder.run == *id)
        };
        let goes_on = holds(&journal::record(state, id)?);
        let (events, _tail) = journal::read(state, id)?;
        let record = journal::record(state, id)?;
        for event in events.iter().skip(told) {
            if told == 0 && format == RunFormat::Text {
                let plan = &record.plan;
                out.line(&format!(
                    "{id}: {} on {}, by {}",
                    plan.action, plan.cluster, record.who
                ))?;
            }
            running::tell(event, &record.plan, format, out)?;
            told += 1;
        }
        match &record.outcome {
            Some(outcome) if !goes_on => return Ok(running::end(id, outcome, out)),
            _ if record.abandoned.is_some() => return Ok(0),
            None if !goes_on => {
                say("its process was ended; what it did last may not be in its journal");
                running::say_how_to_resume(id, out);
                return Ok(outcome::UNKNOWN);
            }
            _ => {}
        }
    }
}

fn list(state: &StateDir, format: Format, out: &Out) -> anyhow::Result<()> {
    let runs = journal::list(state)?;
    let rows: Vec<Row<'_>> = runs.iter().map(|listed| row(state, listed)).collect();
    match format {
        Format::Sh => bail!("a script is made of one run: rmqtop runs ID --format sh"),
        Format::Json => {
            let document = serde_json::json!({ "schema": 1, "runs": rows });
            out.line(&serde_json::to_string_pretty(&document)?)?;
        }
        Format::Text | Format::Markdown if rows.is_empty() => out.line("no runs yet")?,
        Format::Text => {
            for row in &rows {
                out.line(&cells(row).join("  "))?;
            }
        }
        Format::Markdown => {
            out.line("| run | started | cluster | action | by | outcome |")?;
            out.line("|---|---|---|---|---|---|")?;
            for row in &rows {
                let cells = cells(row).map(|cell| cell.trim().replace('|', "\\|"));
                out.line(&format!("| {} |", cells.join(" | ")))?;
            }
        }
    }
    Ok(())
}

fn row<'a>(state: &StateDir, (run, record): &'a journal::Listed) -> Row<'a> {
    let known = record.as_ref().ok();
    let goes_on = known.is_some_and(|record| {
        let holder = ClusterLock::holder(state, &record.plan.cluster);
        holder.is_some_and(|holder| holder.run == *run)
    });
    Row {
        run,
        started: known.map(|record| whole_seconds(record.started)),
        cluster: known.map(|record| record.plan.cluster.as_str()),
        action: known.map(|record| record.plan.action.to_string()),
        who: known.map(|record| record.who.as_str()),
        outcome: known.and_then(|record| record.outcome.as_ref()),
        state: known.map(|record| {
            if goes_on {
                "goes on".to_owned()
            } else {
                report::state_word(record)
            }
        }),
        resumable: !goes_on && known.is_some_and(|record| resume::closed(record).is_none()),
        error: record.as_ref().err().map(ToString::to_string),
    }
}

fn cells(row: &Row<'_>) -> [String; 6] {
    let or_dash = |text: Option<&str>| text.unwrap_or("–").to_owned();
    let outcome = row.error.as_ref().or(row.state.as_ref());
    [
        row.run.to_string(),
        or_dash(row.started.as_deref()),
        format!("{:12}", or_dash(row.cluster)),
        format!("{:36}", or_dash(row.action.as_deref())),
        or_dash(row.who),
        outcome.cloned().unwrap_or_default(),
    ]
}
