//! Owns the lowest part of the path: a server as its load balancer sees it, and the node behind it.

use super::super::super::format;
use super::super::super::glyphs::Glyph;
use super::super::super::scene::Scene;
use super::super::super::text;
use super::super::super::theme::Role;
use super::super::super::words::{self, Mark};
use super::{Room, Traffic, Widths, traffic};
use crate::model::balancer::ServerRow;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::path::{MatchBasis, Placed};
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

fn padded(text: &str, width: usize, mark: &str) -> String {
    let cut = text::cut_middle(text, width, mark);
    let gap = width.saturating_sub(text::width(&cut));
    format!("{cut}{}", " ".repeat(gap))
}

/// Writes a server's row.
pub(super) fn server(
    scene: &Scene<'_>,
    (host, row): (&HostName, &ServerRow),
    label: &str,
    widths: &Widths,
    spans: &mut Vec<Span<'static>>,
) {
    let model = &scene.app.model;
    let is_current = model.balancer(host, scene.at).is_some();
    let traffic = traffic(scene, host);
    let cut = scene.theme.sign(Glyph::Ellipsis);
    let mark = if is_current {
        scene.server_mark(host, row)
    } else {
        Mark {
            glyph: Glyph::Unknown,
            role: Role::Unknown,
            words: row.status.short().to_owned(),
        }
    };
    let is_quiet = traffic == Traffic::Standby && mark.glyph == Glyph::Well || !is_current;
    let name = padded(label, widths.server, cut);
    let name_role = if is_quiet { Role::Dim } else { Role::Text };
    spans.push(scene.span_raw(name_role, name));
    spans.push(Span::raw("  "));
    let mut edge = edge(
        scene,
        (host, row),
        &mark,
        (is_current.into(), is_quiet.into()),
    );
    if widths.room == Room::Tight {
        edge.truncate(EDGE_WITHOUT_SESSIONS);
    }
    spans.extend(edge);
    if widths.room == Room::Wide {
        let check = words::check(row).filter(|_| !row.takes_clients());
        let text = padded(&check.unwrap_or_default(), 17, cut);
        spans.push(Span::raw(" "));
        spans.push(scene.span_raw(if is_current { mark.role } else { Role::Unknown }, text));
    }
    spans.push(Span::raw("  "));
    behind(scene, (host, row), widths, spans, is_quiet.into());
}

/// Whether what is drawn is so now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Current {
    Yes,
    No,
}

impl From<bool> for Current {
    fn from(current: bool) -> Self {
        if current { Self::Yes } else { Self::No }
    }
}

/// Spans of `edge` before the sessions.
const EDGE_WITHOUT_SESSIONS: usize = 3;

/// The edge to the server with its status and sessions, at the place where it would break.
fn edge(
    scene: &Scene<'_>,
    (on, row): (&HostName, &ServerRow),
    mark: &Mark,
    (current, quiet): (Current, Quiet),
) -> Vec<Span<'static>> {
    let sign = match (&row.status, current) {
        (_, Current::No) => scene.sign(Role::Unknown, Glyph::DoubtfulEdge),
        (status, Current::Yes) if status.is_down() => Span::styled(
            scene.theme.sign(Glyph::BrokenEdge),
            consequence(scene, (on, row), mark),
        ),
        (_, Current::Yes) => Span::raw(format!("  {}", scene.theme.sign(mark.glyph)))
            .style(scene.style(mark.sign_role())),
    };
    let word = Span::styled(
        format!("{:<8}", mark.words),
        match current {
            Current::Yes => consequence(scene, (on, row), mark),
            Current::No => scene.theme.stale(),
        },
    );
    let sessions = row.sessions.map(format::count);
    let mut figure = scene.figure(sessions);
    let gap = usize::from(format::COUNT_WIDTH).saturating_sub(text::width(&figure.content));
    if current == Current::No {
        figure.style = scene.theme.stale();
    } else if quiet == Quiet::Yes {
        figure.style = scene.style(Role::Dim);
    }
    vec![
        sign,
        Span::raw(" "),
        word,
        Span::raw(" ".repeat(gap)),
        figure,
    ]
}

/// Where the node behind a server does not run, that is the cause and bright; what HAProxy makes
/// of it is the consequence and less so.
fn consequence(scene: &Scene<'_>, (on, row): (&HostName, &ServerRow), mark: &Mark) -> Style {
    let style = scene.style(mark.role);
    let model = &scene.app.model;
    let node = model.member_behind(on, row).map(|(node, _)| node);
    if node.is_some_and(|node| model.node(node, scene.at).state != NodeState::Running) {
        style.remove_modifier(Modifier::BOLD)
    } else {
        style
    }
}

/// The node behind a server.
fn behind(
    scene: &Scene<'_>,
    (on, row): (&HostName, &ServerRow),
    widths: &Widths,
    spans: &mut Vec<Span<'static>>,
    quiet: Quiet,
) {
    let Some((node, basis)) = scene.app.model.member_behind(on, row) else {
        spans.push(scene.span(Role::Unknown, "no known node behind it"));
        return;
    };
    let sign = match basis {
        MatchBasis::Address => " ",
        // Only the names agree; drawn as the assumption it is.
        MatchBasis::Name => "~",
    };
    spans.push(scene.span(Role::Dim, sign));
    spans.extend(node_words(scene, node, widths, (Behind::Server, quiet)));
}

/// Whether a healthy row stays in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    Yes,
    No,
}

impl From<bool> for Quiet {
    fn from(quiet: bool) -> Self {
        if quiet { Self::Yes } else { Self::No }
    }
}

/// Whether a server's name on the same line says already which node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Server,
    Nothing,
}

fn node_words(
    scene: &Scene<'_>,
    node: &NodeName,
    widths: &Widths,
    (behind, quiet): (Behind, Quiet),
) -> Vec<Span<'static>> {
    let view = scene.app.model.node(node, scene.at);
    let mark = scene.node_mark(&view);
    let cut = scene.theme.sign(Glyph::Ellipsis);
    let name = padded(scene.short(node), widths.node, cut);
    let name_role = if quiet == Quiet::Yes && mark.glyph == Glyph::Well {
        Role::Dim
    } else {
        Role::Text
    };
    let mut spans = vec![scene.span_raw(name_role, name), Span::raw("  ")];
    if widths.room == Room::Tight && behind == Behind::Server {
        spans.clear();
    }
    spans.extend(scene.mark(&mark));
    if view.state != NodeState::Running
        && let Some(since) = scene.app.changes.state_since(node)
    {
        let age = format::short_age(scene.at.since(since));
        spans.push(scene.span(mark.role, format!(" {age}")));
    }
    if widths.room == Room::Wide && view.state == NodeState::Running {
        if let Some(node_type) = view.node_type {
            spans.push(scene.span(Role::Dim, format!("  {node_type}")));
        }
        if let Some(used) = view.stats.and_then(|stats| stats.memory_used) {
            spans.push(scene.span(Role::Dim, format!("  {}", format::bytes(used))));
        }
    }
    if let Some(alarm) = alarm_words(&view) {
        spans.push(Span::styled(
            format!("  {alarm}"),
            scene.style(Role::Crit).add_modifier(Modifier::BOLD),
        ));
    }
    spans
}

fn alarm_words(view: &crate::model::node::NodeView<'_>) -> Option<&'static str> {
    let stats = view.stats?;
    match (stats.memory_alarm, stats.disk_alarm) {
        (Some(true), Some(true)) => Some("memory and disk alarm"),
        (Some(true), _) => Some("memory alarm"),
        (_, Some(true)) => Some("disk alarm"),
        _ => None,
    }
}

/// A node that no load balancer leads to.
pub(super) fn loose_node(
    scene: &Scene<'_>,
    node: &NodeName,
    widths: &Widths,
    spans: &mut Vec<Span<'static>>,
) {
    spans.extend(node_words(
        scene,
        node,
        widths,
        (Behind::Nothing, Quiet::No),
    ));
    let model = &scene.app.model;
    let placed = |wanted: Placed| {
        let mut all = model.inventory.balancers();
        all.any(|(host, _)| model.placed(node, host, scene.at) == wanted)
    };
    // What could not be read may lead there.
    if placed(Placed::Missing) && !placed(Placed::Unknown) {
        spans.push(scene.span(Role::Warn, "  behind no load balancer"));
    }
    let is_unread = |host: &HostName| {
        let report = model.balancer(host, scene.at);
        report.is_some_and(|report| !report.unread.is_empty())
    };
    if placed(Placed::Unknown)
        && model
            .inventory
            .balancers()
            .any(|(host, _)| is_unread(&host.name))
    {
        let words = "  its server may be on a line that could not be read";
        spans.push(scene.span(Role::Unknown, words));
    }
}
