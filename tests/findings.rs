//! States of the article's cluster and the findings that must, and must not, follow from them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(dead_code, reason = "not every test uses all of what tests share")]

#[path = "findings/balancers.rs"]
mod balancers;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "findings/machines.rs"]
mod machines;
#[path = "findings/members.rs"]
mod members;
#[path = "findings/named.rs"]
mod named;
#[path = "findings/pair.rs"]
mod pair;
#[path = "findings/queues.rs"]
mod queues;
#[path = "support/scene.rs"]
mod scene;
#[path = "findings/servers.rs"]
mod servers;
#[path = "findings/sources.rs"]
mod sources;
#[path = "findings/vip.rs"]
mod vip;
#[path = "findings/watch.rs"]
mod watch;

use cluster::{VIP, host, node};
use rmqtop::findings::{self, Finding, Severity};
use rmqtop::model::host::{ServiceReport, UnitState};
use rmqtop::model::node::NodeState;
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};
use rmqtop::model::path::MatchBasis;
use rmqtop::model::text::Shown;
use rmqtop::model::vip::VipVerdict;
use rmqtop::model::vrrp::Daemon;
use scene::{Scene, Vip, addresses, balancer, keepalived, services, view};
use std::time::Duration;

const VERSION: &str = "3.10.8";

fn healthy() -> Scene {
    Scene::healthy(VERSION)
}

fn found(cluster: &Scene) -> Vec<Finding> {
    findings::all(&cluster.model, cluster.now)
}

fn ids(cluster: &Scene) -> Vec<(String, Severity, String)> {
    found(cluster)
        .into_iter()
        .map(|f| (f.id, f.severity, f.subject))
        .collect()
}

fn is(id: &str, severity: Severity, subject: &str) -> (String, Severity, String) {
    (id.to_owned(), severity, subject.to_owned())
}

fn verdict(cluster: &Scene) -> VipVerdict {
    cluster.model.vip(VIP.parse().unwrap(), cluster.now).verdict
}

fn state(cluster: &Scene, number: usize) -> NodeState {
    cluster.model.node(&node(number), cluster.now).state
}

#[test]
fn nothing_is_wrong_with_a_healthy_cluster() {
    let cluster = healthy();
    assert_eq!(ids(&cluster), vec![]);
    assert_eq!(verdict(&cluster), VipVerdict::Ok);
    assert!((0..3).all(|number| state(&cluster, number) == NodeState::Running));
    let vip = cluster.model.vip(VIP.parse().unwrap(), cluster.now);
    assert_eq!((vip.holders, vip.expected), (vec![host(0)], Some(host(0))));
}

#[test]
fn a_stopped_app_is_the_cause_and_the_servers_are_its_consequence() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    assert_eq!(state(&cluster, 2), NodeState::AppStopped);
    assert_eq!(
        ids(&cluster),
        vec![
            is("N1", Severity::Critical, "rabbit@rabbit-node3"),
            is("S1", Severity::Warning, "rabbit-node3"),
            is("S2", Severity::Warning, "mq-node3"),
        ]
    );
    let found = found(&cluster);
    assert_eq!(found[0].runbook.as_deref(), Some("start-app"));
    assert_eq!(found[0].consequences, ["S1", "S2"]);
    let root = found[2].consequence_of.as_ref().unwrap();
    assert_eq!(
        (root.id.as_str(), root.subject.as_str()),
        ("N1", "rabbit@rabbit-node3")
    );
    assert_eq!(found[2].title, "mq-node3 is DOWN on both load balancers");
}

#[test]
fn the_states_are_told_apart() {
    let mut cluster = healthy();
    cluster.service_stopped(2);
    assert_eq!(state(&cluster, 2), NodeState::Down);

    let mut cluster = healthy();
    cluster.host_silent(2);
    assert_eq!(
        state(&cluster, 2),
        NodeState::Unreachable,
        "although the peers still say running"
    );
    assert_eq!(
        ids(&cluster)[0],
        is("N1", Severity::Critical, "rabbit@rabbit-node3")
    );

    let mut cluster = healthy();
    cluster.others_see_stopped(2);
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    cluster.fails(2, SourceKind::Services, FailureKind::Login);
    assert_eq!(
        state(&cluster, 2),
        NodeState::NotRunning,
        "app stopped or down: SSH would tell"
    );

    let mut cluster = healthy();
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[2])));
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    assert_eq!(state(&cluster, 2), NodeState::Unknown, "its peers disagree");
}

#[test]
fn a_node_whose_own_api_is_off_runs_if_its_peers_say_so() {
    let mut cluster = healthy();
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    assert_eq!(state(&cluster, 2), NodeState::Running);
    assert_eq!(
        ids(&cluster),
        vec![is("S1", Severity::Warning, "rabbit-node3")]
    );
}

#[test]
fn a_running_runtime_alone_does_not_make_an_app_stopped() {
    let mut cluster = healthy();
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Unauthorized);
    }
    assert!((0..3).all(|number| state(&cluster, number) == NodeState::Unknown));
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    assert_eq!(
        state(&cluster, 2),
        NodeState::Unknown,
        "its AMQP port listens"
    );
    let closed = ServiceReport {
        listening: Some(Vec::new()),
        ..services(2)
    };
    cluster.sees(2, Payload::Services(closed));
    assert_eq!(state(&cluster, 2), NodeState::Unknown, "its server is UP");
    for front in 0..2 {
        cluster.sees(front, Payload::Balancer(balancer(&[2])));
    }
    assert_eq!(state(&cluster, 2), NodeState::AppStopped);
}

#[test]
fn old_data_is_not_taken_for_health() {
    let mut cluster = healthy();
    cluster.passes(Duration::from_secs(3600));
    assert!((0..3).all(|number| state(&cluster, number) == NodeState::Unknown));
    assert_eq!(verdict(&cluster), VipVerdict::Unknown);
    assert_eq!(findings::worst(&found(&cluster)), Some(Severity::Unknown));
}

#[test]
fn a_dead_holder_leaves_a_holder_without_standby_and_never_no_holder() {
    let mut cluster = healthy();
    cluster.passes(Duration::from_secs(1)).host_silent(0);
    assert_eq!(
        verdict(&cluster),
        VipVerdict::Unknown,
        "the other has not taken over yet"
    );
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    assert_eq!(
        verdict(&cluster),
        VipVerdict::Unknown,
        "only the way from here may be cut"
    );
    cluster.others_see_stopped(0);
    assert_eq!(verdict(&cluster), VipVerdict::NoStandby);
}

#[test]
fn a_stopped_keepalived_leaves_no_standby() {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Vrrp(keepalived(0, Daemon::Inactive)));
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    assert_eq!(verdict(&cluster), VipVerdict::NoStandby);
    assert_eq!(ids(&cluster), vec![is("V1", Severity::Warning, VIP)]);

    cluster.sees(1, Payload::Vrrp(keepalived(1, Daemon::Failed)));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Absent)));
    assert_eq!(verdict(&cluster), VipVerdict::None);
    cluster.passes(Duration::from_secs(1));
    assert_eq!(ids(&cluster), vec![is("D6", Severity::Critical, VIP)]);
}

#[test]
fn two_holders_are_a_split_and_the_lesser_holder_is_wrong() {
    let mut cluster = healthy();
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    assert_eq!(verdict(&cluster), VipVerdict::Split);
    cluster.passes(Duration::from_secs(1));
    assert_eq!(ids(&cluster), vec![is("D18", Severity::Critical, VIP)]);
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    assert_eq!(
        verdict(&cluster),
        VipVerdict::WrongHolder,
        "priority 100 would preempt 50"
    );
}

/// As `rmqtop check` sees it, which asks every host once.
#[test]
fn a_split_that_is_there_at_the_first_look_is_told_at_once() {
    let mut cluster = Scene::unseen();
    for member in 0..2 {
        let held = addresses(member, Vip::Held);
        cluster.sees(member, Payload::Addresses(held));
    }
    assert_eq!(verdict(&cluster), VipVerdict::Split);
    let told = ids(&cluster);
    assert!(
        told.contains(&is("D18", Severity::Critical, VIP)),
        "{told:?}"
    );
}

#[test]
fn a_handover_is_no_split_and_no_loss() {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    assert_eq!(verdict(&cluster), VipVerdict::None);
    assert_eq!(ids(&cluster), vec![], "not yet worth an alarm");
    cluster.passes(Duration::from_millis(999));
    assert_eq!(ids(&cluster), vec![]);
    cluster.passes(Duration::from_millis(1));
    assert_eq!(ids(&cluster), vec![is("D6", Severity::Critical, VIP)]);
}

#[test]
fn another_address_that_comes_and_goes_does_not_hide_a_lost_vip() {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster.passes(Duration::from_secs(1));
    let mut other = addresses(1, Vip::Absent);
    other.addresses.pop();
    cluster.sees(1, Payload::Addresses(other));
    assert_eq!(ids(&cluster), vec![is("D6", Severity::Critical, VIP)]);
}

/// One fault, told once.
#[test]
fn a_holder_without_haproxy_follows_from_that() {
    let mut cluster = healthy();
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Refused);
    let mut failed = services(0);
    failed.haproxy = Some(UnitState::Failed);
    cluster.sees(0, Payload::Services(failed));
    let all = findings::all(&cluster.model, cluster.now);
    let v2 = all.iter().find(|finding| finding.id == "V2").unwrap();
    assert_eq!(v2.consequence_of.as_ref().unwrap().id, "H1", "{all:#?}");
}

#[test]
fn a_move_is_no_wrong_holder_before_the_daemons_were_asked_again() {
    let mut cluster = healthy();
    cluster.passes(Duration::from_secs(3));
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Absent)));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Held)));
    cluster.passes(Duration::from_secs(2));
    assert_eq!(
        ids(&cluster),
        vec![],
        "keepalived on node1 was last seen active before the move"
    );
    for number in 0..2 {
        cluster.sees(number, Payload::Services(services(number)));
        cluster.sees(number, Payload::Vrrp(keepalived(number, Daemon::Active)));
    }
    assert_eq!(ids(&cluster), vec![is("V2", Severity::Warning, VIP)]);
}

#[test]
fn what_was_not_asked_yet_is_no_trouble() {
    let cluster = Scene::unseen();
    assert_eq!(verdict(&cluster), VipVerdict::Unknown);
    assert_eq!(ids(&cluster), vec![]);
}

#[test]
fn a_host_that_cannot_be_asked_is_never_taken_for_one_that_does_not_hold() {
    let mut cluster = healthy();
    cluster.fails(0, SourceKind::Vip, FailureKind::Login);
    assert_eq!(verdict(&cluster), VipVerdict::Unknown);
    let mut cluster = healthy();
    cluster.fails(1, SourceKind::Vip, FailureKind::Login);
    assert_eq!(
        verdict(&cluster),
        VipVerdict::Unknown,
        "it may hold the address as well"
    );
}

#[test]
fn a_server_down_although_the_node_runs_is_its_own_trouble() {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Balancer(balancer(&[1])));
    assert_eq!(ids(&cluster), vec![is("D2", Severity::Warning, "mq-node2")]);
    cluster.sees(1, Payload::Balancer(balancer(&[1])));
    assert_eq!(
        ids(&cluster),
        vec![is("D1", Severity::Critical, "mq-node2")]
    );
    cluster.sees(0, Payload::Balancer(balancer(&[0, 1, 2])));
    assert!(ids(&cluster).contains(&is("D4", Severity::Critical, "rabbit-node1")));
}

#[test]
fn a_server_still_up_before_a_stopped_app_is_told() {
    let mut cluster = healthy();
    cluster.others_see_stopped(2);
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    assert!(ids(&cluster).contains(&is("D3", Severity::Warning, "mq-node3")));
}

#[test]
fn servers_are_joined_by_address_and_only_then_by_name() {
    let mut cluster = healthy();
    let mut report = balancer(&[]);
    // The name says node1, the address says node3: the address is right.
    report.backends[0].servers[0].address = Some(Shown::new("192.168.0.15:5672"));
    report.backends[0].servers[1].address = None;
    report.backends[0].servers[2].address = Some(Shown::new("10.0.0.9:5672"));
    cluster.sees(0, Payload::Balancer(report.clone()));
    let servers = &report.backends[0].servers;
    let behind = |n: usize| {
        cluster
            .model
            .member_behind(&host(0), &servers[n])
            .map(|(n, b)| (n.clone(), b))
    };
    assert_eq!(behind(0), Some((node(2), MatchBasis::Address)));
    assert_eq!(behind(1), Some((node(1), MatchBasis::Name)));
    assert_eq!(
        behind(2),
        None,
        "a known address that is nobody's is not guessed by name"
    );
    // It may be node3's own: whether another server is left cannot be told.
    let now = cluster.now;
    let (last, unknown) = cluster.model.last_server_on(&node(1), now);
    assert_eq!((last.len(), unknown.contains(&host(0))), (0, false));
    report.backends[0].servers[0].address = Some(Shown::new("10.0.0.8:5672"));
    cluster.sees(0, Payload::Balancer(report.clone()));
    let (last, unknown) = cluster.model.last_server_on(&node(2), now);
    assert_eq!((last.len(), unknown.contains(&host(0))), (0, true));
    // Of a host that is declared by a name nobody knows the addresses.
    cluster.model.inventory.hosts[2].addresses.clear();
    cluster.model.addresses.remove(&host(2));
    let found = cluster
        .model
        .member_behind(&host(0), &report.backends[0].servers[2]);
    assert_eq!(found, Some((&node(2), MatchBasis::Name)));
}

#[test]
fn an_alarm_names_the_node_that_raised_it() {
    let mut cluster = healthy();
    for by in 0..3 {
        let mut report = view(by, VERSION, &[]);
        report.nodes[1].stats.as_mut().unwrap().memory_alarm = Some(true);
        cluster.sees(by, Payload::Broker(report));
    }
    assert_eq!(
        ids(&cluster),
        vec![is("D10", Severity::Critical, "rabbit@rabbit-node2")]
    );
}

#[test]
fn a_reported_partition_is_critical() {
    let mut cluster = healthy();
    let mut report = view(0, VERSION, &[]);
    report.nodes[0].partitions = vec![node(2)];
    cluster.sees(0, Payload::Broker(report));
    assert_eq!(ids(&cluster), vec![is("N3", Severity::Critical, "prod")]);
}

#[test]
fn views_that_differ_for_a_moment_are_no_partition_yet() {
    let mut cluster = healthy();
    cluster.passes(Duration::from_secs(2));
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[2])));
    assert_eq!(
        ids(&cluster),
        vec![],
        "the others were asked before the change"
    );
    assert_ne!(state(&cluster, 2), NodeState::Unknown);
    cluster.sees(1, Payload::Broker(view(1, VERSION, &[])));
    assert_eq!(ids(&cluster), vec![is("D16", Severity::Warning, "prod")]);
    cluster.passes(Duration::from_secs(12));
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[2])));
    cluster.sees(1, Payload::Broker(view(1, VERSION, &[])));
    cluster.sees(2, Payload::Broker(view(2, VERSION, &[])));
    assert_eq!(ids(&cluster)[0], is("D16", Severity::Critical, "prod"));
    assert_eq!(
        found(&cluster)[0].title,
        "network partition: rabbit@rabbit-node1 on one side, rabbit@rabbit-node3 on the other"
    );
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[])));
    assert!(cluster.model.disagreements.is_empty());
}

#[test]
fn haproxy_down_matters_most_where_the_vip_is() {
    let down = |cluster: &mut Scene, number| {
        let report = ServiceReport {
            haproxy: Some(UnitState::Failed),
            ..services(number)
        };
        cluster.sees(number, Payload::Services(report));
        cluster.fails(number, SourceKind::Haproxy, FailureKind::Refused);
    };
    let mut cluster = healthy();
    down(&mut cluster, 1);
    assert_eq!(
        ids(&cluster),
        vec![is("H1", Severity::Warning, "rabbit-node2")]
    );
    let mut cluster = healthy();
    down(&mut cluster, 0);
    assert!(ids(&cluster).contains(&is("H1", Severity::Critical, "rabbit-node1")));
    assert_eq!(
        verdict(&cluster),
        VipVerdict::WrongHolder,
        "the standby's HAProxy is up"
    );
}
