//! Owns the tests of what is made of answers: shapes, names, verdicts, identity. The bench they
//! stand on is in the parent.

use super::*;
use crate::model::alarm::{Alarm, Resource};

async fn view(overview: &str, nodes: &str) -> Result<BrokerReport, SourceFailure> {
    let server = serve("/api/overview", json(200, overview)).await;
    Mock::given(path("/api/nodes"))
        .respond_with(json(200, nodes))
        .mount(&server)
        .await;
    bench(&[&server.uri()]).broker().await
}

#[tokio::test]
async fn a_stopped_node_s_five_keys_are_no_statistics() {
    let report = view(
        r#"{"node":"rabbit@node1","cluster_name":"c","rabbitmq_version":"4.3.6"}"#,
        r#"[{"name":"rabbit@node1","type":"disc","running":true,"mem_used":5},
            {"name":"rabbit@b","type":"ram","running":false,"being_drained":false,
             "cluster_links":[]}]"#,
    )
    .await
    .unwrap();
    let answered_by = report.answered_by.as_ref().unwrap();
    assert_eq!(answered_by.as_str(), "rabbit@node1");
    let stopped = &report.nodes[1];
    assert_eq!(stopped.running, Some(false));
    assert_eq!(stopped.node_type, Some(NodeType::Ram));
    assert_eq!(stopped.stats, None);
    assert_eq!(report.nodes[0].stats.as_ref().unwrap().memory_used, Some(5));
}

#[tokio::test]
async fn wrong_shapes_cost_only_themselves() {
    let report = view(
        r#"{"node":7,"object_totals":[],"listeners":"","disable_stats":"true"}"#,
        r#"[{"name":"rabbit@a","running":"true","partitions":"","mem_used":"12",
             "mem_limit":"memory_monitoring_disabled","disk_free":"NaN","fd_used":3.0,
             "uptime":-1,"run_queue":null,"proc_used":{},"applications":[],"mem_alarm":""},
            {"name":"not a node"}, [], null, 3,
            {"name":"rabbit@b","name":"rabbit@c"}]"#,
    )
    .await
    .unwrap();
    assert_eq!(report.answered_by, None);
    assert_eq!((report.nodes.len(), report.skipped_rows), (1, 5));
    let row = &report.nodes[0];
    let stats = row.stats.as_ref().unwrap();
    assert_eq!(row.running, Some(true));
    assert!(row.partitions.is_empty());
    assert_eq!(stats.memory_used, Some(12));
    assert_eq!(stats.fd_used, Some(3));
    let missing = [
        stats.memory_limit,
        stats.disk_free,
        stats.uptime_ms,
        stats.run_queue,
        stats.proc_used,
    ];
    assert_eq!(missing, [None; 5]);
    assert_eq!(stats.memory_alarm, None);
}

/// Some proxy answers every path with an empty list: that is no healthy node without queues.
#[tokio::test]
async fn a_list_is_no_overview_and_no_row() {
    for overview in ["[]", r#" ["rabbit@node1","c","4.3.6"]"#] {
        let failure = view(overview, "[]").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed);
        let message = failure.message.raw();
        assert!(message.contains("expected an object: ["), "{message}");
    }
    let overview = r#"{"object_totals":[7,7,7,7]}"#;
    let report = view(overview, r#"[["rabbit@node2","disc",true]]"#)
        .await
        .unwrap();
    assert_eq!((report.nodes.len(), report.skipped_rows), (0, 1));
    assert!(!format!("{:?}", report.objects).contains('7'));
}

#[tokio::test]
async fn names_from_the_broker_are_safe_to_show() {
    let body = r#"[{"name":"a\u001b]52;c;x\u0007","vhost":"/\u202e"}]"#;
    let server = serve(QUEUES, json(200, body)).await;
    let page = bench(&[&server.uri()]).queues().await;
    assert_eq!(page.rows[0].name.to_string(), "a\\x1b]52;c;x\\x07");
    assert_eq!(page.rows[0].name.0.raw(), "a\u{1b}]52;c;x\u{7}");
    assert_eq!(page.rows[0].vhost.to_string(), "/\\u{202e}");
}

#[tokio::test]
async fn the_quorum_check_says_yes_no_or_nothing() {
    let check = "/api/health/checks/node-is-quorum-critical";
    let critical = r#"{"status":"failed","reason":"There are quorum queues that would lose their quorum",
        "queues":[{"name":"orders","virtual_host":"/","readable_name":"queue 'orders'"}]}"#;
    let cases = [
        (200, r#"{"status":"ok"}"#, Ok(())),
        (200, r"{}", Err(FailureKind::Malformed)),
        (
            503,
            r#"{"status":"failed","reason":"x"}"#,
            Err(FailureKind::Server),
        ),
        (
            503,
            r#"{"status":"failed","queues":[]}"#,
            Err(FailureKind::Server),
        ),
        (404, "", Err(FailureKind::Absent)),
        (405, "", Err(FailureKind::Absent)),
    ];
    for (status, body, expected) in cases {
        let server = serve_as("rabbit@node1", check, json(status, body)).await;
        let verdict = bench(&[&server.uri()]).quorum().await;
        assert_eq!(
            verdict.map_err(|failure| failure.kind),
            expected.map(|()| QuorumVerdict::Safe),
            "{status} {body}"
        );
    }
    let server = serve_as("rabbit@node1", check, json(503, critical)).await;
    let Ok(QuorumVerdict::Critical(members)) = bench(&[&server.uri()]).quorum().await else {
        panic!("not critical");
    };
    assert_eq!(members[0].to_string(), "orders in vhost /");
}

/// The shape of `rabbit_mgmt_wm_health_check_virtual_hosts`, the same from 3.10 to 4.3.
#[tokio::test]
async fn virtual_hosts_that_do_not_run_are_named() {
    let check = "/api/health/checks/virtual-hosts";
    let down =
        r#"{"status":"failed","reason":"Some virtual hosts are down","virtual-hosts":["a","b c"]}"#;
    let none = r#"{"status":"failed","virtual-hosts":[]}"#;
    let cases: [(u16, &str, Result<&str, FailureKind>); 4] = [
        (200, r#"{"status":"ok"}"#, Ok("")),
        (503, down, Ok("a, b c")),
        (503, none, Err(FailureKind::Server)),
        (200, r#"{"status":"failed"}"#, Err(FailureKind::Malformed)),
    ];
    for (status, body, expected) in cases {
        let server = serve_as("rabbit@node1", check, json(status, body)).await;
        let told = bench(&[&server.uri()]).vhosts_down().await;
        let told = told.map_err(|failure| failure.kind).map(|names| {
            let names: Vec<String> = names.into_iter().map(|name| name.0.to_string()).collect();
            names.join(", ")
        });
        assert_eq!(told, expected.map(str::to_owned), "{status} {body}");
    }
}

#[tokio::test]
async fn another_node_s_answers_never_count_for_the_one_declared() {
    let check = "/api/health/checks/node-is-quorum-critical";
    let safe = json(200, r#"{"status":"ok"}"#);
    let server = serve_as("rabbit@other", check, safe.clone()).await;
    Mock::given(path("/api/nodes"))
        .respond_with(json(200, "[]"))
        .mount(&server)
        .await;
    let bench = bench(&[&server.uri()]);
    let failures = [
        bench.quorum().await.unwrap_err(),
        bench.broker().await.unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.kind, FailureKind::Malformed);
        let expected = format!(
            "{} is the management API of rabbit@other, not of rabbit@node1: the address or the \
             node name of node1 in the configuration is wrong",
            server.uri()
        );
        assert_eq!(failure.message.raw(), expected);
    }
    // Once it cannot say who it is, it is who it was.
    server.reset().await;
    for at in [check, "/api/cluster-name"] {
        let answer = json(200, r#"{"status":"ok","name":"c"}"#);
        Mock::given(path(at))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let failure = bench.quorum().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Malformed, "{failure}");
}

#[tokio::test]
async fn a_verdict_counts_where_the_user_is_not_told_the_node_but_not_where_nobody_could_ask() {
    let check = "/api/health/checks/node-is-quorum-critical";
    let safe = json(200, r#"{"status":"ok"}"#);
    let server = serve_as("", check, safe.clone()).await;
    let verdict = bench(&[&server.uri()]).quorum().await;
    assert_eq!(verdict, Ok(QuorumVerdict::Safe));
    let server = serve(check, safe).await;
    let failure = bench(&[&server.uri()]).quorum().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Absent, "{failure}");
}

#[tokio::test]
async fn no_debug_output_holds_the_password() {
    let server = serve(QUEUES, json(200, "[]")).await;
    let bench = bench(&[&server.uri()]);
    bench.queues().await;
    assert!(!format!("{:?}", bench.api).contains(PASSWORD));
}

#[tokio::test]
async fn a_node_held_up_by_a_silent_peer_still_speaks_for_itself() {
    let server = serve("/api/cluster-name", json(200, r#"{"name":"c"}"#)).await;
    let late = json(200, "{}").set_delay(Duration::from_secs(3600));
    for held_up in ["/api/overview", "/api/nodes"] {
        Mock::given(path(held_up))
            .respond_with(late.clone())
            .mount(&server)
            .await;
    }
    let report = bench(&[&server.uri()]).broker().await.unwrap();
    assert_eq!(report.cluster_name.as_ref().unwrap().raw(), "c");
    assert_eq!(report.version, None);
    assert_eq!(report.nodes.len(), 1);
    assert_eq!(report.nodes[0].running, Some(true));
    assert_eq!(report.nodes[0].stats, None);
}

/// 4.3 waits for a silent peer to count the queues, 3.10 to list them.
#[tokio::test]
async fn queues_are_not_waited_for_where_a_silent_peer_holds_the_node_up() {
    let late = json(200, "[]").set_delay(Duration::from_secs(3600));
    let count = json(
        200,
        r#"{"node":"rabbit@node1","object_totals":{"queues":1}}"#,
    );
    for counts in [false, true] {
        let server = serve(WHOAMI, json(200, "{}")).await;
        let overview = if counts { &count } else { &late };
        for (at, answer) in [
            ("/api/overview", overview),
            ("/api/nodes", &late),
            (QUEUES, &late),
        ] {
            Mock::given(path(at))
                .respond_with(answer.clone())
                .mount(&server)
                .await;
        }
        let outcome = bench(&[&server.uri()]).ask(Question::Queues).await.outcome;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "node1 answers, but waits for a member that says nothing"
        );
        assert_eq!(asked(&server).await.contains(&QUEUES.to_owned()), counts);
    }
}

/// A long list alone is waited for.
#[tokio::test]
async fn a_list_that_takes_its_time_is_waited_for() {
    let server = serve(WHOAMI, json(200, "{}")).await;
    let count = json(
        200,
        r#"{"node":"rabbit@node1","object_totals":{"queues":0}}"#,
    );
    let slow = json(200, "[]").set_delay(Duration::from_millis(300));
    for (at, answer) in [
        ("/api/overview", &count),
        ("/api/nodes", &json(200, "[]")),
        (QUEUES, &slow),
    ] {
        Mock::given(path(at))
            .respond_with(answer.clone())
            .mount(&server)
            .await;
    }
    assert!(bench(&[&server.uri()]).queues().await.is_whole());
}

/// Bodies as `rabbit_mgmt_wm_health_check_alarms` writes them.
#[tokio::test]
async fn the_alarm_check_says_no_with_503_and_only_its_own_word_is_a_yes() {
    let ask = async |status, body| {
        let server = serve("/api/health/checks/alarms", json(status, body)).await;
        bench(&[&server.uri()]).ask(Question::Alarms).await.outcome
    };
    assert_eq!(
        ask(200, r#"{"status":"ok"}"#).await.unwrap(),
        Payload::Alarms(Vec::new())
    );
    let raised = ask(
        503,
        r#"{"status":"failed","reason":"There are alarms in effect in the cluster",
            "alarms":[{"node":"rabbit@node2","resource":"disk"},
                      {"node":"rabbit@node1","resource":"memory"}]}"#,
    );
    let alarm = |node, resource| Alarm {
        node: NodeName::parse(node).unwrap(),
        resource,
    };
    assert_eq!(
        raised.await.unwrap(),
        Payload::Alarms(vec![
            alarm("rabbit@node2", Resource::Disk),
            alarm("rabbit@node1", Resource::Memory),
        ])
    );
    for (status, body) in [
        (200, r#"{"status":"failed"}"#),
        (200, "{}"),
        (503, r#"{"status":"failed","alarms":[]}"#),
        (
            503,
            r#"{"status":"failed","alarms":[{"resource":"memory"}]}"#,
        ),
        (503, "<html>busy</html>"),
    ] {
        assert!(ask(status, body).await.is_err(), "{status} {body}");
    }
}

/// As 3.10.8 gives queues right after they were declared, shortened. A classic queue is where it
/// was declared; who has a replica of another is not told yet.
#[tokio::test]
async fn a_new_queue_s_replicas_are_not_where_it_was_declared() {
    let body = r#"{"total_count":3,"items":[
        {"name":"c","node":"rabbit@a","type":"classic","vhost":"/"},
        {"name":"q","node":"rabbit@a","type":"quorum","vhost":"/"},
        {"name":"s","node":"rabbit@a","type":"stream","vhost":"/"}]}"#;
    let server = serve("/api/queues", json(200, body)).await;
    let page = bench(&[&server.uri()]).queues().await;
    let members: Vec<usize> = page.rows.iter().map(|row| row.members.len()).collect();
    assert_eq!(members, [1, 0, 0]);
}

/// As 3.10.8 gives a queue while its mirrors are made, shortened.
#[tokio::test]
async fn a_queue_that_says_a_thing_twice_is_no_lost_queue() {
    let body = r#"{"total_count":2,"items":[
        {"vhost":"/","name":"q1","type":"classic","node":"rabbit@a","policy":"ha-all",
         "effective_policy_definition":{"ha-mode":"all"},"operator_policy":null,
         "slave_nodes":["rabbit@b"],"synchronised_slave_nodes":[],
         "synchronised_slave_nodes":["rabbit@b"],"state":"syncing","sync_messages":7},
        {"vhost":"/","name":"q2","name":"q3","effective_policy_definition":[]}]}"#;
    let server = serve("/api/queues", json(200, body)).await;
    let page = bench(&[&server.uri()]).queues().await;
    assert_eq!((page.rows.len(), page.skipped_rows), (1, 1));
    let row = &page.rows[0];
    assert_eq!(row.online.len(), 1, "both lists must have it");
    assert_eq!(row.policy.as_ref().unwrap().as_str(), "ha-all");
    assert_eq!(
        row.effective.as_ref().unwrap().as_str(),
        r#"{"ha-mode":"all"}"#
    );
    assert_eq!((row.operator_policy.as_ref(), row.synced), (None, Some(7)));
}

#[tokio::test]
async fn the_user_s_tags_come_as_a_list_or_as_one_text() {
    for body in [
        r#"{"name":"ops","tags":["monitoring","policymaker"]}"#,
        r#"{"name":"ops","tags":"monitoring,policymaker"}"#,
    ] {
        let server = serve("/api/whoami", json(200, body)).await;
        let user = match bench(&[&server.uri()]).ask(Question::User).await.outcome {
            Ok(Payload::User(user)) => user,
            other => panic!("{other:?}"),
        };
        assert!(user.has_any(&["policymaker"]) && !user.has_any(&["administrator"]));
    }
    let server = serve("/api/whoami", json(200, r#"{"name":"ops"}"#)).await;
    let silent = bench(&[&server.uri()]).ask(Question::User).await.outcome;
    assert_eq!(silent.unwrap_err().kind, FailureKind::Malformed);
}

/// As 3.10.8 answers for up to two minutes after the leader of a quorum queue moved off a node that
/// lost its replica: first what is so, then what the former leader counted.
#[tokio::test]
async fn a_queue_s_members_are_those_told_first() {
    let page = r#"{"items":[{"leader":"rabbit@b","members":["rabbit@b","rabbit@c"],
        "members":["rabbit@a","rabbit@b","rabbit@c"],"name":"orders","node":"rabbit@a",
        "online":["rabbit@b"],"online":["rabbit@a","rabbit@b","rabbit@c"],"type":"quorum",
        "vhost":"/"}],"total_count":1}"#;
    let server = serve(QUEUES, json(200, page)).await;
    let page = bench(&[&server.uri()]).queues().await;
    assert_eq!((page.total, page.skipped_rows), (Some(1), 0));
    let names = |nodes: &[NodeName]| nodes.iter().map(NodeName::to_string).collect::<Vec<_>>();
    assert_eq!(names(&page.rows[0].members), ["rabbit@b", "rabbit@c"]);
    assert_eq!(names(&page.rows[0].online), ["rabbit@b"]);
    assert_eq!(page.rows[0].leader.as_ref().unwrap().as_str(), "rabbit@b");
}

/// As 4.0.5 writes it for seconds after a member started: what the leader last reported comes second.
#[tokio::test]
async fn a_field_that_is_written_twice_costs_no_row() {
    let server = MockServer::start().await;
    Mock::given(path(QUEUES))
        .respond_with(json(
            200,
            r#"{"total_count":1,"items":[
                {"name":"q","vhost":"/","type":"quorum","leader":"rabbit@a",
                 "members":["rabbit@a","rabbit@b","rabbit@c"],
                 "online":["rabbit@a","rabbit@b","rabbit@c"],"online":["rabbit@a","rabbit@b"],
                 "messages":3,"messages":4}]}"#,
        ))
        .mount(&server)
        .await;
    let page = bench(&[&server.uri()]).queues().await;
    assert_eq!((page.total, page.skipped_rows), (Some(1), 0));
    let row = &page.rows[0];
    let online: Vec<&str> = row.online.iter().map(NodeName::as_str).collect();
    assert_eq!(online, ["rabbit@a", "rabbit@b"], "both lists must have it");
    assert_eq!((row.members.len(), row.messages), (3, Some(3)));
}
