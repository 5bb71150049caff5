//! Owns the table of policies: what each is for, on how many queues, and where chance decides.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "a column of a table is given a reference to its row, which is one itself"
)]

use super::super::format;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::{self, Align, Column, Rows, Width};
use super::super::theme::Role;
use super::super::words;
use crate::app::focus::ListId;
use crate::model::freshness_limit;
use crate::model::observation::SourceKind;
use crate::model::policy::usage::{PolicyUse, Standing};
use crate::model::reading::Freshness;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

const fn column<'a>(
    title: &'static str,
    width: Width,
    align: Align,
    priority: u8,
    cell: fn(&&'a PolicyUse, &Scene<'_>) -> Vec<Span<'static>>,
) -> Column<&'a PolicyUse> {
    Column {
        title,
        width,
        align,
        priority,
        cell,
    }
}

fn columns<'a>() -> [Column<&'a PolicyUse>; 9] {
    use Align::{Left, Right};
    use Width::{Fixed, Names};
    [
        column("POLICY", Names { min: 10, max: 40 }, Left, 0, name),
        column("VHOST", Names { min: 5, max: 20 }, Left, 5, vhost),
        column("PRIO", Fixed(4), Right, 1, priority),
        column("QUEUES", Fixed(6), Right, 1, queues),
        column("UNDER IT", Fixed(8), Right, 4, in_force),
        column("PATTERN", Names { min: 7, max: 40 }, Left, 0, pattern),
        column("APPLIES TO", Names { min: 10, max: 15 }, Left, 6, apply_to),
        column(
            "DEFINITION",
            Names { min: 12, max: 90 },
            Left,
            3,
            definition,
        ),
        column("STANDING", Names { min: 8, max: 60 }, Left, 0, standing),
    ]
}

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let app = scene.app;
    let rows = app.rows(ListId::Policies, scene.now);
    let mut title = vec![paint::title(scene, "Policies", Focused::Yes)];
    title.push(scene.span(Role::Dim, format!(" {}", rows.len())));
    title.extend(caveats(scene));
    let body = paint::section(buf, area, scene, title, Focused::Yes);
    if rows.is_empty() {
        let (role, words) = empty(scene);
        paint::left(
            buf,
            paint::line(body, 0),
            vec![scene.span(role, format!("  {words}"))],
        );
        return;
    }
    let shape = Rows {
        total: rows.len(),
        selected: app.selected_row(ListId::Policies, &rows),
        focused: Focused::Yes,
    };
    let row = |number: usize| app.policy_use(&rows.get(number)?.subject);
    table::draw(buf, body, scene, &columns(), (shape, row));
}

/// Why the table may not say all.
fn caveats(scene: &Scene<'_>) -> Vec<Span<'static>> {
    let model = &scene.app.model;
    let mut spans = Vec::new();
    let limit = freshness_limit(SourceKind::Policies);
    if model.policies.freshness(scene.at, limit) == Freshness::Stale {
        let age = model.policies.age(scene.at).map(format::short_age);
        let age = age.unwrap_or_default();
        spans.push(scene.span(Role::Unknown, format!("  as of {age} ago")));
    }
    if let Some(gap) = model.queues.last().and_then(|page| page.gap("queues")) {
        spans.push(scene.span(Role::Unknown, format!("  {gap}")));
    }
    spans
}

/// What to say where there is no row.
fn empty(scene: &Scene<'_>) -> (Role, String) {
    let app = scene.app;
    if !app.uses.is_empty() {
        return (Role::Dim, "no policy fits the filter".to_owned());
    }
    match (app.model.policies.last(), app.model.policies.failure()) {
        (Some(_), _) => match app.model.all_queues(scene.now) {
            Ok(_) => (
                Role::Dim,
                "no policy: every queue is as it was declared".to_owned(),
            ),
            Err(gap) => (Role::Unknown, format!("no policy is shown; {gap}")),
        },
        (None, Some(failure)) => (Role::Warn, format!("not known: {failure}")),
        (None, None) => (Role::Dim, "being asked".to_owned()),
    }
}

fn name(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Text, it.policy.name.as_str())]
}

fn vhost(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Dim, it.policy.vhost.0.as_str())]
}

fn priority(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.figure(it.policy.priority.map(|priority| priority.to_string()))]
}

fn queues(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.figure(it.matching.map(|count| format::count(count as u64)))]
}

fn in_force(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let is_known = scene.app.model.queues.last().is_some();
    vec![scene.figure(is_known.then(|| format::count(it.in_force as u64)))]
}

fn pattern(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Text, it.policy.pattern.as_str())]
}

fn apply_to(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![match &it.policy.apply_to {
        Some(kinds) => scene.span_raw(Role::Dim, kinds.as_str()),
        None => scene.figure(None),
    }]
}

fn definition(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Dim, it.policy.definition.as_str())]
}

fn standing(it: &&PolicyUse, scene: &Scene<'_>) -> Vec<Span<'static>> {
    if it.standing == Standing::Well {
        return Vec::new();
    }
    scene.mark(&words::standing(&it.standing))
}
