//! Runbooks run to the end on the embedded cluster through the real executor, and a second run finds
//! that all is so already and sends nothing.

use crate::{begin, look, roots};
use rmqtop::action::Action;
use rmqtop::cli::demo::Demo;
use rmqtop::executor::control::RunHandle;
use rmqtop::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome};
use rmqtop::guard::{Confirmation, Execute, Mode, needs, permit};
use rmqtop::model::broker::NodeType;
use rmqtop::model::name::{NodeName, VhostName};
use rmqtop::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use rmqtop::model::text::Shown;
use rmqtop::runbook::plan::Refusal;
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::{Event, Release};
use rstest::rstest;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) fn node(at: usize) -> NodeName {
    NodeName::parse(&format!("rabbit@rabbit-node{}", at + 1)).unwrap()
}

/// Plans `action` on a fresh look, confirms it, and runs it to its end; how it ended, and what was
/// sent.
async fn run(demo: &Demo, action: &Action) -> Result<(RunOutcome, Vec<String>), Refusal> {
    let session = demo.session();
    let planned = session.plan(action).await?;
    let typed = needs(&planned.plan)
        .into_iter()
        .map(|need| need.name().to_owned());
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: typed.collect(),
    };
    let permit = permit(&planned.plan, &Mode::Operate, &confirmation).unwrap();
    let id = RunId::new(rmqtop::clock::now().wall);
    let (handle, control) = RunHandle::new(id);
    let start = (&handle.id, &control);
    let ready = session
        .prepare(&planned.plan, &permit, start)
        .await
        .unwrap();
    let (tell, mut told) = mpsc::unbounded_channel::<RunEvent>();
    let listening = async {
        let mut sent = Vec::new();
        while let Some(event) = told.recv().await {
            if let RunEventKind::Sending { command, .. } = event.what {
                sent.push(command);
            }
        }
        sent
    };
    let running = session.execute(ready, &planned, permit, (control.clone(), tell));
    let (outcome, sent) = tokio::join!(running, listening);
    Ok((outcome, sent))
}

/// Runs to the end, and has something to do.
pub(crate) async fn done(demo: &Demo, action: Action) -> Vec<String> {
    match run(demo, &action).await {
        Ok((RunOutcome::Done, sent)) => sent,
        Ok((other, sent)) => panic!("{action}: {other:?}; sent {sent:#?}"),
        Err(refusal) => panic!(
            "{action}: {}",
            rmqtop::runbook::export::refusal_text(&refusal)
        ),
    }
}

/// Nothing is left to do.
pub(crate) async fn again(demo: &Demo, action: Action) {
    let sent = done(demo, action).await;
    assert_eq!(sent, Vec::<String>::new());
}

pub(crate) async fn all_well(demo: &Demo) {
    until(demo, <[_]>::is_empty).await;
}

/// Looks again and again until what is found is as expected.
async fn until(demo: &Demo, is_so: impl Fn(&[(String, String)]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(12);
    loop {
        let found = roots(&look(&demo.session()).await);
        if is_so(&found) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_restarted(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let sent = done(&demo, Action::RestartApp { node: node(2) }).await;
    assert!(
        sent.iter().any(|line| line.ends_with("stop_app")),
        "{sent:?}"
    );
    all_well(&demo).await;
    done(&demo, Action::StopApp { node: node(1) }).await;
    again(&demo, Action::StopApp { node: node(1) }).await;
    done(&demo, Action::StartApp { node: node(1) }).await;
    again(&demo, Action::StartApp { node: node(1) }).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_is_restarted_in_turn(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::RollingRestart { only: Vec::new() }).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_and_joins_again(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::Leave { node: node(2) }).await;
    again(&demo, Action::Leave { node: node(2) }).await;
    let join = Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    };
    done(&demo, join.clone()).await;
    again(&demo, join).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_is_forgotten_and_comes_back(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::NodeDown, release).await;
    let forget = Action::Forget {
        node: node(2),
        via: None,
    };
    done(&demo, forget.clone()).await;
    again(&demo, forget).await;
    let rejoin = Action::Rejoin {
        node: node(2),
        to: None,
    };
    done(&demo, rejoin.clone()).await;
    again(&demo, rejoin).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_is_stopped_and_started(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::StopCluster).await;
    again(&demo, Action::StopCluster).await;
    done(&demo, Action::StartCluster).await;
    again(&demo, Action::StartCluster).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_set_and_cleared(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let rule = PolicyRule {
        vhost: VhostName::new("/"),
        name: PolicyName(Shown::new("short")),
        pattern: Shown::new("^stock"),
        apply_to: ApplyTo::Queues,
        priority: 5,
        definition: Definition::parse(r#"{"max-length":500}"#).unwrap(),
    };
    let set = Action::PolicySet { rule };
    done(&demo, set.clone()).await;
    again(&demo, set).await;
    let clear = Action::PolicyClear {
        vhost: VhostName::new("/"),
        name: PolicyName(Shown::new("short")),
    };
    done(&demo, clear.clone()).await;
    again(&demo, clear).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_drained_and_revived(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::Drain { node: node(1) }).await;
    again(&demo, Action::Drain { node: node(1) }).await;
    done(&demo, Action::Revive { node: node(1) }).await;
    again(&demo, Action::Revive { node: node(1) }).await;
    all_well(&demo).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_waits_for_a_lost_member_is_recovered(
    #[values(Release::R310, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::LostLastNode, release).await;
    done(&demo, Action::RecoverLostNode).await;
    let model = look(&demo.session()).await;
    let running = demo.simulation.stage.with(|world| world.seen_by(1).len());
    let left = if release == Release::R43 { 1 } else { 2 };
    assert_eq!(running, left, "{:#?}", roots(&model));
}

/// The member that stopped first waits for the others: alone it does not come up.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_order_hurts(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    done(&demo, Action::StopCluster).await;
    let stage = &demo.simulation.stage;
    // Whoever saw most others when it stopped went first.
    let first = stage.with(|world| {
        let hosts = world.hosts().iter().enumerate();
        let first = hosts.min_by_key(|(_, host)| host.broker.ended);
        first.map(|(at, _)| at).unwrap()
    });
    stage.with(|world| world.happen(&Event::ServiceStarts(first)));
    until(&demo, |found| {
        let mut found = found.iter();
        found.any(|(id, words)| id == "N1" && words.contains("it waits for"))
    })
    .await;
    done(&demo, Action::StartCluster).await;
    all_well(&demo).await;
}
