//! Proves the reading of what real clusters of three releases answered in four situations, against
//! facts known from how the lab was set up.

use super::rows;
use crate::model::broker::{BrokerReport, NodeType, QueueType};
use crate::sources::client::Answer;
use crate::sources::scripted::fixture;
use rstest::rstest;

fn answer(release: &str, situation: &str, file: &str) -> Option<Answer> {
    Some(Answer {
        status: reqwest::StatusCode::OK,
        body: fixture(release, situation, file)?,
        subject: file.to_owned(),
    })
}

fn known(release: &str, situation: &str, file: &str) -> Answer {
    answer(release, situation, file).expect("this was recorded")
}

/// A node's own view, if it answered.
fn view(release: &str, situation: &str, node: u8) -> Option<BrokerReport> {
    let overview = answer(release, situation, &format!("node{node}.overview.json"))?;
    let nodes = answer(release, situation, &format!("node{node}.nodes.json"))?;
    Some(rows::broker(&overview, &nodes).unwrap())
}

const RUNNING: Option<bool> = Some(true);

#[rstest]
fn every_node_of_a_healthy_cluster_sees_three_running(
    #[values("3.10", "4.0", "4.3")] release: &str,
) {
    for node in 1..=3 {
        let report = view(release, "healthy", node).unwrap();
        let name = format!("rabbit@rabbit-node{node}");
        assert_eq!(report.answered_by.as_ref().unwrap().as_str(), name);
        assert_eq!(
            report.cluster_name.as_ref().unwrap().raw(),
            "my_rabbitmq_cluster"
        );
        assert_eq!(report.skipped_rows, 0);
        assert_eq!(report.nodes.len(), 3);
        for row in &report.nodes {
            assert_eq!(row.running, RUNNING);
            assert_eq!(row.node_type, Some(NodeType::Disc));
            assert!(row.partitions.is_empty());
            let stats = row.stats.as_ref().unwrap();
            assert_eq!(stats.memory_alarm, Some(false));
            assert!(stats.memory_used.unwrap() < stats.memory_limit.unwrap());
            assert!(stats.uptime_ms.unwrap() > 0);
            let version = stats.version.as_ref().unwrap().to_string();
            assert!(version.starts_with(release), "{version}");
        }
    }
}

#[rstest]
fn a_node_that_is_away_has_no_statistics_and_no_voice(
    #[values("3.10", "4.0", "4.3")] release: &str,
    #[values("app_stopped", "host_dead")] situation: &str,
) {
    assert!(view(release, situation, 3).is_none());
    for node in [1, 2] {
        let report = view(release, situation, node).unwrap();
        let (away, here): (Vec<_>, Vec<_>) = report
            .nodes
            .iter()
            .partition(|row| row.name.as_str() == "rabbit@rabbit-node3");
        assert_eq!(away.len(), 1);
        assert_eq!(away[0].running, Some(false));
        assert_eq!(away[0].stats, None);
        assert!(
            here.iter()
                .all(|row| row.running == RUNNING && row.stats.is_some())
        );
    }
}

#[rstest]
#[case("3.10", None)]
#[case("4.0", Some(true))]
#[case("4.3", Some(true))]
fn a_drained_node_runs_but_its_listeners_are_closed(
    #[case] release: &str,
    #[case] drained: Option<bool>,
) {
    assert!(view(release, "drained", 3).is_none());
    let report = view(release, "drained", 1).unwrap();
    let row = report
        .nodes
        .iter()
        .find(|row| row.name.as_str() == "rabbit@rabbit-node3")
        .unwrap();
    assert_eq!(row.running, RUNNING);
    assert_eq!(row.being_drained, drained);
}

#[rstest]
fn queues_know_their_members_and_who_is_online(
    #[values("3.10", "4.0", "4.3")] release: &str,
    #[values("healthy", "app_stopped", "host_dead")] situation: &str,
) {
    let page = rows::queues(&known(release, situation, "queues.json")).unwrap();
    assert_eq!((page.total, page.skipped_rows), (Some(2), 0));
    let queue = |name: &str| {
        let named = page.rows.iter().find(|row| row.name.0.raw() == name);
        named.expect("it was declared")
    };
    let quorum = queue("orders.new");
    assert_eq!(quorum.queue_type, Some(QueueType::Quorum));
    assert_eq!(quorum.members.len(), 3);
    let online = if situation == "healthy" { 3 } else { 2 };
    assert_eq!(quorum.online.len(), online);
    let classic = queue("orders.paid");
    assert_eq!(classic.queue_type, Some(QueueType::Classic));
    assert_eq!(classic.members, Vec::from_iter(classic.leader.clone()));
    assert_eq!(classic.durable, Some(true));
    assert_eq!(classic.policy.as_ref().unwrap().raw(), "limits");
}

#[rstest]
fn the_policy_is_read_whole(#[values("3.10", "4.0", "4.3")] release: &str) {
    let policies = rows::policies(&known(release, "healthy", "policies.json")).unwrap();
    assert_eq!(policies.len(), 1);
    assert_eq!(policies[0].pattern.raw(), "^orders\\.");
    assert_eq!(policies[0].definition.raw(), r#"{"max-length":100000}"#);
    assert_eq!(policies[0].priority, Some(1));
    assert_eq!(policies[0].apply_to.as_ref().unwrap().raw(), "queues");
}

#[rstest]
#[case("3.10", None)]
#[case("4.0", Some(false))]
#[case("4.3", Some(true))]
fn the_flag_tells_the_metadata_store(#[case] release: &str, #[case] enabled: Option<bool>) {
    let report = rows::metadata_store(&known(release, "healthy", "feature-flags.json")).unwrap();
    assert_eq!(report.khepri_enabled, enabled);
}

#[rstest]
fn with_one_member_away_the_others_are_critical(#[values("3.10", "4.0", "4.3")] release: &str) {
    let healthy = known(release, "healthy", "node1.quorum.json");
    assert_eq!(rows::says_ok(&healthy), Ok(()));
    let critical = known(release, "app_stopped", "node1.quorum.json");
    let members = rows::quorum_critical(&critical).unwrap();
    let mut expected = vec!["orders.new in vhost /"];
    if release == "4.3" {
        expected.push("rabbitmq_metadata");
    }
    let names: Vec<String> = members.iter().map(ToString::to_string).collect();
    assert_eq!(names, expected);
}

#[rstest]
fn totals_count_the_message(#[values("3.10", "4.0", "4.3")] release: &str) {
    let recorded = known(release, "healthy", "overview.json");
    assert!(
        rows::totals(&recorded).is_err(),
        "it names no node: whose figures is not known"
    );
    // Recorded without the name of the node that answers, which is asked for.
    let named = Answer {
        body: recorded
            .body
            .replacen('{', r#"{"node":"rabbit@rabbit-node1","#, 1),
        ..recorded
    };
    let totals = rows::totals(&named).unwrap();
    assert_eq!(totals.messages, Some(1));
    assert_eq!(totals.unacknowledged, Some(0));
    for member in 1..=3 {
        let name = format!("rabbit@rabbit-node{member}");
        let own = totals.listeners.iter();
        let own = own.filter(|it| it.node.as_str() == name);
        let ports: Vec<(&str, u16)> = own.map(|it| (it.protocol.raw(), it.port)).collect();
        assert_eq!(
            ports,
            [("amqp", 5672), ("clustering", 25672), ("http", 15672)]
        );
    }
}
