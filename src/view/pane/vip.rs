//! Owns the virtual addresses: the verdict with its evidence, the hosts that may hold them, and the
//! moves seen in this session.

use super::super::format;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::table::{self, Align, Column, Rows, Width};
use super::super::text;
use super::super::theme::Role;
use super::super::words;
use crate::app::focus::{ListId, Subject};
use crate::model::host::{AddressReport, ServiceReport};
use crate::model::inventory::HostEntry;
use crate::model::name::HostName;
use crate::model::observation::SourceKind;
use crate::model::vip::{VipVerdict, VipView};
use crate::model::vrrp::{VrrpInstance, VrrpReport};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;
use std::time::Duration;

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let mut rest = area;
    for vip in scene.app.model.vips(scene.at) {
        rest = verdict(buf, rest, scene, &vip);
    }
    let rows = scene.app.rows(ListId::VipHosts, scene.now);
    let title = vec![paint::title(scene, "Hosts", Focused::Yes)];
    let body = paint::section(buf, rest, scene, title, Focused::Yes);
    let height = u16::try_from(rows.len())
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let table_area = Rect {
        height: height.min(body.height),
        ..body
    };
    let shape = Rows {
        total: rows.len(),
        selected: scene.app.selected_row(ListId::VipHosts, &rows),
        focused: Focused::Yes,
    };
    let row = |number: usize| HostRow::new(scene, &rows.get(number)?.subject);
    table::draw(buf, table_area, scene, &columns(), (shape, row));
    moves(buf, paint::below(body, height.saturating_add(1)), scene);
}

/// An address, its verdict and what that rests on; gives the area below.
fn verdict(buf: &mut Buffer, area: Rect, scene: &Scene<'_>, vip: &VipView) -> Rect {
    let mut title = vec![
        paint::title(scene, &format!("VIP {}", vip.address), Focused::No),
        Span::raw("  "),
    ];
    let mark = words::vip(vip.verdict);
    title.extend(scene.mark(&mark));
    for holder in &vip.holders {
        title.push(Span::raw("  "));
        title.push(scene.sign(Role::Accent, Glyph::Holder));
        title.push(scene.span_raw(Role::Text, format!(" {holder}")));
    }
    let body = paint::section(buf, area, scene, title, Focused::No);
    let role = if vip.verdict == VipVerdict::Ok {
        Role::Dim
    } else {
        Role::Text
    };
    let room = usize::from(body.width.saturating_sub(4));
    let mut used = 0;
    let lines = vip.evidence.iter().flat_map(|why| text::wrap(why, room));
    for (line, at) in lines.zip(paint::lines(body)) {
        let spans = vec![Span::raw("  "), scene.span_raw(role, line)];
        paint::left(buf, at, spans);
        used += 1;
    }
    paint::below(body, used + 1)
}

/// What is known of a host that may hold an address.
#[derive(Debug)]
struct HostRow<'a> {
    entry: &'a HostEntry,
    services: Option<&'a ServiceReport>,
    addresses: Option<&'a AddressReport>,
    vrrp: Option<&'a VrrpReport>,
    /// The instance that has a VIP of ours; the first, where several have.
    instance: Option<&'a VrrpInstance>,
    several: bool,
    age: Option<Duration>,
}

impl<'a> HostRow<'a> {
    fn new(scene: &Scene<'a>, subject: &Subject) -> Option<Self> {
        let Subject::Host(host) = subject else {
            return None;
        };
        let model = &scene.app.model;
        let last = model.vrrp.get(host).and_then(|reading| reading.last());
        let config = last.and_then(|report| report.config.as_ref().ok());
        let mut ours = config.into_iter().flat_map(|config| {
            let vips = &model.inventory.vips;
            let all = config.instances.iter();
            all.filter(|instance| instance.addresses.iter().any(|ip| vips.contains(ip)))
        });
        let (instance, several) = (ours.next(), ours.next().is_some());
        Some(Self {
            entry: model.inventory.host(host)?,
            services: model.service(host, scene.at),
            addresses: model.address(host, scene.at),
            vrrp: model.keepalived(host, scene.at),
            instance,
            several,
            age: model
                .addresses
                .get(host)
                .and_then(|reading| reading.age(scene.at)),
        })
    }
}

fn columns<'a>() -> [Column<HostRow<'a>>; 8] {
    use Align::{Left, Right};
    use Width::{Fixed, Names};
    let column = |title, width, align, priority, cell| Column {
        title,
        width,
        align,
        priority,
        cell,
    };
    [
        column("HOST", Names { min: 10, max: 40 }, Left, 0, host),
        column("HOLDS", Fixed(10), Left, 0, holds),
        column("KEEPALIVED", Fixed(14), Left, 0, keepalived),
        column("HAPROXY", Fixed(14), Left, 1, haproxy),
        column("STATE", Fixed(6), Left, 3, state),
        column("PRIO", Fixed(4), Right, 2, priority),
        column("WATCHED", Fixed(7), Left, 4, watched),
        column("SEEN", Fixed(5), Right, 5, seen),
    ]
}

fn host(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![scene.span_raw(Role::Text, row.entry.name.as_str())]
}

fn holds(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let Some(report) = row.addresses else {
        return vec![
            scene.sign(Role::Unknown, Glyph::Unknown),
            scene.span(Role::Unknown, " unknown"),
        ];
    };
    let vips = &scene.app.model.inventory.vips;
    let held: Vec<_> = vips.iter().filter_map(|vip| report.usable(*vip)).collect();
    match held.as_slice() {
        [] => vec![scene.span(Role::Dim, "no")],
        [one] => vec![
            scene.sign(Role::Accent, Glyph::Holder),
            scene.span_raw(Role::Text, format!(" {}", one.interface)),
        ],
        several => vec![
            scene.sign(Role::Accent, Glyph::Holder),
            scene.span_raw(Role::Text, format!(" {}", several.len())),
        ],
    }
}

fn keepalived(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    scene.mark(&words::daemon(row.vrrp.map(|report| &report.daemon)))
}

fn haproxy(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    if row.entry.balancer.is_none() {
        return vec![scene.span(Role::Dim, "none here")];
    }
    let unit = row.services.and_then(|services| services.haproxy.as_ref());
    scene.mark(&words::unit(unit))
}

fn state(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    if row.several {
        return vec![scene.span(Role::Dim, "each")];
    }
    let state = row.instance.and_then(|i| i.initial_state.as_ref());
    vec![match state {
        Some(word) => scene.span_raw(Role::Dim, word.as_str()),
        None => scene.figure(None),
    }]
}

fn priority(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let one = row.instance.filter(|_| !row.several);
    let priority = one.and_then(|instance| instance.priority);
    vec![scene.figure(priority.map(|priority| priority.to_string()))]
}

fn watched(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    vec![match row.addresses {
        Some(report) => scene.span(Role::Dim, report.via.to_string()),
        None => scene.figure(None),
    }]
}

fn seen(row: &HostRow<'_>, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let Some(age) = row.age else {
        return vec![scene.figure(None)];
    };
    let limit = crate::model::freshness_limit(SourceKind::Vip);
    let role = if age > limit { Role::Warn } else { Role::Dim };
    vec![scene.span(role, format::short_age(age))]
}

/// Every move seen since the console was opened, the latest first.
fn moves(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    if area.height < 2 {
        return;
    }
    let title = vec![paint::title(
        scene,
        "Moves seen in this session",
        Focused::No,
    )];
    let body = paint::section(buf, area, scene, title, Focused::No);
    let mut any = false;
    for (seen, at) in scene.app.changes.moves().zip(paint::lines(body)) {
        any = true;
        let zone = scene.app.setup.zone.clone();
        let wall = seen
            .at
            .wall
            .to_zoned(zone)
            .strftime("%H:%M:%S%.3f")
            .to_string();
        let names = |hosts: &[HostName]| {
            let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
            names.join(" and ")
        };
        let side = |hosts: &[HostName]| match hosts {
            [] => scene.span(Role::Crit, "nobody"),
            [_] => scene.span_raw(Role::Text, names(hosts)),
            _ => scene.span_raw(Role::Crit, names(hosts)),
        };
        let age = format!(
            "{:>width$} ago",
            format::age(scene.at.since(seen.at)),
            width = usize::from(format::AGE_WIDTH)
        );
        paint::left(
            buf,
            at,
            vec![
                Span::raw("  "),
                scene.span(Role::Dim, format!("{wall}  {age}  ")),
                scene.span_raw(Role::Dim, format!("{}  ", seen.address)),
                side(&seen.from),
                Span::raw(" "),
                scene.sign(Role::Dim, Glyph::Arrow),
                Span::raw(" "),
                side(&seen.to),
            ],
        );
    }
    if !any {
        paint::left(
            buf,
            paint::line(body, 0),
            vec![scene.span(Role::Dim, "  none")],
        );
    }
}
