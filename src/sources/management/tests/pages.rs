//! The list of queues: whole, or with the counts that say what it lacks, and cheap however many
//! there are.

use super::{MockServer, PASSWORD, POLICIES, QUEUES, asked, bench, json};
use crate::model::broker::{QueuePage, QueueType};
use crate::model::observation::Payload;
use crate::sources::Source;
use crate::sources::management::PolicyCheck;
use wiremock::Mock;
use wiremock::matchers::{basic_auth, path, query_param, query_param_is_missing};

const COUNT: &str = "/api/overview";

/// A broker that counts so many queues in all.
async fn counting(exist: usize) -> MockServer {
    let server = MockServer::start().await;
    let body = format!(r#"{{"node":"rabbit@node1","object_totals":{{"queues":{exist}}}}}"#);
    Mock::given(path(COUNT))
        .respond_with(json(200, &body))
        .mount(&server)
        .await;
    server
}

/// Queues `q0`, `q1`, … each with these further fields.
fn rows(count: usize, fields: &str) -> String {
    let row = |at| format!(r#"{{"name":"q{at}","vhost":"/","type":"classic"{fields}}}"#);
    let rows: Vec<String> = (0..count).map(row).collect();
    format!("[{}]", rows.join(","))
}

async fn with_statistics(server: &MockServer, body: &str) {
    Mock::given(path(QUEUES))
        .and(basic_auth("monitor", PASSWORD))
        .and(query_param_is_missing("disable_stats"))
        .respond_with(json(200, body))
        .mount(server)
        .await;
}

async fn without_statistics(server: &MockServer, body: &str) {
    Mock::given(path(QUEUES))
        .and(query_param("disable_stats", "true"))
        .and(query_param_is_missing("enable_queue_totals"))
        .respond_with(json(200, body))
        .mount(server)
        .await;
}

async fn depths(server: &MockServer, body: &str) {
    Mock::given(path(QUEUES))
        .and(query_param("enable_queue_totals", "true"))
        .respond_with(json(200, body))
        .mount(server)
        .await;
}

async fn listed(server: &MockServer) -> QueuePage {
    bench(&[&server.uri()]).queues().await
}

#[tokio::test]
async fn few_queues_are_listed_with_what_lies_in_them() {
    let server = counting(1).await;
    let row = r#"[{"name":"q","vhost":"/","type":"quorum","leader":"rabbit@a","node":"rabbit@b",
        "members":["rabbit@a","rabbit@b"],"online":["rabbit@a"],"messages":3}]"#;
    with_statistics(&server, row).await;
    let page = listed(&server).await;
    assert_eq!((page.exist, page.total), (Some(1), Some(1)));
    assert!(page.is_whole());
    let row = &page.rows[0];
    assert_eq!(row.queue_type, Some(QueueType::Quorum));
    assert_eq!(row.leader.as_ref().unwrap().as_str(), "rabbit@a");
    assert_eq!((row.members.len(), row.online.len()), (2, 1));
    assert_eq!((row.messages, row.ready), (Some(3), None));
}

/// A new queue, or a broker that keeps no statistics: the queues themselves are asked.
#[tokio::test]
async fn what_the_statistics_lack_is_asked_of_the_queues() {
    let server = counting(2).await;
    with_statistics(&server, &rows(2, "")).await;
    depths(&server, &rows(1, r#","messages":7"#)).await;
    let page = listed(&server).await;
    let messages: Vec<_> = page.rows.iter().map(|row| row.messages).collect();
    assert_eq!(messages, [Some(7), None]);
}

/// Three thousand would be six pages, each of which makes the broker sort them all.
#[tokio::test]
async fn many_queues_are_listed_whole_in_one_answer() {
    let server = counting(3000).await;
    let state = r#","node":"rabbit@a","state":"running""#;
    without_statistics(&server, &rows(3000, state)).await;
    let page = listed(&server).await;
    assert!(page.is_whole());
    assert_eq!(page.rows.len(), 3000);
    assert!(page.rows.iter().all(|row| row.messages.is_none()));
    assert_eq!(asked(&server).await[1..], [COUNT, QUEUES]);
}

/// Where mirrors are only the statistics know.
#[tokio::test]
async fn many_queues_with_mirrors_are_listed_with_statistics() {
    let server = counting(3000).await;
    let policy = r#","node":"rabbit@a","effective_policy_definition":{"ha-mode":"all"}"#;
    without_statistics(&server, &rows(3000, policy)).await;
    let mirror = r#","node":"rabbit@a","slave_nodes":["rabbit@b"]"#;
    with_statistics(&server, &rows(3000, mirror)).await;
    let page = listed(&server).await;
    assert!(page.rows.iter().all(|row| row.members.len() == 2));
}

/// A user without permissions on the virtual hosts is shown an empty list.
#[tokio::test]
async fn queues_that_are_not_shown_are_counted() {
    let server = counting(812).await;
    with_statistics(&server, "[]").await;
    let page = listed(&server).await;
    let gap = page.gap("queues");
    assert_eq!(
        gap.as_deref(),
        Some("0 of 812 queues are visible to monitor")
    );
    // The broker lists them once: the list would be no longer the next time.
    let asked = server.received_requests().await.unwrap();
    let lists = asked
        .iter()
        .filter(|request| request.url.path() == "/api/queues");
    assert_eq!(lists.count(), 1);
}

/// Queues come and go: one that was deleted between the count and the list is not missing.
#[tokio::test]
async fn a_queue_that_is_gone_by_now_is_not_missing() {
    let server = MockServer::start().await;
    for (exist, times) in [(3, 1), (2, 5)] {
        let body = format!(r#"{{"node":"rabbit@node1","object_totals":{{"queues":{exist}}}}}"#);
        Mock::given(path(COUNT))
            .respond_with(json(200, &body))
            .up_to_n_times(times)
            .mount(&server)
            .await;
    }
    with_statistics(&server, &rows(2, r#","messages":0"#)).await;
    assert!(listed(&server).await.is_whole());
}

/// A policy that is in force on the six hundredth queue is in force.
#[tokio::test]
async fn what_a_node_says_of_policies_is_said_of_all_its_queues() {
    let server = counting(600).await;
    with_statistics(&server, &rows(600, r#","messages":0"#)).await;
    Mock::given(path(POLICIES))
        .respond_with(json(200, "[]"))
        .mount(&server)
        .await;
    let bench = bench(&[&server.uri()]);
    let outcome = PolicyCheck(bench.node1()).observe().await.outcome;
    let Ok(Payload::PolicyView(view)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(view.queues.is_whole());
    assert_eq!(view.queues.rows.len(), 600);
}

/// Without the tag `monitoring` the overview counts what the user may see, and names no node.
#[tokio::test]
async fn a_count_of_what_may_be_seen_is_no_count_of_all() {
    let server = MockServer::start().await;
    let body = json(200, r#"{"object_totals":{"queues":1}}"#);
    Mock::given(path(COUNT))
        .respond_with(body)
        .mount(&server)
        .await;
    without_statistics(&server, &rows(1, "")).await;
    let page = listed(&server).await;
    assert_eq!((page.exist, page.total), (None, Some(1)));
    assert!(!page.is_whole());
}
