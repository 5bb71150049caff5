//! Owns what the journal of this machine remembers of earlier runs: the last time the whole cluster
//! was stopped, and the servers that were taken out. Reads the journals; decides nothing.

use super::event::StepOutcome;
use super::journal::{self, JournalError};
use super::record::RunRecord;
use super::state::StateDir;
use crate::action::Action;
use crate::invocation::Change;
use crate::invocation::haproxy::ServerState;
use crate::model::name::{HaproxyName, HostName, NodeName};
use crate::model::shutdown::StopRecord;
use crate::runbook::plan::Probe;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The latest run of `stop-cluster` on `cluster` that stopped anyone; `None` if there is none. A
/// journal that cannot be read is passed over, for the discs of the hosts know the order too.
///
/// # Errors
///
/// If the directory of the journals cannot be read.
pub fn last_stop(state: &StateDir, cluster: &str) -> Result<Option<StopRecord>, JournalError> {
    let records = journal::list(state)?.into_iter();
    let records = records.filter_map(|(_, record)| record.ok());
    let of_cluster = |record: &RunRecord| {
        record.plan.cluster == cluster && record.plan.action == Action::StopCluster
    };
    let mut stops = records.filter(of_cluster).filter_map(|run| told(&run));
    Ok(stops.next())
}

/// The servers that were taken out for good and not put back since, by the last run that told
/// `HAProxy` of each. A journal that cannot be read is passed over: what it did stays as it is.
///
/// # Errors
///
/// If the directory of the journals cannot be read.
pub fn taken_out(
    state: &StateDir,
    cluster: &str,
) -> Result<BTreeSet<(HostName, HaproxyName, HaproxyName)>, JournalError> {
    let mut out = BTreeSet::new();
    let records = journal::list(state)?.into_iter().rev();
    let records = records.filter_map(|(_, record)| record.ok());
    for record in records.filter(|record| record.plan.cluster == cluster) {
        let steps = record.steps.iter().zip(&record.plan.steps);
        for (_, planned) in steps.filter(|(step, _)| step.sendings > 0) {
            let Some(Change::Haproxy(set)) = &planned.change else {
                continue;
            };
            let server = (
                planned.host.clone(),
                set.backend.clone(),
                set.server.clone(),
            );
            match set.state {
                ServerState::Maint => out.insert(server),
                ServerState::Ready | ServerState::Drain => out.remove(&server),
            };
        }
    }
    Ok(out)
}

fn told(record: &RunRecord) -> Option<StopRecord> {
    let planned = record.plan.stop.clone()?;
    let steps = record.steps.iter().zip(&record.plan.steps);
    let stopped: Vec<(NodeName, Timestamp)> = steps
        .filter(|(step, _)| matches!(step.outcome(), Some(StepOutcome::Done { .. })))
        .filter_map(|(step, plan)| {
            let at = record.started.checked_add(step.ended?).ok()?;
            match plan.after.as_slice() {
                [Probe::Stopped { nodes }] => Some((nodes.first()?.clone(), at)),
                _ => None,
            }
        })
        .collect();
    (!stopped.is_empty()).then(|| StopRecord {
        run: record.run.to_string(),
        who: record.who.clone(),
        planned,
        stopped,
    })
}
