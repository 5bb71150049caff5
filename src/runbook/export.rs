//! Owns the written forms of a plan or a refusal: text, JSON, Markdown, and a shell script a
//! person could run without rmqtop. No I/O; the caller writes.

use super::plan::{Plan, Preflight, Refusal, Step, Verdict};
use super::written::Written;
use crate::invocation::keep::Rights;
use crate::invocation::quoted;
use crate::model::name::HostName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The version of the JSON forms; additions do not raise it.
const SCHEMA: u8 = 1;

/// How a person gets to the hosts, for the script.
#[derive(Debug, Clone, Copy)]
pub struct Ways<'a> {
    /// SSH destinations by host; `local` is this machine.
    pub ssh: &'a BTreeMap<HostName, String>,
    /// Given to `ssh -F`.
    pub ssh_config: Option<&'a Path>,
    /// Hosts on which what needs root goes through `sudo`.
    pub sudo: &'a BTreeSet<HostName>,
}

impl Ways<'_> {
    fn rights(&self, host: &HostName) -> Rights {
        if self.sudo.contains(host) {
            Rights::Sudo
        } else {
            Rights::Login
        }
    }
}

#[derive(Serialize)]
struct PlanDocument<'a> {
    schema: u8,
    plan: &'a Plan,
}

#[derive(Serialize)]
struct RefusalDocument<'a> {
    schema: u8,
    refusal: &'a Refusal,
}

/// The plan as JSON.
///
/// # Errors
///
/// As `serde_json`.
pub fn plan_json(plan: &Plan) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&PlanDocument {
        schema: SCHEMA,
        plan,
    })
}

/// The refusal as JSON.
///
/// # Errors
///
/// As `serde_json`.
pub fn refusal_json(refusal: &Refusal) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&RefusalDocument {
        schema: SCHEMA,
        refusal,
    })
}

/// The plan as plain text.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = Written::default();
    text.line(format_args!("plan: {} on {}", plan.action, plan.cluster));
    text.blank();
    checks_text(&mut text, &plan.preflight);
    text.blank();
    text.line("what it does to clients:");
    if plan.blast_radius.is_empty() {
        text.line("  nothing");
    }
    for sentence in &plan.blast_radius {
        text.line(format_args!("  {sentence}"));
    }
    text.blank();
    text.line("steps:");
    for (index, step) in plan.steps.iter().enumerate() {
        text.line(format_args!(
            "  {}. {} (within {} s)",
            index + 1,
            step.title,
            step.deadline.as_secs()
        ));
        if let Some(change) = &step.change {
            text.line(format_args!("     {}: {}", step.place(), change.argv()));
        }
        for (word, probe) in conditions(step) {
            text.line(format_args!("     {word} {probe}"));
        }
    }
    text.blank();
    text.line(format_args!("rests on (fingerprint {}):", plan.fingerprint));
    for line in &plan.basis {
        text.line(format_args!("  {line}"));
    }
    text.into_text()
}

/// The refusal as plain text.
pub fn refusal_text(refusal: &Refusal) -> String {
    let mut text = Written::default();
    text.line(format_args!(
        "refused: {}: {}",
        refusal.action, refusal.reason
    ));
    if let Some(instead) = &refusal.instead {
        text.line(format_args!("instead: {instead}"));
    }
    if !refusal.preflight.is_empty() {
        text.blank();
        checks_text(&mut text, &refusal.preflight);
    }
    text.into_text()
}

/// The plan as Markdown.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut text = Written::default();
    text.line(format_args!("# Plan: {} on {}", plan.action, plan.cluster));
    text.blank();
    checks_markdown(&mut text, &plan.preflight);
    text.line("## What it does to clients");
    text.blank();
    if plan.blast_radius.is_empty() {
        text.line("Nothing.");
    }
    for sentence in &plan.blast_radius {
        text.line(format_args!("- {}", escaped(sentence)));
    }
    text.blank();
    text.line("## Steps");
    text.blank();
    for (index, step) in plan.steps.iter().enumerate() {
        text.line(format_args!(
            "{}. **{}**, within {} s",
            index + 1,
            escaped(&step.title),
            step.deadline.as_secs()
        ));
        if let Some(change) = &step.change {
            text.line(format_args!("   - {}: `{}`", step.place(), change.argv()));
        }
        for (word, probe) in conditions(step) {
            text.line(format_args!("   - {word} {}", escaped(&probe)));
        }
    }
    text.blank();
    text.line("## What it rests on");
    text.blank();
    for line in &plan.basis {
        text.line(format_args!("- {}", escaped(line)));
    }
    text.blank();
    text.line(format_args!("Fingerprint `{}`.", plan.fingerprint));
    text.into_text()
}

/// The refusal as Markdown.
pub fn refusal_markdown(refusal: &Refusal) -> String {
    let mut text = Written::default();
    text.line(format_args!("# Refused: {}", refusal.action));
    text.blank();
    text.line(format_args!("{}.", escaped(&refusal.reason)));
    text.blank();
    if let Some(instead) = &refusal.instead {
        text.line(format_args!("Instead: {}.", escaped(instead)));
        text.blank();
    }
    checks_markdown(&mut text, &refusal.preflight);
    text.into_text()
}

/// The plan as a script for `sh`. The commands are those that rmqtop would run; the checks stand
/// beside them as comments, because a script cannot wait on what another node sees.
pub fn plan_script(plan: &Plan, ways: Ways<'_>) -> String {
    let mut text = Written::default();
    text.line("#!/bin/sh");
    text.comment(&format!("{} on {}", plan.action, plan.cluster));
    text.comment("This script checks nothing by itself. Run it line by line, and go on only when");
    text.comment("what stands under \"then\" is so.");
    for check in &plan.preflight {
        text.comment(&format!(
            "{} {}: {}",
            check.id,
            check.title,
            word(check.verdict)
        ));
        for line in &check.evidence {
            text.comment(&format!("   {line}"));
        }
    }
    for sentence in &plan.blast_radius {
        text.comment(&format!("Clients: {sentence}."));
    }
    text.line("set -eu");
    for (index, step) in plan.steps.iter().enumerate() {
        text.blank();
        text.comment(&format!("{}. {}", index + 1, step.title));
        for probe in &step.already {
            text.comment(&format!("skip if: {probe}"));
        }
        for probe in &step.before {
            text.comment(&format!("only if: {probe}"));
        }
        if let Some(change) = &step.change {
            let line = if change.is_command() {
                let argv = ways.rights(&step.host).of(change.argv());
                command(&step.host, &argv.to_string(), ways)
            } else {
                change.argv().to_string()
            };
            match change.by_hand() {
                None => text.line(line),
                Some(words) => {
                    text.comment(words);
                    text.comment(&line);
                }
            }
        }
        for probe in &step.after {
            text.comment(&format!(
                "then, within {} s: {probe}",
                step.deadline.as_secs()
            ));
        }
    }
    text.into_text()
}

/// Quoted once for the host's shell (by `Argv`), and once more for this one.
fn command(host: &HostName, argv: &str, ways: Ways<'_>) -> String {
    match ways.ssh.get(host).map(String::as_str) {
        Some("local") => argv.to_owned(),
        destination => {
            let file = ways.ssh_config.map_or_else(String::new, |path| {
                format!("-F {} ", quoted(&path.to_string_lossy()))
            });
            let destination = destination.unwrap_or(host.as_str());
            format!("ssh {file}-- {} {}", quoted(destination), quoted(argv))
        }
    }
}

fn conditions(step: &Step) -> Vec<(&'static str, String)> {
    let of = |word, probes: &[super::plan::Probe]| {
        probes
            .iter()
            .map(|probe| (word, probe.to_string()))
            .collect::<Vec<_>>()
    };
    [
        of("skipped if:", &step.already),
        of("only if:", &step.before),
        of("done when:", &step.after),
    ]
    .concat()
}

fn checks_text(text: &mut Written, checks: &[Preflight]) {
    text.line("checks:");
    for check in checks {
        text.line(format_args!(
            "  {:<14} {:<3} {}",
            word(check.verdict),
            check.id,
            check.title
        ));
        for line in &check.evidence {
            text.line(format_args!("                     {line}"));
        }
    }
}

fn checks_markdown(text: &mut Written, checks: &[Preflight]) {
    text.line("## Checks");
    text.blank();
    text.line("| check | verdict | what | evidence |");
    text.line("|---|---|---|---|");
    for check in checks {
        text.line(format_args!(
            "| {} | {} | {} | {} |",
            check.id,
            word(check.verdict),
            escaped(&check.title),
            escaped(&check.evidence.join("; "))
        ));
    }
    text.blank();
}

/// The verdict as a word; never told by colour alone.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::CannotTell => "CANNOT TELL",
        Verdict::NotApplicable => "not applicable",
        Verdict::Warning => "warning",
    }
}

/// Names from the cluster must not become markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '|' | '<' | '>' | '[' | ']' | '#'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}
