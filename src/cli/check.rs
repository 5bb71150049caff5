//! Owns `rmqtop check`: the findings, and an exit code by the worst of them.

use super::outcome::check_code;
use super::output::Out;
use super::report::whole_seconds;
use super::status::{survey, words};
use crate::config::Cluster;
use crate::findings::{self, Finding, Severity};
use clap::{Args, ValueEnum};
use serde::Serialize;

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people and monitoring systems; the first line says it all
    Text,
    /// For programs
    Json,
}

#[derive(Serialize)]
struct CheckReport<'a> {
    schema: u8,
    cluster: &'a str,
    observed_at: String,
    status: &'static str,
    exit: u8,
    findings: &'a [Finding],
}

/// Asks everything once and prints what is wrong.
pub async fn run(cluster: &Cluster, args: &CheckArgs, out: &Out) -> anyhow::Result<u8> {
    let model = survey(cluster).await;
    let now = crate::clock::now();
    let found = findings::all(&model, now);
    let worst = findings::worst(&found);
    let exit = check_code(worst);
    match args.format {
        Format::Json => out.line(&serde_json::to_string(&CheckReport {
            schema: 1,
            cluster: &cluster.name,
            observed_at: whole_seconds(now.wall),
            status: word(worst),
            exit,
            findings: &found,
        })?)?,
        Format::Text => {
            out.line(&headline(worst, &found, &model.inventory.cluster))?;
            for line in found.iter().flat_map(|finding| words(finding, out)) {
                out.line(&line)?;
            }
        }
    }
    Ok(exit)
}

fn word(worst: Option<Severity>) -> &'static str {
    match worst {
        None | Some(Severity::Info) => "ok",
        Some(Severity::Warning) => "warning",
        Some(Severity::Critical) => "critical",
        Some(Severity::Unknown) => "unknown",
    }
}

/// One line for a monitoring system: `CRITICAL lab: the app on x is stopped (and 2 more)`.
fn headline(worst: Option<Severity>, found: &[Finding], cluster: &str) -> String {
    let status = word(worst).to_uppercase();
    let roots = found
        .iter()
        .filter(|finding| finding.consequence_of.is_none());
    let more = roots.count().saturating_sub(1);
    match found.first() {
        None => format!("{status} {cluster}: nothing is wrong"),
        Some(first) if more == 0 => format!("{status} {cluster}: {}", first.title),
        Some(first) => format!("{status} {cluster}: {} (and {more} more)", first.title),
    }
}
