//! Owns the question put to each node about policies: which it knows, and which it says are in
//! force on the queues. One node's word is no proof of what another did.

use super::{Api, LIMIT, POLICIES, QUEUES, expect_ok, rows};
use crate::model::broker::PolicyView;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{Payload, SourceFailure, SourceId, SourceKind};
use crate::sources::{Cadence, Report, Source};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// What a node says of policies and queues. Asked on demand, never polled.
#[derive(Debug)]
pub(crate) struct PolicyCheck {
    pub(crate) api: Arc<Api>,
    pub(crate) host: HostName,
    pub(crate) node: NodeName,
}

impl PolicyCheck {
    async fn ask(&self) -> Result<PolicyView, SourceFailure> {
        let (policies, queues) = tokio::join!(
            self.api.get(&self.host, POLICIES),
            self.api.get(&self.host, QUEUES)
        );
        let (policies, queues) = (expect_ok(policies?)?, expect_ok(queues?)?);
        // The answers do not say whose they are; the last that did must have been of this node.
        self.api.check(&self.host, &self.node)?;
        Ok(PolicyView {
            policies: rows::policies(&policies)?,
            queues: rows::queues(&queues)?,
        })
    }
}

impl Source for PolicyCheck {
    fn id(&self) -> SourceId {
        SourceId::new(SourceKind::PolicyView, self.host.clone())
    }

    fn cadence(&self) -> Cadence {
        Cadence {
            interval: Duration::from_secs(15),
            limit: LIMIT,
        }
    }

    fn observe(&self) -> BoxFuture<'_, Report> {
        async {
            Report {
                host: self.host.clone(),
                outcome: self.ask().await.map(Payload::PolicyView),
            }
        }
        .boxed()
    }
}
