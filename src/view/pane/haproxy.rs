//! Owns the load balancers side by side: one row for each server, one group of columns for each
//! load balancer; one below the other where the screen is narrow.

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
use crate::model::balancer::ServerRow;
use crate::model::name::HostName;
use crate::model::observation::SourceKind;
use crate::model::path::MatchBasis;
use crate::model::reading::Freshness;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Columns of a group with all of its figures, and with the least of them.
const GROUP: (u16, u16) = (47, 27);

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let rows = scene.app.rows(ListId::Servers, scene.now);
    let hosts: Vec<&HostName> = scene
        .app
        .model
        .inventory
        .balancers()
        .map(|(host, _)| &host.name)
        .collect();
    let title = vec![
        paint::title(scene, "HAProxy", Focused::Yes),
        scene.span(
            Role::Dim,
            format!(" {} on {} hosts", rows.len(), hosts.len()),
        ),
    ];
    let body = paint::section(buf, area, scene, title, Focused::Yes);
    let lead = lead_width(scene, &rows);
    let count = u16::try_from(hosts.len().max(1)).unwrap_or(u16::MAX);
    let share = body.width.saturating_sub(lead) / count;
    if share >= GROUP.1 {
        let plan = Plan {
            lead,
            group: share.min(GROUP.0 + 4),
        };
        block(buf, body, scene, &rows, (&hosts, plan));
        return;
    }
    let plan = Plan {
        lead,
        group: body.width.saturating_sub(lead).min(GROUP.0 + 4),
    };
    let mut rest = body;
    for host in &hosts {
        let needed = u16::try_from(rows.len())
            .unwrap_or(u16::MAX)
            .saturating_add(2);
        let at = Rect {
            height: needed.min(rest.height),
            ..rest
        };
        block(buf, at, scene, &rows, (std::slice::from_ref(host), plan));
        rest = paint::below(rest, needed.saturating_add(1));
    }
}

/// Where the columns stand.
#[derive(Debug, Clone, Copy)]
struct Plan {
    lead: u16,
    group: u16,
}

/// Columns of the server's and the node's names.
fn lead_width(scene: &Scene<'_>, rows: &[Row]) -> u16 {
    let names = names_width(scene, rows);
    u16::try_from(2 + names.0 + 2 + names.1 + 3).unwrap_or(u16::MAX)
}

fn names_width(scene: &Scene<'_>, rows: &[Row]) -> (usize, usize) {
    let server = rows.iter().filter_map(|row| {
        let Subject::Server { backend, name, .. } = &row.subject else {
            return None;
        };
        Some(text::width(&server_label(rows, backend, name)))
    });
    let members = scene.app.model.members();
    let node = members.iter().map(|node| text::width(scene.short(node)));
    (
        server.max().unwrap_or(6).clamp(6, 24),
        node.max().unwrap_or(4).clamp(6, 20),
    )
}

fn block(
    buf: &mut Buffer,
    area: Rect,
    scene: &Scene<'_>,
    rows: &[Row],
    (hosts, plan): (&[&HostName], Plan),
) {
    for (index, host) in (0u16..).zip(hosts) {
        let at = Rect {
            x: area.x + plan.lead + index * plan.group,
            width: plan.group.saturating_sub(2),
            ..area
        };
        head(buf, paint::line(at, 0), scene, host);
        let labels = vec![scene.span(Role::Dim, labels(at.width))];
        paint::left(buf, paint::line(at, 1), labels);
    }
    let names = names_width(scene, rows);
    let lead = format!("  {:<w$}  NODE", "SERVER", w = names.0);
    paint::left(buf, paint::line(area, 1), vec![scene.span(Role::Dim, lead)]);
    let body = paint::below(area, 2);
    let selected = scene.app.selected_row(ListId::Servers, rows);
    let first = first_shown(rows.len(), selected, usize::from(body.height));
    for ((number, row), at) in rows.iter().enumerate().skip(first).zip(paint::lines(body)) {
        let Subject::Server { backend, name, .. } = &row.subject else {
            continue;
        };
        let id = (backend.as_str(), name.as_str());
        if number == selected {
            paint::select(buf, at, scene, Focused::Yes);
        }
        let inside = Rect {
            x: at.x + 2,
            width: plan.lead.saturating_sub(2),
            ..at
        };
        paint::left(buf, inside, names_cells(scene, rows, id, names));
        for (index, host) in (0u16..).zip(hosts) {
            let x = at.x + plan.lead + index * plan.group;
            let cell = Rect {
                x,
                width: plan
                    .group
                    .saturating_sub(2)
                    .min(at.right().saturating_sub(x)),
                ..at
            };
            group(buf, cell, scene, host, id);
        }
    }
}

fn names_cells(
    scene: &Scene<'_>,
    rows: &[Row],
    (backend, name): (&str, &str),
    names: (usize, usize),
) -> Vec<Span<'static>> {
    let cut = scene.theme.sign(Glyph::Ellipsis);
    let label = server_label(rows, backend, name);
    let server = text::cut_middle(&label, names.0, cut);
    let gap = names.0.saturating_sub(text::width(&server)) + 2;
    let mut spans = vec![
        scene.span_raw(Role::Text, server),
        Span::raw(" ".repeat(gap)),
    ];
    let model = &scene.app.model;
    let matched = model.inventory.balancers().find_map(|(host, _)| {
        let known = known_servers(model, &host.name).into_iter();
        let known = known.into_iter().find(|known| known.is(backend, name))?;
        model.member_behind(&host.name, known.server)
    });
    match matched {
        Some((node, basis)) => {
            let sign = if basis == MatchBasis::Name { "~" } else { "" };
            let room = names.1 + 1 - sign.len();
            let short = text::cut_middle(scene.short(node), room, cut);
            spans.push(scene.span_raw(Role::Dim, format!("{sign}{short}")));
        }
        None => spans.push(scene.sign(Role::Unknown, Glyph::Unknown)),
    }
    spans
}

/// A load balancer's own line.
fn head(buf: &mut Buffer, at: Rect, scene: &Scene<'_>, host: &HostName) {
    let model = &scene.app.model;
    let holds = model.holds_a_vip(host, scene.at);
    let mut spans = vec![Span::styled(host.to_string(), scene.bold(Role::Text))];
    if holds {
        spans.push(Span::raw(" "));
        spans.push(scene.sign(Role::Accent, Glyph::Holder));
        spans.push(scene.span(Role::Dim, " VIP"));
    }
    spans.push(Span::raw("  "));
    let reading = model.balancers.get(host);
    let limit = crate::model::freshness_limit(SourceKind::Haproxy);
    let age = reading.and_then(|reading| reading.age(scene.at));
    match reading.map(|reading| reading.freshness(scene.at, limit)) {
        Some(Freshness::Fresh) => {
            let via = reading
                .and_then(|reading| reading.last())
                .map(|report| report.via);
            let via = via.map_or_else(String::new, |via| format!("via {via}, "));
            let age = format::short_age(age.unwrap_or_default());
            spans.push(scene.span(Role::Dim, format!("{via}{age} old")));
        }
        Some(Freshness::Stale) => {
            let words = format!(
                "? stale, {} old",
                format::short_age(age.unwrap_or_default())
            );
            spans.push(scene.span(Role::Unknown, words));
        }
        Some(Freshness::Failed) => {
            let why = reading
                .and_then(|reading| reading.failure())
                .map_or_else(String::new, ToString::to_string);
            spans.push(scene.sign(Role::Crit, Glyph::Broken));
            spans.push(scene.span(Role::Crit, format!(" {why}")));
        }
        Some(Freshness::Pending) | None => {
            spans.push(scene.sign(Role::Unknown, Glyph::Unknown));
            spans.push(scene.span(Role::Unknown, " not answered yet"));
        }
    }
    paint::fitted(buf, at, scene, spans);
}

/// Columns of the status word.
const STATUS: usize = 11;

fn labels(width: u16) -> String {
    let check = check_width(width);
    let mut text = format!("{:<STATUS$} {:>5}", "STATUS", "SESS");
    if width >= 25 {
        text.push_str("  SINCE");
    }
    if check > 0 {
        text.push_str("  CHECK");
    }
    text
}

/// What is left for the check: all or nothing, so that no word is cut.
fn check_width(width: u16) -> usize {
    let used = STATUS + 1 + 5 + 2 + 5 + 2;
    let left = usize::from(width).saturating_sub(used);
    if left >= 17 { left } else { 0 }
}

/// What one load balancer thinks of one server.
fn group(
    buf: &mut Buffer,
    at: Rect,
    scene: &Scene<'_>,
    host: &HostName,
    (backend, name): (&str, &str),
) {
    let known = known_servers(&scene.app.model, host);
    let found = known.iter().find(|known| known.is(backend, name));
    let Some(server) = found.map(|known| known.server) else {
        let report = scene
            .app
            .model
            .balancers
            .get(host)
            .and_then(|reading| reading.last());
        let may_lack = report.is_some_and(|report| report.may_lack_servers(backend));
        let sign = if may_lack {
            scene.span(Role::Unknown, "a line could not be read")
        } else if known.is_empty() {
            scene.figure(None)
        } else {
            scene.span(Role::Warn, "not configured here")
        };
        paint::left(buf, at, vec![sign]);
        return;
    };
    let is_current = scene.app.model.balancer(host, scene.at).is_some();
    let mark = if is_current {
        scene.server_mark(host, server)
    } else {
        Mark {
            glyph: Glyph::Unknown,
            role: Role::Unknown,
            words: server.status.short().to_owned(),
        }
    };
    let mut spans = cells(scene, server, &mark, at.width);
    if !is_current {
        for span in spans.iter_mut().skip(1) {
            span.style = scene.theme.stale();
        }
    }
    paint::left(buf, at, spans);
}

fn cells(scene: &Scene<'_>, server: &ServerRow, mark: &Mark, width: u16) -> Vec<Span<'static>> {
    let sessions = scene.figure(server.sessions.map(format::count));
    let gap = 6usize.saturating_sub(text::width(&sessions.content));
    let mut spans = vec![
        scene.sign(mark.sign_role(), mark.glyph),
        scene.span_raw(mark.role, format!(" {:<w$}", mark.words, w = STATUS - 2)),
        Span::raw(" ".repeat(gap)),
        sessions,
    ];
    if width >= 25 {
        let since = server
            .last_change_s
            .map(|seconds| format::short_age(std::time::Duration::from_secs(seconds)));
        let since = since.unwrap_or_else(|| scene.theme.sign(Glyph::NoValue).to_owned());
        spans.push(scene.span_raw(Role::Dim, format!("  {since:>5}")));
    }
    if check_width(width) > 0 {
        let role = if server.takes_clients() {
            Role::Dim
        } else {
            mark.role
        };
        let words = words::check(server).unwrap_or_default();
        spans.push(scene.span_raw(role, format!("  {words}")));
    }
    spans
}
