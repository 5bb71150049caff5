//! Every state that matters at every size, as text; and the roles of the cells that must be loud.

use super::plans::{asked, plan, refusal, run_events};
use super::scene::{Scene, Vip, addresses, keepalived};
use super::stage::{Stage, cell};
use insta::assert_snapshot;
use ratatui::style::Modifier;
use rmqtop::app::msg::Msg;
use rmqtop::model::Model;
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};
use rmqtop::model::vrrp::Daemon;
use rmqtop::view::glyphs::Charset;
use rmqtop::view::theme::color::Depth;
use rmqtop::view::theme::{Role, Theme};
use std::time::Duration;

const SIZES: [(u16, u16); 4] = [(200, 50), (120, 40), (80, 24), (60, 20)];

fn healthy() -> Scene {
    Scene::healthy("3.10.8")
}

fn app_stopped() -> Scene {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    cluster
}

fn host_dead() -> Scene {
    Scene::holder_dead("3.10.8")
}

fn nobody_holds() -> Scene {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster
}

fn held_twice() -> Scene {
    let mut cluster = healthy();
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    cluster
}

fn nothing_known() -> Scene {
    let mut cluster = healthy();
    cluster.model = Model::new(cluster.model.inventory.clone());
    cluster
}

/// The Overview at every size.
fn everywhere(name: &str, cluster: &Scene) {
    for (width, height) in SIZES {
        let mut stage = Stage::on(cluster);
        assert_snapshot!(
            format!("overview_{name}_{width}x{height}"),
            stage.text(width, height)
        );
    }
}

#[test]
fn the_overview_in_every_state_at_every_size() {
    everywhere("healthy", &healthy());
    everywhere("app_stopped", &app_stopped());
    everywhere("host_dead", &host_dead());
    everywhere("vip_none", &nobody_holds());
    everywhere("vip_split", &held_twice());
    everywhere("unknown", &nothing_known());
}

#[test]
fn the_other_panes_at_every_size() {
    for (key, name) in [("2", "nodes"), ("6", "haproxy"), ("7", "vip")] {
        for (width, height) in SIZES {
            let mut stage = Stage::on(&host_dead());
            stage.press(key);
            assert_snapshot!(
                format!("{name}_{width}x{height}"),
                stage.text(width, height)
            );
        }
    }
}

#[test]
fn every_modal_on_a_small_and_a_usual_screen() {
    for (width, height) in [(120, 40), (80, 24)] {
        let snap = |name: &str, stage: &mut Stage| {
            assert_snapshot!(
                format!("{name}_{width}x{height}"),
                stage.text(width, height)
            );
        };
        let mut stage = Stage::on(&app_stopped());
        stage.press("?");
        snap("help", &mut stage);
        stage.press("esc :");
        stage.types("n");
        snap("palette", &mut stage);
        stage.press("esc 2 shift-g enter");
        snap("detail_node", &mut stage);
        stage.press("a");
        snap("actions", &mut stage);
        let ticket = asked(&stage.press("enter")).ticket;
        snap("surveying", &mut stage);
        let refused = Box::new(Err(refusal()));
        let mut other = stage.clone();
        other.update(Msg::Planned {
            ticket,
            answer: refused,
        });
        snap("refused", &mut other);
        stage.update(Msg::Planned {
            ticket,
            answer: Box::new(Ok(plan())),
        });
        snap("confirm_unarmed", &mut stage);
        stage.passes(Duration::from_secs(1));
        snap("confirm", &mut stage);
        stage.types("rabbit@rabbit-node3");
        stage.press("enter");
        for event in run_events(6) {
            stage.update(Msg::Ran(Box::new(event)));
        }
        snap("run_under_way", &mut stage);
        for event in run_events(12).into_iter().skip(6) {
            stage.update(Msg::Ran(Box::new(event)));
        }
        snap("run_done", &mut stage);
    }
}

#[test]
fn the_action_menu_and_forms_at_every_size() {
    for (width, height) in SIZES {
        let snap = |name: &str, stage: &mut Stage| {
            assert_snapshot!(
                format!("{name}_{width}x{height}"),
                stage.text(width, height)
            );
        };
        let mut stage = Stage::on(&app_stopped());
        stage.press("a");
        snap("actions_cluster", &mut stage);
        stage.types("c");
        snap("actions_typed", &mut stage);
        stage.press("esc esc 2 shift-g a");
        stage.types("rejoin");
        stage.press("enter right");
        snap("form_pick", &mut stage);
        stage.press("esc esc esc a");
        stage.types("rename");
        stage.press("enter ctrl-u");
        stage.types("- west");
        snap("form_text", &mut stage);
        stage.press("esc esc esc a");
        stage.types("rolling");
        stage.press("enter down space");
        snap("form_marks", &mut stage);
        stage.press("esc esc esc :");
        stage.types("f");
        snap("palette_runbooks", &mut stage);
    }
}

#[test]
fn details_of_every_kind_of_thing() {
    let mut stage = Stage::on(&app_stopped());
    let mut seen = Vec::new();
    for _ in 0..12 {
        stage.press("enter");
        seen.push(stage.text(120, 40));
        stage.press("esc j");
    }
    seen.dedup();
    assert_eq!(
        seen.len(),
        10,
        "clients, VIP, two load balancers, six servers"
    );
    assert_snapshot!("detail_vip", seen[1]);
    assert_snapshot!("detail_balancer", seen[2]);
    assert_snapshot!("detail_server", seen[5]);
    stage.press("tab enter");
    assert_snapshot!("detail_finding", stage.text(120, 40));
}

#[test]
fn trouble_is_loud_and_health_is_quiet() {
    let mut stage = Stage::on(&app_stopped());
    let crit = stage.theme.style(Role::Crit);
    let dim = stage.theme.style(Role::Dim);
    let buf = stage.draw(120, 40);
    let cause = cell(&buf, "✖ app stopped");
    assert_eq!(Some(cause.fg), crit.fg);
    assert!(cause.modifier.contains(Modifier::BOLD));
    let consequence = cell(&buf, "╌╌✖ DOWN");
    assert_eq!(Some(consequence.fg), crit.fg);
    assert!(
        !consequence.modifier.contains(Modifier::BOLD),
        "its cause is brighter"
    );
    assert_eq!(Some(cell(&buf, "UP  ").fg), dim.fg);
    assert_eq!(
        Some(cell(&buf, "● running").fg),
        stage.theme.style(Role::Ok).fg
    );
    assert_eq!(Some(cell(&buf, "unning").fg), dim.fg);
    let two = cell(&buf, "2/3");
    assert_eq!(Some(two.fg), crit.fg);
}

#[test]
fn what_is_unknown_never_looks_well() {
    let mut stage = Stage::on(&nothing_known());
    let ok = stage.theme.style(Role::Ok).fg;
    for (width, height) in SIZES {
        for key in ["1", "2", "6", "7", "9"] {
            stage.press(key);
            let buf = stage.draw(width, height);
            let green = buf
                .content
                .iter()
                .filter(|cell| Some(cell.fg) == ok)
                .count();
            assert_eq!(green, 0, "pane {key} at {width}x{height}");
        }
    }
}

#[test]
fn half_an_answer_is_no_clean_bill() {
    let mut cluster = healthy();
    cluster.model.balancers.clear();
    cluster.model.addresses.clear();
    let mut stage = Stage::on(&cluster);
    stage.app.findings.clear();
    let text = stage.text(120, 40);
    assert!(!text.contains("nothing is wrong"), "{text}");
    assert!(text.contains("not everything has answered"), "{text}");
}

#[test]
fn old_answers_are_not_taken_for_what_is_so_now() {
    let mut stage = Stage::on(&healthy());
    stage.passes(Duration::from_secs(60));
    stage.update(Msg::Ticked);
    let text = stage.text(120, 40);
    assert!(text.contains("last answer 1m 2s ago"), "{text}");
    assert!(text.contains("nodes 0/3?"), "{text}");
    let ok = stage.theme.style(Role::Ok).fg;
    let buf = stage.draw(120, 40);
    assert!(buf.content.iter().all(|cell| Some(cell.fg) != ok));
}

#[test]
fn a_page_that_asks_for_a_password_is_no_broken_load_balancer() {
    let mut cluster = Scene::unseen();
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Unauthorized);
    let mut stage = Stage::on(&cluster);
    let buf = stage.draw(120, 40);
    let unknown = stage.theme.style(Role::Unknown).fg;
    assert_eq!(Some(cell(&buf, "not known: unauthorized").fg), unknown);
}

#[test]
fn a_load_balancer_that_may_hold_another_vip_is_no_standby() {
    let mut cluster = healthy();
    let text = Stage::on(&cluster).text(120, 40);
    assert!(text.contains("sessions  standby"), "{text}");
    let second = "192.168.0.201".parse().unwrap();
    cluster.model.inventory.vips.push(second);
    let text = Stage::on(&cluster).text(120, 40);
    assert!(!text.contains("sessions  standby"), "{text}");
}

#[test]
fn a_standby_that_stopped_is_seen_on_the_vip_pane() {
    let mut cluster = healthy();
    cluster.sees(1, Payload::Vrrp(keepalived(1, Daemon::Inactive)));
    let mut stage = Stage::on(&cluster);
    stage.press("7");
    let text = stage.text(120, 40);
    assert!(text.contains("no standby"), "{text}");
    assert!(
        text.contains("keepalived is stopped on rabbit-node2"),
        "{text}"
    );
}

#[test]
fn ascii_means_seven_bits() {
    let mut stage = Stage::on(&app_stopped());
    stage.theme = Theme::embedded("dark", Depth::None, Charset::Ascii).unwrap();
    for keys in [
        "1",
        "2",
        "6",
        "7",
        "?",
        "esc :",
        "esc 2 a",
        "esc enter",
        "esc a r e n a enter",
    ] {
        stage.press(keys);
        let text = stage.text(120, 40);
        let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
        assert!(foreign.is_empty(), "{keys}: {foreign:?}\n{text}");
    }
}

#[test]
fn too_small_a_terminal_is_told_so() {
    let mut stage = Stage::on(&healthy());
    for (width, height) in [(59, 20), (60, 19), (20, 3), (1, 1), (0, 0)] {
        let text = stage.text(width.max(1), height.max(1));
        if width >= 40 {
            assert!(text.contains("rmqtop needs 60 by 20"), "{text}");
        }
    }
}
