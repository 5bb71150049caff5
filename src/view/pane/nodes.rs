//! Owns the table of members.

use super::super::format;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::{self, Align, Column, Rows, Width};
use super::super::theme::Role;
use crate::app::focus::{ListId, Subject};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::{NodeState, NodeView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

const fn column<'a>(
    title: &'static str,
    width: Width,
    align: Align,
    priority: u8,
    cell: fn(&NodeView<'a>, &Scene<'_>) -> Vec<Span<'static>>,
) -> Column<NodeView<'a>> {
    Column {
        title,
        width,
        align,
        priority,
        cell,
    }
}

fn columns<'a>() -> [Column<NodeView<'a>>; 13] {
    use Align::{Left, Right};
    use Width::{Fixed, Names};
    [
        column("NODE", Names { min: 12, max: 48 }, Left, 0, name),
        column("STATE", Fixed(20), Left, 0, state),
        column("TYPE", Fixed(4), Left, 5, node_type),
        column("VERSION", Names { min: 7, max: 16 }, Left, 4, version),
        column("MEMORY", Fixed(format::BYTES_WIDTH + 2), Right, 1, memory),
        column("LIMIT", Fixed(format::BYTES_WIDTH), Right, 6, memory_limit),
        column("USED", Fixed(4), Right, 4, memory_share),
        column("DISK FREE", Fixed(format::BYTES_WIDTH + 2), Right, 2, disk),
        column("FDS", Fixed(11), Right, 7, descriptors),
        column("RUNQ", Fixed(format::COUNT_WIDTH), Right, 8, run_queue),
        column("UPTIME", Fixed(format::AGE_WIDTH), Right, 3, uptime),
        column("DRAINED", Fixed(7), Left, 9, drained),
        column("SEEN", Fixed(4), Right, 5, seen),
    ]
}

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let rows = scene.app.rows(ListId::Nodes, scene.now);
    let mut title = vec![paint::title(scene, "Nodes", Focused::Yes)];
    title.push(scene.span(Role::Dim, format!(" {}", rows.len())));
    let body = paint::section(buf, area, scene, title, Focused::Yes);
    let shape = Rows {
        total: rows.len(),
        selected: scene.app.selected_row(ListId::Nodes, &rows),
        focused: Focused::Yes,
    };
    let row = |number: usize| match &rows.get(number)?.subject {
        Subject::Node(node) => Some(scene.app.model.node(node, scene.at)),
        Subject::Clients
        | Subject::Vip(_)
        | Subject::Balancer(_)
        | Subject::Server { .. }
        | Subject::Host(_)
        | Subject::Run(_)
        | Subject::Policy { .. }
        | Subject::Finding { .. } => None,
    };
    table::draw(buf, body, scene, &columns(), (shape, row));
}

fn name(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Text, view.name.as_str())]
}

fn state(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let mark = scene.node_mark(view);
    let mut spans = scene.mark(&mark);
    if view.state != NodeState::Running
        && let Some(since) = scene.app.changes.state_since(&view.name)
    {
        let age = format::short_age(scene.at.since(since));
        spans.push(scene.span(mark.role, format!(" {age}")));
    }
    spans
}

fn node_type(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![match view.node_type {
        Some(node_type) => scene.span(Role::Dim, node_type.to_string()),
        None => scene.figure(None),
    }]
}

fn version(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![match view.version {
        Some(version) => scene.span_raw(Role::Dim, version.to_string()),
        None => scene.figure(None),
    }]
}

fn loud(scene: &Scene<'_>, text: String) -> Vec<Span<'static>> {
    let style = scene.style(Role::Crit).add_modifier(Modifier::BOLD);
    vec![Span::styled(text, style)]
}

fn memory(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let used = view.stats.and_then(|stats| stats.memory_used);
    match (used, view.stats.and_then(|stats| stats.memory_alarm)) {
        (Some(used), Some(true)) => loud(scene, format!("! {}", format::bytes(used))),
        (used, _) => vec![scene.figure(used.map(format::bytes))],
    }
}

fn memory_limit(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let limit = view.stats.and_then(|stats| stats.memory_limit);
    let mut figure = scene.figure(limit.map(format::bytes));
    figure.style = scene.style(Role::Dim);
    vec![figure]
}

fn memory_share(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let share = view
        .stats
        .and_then(|stats| format::share(stats.memory_used?, stats.memory_limit?));
    vec![scene.figure(share)]
}

fn drained(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![match view.draining {
        Some(true) => scene.span(Role::Warn, "yes"),
        Some(false) => scene.span(Role::Dim, "no"),
        None => scene.figure(None),
    }]
}

fn disk(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let free = view.stats.and_then(|stats| stats.disk_free);
    match (free, view.stats.and_then(|stats| stats.disk_alarm)) {
        (Some(free), Some(true)) => loud(scene, format!("! {}", format::bytes(free))),
        (free, _) => vec![scene.figure(free.map(format::bytes))],
    }
}

fn descriptors(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let Some(used) = view.stats.and_then(|stats| stats.fd_used) else {
        return vec![scene.figure(None)];
    };
    let mut spans = vec![scene.span(Role::Text, format::count(used))];
    if let Some(total) = view.stats.and_then(|stats| stats.fd_total) {
        spans.push(scene.span(Role::Dim, format!("/{}", format::count(total))));
    }
    spans
}

fn run_queue(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let length = view.stats.and_then(|stats| stats.run_queue);
    vec![scene.figure(length.map(format::count))]
}

fn uptime(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let span = view
        .stats
        .and_then(|stats| stats.uptime_ms)
        .map(std::time::Duration::from_millis);
    vec![scene.figure(span.map(format::age))]
}

fn seen(view: &NodeView<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let Some(at) = last_seen(scene, &view.name) else {
        return vec![scene.figure(None)];
    };
    let age = scene.at.since(at);
    let role = if age.as_secs() > 15 {
        Role::Warn
    } else {
        Role::Dim
    };
    vec![scene.span(role, format::short_age(age))]
}

/// When the node itself last answered.
pub fn last_seen(scene: &Scene<'_>, node: &NodeName) -> Option<Moment> {
    let host = scene.app.model.inventory.host_of(node)?;
    scene.app.model.brokers.get(&host.name)?.seen_at()
}
