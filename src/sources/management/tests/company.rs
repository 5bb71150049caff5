//! Who may answer for the cluster: no node that is in none with the others.

use super::{MockServer, POLICIES, QUEUES, bench, host, json, serve};
use crate::model::name::NodeName;
use crate::sources::management::Question;
use std::sync::Arc;
use wiremock::Mock;
use wiremock::matchers::path;

/// A node that left its cluster answers as before, of a cluster of its own.
#[tokio::test]
async fn a_node_that_left_does_not_answer_for_the_cluster() {
    let alone = r#"[{"name":"rabbit@node1"}]"#;
    let both = r#"[{"name":"rabbit@node2"},{"name":"rabbit@node3"}]"#;
    let (left, member) = (speaking(alone).await, speaking(both).await);
    let mut bench = bench(&[&left.uri(), &member.uri()]);
    let names = ["rabbit@node1", "rabbit@node2", "rabbit@node3"];
    let nodes = names.map(|name| NodeName::parse(name).unwrap());
    Arc::get_mut(&mut bench.api).unwrap().nodes = nodes.into();
    for _ in 0..2 {
        let (answered, outcome) = bench.policies().await;
        assert_eq!(answered, host("node2"));
        assert!(outcome.is_ok());
    }
    assert_eq!(bench.ask(Question::Queues).await.host, host("node2"));
    // Alone with what the others would have to say, it says nothing.
    member.reset().await;
    bench.failure().await;
}

/// Who is asked first of several that are all alone, such as blank ones, is as good as any.
#[tokio::test]
async fn where_every_node_is_alone_one_of_them_answers() {
    let first = speaking(r#"[{"name":"rabbit@node1"}]"#).await;
    let second = speaking(r#"[{"name":"rabbit@node2"}]"#).await;
    let mut bench = bench(&[&first.uri(), &second.uri()]);
    let nodes = ["rabbit@node1", "rabbit@node2"].map(|name| NodeName::parse(name).unwrap());
    Arc::get_mut(&mut bench.api).unwrap().nodes = nodes.into();
    let (answered, outcome) = bench.policies().await;
    assert_eq!(answered, host("node1"));
    assert!(outcome.is_ok());
}

/// Fresh nodes beside the first member of a cluster have users of their own: what it says counts.
#[tokio::test]
async fn the_first_member_answers_though_fresh_nodes_refuse_its_users() {
    let member = speaking(r#"[{"name":"rabbit@node1"}]"#).await;
    let fresh = serve("/api/nodes", json(401, r#"{"error":"not_authorised"}"#)).await;
    for at in [POLICIES, QUEUES, "/api/overview", "/api/whoami"] {
        Mock::given(path(at))
            .respond_with(json(401, r#"{"error":"not_authorised"}"#))
            .mount(&fresh)
            .await;
    }
    let mut bench = bench(&[&fresh.uri(), &member.uri()]);
    let nodes = ["rabbit@node2", "rabbit@node1"].map(|name| NodeName::parse(name).unwrap());
    Arc::get_mut(&mut bench.api).unwrap().nodes = nodes.into();
    let (answered, outcome) = bench.policies().await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(answered, host("node2"));
}

/// A node that lists these members, no policy, and no queue.
async fn speaking(members: &str) -> MockServer {
    let server = serve("/api/nodes", json(200, members)).await;
    for at in [POLICIES, QUEUES] {
        Mock::given(path(at))
            .respond_with(json(200, "[]"))
            .mount(&server)
            .await;
    }
    Mock::given(path("/api/overview"))
        .respond_with(json(200, "{}"))
        .mount(&server)
        .await;
    server
}
