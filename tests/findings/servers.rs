//! Servers: which member stands behind them, by whom they are kept out, why they are down; and
//! nothing is concluded from what could not be read.

use super::balancers::{backend, both, finding, row, with};
use super::cluster::{host, node};
use super::scene::{Scene, services, view};
use super::{VERSION, found, healthy, ids, is};
use rmqtop::findings::Severity;
use rmqtop::model::balancer::{BalancerReport, ServerRole, ServerStatus, UnreadLine};
use rmqtop::model::broker::{Listener, MessageTotals};
use rmqtop::model::host::{ServiceReport, UnitState};
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};
use rmqtop::model::path::{MatchBasis, Placed};
use rmqtop::model::text::Shown;
use rstest::rstest;

#[rstest]
#[case("MAINT", "MAINT, by a person, or by `disabled` in haproxy.cfg")]
#[case("DRAIN", "DRAIN, by a person")]
#[case("DRAIN (agent)", "DRAIN (agent), by its agent or by a person")]
#[case(
    "MAINT (resolution)",
    "MAINT (resolution), by DNS: its name does not resolve there"
)]
#[case("MAINT (via px/a)", "MAINT (via px/a), because it follows px/a")]
#[case("NOLB 1/3", "NOLB 1/3, by its check, which answers 404")]
fn a_server_that_is_kept_out_is_told_with_by_whom_and_where_it_differs(
    #[case] status: &str,
    #[case] words: &str,
) {
    let out = with(|report| row(report, 2).status = ServerStatus::parse(status));
    let mut cluster = healthy();
    cluster.sees(0, Payload::Balancer(out.clone()));
    assert_eq!(ids(&cluster), vec![is("S3", Severity::Warning, "mq-node3")]);
    assert_eq!(
        found(&cluster)[0].title,
        format!("rabbit-node1 sends mq-node3 no new clients ({words}); rabbit-node2 does")
    );
    both(&mut cluster, &out);
    assert_eq!(
        found(&cluster)[0].title,
        format!("both load balancers send mq-node3 no new clients ({words})")
    );
}

#[test]
fn a_server_that_is_kept_out_in_two_ways_is_told_once() {
    let mut cluster = healthy();
    let weightless = with(|report| row(report, 2).weight = Some(0));
    cluster.sees(0, Payload::Balancer(weightless));
    let drained = with(|report| row(report, 2).status = ServerStatus::Drain(None));
    cluster.sees(1, Payload::Balancer(drained));
    let found = finding(&cluster, "S3", "mq-node3");
    assert_eq!(
        found.title,
        "rabbit-node1 sends mq-node3 no new clients (weight 0, set by a person or in haproxy.cfg), \
         nor does rabbit-node2 (DRAIN, by a person)"
    );
    let back = "put back by `set server rabbitmq_cluster/mq-node3 weight 100%` on the runtime \
                socket of rabbit-node1";
    assert!(found.evidence.contains(&back.to_owned()), "{found:#?}");
}

/// The third server is a backup, and two others are left.
fn with_backup() -> BalancerReport {
    with(|report| {
        row(report, 2).role = ServerRole::Backup;
        let backend = backend(report);
        (backend.active, backend.backup) = (Some(2), Some(1));
    })
}

#[test]
fn a_backup_gets_no_clients_while_others_are_left() {
    let used = "rabbit-node1 sends mq-node3 no new clients (backup, MAINT, by a person, or by \
                `disabled` in haproxy.cfg)";
    let mut cluster = healthy();
    both(&mut cluster, &with_backup());
    let mut out = with_backup();
    row(&mut out, 2).status = ServerStatus::Maint;
    cluster.sees(0, Payload::Balancer(out));
    assert_eq!(finding(&cluster, "S3", "mq-node3").title, used);
    // Its node does not run, and its server is still UP: nobody is sent there.
    let mut cluster = healthy();
    cluster.app_stopped(2);
    both(&mut cluster, &with_backup());
    assert!(!found(&cluster).iter().any(|it| it.id == "D3"));
    // DOWN, and not missed.
    let mut cluster = healthy();
    let mut down = with_backup();
    row(&mut down, 2).status = ServerStatus::Down(None);
    both(&mut cluster, &down);
    assert_eq!(ids(&cluster), vec![is("D1", Severity::Warning, "mq-node3")]);
}

/// A node that left and a backup that leads to it: nobody is sent there.
#[test]
fn a_stranger_behind_a_backup_gets_no_clients() {
    let mut cluster = healthy();
    for by in 0..2 {
        let mut report = view(by, VERSION, &[]);
        report.nodes.pop();
        cluster.sees(by, Payload::Broker(report));
    }
    let stranger = |cluster: &Scene| finding(cluster, "N4", "rabbit@rabbit-node3").severity;
    assert_eq!(stranger(&cluster), Severity::Critical);
    both(&mut cluster, &with_backup());
    assert_eq!(stranger(&cluster), Severity::Warning);
}

/// One load balancer says DOWN; the page of the other asks for a password.
#[test]
fn a_load_balancer_that_was_not_read_is_counted_as_one_that_was_not() {
    let mut cluster = healthy();
    let down = with(|report| row(report, 2).status = ServerStatus::Down(None));
    both(&mut cluster, &down);
    let title = |cluster: &Scene| finding(cluster, "D1", "mq-node3").title;
    let both_say = "mq-node3 is DOWN on both load balancers, but the node runs";
    assert_eq!(title(&cluster), both_say);
    let shunned = |cluster: &Scene| {
        let seen = cluster.model.node(&node(2), cluster.now);
        seen.known.shunned_by
    };
    assert_eq!(shunned(&cluster), ["rabbit-node1", "rabbit-node2"]);
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Unauthorized);
    let one_says = "mq-node3 is DOWN on rabbit-node1, but the node runs";
    assert_eq!(title(&cluster), one_says);
    assert_eq!(shunned(&cluster), Vec::<String>::new());
    // One that is down sends nobody anything.
    let stopped = ServiceReport {
        haproxy: Some(UnitState::Inactive),
        ..services(1)
    };
    cluster.sees(1, Payload::Services(stopped));
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Refused);
    assert_eq!(shunned(&cluster), ["rabbit-node1"]);
}

#[test]
fn two_of_three_that_a_person_took_out_are_two_warnings() {
    let mut cluster = healthy();
    let report = with(|report| {
        row(report, 1).status = ServerStatus::Maint;
        row(report, 2).status = ServerStatus::Drain(None);
    });
    both(&mut cluster, &report);
    let expected = ["mq-node2", "mq-node3"].map(|name| is("S3", Severity::Warning, name));
    assert_eq!(ids(&cluster), expected);
    let back = "put back by `set server rabbitmq_cluster/mq-node2 state ready` on the runtime \
                socket of rabbit-node1";
    assert!(found(&cluster)[0].evidence.contains(&back.to_owned()));
}

#[test]
fn a_running_member_in_no_backend_is_told_and_not_while_a_line_could_not_be_read() {
    let lacking = with(|report| {
        backend(report).servers.pop();
    });
    let mut cluster = healthy();
    cluster.sees(0, Payload::Balancer(lacking.clone()));
    assert_eq!(
        ids(&cluster),
        vec![is("S4", Severity::Warning, "rabbit@rabbit-node3")]
    );
    assert_eq!(
        found(&cluster)[0].title,
        "rabbit@rabbit-node3 runs, but HAProxy on rabbit-node1 has no server for it"
    );
    both(&mut cluster, &lacking);
    assert_eq!(
        found(&cluster)[0].title,
        "rabbit@rabbit-node3 runs, but is behind no load balancer"
    );
    let mut unread = lacking;
    unread.unread.push(UnreadLine::default());
    both(&mut cluster, &unread);
    let lines = ["rabbit-node1", "rabbit-node2"].map(|on| is("S5", Severity::Warning, on));
    assert_eq!(ids(&cluster), lines);
    assert_eq!(
        found(&cluster)[0].title,
        "1 line of HAProxy's statistics on rabbit-node1 could not be read"
    );
    let entry = cluster.model.inventory.host(&host(0)).unwrap();
    let placed = cluster.model.placed(&node(2), entry, cluster.now);
    assert_eq!(placed, Placed::Unknown);
    let (last, unknown) = cluster.model.last_server_on(&node(0), cluster.now);
    assert_eq!((last, unknown), (vec![], vec![]), "node2 is another");
}

#[test]
fn the_only_other_server_may_be_on_a_line_that_could_not_be_read() {
    let mut cluster = healthy();
    let report = with(|report| {
        backend(report).servers.truncate(1);
        report.unread.push(UnreadLine::default());
    });
    cluster.sees(0, Payload::Balancer(report));
    let (last, unknown) = cluster.model.last_server_on(&node(0), cluster.now);
    assert_eq!((last, unknown), (vec![], vec![host(0)]));
}

#[test]
fn a_row_of_the_nodes_that_could_not_be_read_makes_nobody_a_stranger() {
    let mut cluster = healthy();
    for by in 0..2 {
        let mut report = view(by, VERSION, &[]);
        report.nodes.pop();
        report.skipped_rows = 1;
        cluster.sees(by, Payload::Broker(report));
    }
    assert_eq!(cluster.model.is_member(&node(2), cluster.now), None);
    assert_eq!(
        finding(&cluster, "S5", "rabbit-node1").title,
        "1 row of the nodes that rabbit-node1 lists could not be read"
    );
}

#[test]
fn loopback_is_the_load_balancers_own_host() {
    let mut cluster = healthy();
    for (number, loopback) in [(0, "127.0.0.1:5672"), (1, "[::1]:5672")] {
        let report = with(|report| row(report, number).address = Some(Shown::new(loopback)));
        cluster.sees(number, Payload::Balancer(report.clone()));
        let server = &report.backends[0].servers[number];
        let behind = cluster.model.member_behind(&host(number), server);
        assert_eq!(behind, Some((&node(number), MatchBasis::Address)));
        let elsewhere = cluster.model.member_behind(&host(1 - number), server);
        assert_eq!(elsewhere, Some((&node(1 - number), MatchBasis::Address)));
    }
    assert_eq!(ids(&cluster), vec![]);
}

/// What `/api/overview` says of who listens where, for AMQP.
pub(super) fn listening(ports: &[(usize, u16)]) -> Payload {
    let listener = |&(of, port): &(usize, u16)| Listener {
        node: node(of),
        protocol: Shown::new("amqp"),
        port,
    };
    Payload::Totals(MessageTotals {
        listeners: ports.iter().map(listener).collect(),
        ..MessageTotals::default()
    })
}

/// The report with a second backend for TLS, of which one server is DOWN.
fn with_tls() -> BalancerReport {
    with(|report| {
        let mut tls = backend(report).clone();
        tls.name = Shown::new("rabbitmq_tls");
        tls.servers[1].status = ServerStatus::Down(None);
        report.backends.push(tls);
    })
}

#[test]
fn two_servers_of_one_member_stay_two() {
    let mut cluster = healthy();
    for host in &mut cluster.model.inventory.hosts {
        host.balancer
            .iter_mut()
            .for_each(|entry| entry.backend = None);
    }
    both(&mut cluster, &with_tls());
    assert_eq!(
        ids(&cluster),
        vec![is("D1", Severity::Critical, "rabbitmq_tls/mq-node2")]
    );
    let second = with(|report| {
        let mut again = row(report, 1).clone();
        again.name = Shown::new("mq-node2-b");
        again.status = ServerStatus::Down(None);
        backend(report).servers.push(again);
    });
    both(&mut cluster, &second);
    assert_eq!(
        ids(&cluster),
        vec![is("D1", Severity::Critical, "mq-node2-b")]
    );
}

#[rstest]
#[case(
    "L4CON",
    "Connection refused",
    Some(5672),
    "192.168.0.14:5672 refuses rabbit-node1, though the node reports a listener: either the node is drained (this release does not report that) or a firewall rejects"
)]
#[case(
    "L4CON",
    "Connection refused",
    Some(5673),
    "haproxy.cfg sends clients to port 5672, and rabbit@rabbit-node2 takes AMQP on 5673"
)]
#[case(
    "L4CON",
    "Connection refused",
    None,
    "192.168.0.14:5672 refuses rabbit-node1: the node may be drained, which this release does not report"
)]
#[case(
    "L4CON",
    "No route to host",
    None,
    "rabbit-node1 has no route to 192.168.0.14:5672"
)]
#[case(
    "L4TOUT",
    "",
    None,
    "192.168.0.14:5672 does not answer rabbit-node1: the way is cut, or a firewall drops the packets"
)]
#[case(
    "L6RSP",
    "handshake failure",
    None,
    "the TLS handshake from rabbit-node1 with 192.168.0.14:5672 fails: handshake failure"
)]
#[case(
    "L7STS",
    "",
    None,
    "192.168.0.14:5672 is reached from rabbit-node1, but answers the check otherwise than haproxy.cfg expects"
)]
#[case("L4OK", "", None, "")]
fn why_a_server_is_down_is_what_its_check_met(
    #[case] code: &str,
    #[case] text: &str,
    #[case] listens: Option<u16>,
    #[case] cause: &str,
) {
    let mut cluster = healthy();
    if let Some(port) = listens {
        cluster.sees(0, listening(&[(1, port)]));
    }
    let report = with(|report| {
        let down = row(report, 1);
        down.status = ServerStatus::Down(None);
        down.check_status = Some(Shown::new(code));
        down.check_text = Some(Shown::new(text));
    });
    cluster.sees(0, Payload::Balancer(report));
    let causes: Vec<&str> = Some(cause)
        .filter(|cause| !cause.is_empty())
        .into_iter()
        .collect();
    let found = finding(&cluster, "D2", "mq-node2");
    assert_eq!(found.causes, causes);
    let says = found
        .evidence
        .iter()
        .any(|line| line.starts_with("cause not known; check next"));
    assert_eq!(says, causes.is_empty());
}

#[test]
fn load_balancers_that_lead_to_different_places_are_the_cause_of_a_difference() {
    let mut cluster = healthy();
    let report = with(|report| {
        let down = row(report, 1);
        down.status = ServerStatus::Down(None);
        down.address = Some(Shown::new("192.168.0.14:5999"));
        down.check_status = Some(Shown::new("L7STS"));
    });
    cluster.sees(0, Payload::Balancer(report));
    assert_eq!(
        finding(&cluster, "D2", "mq-node2").causes[0],
        "the load balancers do not have the same configuration: 192.168.0.14:5999 on \
         rabbit-node1, 192.168.0.14:5672 on rabbit-node2"
    );
}

#[test]
fn a_member_that_no_server_matches_is_told_beside_the_server_that_may_be_its_own() {
    let mut cluster = healthy();
    let report = with(|report| {
        let strange = row(report, 2);
        strange.name = Shown::new("mq-c");
        strange.address = Some(Shown::new("10.0.0.9:5672"));
    });
    cluster.sees(0, Payload::Balancer(report));
    let doubt = finding(&cluster, "S4", "rabbit@rabbit-node3");
    assert_eq!(
        doubt.title,
        "rabbit@rabbit-node3 runs, but no server of HAProxy on rabbit-node1 could be matched to it"
    );
    let lines = [
        "rabbit-node2 has one",
        "on rabbit-node1, mq-c (10.0.0.9:5672) belongs to no declared host",
    ];
    assert_eq!(
        (doubt.severity, doubt.evidence),
        (Severity::Warning, lines.map(str::to_owned).to_vec())
    );
}

#[test]
fn two_servers_belong_to_no_declared_host() {
    let mut cluster = healthy();
    let report = with(|report| {
        for (at, address) in [(1, "10.0.0.8:5672"), (2, "10.0.0.9:5672")] {
            row(report, at).address = Some(Shown::new(address));
        }
    });
    cluster.sees(0, Payload::Balancer(report));
    let line = "on rabbit-node1, mq-node2 (10.0.0.8:5672) and mq-node3 (10.0.0.9:5672) belong to \
                no declared host";
    let doubt = finding(&cluster, "S4", "rabbit@rabbit-node3");
    assert!(doubt.evidence.contains(&line.to_owned()), "{doubt:#?}");
}

/// It is UP, and its node does not run.
#[test]
fn a_check_that_asks_no_more_than_the_port_is_named() {
    let mut cluster = healthy();
    cluster.app_stopped(2);
    let report = with(|report| row(report, 2).check_status = Some(Shown::new("L4OK")));
    both(&mut cluster, &report);
    assert_eq!(
        finding(&cluster, "D3", "mq-node3").causes,
        [
            "HAProxy on rabbit-node1 and rabbit-node2 checks only that the port accepts \
             connections, and it still does; or the next check is due"
        ]
    );
}

/// HAProxy takes back what has started after two checks; that is no fault.
#[rstest]
#[case::rises("DOWN 1/2", Severity::Info)]
#[case::does_not("DOWN", Severity::Critical)]
fn a_server_whose_checks_pass_again_comes_back(#[case] status: &str, #[case] severity: Severity) {
    let mut cluster = healthy();
    both(
        &mut cluster,
        &with(|report| row(report, 2).status = ServerStatus::parse(status)),
    );
    let all = found(&cluster);
    assert_eq!(
        (all[0].id.as_str(), all[0].severity),
        ("D1", severity),
        "{all:#?}"
    );
    let is_told = all[0].title.contains("comes back");
    assert_eq!(is_told, severity == Severity::Info, "{}", all[0].title);
}
