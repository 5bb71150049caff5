//! Owns writes to a management API: one request under a permit, sent once, and what came of it.
//! Pollers cannot be handed one; their client only asks.

use super::http;
use super::outcome::{CommandOutcome, RemoteError, Response};
use super::password::password;
use crate::config::Management;
use crate::guard::Permit;
use crate::invocation::api::{ApiAddress, ApiCall, Method};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// From the request to the answer. A broker answers at once, or one of its peers holds it up.
const LIMIT: Duration = Duration::from_secs(30);
/// From the status to the end of the answer.
const BODY_TIME: Duration = Duration::from_secs(5);
/// More of an answer than a reason takes.
const BODY_LIMIT: usize = 16 << 10;
/// Characters of a reason.
const REASON_LIMIT: usize = 600;

/// Writes to the management API of one node.
#[derive(Debug)]
pub(super) struct Writer {
    at: ApiAddress,
    management: Management,
}

/// The broker's own words for a failure.
#[derive(Deserialize)]
struct Refusal {
    reason: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
}

impl Writer {
    /// Names the node; asks nothing.
    pub(super) fn new(at: ApiAddress, management: Management) -> Self {
        Self { at, management }
    }

    /// Sends `call`, once.
    pub(super) async fn send(
        &self,
        _permit: &Permit,
        asked: (&ApiCall, &ApiAddress),
        limit: Duration,
    ) -> CommandOutcome {
        self.permitted(asked, limit).await
    }

    /// Only a connection that was never made is certainly nothing sent.
    async fn permitted(
        &self,
        (call, at): (&ApiCall, &ApiAddress),
        limit: Duration,
    ) -> CommandOutcome {
        // The password goes where the configuration says, wherever a journal says to go.
        if *at != self.at {
            return CommandOutcome::NotSent(self.error(
                FailureKind::NotConfigured,
                format!("the configuration no longer says {} as {}", at.url, at.user),
            ));
        }
        let limit = limit.min(LIMIT);
        let deadline = Instant::now() + limit;
        let (client, password) = match timeout_at(deadline, self.ready()).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(error)) => return CommandOutcome::NotSent(error),
            Err(_elapsed) => {
                let words = "the password could not be read in time";
                return CommandOutcome::NotSent(self.error(FailureKind::Secret, words));
            }
        };
        let request = self.request(&client, &password, call);
        match timeout_at(deadline, self.exchange(request, limit)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => CommandOutcome::TimedOut,
        }
    }

    async fn ready(&self) -> Result<(Client, SecretString), RemoteError> {
        let trust = http::Trust::from(&self.management);
        let made = tokio::task::spawn_blocking(move || http::client(&trust)).await;
        let client = match made {
            Ok(made) => made.map_err(|fault| self.error(fault.kind, fault.words))?,
            Err(_ended) => {
                let words = "the HTTP client could not be made";
                return Err(self.error(FailureKind::Local, words));
            }
        };
        let source = self.management.password.clone();
        let password = password(source)
            .await
            .map_err(|fault| self.error(fault.kind, fault.words))?;
        Ok((client, password))
    }

    fn request(&self, client: &Client, password: &SecretString, call: &ApiCall) -> RequestBuilder {
        let method = match call.method() {
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
            Method::Post => reqwest::Method::POST,
        };
        let url = format!("{}{}", self.at.url, call.path());
        let request = client
            .request(method, url)
            .basic_auth(&self.at.user, Some(password.expose_secret()));
        match call.body() {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body),
            None => request,
        }
    }

    /// Never sent again: a kept connection that breaks may have brought the request before.
    async fn exchange(&self, request: RequestBuilder, limit: Duration) -> CommandOutcome {
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let (kind, words) = http::explain(&error, limit);
                let error_words = self.error(kind, words);
                return if error.is_connect() || error.is_builder() {
                    CommandOutcome::NotSent(error_words)
                } else {
                    CommandOutcome::Lost(error_words)
                };
            }
        };
        let status = response.status().as_u16();
        let mut body = Vec::new();
        // The status has come: an answer that breaks off after it only lacks words.
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > BODY_LIMIT {
                    break;
                }
            }
        };
        let _late = timeout(BODY_TIME, read).await;
        CommandOutcome::Answered(Response {
            status,
            reason: reason(&String::from_utf8_lossy(&body)),
            user: Shown::new(&self.at.user),
        })
    }

    fn error(&self, kind: FailureKind, message: impl AsRef<str>) -> RemoteError {
        RemoteError {
            destination: Shown::new(&self.at.url),
            kind,
            message: Shown::new(message.as_ref()),
        }
    }
}

/// The broker's reason on one line; it writes some of them for a browser.
fn reason(body: &str) -> Option<Shown> {
    let refusal: Refusal = serde_json::from_str(body).ok()?;
    let text = |value: Option<serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text),
        Some(value @ serde_json::Value::Object(_)) => Some(value.to_string()),
        _ => None,
    };
    let words = text(refusal.reason).or_else(|| text(refusal.error))?;
    let words = words
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    let line: Vec<&str> = words.split_whitespace().collect();
    let line: String = line.join(" ").chars().take(REASON_LIMIT).collect();
    Some(Shown::new(&line))
}

#[cfg(test)]
mod tests {
    use super::Writer;
    use crate::config::secret::SecretSource;
    use crate::config::{Management, Scheme};
    use crate::invocation::api::{ApiAddress, ApiCall};
    use crate::model::name::VhostName;
    use crate::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
    use crate::model::text::Shown;
    use crate::remote::outcome::CommandOutcome;
    use serde_json::{Value, json};
    use std::time::Duration;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const LIMIT: Duration = Duration::from_secs(5);

    fn writer(url: &str) -> (Writer, ApiAddress) {
        let at = ApiAddress {
            url: format!("{url}/api/"),
            user: "guest".to_owned(),
            ca_file: None,
            client_cert: None,
        };
        let management = Management {
            scheme: Scheme::Http,
            port: 0,
            path_prefix: String::new(),
            username: "guest".to_owned(),
            password: SecretSource::Guest,
            ca_file: None,
            client_cert: None,
        };
        (Writer::new(at.clone(), management), at)
    }

    fn call(name: &str) -> ApiCall {
        ApiCall::SetPolicy {
            rule: PolicyRule {
                vhost: VhostName::new("/"),
                name: PolicyName(Shown::new(name)),
                pattern: Shown::new("^"),
                apply_to: ApplyTo::All,
                priority: 0,
                definition: Definition::parse(r#"{"max-length":1}"#).unwrap(),
            },
        }
    }

    async fn answer(status: u16, body: Value) -> (MockServer, String) {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(status).set_body_json(body);
        Mock::given(any())
            .respond_with(response)
            .mount(&server)
            .await;
        let (writer, at) = writer(&server.uri());
        let outcome = writer.permitted((&call("p q"), &at), LIMIT).await;
        let CommandOutcome::Answered(response) = outcome else {
            panic!("{outcome:?}");
        };
        (server, response.words())
    }

    #[tokio::test]
    async fn one_request_goes_out_whole_and_with_the_password() {
        let (server, words) = answer(201, json!({})).await;
        assert_eq!(words, "201: done");
        let seen = server.received_requests().await.unwrap();
        assert_eq!(seen.len(), 1);
        let request = &seen[0];
        assert_eq!(request.method.as_str(), "PUT");
        assert_eq!(request.url.path(), "/api/policies/%2F/p%20q");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"pattern": "^", "definition": {"max-length": 1}, "priority": 0, "apply-to": "all"})
        );
        // guest:guest
        assert_eq!(request.headers["authorization"], "Basic Z3Vlc3Q6Z3Vlc3Q=");
    }

    #[tokio::test]
    async fn the_broker_is_quoted_as_it_meant_it() {
        let reason = "Validation failed\n\n[{&lt;&lt;\"ha-mod\"&gt;&gt;}] are not recognised\n";
        let (_, words) = answer(400, json!({"error": "bad_request", "reason": reason})).await;
        assert_eq!(
            words,
            "400: the broker refuses it: Validation failed [{<<\"ha-mod\">>}] are not recognised"
        );
        let (_, words) = answer(401, json!({"reason": "Login failed"})).await;
        assert_eq!(
            words,
            "401: the user guest or the password is wrong: Login failed"
        );
        let (_, words) = answer(401, json!({"reason": "Access refused."})).await;
        assert_eq!(
            words,
            "401: the user guest may not do this: Access refused."
        );
        let (_, words) = answer(500, json!({"reason": {"a": 1}})).await;
        assert!(
            words.ends_with("may have done it all the same: {\"a\":1}"),
            "{words}"
        );
    }

    #[tokio::test]
    async fn a_port_that_is_closed_was_sent_nothing() {
        let (writer, at) = writer("http://127.0.0.1:1");
        let outcome = writer.permitted((&call("p"), &at), LIMIT).await;
        assert!(matches!(outcome, CommandOutcome::NotSent(_)), "{outcome:?}");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_leaves_it_open() {
        let server = MockServer::start().await;
        let late = ResponseTemplate::new(204).set_delay(Duration::from_secs(60));
        Mock::given(any()).respond_with(late).mount(&server).await;
        let (writer, at) = writer(&server.uri());
        let outcome = writer
            .permitted((&call("p"), &at), Duration::from_millis(300))
            .await;
        assert_eq!(outcome, CommandOutcome::TimedOut);
    }

    #[tokio::test]
    async fn the_password_goes_nowhere_but_where_the_configuration_says() {
        let server = MockServer::start().await;
        let (writer, _) = writer("http://127.0.0.1:1");
        let elsewhere = self::writer(&server.uri()).1;
        let outcome = writer.permitted((&call("p"), &elsewhere), LIMIT).await;
        assert!(matches!(outcome, CommandOutcome::NotSent(_)), "{outcome:?}");
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
