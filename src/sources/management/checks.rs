//! Owns the questions put to a node about itself alone: whether a quorum depends on it, and whether
//! its virtual hosts run. The endpoints judge whoever answers, so that it must be known who does.

use super::{LIMIT, OneNode, expect_ok, failure_of, rows};
use crate::model::impact::QuorumVerdict;
use crate::model::name::{HostName, VhostName};
use crate::model::observation::{Payload, SourceFailure, SourceKind};
use crate::sources::client::Answer;
use crate::sources::{AskOne, Cadence};
use std::time::Duration;

const IDENTITY: &str = "overview?disable_stats=true&columns=node";
const QUORUM: &str = "health/checks/node-is-quorum-critical";
const VIRTUAL_HOSTS: &str = "health/checks/virtual-hosts";

const CADENCE: Cadence = Cadence {
    interval: Duration::from_secs(15),
    limit: LIMIT,
};

/// What a node says about its own going away. Asked on demand, never polled.
#[derive(Debug)]
pub(crate) struct QuorumCheck(pub(crate) OneNode);

impl AskOne for QuorumCheck {
    const KIND: SourceKind = SourceKind::QuorumCritical;
    const CADENCE: Cadence = CADENCE;

    fn host(&self) -> &HostName {
        &self.0.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let verdict = verdict(&self.0, QUORUM, rows::quorum_critical).await?;
        Ok(Payload::QuorumCritical(match verdict {
            Some(members) => QuorumVerdict::Critical(members),
            None => QuorumVerdict::Safe,
        }))
    }
}

/// Which virtual hosts do not run on a node that runs. Asked on demand, never polled.
#[derive(Debug)]
pub(crate) struct VirtualHostCheck(pub(crate) OneNode);

impl AskOne for VirtualHostCheck {
    const KIND: SourceKind = SourceKind::VirtualHosts;
    const CADENCE: Cadence = CADENCE;

    fn host(&self) -> &HostName {
        &self.0.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let down: Option<Vec<VhostName>> =
            verdict(&self.0, VIRTUAL_HOSTS, rows::virtual_hosts_down).await?;
        Ok(Payload::VirtualHosts(down.unwrap_or_default()))
    }
}

/// The check's answer, if it is that of the node declared: another's could let this one be stopped.
/// `None`: all is well; else what `read` makes of its "no", which is 503 with a list.
async fn verdict<T>(
    of: &OneNode,
    path: &str,
    read: fn(&Answer) -> Option<T>,
) -> Result<Option<T>, SourceFailure> {
    let (identity, answer) = tokio::join!(identify(of), of.get(path));
    of.check()?;
    let answer = answer?;
    let verdict = if answer.status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
        // Without its list it is a failure like any other.
        match read(&answer) {
            Some(what) => Some(what),
            None => return Err(failure_of(&answer)),
        }
    } else {
        rows::says_ok(&expect_ok(answer)?)?;
        None
    };
    identity?;
    Ok(verdict)
}

/// Learns who answers. A node that cannot say it now is who it was.
async fn identify(of: &OneNode) -> Result<(), SourceFailure> {
    let answer = of.get(IDENTITY).await;
    match answer
        .and_then(expect_ok)
        .and_then(|answer| rows::identity(&answer))
    {
        Ok(node) => of.api.learn(&of.host, node.as_ref()),
        Err(_unknown) if of.api.learnt(&of.host).is_some() => (),
        Err(failure) => return Err(failure),
    }
    Ok(())
}
