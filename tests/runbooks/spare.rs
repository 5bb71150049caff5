//! Clients are kept away from a node that is no member: before it goes, and until it has joined
//! again. Other states of its servers are left as they are.

use crate::cluster::{Cluster, Life, host, node};
use crate::doubles::{Act, Ran, Reply, World, act, commands};
use rmqtop::action::Action;
use rmqtop::executor::event::RunOutcome;
use rmqtop::executor::remembered::taken_out;
use rmqtop::invocation::Change;
use rmqtop::model::broker::NodeType;
use rmqtop::model::moment::Moment;
use rmqtop::runbook;
use rmqtop::runbook::plan::{Plan, Step};
use rstest::rstest;

fn leave() -> Action {
    Action::Leave { node: node(2) }
}

fn forget() -> Action {
    Action::Forget {
        node: node(2),
        via: None,
    }
}

fn wipe() -> Action {
    Action::Wipe { node: node(2) }
}

fn join() -> Action {
    Action::Join {
        node: node(2),
        to: None,
        kind: NodeType::Disc,
    }
}

fn plan(action: &Action, cluster: &Cluster) -> Plan {
    let now = Moment::ORIGIN;
    runbook::plan(action, &cluster.model(now), now).unwrap()
}

async fn done(action: &Action, cluster: &Cluster) -> Ran {
    let count = commands(&plan(action, cluster));
    let acts = (0..count).map(|_| Act::works());
    let ran = act(World::new(cluster.clone(), acts), action).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    ran
}

/// Which words HAProxy was told, in order; `-` for every other command.
fn told(ran: &Ran) -> Vec<&str> {
    let word = |line: &String| {
        let is_told = line.contains("set server");
        ["maint", "ready", "drain"]
            .into_iter()
            .find(|word| is_told && line.ends_with(word))
            .unwrap_or("-")
    };
    ran.sent.iter().map(word).collect()
}

fn stranger() -> Cluster {
    let mut cluster = Cluster::healthy();
    cluster.strangers = vec![2];
    cluster
}

/// A node that is no member and holds something.
fn laden() -> Cluster {
    Cluster {
        laden: vec![2],
        ..stranger()
    }
}

#[rstest]
#[case::leaves(leave(), Cluster::healthy())]
#[case::leaves_stopped(leave(), Cluster::healthy().with_life(2, Life::AppStopped))]
#[case::forgotten(forget(), Cluster::healthy())]
#[case::forgotten_dead(forget(), Cluster::healthy().with_life(2, Life::HostDead))]
#[case::wiped(wipe(), laden())]
#[tokio::test(start_paused = true)]
async fn its_servers_go_first_and_stay_out(#[case] action: Action, #[case] before: Cluster) {
    let ran = done(&action, &before).await;
    let told = told(&ran);
    assert_eq!(told[..2], ["maint", "maint"], "{}", ran.story());
    assert!(told[2..].iter().all(|word| *word == "-"), "{}", ran.story());
    assert_eq!(ran.cluster.out, [(0, 2), (1, 2)]);
}

/// A TCP backend to the port of another protocol, where the configuration names no backend.
fn mqtt() -> Cluster {
    Cluster {
        second: Some(1883),
        ..Cluster::healthy()
    }
}

/// The members are known to HAProxy by addresses that only their hosts tell.
fn inner_net() -> Cluster {
    Cluster {
        inner_net: true,
        ..Cluster::healthy()
    }
}

/// A step is proved by the very server that it told something: whatever the plan knew of the ports
/// and addresses of its member.
#[rstest]
#[tokio::test(start_paused = true)]
async fn the_proof_looks_at_what_the_plan_did(
    #[values(mqtt(), inner_net())] before: Cluster,
    #[values(leave(), forget(), wipe())] action: Action,
) {
    let before = if action == wipe() {
        Cluster {
            strangers: vec![2],
            laden: vec![2],
            ..before
        }
    } else {
        before
    };
    let ran = done(&action, &before).await;
    assert_eq!(ran.cluster.out, [(0, 2), (1, 2)]);
    assert!(ran.cluster.second_out.is_empty(), "{}", ran.story());
}

/// Once it is a member again, and serves, clients come back.
#[tokio::test(start_paused = true)]
async fn a_node_that_has_joined_again_is_used_again() {
    let left = done(&leave(), &Cluster::healthy()).await.cluster;
    let ran = done(&join(), &left).await;
    let told = told(&ran);
    assert!(told.ends_with(&["-", "ready", "ready"]), "{}", ran.story());
    assert!(ran.cluster.out.is_empty());
    let stale = Cluster::healthy().with_life(2, Life::AppStopped);
    let rejoin = Action::Rejoin {
        node: node(2),
        to: None,
    };
    let ran = done(&rejoin, &stale).await;
    let told = self::told(&ran);
    assert!(
        told.starts_with(&["maint", "maint", "-"]),
        "{}",
        ran.story()
    );
    assert!(told.ends_with(&["-", "ready", "ready"]), "{}", ran.story());
}

/// A member with servers in two backends, AMQP with and without TLS: each is told, and proved by
/// itself, and each comes back.
#[rstest]
#[case(leave(), Life::Running, "maint", &[])]
#[case(Action::RollingRestart { only: vec![node(2)] }, Life::Running, "drain", &["ready"; 4])]
#[case(Action::Rejoin { node: node(2), to: None }, Life::AppStopped, "maint", &["ready"; 4])]
#[tokio::test(start_paused = true)]
async fn every_server_of_a_member_is_told(
    #[case] action: Action,
    #[case] life: Life,
    #[case] word: &str,
    #[case] back: &[&str],
) {
    let mut cluster = Cluster::healthy().with_life(2, life);
    cluster.second = Some(5671);
    let plan = plan(&action, &cluster);
    let mut ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "{ids:?}");
    let ran = done(&action, &cluster).await;
    let mut said = told(&ran);
    said.retain(|word| *word != "-");
    assert_eq!(said, [&[word; 4], back].concat(), "{}", ran.story());
    assert_eq!(ran.cluster.second_out.is_empty(), !back.is_empty());
}

/// A server that would not be used even where its checks succeed is neither taken out nor waited for.
#[rstest]
#[case::no_weight("UP", 0, Life::Running)]
#[case::no_weight_down("UP", 0, Life::AppStopped)]
#[case::by_its_check("NOLB", 1, Life::Running)]
#[tokio::test(start_paused = true)]
async fn what_gets_no_clients_anyway_is_left_alone(
    #[case] word: &'static str,
    #[case] weight: u64,
    #[case] life: Life,
) {
    let mut cluster = Cluster::healthy().with_life(2, life);
    cluster.odd_rows = vec![(2, word, weight)];
    let action = match life {
        Life::AppStopped => Action::Rejoin {
            node: node(2),
            to: None,
        },
        _ => leave(),
    };
    let ran = done(&action, &cluster).await;
    assert!(
        told(&ran).iter().all(|word| *word == "-"),
        "{}",
        ran.story()
    );
}

/// A person who took the server of a member out has a reason of their own.
#[test]
fn what_a_person_took_out_of_a_member_stays_out() {
    let mut cluster = Cluster::healthy();
    cluster.maint = vec![2];
    let plan = plan(&join(), &cluster);
    assert!(!plan.steps.iter().any(|step| step.id.starts_with("lb-")));
}

/// Of a node that is no member it stays out, too, unless an earlier run took it out; and that is said.
#[test]
fn what_a_person_took_out_of_a_stranger_stays_out() {
    let rejoin = Action::Rejoin {
        node: node(2),
        to: None,
    };
    let mut cluster = stranger();
    cluster.maint = vec![2];
    for action in [join(), rejoin] {
        let plan = plan(&action, &cluster);
        assert!(!plan.steps.iter().any(|step| step.id.starts_with("lb-")));
        let words = plan.blast_radius.join("\n");
        for on in ["rabbit-node1", "rabbit-node2"] {
            let line = format!(
                "HAProxy on {on} keeps mq-node3 of rabbit@rabbit-node3 in MAINT, for no run in the journal of this machine took it out"
            );
            assert!(words.contains(&line), "{words}");
        }
    }
}

/// What a run told HAProxy stands in its journal, until another takes it back.
#[tokio::test(start_paused = true)]
async fn the_journal_knows_what_was_taken_out() {
    let names = |ran: &Ran| {
        let out = taken_out(&ran.state, "prod").unwrap();
        let out = out.into_iter();
        out.map(|(on, _, server)| format!("{on} {}", server.as_str()))
            .collect::<Vec<_>>()
    };
    let left = done(&leave(), &Cluster::healthy()).await;
    assert_eq!(
        names(&left),
        ["rabbit-node1 mq-node3", "rabbit-node2 mq-node3"]
    );
    assert!(taken_out(&left.state, "other").unwrap().is_empty());
    let stale = Cluster::healthy().with_life(2, Life::AppStopped);
    let rejoin = Action::Rejoin {
        node: node(2),
        to: None,
    };
    assert!(names(&done(&rejoin, &stale).await).is_empty());
}

/// A person takes a server out after the plan was made: the run has nothing to undo there.
#[rstest]
#[case(Action::RollingRestart { only: vec![node(2)] }, Life::Running, "drain")]
#[case(Action::Rejoin { node: node(2), to: None }, Life::AppStopped, "maint")]
#[tokio::test(start_paused = true)]
async fn only_what_this_run_took_out_is_put_back(
    #[case] action: Action,
    #[case] life: Life,
    #[case] word: &str,
) {
    let cluster = Cluster::healthy().with_life(2, life);
    let acts = (0..9).map(|_| Act::works());
    let mut world = World::new(cluster, acts);
    world.lose_after = Some((1, |cluster| {
        if !cluster.out.contains(&(1, 2)) {
            cluster.out.push((1, 2));
        }
    }));
    let ran = act(world, &action).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
    let mut said = told(&ran);
    said.retain(|word| *word != "-");
    assert_eq!(said, [word, "ready"], "{}", ran.story());
    assert!(ran.story().contains("left as it is"), "{}", ran.story());
}

/// A load balancer that cannot be told, or asked, is named in the plan.
#[test]
fn who_cannot_be_told_is_named() {
    let mut cluster = Cluster::healthy();
    cluster.untold = vec![1];
    for action in [leave(), forget()] {
        let plan = plan(&action, &cluster);
        let out: Vec<&str> = plan
            .steps
            .iter()
            .map(|step| step.id.as_str())
            .filter(|id| id.starts_with("lb-"))
            .collect();
        assert_eq!(out, ["lb-out-rabbit-node1"]);
        let words = plan.blast_radius.join("\n");
        assert!(
            words.contains("HAProxy on rabbit-node2 cannot be told, for the configuration names no `socket` for it: it may send clients to rabbit@rabbit-node3"),
            "{words}"
        );
        assert!(
            words.contains("HAProxy on rabbit-node1 sends rabbit@rabbit-node3 no clients any more"),
            "{words}"
        );
    }
    let mut cluster = Cluster::healthy();
    cluster.balancers = Vec::new();
    let words = plan(&leave(), &cluster).blast_radius.join("\n");
    assert!(!words.contains("HAProxy"), "{words}");
}

/// A socket that was tried and takes no commands forbids nothing: its HAProxy is not told, and named.
#[rstest]
#[case::leaves(leave(), Cluster::healthy())]
#[case::forgotten_dead(forget(), Cluster::healthy().with_life(2, Life::HostDead))]
#[case::wiped(wipe(), laden())]
#[case::rolls(Action::RollingRestart { only: vec![node(2)] }, Cluster::healthy())]
fn who_takes_no_commands_is_not_told(#[case] action: Action, #[case] cluster: Cluster) {
    let now = Moment::ORIGIN;
    let mut model = cluster.model(now);
    let why = "its level is user, not admin".to_owned();
    model.deaf.insert(host(1), why.clone());
    let plan = runbook::plan(&action, &model, now).unwrap();
    let is_told = |step: &Step| matches!(step.change, Some(Change::Haproxy(_)));
    let mut told = plan.steps.iter().filter(|step| is_told(step));
    assert!(told.all(|step| step.host == host(0)));
    let evidence = plan.preflight.iter().flat_map(|check| &check.evidence);
    let mut words = plan.blast_radius.iter().chain(evidence);
    assert!(
        words.any(|line| line.contains("HAProxy on rabbit-node2") && line.contains(&why)),
        "{plan:?}"
    );
}

/// A run that ends before it touched the membership says how the member is put back into service.
#[tokio::test(start_paused = true)]
async fn a_run_that_fails_early_says_the_way_back() {
    let acts = [Act::works(), Act::works(), Act::new(None, Reply::Exit(69))];
    let ran = act(World::new(Cluster::healthy(), acts), &leave()).await;
    let RunOutcome::Failed { reason } = &ran.outcome else {
        panic!("{}", ran.story());
    };
    for word in ["back into service", "start_app", "mq-node3 ready"] {
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

/// A node that runs as a member and does not serve a virtual host has not joined well.
#[tokio::test(start_paused = true)]
async fn a_join_is_over_when_every_virtual_host_runs() {
    let mut cluster = stranger();
    cluster.vhosts_down = vec![(2, "orders".to_owned())];
    let acts = (0..8).map(|_| Act::works());
    let ran = act(World::new(cluster, acts), &join()).await;
    let RunOutcome::Failed { reason } = &ran.outcome else {
        panic!("{}", ran.story());
    };
    assert!(reason.contains("orders"), "{reason}");
}
