//! What is said of members that do not run, or of which little is known: the same fault with much
//! and with little knowledge, and causes above their consequences.

use super::cluster::{Cluster, Life};
use super::*;
use rmqtop::model::Model;
use rmqtop::model::host::{Exit, ServiceLife};
use rmqtop::model::inventory::Access;
use rmqtop::model::moment::Moment;
use rstest::rstest;

/// No SSH is configured anywhere.
pub(super) fn without_ssh(cluster: &mut Scene) {
    for number in 0..3 {
        cluster.model.inventory.hosts[number].access = Access::None;
        for kind in [SourceKind::Services, SourceKind::Vip] {
            cluster.fails(number, kind, FailureKind::NotConfigured);
        }
    }
}

/// Two of three members are stopped, as the third and the load balancers tell.
fn two_stopped() -> Scene {
    let mut cluster = Scene::healthy("4.3.6");
    for number in 1..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Refused);
    }
    cluster.sees(0, Payload::Broker(view(0, "4.3.6", &[1, 2])));
    for front in 0..2 {
        cluster.sees(front, Payload::Balancer(balancer(&[1, 2])));
    }
    cluster
}

#[test]
fn less_knowledge_is_no_lesser_severity() {
    let mut cluster = two_stopped();
    without_ssh(&mut cluster);
    let found = found(&cluster);
    assert_eq!(found[0].id, "N5");
    assert_eq!(found[0].title, "2 of 3 members do not run: no majority");
    assert!(found[0].evidence.iter().any(|line| line.contains("Khepri")));
    assert!(
        !found[0]
            .evidence
            .iter()
            .any(|line| line.contains("quorum queues"))
    );
    assert_eq!(state(&cluster, 1), NodeState::NotRunning);
    let second = found
        .iter()
        .find(|f| f.subject == "rabbit@rabbit-node2")
        .unwrap();
    assert_eq!(second.severity, Severity::Critical);
    assert_eq!(
        second.title,
        "rabbit@rabbit-node2 is not running (rabbit-node1 says so)"
    );
    assert!(second.causes[0].starts_with("why it does not run is not known: no SSH"));
    assert_eq!(second.runbook, None);
    assert_eq!(findings::worst(&found), Some(Severity::Critical));
}

#[test]
fn the_majority_is_named_by_its_store() {
    let mut cluster = Scene::healthy("3.10.8");
    cluster.app_stopped(1);
    cluster.app_stopped(2);
    cluster.sees(0, Payload::Broker(view(0, "3.10.8", &[1, 2])));
    for number in 1..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Refused);
    }
    let found = found(&cluster);
    assert_eq!(found[0].id, "N5");
    assert!(!found[0].evidence.iter().any(|line| line.contains("Khepri")));
}

#[rstest]
#[case(true)]
#[case(false)]
fn a_management_plugin_that_is_off_stops_no_app(#[case] has_ssh: bool) {
    let mut cluster = healthy();
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Refused);
    }
    if !has_ssh {
        without_ssh(&mut cluster);
    }
    let found = found(&cluster);
    assert!(
        found.iter().all(|f| f.severity < Severity::Critical),
        "{found:?}"
    );
    for number in 0..3 {
        assert_eq!(state(&cluster, number), NodeState::Unknown);
    }
    let first = found.iter().find(|f| f.id == "N1").unwrap();
    assert!(
        first
            .title
            .contains("nothing listens on the management port of rabbit-node1")
    );
    assert!(first.causes[0].contains("rabbitmq_management"));
}

#[test]
fn a_tls_failure_is_no_dead_host() {
    let mut cluster = Scene::unseen();
    without_ssh(&mut cluster);
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Tls);
    }
    let found = found(&cluster);
    assert!((0..3).all(|number| state(&cluster, number) == NodeState::Unknown));
    assert!(
        found.iter().all(|f| f.severity < Severity::Critical),
        "{found:?}"
    );
    assert!(
        found[0]
            .title
            .contains("TLS to the management API of rabbit-node1 fails")
    );
    assert!(
        found
            .iter()
            .any(|f| f.causes.iter().any(|cause| cause.contains("ca_file")))
    );
}

#[test]
fn a_refused_page_of_haproxy_is_not_the_broker_s() {
    let mut cluster = healthy();
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Unauthorized);
    let found = found(&cluster);
    let refused = found.iter().find(|f| f.id == "S1").unwrap();
    assert_eq!(
        refused.title,
        "the statistics page of HAProxy on rabbit-node1 refuses the user or the password"
    );
}

/// Its service as systemd tells it.
fn life(cluster: &mut Scene, unit: UnitState, life: ServiceLife, log: &str) {
    let report = ServiceReport {
        rabbitmq: Some(unit),
        broker: Some(life),
        listening: Some(Vec::new()),
        start_log: vec![Shown::new(log)],
        ..services(2)
    };
    cluster.sees(2, Payload::Services(report));
}

#[test]
fn a_restart_loop_is_told_with_its_reason_and_its_answer() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let between = ServiceLife {
        sub_state: Shown::new("auto-restart"),
        result: Shown::new("exit-code"),
        restarts: 7,
        exit: Some(Exit {
            how: Shown::new("exited"),
            status: 1,
        }),
        ..ServiceLife::default()
    };
    let log = "{error,{inconsistent_cluster,\"Node 'rabbit@c' thinks it's clustered\"}}";
    life(&mut cluster, UnitState::Activating, between, log);
    assert_eq!(state(&cluster, 2), NodeState::Restarting);
    let found = found(&cluster);
    assert!(
        found[0].title.contains("7 times so far"),
        "{}",
        found[0].title
    );
    assert!(found[0].causes[0].contains("inconsistent_cluster"));
    assert_eq!(found[0].runbook.as_deref(), Some("rejoin"));
}

#[test]
fn restarts_counted_twice_are_a_loop_even_while_it_answers() {
    let mut cluster = healthy();
    for restarts in [0, 1, 2] {
        let seen = ServiceLife {
            restarts,
            ..ServiceLife::default()
        };
        cluster.passes(Duration::from_secs(5));
        life(&mut cluster, UnitState::Active, seen, "");
        cluster.sees(2, Payload::Broker(view(2, VERSION, &[])));
    }
    assert_eq!(state(&cluster, 2), NodeState::Restarting);
}

#[test]
fn a_start_says_what_it_waits_for_and_is_no_stopped_service() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let boots = ServiceLife {
        sub_state: Shown::new("start"),
        since: Some(Duration::from_secs(40)),
        start_limit: Some(Duration::from_secs(600)),
        ..ServiceLife::default()
    };
    let log = "Waiting for Mnesia tables for 30000 ms, 8 retries left";
    life(&mut cluster, UnitState::Activating, boots.clone(), log);
    assert_eq!(state(&cluster, 2), NodeState::Starting);
    let first = &found(&cluster)[0];
    assert_eq!(first.severity, Severity::Warning);
    assert!(first.title.contains("for 40 s"), "{}", first.title);
    assert!(first.title.contains("waits for members"), "{}", first.title);
    assert!(first.title.contains("gives up in 560 s"), "{}", first.title);
    let late = ServiceLife {
        since: Some(Duration::from_secs(200)),
        ..boots
    };
    life(&mut cluster, UnitState::Activating, late, log);
    assert_eq!(found(&cluster)[0].severity, Severity::Critical);
}

#[test]
fn who_accepts_connections_and_says_nothing_hangs() {
    let mut cluster = healthy();
    cluster.fails(2, SourceKind::Management, FailureKind::Mute);
    assert_eq!(state(&cluster, 2), NodeState::Running, "not for long yet");
    cluster.passes(Duration::from_secs(10));
    cluster.fails(2, SourceKind::Management, FailureKind::Mute);
    assert_eq!(state(&cluster, 2), NodeState::Hung);
    let hung = &found(&cluster)[0];
    assert_eq!(hung.runbook.as_deref(), Some("stop-node --kill"));
}

#[test]
fn a_partition_stands_above_what_follows_from_it() {
    let mut cluster = Scene::healthy("4.3.6");
    for _look in 0..2 {
        cluster.passes(Duration::from_secs(5));
        for (by, cut) in [(0, vec![2]), (1, vec![2]), (2, vec![0, 1])] {
            cluster.sees(by, Payload::Broker(view(by, "4.3.6", &cut)));
        }
    }
    for front in 0..2 {
        cluster.sees(front, Payload::Balancer(balancer(&[2])));
        cluster.sees(front, Payload::Services(services(front)));
    }
    let found = found(&cluster);
    assert_eq!(
        found[0].title,
        "network partition: rabbit@rabbit-node1 and rabbit@rabbit-node2 on one side, \
         rabbit@rabbit-node3 on the other"
    );
    assert_eq!(found[0].severity, Severity::Critical);
    assert_eq!(found[0].consequences, ["D1"]);
    let d1 = found.iter().find(|f| f.id == "D1").unwrap();
    assert_eq!(d1.consequence_of.as_ref().unwrap().id, "D16");
}

#[test]
fn one_that_left_and_gets_clients_is_critical() {
    let mut cluster = healthy();
    for by in 0..2 {
        let mut report = view(by, VERSION, &[]);
        report.nodes.truncate(2);
        cluster.sees(by, Payload::Broker(report));
    }
    let mut own = view(2, VERSION, &[]);
    own.nodes.retain(|row| row.name == node(2));
    cluster.sees(2, Payload::Broker(own));
    let told = found(&cluster);
    assert_eq!(told[0].id, "N4");
    assert_eq!(told[0].severity, Severity::Critical);
    assert_eq!(told[0].runbook.as_deref(), Some("join"));
    let seen = cluster.model.node(&node(2), cluster.now);
    assert_eq!((seen.state, seen.member), (NodeState::Running, Some(false)));
}

/// Up to 3.11.18 no API tells who is in maintenance mode: its host is asked, and only then.
#[test]
fn who_takes_nobody_is_asked_whether_it_is_drained() {
    let drained = |version: &str| Cluster {
        version: version.to_owned(),
        draining: vec![2],
        ..Cluster::healthy()
    };
    let now = Moment::ORIGIN;
    let kinds = [
        SourceKind::Management,
        SourceKind::Services,
        SourceKind::Haproxy,
    ];
    let look = |truth: &Cluster, kinds: &[SourceKind]| {
        let mut scene = Scene {
            model: Model::new(truth.inventory()),
            now,
        };
        let seen = truth.look(kinds, now);
        for it in seen {
            scene.model.apply(it);
        }
        scene
    };
    let truth = drained("3.10.8");
    let mut scene = look(&truth, &kinds);
    assert_eq!(scene.model.suspects(now), [host(2)]);
    for seen in truth.look(&[SourceKind::NodeStatus], now) {
        if seen.source.host == host(2) {
            scene.model.apply(seen);
        }
    }
    assert_eq!(scene.model.suspects(now), [host(2)], "what it said ages");
    let found = found(&scene);
    let root = &found[0];
    assert_eq!(
        (root.id.as_str(), root.severity, root.runbook.as_deref()),
        ("N2", Severity::Warning, Some("revive"))
    );
    // Newer ones are told of by their peers, and a stopped app is known to be one.
    assert_eq!(look(&drained("4.3.6"), &kinds).model.suspects(now), []);
    let stopped = Cluster::healthy().with_life(2, Life::AppStopped);
    assert_eq!(look(&stopped, &kinds).model.suspects(now), []);
}

/// Packets to two hosts are dropped on the way from here, and there is no load balancer to ask. While
/// a peer is really silent, no member can answer for the whole cluster.
#[test]
fn hosts_that_only_this_machine_does_not_reach_are_not_lost() {
    let mut cluster = healthy();
    for host in &mut cluster.model.inventory.hosts {
        host.balancer = None;
    }
    cluster.model.balancers.clear();
    for number in 1..3 {
        cluster.host_silent(number);
    }
    assert_eq!(
        state(&cluster, 1),
        NodeState::Unreachable,
        "it may have died"
    );
    assert!(found(&cluster).iter().all(|finding| finding.id != "N5"));
    cluster.passes(Duration::from_secs(4));
    for number in 1..3 {
        cluster.host_silent(number);
    }
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[])));
    assert_eq!(
        state(&cluster, 1),
        NodeState::Running,
        "a peer still sees it"
    );
    assert!(found(&cluster).iter().all(|finding| finding.id != "N1"));
}

/// Two that stand alone: which of them left is not known, so that none is called the stranger.
#[test]
fn a_member_that_stands_alone_is_no_witness_against_another() {
    let alone = |cluster: &mut Scene, number: usize| {
        let mut own = view(number, VERSION, &[]);
        own.nodes.retain(|row| row.name == node(number));
        cluster.sees(number, Payload::Broker(own));
    };
    let mut cluster = healthy();
    cluster.service_stopped(1);
    alone(&mut cluster, 2);
    alone(&mut cluster, 0);
    assert_eq!(cluster.model.is_member(&node(0), cluster.now), None);
    // The one that still counts two is no stranger to the one that counts itself.
    let mut two = view(0, VERSION, &[1]);
    two.nodes.retain(|row| row.name != node(2));
    cluster.sees(0, Payload::Broker(two));
    assert_ne!(cluster.model.is_member(&node(0), cluster.now), Some(false));
    assert_eq!(cluster.model.is_member(&node(2), cluster.now), Some(false));
}

/// It was forgotten while it was down: with what is on its disk it would only be turned away.
#[test]
fn a_stopped_node_that_the_others_do_not_list_is_answered_by_rejoin() {
    let mut cluster = healthy();
    cluster.service_stopped(2);
    for number in 0..2 {
        let mut report = view(number, VERSION, &[]);
        report.nodes.retain(|row| row.name != node(2));
        cluster.sees(number, Payload::Broker(report));
    }
    let found = found(&cluster);
    let down = found.iter().find(|finding| finding.id == "N1").unwrap();
    assert_eq!(down.severity, Severity::Warning);
    assert_eq!(down.runbook.as_deref(), Some("rejoin"));
}

/// A partition that was healed and is still listed explains no member that was stopped since.
#[test]
fn an_old_partition_does_not_swallow_a_stopped_member() {
    let mut cluster = healthy();
    cluster.service_stopped(1);
    let mut report = view(0, VERSION, &[1]);
    for row in &mut report.nodes {
        if row.name == node(0) {
            row.partitions = vec![node(2)];
        }
    }
    cluster.sees(0, Payload::Broker(report));
    let found = found(&cluster);
    let down = found.iter().find(|finding| finding.id == "N1").unwrap();
    assert_eq!(down.consequence_of, None);
    assert_eq!(down.runbook.as_deref(), Some("start-node"));
    assert!(found.iter().any(|finding| finding.id == "N3"));
}

/// The side that accepts a connection logs that the cookies differ, whose ever it is.
#[test]
fn a_cookie_is_wrong_only_where_the_log_tells_of_its_own() {
    let fault = |line: &str, unseen: bool| {
        let mut cluster = healthy();
        cluster.app_stopped(2);
        if unseen {
            cluster.fails(1, SourceKind::Management, FailureKind::Refused);
            cluster.sees(0, Payload::Broker(view(0, VERSION, &[1, 2])));
        }
        let starts = ServiceLife::default();
        life(&mut cluster, UnitState::Activating, starts, line);
        let found = found(&cluster);
        let of_it = |finding: &&Finding| finding.id == "N1" && finding.subject.contains("node3");
        let first = found.iter().find(of_it).unwrap();
        first.title.contains("cookie")
    };
    let away = |name: &str| {
        format!("** Connection attempt from node '{name}' rejected. Invalid challenge reply. **")
    };
    assert!(
        fault(&away("rabbit@rabbit-node2"), false),
        "the others see that peer run"
    );
    assert!(
        !fault(&away("rabbitmqcli-7-rabbit@rabbit-node3"), false),
        "a tool's cookie"
    );
    assert!(
        !fault(&away("rabbit@rabbit-node2"), true),
        "nobody sees that peer run"
    );
}

/// It was cut off, forgotten, and sees nobody: what it says of the others is no dispute (seen on
/// 3.10.8).
#[test]
fn a_node_that_was_forgotten_while_it_ran_speaks_for_itself_only() {
    let mut cluster = healthy();
    for number in 0..2 {
        let mut members = view(number, VERSION, &[]);
        members.nodes.retain(|row| row.name != node(2));
        cluster.sees(number, Payload::Broker(members));
    }
    cluster.sees(2, Payload::Broker(view(2, VERSION, &[0, 1])));
    assert!(cluster.model.disagreements.is_empty());
    let all = found(&cluster);
    assert_eq!((all[0].id.as_str(), all.len()), ("N4", 1), "{all:#?}");
    assert_eq!(state(&cluster, 0), NodeState::Running);
    let answer = all[0].runbook.as_deref().unwrap();
    assert!(answer.contains("rejoin"), "{answer}");
}
