//! The runbooks on one member's app, service and maintenance mode: their plans, what they refuse, a
//! fault at every step, and that the second run sends nothing.

use crate::cluster::{Cluster, Life, node};
use crate::doubles::{Act, Reply, World, act, commands, overtaken, twice};
use rmqtop::action::{Action, StopManner};
use rmqtop::executor::event::RunOutcome;
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::NodeName;
use rmqtop::model::observation::SourceKind;
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use rstest::rstest;
use std::time::Duration;

fn stop(node: NodeName, manner: StopManner) -> Action {
    Action::StopNode { node, manner }
}

/// The runbook called `name`, on member 3.
fn action(name: &str) -> Action {
    let node = node(2);
    match name {
        "stop-app" => Action::StopApp { node },
        "start-app" => Action::StartApp { node },
        "restart-app" => Action::RestartApp { node },
        "stop-node" => stop(node, StopManner::Orderly),
        "start-node" => Action::StartNode { node },
        "restart-node" => Action::RestartNode { node },
        "drain" => Action::Drain { node },
        "revive" => Action::Revive { node },
        other => panic!("{other}"),
    }
}

/// A cluster on which the runbook has something to do.
fn before(name: &str) -> Cluster {
    let mut cluster = Cluster::healthy()
        .with_queue("orders", QueueType::Quorum, &[2, 0, 1])
        .with_queue("invoices", QueueType::Classic, &[2]);
    cluster.connections = vec![5, 0, 37];
    match name {
        "start-app" => cluster.lives[2] = Life::AppStopped,
        "start-node" => cluster.lives[2] = Life::Down,
        "revive" => cluster.draining = vec![2],
        _ => {}
    }
    cluster
}

fn plan(name: &str, cluster: &Cluster) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(&action(name), &cluster.model(now), now)
}

#[rstest]
#[tokio::test]
async fn the_plan_says_what_it_does(
    #[values(
        "stop-app",
        "start-app",
        "stop-node",
        "start-node",
        "restart-node",
        "drain",
        "revive"
    )]
    name: &str,
) {
    let plan = plan(name, &before(name)).unwrap();
    insta::assert_snapshot!(format!("plan_{name}"), export::plan_text(&plan));
}

/// Every other command works; the cluster follows a little later.
#[rstest]
#[tokio::test(start_paused = true)]
async fn all_goes_well_and_the_second_run_sends_nothing(
    #[values("stop-app", "start-app", "stop-node", "start-node", "drain", "revive")] name: &str,
    #[values("3.10.8", "4.0.5", "4.3.6")] version: &str,
) {
    let mut cluster = before(name);
    cluster.version = version.to_owned();
    cluster.khepri = (version == "4.0.5").then_some(false);
    let ran = twice(&action(name), cluster, 1).await;
    assert_eq!(ran.sent.len(), 1);
}

/// A fault at every step: it fails, it does nothing, it is lost before and after its effect, it is
/// not answered in time, or the cluster changes under it.
#[rstest]
#[tokio::test(start_paused = true)]
async fn a_fault_at_the_step(
    #[values("stop-app", "start-app", "stop-node", "start-node", "drain", "revive")] name: &str,
    #[values("fails", "does_nothing", "lost_before", "lost_after", "late", "blind")] fault: &str,
) {
    let mut world = World::new(before(name), [fault_of(fault)]);
    if fault == "blind" {
        world.blind_after = Some(1);
    }
    let ran = act(world, &action(name)).await;
    assert_eq!(ran.journal(), ran.events);
    insta::assert_snapshot!(format!("{name}_{fault}"), ran.story());
}

/// The second of two commands goes wrong: the service is left stopped, and said to be.
#[rstest]
#[tokio::test(start_paused = true)]
async fn a_fault_at_the_second_step(
    #[values("fails", "lost_before", "lost_after", "late")] fault: &str,
) {
    let acts = [Act::works(), fault_of(fault)];
    let ran = act(
        World::new(before("restart-node"), acts),
        &action("restart-node"),
    )
    .await;
    insta::assert_snapshot!(format!("restart-node_second_{fault}"), ran.story());
}

fn fault_of(fault: &str) -> Act {
    match fault {
        "fails" => Act::new(None, Reply::Exit(69)),
        "does_nothing" => Act::new(None, Reply::Exit(0)),
        "lost_before" => Act::new(None, Reply::Lost),
        "lost_after" => Act::lost_after_its_effect(),
        "late" => Act::new(Some(Duration::from_secs(40)), Reply::TimedOut),
        "blind" => Act::works(),
        other => panic!("{other}"),
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn the_cluster_changes_meanwhile(
    #[values("stop-app", "start-app", "stop-node", "start-node", "drain", "revive")] name: &str,
) {
    overtaken(&action(name), before(name)).await;
}

/// Exit 69 of `rabbitmq-upgrade drain` may still mean that it is drained: the cluster decides.
#[tokio::test(start_paused = true)]
async fn a_drain_that_complains_may_have_worked() {
    let complains = Act::new(Some(Duration::ZERO), Reply::Exit(69));
    let ran = act(World::new(before("drain"), [complains]), &action("drain")).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
}

#[rstest]
#[case::start_app_of_a_dead_runtime("start-app", Life::Down)]
#[case::start_node_with_a_stopped_app("start-node", Life::AppStopped)]
#[case::stop_node_of_a_dead_host("stop-node", Life::HostDead)]
#[case::drain_of_a_stopped_app("drain", Life::AppStopped)]
#[case::revive_of_a_stopped_app("revive", Life::AppStopped)]
fn a_state_it_cannot_start_from(#[case] name: &str, #[case] life: Life) {
    let refusal = plan(name, &Cluster::healthy().with_life(2, life)).unwrap_err();
    let words = format!("{}\ninstead: {}", refusal.reason, refusal.instead.unwrap());
    insta::assert_snapshot!(format!("not_from_{name}"), words);
}

/// What takes a member away asks the same questions as a restart.
#[rstest]
fn a_second_member_is_not_taken_away(
    #[values("stop-app", "stop-node", "restart-node", "drain")] name: &str,
) {
    let refusal = plan(name, &before(name).with_life(1, Life::AppStopped)).unwrap_err();
    assert!(
        refusal.reason.contains("orders in vhost /"),
        "{}",
        refusal.reason
    );
    let failed = |id: &str| {
        let mut checks = refusal.preflight.iter();
        checks.any(|check| check.id == id && check.verdict == Verdict::Failed)
    };
    assert!(failed("P5") && failed("P6"));
}

/// Its own API is closed, so that it cannot be asked; all queues are listed, and none needs it.
#[test]
fn a_drained_member_may_be_stopped() {
    let mut cluster = before("stop-node");
    cluster.version = "4.3.6".to_owned();
    cluster.khepri = Some(true);
    cluster.draining = vec![2];
    plan("stop-node", &cluster).unwrap();
    let refusal = plan("stop-node", &cluster.with_life(1, Life::Down)).unwrap_err();
    assert!(refusal.reason.contains("orders"), "{}", refusal.reason);
}

/// Until 3.11.19 the API does not say who is in maintenance mode: the tools are asked, where a member
/// runs and has closed its API. It can be stopped directly, on every release.
#[rstest]
#[case("3.10.8", None)]
#[case("4.0.5", Some(false))]
#[case("4.3.6", Some(true))]
#[tokio::test(start_paused = true)]
async fn a_drained_member_is_stopped_directly(#[case] version: &str, #[case] khepri: Option<bool>) {
    for name in ["stop-app", "stop-node", "restart-node"] {
        let mut cluster = before(name);
        cluster.version = version.to_owned();
        cluster.khepri = khepri;
        cluster.draining = vec![2];
        let known = cluster.model(Moment::ORIGIN);
        let asks = runbook::also_asks(&action(name), &known, Moment::ORIGIN);
        let is_old = version.starts_with("3.10");
        assert_eq!(asks.contains(&SourceKind::NodeStatus), is_old, "{name}");
        let count = commands(&plan(name, &cluster).unwrap());
        let acts = (0..count).map(|_| Act::works());
        let ran = act(World::new(cluster, acts), &action(name)).await;
        assert_eq!(ran.outcome, RunOutcome::Done, "{name}: {}", ran.story());
    }
}

/// One of two load balancers is dead: the other serves, and the brokers can be worked on.
#[test]
fn a_dead_load_balancer_keeps_no_broker_from_being_stopped() {
    let mut cluster = Cluster::of(5).with_life(4, Life::HostDead);
    cluster.balancers = vec![0, 4];
    let checks = plan("stop-app", &cluster).map(|plan| plan.preflight);
    let checks = checks.unwrap_or_else(|refusal| panic!("{refusal}: {:?}", refusal.preflight));
    let p11 = checks.iter().find(|check| check.id == "P11").unwrap();
    assert_eq!(p11.verdict, Verdict::Warning, "{:?}", p11.evidence);
}

/// The only member of a cluster has no other server beside it, and can be restarted all the same.
#[rstest]
#[case(Action::RestartNode { node: node(0) })]
#[case(Action::StopNode { node: node(0), manner: StopManner::Orderly })]
#[case(Action::RestartApp { node: node(0) })]
#[tokio::test(start_paused = true)]
async fn the_only_member_can_be_stopped(#[case] action: Action) {
    let now = Moment::ORIGIN;
    let cluster = Cluster::of(1);
    let plan = runbook::plan(&action, &cluster.model(now), now).unwrap();
    let p11 = plan.preflight.iter().find(|check| check.id == "P11");
    assert_eq!(p11.unwrap().verdict, Verdict::Warning);
    let acts = (0..commands(&plan)).map(|_| Act::works());
    let ran = act(World::new(cluster, acts), &action).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
}

/// The first one to start has nobody to ask for version and store: that is no reason to leave
/// the cluster down.
#[test]
fn the_first_member_may_start() {
    let mut cluster = Cluster::healthy();
    cluster.lives = vec![Life::Down; 3];
    let plan = plan("start-node", &cluster).unwrap();
    insta::assert_snapshot!("plan_start-node_first", export::plan_text(&plan));
}
