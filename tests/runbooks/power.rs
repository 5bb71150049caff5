//! The runbooks of whole clusters: their order, plans and refusals, a fault at every step, and that
//! the second run sends nothing. What one machine stopped, another starts.

use crate::cluster::{Cluster, Life, host, node};
use crate::doubles::{Act, Ran, Reply, World, act, clock, faulted, resume, twice};
use rmqtop::action::Action;
use rmqtop::executor::event::RunOutcome;
use rmqtop::executor::remembered::last_stop;
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::observation::SourceKind;
use rmqtop::model::shutdown::StopRecord;
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Refusal};
use rstest::rstest;
use std::time::Duration;

/// Every runbook here, by a name that also says from where it starts.
const ALL: [&str; 11] = [
    "stop-cluster",
    "stop-cluster-ram",
    "stop-cluster-part",
    "start-cluster",
    "start-cluster-ram",
    "start-cluster-khepri",
    "start-cluster-failed",
    "forget-offline",
    "recover-lost-node",
    "recover-lost-node-khepri",
    "recover-lost-node-alone",
];

fn action(name: &str) -> Action {
    if name.starts_with("stop-cluster") {
        Action::StopCluster
    } else if name.starts_with("start-cluster") {
        Action::StartCluster
    } else if name.starts_with("recover-lost-node") {
        Action::RecoverLostNode
    } else {
        Action::ForgetOffline {
            node: node(2),
            on: node(1),
        }
    }
}

/// All down, the third member last: what each saw of the others.
fn down() -> Cluster {
    let mut cluster = Cluster::healthy();
    cluster.lives = vec![Life::Down; 3];
    cluster.ran = [(0, vec![0, 1, 2]), (1, vec![1, 2]), (2, vec![2])].into();
    cluster
}

/// As `down`, and the third member's host is gone.
fn lost() -> Cluster {
    down().with_life(2, Life::HostDead)
}

fn khepri(mut cluster: Cluster) -> Cluster {
    cluster.version = "4.3.6".to_owned();
    cluster.khepri = Some(true);
    cluster
}

fn before(name: &str) -> Cluster {
    let served = || {
        let mut cluster = Cluster::healthy()
            .with_queue("orders", QueueType::Quorum, &[1, 0, 2])
            .with_queue("events", QueueType::Quorum, &[1, 0, 2])
            .with_queue("audit", QueueType::Quorum, &[2, 0, 1])
            .with_queue("sessions", QueueType::Classic, &[2]);
        cluster.connections = vec![2, 3, 1];
        cluster
    };
    match name {
        "stop-cluster" => served(),
        // The RAM member leads most, and must not be the last all the same.
        "stop-cluster-ram" => Cluster {
            ram: vec![1],
            ..served()
        },
        "stop-cluster-part" => served()
            .with_life(0, Life::Down)
            .with_life(2, Life::AppStopped),
        "start-cluster" => down(),
        "start-cluster-ram" => Cluster {
            ram: vec![1],
            ..down()
        },
        "start-cluster-khepri" => khepri(down()),
        // systemd holds two services for failed; one of them is the first to start.
        "start-cluster-failed" => Cluster {
            failed: vec![0, 2],
            ..down()
        },
        "forget-offline" | "recover-lost-node" => lost(),
        "recover-lost-node-khepri" => {
            khepri(lost()).with_queue("orders", QueueType::Quorum, &[2, 0, 1])
        }
        "recover-lost-node-alone" => {
            khepri(lost().with_life(1, Life::HostDead)).with_queue("jobs", QueueType::Classic, &[0])
        }
        other => panic!("{other}"),
    }
}

fn plan_on(action: &Action, cluster: &Cluster) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN.later(Duration::from_secs(600));
    runbook::plan(action, &cluster.model(now), now)
}

fn plan(name: &str, cluster: &Cluster) -> Result<Plan, Refusal> {
    plan_on(&action(name), cluster)
}

fn commands(plan: &Plan, cluster: &Cluster) -> usize {
    let is_down =
        |plan_host: &_| (0..3).any(|at| host(at) == *plan_host && cluster.lives[at] == Life::Down);
    let stops = plan.action == Action::StopCluster;
    let sends = plan.steps.iter().filter(|step| step.change.is_some());
    sends.filter(|step| !(stops && is_down(&step.host))).count()
}

/// A run that goes well takes as many commands as it has steps that send one.
fn steps_sent(name: &str) -> usize {
    let cluster = before(name);
    commands(&plan(name, &cluster).unwrap(), &cluster)
}

fn works(name: &str) -> World {
    World::new(before(name), (0..steps_sent(name)).map(|_| Act::soon()))
}

/// How many commands it sends where all goes well.
async fn sends(name: &str) -> usize {
    act(works(name), &action(name)).await.sent.len()
}

#[test]
fn the_plans_say_what_they_do() {
    for name in ALL {
        let plan = plan(name, &before(name)).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        insta::assert_snapshot!(format!("plan_{name}"), export::plan_text(&plan));
    }
}

#[tokio::test(start_paused = true)]
async fn all_goes_well_and_the_second_run_sends_nothing() {
    for name in ALL {
        let count = steps_sent(name);
        let ran = twice(&action(name), before(name), count).await;
        insta::assert_snapshot!(format!("all_goes_well_{name}"), ran.story());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_every_step() {
    for name in ALL {
        let count = sends(name).await;
        let story = faulted(&action(name), &before(name), (count, 1)).await;
        insta::assert_snapshot!(format!("faults_{name}"), story);
    }
}

/// Its process is killed while each of its commands runs; someone goes on with it.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_is_gone_on_with() {
    for name in ALL {
        let count = sends(name).await;
        for at in 0..count {
            let acts = (0..count).map(|n| {
                if n == at {
                    Act::new(Some(Duration::ZERO), Reply::TimedOut)
                } else {
                    Act::soon()
                }
            });
            let mut world = World::new(before(name), acts);
            world.blind_after = Some(at + 1);
            let ran = act(world, &action(name)).await;
            assert!(matches!(ran.outcome, RunOutcome::Unknown { .. }));
            // What was sent takes effect though nobody looks.
            let mut cluster = ran.cluster.clone();
            if ran.sent.len() > at {
                let step = &ran.record().plan.steps.clone()[sending(&ran, at)];
                let on = (0..3).find(|member| host(*member) == step.host).unwrap();
                crate::effects::take_effect(&mut cluster, on, step.change.as_ref().unwrap());
            }
            let world = World::new(cluster, (at + 1..count).map(|_| Act::soon()));
            let gone_on = resume(world, &ran.state, &ran.id).await;
            assert_eq!(gone_on.outcome, RunOutcome::Done, "{name} {at}");
            assert_eq!(gone_on.world.sent.len(), count - at - 1, "{name} {at}");
        }
    }
}

/// The step of the n-th command.
fn sending(ran: &Ran, nth: usize) -> usize {
    let record = ran.record();
    let sent = record.steps.iter().enumerate();
    let mut sent = sent.filter(|(_, step)| step.command.is_some());
    sent.nth(nth).unwrap().0
}

fn refusal(action: &Action, cluster: &Cluster) -> String {
    let refusal = plan_on(action, cluster).expect_err("a plan was made");
    export::refusal_text(&refusal)
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let offline = |lost, on| Action::ForgetOffline {
        node: node(lost),
        on: node(on),
    };
    let mut alone = down();
    alone.ran = [(0, vec![0]), (1, vec![1]), (2, vec![0, 1, 2])].into();
    let mut unread = down();
    unread.mute.push((SourceKind::NodeFiles, 1));
    let mut only_ram = Cluster::healthy();
    only_ram.ram = vec![1];
    only_ram.lives = vec![Life::Down, Life::Running, Life::Down];
    let mut one_left = khepri(lost());
    one_left.lives[1] = Life::HostDead;
    let mut waiting = Cluster::of(5);
    waiting.lives = vec![
        Life::Down,
        Life::AppStopped,
        Life::HostDead,
        Life::HostDead,
        Life::HostDead,
    ];
    let waiting = khepri(waiting);
    let mut wiped = down();
    wiped.wiped = vec![2];
    let mut ram = lost();
    ram.ram = vec![1];
    let cases = [
        ("start_last_lost", Action::StartCluster, lost()),
        ("start_last_wiped", Action::StartCluster, wiped),
        ("start_two_alone", Action::StartCluster, alone),
        ("start_unread", Action::StartCluster, unread),
        ("start_no_majority", Action::StartCluster, one_left.clone()),
        ("stop_only_ram", Action::StopCluster, only_ram),
        ("offline_khepri", offline(2, 1), khepri(lost())),
        (
            "offline_running",
            offline(2, 1),
            Cluster::healthy().with_life(2, Life::HostDead),
        ),
        ("offline_not_newest", offline(2, 0), lost()),
        ("offline_not_lost", offline(2, 1), down()),
        ("offline_ram", offline(2, 1), ram),
        ("offline_itself", offline(2, 2), down()),
        ("recover_nobody_lost", Action::RecoverLostNode, down()),
        ("recover_one_runs", Action::RecoverLostNode, waiting),
        (
            "recover_running",
            Action::RecoverLostNode,
            Cluster::healthy().with_life(2, Life::HostDead),
        ),
    ];
    for (name, action, cluster) in cases {
        insta::assert_snapshot!(format!("refusal_{name}"), refusal(&action, &cluster));
    }
}

/// A member that hangs, or dies at each start, is no member that can be started with the others.
#[rstest]
#[case(Cluster::healthy().with_life(0, Life::Down), Life::Hung, Some("stop-node rabbit@rabbit-node3 --kill"))]
#[case(down(), Life::Restarting, Some("read the end of its log"))]
#[case(down(), Life::Starting, None)]
fn who_cannot_start_is_answered_first(
    #[case] others: Cluster,
    #[case] life: Life,
    #[case] instead: Option<&str>,
) {
    let cluster = others.with_life(2, life);
    match (plan_on(&Action::StartCluster, &cluster), instead) {
        (Ok(_), None) => {}
        (Err(refusal), Some(words)) => {
            let told = refusal.instead.unwrap();
            assert!(told.contains(words), "{told}");
        }
        (planned, _) => panic!("{planned:?}"),
    }
}

/// A host that was given up as lost comes back, and its node boots, after so many commands: nobody is
/// given up then.
#[rstest]
#[case("recover-lost-node-alone", 1)]
#[case("recover-lost-node-khepri", 2)]
#[tokio::test(start_paused = true)]
async fn whoever_comes_back_is_not_given_up(#[case] name: &str, #[case] after: usize) {
    let mut world = works(name);
    world.lose_after = Some((after, |cluster| cluster.lives[2] = Life::Starting));
    let ran = act(world, &action(name)).await;
    assert_eq!(ran.sent.len(), after, "{}", ran.story());
    let RunOutcome::Failed { reason } = &ran.outcome else {
        panic!("{}", ran.story());
    };
    let words = "rabbit@rabbit-node3 is starting";
    assert!(reason.contains(words), "{reason}");
}

/// The same where the run is gone on with: what was sent had no effect, and is not sent again.
#[rstest]
#[case("forget-offline")]
#[case("recover-lost-node")]
#[tokio::test(start_paused = true)]
async fn whoever_came_back_is_not_given_up_later(#[case] name: &str) {
    let fails = Act::new(None, Reply::Exit(69));
    let ran = act(World::new(before(name), [fails]), &action(name)).await;
    let back = before(name).with_life(2, Life::Starting);
    let resumed = resume(World::new(back, []), &ran.state, &ran.id).await;
    assert!(resumed.world.sent.is_empty());
    assert!(matches!(resumed.outcome, RunOutcome::Failed { .. }));
}

/// A member that runs without a majority is let go on alone where it runs.
#[test]
fn one_that_runs_without_a_majority_goes_on_alone() {
    let mut cluster = khepri(lost().with_life(1, Life::HostDead));
    cluster.lives[0] = Life::Running;
    let plan = plan_on(&Action::RecoverLostNode, &cluster).unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids[0], "force-standalone-rabbit-node1", "{ids:?}");
    assert_eq!(plan.definitions, [node(0)]);
}

/// The whole rack lost power: each saw all others to the end.
#[test]
fn members_that_went_down_together_start_together() {
    let mut cluster = down();
    cluster.ran.clear();
    let plan = plan_on(&Action::StartCluster, &cluster).unwrap();
    let started = plan.steps.iter().filter(|step| step.change.is_some());
    assert_eq!(started.count(), 3);
}

/// A member that stopped before the last one, and is away, keeps nobody from starting.
#[test]
fn a_member_lost_before_the_last_one_is_left_out() {
    let mut cluster = down().with_life(0, Life::HostDead);
    cluster.ran.remove(&0);
    let plan = plan_on(&Action::StartCluster, &cluster).unwrap();
    let sends = plan.steps.iter().filter(|step| step.change.is_some());
    let hosts: Vec<_> = sends.map(|step| step.host.clone()).collect();
    assert_eq!(hosts, [host(2), host(1)]);
    assert!(plan.blast_radius[0].contains("rabbit@rabbit-node1 stays away"));
}

/// What the journal of the stop keeps is found again, and put beside what the discs say.
#[tokio::test(start_paused = true)]
async fn the_journal_remembers_the_stop() {
    let ran = act(works("stop-cluster"), &Action::StopCluster).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    let mut record = last_stop(&ran.state, "prod").unwrap().unwrap();
    assert_eq!(record.run, ran.id.to_string());
    record.run = "20261122-140231-7f3a".to_owned();
    let order: Vec<_> = record
        .stopped
        .iter()
        .map(|(node, _)| node.clone())
        .collect();
    assert_eq!(order, [node(2), node(1), node(0)]);
    assert_eq!(record.planned.durable_queues, Some(4));
    assert_eq!(record.planned.only_on(&node(2)).unwrap().len(), 1);
    assert_eq!(last_stop(&ran.state, "other").unwrap(), None);

    let judged = |record: StopRecord| {
        let now = clock();
        let mut model = ran.cluster.model(now);
        model.remembered = Some(record);
        runbook::plan(&Action::StartCluster, &model, now).unwrap()
    };
    let plan = judged(record.clone());
    insta::assert_snapshot!("remembered", checks(&plan));
    let mut reversed = record;
    reversed.stopped.reverse();
    insta::assert_snapshot!("remembered_otherwise", checks(&judged(reversed)));
}

fn checks(plan: &Plan) -> String {
    let told = plan.preflight.iter().map(|check| {
        let evidence = check.evidence.join("\n  ");
        format!(
            "{} {:?} {}\n  {evidence}",
            check.id, check.verdict, check.title
        )
    });
    let steps = plan.steps.iter().map(|step| step.id.clone());
    told.chain(steps).collect::<Vec<_>>().join("\n")
}
