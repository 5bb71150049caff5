//! Owns the questions put to a host over its connection: which services run, and which Erlang
//! runtimes are registered.

mod units;

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::host::{ServiceReport, UnitState};
use crate::model::inventory::ServiceNames;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use std::time::Duration;

/// From connecting to the last line of one command.
const LIMIT: Duration = Duration::from_secs(4);

/// Services and runtimes of one host.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) reach: Reach,
    pub(crate) names: ServiceNames,
    /// The node of the host, if it has one.
    pub(crate) node: Option<NodeName>,
}

impl AskOne for Services {
    const KIND: SourceKind = SourceKind::Services;
    const CADENCE: Cadence = Cadence::with_room(Duration::from_secs(5), LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let link = self.reach.link()?;
        let units = Read::UnitStates {
            of: self.names.clone(),
        };
        let (units, runtimes) =
            tokio::join!(link.read(&units, LIMIT), link.read(&Read::Runtimes, LIMIT));
        let mut report = units::parse(&units?)?;
        report.runtimes = match runtimes {
            Ok(output) => Some(parse_runtimes(&output.stdout)),
            Err(error) if error.kind == FailureKind::Absent => None,
            Err(error) => return Err(error.into()),
        };
        report.start_log = self.start_log(&report).await;
        Ok(Payload::Services(report))
    }
}

impl Services {
    /// What the broker's log says of its latest start, where that goes on or went wrong.
    async fn start_log(&self, report: &ServiceReport) -> Vec<Shown> {
        let is_odd = matches!(
            report.rabbitmq,
            Some(UnitState::Activating | UnitState::Failed)
        );
        let (Some(node), Ok(link), true) = (&self.node, self.reach.link(), is_odd) else {
            return Vec::new();
        };
        let read = Read::StartLog {
            node: node.clone(),
            service: self.names.broker.clone(),
        };
        // That it cannot be read changes nothing about the service.
        let output = link.read(&read, LIMIT).await.ok();
        let lines = output.iter().flat_map(|output| output.stdout.lines());
        lines
            .filter_map(|line| line.strip_prefix("log="))
            .map(Shown::new)
            .collect()
    }
}

/// Reads `epmd -names`. Where epmd does not run, nothing is registered.
fn parse_runtimes(text: &str) -> Vec<Shown> {
    text.lines()
        .filter_map(|line| {
            let (name, _) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
            Some(Shown::new(name))
        })
        .collect()
}

#[cfg(test)]
mod tests;
