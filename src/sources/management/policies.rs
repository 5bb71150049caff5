//! Owns the question put to each node about policies: which it knows, and which it says are in
//! force on the queues. One node's word is no proof of what another did.

use super::{OneNode, POLICIES, expect_ok, lists};
use crate::model::broker::PolicyView;
use crate::model::name::HostName;
use crate::model::observation::{Payload, SourceFailure, SourceKind};
use crate::sources::{AskOne, Cadence};
use std::time::Duration;

/// What a node says of policies and queues. Asked on demand, never polled.
#[derive(Debug)]
pub(crate) struct PolicyCheck(pub(crate) OneNode);

impl AskOne for PolicyCheck {
    const KIND: SourceKind = SourceKind::PolicyView;
    const CADENCE: Cadence = Cadence {
        interval: Duration::from_secs(15),
        limit: lists::LIMIT,
    };

    fn host(&self) -> &HostName {
        &self.0.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let OneNode { api, host, .. } = &self.0;
        let count = lists::count(api, host).await?;
        let (policies, queues) =
            tokio::join!(self.0.get(POLICIES), lists::queues(api, host, count));
        // The answers do not say whose they are; the last that did must have been of this node.
        self.0.check()?;
        Ok(Payload::PolicyView(PolicyView {
            policies: super::rows::policies(&expect_ok(policies?)?)?,
            queues: queues?,
        }))
    }
}
