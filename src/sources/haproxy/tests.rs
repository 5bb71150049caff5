//! Proves the two ways to statistics: the page, the socket, and what each adds to the other.

use super::{Clients, Haproxy, csv};
use crate::config::secret::SecretSource;
use crate::config::{Login, Page};
use crate::invocation::Read;
use crate::model::balancer::{BalancerReport, Entrance, Frontend, Left, ServerStatus, StatsVia};
use crate::model::inventory::BalancerEntry;
use crate::model::observation::{FailureKind, Payload, SourceFailure};
use crate::model::text::Shown;
use crate::sources::Source;
use crate::sources::scripted::{Script, fixture};
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::{basic_auth, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PAGE: &str = "# pxname,svname,status,weight,addr,\n\
    px,mq-node1,UP,1,,\npx,mq-node2,UP,1,,\npx,BACKEND,UP,2,,\n";
const SOCKET: &str = "# pxname,svname,status,weight,addr,\n\
    px,mq-node1,UP,1,192.168.0.12:5672,\npx,mq-node2,UP,1,192.168.0.14:5672,\n\
    px,BACKEND,UP,2,,\n\n";

fn read() -> Read {
    Read::HaproxyStatistics {
        socket: "/run/haproxy/admin.sock".to_owned(),
    }
}

async fn page(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&server)
        .await;
    server
}

fn haproxy(script: &Arc<Script>, url: Option<String>) -> Haproxy {
    let entry = BalancerEntry {
        backend: None,
        stats_url: url,
        socket: Some("/run/haproxy/admin.sock".to_owned()),
    };
    let reach = Arc::clone(script).shared_reach();
    Haproxy::new(reach, entry, Page::default(), None)
}

async fn ask(source: &Haproxy) -> Result<BalancerReport, SourceFailure> {
    let payload = source.observe().await.outcome?;
    let Payload::Balancer(report) = payload else {
        panic!("{payload:?}");
    };
    Ok(report)
}

fn addresses(report: &BalancerReport) -> Vec<Option<&str>> {
    let servers = &report.backend("px").unwrap().servers;
    servers
        .iter()
        .map(|server| server.address.as_ref().map(Shown::raw))
        .collect()
}

#[tokio::test]
async fn the_page_is_asked_first_and_the_socket_tells_the_addresses_once() {
    let server = page(200, PAGE).await;
    let script = Arc::new(Script::new().answer(read(), 0, SOCKET, ""));
    let source = haproxy(&script, Some(format!("{}/stats", server.uri())));
    for _ in 0..3 {
        let report = ask(&source).await.unwrap();
        assert_eq!(report.via, StatsVia::Http);
        let expected = [Some("192.168.0.12:5672"), Some("192.168.0.14:5672")];
        assert_eq!(addresses(&report), expected);
    }
    assert_eq!(script.count(&read()), 1);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/stats;csv;norefresh");
}

#[tokio::test]
async fn a_slow_page_has_its_addresses_all_the_same() {
    let server = page(200, PAGE).await;
    let script = Script::new().fail(read(), FailureKind::Timeout, "no answer");
    let script = Arc::new(script);
    let mut source = haproxy(&script, Some(format!("{}/stats", server.uri())));
    source.patience = Duration::ZERO;
    // Learnt while the page was fast; the socket says nothing any more.
    let mut told = csv::parse(SOCKET, StatsVia::Socket, "socket").unwrap();
    let mut known = csv::parse(PAGE, StatsVia::Http, "page").unwrap();
    source.learn(&mut known, Some(&mut told));
    let report = ask(&source).await.unwrap();
    let expected = [Some("192.168.0.12:5672"), Some("192.168.0.14:5672")];
    assert_eq!(
        (report.via, addresses(&report)),
        (StatsVia::Http, expected.to_vec())
    );
}

#[tokio::test]
async fn a_page_that_asks_who_is_there_is_told_and_its_refusal_is_its_own() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(basic_auth("lbmon", "never-to-be-seen"))
        .respond_with(ResponseTemplate::new(200).set_body_string(SOCKET))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    let login = |password: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), password).unwrap();
        let login = Login {
            username: "lbmon".to_owned(),
            password: SecretSource::File(file.path().to_owned()),
        };
        (file, Some(login))
    };
    let ask_as = async |login: Option<Login>| {
        let entry = BalancerEntry {
            backend: None,
            stats_url: Some(format!("{}/stats", server.uri())),
            socket: None,
        };
        let page = Page {
            ca_file: None,
            login,
        };
        let reach = Arc::new(Script::new()).shared_reach();
        ask(&Haproxy::new(reach, entry, page, None)).await
    };
    let (_kept, good) = login("never-to-be-seen");
    assert_eq!(ask_as(good).await.unwrap().via, StatsVia::Http);
    let (_kept, bad) = login("never-to-be-seen-either");
    let cases = [
        (
            bad,
            "/stats;csv;norefresh: 401: the user lbmon or the password is wrong",
        ),
        (
            None,
            "401: it asks for a user and a password; the configuration names none",
        ),
    ];
    for (login, words) in cases {
        let failure = ask_as(login).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unauthorized);
        assert!(failure.message.raw().contains(words), "{failure}");
        assert!(
            !failure.message.raw().contains("never-to-be-seen"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_refused_page_is_a_haproxy_that_is_off_only_where_clients_are_refused_too() {
    let closed = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let open = |on: &str| {
        let listener = std::net::TcpListener::bind((on, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    // Two addresses of this machine: the host's own, and one that stands for the VIP.
    let (_own, serving) = open("127.0.0.1");
    let (_vip, elsewhere) = open("127.0.0.2");
    let (refused, absent) = (FailureKind::Refused, FailureKind::Absent);
    let cases = [
        (
            Some(closed()),
            refused,
            Some(false),
            "refuses connections too",
        ),
        (
            Some(elsewhere),
            refused,
            Some(true),
            "the VIP lets clients in",
        ),
        (Some(serving), absent, None, "accepts connections"),
        (None, refused, None, "connection refused"),
    ];
    for (port, kind, vips_open, words) in cases {
        let entry = BalancerEntry {
            backend: None,
            stats_url: Some(format!("http://127.0.0.1:{}/stats", closed())),
            socket: None,
        };
        let clients = port.map(|port| Clients {
            address: "127.0.0.1".to_owned(),
            vips: vec!["127.0.0.2".parse().unwrap()],
            port,
        });
        let reach = Arc::new(Script::new()).shared_reach();
        let failure = ask(&Haproxy::new(reach, entry, Page::default(), clients)).await;
        let failure = failure.unwrap_err();
        assert_eq!(
            (failure.kind, failure.vips_open),
            (kind, vips_open),
            "{failure}"
        );
        assert!(failure.message.raw().contains(words), "{failure}");
    }
}

#[tokio::test]
async fn addresses_the_socket_cannot_tell_do_not_cost_the_page() {
    let server = page(200, PAGE).await;
    let script = Script::new().fail(read(), FailureKind::Absent, "socat: command not found");
    let script = Arc::new(script);
    let source = haproxy(&script, Some(format!("{}/stats", server.uri())));
    for _ in 0..3 {
        let report = ask(&source).await.unwrap();
        assert_eq!(addresses(&report), [None, None]);
    }
    // Nor is it asked at every poll.
    assert_eq!(script.count(&read()), 1);
}

#[tokio::test]
async fn the_socket_answers_where_the_page_does_not_or_is_not_configured() {
    let server = page(503, "").await;
    let script = Arc::new(Script::new().answer(read(), 0, SOCKET, ""));
    for url in [None, Some(format!("{}/stats", server.uri()))] {
        let report = ask(&haproxy(&script, url)).await.unwrap();
        assert_eq!(report.via, StatsVia::Socket);
        assert_eq!(addresses(&report).first(), Some(&Some("192.168.0.12:5672")));
    }
}

#[tokio::test]
async fn if_both_ways_fail_both_are_told() {
    let server = page(404, "").await;
    let words = "2026/11/22 socat[1] E connect: No such file or directory\n";
    let script = Arc::new(Script::new().answer(read(), 1, "", words));
    let source = haproxy(&script, Some(format!("{}/stats", server.uri())));
    let failure = ask(&source).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Absent);
    assert!(failure.message.raw().contains("status 404"), "{failure}");
    assert!(failure.message.raw().contains("No such file"), "{failure}");
}

#[tokio::test]
async fn a_password_in_the_url_is_not_shown() {
    let server = page(500, "").await;
    let url = server
        .uri()
        .replace("http://", "http://admin:never-to-be-seen@")
        + "/stats";
    let script = Arc::new(Script::new().answer(read(), 1, "", ""));
    let failure = ask(&haproxy(&script, Some(url))).await.unwrap_err();
    assert!(
        !failure.message.raw().contains("never-to-be-seen"),
        "{failure}"
    );
    let requests = server.received_requests().await.unwrap();
    assert!(requests[0].headers.contains_key("authorization"));
}

#[rstest::rstest]
fn recorded_statistics_show_who_takes_clients(
    #[values("3.10", "4.0", "4.3")] release: &str,
    #[values("healthy", "app_stopped", "drained", "host_dead")] situation: &str,
    #[values("lb1", "lb2")] balancer: &str,
) {
    let page = fixture(release, situation, &format!("{balancer}.stats.csv")).unwrap();
    let socket = fixture(release, situation, &format!("{balancer}.show-stat.csv")).unwrap();
    for (text, via) in [(page, StatsVia::Http), (socket, StatsVia::Socket)] {
        let report = csv::parse(&text, via, "fixture").unwrap();
        assert_eq!(report.unread, []);
        let servers = &report.backend("rabbitmq_cluster").unwrap().servers;
        let takes: Vec<(&str, bool)> = servers
            .iter()
            .map(|server| (server.name.raw(), server.takes_clients()))
            .collect();
        let is_whole = situation == "healthy";
        let expected = [
            ("mq-node1", true),
            ("mq-node2", true),
            ("mq-node3", is_whole),
        ];
        assert_eq!(takes, expected, "{via}");
        let first = servers[0].address.as_ref().map(Shown::raw);
        // Only the socket tells addresses: the page is not configured to show legends.
        let expected = (via == StatsVia::Socket).then_some("192.168.0.12:5672");
        assert_eq!(first, expected);
        let entrances = report.entrances("rabbitmq_cluster");
        assert_eq!(entrances.len(), 1);
        assert_eq!(entrances[0].entrance(), Entrance::Open);
    }
}

/// HAProxy counts the usable servers of each backend itself: our reading of its words must come to
/// the same.
#[rstest::rstest]
fn every_recorded_word_means_what_haproxy_counts(#[values("3.10", "4.0", "4.3")] release: &str) {
    let text = fixture(release, "words", "lb1.show-stat.csv").unwrap();
    let report = csv::parse(&text, StatsVia::Socket, "fixture").unwrap();
    assert_eq!(report.unread, []);
    assert_eq!(report.backends.len(), 7);
    for backend in &report.backends {
        let usable = |is_backup: bool| {
            let servers = backend.servers.iter();
            let servers = servers.filter(|server| server.is_backup() == is_backup);
            servers.filter(|server| server.takes_clients()).count() as u64
        };
        assert_eq!(backend.active, Some(usable(false)), "{}", backend.name);
        assert_eq!(backend.backup, Some(usable(true)), "{}", backend.name);
        let is_left = matches!(backend.name.raw(), "rabbit" | "spares" | "open");
        let left = if is_left { Left::Some } else { Left::None };
        assert_eq!(report.left(backend), left, "{}", backend.name);
        for server in &backend.servers {
            assert!(
                !matches!(server.status, ServerStatus::Other(_)),
                "{server:?}"
            );
            let is_out = !server.takes_clients() && !server.status.is_down();
            assert_eq!(
                server.kept_out_by().is_some(),
                is_out || server.agent.is_some(),
                "{server:?}"
            );
        }
    }
    let entrance = |name: &str| {
        let mut all = report.frontends.iter();
        let found = all.find(|frontend| frontend.name.raw() == name);
        found.map(Frontend::entrance)
    };
    assert_eq!(entrance("amqp_in"), Some(Entrance::Full));
    assert_eq!(entrance("amqp_paused"), Some(Entrance::Closed));
    assert_eq!(entrance("open"), Some(Entrance::Open));
}
