//! What HAProxy says in plain words is read, and what cannot be read decides nothing.

use super::cluster::{Cluster, Life, host};
use super::scene::{Scene, Vip, addresses, balancer, services, view};
use super::{VERSION, found, healthy, ids, is};
use rmqtop::findings::{Finding, Severity};
use rmqtop::model::balancer::{
    Backend, BalancerReport, Frontend, ServerRole, ServerRow, ServerStatus, UnreadLine,
};
use rmqtop::model::front::BalancerState;
use rmqtop::model::host::{CanaryReport, ServiceReport, UnitState};
use rmqtop::model::inventory::Access;
use rmqtop::model::name::HostName;
use rmqtop::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use rmqtop::model::text::Shown;
use rstest::rstest;
use std::time::Duration;

/// The report of one load balancer, changed.
pub(crate) fn with(change: impl FnOnce(&mut BalancerReport)) -> BalancerReport {
    let mut report = balancer(&[]);
    change(&mut report);
    report
}

pub(crate) fn backend(report: &mut BalancerReport) -> &mut Backend {
    &mut report.backends[0]
}

pub(crate) fn row(report: &mut BalancerReport, at: usize) -> &mut ServerRow {
    &mut report.backends[0].servers[at]
}

/// Every server has this status.
fn all_are(status: &str) -> BalancerReport {
    with(|report| {
        for at in 0..3 {
            row(report, at).status = ServerStatus::parse(status);
        }
    })
}

/// Both load balancers report the same.
pub(crate) fn both(cluster: &mut Scene, report: &BalancerReport) {
    for number in 0..2 {
        cluster.sees(number, Payload::Balancer(report.clone()));
    }
}

pub(crate) fn finding(cluster: &Scene, id: &str, subject: &str) -> Finding {
    let all = found(cluster);
    let one = all.iter().find(|f| f.id == id && f.subject == subject);
    assert!(one.is_some(), "no {id} on {subject}: {all:#?}");
    one.cloned().unwrap()
}

fn has(cluster: &Scene, id: &str) -> bool {
    found(cluster).iter().any(|finding| finding.id == id)
}

#[test]
fn servers_that_are_all_up_with_weight_0_are_none() {
    let mut cluster = healthy();
    let report = with(|report| {
        for at in 0..3 {
            row(report, at).weight = Some(0);
        }
        let backend = backend(report);
        backend.status = Shown::new("DOWN");
        (backend.active, backend.backup, backend.weight) = (Some(0), Some(0), Some(0));
    });
    cluster.sees(0, Payload::Balancer(report));
    let none = finding(&cluster, "D4", "rabbit-node1");
    assert_eq!(none.severity, Severity::Critical);
    assert_eq!(none.causes, ["every server has weight 0"]);
    assert!(
        none.evidence
            .contains(&"BACKEND says DOWN, act 0, bck 0, weight 0".to_owned())
    );
    assert_eq!(
        finding(&cluster, "S3", "mq-node1").title,
        "rabbit-node1 sends mq-node1 no new clients (weight 0, set by a person or in haproxy.cfg); \
         rabbit-node2 does"
    );
}

#[test]
fn a_backend_without_servers_is_up_and_turns_every_client_away() {
    let mut cluster = healthy();
    let report = with(|report| {
        let backend = backend(report);
        backend.servers.clear();
        (backend.active, backend.backup, backend.weight) = (Some(0), Some(0), Some(0));
    });
    cluster.sees(0, Payload::Balancer(report.clone()));
    let none = finding(&cluster, "D4", "rabbit-node1");
    assert_eq!(none.severity, Severity::Critical);
    assert_eq!(
        none.causes,
        ["`rabbitmq_cluster` in haproxy.cfg names no server"]
    );
    assert!(!has(&cluster, "S4"), "it is told of once");
    // The same where the configuration names no backend, so that none is found by its servers.
    let mut cluster = healthy();
    for host in &mut cluster.model.inventory.hosts {
        host.balancer
            .iter_mut()
            .for_each(|entry| entry.backend = None);
    }
    cluster.sees(0, Payload::Balancer(report));
    assert_eq!(
        finding(&cluster, "H2", "rabbit-node1").severity,
        Severity::Critical
    );
}

#[test]
fn a_line_of_the_backend_itself_that_is_lost_leaves_its_servers_to_judge_by() {
    let mut cluster = healthy();
    let report = with(|report| {
        backend(report).status = Shown::default();
        report.unread.push(UnreadLine {
            proxy: Some(Shown::new("rabbitmq_cluster")),
            server: Some(Shown::new("BACKEND")),
        });
    });
    cluster.sees(0, Payload::Balancer(report));
    assert_eq!(
        ids(&cluster),
        vec![is("S5", Severity::Warning, "rabbit-node1")]
    );
}

#[rstest]
#[case(all_are("MAINT (resolution)"), &["no name of a server resolves on rabbit-node1: DNS or its resolver fails"])]
#[case(all_are("MAINT"), &["every server was taken out, by a person or by `disabled` in haproxy.cfg"])]
#[case(all_are("DRAIN"), &["a person took every server out"])]
#[case(all_are("DOWN (agent)"), &["every server's agent says that it is down", CUT_OFF])]
#[case(all_are("DOWN"), &[CUT_OFF])]
#[case(all_are("NOLB"), &[])]
fn a_load_balancer_without_a_server_has_a_cause_only_where_its_condition_holds(
    #[case] report: BalancerReport,
    #[case] causes: &[&str],
) {
    let mut cluster = healthy();
    cluster.sees(0, Payload::Balancer(report));
    let none = finding(&cluster, "D4", "rabbit-node1");
    assert_eq!(
        (none.severity, none.causes),
        (
            Severity::Critical,
            causes.iter().map(ToString::to_string).collect()
        )
    );
    let says = none
        .evidence
        .iter()
        .any(|line| line.starts_with("cause not known"));
    assert_eq!(says, causes.is_empty());
}

const CUT_OFF: &str = "rabbit-node1 does not reach brokers that run and that rabbit-node2 reaches: \
                       its network, a firewall, or the addresses in its haproxy.cfg";

#[test]
fn no_member_runs_only_where_none_does() {
    let mut cluster = healthy();
    for stopped in 0..3 {
        let down = Cluster::healthy().with_life(stopped, Life::Down);
        cluster.sees(stopped, Payload::Services(down.services(stopped)));
        cluster.fails(stopped, SourceKind::Management, FailureKind::Refused);
    }
    both(&mut cluster, &all_are("DOWN"));
    assert_eq!(
        finding(&cluster, "D4", "rabbit-node1").causes,
        ["no member runs"]
    );
    // Two of three, and neither load balancer reaches the third.
    let mut cluster = healthy();
    for stopped in 0..2 {
        cluster.fails(stopped, SourceKind::Management, FailureKind::Refused);
    }
    cluster.sees(2, Payload::Broker(view(2, VERSION, &[0, 1])));
    both(&mut cluster, &all_are("DOWN"));
    assert_eq!(
        finding(&cluster, "D4", "rabbit-node1").causes,
        Vec::<String>::new()
    );
}

#[rstest]
#[case(
    "PAUSED",
    None,
    "HAProxy on rabbit-node1 lets no clients in at rabbitmq_cluster: it is PAUSED"
)]
#[case(
    "STOP",
    None,
    "HAProxy on rabbit-node1 lets no clients in at rabbitmq_cluster: it is STOP"
)]
#[case(
    "OPEN",
    Some(2000),
    "HAProxy on rabbit-node1 is full at rabbitmq_cluster: 2000 of 2000 sessions; new clients wait"
)]
#[case(
    "FULL",
    Some(2000),
    "HAProxy on rabbit-node1 is full at rabbitmq_cluster: 2000 of 2000 sessions; new clients wait"
)]
fn a_frontend_that_lets_nobody_in_is_critical(
    #[case] status: &str,
    #[case] sessions: Option<u64>,
    #[case] title: &str,
) {
    let mut cluster = healthy();
    let report = with(|report| {
        let frontend = &mut report.frontends[0];
        frontend.status = Shown::new(status);
        frontend.sessions = sessions.or(frontend.sessions);
    });
    cluster.sees(0, Payload::Balancer(report));
    let subject = "rabbit-node1/rabbitmq_cluster";
    assert_eq!(ids(&cluster), vec![is("H3", Severity::Critical, subject)]);
    assert_eq!(found(&cluster)[0].title, title);
}

#[test]
fn one_closed_frontend_of_several_is_a_warning_and_all_are_a_process_that_stops() {
    let frontend = |name: &str, status: &str| Frontend {
        name: Shown::new(name),
        mode: Some(Shown::new("tcp")),
        status: Shown::new(status),
        ..Frontend::default()
    };
    let mut cluster = healthy();
    let mut report = balancer(&[]);
    report.frontends = vec![frontend("amqp", "STOP"), frontend("amqps", "OPEN")];
    cluster.sees(0, Payload::Balancer(report.clone()));
    assert_eq!(
        ids(&cluster),
        vec![is("H3", Severity::Warning, "rabbit-node1/amqp")]
    );
    report.frontends = vec![frontend("amqp", "STOP"), frontend("amqps", "STOP")];
    cluster.sees(0, Payload::Balancer(report));
    let closed = finding(&cluster, "H3", "rabbit-node1/amqp");
    assert_eq!(closed.severity, Severity::Critical);
    assert_eq!(
        closed.causes,
        ["the process is stopping: every frontend is closed"]
    );
}

#[test]
fn backup_servers_are_no_loss_while_they_are_not_needed() {
    let mut cluster = healthy();
    let report = with(|report| {
        for at in 1..3 {
            row(report, at).role = ServerRole::Backup;
        }
        let backend = backend(report);
        (backend.active, backend.backup) = (Some(1), Some(2));
    });
    both(&mut cluster, &report);
    assert_eq!(ids(&cluster), vec![]);
    let alone = with(|report| {
        row(report, 0).status = ServerStatus::Maint;
        row(report, 1).role = ServerRole::Backup;
        let backend = backend(report);
        (backend.active, backend.backup) = (Some(0), Some(1));
    });
    both(&mut cluster, &alone);
    assert_eq!(ids(&cluster), vec![is("S3", Severity::Warning, "mq-node1")]);
}

/// Nothing over SSH: no services, no addresses, no keepalived.
fn without_ssh() -> Scene {
    let mut cluster = healthy();
    for number in 0..3 {
        cluster.model.inventory.hosts[number].access = Access::None;
        for kind in [SourceKind::Services, SourceKind::Vip] {
            cluster.fails(number, kind, FailureKind::NotConfigured);
        }
    }
    cluster
}

fn page_fails(cluster: &mut Scene, number: usize, failure: SourceFailure) {
    cluster.model.apply(Observation {
        source: SourceId::new(SourceKind::Haproxy, host(number)),
        at: cluster.now,
        took: Duration::ZERO,
        outcome: Err(failure),
    });
}

/// `bind <VIP>:5671`: its own address refuses, the VIP accepts.
#[test]
fn a_haproxy_that_listens_at_the_vip_only_is_not_down() {
    for number in 0..2 {
        let mut cluster = healthy();
        let refused = SourceFailure {
            vips_open: Some(true),
            ..SourceFailure::new(FailureKind::Refused, "refused")
        };
        page_fails(&mut cluster, number, refused);
        let on = host(number);
        assert_eq!(
            ids(&cluster),
            vec![is("S1", Severity::Warning, on.as_str())],
            "{on}"
        );
    }
}

#[test]
fn haproxy_that_was_started_past_systemd_is_up_for_the_vip_too() {
    let mut cluster = healthy();
    let report = ServiceReport {
        haproxy: Some(UnitState::Inactive),
        ..services(0)
    };
    cluster.sees(0, Payload::Services(report));
    let runs = cluster.model.haproxy_runs(&host(0), cluster.now);
    assert_eq!((runs, ids(&cluster)), (Some(true), vec![]));
}

#[test]
fn haproxy_down_is_as_bad_without_ssh_as_with_it() {
    let h1 = |cluster: &Scene, number: usize| {
        let found = finding(cluster, "H1", host(number).as_str());
        (found.severity, found.title)
    };
    let mut cluster = without_ssh();
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Refused);
    let state = |cluster: &Scene, number: usize| {
        let entry = &cluster.model.inventory.hosts[number];
        cluster.model.balancer_state(entry, cluster.now)
    };
    assert_eq!(state(&cluster, 0), BalancerState::Down);
    // Clients come in over the other one, as its sessions show.
    let title = "HAProxy is down on rabbit-node1".to_owned();
    assert_eq!(h1(&cluster, 0), (Severity::Warning, title.clone()));
    // Nobody is seen to come in anywhere: it may be the holder.
    let idle = with(|report| backend(report).sessions = Some(0));
    cluster.sees(1, Payload::Balancer(idle));
    assert_eq!(h1(&cluster, 0), (Severity::Critical, title.clone()));
    // But the VIP lets clients in: nobody is turned away, and it may be this one that listens there.
    let past = SourceFailure {
        vips_open: Some(true),
        ..SourceFailure::new(FailureKind::Refused, "refused")
    };
    page_fails(&mut cluster, 0, past);
    let title = "nothing listens on the statistics page of HAProxy on rabbit-node1; it may be down";
    assert_eq!(h1(&cluster, 0), (Severity::Warning, title.to_owned()));
    // No other one is left.
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Refused);
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Refused);
    let title = "HAProxy is down on rabbit-node1, and no other load balancer is up".to_owned();
    assert_eq!(h1(&cluster, 0), (Severity::Critical, title));
    assert!(!has(&cluster, "S1"), "the page is refused because of it");
    // The clients' port was not tried: less exact, not less bad.
    cluster.model.inventory.amqp_port = None;
    assert_eq!(state(&cluster, 0), BalancerState::Unknown);
    let title = "nothing listens on the statistics page of HAProxy on rabbit-node1; it may be \
                 down, and no other load balancer is up";
    assert_eq!(h1(&cluster, 0), (Severity::Critical, title.to_owned()));
}

#[rstest]
#[case(UnitState::Inactive, "HAProxy is down on rabbit-node2", &["the service was stopped"])]
#[case(UnitState::Failed, "HAProxy is down on rabbit-node2", &["the service failed: its log says why"])]
#[case(UnitState::Activating, "HAProxy on rabbit-node2 is starting and takes no clients yet", &[])]
fn a_service_that_starts_was_not_stopped(
    #[case] unit: UnitState,
    #[case] title: &str,
    #[case] causes: &[&str],
) {
    let mut cluster = healthy();
    let report = ServiceReport {
        haproxy: Some(unit),
        ..services(1)
    };
    cluster.sees(1, Payload::Services(report));
    cluster.sees(1, Payload::Addresses(addresses(1, Vip::Absent)));
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Refused);
    let down = finding(&cluster, "H1", "rabbit-node2");
    assert_eq!(
        (down.severity, down.title.as_str()),
        (Severity::Warning, title)
    );
    assert_eq!(down.causes, causes);
}

#[test]
fn a_page_that_asks_for_a_password_is_no_haproxy_that_is_down() {
    for kind in [
        FailureKind::Unauthorized,
        FailureKind::Tls,
        FailureKind::Absent,
    ] {
        let mut cluster = without_ssh();
        cluster.fails(1, SourceKind::Haproxy, kind);
        assert!(!has(&cluster, "H1"), "{kind}");
        assert!(has(&cluster, "S1"), "{kind}");
    }
}

fn roots(cluster: &Scene) -> Vec<(String, String)> {
    let found = found(cluster).into_iter();
    let roots = found.filter(|finding| finding.consequence_of.is_none());
    roots.map(|root| (root.id, root.subject)).collect()
}

/// The sum comes first, with its cause; what each server shows stands below it.
#[test]
fn servers_that_leave_none_stand_under_the_backend_without_one() {
    let pair = |id: &str, on: &str| (id.to_owned(), on.to_owned());
    for status in ["DOWN", "MAINT", "DRAIN"] {
        let mut cluster = healthy();
        both(&mut cluster, &all_are(status));
        assert_eq!(
            roots(&cluster),
            [pair("D4", "rabbit-node1"), pair("D4", "rabbit-node2")],
            "{status}"
        );
    }
    // One load balancer still has some: they are no consequence of the other's fault.
    let mut cluster = healthy();
    cluster.sees(0, Payload::Balancer(all_are("DOWN")));
    assert!(roots(&cluster).contains(&pair("D2", "mq-node1")));
}

/// With no member left, that is the root of all.
#[test]
fn an_empty_backend_follows_from_members_that_do_not_run() {
    let mut cluster = healthy();
    for number in 0..3 {
        cluster.service_stopped(number);
    }
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Refused);
    }
    both(&mut cluster, &all_are("DOWN"));
    let all = found(&cluster);
    assert_eq!(all[0].id, "N5", "{all:#?}");
    assert!(all[0].consequences.contains(&"D4".to_owned()));
    let ids: Vec<String> = roots(&cluster).into_iter().map(|(id, _)| id).collect();
    assert!(!ids.contains(&"D4".to_owned()) && !ids.contains(&"S2".to_owned()));
}

/// Its port accepts and nothing comes: keepalived's `killall -0` finds the process well.
#[test]
fn a_haproxy_that_says_nothing_for_long_hangs() {
    let mut cluster = healthy();
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Mute);
    assert!(!has(&cluster, "H1"), "it may be slow");
    cluster.passes(Duration::from_secs(10));
    cluster.fails(0, SourceKind::Haproxy, FailureKind::Mute);
    cluster.sees(0, Payload::Services(services(0)));
    cluster.sees(0, Payload::Addresses(addresses(0, Vip::Held)));
    let hangs = finding(&cluster, "H1", "rabbit-node1");
    assert_eq!(hangs.severity, Severity::Critical);
    assert_eq!(
        hangs.title,
        "HAProxy hangs on rabbit-node1, which holds the VIP"
    );
    assert!(!has(&cluster, "S1"), "it is told of once");
    // Clients are served: it is its page that hangs.
    let served = CanaryReport {
        target: Shown::new("rabbit-node1"),
        took: Duration::ZERO,
        cluster_name: None,
    };
    for target in ["rabbit-node1", "vip"] {
        let mut serving = cluster.clone();
        serving.model.apply(Observation {
            source: SourceId::new(SourceKind::Canary, HostName::parse(target).unwrap()),
            at: serving.now,
            took: Duration::ZERO,
            outcome: Ok(Payload::Canary(served.clone())),
        });
        assert!(!has(&serving, "H1"), "{target}");
    }
    // One that answers again does not hang, and one whose service is dead is down.
    cluster.sees(0, Payload::Balancer(balancer(&[])));
    assert!(!has(&cluster, "H1"));
}
