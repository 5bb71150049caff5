//! Proves the questions to the management API against a scripted server: every way of answering
//! badly is its own kind of failure, in words, and costs nothing else.

mod answers;
mod company;
mod pages;

use super::{Api, ClusterView, NodeView, OneNode, Question, QuorumCheck, VirtualHostCheck};
use crate::config::secret::SecretSource;
use crate::config::{Management, Scheme};
use crate::model::broker::{BrokerReport, NodeType, QueuePage};
use crate::model::impact::QuorumVerdict;
use crate::model::name::{HostName, NodeName, VhostName};
use crate::model::observation::{FailureKind, Payload, SourceFailure};
use crate::sources::Source;
use crate::sources::client::Limits;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PASSWORD: &str = "never-to-be-seen";
const POLICIES: &str = "/api/policies";
const QUEUES: &str = "/api/queues";
const WHOAMI: &str = "/api/whoami";

fn host(name: &str) -> HostName {
    HostName::parse(name).unwrap()
}

/// A file whose password is read at first use; kept for as long as the test needs it.
fn secret() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o600))
        .unwrap();
    file.write_all(PASSWORD.as_bytes()).unwrap();
    file
}

struct Bench {
    api: Arc<Api>,
    /// Kept, because it is read at first use.
    secret: tempfile::NamedTempFile,
}

/// Nodes at these URLs, named `node1`, `node2`, …
fn bench(urls: &[&str]) -> Bench {
    let secret = secret();
    let password = SecretSource::File(secret.path().to_owned());
    bench_with(urls, secret, password, Duration::from_millis(500))
}

fn bench_with(
    urls: &[&str],
    secret: tempfile::NamedTempFile,
    password: SecretSource,
    time: Duration,
) -> Bench {
    let management = Management {
        scheme: Scheme::Http,
        port: 0,
        path_prefix: String::new(),
        username: "monitor".to_owned(),
        password,
        ca_file: None,
        client_cert: None,
    };
    let bases = urls
        .iter()
        .enumerate()
        .map(|(place, url)| (host(&format!("node{}", place + 1)), format!("{url}/api/")))
        .collect();
    let limits = Limits {
        time,
        bytes: 1_000_000,
    };
    Bench {
        api: Arc::new(Api::with_limits(
            bases,
            management,
            limits,
            Duration::from_millis(50),
        )),
        secret,
    }
}

impl Bench {
    async fn policies(&self) -> (HostName, Result<Payload, SourceFailure>) {
        let report = self.ask(Question::Policies).await;
        (report.host, report.outcome)
    }

    async fn queues(&self) -> QueuePage {
        match self.ask(Question::Queues).await.outcome {
            Ok(Payload::Queues(page)) => page,
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&self, question: Question) -> crate::sources::Report {
        let api = Arc::clone(&self.api);
        ClusterView { api, question }.observe().await
    }

    async fn failure(&self) -> SourceFailure {
        let failure = self.policies().await.1.unwrap_err();
        assert!(!failure.message.raw().contains(PASSWORD));
        failure
    }

    fn node1(&self) -> OneNode {
        OneNode {
            api: Arc::clone(&self.api),
            host: host("node1"),
            node: NodeName::parse("rabbit@node1").unwrap(),
        }
    }

    async fn broker(&self) -> Result<BrokerReport, SourceFailure> {
        let source = NodeView(self.node1());
        let payload = source.observe().await.outcome?;
        let Payload::Broker(report) = payload else {
            panic!("{payload:?}");
        };
        Ok(report)
    }

    async fn quorum(&self) -> Result<QuorumVerdict, SourceFailure> {
        let source = QuorumCheck(self.node1());
        let payload = source.observe().await.outcome?;
        let Payload::QuorumCritical(verdict) = payload else {
            panic!("{payload:?}");
        };
        Ok(verdict)
    }

    async fn vhosts_down(&self) -> Result<Vec<VhostName>, SourceFailure> {
        let payload = VirtualHostCheck(self.node1()).observe().await.outcome?;
        let Payload::VirtualHosts(down) = payload else {
            panic!("{payload:?}");
        };
        Ok(down)
    }
}

async fn serve(at: &str, response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(at))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

/// A server whose overview names this node.
async fn serve_as(node: &str, at: &str, response: ResponseTemplate) -> MockServer {
    let server = serve(at, response).await;
    Mock::given(path("/api/overview"))
        .respond_with(json(200, &format!(r#"{{"node":"{node}"}}"#)))
        .mount(&server)
        .await;
    server
}

/// A node that knows no such user, or another password.
async fn stranger(delay: Duration) -> MockServer {
    let server = MockServer::start().await;
    let refusal = json(401, r#"{"error":"not_authorized"}"#).set_delay(delay);
    Mock::given(any())
        .respond_with(refusal)
        .mount(&server)
        .await;
    server
}

/// The paths that were asked for, in order.
async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let path = |request: &wiremock::Request| request.url.path().to_owned();
    requests.iter().map(path).collect()
}

fn json(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_owned(), "application/json")
}

/// A server that sends exactly these bytes to whoever connects, then closes.
async fn raw_server(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await;
            let _written = stream.write_all(bytes).await;
        }
    });
    url
}

#[tokio::test]
async fn every_bad_answer_has_its_kind_and_its_words() {
    let cases = [
        (
            403,
            r#"{"error":"not_authorised","reason":"Access refused."}"#,
            FailureKind::Forbidden,
            "Access refused.",
        ),
        (404, "", FailureKind::Absent, "404"),
        (405, "", FailureKind::Absent, "405"),
        (
            500,
            r#"{"error":"oops","reason":"badmatch"}"#,
            FailureKind::Server,
            "badmatch",
        ),
        (503, "<html>busy</html>", FailureKind::Server, "503"),
        (302, "", FailureKind::Malformed, "redirect"),
        (
            200,
            "<html>a proxy's login page</html>",
            FailureKind::Malformed,
            "<html>",
        ),
        (200, "", FailureKind::Malformed, "empty"),
        (
            200,
            r#"{"items":[{"name":"q""#,
            FailureKind::Malformed,
            "breaks off",
        ),
        (
            200,
            r#"{"total_count":3}"#,
            FailureKind::Malformed,
            "without rows",
        ),
        (
            200,
            "[NaN]",
            FailureKind::Malformed,
            "not the JSON expected",
        ),
    ];
    for (status, body, kind, words) in cases {
        let server = serve(POLICIES, json(status, body)).await;
        let failure = bench(&[&server.uri()]).failure().await;
        let message = failure.message.raw();
        assert_eq!(failure.kind, kind, "{status} {body}: {message}");
        assert!(message.contains(words), "{status} {body}: {message}");
        assert!(message.starts_with("GET http://127.0.0.1:"), "{message}");
    }
}

#[tokio::test]
async fn after_a_401_nothing_is_sent_to_that_node_until_it_is_forgiven() {
    let server = stranger(Duration::ZERO).await;
    let second = stranger(Duration::ZERO).await;
    let bench = bench(&[&server.uri(), &second.uri()]);
    for _ in 0..3 {
        let failure = bench.failure().await;
        assert_eq!(failure.kind, FailureKind::Unauthorized);
        assert!(failure.message.raw().contains("monitor"), "{failure}");
    }
    for server in [&server, &second] {
        assert_eq!(asked(server).await, [WHOAMI]);
    }
    bench.api.forgive();
    bench.failure().await;
    assert_eq!(asked(&server).await, [WHOAMI, WHOAMI]);
}

/// It left the cluster and forgot the cluster's users; the others did not.
#[tokio::test]
async fn one_node_that_refuses_the_login_does_not_hide_the_cluster() {
    let stranger = stranger(Duration::ZERO).await;
    let member = serve(POLICIES, json(200, "[]")).await;
    let bench = bench(&[&stranger.uri(), &member.uri()]);
    for _ in 0..2 {
        assert!(matches!(bench.policies().await.1, Ok(Payload::Policies(_))));
    }
    assert_eq!(asked(&stranger).await, [WHOAMI]);
}

#[tokio::test]
async fn many_sources_at_once_try_a_wrong_password_once() {
    // However long the refusal takes: a directory behind the broker may be slow.
    for delay in [Duration::ZERO, Duration::from_millis(400)] {
        let server = stranger(delay).await;
        let bench = bench(&[&server.uri()]);
        let all = (0..10).map(|_| bench.failure());
        for failure in futures_util::future::join_all(all).await {
            assert_eq!(failure.kind, FailureKind::Unauthorized);
        }
        assert_eq!(asked(&server).await, [WHOAMI]);
    }
}

/// The password is read again after a 401, but who is still being asked about it is not asked anew.
#[tokio::test]
async fn a_refusal_by_one_node_is_no_second_attempt_at_another() {
    let quick = stranger(Duration::ZERO).await;
    let slow = stranger(Duration::from_millis(400)).await;
    let bench = bench(&[&quick.uri(), &slow.uri()]);
    let (node1, node2) = (host("node1"), host("node2"));
    let after_the_first = async {
        let first = bench.api.get(&node1, "policies").await;
        (first, bench.api.get(&node2, "policies").await)
    };
    let (one, (two, three)) = tokio::join!(bench.api.get(&node2, "policies"), after_the_first);
    for outcome in [one, two, three] {
        assert_eq!(outcome.unwrap_err().kind, FailureKind::Unauthorized);
    }
    assert_eq!(asked(&slow).await, [WHOAMI]);
}

#[tokio::test]
async fn a_password_that_was_accepted_is_not_asked_about_again() {
    let server = serve(POLICIES, json(200, "[]")).await;
    let bench = bench(&[&server.uri()]);
    let all = (0..3).map(|_| bench.policies());
    for (_, outcome) in futures_util::future::join_all(all).await {
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    assert!(bench.policies().await.1.is_ok());
    assert_eq!(
        asked(&server).await,
        [WHOAMI, POLICIES, POLICIES, POLICIES, POLICIES]
    );
}

/// A silent node is waited for once by all who ask at the same time, not by one after the other.
#[tokio::test]
async fn a_failure_to_ask_counts_for_all_who_waited() {
    let slow = json(200, "{}").set_delay(Duration::from_secs(30));
    let server = serve(WHOAMI, slow).await;
    let bench = bench(&[&server.uri()]);
    let all = (0..5).map(|_| bench.failure());
    for failure in futures_util::future::join_all(all).await {
        assert_eq!(failure.kind, FailureKind::Mute, "{failure}");
    }
    assert_eq!(asked(&server).await, [WHOAMI]);
    bench.failure().await;
    assert_eq!(asked(&server).await, [WHOAMI, WHOAMI]);
}

#[tokio::test]
async fn a_missing_password_is_named_and_nothing_is_sent() {
    let server = serve(POLICIES, json(200, "[]")).await;
    let bench = bench(&[&server.uri()]);
    std::fs::remove_file(bench.secret.path()).unwrap();
    let failure = bench.policies().await.1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Secret);
    assert!(failure.message.raw().contains("password file"), "{failure}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_password_command_runs_once_for_many_sources() {
    let server = serve(POLICIES, json(200, "[]")).await;
    for (end, is_good) in [("echo word", true), ("exit 1", false)] {
        let file = secret();
        let script = format!("echo run >> {}; {end}", file.path().display());
        let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let (command, limit) = (SecretSource::Command(words), Duration::from_secs(5));
        let bench = bench_with(&[&server.uri()], file, command, limit);
        let all = futures_util::future::join_all((0..10).map(|_| bench.policies())).await;
        assert!(all.iter().all(|(_, outcome)| outcome.is_ok() == is_good));
        let written = std::fs::read_to_string(bench.secret.path()).unwrap();
        assert_eq!(written.matches("run").count(), 1, "{end}");
    }
}

/// The runtime waits for blocking work before the program can end.
#[test]
fn a_hanging_password_command_does_not_hold_up_the_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let words = ["sleep", "100"].map(str::to_owned).to_vec();
            let (command, limit) = (SecretSource::Command(words), Duration::from_secs(5));
            let bench = bench_with(&["http://127.0.0.1:1"], secret(), command, limit);
            let asked = tokio::time::timeout(Duration::from_millis(200), bench.policies()).await;
            assert!(asked.is_err(), "{asked:?}");
        });
        drop(runtime);
        sender.send(())
    });
    done.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[tokio::test]
async fn the_network_s_failures_are_told_apart() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let slow = serve(POLICIES, json(200, "[]").set_delay(Duration::from_secs(30))).await;
    let cut = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"name\"").await;
    let silent = raw_server(b"").await;
    let garbage = raw_server(b"\x15\x03\x01\x00\x02").await;
    let cases = [
        (closed, FailureKind::Refused, "connection refused"),
        (
            slow.uri(),
            FailureKind::Mute,
            "no complete answer within 0.5 s",
        ),
        (cut, FailureKind::Lost, "the answer broke off"),
        (silent, FailureKind::Lost, "the answer broke off"),
        (garbage, FailureKind::Lost, "the answer broke off"),
    ];
    for (url, kind, words) in cases {
        let failure = bench(&[&url]).failure().await;
        let message = failure.message.raw();
        assert_eq!(failure.kind, kind, "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_the_limit() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _read = stream.read(&mut request).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\n\r\n[";
        stream.write_all(head).await.unwrap();
        let mut sent = 0_usize;
        // Ends when the client hangs up.
        while stream.write_all(&[b' '; 16_384]).await.is_ok() {
            sent += 16_384;
        }
        sent
    });
    let failure = bench(&[&url]).failure().await;
    assert_eq!(failure.kind, FailureKind::TooLarge, "{failure}");
    // The socket's buffers hold some megabytes; a gigabyte was never taken.
    assert!(server.await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn the_next_node_answers_for_one_that_cannot_and_is_then_asked_first() {
    let first = serve(POLICIES, json(500, "{}")).await;
    let second = serve(POLICIES, json(200, "[]")).await;
    let bench = bench(&[&first.uri(), &second.uri()]);
    for _ in 0..2 {
        let (answered, outcome) = bench.policies().await;
        assert_eq!(answered, host("node2"));
        assert!(outcome.is_ok());
    }
    assert_eq!(asked(&first).await, [WHOAMI, POLICIES]);
}

#[tokio::test]
async fn if_no_node_answers_the_first_one_s_failure_is_told() {
    let first = serve(POLICIES, json(500, r#"{"reason":"first"}"#)).await;
    let second = serve(POLICIES, json(500, r#"{"reason":"second"}"#)).await;
    let failure = bench(&[&first.uri(), &second.uri()]).failure().await;
    assert!(failure.message.raw().contains("first"), "{failure}");
}
