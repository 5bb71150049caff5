//! The runbooks that touch a host's disc, `wipe` and `cookie-align`, and the checks of names and
//! cookies before a join: their plans, refusals, a fault at every step, and that the second run
//! sends nothing. No cookie is ever told.

use crate::cluster::{Cluster, Life, host, node};
use crate::doubles::{World, act, commands, faulted, overtaken, twice};
use rmqtop::action::Action;
use rmqtop::model::Model;
use rmqtop::model::broker::NodeType;
use rmqtop::model::data::{DataReport, DataState};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::DataPath;
use rmqtop::model::observation::{Payload, SourceKind};
use rmqtop::model::text::Shown;
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use rstest::rstest;

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

#[test]
fn the_plans_say_what_they_do() {
    for name in ALL {
        insta::assert_snapshot!(format!("plan_{name}"), export::plan_text(&plan(name)));
    }
}

#[tokio::test(start_paused = true)]
async fn all_goes_well_and_the_second_run_sends_nothing() {
    for name in ALL {
        let count = commands(&plan(name));
        let ran = twice(&action(name), before(name), count).await;
        assert_eq!(ran.sent.len(), count, "{name}: {}", ran.story());
        insta::assert_snapshot!(format!("disc_goes_well_{name}"), timeless(&ran.story()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_every_step() {
    for name in ALL {
        let count = commands(&plan(name));
        let story = faulted(&action(name), &before(name), (count, 70)).await;
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

#[tokio::test(start_paused = true)]
async fn the_cluster_changes_meanwhile() {
    for name in ALL {
        overtaken(&action(name), before(name)).await;
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
    model.apply(seen.clone());
    // Where the runtimes reach each other, what getent shows is no obstacle.
    let plan = runbook::plan(&join(), &model, Moment::ORIGIN).unwrap();
    let names = plan.preflight.iter().find(|check| check.id == "P14");
    assert_eq!(names.unwrap().verdict, Verdict::Warning);

    cluster.lives[2] = Life::AppStopped;
    let mut model = cluster.model(Moment::ORIGIN);
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

/// A volume that is not mounted: under the name of a member a blank node would start.
#[test]
fn a_member_without_its_data_is_not_started() {
    let mut cluster = Cluster::healthy().with_life(2, Life::Down);
    cluster.wiped = vec![2];
    let action = Action::StartNode { node: node(2) };
    let model = cluster.model(Moment::ORIGIN);
    insta::assert_snapshot!("start_without_data", refused(&action, &model));
    let restart = Action::RestartNode { node: node(2) };
    assert!(runbook::plan(&restart, &model, Moment::ORIGIN).is_err());

    let start = Action::StartCluster;
    let plan = runbook::plan(&start, &model, Moment::ORIGIN).unwrap();
    assert!(plan.steps.iter().all(|step| step.host != host(2)));
    assert_eq!(
        plan.blast_radius,
        [
            "rabbit@rabbit-node3 stays away, for its data directory is gone, so that it would start blank: what only it holds is not available"
        ]
    );

    // Who is no member has nothing to lose.
    cluster.strangers = vec![2];
    let model = cluster.model(Moment::ORIGIN);
    let action = Action::StartNode { node: node(2) };
    assert!(runbook::plan(&action, &model, Moment::ORIGIN).is_ok());

    // One that was forgotten dies of what it has, again and again.
    cluster.wiped.clear();
    let model = cluster.model(Moment::ORIGIN);
    let refusal = runbook::plan(&action, &model, Moment::ORIGIN).unwrap_err();
    let instead = refusal.instead.unwrap();
    assert!(
        instead.starts_with("rejoin rabbit@rabbit-node3"),
        "{instead}"
    );
}
