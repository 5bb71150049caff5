//! Owns the face of the action menu, and of the wait for a plan.

use super::super::Drawn;
use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::first_shown;
use super::super::text;
use super::super::theme::Role;
use super::{indented, width};
use crate::action::Tier;
use crate::app::availability::Availability;
use crate::app::modal::Surveying;
use crate::app::modal::menu::{ActionMenu, MenuRow};
use crate::app::offers::Offer;
use crate::app::runbooks::Group;
use crate::model::text::Shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Columns of names, and of what rabbitmqctl calls them.
const NAMES: usize = 19;
const KNOWN_AS: usize = 26;

/// Draws the action menu: one row each, scrolled where there are too many, and below them the
/// whole reason why the selected one cannot be asked for, or what confirming it takes.
pub fn actions(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, menu: &ActionMenu) -> Drawn {
    let columns = width(body, 104);
    let room = usize::from(columns.saturating_sub(6));
    let told = told(menu, room);
    let bottom = u16::try_from(told.len()).unwrap_or(1).max(1) + 2;
    let rows = menu.rows();
    // As high as the whole menu, so that typing does not move what one looks at.
    let all = u16::try_from(whole(menu)).unwrap_or(u16::MAX);
    let at = paint::middle(body, columns, all.saturating_add(bottom + 4));
    let inside = paint::frame(buf, at, scene, Role::Frame, title(scene, menu));
    let cursor = prompt(buf, paint::line(inside, 0), scene, menu);
    let list = Rect {
        height: inside.height.saturating_sub(2 + bottom),
        ..paint::below(inside, 2)
    };
    draw_rows(buf, list, scene, (menu, &rows));
    let below = paint::below(inside, inside.height.saturating_sub(bottom - 1));
    for ((role, line), row) in told.into_iter().zip(paint::lines(below)) {
        paint::left(buf, indented(row), vec![scene.span(role, line)]);
    }
    let hint = match menu.selected().map(|offer| &offer.availability) {
        Some(Availability::Enabled) => {
            "enter shows its plan first; nothing is done before that   esc closes"
        }
        Some(Availability::Disabled(_)) => "this cannot be asked for now   esc closes",
        None => "esc shows all again",
    };
    let hint_row = paint::line(inside, inside.height.saturating_sub(1));
    paint::left(buf, hint_row, vec![scene.span(Role::Dim, hint)]);
    Drawn {
        scroll_limit: 0,
        cursor: Some(cursor),
    }
}

/// Rows of the menu before anything is typed.
fn whole(menu: &ActionMenu) -> usize {
    let mut groups: Vec<_> = menu.offers.iter().map(|offer| offer.spec.group).collect();
    groups.dedup();
    menu.offers.len() + groups.len()
}

fn title(scene: &Scene<'_>, menu: &ActionMenu) -> Vec<Span<'static>> {
    let mut title = vec![scene.span(Role::Title, "Actions on ")];
    if let Some(node) = &menu.node {
        title.push(Span::styled(node.to_string(), scene.bold(Role::Text)));
        let view = scene.app.model.node(node, scene.at);
        title.push(Span::raw("  "));
        title.extend(scene.mark(&scene.node_mark(&view)));
    } else {
        let name = scene.app.setup.cluster.clone();
        title.push(scene.span(Role::Title, "the cluster "));
        title.push(Span::styled(name, scene.bold(Role::Text)));
    }
    title
}

/// What was typed; gives the place of the cursor.
fn prompt(buf: &mut Buffer, at: Rect, scene: &Scene<'_>, menu: &ActionMenu) -> (u16, u16) {
    let typed = Shown::new(menu.field.text());
    let spans = if menu.field.text().is_empty() {
        let words = "type a name: stop_app, reset, join_cluster";
        vec![
            scene.span(Role::Accent, "/"),
            scene.span(Role::Faint, format!(" {words}")),
        ]
    } else {
        vec![
            scene.span(Role::Accent, "/"),
            scene.span_raw(Role::Text, typed.as_str()),
        ]
    };
    paint::left(buf, at, spans);
    let x = at.x + 1 + u16::try_from(menu.field.cursor()).unwrap_or(0);
    (x.min(at.right().saturating_sub(1)), at.y)
}

fn draw_rows(
    buf: &mut Buffer,
    list: Rect,
    scene: &Scene<'_>,
    (menu, rows): (&ActionMenu, &[MenuRow<'_>]),
) {
    if rows.is_empty() {
        let words = "no runbook is called so";
        paint::left(buf, indented(list), vec![scene.span(Role::Warn, words)]);
    }
    let is_selected =
        |row: &MenuRow<'_>| matches!(row, MenuRow::Offer(place, _) if *place == menu.selected);
    let selected = rows.iter().position(is_selected).unwrap_or(0);
    let first = first_shown(rows.len(), selected, usize::from(list.height));
    for (row, at) in rows.iter().skip(first).zip(paint::lines(list)) {
        match row {
            MenuRow::Heading(group) => {
                let mut words = group.title().to_owned();
                let is_of_nodes = !matches!(group, Group::Policies | Group::Cluster);
                if menu.node.is_none() && is_of_nodes {
                    words.push_str(", of a node that is asked for");
                }
                paint::left(buf, at, vec![scene.span(Role::Dim, words)]);
            }
            MenuRow::Offer(_, offer) => {
                if is_selected(row) {
                    paint::select(buf, at, scene, Focused::Yes);
                }
                let inner = indented(at);
                paint::left(buf, inner, offer_row(scene, offer, inner.width));
            }
        }
    }
    more(buf, list, scene, (first, rows.len()));
}

/// Says how much of the menu is not on screen.
fn more(buf: &mut Buffer, list: Rect, scene: &Scene<'_>, (first, all): (usize, usize)) {
    let below = all.saturating_sub(first + usize::from(list.height));
    for (count, row, words) in [
        (first, 0, "above"),
        (below, list.height.saturating_sub(1), "below"),
    ] {
        if count > 0 {
            let words = format!("   {count} more {words}");
            let at = paint::line(list, row);
            paint::right(buf, at, vec![scene.span(Role::Accent, words)]);
        }
    }
}

fn offer_row(scene: &Scene<'_>, offer: &Offer, columns: u16) -> Vec<Span<'static>> {
    let cut = scene.theme.sign(Glyph::Ellipsis);
    let (name, known, doc) = match &offer.availability {
        Availability::Enabled => (Role::Text, Role::Info, offer.spec.words.to_owned()),
        Availability::Disabled(reason) => (Role::Dim, Role::Dim, format!("not now: {reason}")),
    };
    let known_as = offer.spec.known_as.first().copied().unwrap_or_default();
    let room = usize::from(columns).saturating_sub(NAMES + KNOWN_AS);
    vec![
        scene.span(name, format!("{:<NAMES$}", offer.spec.name)),
        scene.span(
            known,
            format!("{:<KNOWN_AS$}", text::cut_end(known_as, KNOWN_AS - 1, cut)),
        ),
        scene.span(Role::Dim, text::cut_end(&doc, room, cut)),
    ]
}

/// What to know of the selected one before it is picked: all of it, for the list may cut it.
fn told(menu: &ActionMenu, room: usize) -> Vec<(Role, String)> {
    let Some(offer) = menu.selected() else {
        return Vec::new();
    };
    let (role, words) = match (&offer.availability, offer.tier) {
        (Availability::Disabled(reason), _) => (Role::Warn, format!("not now: {reason}")),
        (Availability::Enabled, Some(Tier::Destroy)) => (
            Role::Crit,
            "destroys data: its names must be typed to confirm it".to_owned(),
        ),
        (Availability::Enabled, Some(Tier::Disrupt)) => (
            Role::Dim,
            "disrupts service: its name must be typed to confirm it".to_owned(),
        ),
        (Availability::Enabled, Some(Tier::Change) | None) => {
            (Role::Dim, "confirmed with y".to_owned())
        }
    };
    let does = format!("{}: {}", offer.spec.name, offer.spec.words);
    let told = [(Role::Text, does), (role, words)];
    let wrapped = told.into_iter().flat_map(|(role, words)| {
        let lines = text::wrap(&words, room).into_iter();
        lines.map(move |line| (role, line))
    });
    wrapped.collect()
}

/// Draws the wait for a plan.
pub fn surveying(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, asked: &Surveying) -> Drawn {
    let at = paint::middle(body, width(body, 76), 5);
    let title = vec![Span::styled(
        asked.action.to_string(),
        scene.bold(Role::Title),
    )];
    let inside = paint::frame(buf, at, scene, Role::Frame, title);
    let elapsed = format::stopwatch(scene.now.since(asked.since));
    let words = "asking the cluster what it looks like now";
    let spans = vec![
        scene.span(Role::Text, words),
        scene.span(Role::Dim, format!("  {elapsed}")),
    ];
    paint::left(buf, paint::line(inside, 0), spans);
    let hint = "nothing is changed   esc gives up";
    paint::left(
        buf,
        paint::line(inside, 2),
        vec![scene.span(Role::Dim, hint)],
    );
    Drawn::default()
}
