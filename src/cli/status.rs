//! Owns `rmqtop status`: one snapshot of everything, as a table or as JSON.

use super::output::Out;
use super::report::Report;
use super::session::Session;
use crate::config::Cluster;
use crate::findings::{self, Finding};
use crate::model::Model;
use crate::model::balancer::{Backend, ServerRow};
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::NodeState;
use crate::model::observation::{SourceId, SourceKind};
use crate::model::vip::VipVerdict;
use crate::view::format::{age, bytes};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// From a look at which the members disagree to the next.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs; fields are only ever added
    Json,
}

/// Asks everything once and prints it.
pub async fn run(cluster: &Cluster, args: &StatusArgs, out: &Out) -> anyhow::Result<u8> {
    let model = survey(cluster).await;
    let now = crate::clock::now();
    match args.format {
        Format::Json => out.line(&serde_json::to_string(&Report::new(&model, now))?)?,
        Format::Table => {
            for line in table(&model, now, out) {
                out.line(&line)?;
            }
        }
    }
    Ok(0)
}

/// Asks every source once, but none that costs the hosts a runtime: `check` may run every minute.
pub async fn survey(cluster: &Cluster) -> Model {
    let session = Session::open(cluster);
    let asked = |kind: SourceKind| {
        kind != SourceKind::QuorumCritical && !kind.is_costly() && !kind.is_for_runbooks()
    };
    let mut model = session.survey(asked).await;
    let suspects = model.suspects(crate::clock::now());
    for observation in session.fleet.ask_nodes(&suspects).await {
        model.apply(observation);
    }
    let now = crate::clock::now();
    let members = model.members();
    // Members that disagree at one look may have been asked before and after a change; and one whose
    // host is silent here may run all the same: whoever says so now says so after that.
    let is_doubted = |node| {
        let view = model.node(node, now);
        let is_seen = view.state == NodeState::Unreachable && !view.known.up.is_empty();
        is_seen || model.is_disputed(node, now)
    };
    if members.iter().any(is_doubted) {
        tokio::time::sleep(SECOND_LOOK).await;
        // All but the lists and those that said nothing: beside one that hangs, what is not asked
        // again would be old.
        let silent = silent(&model);
        let again = |source: &SourceId| {
            let is_silent = silent.iter().any(|(kind, host)| {
                *kind == source.kind && (kind.is_of_cluster() || *host == source.host)
            });
            asked(source.kind) && !source.kind.is_listing() && !is_silent
        };
        for observation in session.fleet.survey_of(again).await {
            model.apply(observation);
        }
    }
    session.close();
    model
}

/// The sources that were asked and said nothing, with the host that was asked.
fn silent(model: &Model) -> Vec<(SourceKind, HostName)> {
    let failed = model.sources.iter().filter(|(_, status)| {
        let failure = status.failure.as_ref();
        let kind = failure.map(|failure| failure.kind);
        kind.is_some_and(|kind| kind.is_silence() || kind.suggests_host_dead())
    });
    failed
        .map(|(source, _)| (source.kind, source.host.clone()))
        .collect()
}

fn table(model: &Model, now: Moment, out: &Out) -> Vec<String> {
    let mut lines = vec![headline(model, now, out)];
    lines.extend(nodes(model, now, out));
    lines.extend(balancers(model, now, out));
    lines.extend(vips(model, now, out));
    lines.push(String::new());
    let found = findings::all(model, now);
    if found.is_empty() {
        lines.push("nothing is wrong".to_owned());
    }
    lines.extend(found.iter().flat_map(|finding| words(finding, out)));
    lines
}

fn headline(model: &Model, now: Moment, out: &Out) -> String {
    let name = model
        .cluster_name()
        .map_or_else(|| "–".to_owned(), ToString::to_string);
    format!(
        "{}  {name}  {}  {}",
        out.bold(&model.inventory.cluster),
        model.capability(now).words(),
        out.dim(super::report::whole_seconds(now.wall))
    )
}

fn nodes(model: &Model, now: Moment, out: &Out) -> Vec<String> {
    let views = model.nodes(now);
    let width = views
        .iter()
        .map(|view| view.name.as_str().len())
        .max()
        .unwrap_or(4)
        .max(4);
    let head = format!(
        "{:width$}  {:12} {:5} {:>9} {:>9} {:>9} {:>8}  version",
        "node", "state", "type", "memory", "limit", "disk free", "uptime"
    );
    let mut lines = vec![String::new(), out.dim(head)];
    for view in views {
        let figure = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), bytes);
        let state = match (view.state, view.draining) {
            (NodeState::Running, Some(true)) => "drained".to_owned(),
            (state, _) => state.words().to_owned(),
        };
        let uptime = view.stats.and_then(|stats| stats.uptime_ms);
        lines.push(format!(
            "{:width$}  {:12} {:5} {:>9} {:>9} {:>9} {:>8}  {}",
            view.name,
            state,
            view.node_type
                .map_or_else(|| "–".to_owned(), |kind| kind.to_string()),
            figure(view.stats.and_then(|stats| stats.memory_used)),
            figure(view.stats.and_then(|stats| stats.memory_limit)),
            figure(view.stats.and_then(|stats| stats.disk_free)),
            uptime.map_or_else(|| "–".to_owned(), |ms| age(Duration::from_millis(ms))),
            view.version
                .map_or_else(|| "–".to_owned(), ToString::to_string),
        ));
    }
    lines
}

fn balancers(model: &Model, now: Moment, out: &Out) -> Vec<String> {
    let mut lines = Vec::new();
    for (host, _) in model.inventory.balancers() {
        lines.push(String::new());
        let title = out.bold(format!("HAProxy {}", host.name));
        let state = model.balancer_state(host, now);
        let Some(report) = model.balancer(&host.name, now) else {
            lines.push(format!("{title}  {state}"));
            continue;
        };
        let backends = model.broker_backends(host, report);
        if backends.is_empty() {
            lines.push(format!("{title}  {state}, no backend of the brokers"));
            continue;
        }
        let several = backends.len() > 1;
        for backend in backends {
            lines.push(if several {
                format!("{title}  {}", backend.name)
            } else {
                title.clone()
            });
            lines.extend(servers(model, &host.name, backend));
        }
    }
    lines
}

fn servers(model: &Model, on: &HostName, backend: &Backend) -> Vec<String> {
    let all = &backend.servers;
    let widest = |cell: fn(&ServerRow) -> String, least: usize| {
        let widths = all.iter().map(|server| cell(server).chars().count());
        widths.fold(least, usize::max)
    };
    let widths = (
        widest(|server| server.name.to_string(), 12),
        widest(|server| server.state().clone(), 8),
    );
    let line = |server| server_line(model, (on, server), widths);
    all.iter().map(line).collect()
}

fn server_line(
    model: &Model,
    (on, server): (&HostName, &ServerRow),
    (name, state): (usize, usize),
) -> String {
    let node = model.member_behind(on, server).map_or_else(
        || "no declared node".to_owned(),
        |(node, basis)| format!("{node} (by {basis})"),
    );
    let sessions = server
        .sessions
        .map_or_else(|| "–".to_owned(), |n| n.to_string());
    format!(
        "  {:name$} {:state$} {sessions:>6} sessions  {node}",
        server.name,
        server.state()
    )
}

fn vips(model: &Model, now: Moment, out: &Out) -> Vec<String> {
    let mut lines = Vec::new();
    for vip in model.vips(now) {
        let holders: Vec<&str> = vip.holders.iter().map(HostName::as_str).collect();
        let holders = if holders.is_empty() {
            "–".to_owned()
        } else {
            holders.join(", ")
        };
        lines.push(String::new());
        let verdict = vip.verdict.to_string().replace('_', " ");
        lines.push(format!(
            "{}  {verdict}  on {holders}",
            out.bold(format!("VIP {}", vip.address))
        ));
        if vip.verdict != VipVerdict::Ok {
            lines.extend(
                vip.evidence
                    .iter()
                    .map(|line| format!("  {}", out.dim(line))),
            );
        }
    }
    lines
}

/// A finding in lines: what, then what it rests on.
pub fn words(finding: &Finding, out: &Out) -> Vec<String> {
    if finding.consequence_of.is_some() {
        let line = format!("         so: {}  {}", finding.title, finding.id);
        return vec![out.dim(line)];
    }
    let label = out.severity(
        finding.severity,
        format!("{:8}", finding.severity.to_string()),
    );
    let mut lines = vec![format!(
        "{label} {}  {}",
        finding.title,
        out.dim(&finding.id)
    )];
    lines.extend(
        finding
            .evidence
            .iter()
            .map(|line| format!("         {}", out.dim(line))),
    );
    lines.extend(
        finding
            .causes
            .iter()
            .map(|cause| format!("         {cause}")),
    );
    if let Some(runbook) = &finding.runbook {
        let plan = out.command(format_args!("plan {runbook} {}", finding.subject));
        lines.push(format!("         answer: {plan}"));
    }
    lines
}
