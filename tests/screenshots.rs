//! Draws the console in the states that matter, dark and light, as pictures under `screenshots/`.
//! A picture that differs from the one in the repository is a failure: look at both, then bless
//! the new one with `RMQTOP_BLESS=1`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(dead_code, reason = "not every test uses all of what tests share")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/plans.rs"]
mod plans;
#[path = "support/scene.rs"]
mod scene;
#[path = "support/stage.rs"]
mod stage;

use anstyle_svg::Term;
use plans::{kept, plan, refusal, run_events};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use rmqtop::app::msg::Msg;
use rmqtop::executor::event::{RunEventKind, RunOutcome};
use rmqtop::executor::record::{Look, Writer};
use rmqtop::model::observation::Payload;
use rmqtop::model::vrrp::Daemon;
use rmqtop::view::glyphs::Charset;
use rmqtop::view::theme::Theme;
use rmqtop::view::theme::color::Depth;
use scene::{Scene, Vip, addresses, keepalived};
use stage::Stage;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// A buffer as the bytes a terminal would be sent.
fn ansi(buf: &Buffer) -> String {
    let mut out = String::new();
    for row in buf.content.chunks(usize::from(buf.area.width)) {
        let mut last: Option<Style> = None;
        for cell in row {
            let style = cell.style();
            if last != Some(style) {
                out.push_str("\u{1b}[0m");
                out.push_str(&codes(style));
                last = Some(style);
            }
            out.push_str(cell.symbol());
        }
        out.push_str("\u{1b}[0m\n");
    }
    out
}

fn codes(style: Style) -> String {
    let mut out = String::new();
    let mut color = |base: u8, color: Option<Color>| {
        if let Some(Color::Rgb(r, g, b)) = color {
            write!(out, "\u{1b}[{base};2;{r};{g};{b}m").unwrap();
        }
    };
    let (mut fg, mut bg) = (style.fg, style.bg);
    if style.add_modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fg, &mut bg);
    }
    color(38, fg);
    color(48, bg);
    for (modifier, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
    ] {
        if style.add_modifier.contains(modifier) {
            write!(out, "\u{1b}[{code}m").unwrap();
        }
    }
    out
}

fn svg(buf: &Buffer, theme: &Theme) -> String {
    let ink = theme.ground().fg.unwrap();
    let (fg, bg) = (anstyle_color(ink), anstyle_color(theme.background()));
    Term::new()
        .fg_color(fg)
        .bg_color(bg)
        .min_width_px(usize::from(buf.area.width) * 8)
        .render_svg(&ansi(buf))
}

fn anstyle_color(color: Color) -> anstyle::Color {
    let Color::Rgb(r, g, b) = color else {
        panic!("themes name their colours in full: {color}");
    };
    anstyle::RgbColor(r, g, b).into()
}

/// Compares with what is kept, or keeps it.
fn shot(stage: &mut Stage, name: &str, (width, height): (u16, u16)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots");
    let mut faults = Vec::new();
    for theme in ["dark", "light"] {
        stage.theme = Theme::embedded(theme, Depth::TrueColor, Charset::Unicode).unwrap();
        let buf = stage.draw(width, height);
        let svg = svg(&buf, &stage.theme);
        let path = folder.join(format!("{name}-{theme}.svg"));
        if std::env::var_os("RMQTOP_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, svg).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_ref() != Some(&svg) {
            faults.push(path.file_name().unwrap().to_owned());
        }
    }
    assert!(
        faults.is_empty(),
        "{faults:?} differ from the screen; RMQTOP_BLESS=1 keeps the new ones"
    );
}

#[test]
fn overview_healthy() {
    let mut stage = Stage::on(&Scene::healthy("3.10.8"));
    shot(&mut stage, "overview-healthy", (120, 40));
}

#[test]
fn overview_app_stopped() {
    let mut stage = Stage::on(&Scene::healthy("3.10.8"));
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(2);
    stage.shows(&cluster);
    stage.passes(Duration::from_secs(4)).update(Msg::Ticked);
    stage.press("tab");
    shot(&mut stage, "overview-app-stopped", (120, 40));
    shot(&mut stage, "overview-app-stopped-wide", (200, 50));
    shot(&mut stage, "overview-app-stopped-80", (80, 24));
    shot(&mut stage, "overview-app-stopped-60", (60, 20));
}

#[test]
fn overview_host_dead() {
    let mut stage = Stage::on(&Scene::holder_dead("4.0.5"));
    shot(&mut stage, "overview-host-dead", (120, 40));
}

#[test]
fn overview_unknown() {
    let cluster = Scene::healthy("4.0.5");
    let mut empty = cluster.clone();
    empty.model = rmqtop::model::Model::new(cluster.model.inventory.clone());
    let mut stage = Stage::on(&empty);
    shot(&mut stage, "overview-start", (120, 40));
}

#[test]
fn nodes() {
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    stage.press("2 j");
    shot(&mut stage, "nodes", (120, 40));
}

#[test]
fn haproxy() {
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    stage.press("6 shift-g");
    shot(&mut stage, "haproxy", (120, 40));
    shot(&mut stage, "haproxy-80", (80, 24));
}

#[test]
fn vip() {
    let mut stage = Stage::on(&Scene::healthy("4.3.0"));
    let mut cluster = Scene::healthy("4.3.0");
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    cluster.sees(0, Payload::Vrrp(keepalived(0, Daemon::Inactive)));
    stage.shows(&cluster);
    stage.passes(Duration::from_secs(4)).update(Msg::Ticked);
    stage.press("7");
    shot(&mut stage, "vip", (120, 40));
}

#[test]
fn action_menu_confirm_run() {
    let mut cluster = Scene::healthy("3.10.8");
    let mut stage = Stage::on(&cluster);
    stage.press("2 shift-g a");
    shot(&mut stage, "actions", (120, 40));
    let effects = stage.press("enter");
    let plans::Asked { ticket } = plans::asked(&effects);
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Ok(plan())),
    });
    stage.passes(Duration::from_secs(1));
    stage.types("rabbit@rabbit-no");
    shot(&mut stage, "confirm", (120, 40));
    shot(&mut stage, "confirm-80", (80, 24));
    stage.types("de3");
    stage.press("enter");
    cluster.app_stopped(2);
    stage.shows(&cluster);
    for event in run_events(6) {
        stage.update(Msg::Ran(Box::new(event)));
    }
    shot(&mut stage, "run", (120, 40));
}

#[test]
fn refused() {
    let mut stage = Stage::on(&Scene::healthy("4.3.0"));
    let effects = stage.press("2 shift-g a enter");
    let plans::Asked { ticket } = plans::asked(&effects);
    stage.update(Msg::Planned {
        ticket,
        answer: Box::new(Err(refusal())),
    });
    shot(&mut stage, "refused", (120, 40));
}

#[test]
fn read_only_and_help_and_detail() {
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(2);
    let mut stage = Stage::watching(&cluster);
    stage.press("2 shift-g a");
    shot(&mut stage, "actions-read-only", (120, 40));
    stage.press("esc ?");
    shot(&mut stage, "help", (120, 40));
    stage.press("esc enter");
    shot(&mut stage, "detail-node", (120, 40));
    stage.press("esc");
    stage.types(":");
    stage.types("v");
    shot(&mut stage, "palette", (120, 40));
}

#[test]
fn action_menu_of_the_cluster_and_forms() {
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(2);
    let mut stage = Stage::on(&cluster);
    stage.press("a");
    shot(&mut stage, "actions-cluster-80", (80, 24));
    stage.press("esc 2 shift-g a");
    stage.types("f");
    shot(&mut stage, "actions-typed", (120, 40));
    stage.press("esc esc a");
    stage.types("rolling");
    stage.press("enter down space");
    shot(&mut stage, "form-marks", (120, 40));
    stage.press("esc esc esc a");
    stage.types("rename");
    stage.press("enter ctrl-u");
    stage.types("-prod west");
    shot(&mut stage, "form-text-80", (80, 24));
}

#[test]
fn runs() {
    let mut stage = Stage::on(&Scene::healthy("3.10.8"));
    let dated = |id: &str, count: usize| {
        let mut events = run_events(count);
        for event in &mut events {
            event.run.0 = id.to_owned();
        }
        events
    };
    let mut failed = dated("20261121-093000-0b52", 7);
    failed[6].what = RunEventKind::Ended {
        outcome: RunOutcome::Failed {
            reason: "stop-app: rabbit-node1 still sees rabbit@rabbit-node3 running; not known to be done: stop-app (`rabbitmqctl -n rabbit@rabbit-node3 stop_app` on rabbit-node3)".to_owned(),
        },
    };
    let look = Look {
        kept: vec![
            kept(&dated("20261120-070000-91c0", 12), Writer::Gone),
            kept(&failed, Writer::Gone),
            kept(&dated("20261122-110000-2d17", 6), Writer::Gone),
            kept(&dated("20261122-140225-7f3a", 6), Writer::Lives),
        ],
        older: 0,
    };
    stage.update(Msg::Kept(Ok(look)));
    stage.press("9 j j");
    shot(&mut stage, "runs", (120, 40));
    shot(&mut stage, "runs-80", (80, 24));
}
