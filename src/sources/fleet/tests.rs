//! Proves that no answer of a survey is old when the last one comes.

use super::Fleet;
use crate::config::file;
use crate::model::observation::SourceKind;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

/// A list that takes its time makes no other answer old: everything else is asked again after it.
#[tokio::test]
async fn what_waited_for_a_long_list_is_asked_again() {
    let server = MockServer::start().await;
    let takes = super::STILL_NEW + Duration::from_millis(300);
    let overview =
        r#"{"node":"rabbit@mq1","object_totals":{"queues":0},"rabbitmq_version":"4.3.6"}"#;
    Mock::given(path("/api/queues"))
        .respond_with(json("[]").set_delay(takes))
        .mount(&server)
        .await;
    Mock::given(path("/api/overview"))
        .respond_with(json(overview))
        .mount(&server)
        .await;
    Mock::given(path_regex("/api/(nodes|whoami)"))
        .respond_with(json(r#"[{"name":"rabbit@mq1","running":true}]"#))
        .mount(&server)
        .await;
    let mut password = tempfile::NamedTempFile::new().unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    password.as_file().set_permissions(mode).unwrap();
    password.write_all(b"word").unwrap();
    let text = format!(
        r#"
[clusters.prod.management]
username = "mon"
password_file = "{}"
port = {}

[[clusters.prod.hosts]]
name = "mq1"
address = "127.0.0.1"
node = "rabbit@mq1"
"#,
        password.path().display(),
        server.address().port()
    );
    let config = file::parse(Path::new("/etc/rmqtop/config.toml"), &text).unwrap();
    let fleet = Fleet::new(config.choose(None).unwrap(), &BTreeMap::new());
    let seen = fleet
        .survey(&[SourceKind::Management, SourceKind::Queues])
        .await;
    let at = |kind| {
        // The last word counts.
        let found = seen.iter().rfind(|it| it.source.kind == kind).unwrap();
        assert!(found.outcome.is_ok(), "{:?}", found.outcome);
        (found.at, found.took)
    };
    let (listed, took) = at(SourceKind::Queues);
    let (viewed, _) = at(SourceKind::Management);
    assert!(took >= takes && viewed >= listed);
}
