//! Owns the HTTP client of the sources. It can only GET; it follows no redirect and uses no proxy,
//! so that the password goes nowhere but to the address configured; it never holds more of an
//! answer than a limit.

mod proof;

use crate::config::{Login, Management, Page, Scheme};
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use crate::remote::http::{self, HttpFault, Trust};
use crate::remote::password::password;
use proof::Proofs;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long nothing is sent to a node after its 401: more attempts could lock the account.
const REJECTED_PAUSE: Duration = Duration::from_secs(60);

/// Limits of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the request to the last byte.
    pub(crate) time: Duration,
    /// Bytes of the (decompressed) body.
    pub(crate) bytes: usize,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    /// `GET url`, to begin failures with.
    pub(crate) subject: String,
}

/// A client with one set of credentials, or none. Costs nothing until first used.
#[derive(Debug)]
pub(crate) struct Client {
    trust: Trust,
    login: Option<Login>,
    /// The path that tries the password, where there is one that costs nothing.
    whoami: Option<String>,
    limits: Limits,
    state: Mutex<State>,
    /// Who has accepted the password.
    proofs: Proofs,
    /// Held by who makes what is `ready`, with the last failure to do so and when that was: it
    /// counts for all who waited for it.
    making: tokio::sync::Mutex<Option<(SourceFailure, Instant)>>,
}

#[derive(Debug, Default)]
struct State {
    ready: Option<Arc<Ready>>,
    /// By scheme, host and port: a node that left its cluster has users of its own.
    rejected: BTreeMap<String, (SourceFailure, Instant)>,
}

#[derive(Debug)]
struct Ready {
    http: reqwest::Client,
    password: Option<SecretString>,
}

impl Client {
    /// For the management API.
    pub(crate) fn for_management(management: Management, limits: Limits) -> Self {
        let trust = Trust::from(&management);
        let whoami = format!("{}/api/whoami", management.path_prefix);
        let login = Login {
            username: management.username,
            password: management.password,
        };
        Self::new(trust, Some(login), Some(whoami), limits)
    }

    /// For one statistics page, at `url`.
    pub(crate) fn for_page(url: &str, page: Page, limits: Limits) -> Self {
        let trust = Trust {
            scheme: if url.starts_with("https://") {
                Scheme::Https
            } else {
                Scheme::Http
            },
            ca_file: page.ca_file,
            client_cert: None,
        };
        Self::new(trust, page.login, None, limits)
    }

    fn new(trust: Trust, login: Option<Login>, whoami: Option<String>, limits: Limits) -> Self {
        Self {
            trust,
            login,
            whoami,
            limits,
            state: Mutex::default(),
            proofs: Proofs::default(),
            making: tokio::sync::Mutex::default(),
        }
    }

    /// Forgets that the password was refused: it is read again and tried again.
    pub(crate) fn forgive(&self) {
        *self.state() = State::default();
        self.proofs.doubt();
    }

    /// Asks; any status but 401 is an answer. A server that has not accepted the password yet is
    /// asked `whoami` first: any node answers that from its own memory, even while a peer is silent.
    pub(crate) async fn get(&self, url: &str) -> Result<Answer, SourceFailure> {
        self.get_within(url, self.limits.time).await
    }

    /// As `get`, of what may take longer, or must be over sooner.
    pub(crate) async fn get_within(
        &self,
        url: &str,
        limit: Duration,
    ) -> Result<Answer, SourceFailure> {
        if let Err(failure) = self.check_rejected(url) {
            // Nothing is asked, but what does not even listen refuses no login.
            return Err(knock(url).await.unwrap_or(failure));
        }
        let ready = self.ready().await?;
        if let Some(path) = &self.whoami {
            let whoami = format!("{}{path}", origin(url));
            let attempt = || async {
                self.check_rejected(url)?;
                self.fetch(&ready, &whoami, self.limits.time)
                    .await
                    .map(drop)
            };
            self.proofs.wait(origin(url), attempt).await?;
        }
        self.fetch(&ready, url, limit).await
    }

    /// Sends the password, whether it is known to be good or not.
    async fn fetch(
        &self,
        ready: &Ready,
        url: &str,
        limit: Duration,
    ) -> Result<Answer, SourceFailure> {
        let subject = subject(url);
        let mut request = ready.http.get(url).timeout(limit);
        if let (Some(login), Some(password)) = (&self.login, &ready.password) {
            request = request.basic_auth(&login.username, Some(password.expose_secret()));
        }
        let mut response = match send(request).await {
            Ok(response) => response,
            Err(error) => return Err(explain(url, limit, error).await),
        };
        let status = response.status();
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(explain(url, limit, error).await),
            };
            if body.len() + chunk.len() > self.limits.bytes {
                let text = format!("{subject}: more than {} bytes", self.limits.bytes);
                return Err(SourceFailure::new(FailureKind::TooLarge, text));
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let answer = Answer {
            status,
            body,
            subject,
        };
        if status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // Only the management API gives a reason; of a missing tag the password is right.
        match reason(&answer.body).filter(|_| self.whoami.is_some()) {
            Some(reason) if is_missing_tag(&reason) => {
                let login = self.login.as_ref();
                let user = login.map_or("", |login| login.username.as_str());
                let text = format!(
                    "{}: 401: the user {} lacks a tag: {reason}",
                    answer.subject,
                    Shown::new(user)
                );
                Err(SourceFailure::new(FailureKind::Forbidden, text))
            }
            reason => Err(self.reject(url, &answer, reason.as_ref())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails while the password counts as refused by the node of `url`.
    fn check_rejected(&self, url: &str) -> Result<(), SourceFailure> {
        match self.state().rejected.get(origin(url)) {
            Some((failure, until)) if Instant::now() < *until => Err(failure.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes a 401; the password is read again after the pause, it may have been corrected.
    fn reject(&self, url: &str, answer: &Answer, reason: Option<&Shown>) -> SourceFailure {
        let why = match &self.login {
            // Such as guest, who may log in from the broker's own host only.
            Some(login) if reason.is_some_and(|reason| reason.raw() != "Login failed") => format!(
                "the user {} is refused: {}",
                Shown::new(&login.username),
                reason.map_or("", Shown::as_str)
            ),
            Some(login) => format!(
                "the user {} or the password is wrong",
                Shown::new(&login.username)
            ),
            None if names_a_user(url) => "the user or the password in its URL is wrong".to_owned(),
            None => "it asks for a user and a password; the configuration names none".to_owned(),
        };
        let text = format!(
            "{}: 401: {why}; not asking again for {} s",
            answer.subject,
            REJECTED_PAUSE.as_secs()
        );
        let failure = SourceFailure::new(FailureKind::Unauthorized, text);
        self.proofs.doubt();
        let mut state = self.state();
        state.ready = None;
        let until = Instant::now() + REJECTED_PAUSE;
        state
            .rejected
            .insert(origin(url).to_owned(), (failure.clone(), until));
        failure
    }

    async fn ready(&self) -> Result<Arc<Ready>, SourceFailure> {
        let since = Instant::now();
        if let Some(ready) = &self.state().ready {
            return Ok(Arc::clone(ready));
        }
        // Many sources start at once; a password command may ask a person, so it runs once.
        let mut last = self.making.lock().await;
        if let Some(ready) = &self.state().ready {
            return Ok(Arc::clone(ready));
        }
        if let Some((failure, at)) = &*last
            && *at >= since
        {
            return Err(failure.clone());
        }
        match make(self.trust.clone(), self.login.clone()).await {
            Ok(ready) => Ok(Arc::clone(self.state().ready.insert(Arc::new(ready)))),
            Err(failure) => {
                *last = Some((failure.clone(), Instant::now()));
                Err(failure)
            }
        }
    }
}

/// What became of a request. Who accepts connections is no dead host, whatever else fails.
async fn explain(url: &str, limit: Duration, error: reqwest::Error) -> SourceFailure {
    let (mut kind, mut words) = http::explain(&error, limit);
    let late = kind == FailureKind::Timeout && !error.is_connect();
    let unshaken =
        kind == FailureKind::Unreachable && error.is_connect() && url.starts_with("https://");
    if (late || unshaken) && is_open(url).await {
        if late {
            kind = FailureKind::Mute;
            words = format!("it accepted the connection; {words}");
        } else {
            kind = FailureKind::Tls;
            words = format!("TLS failed: {words}");
        }
    }
    SourceFailure::new(kind, format!("{}: {words}", subject(url)))
}

/// Sends; once more if a connection kept from an earlier answer was closed by the other side
/// meanwhile, which says nothing about it.
async fn send(request: reqwest::RequestBuilder) -> Result<reqwest::Response, reqwest::Error> {
    let again = request.try_clone();
    match (request.send().await, again) {
        (Err(error), Some(again)) if was_hung_up(&error) => again.send().await,
        (outcome, _) => outcome,
    }
}

fn was_hung_up(error: &reqwest::Error) -> bool {
    let is_kept = !error.is_connect() && !error.is_timeout();
    is_kept && http::classify_causes(error).is_none_or(|(kind, _)| kind == FailureKind::Lost)
}

async fn make(trust: Trust, login: Option<Login>) -> Result<Ready, SourceFailure> {
    // Slow files must not hold up the other sources.
    let http = tokio::task::spawn_blocking(move || http::client(&trust)).await;
    let http = match http {
        Ok(made) => made?,
        Err(_ended) => {
            let text = "the HTTP client could not be made";
            return Err(SourceFailure::new(FailureKind::Local, text));
        }
    };
    let password = match login {
        Some(login) => Some(password(login.password).await?),
        None => None,
    };
    Ok(Ready { http, password })
}

/// Whether a connection to `url` is accepted.
pub(super) async fn is_open(url: &str) -> bool {
    connect(url)
        .await
        .is_some_and(|connected| connected.is_ok())
}

/// Connects, and hangs up; `None` without any answer.
async fn connect(url: &str) -> Option<std::io::Result<()>> {
    let parsed = reqwest::Url::parse(url).ok()?;
    let host = parsed.host_str()?.trim_matches(['[', ']']);
    let address = (host, parsed.port_or_known_default()?);
    let connected = timeout(http::CONNECT_LIMIT, TcpStream::connect(address)).await;
    Some(connected.ok()?.map(drop))
}

/// Why nothing listens there; `None` if something does, or it cannot be told.
async fn knock(url: &str) -> Option<SourceFailure> {
    let (kind, words) = http::classify_io(&connect(url).await?.err()?)?;
    Some(SourceFailure::new(
        kind,
        format!("{}: {words}", subject(url)),
    ))
}

fn names_a_user(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| !url.username().is_empty())
}

/// Why the management API says 401: `{"error":"not_authorised","reason":"Not monitor user"}`.
fn reason(body: &str) -> Option<Shown> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(Shown::new(body.get("reason")?.as_str()?))
}

/// `Not monitor user`, `Not management user`, `Not administrator user` (`rabbit_mgmt_util`).
fn is_missing_tag(reason: &Shown) -> bool {
    let words = reason.raw();
    words.starts_with("Not ") && words.ends_with(" user")
}

/// What failures begin with.
fn subject(url: &str) -> String {
    format!("GET {}", presentable(url))
}

/// What stands before the path.
fn origin(url: &str) -> &str {
    let path = url
        .match_indices('/')
        .nth(2)
        .map_or(url.len(), |(place, _)| place);
    url.split_at(path).0
}

/// The URL as it may be shown: without password, and without its query, which only names columns.
fn presentable(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut parsed) => {
            // Only a URL without host has no place for a password, and so none to remove.
            let _removed = parsed.set_password(None);
            parsed.set_query(None);
            parsed.to_string()
        }
        Err(error) => format!("of what is not a URL ({error})"),
    }
}

impl From<HttpFault> for SourceFailure {
    fn from(fault: HttpFault) -> Self {
        Self::new(fault.kind, fault.words)
    }
}
