//! Owns a run in words: as text, and as Markdown that reads like an incident report. No I/O; the
//! caller writes.

use super::event::{RunOutcome, StepOutcome};
use super::record::{RunRecord, StepRecord, StepState};
use super::resume;
use crate::runbook::plan::{Plan, Verdict};
use std::fmt::Write;
use std::time::Duration;

/// One word for a list.
pub fn outcome_word(outcome: &RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Done => "done",
        RunOutcome::Failed { .. } => "failed",
        RunOutcome::Unknown { .. } => "unknown",
        RunOutcome::Interrupted { .. } => "interrupted",
        RunOutcome::Refused { .. } => "refused",
    }
}

/// One word for a run of a list, and whether someone can go on with it.
pub fn state_word(record: &RunRecord) -> String {
    let word = match (&record.abandoned, &record.outcome) {
        (Some(_), _) => return "abandoned".to_owned(),
        (None, Some(outcome)) => outcome_word(outcome),
        (None, None) => "not finished",
    };
    match resume::closed(record) {
        None => format!("{word}, can be resumed"),
        Some(_) => word.to_owned(),
    }
}

/// How the run ended, in a sentence.
pub fn conclusion(record: &RunRecord) -> String {
    let end = end_of(record);
    match &record.abandoned {
        Some(hand) => format!(
            "{end} {} closed it at {}.",
            hand.who,
            hand.at.strftime("%Y-%m-%d %H:%M:%SZ")
        ),
        None => end,
    }
}

fn end_of(record: &RunRecord) -> String {
    match &record.outcome {
        None => "It is not finished: it goes on, or its process was ended.".to_owned(),
        Some(RunOutcome::Done) => {
            format!(
                "Done in {}; every step is confirmed by the cluster.",
                seconds(record.elapsed)
            )
        }
        Some(RunOutcome::Failed { reason }) => format!("Failed: {reason}."),
        Some(RunOutcome::Unknown { reason }) => format!("The outcome is not known: {reason}."),
        Some(RunOutcome::Interrupted { reason }) => format!("Stopped: {reason}."),
        Some(RunOutcome::Refused { reason }) => {
            format!("Refused before anything was sent: {reason}.")
        }
    }
}

/// The run as plain text.
pub fn text(record: &RunRecord) -> String {
    let mut lines = vec![
        format!(
            "{}  {} on {}",
            record.run, record.plan.action, record.plan.cluster
        ),
        format!(
            "by {} at {}",
            record.who,
            record.started.strftime("%Y-%m-%d %H:%M:%SZ")
        ),
    ];
    lines.extend(record.resumed.iter().map(|hand| {
        format!(
            "resumed by {} at {}",
            hand.who,
            hand.at.strftime("%Y-%m-%d %H:%M:%SZ")
        )
    }));
    lines.extend(copies(record).map(|(what, path)| format!("{what}: {path}")));
    lines.push(conclusion(record));
    lines.push(String::new());
    for (index, step) in record.steps.iter().enumerate() {
        lines.push(format!(
            "{}. {}  [{}]  {}",
            index + 1,
            step.title,
            step.host,
            state_words(step)
        ));
        lines.extend(details(step).into_iter().map(|line| format!("   {line}")));
    }
    lines.join("\n")
}

/// The run as Markdown.
pub fn markdown(record: &RunRecord) -> String {
    let plan = &record.plan;
    let mut out = format!(
        "# {} on {}\n\n{}\n\n",
        plan.action,
        plan.cluster,
        conclusion(record)
    );
    let mut facts = vec![
        ("Run", record.run.to_string()),
        ("By", record.who.clone()),
        (
            "Started",
            record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ),
    ];
    facts.extend(record.resumed.iter().map(|hand| {
        let at = hand.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        ("Resumed", format!("by {} at {at}", hand.who))
    }));
    facts.push(("Took", seconds(record.elapsed)));
    facts.extend(copies(record));
    out.push_str("| | |\n|---|---|\n");
    for (name, value) in facts {
        // Writing to a string cannot fail.
        writeln!(out, "| {name} | {} |", escaped(&value)).ok();
    }
    out.push_str(&before(plan));
    out.push_str("\n## What was done\n\n");
    for (index, step) in record.steps.iter().enumerate() {
        let at = when(record, step);
        writeln!(
            out,
            "{}. **{}** on {}{at}: {}",
            index + 1,
            escaped(&step.title),
            step.host,
            escaped(&state_words(step))
        )
        .ok();
        if let Some(command) = &step.command {
            writeln!(out, "\n   ```sh\n   {command}\n   ```\n").ok();
        }
        if let Some(end) = &step.command_end {
            writeln!(out, "   - the command: {}", escaped(end)).ok();
        }
        for line in &step.output {
            writeln!(
                out,
                "   - it printed: `{}`",
                line.as_str().replace('`', "'")
            )
            .ok();
        }
    }
    out
}

/// When a step began, by the clock, and how long it took.
fn when(record: &RunRecord, step: &StepRecord) -> String {
    let Some(begun) = step.started else {
        return String::new();
    };
    let took = step.ended.map_or_else(String::new, |ended| {
        format!(" ({})", seconds(ended.saturating_sub(begun)))
    });
    match record.started.checked_add(begun) {
        Ok(at) => format!(" at {}{took}", at.strftime("%H:%M:%S")),
        Err(_beyond_time) => took,
    }
}

/// Where copies of definitions are, each with what it is.
fn copies(record: &RunRecord) -> impl Iterator<Item = (&'static str, String)> {
    let paths = record.definitions.iter();
    paths.map(|path| ("Definitions before it", path.display().to_string()))
}

/// What was known before the first step.
fn before(plan: &Plan) -> String {
    let mut out = String::from("\n## What was known before\n\n");
    if plan.blast_radius.is_empty() {
        out.push_str("Nothing was expected to be lost or unavailable.\n");
    }
    for line in &plan.blast_radius {
        writeln!(out, "- {}", escaped(line)).ok();
    }
    out.push_str("\n| check | | found |\n|---|---|---|\n");
    for check in &plan.preflight {
        writeln!(
            out,
            "| {} {} | {} | {} |",
            check.id,
            escaped(&check.title),
            verdict_word(check.verdict),
            escaped(&check.evidence.join("; "))
        )
        .ok();
    }
    out
}

fn details(step: &StepRecord) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(step.command.as_ref().map(|command| format!("$ {command}")));
    lines.extend(step.output.iter().map(|line| format!("| {line}")));
    lines.extend(step.command_end.clone());
    if step.outcome().is_none() {
        lines.extend(
            step.waiting
                .as_ref()
                .map(|words| format!("last seen: {words}")),
        );
    }
    lines
}

fn state_words(step: &StepRecord) -> String {
    match &step.state {
        StepState::Pending => "not begun".to_owned(),
        StepState::Checking => "its preconditions were being checked".to_owned(),
        StepState::Sent => "its command was sent, its end was not seen".to_owned(),
        StepState::Waiting => "its postcondition was awaited".to_owned(),
        StepState::Over { result } => match result {
            StepOutcome::Done { proof } => format!("done: {}", proof.join("; ")),
            StepOutcome::AlreadySo { proof } => format!("was so already: {}", proof.join("; ")),
            StepOutcome::Failed { reason } => format!("failed: {reason}"),
            StepOutcome::Unknown { reason } => format!("unknown: {reason}"),
            StepOutcome::NotRun { reason } => format!("not run: {reason}"),
        },
    }
}

fn verdict_word(verdict: Verdict) -> &'static str {
    crate::runbook::export::word(verdict)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Table cells and emphasis survive names with Markdown's own characters.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if matches!(c, '|' | '*' | '`' | '<' | '[') {
                out.push('\\');
            }
            out.push(c);
            out
        })
}
