//! Any keys in any order: nothing panics, and nothing but a confirmed plan is ever executed.

use super::plans::{kept, plan, refusal, run_events};
use super::scene::Scene;
use super::stage::Stage;
use proptest::prelude::*;
use rmqtop::app::effect::Effect;
use rmqtop::app::msg::{Msg, Ticket};
use rmqtop::app::runbooks::RUNBOOKS;
use rmqtop::executor::record::{Look, Review, RunRecord, Writer};
use std::time::Duration;

const KEYS: [&str; 48] = [
    "1",
    "2",
    "6",
    "7",
    "9",
    "a",
    "d",
    "enter",
    "esc",
    "tab",
    "p",
    "r",
    "j",
    "k",
    "g",
    "shift-g",
    "y",
    "n",
    "up",
    "down",
    "pageup",
    "pagedown",
    "home",
    "end",
    "[",
    "]",
    "?",
    ":",
    "/",
    "!",
    "ctrl-z",
    "ctrl-u",
    "ctrl-w",
    "backspace",
    "left",
    "right",
    "delete",
    "shift-r",
    "space",
    "x",
    "@",
    "o",
    "e",
    "c",
    "f",
    "l",
    "backtab",
    "s",
];

#[derive(Debug, Clone)]
enum Happening {
    Key(usize),
    Type(&'static str),
    Paste,
    Plan(u64),
    Refuse(u64),
    Run(usize),
    Silent,
    Kept(usize, Writer),
    Review(u64),
    Pass(u64),
    Resize(u16, u16),
    Draw,
}

fn writer() -> impl Strategy<Value = Writer> {
    prop_oneof![Just(Writer::Lives), Just(Writer::Gone)]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (0..KEYS.len()).prop_map(Happening::Key),
        2 => Just(Happening::Type("rabbit@rabbit-node3")),
        1 => (0..RUNBOOKS.len()).prop_map(|at| Happening::Type(RUNBOOKS[at].name)),
        1 => Just(Happening::Paste),
        2 => (0u64..4).prop_map(Happening::Plan),
        1 => (0u64..4).prop_map(Happening::Refuse),
        1 => (0usize..12).prop_map(Happening::Run),
        1 => Just(Happening::Silent),
        1 => (1usize..12, writer()).prop_map(|(count, writer)| Happening::Kept(count, writer)),
        1 => (0u64..4).prop_map(Happening::Review),
        2 => (0u64..3000).prop_map(Happening::Pass),
        1 => (0u16..220, 0u16..60).prop_map(|(w, h)| Happening::Resize(w, h)),
        3 => Just(Happening::Draw),
    ]
}

fn play(stage: &mut Stage, happenings: &[Happening]) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut size = (120, 40);
    for happening in happenings {
        effects.extend(match happening {
            Happening::Key(key) => match KEYS[*key] {
                key if key.len() == 1 => stage.types(key),
                key => stage.press(key),
            },
            Happening::Type(text) => stage.types(text),
            Happening::Paste => {
                stage.update(Msg::Paste("rabbit@rabbit-node3\u{1b}[2J\n".to_owned()))
            }
            Happening::Plan(ticket) => stage.update(Msg::Planned {
                ticket: Ticket(*ticket),
                answer: Box::new(Ok(plan())),
            }),
            Happening::Refuse(ticket) => stage.update(Msg::Planned {
                ticket: Ticket(*ticket),
                answer: Box::new(Err(refusal())),
            }),
            Happening::Run(count) => match run_events(*count).pop() {
                Some(event) => stage.update(Msg::Ran(Box::new(event))),
                None => Vec::new(),
            },
            Happening::Silent => stage.update(Msg::RunSilent {
                reason: "gone".to_owned(),
            }),
            Happening::Kept(count, writer) => stage.update(Msg::Kept(Ok(Look {
                kept: vec![kept(&run_events(*count), *writer)],
                older: 0,
            }))),
            Happening::Review(ticket) => stage.update(Msg::Reviewed {
                ticket: Ticket(*ticket),
                answer: Box::new(Ok(Review {
                    record: RunRecord::fold(&run_events(6)).unwrap(),
                    left: vec!["1. stop the RabbitMQ application".to_owned()],
                })),
            }),
            Happening::Pass(ms) => {
                stage.passes(Duration::from_millis(*ms));
                stage.update(Msg::Ticked)
            }
            Happening::Resize(width, height) => {
                size = ((*width).max(1), (*height).max(1));
                Vec::new()
            }
            Happening::Draw => {
                stage.draw(size.0, size.1);
                Vec::new()
            }
        });
    }
    stage.draw(size.0, size.1);
    effects
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn nothing_panics_whatever_is_pressed(happenings in prop::collection::vec(happening(), 1..90)) {
        let mut cluster = Scene::healthy("4.0.5");
        cluster.app_stopped(2);
        play(&mut Stage::on(&cluster), &happenings);
    }

    #[test]
    fn in_monitor_mode_nothing_is_surveyed_or_run(happenings in prop::collection::vec(happening(), 1..90)) {
        let mut stage = Stage::watching(&Scene::healthy("4.0.5"));
        for effect in play(&mut stage, &happenings) {
            prop_assert!(effect.is_harmless(), "{effect:?}");
        }
    }
}

#[test]
fn in_monitor_mode_no_runbook_leads_to_a_change() {
    for spec in RUNBOOKS {
        for open in ["a", ":"] {
            let mut stage = Stage::watching(&Scene::healthy("3.10.8"));
            stage.press("2 shift-g");
            stage.types(open);
            let mut effects = stage.types(spec.name);
            effects.extend(stage.press("enter enter down enter"));
            assert!(effects.is_empty(), "{open}{}: {effects:?}", spec.name);
        }
    }
}

#[test]
fn in_monitor_mode_no_command_leads_to_a_change() {
    use rmqtop::app::command::COMMANDS;
    for spec in COMMANDS {
        for then in COMMANDS {
            let mut stage = Stage::watching(&Scene::healthy("3.10.8"));
            stage.press("2");
            for chord in [spec.chords[0], then.chords[0], "enter", "enter"] {
                for effect in stage.press(chord) {
                    assert!(
                        effect.is_harmless(),
                        "{} then {}: {effect:?}",
                        spec.name,
                        then.name
                    );
                }
            }
        }
    }
}
