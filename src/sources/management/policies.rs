//! Owns the question put to each node about policies: which it knows, and which it says are in
//! force on the queues. One node's word is no proof of what another did.

use super::{Api, LIMIT, POLICIES, expect_ok, queues};
use crate::model::broker::PolicyView;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{Payload, SourceFailure, SourceKind};
use crate::sources::{AskOne, Cadence};
use std::sync::Arc;
use std::time::Duration;

/// What a node says of policies and queues. Asked on demand, never polled.
#[derive(Debug)]
pub(crate) struct PolicyCheck {
    pub(crate) api: Arc<Api>,
    pub(crate) host: HostName,
    pub(crate) node: NodeName,
}

impl AskOne for PolicyCheck {
    const KIND: SourceKind = SourceKind::PolicyView;
    const CADENCE: Cadence = Cadence {
        interval: Duration::from_secs(15),
        limit: LIMIT,
    };

    fn host(&self) -> &HostName {
        &self.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let first = queues(1);
        let (policies, rows) = tokio::join!(
            self.api.get(&self.host, POLICIES),
            self.api.get(&self.host, &first)
        );
        let (policies, rows) = (expect_ok(policies?)?, expect_ok(rows?)?);
        // The answers do not say whose they are; the last that did must have been of this node.
        self.api.check(&self.host, &self.node)?;
        Ok(Payload::PolicyView(PolicyView {
            policies: super::rows::policies(&policies)?,
            queues: super::rows::queues(&rows)?,
        }))
    }
}
