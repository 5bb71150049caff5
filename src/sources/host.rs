//! Owns the questions put to a host over its connection: which services run, and which Erlang
//! runtimes are registered.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::host::{ServiceReport, UnitState};
use crate::model::inventory::ServiceNames;
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use std::time::Duration;

/// From connecting to the last line of one command.
const LIMIT: Duration = Duration::from_secs(4);

/// Services and runtimes of one host.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) reach: Reach,
    pub(crate) names: ServiceNames,
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
        let mut report = parse_units(&units?)?;
        report.runtimes = match runtimes {
            Ok(output) => Some(parse_runtimes(&output.stdout)),
            Err(error) if error.kind == FailureKind::Absent => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Payload::Services(report))
    }
}

/// Reads `systemctl is-active` for two units. Its exit status only says whether all are active;
/// without a word for each unit it said nothing.
fn parse_units(output: &Output) -> Result<ServiceReport, SourceFailure> {
    let mut words = output.stdout.lines().map(UnitState::parse);
    let (rabbitmq, haproxy) = (words.next(), words.next());
    if haproxy.is_none() {
        let words = output.stderr.lines().next().unwrap_or("it said too little");
        let text = format!("systemctl is-active: {words}");
        return Err(SourceFailure::new(FailureKind::Server, text));
    }
    Ok(ServiceReport {
        rabbitmq,
        haproxy,
        runtimes: None,
    })
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
