//! Members that cannot boot, or hang: one that was forgotten comes back, one has another cookie, one
//! answers nothing. What is sent, in which order, with a fault at every command, and what is refused.

use crate::cluster::{Cluster, Life, node};
use crate::doubles::{Act, World, act, commands, faulted, overtaken, twice};
use rmqtop::action::{Action, StopManner, Tier};
use rmqtop::executor::event::RunOutcome;
use rmqtop::model::broker::NodeType;
use rmqtop::model::moment::Moment;
use rmqtop::runbook;
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use rstest::rstest;

fn rejoin() -> Action {
    Action::Rejoin {
        node: node(2),
        to: None,
    }
}

fn align() -> Action {
    Action::CookieAlign {
        nodes: vec![node(2)],
    }
}

fn kill() -> Action {
    Action::StopNode {
        node: node(2),
        manner: StopManner::Kill,
    }
}

fn stop() -> Action {
    Action::StopNode {
        node: node(2),
        manner: StopManner::Orderly,
    }
}

/// It died, was forgotten, and its host came back.
fn forgotten(life: Life) -> Cluster {
    let mut cluster = Cluster::healthy().with_life(2, life);
    cluster.strangers = vec![2];
    cluster.stale = vec![2];
    cluster
}

/// It left, and runs as a cluster of its own.
fn blank() -> Cluster {
    let mut cluster = Cluster::healthy();
    cluster.strangers = vec![2];
    cluster
}

/// A member whose service ends again and again.
fn broken() -> Cluster {
    Cluster::healthy().with_life(2, Life::Restarting)
}

fn with_another_cookie() -> Cluster {
    let mut cluster = broken();
    cluster.odd_cookies = vec![2];
    cluster
}

fn planned(action: &Action, cluster: &Cluster) -> Result<Plan, Refusal> {
    runbook::plan(action, &cluster.model(Moment::ORIGIN), Moment::ORIGIN)
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[rstest]
#[case::between_two_lives(Life::Restarting)]
#[case::waiting(Life::Starting)]
#[case::given_up(Life::Down)]
#[case::cut_off_and_back(Life::Running)]
fn a_forgotten_member_is_stopped_begins_blank_and_joins(#[case] life: Life) {
    let plan = planned(&rejoin(), &forgotten(life)).unwrap();
    // HAProxy sends nobody to a node that is blank.
    let mut expected = vec!["lb-out-rabbit-node1", "lb-out-rabbit-node2"];
    if life != Life::Down {
        expected.push("stop-node");
    }
    expected.extend(["set-aside", "start-node", "stop-app", "join", "start-app"]);
    expected.extend([
        "virtual-hosts",
        "lb-back-rabbit-node1",
        "lb-back-rabbit-node2",
    ]);
    assert_eq!(ids(&plan), expected);
    assert!(
        plan.blast_radius.iter().any(
            |line| line.contains("mnesia.bak-") && line.contains("nobody removes that but you")
        ),
        "{:?}",
        plan.blast_radius
    );
}

/// It comes to life, or joins, between two steps: what is not outside any more is left alone.
#[rstest]
#[case::boots(rejoin(), broken(), 2, |cluster: &mut Cluster| cluster.lives[2] = Life::Running)]
#[case::joins(rejoin(), forgotten(Life::Restarting), 2, back)]
#[case::joins_blank(rejoin(), forgotten(Life::Restarting), 5, back)]
#[case::wiped(Action::Wipe { node: node(2) }, forgotten(Life::Restarting), 2, back)]
#[tokio::test(start_paused = true)]
async fn whoever_serves_again_is_not_stopped(
    #[case] action: Action,
    #[case] before: Cluster,
    #[case] after: usize,
    #[case] happens: fn(&mut Cluster),
) {
    let mut world = World::new(before, vec![Act::works(); after]);
    world.lose_after = Some((after, happens));
    let ran = act(world, &action).await;
    assert_eq!(ran.sent.len(), after, "{}", ran.story());
    assert_eq!(ran.cluster.lives[2], Life::Running, "{}", ran.story());
    assert!(!ran.cluster.strangers.contains(&2));
    assert!(matches!(ran.outcome, RunOutcome::Failed { .. }));
}

/// Someone made a member of it.
fn back(cluster: &mut Cluster) {
    cluster.lives[2] = Life::Running;
    cluster.strangers.clear();
    cluster.stale.clear();
}

/// From 4.1 on `join_cluster` stops the app itself.
#[test]
fn on_a_newer_release_its_app_is_not_stopped_before() {
    let mut cluster = forgotten(Life::Restarting);
    cluster.version = "4.3.6".to_owned();
    let plan = planned(&rejoin(), &cluster).unwrap();
    assert!(!ids(&plan).contains(&"stop-app"), "{:?}", ids(&plan));
}

/// What the cluster still believes of it is taken back while its service cannot start it again.
#[test]
fn a_member_that_is_still_listed_is_forgotten_between_stop_and_start() {
    let plan = planned(&rejoin(), &broken()).unwrap();
    let order = ids(&plan);
    let at = |id: &str| order.iter().position(|step| *step == id).unwrap();
    assert!(at("stop-node") < at("forget"), "{order:?}");
    assert!(at("forget") < at("set-aside"), "{order:?}");
    assert!(at("set-aside") < at("start-node"), "{order:?}");
    assert!(at("start-node") < at("join"), "{order:?}");
}

#[rstest]
#[case::rejoin_forgotten(rejoin(), forgotten(Life::Restarting))]
#[case::rejoin_waiting(rejoin(), forgotten(Life::Starting))]
#[case::rejoin_listed(rejoin(), broken())]
#[case::rejoin_alive(rejoin(), forgotten(Life::Running))]
#[case::wipe_alive(Action::Wipe { node: node(2) }, forgotten(Life::Running))]
#[case::cookie(align(), with_another_cookie())]
#[case::kill(kill(), Cluster::healthy().with_life(2, Life::Hung))]
#[tokio::test(start_paused = true)]
async fn all_goes_well_a_fault_at_every_command_and_a_cluster_that_changes(
    #[case] action: Action,
    #[case] before: Cluster,
) {
    let count = commands(&planned(&action, &before).unwrap());
    let ran = twice(&action, before.clone(), count).await;
    assert_eq!(ran.sent.len(), count, "{}", ran.story());
    faulted(&action, &before, (count, 70)).await;
    overtaken(&action, before).await;
}

fn refused(action: &Action, cluster: &Cluster) -> String {
    planned(action, cluster).unwrap_err().instead.unwrap()
}

#[test]
fn a_wrong_cookie_is_no_reason_to_wipe_a_member() {
    assert_eq!(
        refused(&rejoin(), &with_another_cookie()),
        "align it: cookie-align rabbit@rabbit-node3"
    );
}

#[test]
fn start_node_says_what_answers_a_member_that_cannot_boot() {
    let start = Action::StartNode { node: node(2) };
    assert_eq!(
        refused(&start, &forgotten(Life::Restarting)),
        "rejoin rabbit@rabbit-node3"
    );
    assert_eq!(
        refused(&start, &with_another_cookie()),
        "cookie-align rabbit@rabbit-node3"
    );
}

/// It was cut off, forgotten, and never died: neither command would find the cluster it looks for.
#[test]
fn a_node_that_does_not_know_that_it_was_forgotten_neither_joins_nor_leaves() {
    let alive = forgotten(Life::Running);
    let join = Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    };
    let leave = Action::Leave { node: node(2) };
    for action in [join, leave] {
        let instead = refused(&action, &alive);
        assert!(
            instead.starts_with("rejoin rabbit@rabbit-node3"),
            "{instead}"
        );
    }
}

/// A member that boots waits for its peers, and is no stranger for that.
#[test]
fn a_member_that_boots_is_not_wiped() {
    let booting = Cluster::healthy().with_life(2, Life::Starting);
    assert!(planned(&rejoin(), &booting).is_err());
}

#[test]
fn what_hangs_is_not_asked_to_end_and_what_runs_is_not_killed() {
    let hung = Cluster::healthy().with_life(2, Life::Hung);
    let node = node(2);
    let restart = Action::RestartNode { node: node.clone() };
    for action in [stop(), restart] {
        assert_eq!(
            refused(&action, &hung),
            format!("end its process: stop-node {node} --kill")
        );
    }
    assert_eq!(
        refused(&kill(), &Cluster::healthy()),
        format!("stop-node {node}, without --kill")
    );
    assert_eq!(
        (kill().tier(), stop().tier()),
        (Tier::Destroy, Tier::Disrupt)
    );
}

/// It cannot be asked, so that its answers are advice: what forbids an orderly stop forbids no kill.
#[test]
fn a_plan_to_kill_warns_of_what_it_cannot_ask() {
    let mut cluster = Cluster::healthy().with_life(2, Life::Hung);
    cluster.maint = vec![0, 1];
    let plan = planned(&kill(), &cluster).unwrap();
    let p11 = plan
        .preflight
        .iter()
        .find(|check| check.id == "P11")
        .unwrap();
    assert_eq!(p11.verdict, Verdict::Warning, "{:?}", p11.evidence);
    let command = plan.steps[0].change.as_ref().unwrap().argv().to_string();
    assert!(
        command.contains("systemctl kill --signal=SIGKILL"),
        "{command}"
    );
}

#[rstest]
#[case::kill(kill())]
#[case::stop(stop())]
fn a_journal_keeps_how_a_node_was_stopped(#[case] action: Action) {
    let written = serde_json::to_string(&action).unwrap();
    assert_eq!(serde_json::from_str::<Action>(&written).unwrap(), action);
    // As releases before wrote it.
    let older = r#"{"runbook":"stop-node","node":"rabbit@rabbit-node3"}"#;
    assert_eq!(serde_json::from_str::<Action>(older).unwrap(), stop());
}

/// A blank node beside the cluster: its API knows other users, and its host tells how it is.
#[rstest]
#[case::stopped(stop())]
#[case::restarted(Action::RestartNode { node: node(2) })]
#[tokio::test(start_paused = true)]
async fn a_node_that_is_no_member_is_stopped(#[case] action: Action) {
    let before = blank();
    let count = commands(&planned(&action, &before).unwrap());
    let ran = act(World::new(before, vec![Act::works(); count]), &action).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
}
