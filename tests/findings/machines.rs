//! Two brokers on one machine, at one address: told apart by their ports, and the machine's VIP is
//! held on both.

use super::cluster::{VIP, host, node};
use super::found;
use super::healthy;
use super::scene::{Scene, services};
use super::servers::listening;
use rmqtop::model::balancer::ServerRow;
use rmqtop::model::inventory::{HostEntry, Keepalived};
use rmqtop::model::name::{HostName, NodeName};
use rmqtop::model::node::NodeState;
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};
use rmqtop::model::path::MatchBasis;
use rmqtop::model::text::Shown;
use std::net::SocketAddr;

fn second() -> NodeName {
    NodeName::parse("second@rabbit-node1").unwrap()
}

/// A fourth member on the machine of the first.
fn shared() -> Scene {
    let mut cluster = healthy();
    let first = cluster.model.inventory.hosts[0].clone();
    cluster.model.inventory.hosts.push(HostEntry {
        name: host(3),
        node: Some(second()),
        port: Some(15673),
        keepalived: Keepalived::Absent,
        balancer: None,
        ..first
    });
    cluster
}

fn behind(cluster: &Scene, address: &str) -> Option<(NodeName, MatchBasis)> {
    let server = ServerRow {
        address: Some(Shown::new(address)),
        name: Shown::new("mq"),
        ..ServerRow::default()
    };
    let found = cluster.model.member_behind(&host(0), &server);
    found.map(|(found, basis)| (found.clone(), basis))
}

#[test]
fn brokers_at_one_address_are_told_apart_by_port() {
    let mut cluster = healthy();
    let one = cluster.model.inventory.hosts[0].addresses.clone();
    cluster.model.inventory.hosts[1].addresses = one;
    cluster.sees(0, listening(&[(0, 5672), (1, 5673)]));
    let by_address = |of| Some((node(of), MatchBasis::Address));
    assert_eq!(behind(&cluster, "192.168.0.12:5672"), by_address(0));
    assert_eq!(behind(&cluster, "192.168.0.12:5673"), by_address(1));
    assert_eq!(behind(&cluster, "192.168.0.12:5674"), None, "of neither");
    // A member that stopped is not listed any more, and its port stays known.
    cluster.sees(0, listening(&[(0, 5672)]));
    assert_eq!(behind(&cluster, "192.168.0.12:5673"), by_address(1));
}

/// As a first look sees it: of who does not run nobody lists the ports.
#[test]
fn the_port_that_no_running_broker_has_is_that_of_the_one_that_stopped() {
    let mut cluster = shared();
    assert_eq!(behind(&cluster, "192.168.0.12:5673"), None, "not told yet");
    cluster.sees(0, listening(&[(0, 5672), (1, 5672), (2, 5672)]));
    let by_address = |node| Some((node, MatchBasis::Address));
    assert_eq!(behind(&cluster, "192.168.0.12:5672"), by_address(node(0)));
    assert_eq!(behind(&cluster, "192.168.0.12:5673"), by_address(second()));
}

/// The other broker's port is no sign of life.
#[test]
fn a_stopped_broker_is_not_taken_to_listen_where_its_neighbour_does() {
    let mut cluster = shared();
    cluster.sees(0, listening(&[(0, 5672), (1, 5672), (2, 5672)]));
    let mut report = services(0);
    report.listening = Some(vec![SocketAddr::from(([0, 0, 0, 0], 5672))]);
    cluster.sees(3, Payload::Services(report));
    cluster.fails(3, SourceKind::Management, FailureKind::Refused);
    let view = cluster.model.node(&second(), cluster.now);
    assert_ne!(view.state, NodeState::Running);
    let told: Vec<String> = found(&cluster)
        .into_iter()
        .flat_map(|it| it.evidence)
        .collect();
    let says_so = told.iter().any(|line| line.contains("AMQP port listens"));
    assert!(!says_so, "{told:#?}");
}

#[test]
fn the_vip_of_a_machine_is_held_on_each_of_its_declared_hosts() {
    let cluster = shared();
    let vip = cluster.model.vip(VIP.parse().unwrap(), cluster.now);
    let inventory = &cluster.model.inventory;
    assert_eq!(vip.holders, [host(0)]);
    let is_held = |name: &HostName| vip.is_held_on(name, inventory);
    let held: Vec<bool> = inventory.hosts.iter().map(|it| is_held(&it.name)).collect();
    assert_eq!(held, [true, false, false, true]);
}
