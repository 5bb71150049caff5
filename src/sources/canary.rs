//! Owns the AMQP handshake that proves a way for clients: connect, log in, open a channel, close.
//! Declares nothing and publishes nothing.

use super::{AskOne, Cadence};
use crate::config::Canary;
use crate::model::host::CanaryReport;
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::remote::http::io_kind;
use crate::remote::password::password;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use secrecy::ExposeSecret;
use std::time::Duration;
use tokio::time::Instant;

/// From TCP connect to an open channel.
const LIMIT: Duration = Duration::from_secs(5);

/// One way for clients: the VIP, or a load balancer's own address.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// `vip`, or the load balancer's host.
    pub(crate) target: HostName,
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) settings: Canary,
}

impl AskOne for Handshake {
    const KIND: SourceKind = SourceKind::Canary;
    const CADENCE: Cadence = Cadence {
        interval: Duration::from_secs(15),
        limit: LIMIT,
    };

    fn host(&self) -> &HostName {
        &self.target
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let uri = self.uri().await?;
        let name = ConnectionProperties::default().with_connection_name("rmqtop canary".into());
        let begun = Instant::now();
        let connection = Connection::connect_uri(uri, name)
            .await
            .map_err(|error| self.explain(&error))?;
        let channel = connection.create_channel().await;
        let took = begun.elapsed();
        // The verdict stands; a close that fails changes nothing about it.
        let _closed = connection.close(200, "done".into()).await;
        channel.map_err(|error| self.explain(&error))?;
        Ok(Payload::Canary(CanaryReport {
            target: Shown::new(self.target.as_str()),
            took,
            cluster_name: None,
        }))
    }
}

impl Handshake {
    async fn uri(&self) -> Result<AMQPUri, SourceFailure> {
        let password = password(self.settings.password.clone())
            .await
            .map_err(|failure| {
                let text = format!("canary: {}", failure.words);
                SourceFailure::new(failure.kind, text)
            })?;
        Ok(AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: self.settings.username.clone(),
                    password: password.expose_secret().to_owned(),
                },
                host: self.address.clone(),
                port: self.port,
            },
            vhost: self.settings.vhost.clone(),
            query: AMQPQueryString::default(),
        })
    }

    fn explain(&self, error: &lapin::Error) -> SourceFailure {
        let (kind, words) = classify(error.kind());
        let text = format!("AMQP {}:{}: {words}", self.address, self.port);
        SourceFailure::new(kind, text)
    }
}

fn classify(error: &ErrorKind) -> (FailureKind, String) {
    if let ErrorKind::IOError(error) = error {
        let kind = io_kind(error).unwrap_or(FailureKind::Lost);
        return (kind, error.to_string());
    }
    if let ErrorKind::ProtocolError(error) = error {
        let kind = match error.get_id() {
            // ACCESS_REFUSED: user or password; NOT_ALLOWED: the virtual host.
            403 => FailureKind::Unauthorized,
            530 => FailureKind::Forbidden,
            _ => FailureKind::Server,
        };
        return (kind, error.to_string());
    }
    (FailureKind::Lost, format!("{error:?}"))
}
