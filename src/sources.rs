//! Owns everything that is asked of the cluster: one small source per kind of question, the actor
//! that polls them, and the fleet of all sources of a cluster. Reads only: it holds `Observe` and
//! an HTTP client that can only GET, and knows no action, permit or screen.

mod canary;
mod client;
mod cookie;
mod data;
mod definitions;
mod files;
mod fleet;
mod haproxy;
mod host;
pub(crate) mod keepalived;
mod management;
pub(crate) mod names;
mod poller;
#[cfg(test)]
mod scripted;
pub(crate) mod status;
mod vip;

pub use fleet::{Fleet, Watch};
pub use poller::Cadence;

use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceId, SourceKind};
use crate::remote::Observe;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;

/// Something that can be asked.
pub trait Source: Debug + Send + Sync {
    /// What is asked of whom.
    fn id(&self) -> SourceId;

    /// How often, and for how long.
    fn cadence(&self) -> Cadence;

    /// Asks once. Safe to give up at any time.
    fn observe(&self) -> BoxFuture<'_, Report>;

    /// Whether who was asked accepts connections at all, where that can be tried: a late answer
    /// and a dead host are not the same.
    fn accepts(&self) -> BoxFuture<'_, bool> {
        std::future::ready(false).boxed()
    }
}

/// What came of asking once.
#[derive(Debug)]
pub struct Report {
    /// Who answered, or was asked last; differs from the id's host only where any node will do.
    pub host: HostName,
    /// The answer.
    pub outcome: Result<Payload, SourceFailure>,
}

/// A source that asks one host and reports for it, as most of them do.
pub(crate) trait AskOne: Debug + Send + Sync {
    /// What kind of question.
    const KIND: SourceKind;
    /// How often, and for how long.
    const CADENCE: Cadence;

    /// Who is asked.
    fn host(&self) -> &HostName;

    /// Asks once. Safe to give up at any time.
    fn ask(&self) -> impl Future<Output = Result<Payload, SourceFailure>> + Send;

    /// Whether the host accepts connections for this question, where that can be tried.
    fn is_open(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }
}

impl<S: AskOne> Source for S {
    fn id(&self) -> SourceId {
        SourceId::new(S::KIND, self.host().clone())
    }

    fn cadence(&self) -> Cadence {
        S::CADENCE
    }

    fn observe(&self) -> BoxFuture<'_, Report> {
        async {
            Report {
                host: self.host().clone(),
                outcome: self.ask().await,
            }
        }
        .boxed()
    }

    fn accepts(&self) -> BoxFuture<'_, bool> {
        self.is_open().boxed()
    }
}

/// The way to a host, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) host: HostName,
    pub(crate) link: Option<Arc<dyn Observe>>,
}

impl Reach {
    pub(crate) fn link(&self) -> Result<&dyn Observe, SourceFailure> {
        self.link.as_deref().ok_or_else(|| {
            let text = format!("no ssh is configured for {}", self.host);
            SourceFailure::new(FailureKind::NotConfigured, text)
        })
    }
}
