//! Owns the questions put to a host over its connection: which services run, which Erlang runtimes
//! are registered, what keepalived is configured to do.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::host::{ServiceReport, UnitState, VrrpConfig};
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

/// Reads `systemctl is-active` for three units. Its exit status only says whether all are active;
/// without a word for each unit it said nothing.
fn parse_units(output: &Output) -> Result<ServiceReport, SourceFailure> {
    let mut words = output.stdout.lines().map(UnitState::parse);
    let (rabbitmq, haproxy, keepalived) = (words.next(), words.next(), words.next());
    if keepalived.is_none() {
        let words = output.stderr.lines().next().unwrap_or("it said too little");
        let text = format!("systemctl is-active: {words}");
        return Err(SourceFailure::new(FailureKind::Server, text));
    }
    Ok(ServiceReport {
        rabbitmq,
        haproxy,
        keepalived,
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

/// What keepalived.conf says on one host.
#[derive(Debug)]
pub(crate) struct KeepalivedSettings {
    pub(crate) reach: Reach,
}

impl AskOne for KeepalivedSettings {
    const KIND: SourceKind = SourceKind::Keepalived;
    const CADENCE: Cadence = Cadence::with_room(Duration::from_secs(60), LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let output = self
            .reach
            .link()?
            .read(&Read::KeepalivedSettings, LIMIT)
            .await?;
        let host = &self.reach.host;
        let settings = parse_settings(&output.stdout);
        settings.map(Payload::Vrrp).ok_or_else(|| {
            // grep: 1 nothing found, 2 the file could not be read.
            let (kind, words) = match output.code {
                Some(0 | 1) => (FailureKind::Absent, "no vrrp_instance in keepalived.conf"),
                _ if output.stderr.contains("No such file") => {
                    (FailureKind::Absent, "there is no keepalived.conf")
                }
                _ => (FailureKind::Server, output.stderr.trim()),
            };
            SourceFailure::new(kind, format!("{host}: {words}"))
        })
    }
}

/// Reads the lines of the first instance; `None` without one.
fn parse_settings(text: &str) -> Option<VrrpConfig> {
    let mut lines = text
        .lines()
        .map(|line| {
            let code = line.split(['#', '!']).next().unwrap_or_default();
            let mut words = code.split_whitespace();
            (words.next().unwrap_or_default(), words.next())
        })
        .skip_while(|(word, _)| *word != "vrrp_instance");
    lines.next()?;
    let mut config = VrrpConfig {
        nopreempt: Some(false),
        ..VrrpConfig::default()
    };
    for (word, value) in lines.take_while(|(word, _)| *word != "vrrp_instance") {
        match word {
            "state" => config.initial_state = value.map(Shown::new),
            "priority" => config.priority = value.and_then(|value| value.parse().ok()),
            "virtual_router_id" => config.router_id = value.and_then(|value| value.parse().ok()),
            "interface" => config.interface = value.map(Shown::new),
            "nopreempt" => config.nopreempt = Some(true),
            _ => {}
        }
    }
    Some(config)
}

#[cfg(test)]
mod tests;
