//! Owns the questions put to HAProxy: statistics over HTTP first, over its runtime socket where
//! that fails, and the servers' addresses, which HTTP often leaves out, from the socket. Where the
//! page is refused, the port of the clients is tried: a page that is off is not a HAProxy that is.

mod csv;
#[cfg(test)]
mod tests;

use super::client::{self, Client, Limits};
use super::{AskOne, Cadence, Reach};
use crate::config::Page;
use crate::invocation::Read;
use crate::model::balancer::{BalancerReport, ServerRow, StatsVia};
use crate::model::inventory::BalancerEntry;
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::future::ready;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// A page of 2,735 lines is 332 kB; no real one comes near this.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    bytes: 8 << 20,
};
/// Longer than a page takes that is well.
const STAGGER: Duration = Duration::from_secs(1);
/// From connecting to the last line over the socket.
const SOCKET_LIMIT: Duration = Duration::from_secs(3);
/// How long addresses learnt from the socket are believed while the servers stay the same.
const ADDRESS_AGE: Duration = Duration::from_secs(60);
/// Pace of asking for addresses after a failure.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);

/// From connecting to the port of the clients to its answer.
const KNOCK_LIMIT: Duration = Duration::from_secs(1);

/// One HAProxy.
#[derive(Debug)]
pub(crate) struct Haproxy {
    reach: Reach,
    entry: BalancerEntry,
    client: Client,
    /// Where clients connect, if that is declared.
    clients: Option<Clients>,
    learnt: Mutex<Learnt>,
    /// If the page has not come after this, the socket is asked as well.
    patience: Duration,
}

/// Where clients connect.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// The load balancer's host.
    pub(crate) address: String,
    pub(crate) vips: Vec<IpAddr>,
    pub(crate) port: u16,
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knock {
    Accepted,
    Refused,
    Silent,
}

async fn knock(address: &str, port: u16) -> Knock {
    match timeout(KNOCK_LIMIT, TcpStream::connect((address, port))).await {
        Ok(Ok(_accepted)) => Knock::Accepted,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Knock::Refused,
        Ok(Err(_)) | Err(_) => Knock::Silent,
    }
}

/// Backend and server.
type ServerId = (Shown, Shown);

/// Addresses the socket told, for exactly these servers.
#[derive(Debug, Default)]
struct Learnt {
    addresses: BTreeMap<ServerId, Option<Shown>>,
    ask_again: Option<Instant>,
}

impl AskOne for Haproxy {
    const KIND: SourceKind = SourceKind::Haproxy;
    const CADENCE: Cadence = Cadence {
        interval: Duration::from_secs(3),
        limit: Duration::from_secs(8),
    };

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        match self.ask_both_ways().await {
            Ok(report) => Ok(Payload::Balancer(report)),
            Err(failure) if failure.kind == FailureKind::Refused => {
                Err(self.weighed(failure).await)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn is_open(&self) -> bool {
        match &self.entry.stats_url {
            Some(url) => client::is_open(url).await,
            None => false,
        }
    }
}

impl Haproxy {
    pub(crate) fn new(
        reach: Reach,
        entry: BalancerEntry,
        page: Page,
        clients: Option<Clients>,
    ) -> Self {
        let url = entry.stats_url.as_deref().unwrap_or_default();
        Self {
            client: Client::for_page(url, page, LIMITS),
            reach,
            entry,
            clients,
            learnt: Mutex::default(),
            patience: STAGGER,
        }
    }

    /// Tries a refused password again.
    pub(crate) fn forgive(&self) {
        self.client.forgive();
    }

    async fn ask_both_ways(&self) -> Result<BalancerReport, SourceFailure> {
        let Some(url) = &self.entry.stats_url else {
            return self.over_socket().await;
        };
        let (page, socket) = (self.over_http(url), self.over_socket());
        tokio::pin!(page, socket);
        let has_socket = self.entry.socket.is_some() && self.reach.link.is_some();
        let failure = match timeout(self.patience, &mut page).await {
            Ok(Ok(report)) => return Ok(self.with_addresses(report, socket).await),
            Ok(Err(failure)) => failure,
            // Slow: whichever way answers first is good.
            Err(_elapsed) if has_socket => {
                return tokio::select! {
                    page = &mut page => match page {
                        Ok(report) => Ok(self.with_addresses(report, socket).await),
                        Err(failure) => socket.await.map_err(|other| both(&failure, &other)),
                    },
                    report = &mut socket => match report {
                        Ok(mut report) => {
                            self.learn(&mut report.clone(), Some(&mut report));
                            Ok(report)
                        }
                        Err(other) => match page.await {
                            Ok(report) => Ok(self.with_addresses(report, ready(Err(other))).await),
                            Err(failure) => Err(both(&failure, &other)),
                        },
                    },
                };
            }
            Err(_elapsed) => return page.await,
        };
        if !has_socket {
            return Err(failure);
        }
        socket.await.map_err(|other| both(&failure, &other))
    }

    /// What a refused page means: only where nothing listens for clients either, nothing listens;
    /// and whether clients come in elsewhere then.
    async fn weighed(&self, failure: SourceFailure) -> SourceFailure {
        let (Some(clients), Some(_)) = (&self.clients, &self.entry.stats_url) else {
            return failure;
        };
        let port = clients.port;
        let (kind, words) = match knock(&clients.address, port).await {
            Knock::Refused => (failure.kind, "refuses connections too"),
            Knock::Accepted => (FailureKind::Absent, "accepts connections"),
            Knock::Silent => (FailureKind::Absent, "does not answer"),
        };
        let mut text = format!("{failure}; port {port}, where clients connect, {words}");
        let mut vips_open = None;
        if kind == FailureKind::Refused && !clients.vips.is_empty() {
            let vips = clients.vips.iter().map(ToString::to_string);
            let knocks = join_all(vips.map(|vip| async move { knock(&vip, port).await })).await;
            let all_open = knocks.iter().all(|knock| *knock == Knock::Accepted);
            text += if all_open {
                "; the VIP lets clients in"
            } else {
                "; the VIP does not let clients in"
            };
            vips_open = Some(all_open);
        }
        SourceFailure {
            vips_open,
            ..SourceFailure::new(kind, text)
        }
    }

    async fn over_http(&self, url: &str) -> Result<BalancerReport, SourceFailure> {
        let answer = self.client.get(&format!("{url};csv;norefresh")).await?;
        if !answer.status.is_success() {
            let code = answer.status.as_u16();
            let kind = match code {
                403 => FailureKind::Forbidden,
                404 => FailureKind::Absent,
                _ => FailureKind::Server,
            };
            let text = format!("{}: status {code}", answer.subject);
            return Err(SourceFailure::new(kind, text));
        }
        csv::parse(&answer.body, StatsVia::Http, &answer.subject)
    }

    async fn over_socket(&self) -> Result<BalancerReport, SourceFailure> {
        let link = self.reach.link()?;
        let host = &self.reach.host;
        let socket = self.entry.socket.clone().ok_or_else(|| {
            let text = format!("neither a statistics page nor a socket is configured for {host}");
            SourceFailure::new(FailureKind::NotConfigured, text)
        })?;
        let subject = format!("show stat on {socket} of {host}");
        let read = Read::HaproxyStatistics { socket };
        let output = link.read(&read, SOCKET_LIMIT).await?;
        if output.code != Some(0) {
            let words = output.stderr.lines().next_back().unwrap_or("it failed");
            let text = format!("{subject}: {words}");
            return Err(SourceFailure::new(FailureKind::Server, text));
        }
        csv::parse(&output.stdout, StatsVia::Socket, &subject)
    }

    /// Fills in the addresses the page left out, by what `socket` tells where that is needed.
    async fn with_addresses(
        &self,
        mut report: BalancerReport,
        socket: impl Future<Output = Result<BalancerReport, SourceFailure>>,
    ) -> BalancerReport {
        let is_needed = servers(&mut report).any(|(_, server)| server.address.is_none());
        if !is_needed || self.entry.socket.is_none() || self.reach.link.is_none() {
            return report;
        }
        if !self.knows(&mut report) {
            let mut told = socket.await.ok();
            self.learn(&mut report, told.as_mut());
        }
        let learnt = self.learnt();
        for (id, server) in servers(&mut report) {
            if server.address.is_none() {
                server.address = learnt.addresses.get(&id).cloned().flatten();
            }
        }
        drop(learnt);
        report
    }

    /// Whether what was learnt is about these servers and young enough.
    fn knows(&self, report: &mut BalancerReport) -> bool {
        let learnt = self.learnt();
        learnt.ask_again.is_some_and(|then| Instant::now() < then)
            && servers(report).all(|(id, _)| learnt.addresses.contains_key(&id))
    }

    fn learn(&self, report: &mut BalancerReport, told: Option<&mut BalancerReport>) {
        let mut learnt = self.learnt();
        let pause = if told.is_some() {
            ADDRESS_AGE
        } else {
            ADDRESS_RETRY
        };
        learnt.ask_again = Some(Instant::now() + pause);
        if let Some(told) = told {
            learnt.addresses = servers(told)
                .map(|(id, server)| (id, server.address.clone()))
                .collect();
        }
        // Servers the socket does not know are remembered as such.
        for (id, _) in servers(report) {
            learnt.addresses.entry(id).or_default();
        }
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn servers(report: &mut BalancerReport) -> impl Iterator<Item = (ServerId, &mut ServerRow)> {
    report.backends.iter_mut().flat_map(|backend| {
        let name = backend.name.clone();
        backend
            .servers
            .iter_mut()
            .map(move |server| ((name.clone(), server.name.clone()), server))
    })
}

fn both(page: &SourceFailure, socket: &SourceFailure) -> SourceFailure {
    SourceFailure::new(page.kind, format!("{page}; {socket}"))
}
