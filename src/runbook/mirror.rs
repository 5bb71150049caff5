//! Owns `mirror-majority` and `mirror-sync`, for classic queues until 3.13. RabbitMQ 4.0 has no
//! mirrors: what is asked for there is refused, with what takes their place.

use super::plan::{Plan, Probe, Refusal, Step};
use super::policy::{self, count, named};
use super::preflight::{self, Checks};
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::api::ApiCall;
use crate::model::broker::{QueueRow, QueueType};
use crate::model::name::{QueueName, VhostName};
use crate::model::node::NodeState;
use crate::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use crate::model::text::Shown;
use serde_json::Value;
use std::time::Duration;

/// What the policy is called.
const NAME: &str = "mirror-majority";
/// Copying a long queue takes its time; the run may be left and resumed meanwhile.
const SYNC_DEADLINE: Duration = Duration::from_secs(3600);

/// Sets the policy that mirrors queues on a majority of the members there are now.
pub(super) fn majority(
    action: &Action,
    ground: Ground<'_>,
    (vhost, pattern): (&VhostName, &Shown),
) -> Result<Plan, Refusal> {
    still_mirrors(action, ground, vhost)?;
    let members = ground.model.members();
    let members = members
        .iter()
        .filter(|node| ground.model.is_member(node, ground.now) != Some(false))
        .count();
    if members < 2 {
        let reason = "a cluster of one member has nowhere to put a mirror".to_owned();
        let instead = Some("let another node join first: join NODE".to_owned());
        return Err(Checks::default().refuse(action, reason, instead));
    }
    let copies = members / 2 + 1;
    let keys = [
        ("ha-mode", Value::from("exactly")),
        ("ha-params", Value::from(copies)),
        ("ha-sync-mode", Value::from("manual")),
    ];
    let rule = PolicyRule {
        vhost: vhost.clone(),
        name: PolicyName(Shown::new(NAME)),
        pattern: pattern.clone(),
        apply_to: ApplyTo::Queues,
        priority: 0,
        definition: Definition::of(&keys.map(|(key, value)| (key.to_owned(), value)).into()),
    };
    let mut plan = policy::set(action, ground, &rule)?;
    let why = [
        format!(
            "{copies} copies are a majority of {members} members; run it again when members come or go"
        ),
        "ha-sync-mode is manual: a new mirror takes what is published from now on, and no queue \
         stands still to be copied; mirror-sync QUEUE copies the rest when that suits"
            .to_owned(),
    ];
    let last = plan.blast_radius.len().saturating_sub(1);
    plan.blast_radius.splice(last..last, why);
    Ok(plan)
}

/// Has the mirrors of one queue synchronised, and waits until they are.
pub(super) fn sync(
    action: &Action,
    ground: Ground<'_>,
    (vhost, queue): (&VhostName, &QueueName),
) -> Result<Plan, Refusal> {
    still_mirrors(action, ground, vhost)?;
    policy::addressable(action, &[vhost.0.raw(), queue.0.raw()])?;
    let mut checks = policy::changing(ground);
    checks.of_rights(ground, &preflight::MAY_SYNCHRONISE);
    let row = match mirrored(ground, vhost, queue) {
        Ok(row) => row,
        Err((reason, instead)) => return Err(checks.refuse(action, reason, Some(instead))),
    };
    let preflight = checks.verdict(action)?;
    let lagging = row
        .members
        .iter()
        .filter(|member| !row.online.contains(member))
        .count();
    let messages = row.messages.map_or_else(
        || "an unknown number of".to_owned(),
        |count| count.to_string(),
    );
    let blast = if lagging == 0 {
        Vec::new()
    } else {
        vec![
            format!(
                "{queue} takes and delivers nothing while its {messages} messages are copied to \
                 {lagging} of its mirrors: minutes or hours for a long queue"
            ),
            format!(
                "the way out meanwhile: rabbitmqctl cancel_sync_queue -p {} {}",
                crate::invocation::quoted(vhost.0.as_str()),
                crate::invocation::quoted(queue.0.as_str())
            ),
        ]
    };
    let step = sync_step(ground, vhost, queue);
    Ok(ground.plan(action, preflight, blast, vec![step]))
}

/// Synchronises the mirrors of a classic queue, through the target.
pub(super) fn sync_step(ground: Ground<'_>, vhost: &VhostName, queue: &QueueName) -> Step {
    let in_sync = Probe::MirrorsInSync {
        vhost: vhost.clone(),
        queue: queue.clone(),
        through: ground.node().clone(),
    };
    let call = ApiCall::SyncQueue {
        vhost: vhost.clone(),
        queue: queue.clone(),
    };
    Step {
        id: "sync".to_owned(),
        title: format!("synchronise the mirrors of {queue} in vhost {vhost}"),
        host: ground.host(),
        change: Some(policy::request(ground, call)),
        before: vec![ground.seen(NodeState::Running)],
        already: vec![in_sync.clone()],
        after: vec![in_sync],
        deadline: SYNC_DEADLINE,
    }
}

/// The row of a classic queue that has mirrors; or why there is none, and what to do.
fn mirrored<'a>(
    ground: Ground<'a>,
    vhost: &VhostName,
    queue: &QueueName,
) -> Result<&'a QueueRow, (String, String)> {
    let listed = ground.model.listed_queues(ground.now);
    let (page, gap) = listed.map_or_else(|gap| (None, Some(gap)), |(page, gap)| (Some(page), gap));
    let mut rows = page.iter().flat_map(|page| &page.rows);
    let Some(row) = rows.find(|row| row.vhost == *vhost && row.name == *queue) else {
        let reason = match gap {
            None => format!("vhost {vhost} has no queue {queue}"),
            Some(gap) => format!("whether vhost {vhost} has a queue {queue} is not known: {gap}"),
        };
        return Err((
            reason,
            "name a queue as `rabbitmqctl list_queues` does".to_owned(),
        ));
    };
    match &row.queue_type {
        Some(QueueType::Classic) | None if row.members.len() > 1 => Ok(row),
        Some(QueueType::Classic) | None => Err((
            format!("{queue} has no mirror"),
            "give it some first: mirror-majority".to_owned(),
        )),
        Some(QueueType::Quorum | QueueType::Stream | QueueType::Other(_)) => Err((
            format!("{queue} is no classic queue: its replicas follow by themselves"),
            "nothing has to be done".to_owned(),
        )),
    }
}

/// Refuses where there are no mirrors any more.
fn still_mirrors(action: &Action, ground: Ground<'_>, vhost: &VhostName) -> Result<(), Refusal> {
    let capability = ground.model.capability(ground.now);
    if capability.has_mirroring() != Some(false) {
        return Ok(());
    }
    let reason = format!(
        "mirrored classic queues were removed in RabbitMQ 4.0; this is {}",
        capability.words()
    );
    let single: Vec<QueueName> = policy::rows(ground)
        .iter()
        .filter(|row| row.vhost == *vhost)
        .filter(|row| matches!(row.queue_type, Some(QueueType::Classic) | None))
        .map(|row| row.name.clone())
        .collect();
    let instead =
        "declare quorum queues, whose replicas follow by themselves (x-queue-type quorum)";
    let instead = if single.is_empty() {
        instead.to_owned()
    } else {
        format!(
            "{instead}; classic queues with a single copy in vhost {vhost}: {}, {}",
            count(single.len()),
            named(&single)
        )
    };
    Err(Checks::default().refuse(action, reason, Some(instead)))
}
