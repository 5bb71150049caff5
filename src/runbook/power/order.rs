//! Owns the question who stopped last, on Mnesia: by what each member wrote down of who ran, and
//! by what the journal of this machine remembers. Pure. Where it cannot be told, nothing is guessed.

use super::named;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::shutdown::{NodeFiles, Patience, StopRecord};
use crate::runbook::plan::Verdict;
use std::collections::BTreeSet;
use std::time::Duration;

/// How far two clocks, and the end of a service and of the step that ended it, may lie apart.
const SAME_STOP: Duration = Duration::from_secs(120);

/// A member's own account of its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) node: &'a NodeName,
    pub(super) files: &'a NodeFiles,
}

/// Who starts first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Wave after wave; those of one wave saw each other run to the end, and start together.
    Known(Vec<Vec<NodeName>>),
    /// Those who ran last cannot be started: the lost ones, and who of the others ran longest.
    Blocked {
        lost: Vec<NodeName>,
        newest: Vec<NodeName>,
    },
    /// It cannot be told, for this reason.
    Untold(String),
}

impl Account<'_> {
    /// Whether `other` ran when this one stopped, as far as it saw. One that waits for nobody
    /// counts as having been alone.
    fn saw(&self, other: &NodeName) -> bool {
        self.files.patience == Patience::Waits
            && self
                .files
                .ran
                .as_ref()
                .is_some_and(|ran| ran.contains(other))
    }

    /// Its account in a line.
    pub(super) fn words(&self) -> String {
        let node = self.node;
        let when = self.files.ended.map_or_else(String::new, |age| {
            format!(", {} ago by its host's clock", ago(age))
        });
        let others: Vec<&NodeName> = self
            .files
            .ran
            .iter()
            .flatten()
            .filter(|name| *name != node)
            .collect();
        match (self.files.patience, &self.files.ran) {
            (Patience::Forced, _) => {
                format!("{node} is told to start with what it has, and waits for nobody")
            }
            (Patience::Waits, None) => format!("{node} left no word of who ran when it stopped"),
            (Patience::Waits, Some(_)) if others.is_empty() => {
                format!("{node} stopped when no other ran{when}")
            }
            (Patience::Waits, Some(_)) => {
                format!("{node} stopped while {} ran{when}", named(others))
            }
        }
    }
}

/// The order of `accounts`, where `lost` are members that cannot be started.
pub(super) fn of(accounts: &[Account<'_>], lost: &BTreeSet<NodeName>) -> Order {
    if let Some(silent) = accounts
        .iter()
        .find(|account| account.files.ran.is_none() && account.files.patience == Patience::Waits)
    {
        return Order::Untold(silent.words());
    }
    for (index, one) in accounts.iter().enumerate() {
        for other in accounts.iter().skip(index + 1) {
            if !one.saw(other.node) && !other.saw(one.node) {
                return Order::Untold(format!(
                    "{} and {} each say that the other did not run at the end: whose data is the right one cannot be told",
                    one.node, other.node
                ));
            }
        }
    }
    let outlived_by = |account: &Account<'_>| {
        accounts
            .iter()
            .filter(|other| account.saw(other.node) && !other.saw(account.node))
            .count()
    };
    let mut ranked: Vec<(usize, &Account<'_>)> = accounts
        .iter()
        .map(|account| (outlived_by(account), account))
        .collect();
    ranked.sort_by_key(|(rank, account)| (*rank, account.node));
    let mut waves: Vec<(usize, Vec<NodeName>)> = Vec::new();
    for (rank, account) in &ranked {
        match waves.last_mut() {
            Some((of, wave)) if of == rank => wave.push(account.node.clone()),
            _ => waves.push((*rank, vec![account.node.clone()])),
        }
    }
    let newest: Vec<&Account<'_>> = ranked
        .iter()
        .take_while(|(rank, _)| *rank == 0)
        .map(|(_, account)| *account)
        .collect();
    let blocking: Vec<NodeName> = lost
        .iter()
        .filter(|lost| !newest.is_empty() && newest.iter().all(|account| account.saw(lost)))
        .cloned()
        .collect();
    if blocking.is_empty() {
        Order::Known(waves.into_iter().map(|(_, wave)| wave).collect())
    } else {
        Order::Blocked {
            lost: blocking,
            newest: newest.iter().map(|account| account.node.clone()).collect(),
        }
    }
}

/// The order of the journal, if it tells of all of `down`: who stopped last comes first.
pub(super) fn of_journal(record: &StopRecord, down: &[&NodeName]) -> Option<Vec<Vec<NodeName>>> {
    let stopped: Vec<&NodeName> = record.stopped.iter().map(|(node, _)| node).collect();
    let tells_all = down.iter().all(|node| stopped.contains(node));
    tells_all.then(|| {
        let reversed = stopped.into_iter().rev();
        reversed
            .filter(|node| down.contains(node))
            .map(|node| vec![node.clone()])
            .collect()
    })
}

/// Whether the journal tells of the stop that the discs show. Where they differ, the discs count.
pub(super) fn compared(
    record: &StopRecord,
    waves: &[Vec<NodeName>],
    accounts: &[Account<'_>],
    now: Moment,
) -> (Verdict, Vec<String>) {
    let told = format!("run {} of {}", record.run, record.who);
    for (node, at) in &record.stopped {
        let ended = accounts
            .iter()
            .find(|account| account.node == node)
            .and_then(|account| account.files.ended);
        let Some(by_host) = ended.and_then(|age| now.wall.checked_sub(age).ok()) else {
            continue;
        };
        if by_host.duration_since(*at).unsigned_abs() > SAME_STOP {
            let line = format!(
                "{told} stopped {node} at {}, but its host says that it ended at {}: the journal tells of another stop; the discs count",
                at.strftime("%Y-%m-%d %H:%M:%SZ"),
                by_host.strftime("%Y-%m-%d %H:%M:%SZ"),
            );
            return (Verdict::Warning, vec![line]);
        }
    }
    let place = |node: &NodeName| waves.iter().position(|wave| wave.contains(node));
    let places: Vec<usize> = record
        .stopped
        .iter()
        .rev()
        .filter_map(|(node, _)| place(node))
        .collect();
    let by_journal = named(record.stopped.iter().map(|(node, _)| node));
    if places.is_sorted() {
        (
            Verdict::Passed,
            vec![format!("{told} stopped, in this order: {by_journal}")],
        )
    } else {
        let by_disc = named(waves.iter().rev().flatten());
        let line = format!(
            "{told} stopped, in this order: {by_journal}; by the discs they stopped in this: {by_disc}; the discs count"
        );
        (Verdict::Warning, vec![line])
    }
}

fn ago(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests;
