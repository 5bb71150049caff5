//! Owns the first three rows: who this cluster is, what is known of it at a glance, how fresh that
//! is, and the tabs. The cluster's own colour is always there.

use super::format;
use super::glyphs::Glyph;
use super::paint;
use super::scene::Scene;
use super::theme::Role;
use super::words;
use crate::app::focus::PaneId;
use crate::findings::Severity;
use crate::guard::Mode;
use crate::model::front::BalancerState;
use crate::model::node::NodeState;
use crate::model::vip::VipVerdict;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;
use strum::IntoEnumIterator;

/// Draws the header.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let (badge, rule) = scene.theme.cluster(scene.app.setup.color.as_deref());
    let first = paint::line(area, 0);
    let clock = clock(scene);
    let room = first.width.saturating_sub(paint::spans_width(&clock) + 2);
    let mut left = vec![
        Span::raw(" "),
        Span::styled(format!(" {} ", scene.app.setup.cluster), badge),
    ];
    for part in parts(scene) {
        let wanted = paint::spans_width(&left) + 2 + paint::spans_width(&part.spans);
        if part.weight == Weight::Dispensable && wanted + part.reserve > room {
            continue;
        }
        left.push(Span::raw("  "));
        left.extend(part.spans);
    }
    paint::left(buf, first, left);
    paint::right(buf, first, clock);
    tabs(buf, paint::line(area, 1), scene);
    let sign = scene
        .theme
        .sign(Glyph::Rule)
        .repeat(usize::from(area.width));
    paint::left(buf, paint::line(area, 2), vec![Span::styled(sign, rule)]);
}

/// Whether a part is dropped where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Dispensable,
    Needed,
}

struct Part {
    spans: Vec<Span<'static>>,
    weight: Weight,
    /// Columns that must stay free for the parts after it.
    reserve: u16,
}

fn parts(scene: &Scene<'_>) -> Vec<Part> {
    let counts = counts(scene);
    let reserve: u16 = counts
        .iter()
        .map(|spans| paint::spans_width(spans) + 2)
        .sum();
    let narrow = scene.app.size().0 < 80;
    let mut parts: Vec<Part> = identity(scene)
        .into_iter()
        .map(|span| Part {
            spans: vec![span],
            weight: Weight::Dispensable,
            reserve,
        })
        .collect();
    // On the narrowest screens the second count, the load balancers', goes before the findings.
    let kept = counts
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !narrow || *index != 1);
    parts.extend(kept.map(|(_, spans)| Part {
        spans,
        weight: Weight::Needed,
        reserve: 0,
    }));
    parts
}

/// What the broker calls itself, its version and its metadata store.
fn identity(scene: &Scene<'_>) -> Vec<Span<'static>> {
    let model = &scene.app.model;
    let mut spans = Vec::new();
    let capability = model.capability(scene.at);
    if capability.version.is_some() {
        spans.push(scene.span(Role::Dim, capability.words()));
    }
    if let Some(name) = model.cluster_name()
        && name.as_str() != scene.app.setup.cluster
    {
        spans.insert(0, scene.span_raw(Role::Text, name.as_str()));
    }
    spans
}

fn counts(scene: &Scene<'_>) -> Vec<Vec<Span<'static>>> {
    let model = &scene.app.model;
    let nodes = model.nodes(scene.at);
    let running = nodes
        .iter()
        .filter(|node| node.state == NodeState::Running)
        .count();
    let unknown = nodes
        .iter()
        .filter(|node| node.state == NodeState::Unknown)
        .count();
    let explained = nodes
        .iter()
        .filter(|node| node.state != NodeState::Running && scene.expected.contains(&node.name))
        .count();
    let doubt = Doubt { unknown, explained };
    let mut parts = vec![ratio(scene, "nodes", (running, nodes.len()), doubt)];
    let balancers: Vec<_> = model.inventory.balancers().collect();
    if !balancers.is_empty() {
        let states = balancers
            .iter()
            .map(|(host, _)| model.balancer_state(host, scene.at));
        let count = |wanted| states.clone().filter(|state| *state == wanted).count();
        let up = count(BalancerState::Up);
        let doubt = Doubt {
            unknown: count(BalancerState::Unknown),
            explained: 0,
        };
        parts.push(ratio(scene, "LBs", (up, balancers.len()), doubt));
    }
    if let Some(vip) = worst_vip(scene) {
        let mark = words::vip(vip);
        let mut spans = vec![scene.span(Role::Dim, "VIP ")];
        if vip == VipVerdict::Ok {
            spans.push(scene.span(Role::Text, "ok"));
        } else {
            spans.extend(scene.mark(&mark));
        }
        parts.push(spans);
    }
    let found = found(scene);
    if !found.is_empty() {
        parts.push(found);
    }
    parts.extend(session(scene));
    parts
}

/// What this session may do, whether it is frozen, and the run under way.
fn session(scene: &Scene<'_>) -> Vec<Vec<Span<'static>>> {
    let mut parts = Vec::new();
    if let Mode::Monitor(_) = scene.app.setup.mode {
        parts.push(vec![scene.span(
            Role::Dim,
            format!("{} READ-ONLY", scene.theme.sign(Glyph::ReadOnly)).replace("RO READ", "READ"),
        )]);
    }
    if let Some(since) = scene.app.frozen {
        let age = format::age(scene.now.since(since));
        let style = scene.bold(Role::Warn).add_modifier(Modifier::REVERSED);
        parts.push(vec![Span::styled(format!(" PAUSED {age} "), style)]);
    }
    if let Some(run) = scene.app.under_way() {
        let words = if scene.app.size().0 < 100 {
            " run ".to_owned()
        } else {
            format!(" {} under way ", run.plan.action.runbook())
        };
        parts.push(vec![
            scene.sign(Role::Expected, Glyph::Expected),
            scene.span(Role::Expected, words),
            scene.span(Role::Dim, "R"),
        ]);
    }
    parts
}

/// Why something that is not good is not bad either.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// It cannot be told of these.
    unknown: usize,
    /// A run under way causes it with these.
    explained: usize,
}

/// `nodes 3/3`: quiet when whole, loud when not, in doubt where it cannot be told.
fn ratio(
    scene: &Scene<'_>,
    label: &str,
    (good, all): (usize, usize),
    Doubt { unknown, explained }: Doubt,
) -> Vec<Span<'static>> {
    let role = if good == all {
        Role::Text
    } else if good + explained == all {
        Role::Expected
    } else if good + unknown == all {
        Role::Unknown
    } else {
        Role::Crit
    };
    let doubt = if good + unknown == all && unknown > 0 {
        "?"
    } else {
        ""
    };
    vec![
        scene.span(Role::Dim, format!("{label} ")),
        scene.span(role, format!("{good}/{all}{doubt}")),
    ]
}

/// The verdict that matters most among all virtual addresses.
fn worst_vip(scene: &Scene<'_>) -> Option<VipVerdict> {
    let rank = |verdict: &VipVerdict| match verdict {
        VipVerdict::Ok => 0,
        VipVerdict::Unknown => 1,
        VipVerdict::NoStandby => 2,
        VipVerdict::WrongHolder => 3,
        VipVerdict::Split => 4,
        VipVerdict::None => 5,
    };
    let vips = scene.app.model.vips(scene.at);
    vips.into_iter().map(|vip| vip.verdict).max_by_key(rank)
}

/// How many findings of each severity.
fn found(scene: &Scene<'_>) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (severity, glyph, role) in [
        (Severity::Critical, Glyph::Broken, Role::Crit),
        (Severity::Warning, Glyph::Warning, Role::Warn),
        (Severity::Unknown, Glyph::Unknown, Role::Unknown),
    ] {
        let count = scene
            .app
            .findings
            .iter()
            .filter(|finding| {
                let counts = !finding.expected && finding.consequence_of.is_none();
                counts && finding.severity == severity
            })
            .count();
        if count > 0 {
            if !spans.is_empty() {
                spans.push(Span::raw(" "));
            }
            spans.push(scene.span(role, format!("{}{count}", scene.theme.sign(glyph))));
        }
    }
    spans
}

/// The wall clock and the age of the youngest answer.
fn clock(scene: &Scene<'_>) -> Vec<Span<'static>> {
    let zone = scene.app.setup.zone.clone();
    let wall = scene
        .now
        .wall
        .to_zoned(zone)
        .strftime("%H:%M:%S")
        .to_string();
    let youngest = scene
        .app
        .model
        .sources
        .values()
        .filter_map(|status| status.answered_at)
        .max();
    let age = youngest.map(|at| scene.now.since(at));
    let (role, words) = match age {
        None => (Role::Unknown, "no data".to_owned()),
        Some(age) if age.as_secs() > 15 => {
            (Role::Warn, format!("data {} old", format::short_age(age)))
        }
        Some(age) => (Role::Dim, format!("{:>3}", format::short_age(age))),
    };
    vec![
        scene.span(Role::Text, wall),
        Span::raw(" "),
        scene.span(role, words),
        Span::raw(" "),
    ]
}

/// Empty columns between two tabs, and before the first.
const GAP: u16 = 2;

fn tabs(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let mut x = area.x + GAP;
    for pane in PaneId::iter() {
        let is_open = pane == scene.app.pane();
        let (key, name) = if is_open {
            let style = scene.bold(Role::Accent);
            (style, style.add_modifier(Modifier::UNDERLINED))
        } else {
            (scene.style(Role::Dim), scene.style(Role::Text))
        };
        let room = Rect {
            x,
            width: area.right().saturating_sub(x),
            ..area
        };
        let spans = vec![
            Span::styled(format!("{} ", pane.number()), key),
            Span::styled(pane.title(), name),
        ];
        x = paint::left(buf, room, spans) + GAP;
    }
}

/// Which tab is at this place of the screen, for the mouse.
pub fn tab_at(column: u16, row: u16) -> Option<PaneId> {
    if row != 1 {
        return None;
    }
    let mut x = GAP;
    PaneId::iter().find(|pane| {
        let end = x + 2 + u16::try_from(pane.title().len()).unwrap_or(0);
        let hit = (x..end).contains(&column);
        x = end + GAP;
        hit
    })
}
