//! Owns the answers about policies and mirrors: every node that answers must know the same policy,
//! and what is in force is read from queues by the word of nodes that nothing was sent to.

use super::ProbeAnswer;
use crate::model::Model;
use crate::model::broker::{PolicyView, QueueRow, QueueType};
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName, QueueName, VhostName};
use crate::model::policy::effect::{InForce, Policies, sets_all};
use crate::model::policy::pattern::Pattern;
use crate::model::policy::{PolicyName, PolicyRule};

/// How many queues a sentence names.
const NAMED: usize = 3;

/// What each running member says, with its host; and the hosts that run one and did not say.
fn views(model: &Model, now: Moment) -> (Vec<(&HostName, &PolicyView)>, Vec<&HostName>) {
    let (mut said, mut silent) = (Vec::new(), Vec::new());
    for (host, _) in model.member_views(now) {
        match model.policy_view(host, now) {
            Some(view) => said.push((host, view)),
            None => silent.push(host),
        }
    }
    (said, silent)
}

fn joined<'a>(hosts: impl IntoIterator<Item = &'a HostName>) -> String {
    let names: Vec<&str> = hosts.into_iter().map(HostName::as_str).collect();
    names.join(" and ")
}

fn hosts_of<'a>(said: &[(&'a HostName, &'a PolicyView)]) -> String {
    joined(said.iter().map(|(host, _)| *host))
}

/// All agree, or who does not; whoever runs and does not say leaves it open.
fn unanimous(
    model: &Model,
    now: Moment,
    differs: impl Fn(&PolicyView) -> Option<String>,
    so: &str,
) -> ProbeAnswer {
    let (said, silent) = views(model, now);
    let other: Vec<String> = said
        .iter()
        .filter_map(|(host, view)| Some(format!("{host} {}", differs(view)?)))
        .collect();
    if !other.is_empty() {
        ProbeAnswer::Not(other.join("; "))
    } else if said.is_empty() {
        ProbeAnswer::CannotTell("no node says which policies it knows".to_owned())
    } else if !silent.is_empty() {
        ProbeAnswer::CannotTell(format!(
            "{} does not say which policies it knows",
            joined(silent)
        ))
    } else {
        ProbeAnswer::Holds(format!("{so}, by the word of {}", hosts_of(&said)))
    }
}

pub(super) fn is(model: &Model, rule: &PolicyRule, now: Moment) -> ProbeAnswer {
    let differs = |view: &PolicyView| {
        let known = Policies::of(&view.policies, &rule.vhost);
        match known.named(&rule.name) {
            Some(known) if known == rule => None,
            Some(known) => Some(format!("knows {} as {}", rule.name, body(known))),
            None if known.unread.contains(&rule.name) => {
                Some(format!("knows {} in a way that cannot be read", rule.name))
            }
            None => Some(format!("knows no policy {}", rule.name)),
        }
    };
    unanimous(
        model,
        now,
        differs,
        &format!("{} is {}", rule.name, body(rule)),
    )
}

/// All of a policy but its name.
fn body(rule: &PolicyRule) -> String {
    format!(
        "{} on {} matching {} at priority {}",
        rule.definition, rule.apply_to, rule.pattern, rule.priority
    )
}

pub(super) fn none(
    model: &Model,
    vhost: &VhostName,
    name: &PolicyName,
    now: Moment,
) -> ProbeAnswer {
    let differs = |view: &PolicyView| {
        let mut known = view.policies.iter();
        let found = known.any(|policy| policy.vhost == *vhost && policy.name == name.0);
        found.then(|| format!("knows the policy {name}"))
    };
    unanimous(model, now, differs, &format!("there is no policy {name}"))
}

/// Who says what of policies, and words for where there is nobody else to ask.
type Said<'a> = (Vec<(&'a HostName, &'a PolicyView)>, &'static str);

/// What the nodes say that nothing was sent to; where there is none, what there is.
fn others<'a>(model: &'a Model, through: &NodeName, now: Moment) -> Result<Said<'a>, ProbeAnswer> {
    let (said, silent) = views(model, now);
    let own = model.inventory.host_of(through).map(|host| &host.name);
    let (mut others, alone): (Vec<_>, Vec<_>) =
        said.into_iter().partition(|(host, _)| Some(*host) != own);
    let other_silent = silent.iter().any(|host| Some(*host) != own);
    if !others.is_empty() {
        return Ok((others, ""));
    }
    if other_silent || alone.is_empty() {
        return Err(ProbeAnswer::CannotTell(
            "no other node says which policies are in force".to_owned(),
        ));
    }
    others.extend(alone);
    Ok((others, " (no other node runs)"))
}

/// Where a policy should be in force, by one node's word.
#[derive(Debug, Default)]
struct Held<'a> {
    /// Queues that have it.
    with: usize,
    /// Classic queues that do not.
    without: Vec<&'a QueueRow>,
    /// Other queues that do not: which keys their type takes is the broker's to say.
    strange: usize,
    /// Queues on which chance decides.
    open: usize,
}

impl<'a> Held<'a> {
    fn new(view: &'a PolicyView, rule: &PolicyRule) -> Self {
        let policies = Policies::of(&view.policies, &rule.vhost);
        let mut held = Self::default();
        for row in &view.queues.rows {
            match policies.in_force(row) {
                InForce::One(winner) if winner == rule => held.count(row, rule),
                InForce::Chance(winners) if winners.contains(&rule) => held.open += 1,
                InForce::Nothing | InForce::One(_) | InForce::Chance(_) => {}
            }
        }
        held
    }

    fn count(&mut self, row: &'a QueueRow, rule: &PolicyRule) {
        if has(row, rule) {
            self.with += 1;
        } else if matches!(row.queue_type, Some(QueueType::Classic) | None) {
            self.without.push(row);
        } else {
            self.strange += 1;
        }
    }

    fn words(&self, rule: &PolicyRule) -> String {
        let name = &rule.name;
        let mut words = match (self.with, Pattern::new(rule.pattern.raw())) {
            (0, Pattern::Beyond(_)) => format!(
                "which queues {name} is for, only the broker can tell, and it names none yet"
            ),
            (0, Pattern::Known(_) | Pattern::Invalid(_)) => format!("no queue listed needs {name}"),
            (with, _) => format!("{name} is in force on {}", queues(with)),
        };
        if self.strange > 0 {
            words = format!(
                "{words}, and not on {} of a type that does not take these keys",
                queues(self.strange)
            );
        }
        if self.open > 0 {
            words = format!(
                "{words}; on {} chance decides between policies of equal priority",
                queues(self.open)
            );
        }
        words
    }
}

pub(super) fn in_force(
    model: &Model,
    rule: &PolicyRule,
    through: &NodeName,
    now: Moment,
) -> ProbeAnswer {
    let (said, note) = match others(model, through, now) {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    let mut words = String::new();
    for (host, view) in &said {
        let held = Held::new(view, rule);
        if !held.without.is_empty() {
            return ProbeAnswer::Not(format!(
                "{host} does not say yet that {} is in force on {}",
                rule.name,
                named(&held.without)
            ));
        }
        words = held.words(rule);
    }
    ProbeAnswer::Holds(format!("{words}, by the word of {}{note}", hosts_of(&said)))
}

/// Whether the queue has it. An operator policy may tighten what is set, so that only the name
/// tells then.
fn has(row: &QueueRow, rule: &PolicyRule) -> bool {
    let is_named = row.policy.as_ref() == Some(&rule.name.0);
    let sets = match (&row.operator_policy, &row.effective) {
        (None, Some(effective)) => sets_all(effective.raw(), &rule.definition),
        (Some(_), _) => true,
        (None, None) => false,
    };
    is_named && sets
}

pub(super) fn nowhere(
    model: &Model,
    (vhost, name): (&VhostName, &PolicyName),
    through: &NodeName,
    now: Moment,
) -> ProbeAnswer {
    let (said, note) = match others(model, through, now) {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    for (host, view) in &said {
        let rows = view.queues.rows.iter();
        let still: Vec<&QueueRow> = rows
            .filter(|row| row.vhost == *vhost && row.policy.as_ref() == Some(&name.0))
            .collect();
        if !still.is_empty() {
            return ProbeAnswer::Not(format!(
                "{host} still says that {name} is in force on {}",
                named(&still)
            ));
        }
    }
    ProbeAnswer::Holds(format!(
        "{name} is in force on no queue, by the word of {}{note}",
        hosts_of(&said)
    ))
}

pub(super) fn in_sync(
    model: &Model,
    (vhost, queue): (&VhostName, &QueueName),
    through: &NodeName,
    now: Moment,
) -> ProbeAnswer {
    let (said, note) = match others(model, through, now) {
        Ok(said) => said,
        Err(answer) => return answer,
    };
    let mut copies = 0;
    for (host, view) in &said {
        let mut rows = view.queues.rows.iter();
        let Some(row) = rows.find(|row| row.vhost == *vhost && row.name == *queue) else {
            return match view.queues.gap("queues") {
                None => ProbeAnswer::Not(format!("{host} knows no queue {queue}")),
                Some(gap) => ProbeAnswer::CannotTell(format!(
                    "{queue} is not among what {host} lists: {gap}"
                )),
            };
        };
        let is_done = row.members.iter().all(|member| row.online.contains(member));
        let syncing = row
            .state
            .as_ref()
            .is_some_and(|state| state.raw() == "syncing");
        if !is_done || syncing {
            let in_sync = row
                .members
                .iter()
                .filter(|member| row.online.contains(member));
            let mut words = format!(
                "{} of {} copies of {queue} are in sync, by the word of {host}",
                in_sync.count(),
                row.members.len()
            );
            if syncing {
                words.push_str("; it is syncing");
            }
            if let (Some(synced), Some(all)) = (row.synced, row.messages) {
                words = format!("{words}, {synced} of {all} messages copied");
            }
            return ProbeAnswer::Not(words);
        }
        copies = row.members.len();
    }
    ProbeAnswer::Holds(format!(
        "all {copies} copies of {queue} are in sync, by the word of {}{note}",
        hosts_of(&said)
    ))
}

fn queues(count: usize) -> String {
    if count == 1 {
        "1 queue".to_owned()
    } else {
        format!("{count} queues")
    }
}

fn named(rows: &[&QueueRow]) -> String {
    let names = rows.iter().take(NAMED).map(|row| row.name.to_string());
    let mut names: Vec<String> = names.collect();
    let more = rows.len().saturating_sub(NAMED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}
