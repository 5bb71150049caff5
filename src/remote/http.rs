//! Owns what every HTTP client of the program shares: how it is made, and what its errors mean. Sends nothing; who may send what is for others to say.

use crate::config::{Management, Scheme};
use crate::model::observation::FailureKind;
use reqwest::{Certificate, Identity};
use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// From the first packet to an open connection.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long sent bytes may stay unacknowledged by the other host's kernel. Tells a dead host
/// within seconds from a broker that is merely slow.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(3);

/// Why a client cannot be made, or has no password.
#[derive(Debug, Clone)]
pub(crate) struct HttpFault {
    pub(crate) kind: FailureKind,
    /// A lower-case fragment with its subject.
    pub(crate) words: String,
}

impl HttpFault {
    pub(super) fn new(kind: FailureKind, words: impl Into<String>) -> Self {
        Self {
            kind,
            words: words.into(),
        }
    }
}

/// Whose certificates are believed, and which one is shown.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(crate) scheme: Scheme,
    /// A private authority's certificate, PEM; it alone is believed then.
    pub(crate) ca_file: Option<PathBuf>,
    /// A client certificate with its key, PEM.
    pub(crate) client_cert: Option<PathBuf>,
}

impl From<&Management> for Trust {
    fn from(management: &Management) -> Self {
        Self {
            scheme: management.scheme,
            ca_file: management.ca_file.clone(),
            client_cert: management.client_cert.clone(),
        }
    }
}

/// Makes a client that follows no redirect and uses no proxy. Reads files; not for a thread that
/// must not wait.
pub(crate) fn client(trust: &Trust) -> Result<reqwest::Client, HttpFault> {
    // A second installation is refused, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(UNACKNOWLEDGED_LIMIT)
        .pool_idle_timeout(Duration::from_secs(50))
        .user_agent(concat!("rmqtop/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = &trust.ca_file {
        let pem = read(file)?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| {
            let text = format!("{}: not a PEM certificate: {error}", file.display());
            HttpFault::new(FailureKind::Local, text)
        })?;
        builder = builder.tls_certs_only(certificates);
    } else if trust.scheme == Scheme::Http {
        // Plain connections need no authorities, so a host without any can make them.
        builder = builder.tls_certs_only(Vec::new());
    }
    if let Some(file) = &trust.client_cert {
        let identity = Identity::from_pem(&read(file)?).map_err(|error| {
            let text = format!(
                "{}: not a PEM certificate with key: {error}",
                file.display()
            );
            HttpFault::new(FailureKind::Local, text)
        })?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| {
        let text = format!("the HTTP client could not be made: {}", innermost(&error));
        HttpFault::new(FailureKind::Tls, text)
    })
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, HttpFault> {
    std::fs::read(file).map_err(|error| {
        let text = format!("cannot read {}: {error}", file.display());
        HttpFault::new(FailureKind::Local, text)
    })
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// What the causes of an error say, where they say anything.
pub(crate) fn classify_causes(error: &reqwest::Error) -> Option<(FailureKind, String)> {
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Some((FailureKind::Tls, format!("TLS failed: {tls}")));
    }
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .find_map(classify_io)
}

/// What became of a request that got no answer within `limit`.
pub(crate) fn explain(error: &reqwest::Error, limit: Duration) -> (FailureKind, String) {
    if let Some(found) = classify_causes(error) {
        return found;
    }
    if error.is_timeout() {
        let words = if error.is_connect() {
            format!("no connection within {} s", CONNECT_LIMIT.as_secs())
        } else {
            format!("no complete answer within {} s", limit.as_secs_f32())
        };
        return (FailureKind::Timeout, words);
    }
    if error.is_builder() {
        return (
            FailureKind::Local,
            format!("not a usable URL: {}", innermost(error)),
        );
    }
    if error.is_connect() {
        // What is left of connecting is the resolution of the name.
        return (FailureKind::Unreachable, innermost(error));
    }
    let words = format!("the answer broke off: {}", innermost(error));
    (FailureKind::Lost, words)
}

pub(crate) fn classify_io(error: &io::Error) -> Option<(FailureKind, String)> {
    // A failed handshake comes as an error of the connection, in one or more wrappings.
    if let Some(inner) = error.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some((FailureKind::Tls, format!("TLS failed: {tls}")));
        }
        if let Some(found) = inner.downcast_ref::<io::Error>().and_then(classify_io) {
            return Some(found);
        }
    }
    let kind = io_kind(error)?;
    let words = if kind == FailureKind::Refused {
        "connection refused"
    } else if kind == FailureKind::Unreachable {
        "no route to the host"
    } else if kind == FailureKind::Timeout {
        "the host does not answer"
    } else {
        "the answer broke off: the connection was closed"
    };
    Some((kind, words.to_owned()))
}

/// What an error of the network stands for, where it stands for anything.
pub(crate) fn io_kind(error: &io::Error) -> Option<FailureKind> {
    use io::ErrorKind as Io;
    let kinds = [
        (Io::ConnectionRefused, FailureKind::Refused),
        (Io::HostUnreachable, FailureKind::Unreachable),
        (Io::NetworkUnreachable, FailureKind::Unreachable),
        (Io::TimedOut, FailureKind::Timeout),
        (Io::ConnectionReset, FailureKind::Lost),
        (Io::ConnectionAborted, FailureKind::Lost),
        (Io::BrokenPipe, FailureKind::Lost),
        (Io::UnexpectedEof, FailureKind::Lost),
    ];
    let found = kinds.iter().find(|(io, _)| *io == error.kind());
    found.map(|(_, kind)| *kind)
}
