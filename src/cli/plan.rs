//! Owns `rmqtop plan`: what a runbook would do, its checks and its blast radius. Changes nothing.

use super::outcome;
use super::output::Out;
use super::runbook::Runbook;
use super::session::Session;
use crate::config::Cluster;
use crate::runbook::export::{self, Ways};
use crate::runbook::plan::{Plan, Refusal};
use clap::{Args, ValueEnum};

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which runbook
    #[command(subcommand)]
    pub runbook: Runbook,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How to print a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a ticket
    Markdown,
    /// A shell script that does the same without rmqtop
    Sh,
}

/// Looks at the cluster, plans, prints. Exit 0, or 2 if the plan is refused.
pub async fn run(cluster: &Cluster, args: &PlanArgs, out: &Out) -> anyhow::Result<u8> {
    let action = args.runbook.action(&cluster.inventory)?;
    let session = Session::open(cluster);
    session.announce();
    let planned = session.plan(&action).await;
    session.close();
    print(
        &planned.map(|planned| planned.plan),
        cluster,
        args.format,
        out,
    )
}

/// How a person gets to the hosts of `cluster`.
pub(super) fn ways(cluster: &Cluster) -> Ways<'_> {
    Ways {
        ssh: &cluster.ssh,
        ssh_config: cluster.ssh_config.as_deref(),
        sudo: &cluster.sudo,
    }
}

/// Prints a plan or its refusal.
pub fn print(
    planned: &Result<Plan, Refusal>,
    cluster: &Cluster,
    format: Format,
    out: &Out,
) -> anyhow::Result<u8> {
    let ways = ways(cluster);
    let text = match (planned, format) {
        (Ok(plan), Format::Text) => export::plan_text(plan),
        (Ok(plan), Format::Json) => export::plan_json(plan)?,
        (Ok(plan), Format::Markdown) => export::plan_markdown(plan),
        (Ok(plan), Format::Sh) => export::plan_script(plan, ways),
        (Err(refusal), Format::Text) => export::refusal_text(refusal),
        (Err(refusal), Format::Json) => export::refusal_json(refusal)?,
        (Err(refusal), Format::Markdown) => export::refusal_markdown(refusal),
        (Err(refusal), Format::Sh) => {
            super::output::say(export::refusal_text(refusal).trim_end());
            return Ok(outcome::REFUSED);
        }
    };
    out.line(text.trim_end_matches('\n'))?;
    Ok(if planned.is_ok() { 0 } else { outcome::REFUSED })
}
