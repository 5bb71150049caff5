//! Owns how queues are listed: whole, at any number, for as little of the broker's time as can be.
//! Few are asked for with statistics. The statistics of many would cost the broker seconds each time
//! (measured at 20,000), and pages do not help, for each page makes the broker list and sort all of
//! them; so of many, only what the broker knows without statistics is asked for, in one answer.

use super::{Api, expect_ok, rows};
use crate::model::broker::{QueuePage, QueueRow};
use crate::model::name::HostName;
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use std::collections::BTreeMap;
use std::time::Duration;

/// From counting them to the last byte of the list: 100,000 queues are 30 MB.
pub(super) const LIMIT: Duration = Duration::from_secs(25);
/// The same where they are few: then a silent node is soon known to be silent.
const FEW_LIMIT: Duration = Duration::from_secs(10);
/// So many can be listed with their statistics in a fraction of a second.
const FEW: u64 = 2000;
/// How often it is looked again where more are counted than shown: queues come and go.
const LOOKS: usize = 3;

const COUNT: &str = "overview?disable_stats=true&columns=node,object_totals";
pub(super) const QUEUES: &str = "queues?columns=vhost,name,type,node,leader,members,online,\
    slave_nodes,synchronised_slave_nodes,state,sync_messages,durable,exclusive,policy,\
    operator_policy,effective_policy_definition,messages,messages_ready,messages_unacknowledged,\
    consumers";
const WITHOUT_STATISTICS: &str = "queues?disable_stats=true&columns=vhost,name,type,node,leader,\
    members,online,state,durable,exclusive,policy,operator_policy,effective_policy_definition";
const DEPTHS: &str = "queues?disable_stats=true&enable_queue_totals=true&columns=vhost,name,\
    messages,messages_ready,messages_unacknowledged";

/// How many queues there are, whoever may see them; `None` if the user may not know that.
pub(super) type Count = Option<u64>;

/// Counts the queues: the broker knows their number without listing them. Where the user may not ask
/// for it, it is not known.
pub(super) async fn count(api: &Api, host: &HostName) -> Result<Count, SourceFailure> {
    let answer = api.unless_held_up(host, api.get(host, COUNT)).await?;
    match expect_ok(answer) {
        Ok(answer) => rows::queue_count(&answer),
        Err(failure) if matches!(failure.kind, FailureKind::Absent | FailureKind::Forbidden) => {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// All queues that the user may see, by the word of the node of `host`, of `count` that there are.
pub(super) async fn queues(
    api: &Api,
    host: &HostName,
    mut count: Count,
) -> Result<QueuePage, SourceFailure> {
    let mut looks = 1;
    loop {
        let mut page = list(api, host, count).await?;
        page.user = Some(Shown::new(api.user()));
        page.exist = count;
        let shown = page.total.unwrap_or(0);
        if count.is_none_or(|count| count <= shown) {
            return Ok(page);
        }
        // Those that are gone by now were not missing from the list.
        let later = self::count(api, host).await?;
        page.exist = count.min(later);
        // Where none came or went, the others are not shown to this user, however often it is looked.
        let is_settled = later == count || page.exist.is_none_or(|exist| exist <= shown);
        if is_settled || looks >= LOOKS {
            return Ok(page);
        }
        (count, looks) = (later, looks + 1);
    }
}

async fn list(api: &Api, host: &HostName, count: Count) -> Result<QueuePage, SourceFailure> {
    let few = count.is_some_and(|count| count <= FEW);
    if few {
        let mut page = read(api, host, QUEUES, FEW_LIMIT).await?;
        if page.rows.iter().any(|row| row.messages.is_none()) {
            // Not told yet, or the broker keeps no statistics: the queues themselves know.
            fill_in(&mut page, api, host).await;
        }
        return Ok(page);
    }
    let page = read(api, host, WITHOUT_STATISTICS, LIMIT).await?;
    if page.rows.iter().any(is_mirrored) {
        // Where mirrors are only the statistics know.
        return read(api, host, QUEUES, LIMIT).await;
    }
    Ok(page)
}

fn is_mirrored(row: &QueueRow) -> bool {
    let definition = row.effective.as_ref();
    definition.is_some_and(|definition| definition.raw().contains("\"ha-mode\""))
}

async fn read(
    api: &Api,
    host: &HostName,
    path: &str,
    limit: Duration,
) -> Result<QueuePage, SourceFailure> {
    let listed = api.get_within(host, path, limit);
    let answer = api.unless_held_up(host, listed).await?;
    rows::queues(&expect_ok(answer)?)
}

/// Adds what lies in the queues where the statistics lack it. That this fails leaves it unknown.
async fn fill_in(page: &mut QueuePage, api: &Api, host: &HostName) {
    let Ok(depths) = read(api, host, DEPTHS, FEW_LIMIT).await else {
        return;
    };
    let depths: BTreeMap<_, _> = depths
        .rows
        .iter()
        .map(|row| ((&row.vhost, &row.name), row))
        .collect();
    for row in &mut page.rows {
        if let Some(depth) = depths.get(&(&row.vhost, &row.name)) {
            row.messages = row.messages.or(depth.messages);
            row.ready = row.ready.or(depth.ready);
            row.unacknowledged = row.unacknowledged.or(depth.unacknowledged);
        }
    }
}
