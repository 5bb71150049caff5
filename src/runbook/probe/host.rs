//! Owns the answers about what stands on a host's disc: the cookie and the data of its node, and
//! whether a node that was started on nothing came up blank.

use super::ProbeAnswer;
use super::membership;
use crate::model::Model;
use crate::model::data::{DataReport, DataState};
use crate::model::freshness_limit;
use crate::model::moment::Moment;
use crate::model::name::{DataPath, HostName, NodeName, Stamp};
use crate::model::observation::SourceKind;
use crate::model::reading::Reading;
use crate::model::{ByHost, cookie::CookieReport};

/// What a host says in this kind of answer now, or why it does not.
fn said<'a, T>(
    map: &'a ByHost<T>,
    host: &HostName,
    kind: SourceKind,
    now: Moment,
) -> Result<&'a T, String> {
    let reading = map.get(host);
    reading
        .and_then(|reading| reading.current(now, freshness_limit(kind)))
        .ok_or_else(|| match reading.and_then(Reading::failure) {
            Some(failure) => failure.to_string(),
            None => format!("{host} was not asked"),
        })
}

/// What the host of a node says in this kind of answer now, or why it does not.
pub(super) fn own_word<'a, T>(
    map: &'a ByHost<T>,
    (model, node): (&Model, &NodeName),
    kind: SourceKind,
    now: Moment,
) -> Result<&'a T, String> {
    let host = model.inventory.host_of(node);
    let host = host.ok_or_else(|| format!("the host of {node} is not declared"))?;
    said(map, &host.name, kind, now)
}

/// What is known of the cookie of a node's host.
pub(in crate::runbook) fn cookie<'a>(
    model: &'a Model,
    node: &NodeName,
    now: Moment,
) -> Result<&'a CookieReport, String> {
    own_word(&model.cookies, (model, node), SourceKind::Cookie, now)
}

/// What is known of the data of a node's host.
pub(in crate::runbook) fn data<'a>(
    model: &'a Model,
    node: &NodeName,
    now: Moment,
) -> Result<&'a DataReport, String> {
    own_word(&model.data, (model, node), SourceKind::Data, now)
}

pub(super) fn cookie_shared(
    model: &Model,
    node: &NodeName,
    with: &NodeName,
    now: Moment,
) -> ProbeAnswer {
    let (own, other) = match (cookie(model, node, now), cookie(model, with, now)) {
        (Ok(own), Ok(other)) => (own, other),
        (Err(words), _) | (_, Err(words)) => return ProbeAnswer::CannotTell(words),
    };
    match (&own.digest, &other.digest) {
        (_, None) => ProbeAnswer::CannotTell(format!("there is no cookie on the host of {with}")),
        (None, Some(_)) => ProbeAnswer::Not(format!("there is no cookie on the host of {node}")),
        (Some(own), Some(other)) if own != other => ProbeAnswer::Not(format!(
            "the Erlang cookie on the host of {node} is not that of {with}"
        )),
        (Some(_), Some(_)) if !own.is_private => ProbeAnswer::Not(format!(
            "the Erlang cookie on the host of {node} is that of {with}, but not a file of rabbitmq's own (mode 400)"
        )),
        (Some(_), Some(_)) => ProbeAnswer::Holds(format!(
            "{node} and {with} have the same Erlang cookie on their hosts"
        )),
    }
}

pub(super) fn data_free(
    model: &Model,
    node: &NodeName,
    dir: &DataPath,
    now: Moment,
) -> ProbeAnswer {
    let report = match data(model, node, now) {
        Ok(report) => report,
        Err(words) => return ProbeAnswer::CannotTell(words),
    };
    if report.dir != *dir {
        ProbeAnswer::Not(format!("the data of {node} is at {} now", report.dir))
    } else if report.runtimes > 0 {
        ProbeAnswer::Not(format!(
            "{} Erlang runtimes of rabbitmq still run on its host",
            report.runtimes
        ))
    } else if report.state == DataState::Directory {
        ProbeAnswer::Holds(format!("{dir} is a plain directory that nobody uses"))
    } else {
        ProbeAnswer::Not(format!("{dir} is {}", words(report.state)))
    }
}

pub(super) fn data_aside(
    model: &Model,
    node: &NodeName,
    (dir, stamp): (&DataPath, &Stamp),
    now: Moment,
) -> ProbeAnswer {
    let report = match data(model, node, now) {
        Ok(report) => report,
        Err(words) => return ProbeAnswer::CannotTell(words),
    };
    let aside = dir.aside(stamp);
    if !report.aside.iter().any(|path| path.raw() == aside) {
        return ProbeAnswer::Not(format!("there is no {aside}"));
    }
    match report.state {
        DataState::Absent | DataState::Empty => ProbeAnswer::Holds(format!(
            "the data of {node} stands at {aside}, and nothing in its place"
        )),
        DataState::Directory => ProbeAnswer::Not(format!("{dir} is not empty")),
        state @ (DataState::Link | DataState::Mount | DataState::Other) => {
            ProbeAnswer::Not(format!("{dir} is {}", words(state)))
        }
    }
}

/// What stands there, as the end of a sentence.
pub(in crate::runbook) fn words(state: DataState) -> &'static str {
    match state {
        DataState::Absent => "not there",
        DataState::Empty => "empty",
        DataState::Directory => "a plain directory",
        DataState::Link => "a symbolic link, or lies behind one",
        DataState::Mount => "a file system of its own",
        DataState::Other => "no directory",
    }
}

/// A fresh node has one virtual host and one user, and nothing else to lose.
pub(super) fn blank(model: &Model, node: &NodeName, now: Moment) -> ProbeAnswer {
    let alone = membership::alone(model, node, now);
    if !alone.holds() {
        return alone;
    }
    let status = own_word(&model.statuses, (model, node), SourceKind::NodeStatus, now);
    let held = status.map(|status| status.holdings);
    match held {
        Ok(Some(held)) if held.queues == 0 && held.users <= 1 && held.vhosts <= 1 => {
            ProbeAnswer::Holds(format!("{node} runs as a cluster of its own, and is blank"))
        }
        Ok(Some(held)) => ProbeAnswer::Not(format!(
            "{node} holds {} durable queues, {} users, {} virtual hosts",
            held.queues, held.users, held.vhosts
        )),
        Ok(None) => ProbeAnswer::CannotTell(format!("{node} does not say what it holds")),
        Err(words) => ProbeAnswer::CannotTell(words),
    }
}
