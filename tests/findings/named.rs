//! Backends that only the names of their servers tie to the brokers.

use super::balancers::{backend, both, finding, row, with};
use super::scene::Scene;
use super::{healthy, ids};
use rmqtop::model::balancer::{Backend, BalancerReport, ServerStatus};
use rmqtop::model::text::Shown;

/// Neither `backend` in the configuration nor addresses in the statistics: only names are left.
fn named_only() -> (Scene, BalancerReport) {
    let mut cluster = healthy();
    for host in &mut cluster.model.inventory.hosts {
        host.balancer
            .iter_mut()
            .for_each(|entry| entry.backend = None);
    }
    let report = with(|report| {
        for server in &mut backend(report).servers {
            server.address = None;
        }
    });
    (cluster, report)
}

/// The same servers as those of a database, all DOWN.
fn database(report: &BalancerReport, names: [&str; 3]) -> Backend {
    let mut database = report.backends[0].clone();
    database.name = Shown::new("mysql_cluster");
    for (server, name) in database.servers.iter_mut().zip(names) {
        server.name = Shown::new(name);
        server.status = ServerStatus::Down(None);
    }
    database
}

#[test]
fn names_alone_never_make_two_services_of_the_brokers() {
    let (mut cluster, mut report) = named_only();
    let databases = database(&report, ["db-node1", "db-node2", "db-node3"]);
    for place in [0, 1] {
        let mut both_there = report.clone();
        both_there.backends.insert(place, databases.clone());
        both(&mut cluster, &both_there);
        assert_eq!(ids(&cluster), vec![], "{place}");
    }
    // What has the very names of the nodes is theirs, however the proxy is called.
    let databases = database(&report, ["rabbit-node1", "rabbit-node2", "rabbit-node3"]);
    report.backends.insert(0, databases);
    both(&mut cluster, &report);
    let found = finding(&cluster, "D1", "rabbit-node1");
    let line = "mysql_cluster is matched to the nodes by the names of its servers only; `backend` \
                in the configuration settles it";
    assert!(found.evidence.contains(&line.to_owned()), "{found:#?}");
}

#[test]
fn a_match_by_name_only_is_told_with_what_follows_from_it() {
    let (mut cluster, mut report) = named_only();
    row(&mut report, 1).status = ServerStatus::Down(None);
    both(&mut cluster, &report);
    let line = "rabbitmq_cluster is matched to the nodes by the names of its servers only; \
                `backend` in the configuration settles it";
    let down = finding(&cluster, "D1", "mq-node2");
    assert!(down.evidence.contains(&line.to_owned()), "{down:#?}");
}
