//! The runbooks that touch a host's disc, `wipe` and `cookie-align`, and the checks of names and
//! cookies before a join: their plans, refusals, a fault at every step, and that the second run
//! sends nothing. No cookie is ever told.

use crate::cluster::{Cluster, Life, node};
use crate::doubles::{Act, Reply, World, act};
use rmqtop::action::Action;
use rmqtop::executor::event::{RunOutcome, StepOutcome};
use rmqtop::model::Model;
use rmqtop::model::broker::NodeType;
use rmqtop::model::data::{DataReport, DataState};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::DataPath;
use rmqtop::model::observation::{Payload, SourceKind};
use rmqtop::model::text::Shown;
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Refusal};
use rstest::rstest;
use std::fmt::Write as _;
use std::time::Duration;

/// Each runbook by a name that also says from where it starts; on member 3.
const ALL: [&str; 5] = [
    "wipe",
    "wipe-stopped",
    "wipe-empty",
    "cookie-align",
    "cookie-align-stopped",
];

fn action(name: &str) -> Action {
    match name {
        "wipe" | "wipe-stopped" | "wipe-empty" => Action::Wipe { node: node(2) },
        "cookie-align" => Action::CookieAlign { nodes: Vec::new() },
        "cookie-align-stopped" => Action::CookieAlign {
            nodes: vec![node(2)],
        },
        other => panic!("{other}"),
    }
}

/// A cluster of two, and a third node on which the runbook has something to do.
fn before(name: &str) -> Cluster {
    let mut cluster = Cluster::healthy();
    cluster.strangers = vec![2];
    match name {
        "wipe" => cluster.laden = vec![2],
        // As a member that was kicked out.
        "wipe-stopped" => cluster.lives[2] = Life::AppStopped,
        "wipe-empty" => {
            cluster.lives[2] = Life::Down;
            cluster.aside = vec![(2, "/var/lib/rabbitmq/mnesia.bak-20260101-000000".to_owned())];
        }
        "cookie-align" => cluster.odd_cookies = vec![2],
        "cookie-align-stopped" => {
            cluster.odd_cookies = vec![2];
            cluster.lives[2] = Life::Down;
        }
        other => panic!("{other}"),
    }
    cluster
}

fn planned(action: &Action, model: &Model) -> Result<Plan, Refusal> {
    runbook::plan(action, model, Moment::ORIGIN)
}

fn plan(name: &str) -> Plan {
    let model = before(name).model(Moment::ORIGIN);
    planned(&action(name), &model).unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
}

/// The story without the moment in the name of what was moved aside.
fn timeless(story: &str) -> String {
    let mut parts = story.split(".bak-");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(".bak-STAMP");
        text.extend(part.chars().skip("19700101-000000".len()));
    }
    text
}

fn commands(plan: &Plan) -> usize {
    let acts = plan.steps.iter().filter(|step| step.change.is_some());
    acts.count()
}

#[test]
fn the_plans_say_what_they_do() {
    for name in ALL {
        insta::assert_snapshot!(format!("plan_{name}"), export::plan_text(&plan(name)));
    }
}

#[tokio::test(start_paused = true)]
async fn all_goes_well_and_the_second_run_sends_nothing() {
    for name in ALL {
        let soon = || Act::new(Some(Duration::from_secs(4)), Reply::Exit(0));
        let count = commands(&plan(name));
        let world = World::new(before(name), (0..count).map(|_| soon()));
        let ran = act(world, &action(name)).await;
        assert_eq!(ran.outcome, RunOutcome::Done, "{name}: {}", ran.story());
        assert_eq!(ran.sent.len(), count, "{name}: {}", ran.story());
        insta::assert_snapshot!(format!("disc_goes_well_{name}"), timeless(&ran.story()));

        let again = act(World::new(ran.cluster, []), &action(name)).await;
        assert_eq!(again.outcome, RunOutcome::Done, "{name}: {}", again.story());
        let so = |step: &StepOutcome| matches!(step, StepOutcome::AlreadySo { .. });
        let record = again.record();
        assert!(
            record
                .steps
                .iter()
                .all(|step| step.outcome().is_some_and(so)),
            "{name}: {}",
            again.story()
        );
    }
}

/// The n-th command goes wrong, those before it work.
#[tokio::test(start_paused = true)]
async fn a_fault_at_every_step() {
    let late = Some(Duration::from_secs(4));
    let faults = [
        ("fails", Act::new(None, Reply::Exit(70))),
        ("lost_before", Act::new(None, Reply::Lost)),
        ("lost_after", Act::new(late, Reply::Lost)),
        ("times_out", Act::new(None, Reply::TimedOut)),
    ];
    for name in ALL {
        let count = commands(&plan(name));
        let mut story = String::new();
        for at in 0..count {
            for (fault, bad) in faults {
                let acts = (0..count).map(|n| if n == at { bad } else { Act::works() });
                let ran = act(World::new(before(name), acts), &action(name)).await;
                let through = fault == "lost_after";
                assert_eq!(
                    ran.outcome == RunOutcome::Done,
                    through,
                    "{name}: {}",
                    ran.story()
                );
                writeln!(story, "## command {} {fault}\n{}", at + 1, ran.story()).unwrap();
            }
            let mut world = World::new(before(name), (0..count).map(|_| Act::works()));
            world.blind_after = Some(at + 1);
            let ran = act(world, &action(name)).await;
            assert!(
                matches!(ran.outcome, RunOutcome::Unknown { .. }),
                "{}",
                ran.story()
            );
            assert_eq!(ran.sent.len(), at + 1, "{name}: {}", ran.story());
        }
        insta::assert_snapshot!(format!("disc_faults_{name}"), timeless(&story));
    }
}

/// What one host prints instead of a key is not told, and nothing of the change is sent.
#[tokio::test(start_paused = true)]
async fn a_cookie_that_cannot_be_sealed_stays_where_it_is() {
    let name = "cookie-align-stopped";
    let mut world = World::new(before(name), []);
    world.seals_nothing = Some("sh: 1: openssl: not found");
    let ran = act(world, &action(name)).await;
    assert!(ran.sent.is_empty());
    insta::assert_snapshot!("cookie_not_sealed", ran.story());
}

/// Another member is lost between the plan and the first act.
#[tokio::test(start_paused = true)]
async fn the_cluster_changes_meanwhile() {
    for name in ALL {
        let mut world = World::new(before(name), []);
        world
            .meanwhile
            .insert(1, |cluster| cluster.lives[1] = Life::Down);
        let ran = act(world, &action(name)).await;
        assert!(
            matches!(ran.outcome, RunOutcome::Refused { .. }),
            "{name}: {}",
            ran.story()
        );
        assert!(ran.sent.is_empty());
    }
}

fn refused(action: &Action, model: &Model) -> String {
    let refusal = planned(action, model).unwrap_err();
    let instead = refusal.instead.unwrap_or_default();
    format!("{}\ninstead: {instead}", refusal.reason)
}

#[test]
fn a_member_is_not_wiped() {
    let mut cluster = Cluster::healthy();
    let wipe = Action::Wipe { node: node(2) };
    insta::assert_snapshot!(
        "wipe_member",
        refused(&wipe, &cluster.model(Moment::ORIGIN))
    );
    cluster.lives[2] = Life::Down;
    insta::assert_snapshot!(
        "wipe_member_down",
        refused(&wipe, &cluster.model(Moment::ORIGIN))
    );
    cluster.strangers = vec![2];
    cluster.lives[2] = Life::HostDead;
    insta::assert_snapshot!(
        "wipe_unseen",
        refused(&wipe, &cluster.model(Moment::ORIGIN))
    );
}

#[rstest]
#[case::link(DataState::Link, "rabbit@rabbit-node3")]
#[case::mount(DataState::Mount, "rabbit@rabbit-node3")]
#[case::shared(DataState::Directory, "other@rabbit-node3")]
fn data_that_is_not_plainly_its_own_is_not_moved(#[case] state: DataState, #[case] holds: &str) {
    let mut cluster = before("wipe-stopped");
    cluster.mute.push((SourceKind::Data, 2));
    let mut model = cluster.model(Moment::ORIGIN);
    let wipe = Action::Wipe { node: node(2) };
    insta::assert_snapshot!("wipe_data_unseen", refused(&wipe, &model));
    let report = DataReport {
        dir: DataPath::parse("/srv/mq/mnesia").unwrap(),
        by: Shown::new("MNESIA_BASE in /etc/rabbitmq/rabbitmq-env.conf"),
        state,
        holds: vec![Shown::new(holds)],
        runtimes: 1,
        aside: Vec::new(),
    };
    let mut seen = cluster.look(&[SourceKind::Data], Moment::ORIGIN);
    seen.retain(|seen| seen.source.host.as_str() == "rabbit-node3");
    let mut seen = seen.pop().unwrap();
    seen.outcome = Ok(Payload::Data(report));
    model.apply(seen);
    insta::assert_snapshot!(format!("wipe_{state:?}"), refused(&wipe, &model));
}

#[test]
fn a_running_member_keeps_its_cookie() {
    let mut cluster = Cluster::healthy();
    cluster.odd_cookies = vec![2];
    let align = Action::CookieAlign { nodes: Vec::new() };
    insta::assert_snapshot!(
        "cookie_of_member",
        refused(&align, &cluster.model(Moment::ORIGIN))
    );
    let first = Action::CookieAlign {
        nodes: vec![node(0)],
    };
    insta::assert_snapshot!(
        "cookie_of_source",
        refused(&first, &cluster.model(Moment::ORIGIN))
    );
}

fn join() -> Action {
    Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    }
}

#[test]
fn what_keeps_a_node_from_joining_is_named() {
    let mut cluster = Cluster::healthy();
    cluster.strangers = vec![2];
    cluster.odd_cookies = vec![2];
    insta::assert_snapshot!(
        "join_cookie",
        refused(&join(), &cluster.model(Moment::ORIGIN))
    );

    cluster.odd_cookies = Vec::new();
    cluster.mute.push((SourceKind::Names, 2));
    let mut model = cluster.model(Moment::ORIGIN);
    let mut seen = cluster.look(&[SourceKind::Names], Moment::ORIGIN);
    let mut seen = seen.pop().unwrap();
    seen.outcome = Ok(Payload::Names(rmqtop::model::host::NameReport::default()));
    model.apply(seen);
    insta::assert_snapshot!("join_names", refused(&join(), &model));
}

#[test]
fn a_cluster_without_any_api_says_what_is_missing() {
    let mut cluster = Cluster::healthy();
    cluster.lives = vec![Life::AppStopped; 3];
    insta::assert_snapshot!(
        "join_nobody",
        refused(&join(), &cluster.model(Moment::ORIGIN))
    );
}

#[test]
fn a_disc_member_does_not_join_as_ram() {
    let action = Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Ram,
    };
    let model = Cluster::healthy().model(Moment::ORIGIN);
    insta::assert_snapshot!("join_ram_of_disc", refused(&action, &model));
}
