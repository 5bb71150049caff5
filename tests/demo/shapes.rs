//! The simulator cannot drift into fiction: what it answers has the keys and the words of the
//! answers recorded of real releases (`tests/fixtures`). What is known to differ stands in `KNOWN`.

use crate::begin;
use rmqtop::cli::demo::Demo;
use rmqtop::invocation::{Change, UpgradeVerb};
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::Release;
use rstest::rstest;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What the simulator leaves out, or says otherwise, and why.
const KNOWN: [(&str, &str); 11] = [
    (
        "nodes, all columns",
        "of more than a hundred keys only those that anybody here reads, or a person looks for",
    ),
    (
        "overview message_stats",
        "no disk_reads, disk_writes, drop_unroutable, return_unroutable: nothing reads them",
    ),
    ("feature-flags", "a few flags, not all"),
    (
        "connections",
        "500 at the most; no channels, consumers and exchanges are listed",
    ),
    (
        "HAProxy statistics",
        "the columns of the release, of which those have a value that anybody here reads",
    ),
    (
        "queues",
        "no arguments and no statistics of single queues beyond their depth",
    ),
    (
        "Khepri without a majority",
        "members that run already answer as before; only starts wait",
    ),
    (
        "Mnesia after a partition",
        "both sides see each other again and remember it; what differs between them is not played",
    ),
    (
        "alarms",
        "publishers stop everywhere; no connection is shown as blocked",
    ),
    (
        "kinds of queues",
        "durable classic and quorum queues of one virtual host; no streams, no exclusive queues",
    ),
    (
        "time",
        "boots, stops, checks and elections take a second or so where they take ten in life",
    ),
];

const NODES: &str = "nodes?columns=name,type,running,being_drained,partitions,mem_used,mem_limit,\
    mem_alarm,disk_free,disk_free_limit,disk_free_alarm,fd_used,fd_total,proc_used,proc_total,\
    uptime,run_queue,rabbitmq_version,applications";
const QUEUES: &str = "queues?columns=vhost,name,type,node,leader,members,online,state,policy,\
    durable,exclusive,messages,messages_ready,messages_unacknowledged,consumers";

fn recorded(release: Release, state: &str, file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = root.join(release.to_string()).join(state).join(file);
    std::fs::read_to_string(path).unwrap()
}

/// What the broker of the first host answers.
async fn ask(demo: &Demo, path: &str) -> Value {
    let inventory = &demo.simulation.cluster.inventory;
    let url = inventory.api.url(&inventory.hosts[0]);
    let answer = client().get(format!("{url}{path}"));
    let answer = answer.basic_auth("demo", Some("guest")).send().await;
    serde_json::from_str(&answer.unwrap().text().await.unwrap()).unwrap()
}

/// The statistics of the first load balancer.
async fn page(demo: &Demo) -> String {
    let entry = demo.simulation.cluster.inventory.hosts[0].balancer.clone();
    let url = format!("{};csv;norefresh", entry.unwrap().stats_url.unwrap());
    client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

fn client() -> reqwest::Client {
    // The crate's own choice, made once for the process.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn keys(row: &Value) -> BTreeSet<String> {
    row.as_object().unwrap().keys().cloned().collect()
}

fn rows(text: &Value) -> Vec<Value> {
    let list = text.get("items").unwrap_or(text);
    list.as_array().unwrap().clone()
}

fn named(all: &Value, name: &str) -> Value {
    let rows = rows(all).into_iter();
    rows.clone()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {all}"))
}

fn json(release: Release, state: &str, file: &str) -> Value {
    serde_json::from_str(&recorded(release, state, file)).unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_have_the_keys_of_the_recorded_ones(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    let overview = ask(&demo, "overview?disable_stats=true").await;
    let real = json(release, "healthy", "node1.overview.json");
    assert_eq!(keys(&overview), keys(&real));
    for key in ["rabbitmq_version", "erlang_version", "erlang_full_version"] {
        assert_eq!(overview[key], real[key], "{key}");
    }
    let node = named(&ask(&demo, NODES).await, "rabbit@rabbit-node1");
    let real = named(
        &json(release, "healthy", "node1.nodes.json"),
        "rabbit@rabbit-node1",
    );
    assert_eq!(keys(&node), keys(&real));
    let node = named(&ask(&demo, "nodes").await, "rabbit@rabbit-node1");
    let real = named(
        &json(release, "healthy", "node1.nodes-full.json"),
        "rabbit@rabbit-node1",
    );
    let invented: Vec<String> = keys(&node).difference(&keys(&real)).cloned().collect();
    assert_eq!(invented, Vec::<String>::new());
    for (path, file) in [
        ("policies", "policies.json"),
        ("connections", "connections.json"),
        ("feature-flags", "feature-flags.json"),
    ] {
        let (own, real) = (ask(&demo, path).await, json(release, "healthy", file));
        let real: BTreeSet<String> = rows(&real).iter().flat_map(keys).collect();
        let own: BTreeSet<String> = rows(&own).iter().flat_map(keys).collect();
        assert_eq!(own, real, "{path}");
    }
    let queues = ask(&demo, QUEUES).await;
    let real = json(release, "healthy", "queues.json");
    // 4.0 was recorded before its statistics had come.
    let figures = [
        "consumers",
        "messages",
        "messages_ready",
        "messages_unacknowledged",
        "policy",
    ];
    for name in ["orders.new", "orders.paid"] {
        let mut real = keys(&named(&real, name));
        real.extend(figures.map(str::to_owned));
        assert_eq!(keys(&named(&queues, name)), real, "{name}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_away_looks_as_recorded(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::AppStopped, release).await;
    let node = named(&ask(&demo, NODES).await, "rabbit@rabbit-node3");
    let real = json(release, "app_stopped", "node2.nodes.json");
    assert_eq!(node, named(&real, "rabbit@rabbit-node3"));
    let queue = named(&ask(&demo, QUEUES).await, "orders.new");
    let real = named(&json(release, "app_stopped", "queues.json"), "orders.new");
    for key in ["leader", "online", "state", "type"] {
        assert_eq!(queue[key], real[key], "{key}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_member_looks_as_recorded(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    let demo = begin(Scenario::Healthy, release).await;
    demo.simulation.stage.with(|world| {
        let node = world.hosts()[2].node.clone();
        let change = Change::Upgrade {
            node,
            verb: UpgradeVerb::Drain,
            limit: Duration::from_secs(60),
        };
        world.begin(2, &change)
    });
    let node = named(&ask(&demo, NODES).await, "rabbit@rabbit-node3");
    let real = json(release, "drained", "node2.nodes.json");
    let real = named(&real, "rabbit@rabbit-node3");
    assert_eq!(keys(&node), keys(&real));
    assert_eq!(node["being_drained"], real["being_drained"]);
}

/// The header up to the column that ends it, and the cells of a line that have a value.
fn csv(text: &str, server: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut lines = text.lines();
    let header = lines.next().unwrap().trim_start_matches("# ");
    let header: Vec<String> = header.split(',').map(str::to_owned).collect();
    let end = header.iter().position(|column| column == "-").unwrap();
    let header = header[..=end].to_vec();
    let mark = format!("rabbitmq_cluster,{server},");
    let line = lines.find(|line| line.starts_with(&mark)).unwrap();
    let cells = header
        .iter()
        .cloned()
        .zip(line.split(',').map(str::to_owned));
    let filled = cells.filter(|(_, value)| !value.is_empty()).collect();
    (header, filled)
}

fn value<'c>(cells: &'c [(String, String)], column: &str) -> Option<&'c str> {
    let found = cells.iter().find(|(name, _)| name == column);
    found.map(|(_, value)| value.as_str())
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_have_the_columns_and_words_of_the_recorded_ones(
    #[values(Release::R310, Release::R40, Release::R43)] release: Release,
) {
    for (scenario, state) in [
        (Scenario::Healthy, "healthy"),
        (Scenario::AppStopped, "app_stopped"),
    ] {
        let demo = begin(scenario, release).await;
        let (text, real) = (page(&demo).await, recorded(release, state, "lb1.stats.csv"));
        for line in ["FRONTEND", "mq-node1", "mq-node3", "BACKEND"] {
            let ((header, own), (real_header, real)) = (csv(&text, line), csv(&real, line));
            assert_eq!(header, real_header);
            let columns = |cells: &[(String, String)]| -> BTreeSet<String> {
                cells.iter().map(|(name, _)| name.clone()).collect()
            };
            let invented: Vec<String> =
                columns(&own).difference(&columns(&real)).cloned().collect();
            assert_eq!(invented, Vec::<String>::new(), "{line} of {state}");
            for column in [
                "status",
                "type",
                "check_status",
                "check_desc",
                "last_chk",
                "act",
                "mode",
            ] {
                let (own, real) = (value(&own, column), value(&real, column));
                assert_eq!(own, real, "{column} of {line}, {state}");
            }
        }
    }
}

#[test]
fn what_is_known_to_differ_is_told() {
    for (what, why) in KNOWN {
        assert!(!why.is_empty(), "{what}");
        println!("{what}: {why}");
    }
}
