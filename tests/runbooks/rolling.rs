//! `rolling-restart`: its plans, what it refuses, who confirms it with what, a fault at every step,
//! and that a run which was ended anywhere is gone on with, without anything done twice.

use crate::cluster::{Cluster, Life, host, node};
use crate::doubles::{Act, Ran, Reply, World, act, clock, resume};
use crate::effects::take_effect;
use rmqtop::action::Action;
use rmqtop::executor::event::{RunEvent, RunEventKind, RunOutcome};
use rmqtop::guard::needs;
use rmqtop::invocation::Change;
use rmqtop::invocation::haproxy::SetServer;
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::runbook;
use rmqtop::runbook::export;
use rmqtop::runbook::plan::{Plan, Refusal};
use rstest::rstest;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

fn rolling(only: &[usize]) -> Action {
    Action::RollingRestart {
        only: only.iter().map(|index| node(*index)).collect(),
    }
}

fn plan(only: &[usize], cluster: &Cluster) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(&rolling(only), &cluster.model(now), now)
}

/// Queues of every kind, and leaders that are spread already.
fn cluster(version: &str) -> Cluster {
    let mut cluster = Cluster::healthy()
        .with_queue("orders", QueueType::Quorum, &[0, 1, 2])
        .with_queue("invoices", QueueType::Quorum, &[1, 2, 0])
        .with_queue("events", QueueType::Quorum, &[2, 0, 1])
        .with_queue("plain", QueueType::Classic, &[2]);
    cluster.connections = vec![5, 0, 37];
    cluster.version = version.to_owned();
    cluster.khepri = match version {
        "4.0.5" => Some(false),
        "4.3.6" => Some(true),
        _ => None,
    };
    cluster
}

/// A step as a short word with its member, by what it does.
fn word(plan: &Plan) -> Vec<String> {
    let acts = plan.steps.iter().filter(|step| step.change.is_some());
    acts.map(|step| {
        step.id
            .replace("rabbit@rabbit-node", "")
            .replace("rabbit-node", "lb")
    })
    .collect()
}

fn told(sent: &[String]) -> Vec<&str> {
    let lines = sent.iter().filter(|line| line.starts_with("sh "));
    lines
        .map(|line| line.split_once("admin.sock ").unwrap().1)
        .collect()
}

#[test]
fn the_plan_says_what_it_does() {
    let mut mirrored = cluster("3.10.8").with_queue("old", QueueType::Classic, &[0, 1]);
    mirrored.untold = vec![1];
    let plan = plan(&[], &mirrored).unwrap();
    insta::assert_snapshot!("plan_rolling-restart", export::plan_text(&plan));
}

#[test]
fn the_plan_of_one_member() {
    let plan = plan(&[2], &cluster("4.3.6")).unwrap();
    insta::assert_snapshot!("plan_rolling-restart_only", export::plan_text(&plan));
}

/// Whoever holds the VIP comes last, in whatever order they are named; ids are unique.
#[rstest]
#[case(Some(0), &[], &[1, 2, 0])]
#[case(Some(1), &[], &[0, 2, 1])]
#[case(None, &[], &[0, 1, 2])]
#[case(Some(0), &[2, 0], &[2, 0])]
#[case(Some(0), &[0, 2, 0], &[2, 0])]
fn the_holder_comes_last(
    #[case] holder: Option<usize>,
    #[case] only: &[usize],
    #[case] order: &[usize],
) {
    let mut cluster = cluster("4.0.5");
    cluster.holder = holder;
    let plan = plan(only, &cluster).unwrap();
    let stops: Vec<String> = word(&plan)
        .into_iter()
        .filter_map(|step| Some(step.strip_prefix("stop-node ")?.to_owned()))
        .collect();
    let expected: Vec<String> = order.iter().map(|index| (index + 1).to_string()).collect();
    assert_eq!(stops, expected);
    let mut ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), plan.steps.len());
}

#[rstest]
#[case(&[], "prod")]
#[case(&[1, 2], "prod")]
#[case(&[2], "rabbit@rabbit-node3")]
#[case(&[2, 2], "rabbit@rabbit-node3")]
fn confirmed_by(#[case] only: &[usize], #[case] name: &str) {
    let plan = plan(only, &cluster("4.0.5")).unwrap();
    let needs = needs(&plan);
    assert_eq!(
        needs
            .iter()
            .map(rmqtop::guard::Need::name)
            .collect::<Vec<_>>(),
        [name]
    );
}

#[test]
fn the_action_in_words() {
    assert_eq!(rolling(&[]).to_string(), "rolling-restart");
    assert_eq!(
        rolling(&[2]).to_string(),
        "rolling-restart --only rabbit@rabbit-node3"
    );
}

/// Only a whole cluster can spare a member: what to do first is named.
#[test]
fn what_it_refuses() {
    let mut told = String::new();
    let mut refused = |what: &str, only: &[usize], cluster: &Cluster| {
        let refusal = plan(only, cluster).expect_err(what);
        // Only replicas come back by themselves.
        assert_eq!(refusal.may_pass, what == "a queue of two", "{what}");
        let instead = refusal.instead.unwrap_or_default();
        writeln!(told, "{what}: {}\n  instead: {instead}", refusal.reason).unwrap();
    };
    let well = || cluster("4.0.5");
    refused("down", &[], &well().with_life(1, Life::Down));
    refused(
        "down, another asked for",
        &[2],
        &well().with_life(1, Life::Down),
    );
    refused("down itself", &[1], &well().with_life(1, Life::Down));
    refused("app stopped", &[], &well().with_life(1, Life::AppStopped));
    let mut dead = well().with_life(2, Life::HostDead);
    refused("host dead", &[], &dead);
    dead = well();
    dead.draining = vec![0];
    refused("in maintenance mode", &[], &dead);
    let mut alarm = well();
    alarm.alarms = vec![1];
    refused("alarm", &[], &alarm);
    let pair = well().with_queue("pair", QueueType::Quorum, &[0, 1]);
    refused("a queue of two", &[], &pair);
    let mut maint = well();
    maint.maint = vec![0, 1];
    refused("the last server", &[2], &maint);
    refused("alone", &[], &Cluster::of(1));
    refused("unknown", &[7], &well());
    let mut stranger = well();
    stranger.strangers = vec![2];
    refused("no member", &[2], &stranger);
    insta::assert_snapshot!("rolling-restart_refusals", told);
}

/// Every command works; the cluster follows at once.
#[rstest]
#[tokio::test(start_paused = true)]
async fn all_goes_well(#[values("3.10.8", "4.0.5", "4.3.6")] version: &str) {
    let cluster = cluster(version);
    let plan = plan(&[], &cluster).unwrap();
    let ran = act(World::new(cluster, vec![Act::works(); 21]), &rolling(&[])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    assert_eq!(ran.journal(), ran.events);
    assert_eq!(ran.cluster.lives, [Life::Running; 3]);
    assert!(ran.cluster.draining.is_empty() && ran.cluster.spared.is_empty());
    let each = |at: usize| {
        [
            format!("lb-drain {at} lb1"),
            format!("lb-drain {at} lb2"),
            format!("drain {at}"),
            format!("stop-node {at}"),
            format!("start-node {at}"),
            format!("lb-ready {at} lb1"),
            format!("lb-ready {at} lb2"),
        ]
    };
    let mut expected = [each(2), each(3), each(1)].concat();
    expected.push("rebalance".to_owned());
    assert_eq!(word(&plan), expected);
    // The leaders were spread and, as far as this cluster knows, stayed so.
    assert_eq!(ran.sent.len(), 21);
}

/// Each look is made with as much as the plan was: the ports of the members, the addresses of hosts.
#[rstest]
#[case(Some(1883), false)]
#[case(None, true)]
#[tokio::test(start_paused = true)]
async fn whose_a_server_is_is_looked_at_anew(#[case] second: Option<u16>, #[case] inner: bool) {
    let mut cluster = cluster("4.3.6");
    cluster.second = second;
    cluster.inner_net = inner;
    cluster.untold = vec![1];
    let ran = act(World::new(cluster, vec![Act::works(); 5]), &rolling(&[2])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    assert!(ran.cluster.spared.is_empty());
}

/// What an administrator took out stays out; who cannot be told is waited for.
#[tokio::test(start_paused = true)]
async fn a_server_in_maint_stays_there() {
    let mut cluster = cluster("4.3.6");
    cluster.maint = vec![2];
    cluster.untold = vec![0];
    let plan = plan(&[1, 2], &cluster).unwrap();
    let expected = [
        "lb-drain 2 lb2",
        "drain 2",
        "stop-node 2",
        "start-node 2",
        "lb-ready 2 lb2",
        "drain 3",
        "stop-node 3",
        "start-node 3",
        "rebalance",
    ];
    assert_eq!(word(&plan), expected);
    let ran = act(
        World::new(cluster, vec![Act::works(); 8]),
        &rolling(&[1, 2]),
    )
    .await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    assert_eq!(ran.cluster.maint, [2]);
    assert_eq!(
        told(&ran.sent),
        [
            "rabbitmq_cluster mq-node2 drain",
            "rabbitmq_cluster mq-node2 ready"
        ]
    );
}

/// A fault at each command of one member: where the run ends, and what it says is left.
#[rstest]
#[tokio::test(start_paused = true)]
async fn a_fault_at_every_step(
    #[values("fails", "does_nothing", "lost_before", "lost_after", "late", "blind")] fault: &str,
) {
    let mut told = String::new();
    for at in 0..7 {
        let acts = (0..7).map(|nth| {
            if nth == at {
                fault_of(fault)
            } else {
                Act::works()
            }
        });
        let mut world = World::new(cluster("4.0.5"), acts);
        if fault == "blind" {
            world.blind_after = Some(at + 1);
        }
        let ran = act(world, &rolling(&[2])).await;
        assert_eq!(ran.journal(), ran.events);
        assert_eq!(ran.cluster.lives[..2], [Life::Running; 2]);
        let done = ran.outcome == RunOutcome::Done;
        assert_eq!(
            ran.sent.len(),
            if done { 7 } else { at + 1 },
            "{}",
            ran.story()
        );
        let story = ran.story();
        writeln!(told, "{}: {}", at + 1, story.lines().last().unwrap()).unwrap();
    }
    insta::assert_snapshot!(format!("rolling-restart_{fault}"), told);
}

fn fault_of(fault: &str) -> Act {
    let soon = Some(Duration::from_secs(4));
    match fault {
        "fails" => Act::new(None, Reply::Exit(69)),
        "does_nothing" => Act::new(None, Reply::Exit(0)),
        "lost_before" => Act::new(None, Reply::Lost),
        "lost_after" => Act::new(soon, Reply::Lost),
        "late" => Act::new(Some(Duration::from_secs(15)), Reply::Lost),
        "blind" => Act::works(),
        other => panic!("{other}"),
    }
}

/// A member that runs but does not serve is not used again; an alarm keeps the next one from being
/// taken away.
#[tokio::test(start_paused = true)]
async fn it_waits_for_virtual_hosts_and_alarms() {
    let mut world = World::new(cluster("4.3.6"), vec![Act::works(); 14]);
    world.lose_after = Some((5, |cluster| cluster.vhosts_down = vec![(1, "a".to_owned())]));
    let ran = act(world, &rolling(&[1, 2])).await;
    let story = ran.story();
    assert_eq!(ran.sent.len(), 5, "{story}");
    let last = story.lines().last().unwrap();
    assert!(
        last.contains("the virtual hosts a do not run on rabbit@rabbit-node2"),
        "{last}"
    );

    let mut world = World::new(cluster("4.3.6"), vec![Act::works(); 14]);
    world.lose_after = Some((7, |cluster| cluster.alarms = vec![0]));
    let ran = act(world, &rolling(&[1, 2])).await;
    let story = ran.story();
    assert_eq!(ran.cluster.lives, [Life::Running; 3], "{story}");
    assert!(
        !ran.sent.iter().any(|line| line.contains("drain")
            && line.starts_with("rabbitmq-upgrade -n rabbit@rabbit-node3")),
        "{story}"
    );
    let last = story.lines().last().unwrap();
    assert!(
        last.contains("rabbit@rabbit-node1 has a memory alarm"),
        "{last}"
    );
}

/// Another member is lost after each command of the first: the run ends before it takes one more
/// away, or goes on where it only brings back.
#[tokio::test(start_paused = true)]
async fn another_member_is_lost_meanwhile() {
    let mut told = String::new();
    for after in 1..=5 {
        let mut world = World::new(cluster("4.3.6"), vec![Act::works(); 7]);
        world.lose_after = Some((after, |cluster| cluster.lives[0] = Life::Down));
        let ran = act(world, &rolling(&[2])).await;
        let story = ran.story();
        writeln!(told, "after {after}: {}", story.lines().last().unwrap()).unwrap();
        assert!(ran.sent.len() <= 7);
        if after <= 3 {
            assert_eq!(ran.sent.len(), after, "{story}");
            assert_eq!(ran.cluster.lives[2], Life::Running, "{story}");
        }
    }
    insta::assert_snapshot!("rolling-restart_member_lost", told);
}

/// The process ended after each line of the journal; what was in flight took effect or not. What is
/// done is not done again, and the run ends done.
#[tokio::test(start_paused = true)]
async fn ended_anywhere_it_ends_done() {
    let ran = act(
        World::new(cluster("4.0.5"), vec![Act::works(); 7]),
        &rolling(&[2]),
    )
    .await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    let path = ran.state.runs().join(format!("{}.jsonl", ran.id));
    let bytes = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let truth = ran.journal();
    let mut tried = 0;
    for length in 1..truth.len() {
        let sent = sendings(&truth[..length]);
        let is_open = sent
            .last()
            .is_some_and(|step| !is_over(&truth[..length], *step));
        for took_effect in [true, false] {
            if !took_effect && !is_open {
                continue;
            }
            let effective = if took_effect {
                sent.len()
            } else {
                sent.len() - 1
            };
            let mut cluster = cluster("4.0.5");
            for step in &sent[..effective] {
                happened(&mut cluster, &ran, *step);
            }
            fs::write(&path, lines[..length].concat()).unwrap();
            let world = World::new(cluster, vec![Act::works(); 7 - effective]);
            let resumed = resume(world, &ran.state, &ran.id).await;
            let what = format!("line {length}, effect {took_effect}");
            assert_eq!(resumed.outcome, RunOutcome::Done, "{what}");
            assert_eq!(resumed.world.sent, ran.sent[effective..], "{what}");
            assert_eq!(resumed.world.cluster.lives, [Life::Running; 3], "{what}");
            assert!(resumed.world.cluster.spared.is_empty(), "{what}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

/// A HAProxy that is reloaded forgets what it was told: what rests on that is not sent before the
/// load balancer is told again, whichever of several it is.
#[rstest]
#[case(&[0], 6)]
#[case(&[1], 6)]
#[case(&[0, 1], 7)]
#[tokio::test(start_paused = true)]
async fn a_reloaded_load_balancer_is_told_again(#[case] reloaded: &[usize], #[case] acts: usize) {
    let fails = Act::new(None, Reply::Exit(69));
    let world = World::new(cluster("4.0.5"), [Act::works(), Act::works(), fails]);
    let ran = act(world, &rolling(&[2])).await;
    let mut cluster = ran.cluster.clone();
    assert_eq!(cluster.spared, [(0, 2), (1, 2)], "{}", ran.story());
    cluster.spared.retain(|(on, _)| !reloaded.contains(on));
    let world = World::new(cluster, vec![Act::works(); acts]);
    let resumed = resume(world, &ran.state, &ran.id).await;
    assert_eq!(resumed.outcome, RunOutcome::Done);
    assert_eq!(resumed.world.sent.len(), acts, "{:?}", resumed.world.sent);
    assert!(resumed.world.cluster.spared.is_empty());
}

/// The steps whose command was sent, in order.
fn sendings(events: &[RunEvent]) -> Vec<usize> {
    let sent = events.iter().filter_map(|event| match event.what {
        RunEventKind::Sending { step, .. } => Some(step),
        _ => None,
    });
    sent.collect()
}

fn is_over(events: &[RunEvent], wanted: usize) -> bool {
    events
        .iter()
        .any(|event| matches!(event.what, RunEventKind::StepEnded { step, .. } if step == wanted))
}

fn happened(cluster: &mut Cluster, ran: &Ran, step: usize) {
    let record = ran.record();
    let planned = &record.plan.steps[step];
    let on = (0..3).find(|index| host(*index) == planned.host).unwrap();
    take_effect(cluster, on, planned.change.as_ref().unwrap());
}

/// Names that could act on the runtime socket are not sent there: the load balancer is not told.
#[test]
fn a_strange_name_is_never_sent() {
    let now = clock();
    let cluster = cluster("4.0.5");
    let mut model = cluster.model(now);
    for host in &mut model.inventory.hosts {
        if let Some(entry) = &mut host.balancer {
            entry.socket = Some("/run/x,exec:reboot".to_owned());
        }
    }
    let plan = runbook::plan(&rolling(&[2]), &model, now).unwrap();
    let is_told =
        |change: &Option<Change>| matches!(change, Some(Change::Haproxy(SetServer { .. })));
    assert!(!plan.steps.iter().any(|step| is_told(&step.change)));
    let check = plan
        .preflight
        .iter()
        .find(|check| check.id == "R14")
        .unwrap();
    assert!(
        check.evidence[0].contains("is not the path of a socket"),
        "{check:?}"
    );
}
