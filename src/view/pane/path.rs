//! Owns the live path: clients, virtual address, load balancers, servers, nodes as a tree. The
//! live path is normal, the standby path dim, a broken edge drawn broken where it broke, what is
//! not known drawn as not known.

mod server;

use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::first_shown;
use super::super::text;
use super::super::theme::Role;
use super::super::words::{self, Mark};
use crate::app::focus::{ListId, Subject};
use crate::app::rows::{Row, known_servers, server_label};
use crate::model::balancer::BalancerReport;
use crate::model::front::BalancerState;
use crate::model::name::HostName;
use crate::model::vip::{VipVerdict, VipView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the tree.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, rows: &[Row]) {
    let focused = Focused::from(scene.app.list() == ListId::Path);
    let title = vec![paint::title(scene, "Path", focused)];
    let body = paint::section(buf, area, scene, title, focused);
    let selected = scene.app.selected_row(ListId::Path, rows);
    let first = first_shown(rows.len(), selected, usize::from(body.height));
    let widths = Widths::measure(scene, rows, body.width);
    for ((index, row), at) in rows.iter().enumerate().skip(first).zip(paint::lines(body)) {
        if index == selected {
            paint::select(buf, at, scene, focused);
        }
        let inside = Rect {
            x: at.x + 2,
            width: at.width.saturating_sub(2),
            ..at
        };
        let spans = line(scene, rows, index, row, &widths);
        paint::fitted(buf, inside, scene, spans);
    }
}

/// Columns of the server rows.
#[derive(Debug, Clone, Copy)]
struct Widths {
    server: usize,
    node: usize,
    /// Whether there is room for the check, the node type and the memory.
    room: Room,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Wide,
    Narrow,
    /// The sessions and the name of the node behind a server go too.
    Tight,
}

impl Widths {
    fn measure(scene: &Scene<'_>, rows: &[Row], width: u16) -> Self {
        let longest = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
        let server = longest(&mut rows.iter().filter_map(|row| {
            let Subject::Server { backend, name, .. } = &row.subject else {
                return None;
            };
            Some(text::width(&server_label(rows, backend, name)))
        }));
        let members = scene.app.model.members();
        let node = longest(&mut members.iter().map(|node| text::width(scene.short(node))));
        let most = usize::from(width) / 4;
        Self {
            server: server.clamp(4, most.max(8)),
            node: node.clamp(4, most.max(8)),
            room: match width {
                92.. => Room::Wide,
                68..92 => Room::Narrow,
                _ => Room::Tight,
            },
        }
    }
}

fn line(
    scene: &Scene<'_>,
    rows: &[Row],
    index: usize,
    row: &Row,
    widths: &Widths,
) -> Vec<Span<'static>> {
    let mut spans = trunk(scene, rows, index);
    match &row.subject {
        Subject::Clients => clients(scene, &mut spans),
        Subject::Vip(address) => vip(scene, &scene.app.model.vip(*address, scene.at), &mut spans),
        Subject::Balancer(host) => balancer(scene, host, &mut spans),
        Subject::Server {
            balancer: Some(host),
            backend,
            name,
        } => {
            let known = known_servers(&scene.app.model, host);
            if let Some(known) = known.iter().find(|known| known.is(backend, name)) {
                let label = server_label(rows, backend, name);
                server::server(scene, (host, known.server), &label, widths, &mut spans);
            }
        }
        Subject::Node(node) => server::loose_node(scene, node, widths, &mut spans),
        Subject::Server { balancer: None, .. }
        | Subject::Host(_)
        | Subject::Run(_)
        | Subject::Policy { .. }
        | Subject::Finding { .. } => {}
    }
    spans
}

/// The connectors before a row, from the rows after it.
fn trunk(scene: &Scene<'_>, rows: &[Row], index: usize) -> Vec<Span<'static>> {
    let Some(row) = rows.get(index) else {
        return Vec::new();
    };
    let goes_on = |depth: usize| {
        rows.iter()
            .skip(index + 1)
            .take_while(|later| later.depth >= depth)
            .any(|later| later.depth == depth)
    };
    let mut spans = Vec::new();
    for depth in 1..row.depth {
        spans.push(if goes_on(depth) {
            scene.sign(Role::Faint, Glyph::Trunk)
        } else {
            Span::raw("  ")
        });
        spans.push(Span::raw(" "));
    }
    if row.depth > 0 {
        let glyph = if goes_on(row.depth) {
            Glyph::Branch
        } else {
            Glyph::LastBranch
        };
        spans.push(scene.sign(Role::Faint, glyph));
        spans.push(Span::raw(" "));
    }
    spans
}

fn clients(scene: &Scene<'_>, spans: &mut Vec<Span<'static>>) {
    let connections = scene.app.model.connection_count(scene.at);
    spans.push(scene.figure(connections.map(format::count)));
    spans.push(scene.span(Role::Dim, " client connections"));
}

fn vip(scene: &Scene<'_>, view: &VipView, spans: &mut Vec<Span<'static>>) {
    let port = scene.app.model.inventory.amqp_port;
    let mut address = view.address.to_string();
    if let Some(port) = port {
        address = format!("{address}:{port}");
    }
    spans.push(scene.span(Role::Dim, "VIP "));
    spans.push(Span::styled(address, scene.bold(Role::Text)));
    spans.push(Span::raw("  "));
    let mark = words::vip(view.verdict);
    if view.holders.is_empty() {
        spans.extend(broken(scene, &mark));
        return;
    }
    for (number, holder) in view.holders.iter().enumerate() {
        if number > 0 {
            spans.push(scene.span(Role::Crit, " and "));
        }
        spans.push(scene.sign(Role::Accent, Glyph::Holder));
        spans.push(scene.span_raw(Role::Text, format!(" {holder}")));
    }
    if let Some(seen) = scene.app.changes.last_move(view.address) {
        let age = format::age(scene.at.since(seen.at));
        spans.push(scene.span(Role::Dim, format!("  moved here {age} ago")));
    }
    if view.verdict != VipVerdict::Ok {
        spans.push(Span::raw("  "));
        spans.extend(scene.mark(&mark));
    }
}

/// A broken or doubtful edge with the reason behind it.
fn broken(scene: &Scene<'_>, mark: &Mark) -> Vec<Span<'static>> {
    let edge = if mark.glyph == Glyph::Unknown {
        Glyph::DoubtfulEdge
    } else {
        Glyph::BrokenEdge
    };
    vec![
        scene.sign(mark.role, edge),
        Span::raw(" "),
        scene.span(mark.role, &mark.words),
    ]
}

/// Whether clients come in over this load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Live,
    Standby,
    /// Nobody can tell who holds the address.
    Unknown,
}

fn traffic(scene: &Scene<'_>, host: &HostName) -> Traffic {
    match scene.app.model.carries_clients(host, scene.at) {
        Some(true) => Traffic::Live,
        Some(false) => Traffic::Standby,
        None => Traffic::Unknown,
    }
}

fn balancer(scene: &Scene<'_>, host: &HostName, spans: &mut Vec<Span<'static>>) {
    let model = &scene.app.model;
    let traffic = traffic(scene, host);
    let name_role = if traffic == Traffic::Standby {
        Role::Dim
    } else {
        Role::Text
    };
    spans.push(scene.span(Role::Dim, "HAProxy "));
    spans.push(scene.span_raw(name_role, host.as_str()));
    spans.push(Span::raw("  "));
    let state = model
        .inventory
        .host(host)
        .map(|entry| model.balancer_state(entry, scene.at));
    match state {
        Some(BalancerState::Up) => {
            spans.extend(sessions(scene, host, model.balancer(host, scene.at)));
            if traffic == Traffic::Standby {
                spans.push(scene.span(Role::Dim, "  standby"));
            }
        }
        Some(BalancerState::Down) => spans.extend(gone(scene, host, "down")),
        Some(BalancerState::Unreachable) => spans.extend(gone(scene, host, "no answer")),
        Some(BalancerState::Unknown) if model.balancer_hangs(host, scene.at) => {
            spans.extend(gone(scene, host, "hangs"));
        }
        Some(BalancerState::Unknown) | None => spans.extend(not_known(scene, host)),
    }
}

fn gone(scene: &Scene<'_>, host: &HostName, what: &str) -> Vec<Span<'static>> {
    let mark = Mark {
        glyph: Glyph::Broken,
        role: Role::Crit,
        words: format!("{what}{}", why(scene, host)),
    };
    broken(scene, &mark)
}

fn not_known(scene: &Scene<'_>, host: &HostName) -> Vec<Span<'static>> {
    let reading = scene.app.model.balancers.get(host);
    let Some(reading) = reading.filter(|it| it.last().is_some() || it.failure().is_some()) else {
        return vec![
            scene.sign(Role::Unknown, Glyph::Unknown),
            scene.span(Role::Unknown, " not answered yet"),
        ];
    };
    let last = match reading.age(scene.at) {
        Some(age) => format!("last answer {} ago", format::age(age)),
        None => "not known".to_owned(),
    };
    let mark = Mark {
        glyph: Glyph::Unknown,
        role: Role::Unknown,
        words: format!("{last}{}", why(scene, host)),
    };
    broken(scene, &mark)
}

fn why(scene: &Scene<'_>, host: &HostName) -> String {
    let failure = scene
        .app
        .model
        .balancers
        .get(host)
        .and_then(|r| r.failure());
    failure.map_or_else(String::new, |failure| format!(": {}", kind_words(failure)))
}

/// A failure in two words; the whole sentence stands among the findings.
fn kind_words(failure: &crate::model::observation::SourceFailure) -> String {
    failure.kind.to_string().replace('_', " ")
}

fn sessions(
    scene: &Scene<'_>,
    host: &HostName,
    report: Option<&BalancerReport>,
) -> Vec<Span<'static>> {
    let model = &scene.app.model;
    let known = model.inventory.host(host).zip(report);
    let backends = known.map_or_else(Vec::new, |(entry, report)| {
        model.broker_backends(entry, report)
    });
    let current = sum(backends.iter().map(|backend| backend.sessions));
    let limit = match (report, backends.as_slice()) {
        (Some(report), [backend]) => {
            let entrances = report.entrances(backend.name.raw());
            sum(entrances.iter().map(|frontend| frontend.session_limit))
        }
        _ => None,
    };
    let mut spans = vec![scene.figure(current.map(format::count))];
    if let Some(limit) = limit {
        spans.push(scene.span(Role::Dim, format!("/{limit}")));
    }
    spans.push(scene.span(Role::Dim, " sessions"));
    spans
}

/// All figures together; none where one is not known, or there is none.
fn sum(figures: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let figures: Vec<u64> = figures.collect::<Option<_>>()?;
    (!figures.is_empty()).then(|| figures.iter().sum())
}
