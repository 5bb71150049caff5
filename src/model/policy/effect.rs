//! Owns the what-if of policies: which policy is in force on a queue, which would be after a
//! change, and which keys a queue gains and loses by that. Pure; the preview, the proof and the
//! pane call the same code.

use super::pattern::Pattern;
use super::{Definition, PolicyName, PolicyRule};
use crate::model::broker::{Policy, QueueRow, QueueType};
use crate::model::name::{QueueName, VhostName};
use serde_json::Value;
use std::collections::BTreeMap;

/// A policy with its pattern read.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The policy.
    pub rule: PolicyRule,
    /// Its pattern.
    pub pattern: Pattern,
}

impl Ready {
    /// Reads the pattern of `rule`.
    pub fn new(rule: PolicyRule) -> Self {
        Self {
            pattern: Pattern::new(rule.pattern.raw()),
            rule,
        }
    }

    /// Whether it is for this queue, whoever else is; `None` where that cannot be told here. A
    /// pattern that cannot be judged has matched where the broker says that the policy is in force.
    pub fn is_for(&self, row: &QueueRow) -> Option<bool> {
        let rule = &self.rule;
        let is_classic = matches!(row.queue_type, Some(QueueType::Classic) | None);
        if row.vhost != rule.vhost
            || !rule.apply_to.takes(row.queue_type.as_ref())
            || (!is_classic && rule.definition.is_classic_only())
        {
            return Some(false);
        }
        self.pattern.matches(row.name.0.raw()).or_else(|| {
            let is_in_force = row.policy.as_ref() == Some(&rule.name.0);
            is_in_force.then_some(true)
        })
    }
}

/// The policies of a virtual host, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// All that could be read.
    pub ready: Vec<Ready>,
    /// Those that say something no release known here says.
    pub unread: Vec<PolicyName>,
}

/// Which policy is in force on a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InForce<'p> {
    /// None.
    Nothing,
    /// This one.
    One(&'p PolicyRule),
    /// One of these, which all have the highest priority: which one is up to chance.
    Chance(Vec<&'p PolicyRule>),
}

impl Policies {
    /// The policies of `vhost` among these.
    pub fn of(policies: &[Policy], vhost: &VhostName) -> Self {
        let mut read = Self::default();
        for policy in policies.iter().filter(|policy| policy.vhost == *vhost) {
            match PolicyRule::of(policy) {
                Some(rule) => read.ready.push(Ready::new(rule)),
                None => read.unread.push(PolicyName(policy.name.clone())),
            }
        }
        read
    }

    /// The policy of this name.
    pub fn named(&self, name: &PolicyName) -> Option<&PolicyRule> {
        let found = self.ready.iter().find(|ready| ready.rule.name == *name);
        found.map(|ready| &ready.rule)
    }

    /// These, with `rule` in the place of what had its name.
    #[must_use]
    pub fn with(&self, rule: &PolicyRule) -> Self {
        let mut after = self.without(&rule.name);
        after.ready.push(Ready::new(rule.clone()));
        after
    }

    /// These, without the one of this name.
    #[must_use]
    pub fn without(&self, name: &PolicyName) -> Self {
        let mut after = self.clone();
        after.ready.retain(|ready| ready.rule.name != *name);
        after.unread.retain(|unread| unread != name);
        after
    }

    /// Which is in force on `row`: of those that match, the one of the highest priority. What
    /// cannot be judged here counts as not matching.
    pub fn in_force(&self, row: &QueueRow) -> InForce<'_> {
        let all = self.ready.iter();
        let matching: Vec<&PolicyRule> = all
            .filter(|ready| ready.is_for(row) == Some(true))
            .map(|ready| &ready.rule)
            .collect();
        let Some(highest) = matching.iter().map(|rule| rule.priority).max() else {
            return InForce::Nothing;
        };
        let mut first: Vec<&PolicyRule> = matching
            .into_iter()
            .filter(|rule| rule.priority == highest)
            .collect();
        first.sort();
        match first.as_slice() {
            [one] => InForce::One(one),
            _ => InForce::Chance(first),
        }
    }
}

/// What a change of policies does to queues that are affected in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    /// The policy in force now.
    pub from: Option<PolicyName>,
    /// Those that may be in force after: none, one, or several of which chance picks one.
    pub to: Vec<PolicyName>,
    /// Keys that become set, with their values.
    pub gains: Vec<String>,
    /// Keys that change, with both values.
    pub changes: Vec<String>,
    /// Keys that are set no more, with their values.
    pub loses: Vec<String>,
}

impl Shift {
    /// Whether nothing changes for these queues.
    pub fn is_none(&self) -> bool {
        self.from.as_ref() == self.to.first()
            && self.to.len() < 2
            && self.gains.is_empty()
            && self.changes.is_empty()
            && self.loses.is_empty()
    }
}

/// What a change of policies does to the queues that could be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Queues for which something changes, by how.
    pub shifts: BTreeMap<Shift, Vec<QueueName>>,
    /// Queues that the changed policy is for and for which nothing changes.
    pub unmoved: Vec<QueueName>,
    /// Queues that the changed policy is for, but over which a higher one stands, by that one.
    pub beaten: BTreeMap<PolicyName, Vec<QueueName>>,
    /// Queues for which it cannot be told whether the changed policy is for them.
    pub unclear: usize,
}

/// What it does to these queues if `after` takes the place of `before`; `changed` is the policy
/// that makes the difference, as it is after, or as it was if it goes.
pub fn preview<'a>(
    before: &Policies,
    after: &Policies,
    changed: &Ready,
    rows: impl IntoIterator<Item = &'a QueueRow>,
) -> Preview {
    let mut preview = Preview::default();
    for row in rows {
        let is_for = changed.is_for(row);
        let had = row.policy.as_ref() == Some(&changed.rule.name.0);
        if is_for.is_none() {
            preview.unclear += 1;
        }
        if is_for == Some(false) && !had {
            continue;
        }
        let shift = shift(before, after, row);
        if !shift.is_none() {
            preview
                .shifts
                .entry(shift)
                .or_default()
                .push(row.name.clone());
        } else if let Some(over) = shift.to.first()
            && *over != changed.rule.name
        {
            let beaten = preview.beaten.entry(over.clone()).or_default();
            beaten.push(row.name.clone());
        } else if is_for == Some(true) {
            preview.unmoved.push(row.name.clone());
        }
    }
    preview
}

fn shift(before: &Policies, after: &Policies, row: &QueueRow) -> Shift {
    let from = row.policy.clone().map(PolicyName);
    let keys =
        |rule: Option<&PolicyRule>| rule.map_or_else(BTreeMap::new, |rule| rule.definition.keys());
    let was = keys(from.as_ref().and_then(|name| before.named(name)));
    let (to, is) = match after.in_force(row) {
        InForce::Nothing => (Vec::new(), BTreeMap::new()),
        InForce::One(rule) => (vec![rule.name.clone()], rule.definition.keys()),
        InForce::Chance(rules) => {
            let names = rules.iter().map(|rule| rule.name.clone()).collect();
            // What will be set is not known; nothing is claimed of it.
            (names, was.clone())
        }
    };
    let worded = |key: &str, value: &Value| format!("{key}={value}");
    let gains = is.iter().filter(|(key, _)| !was.contains_key(*key));
    let loses = was.iter().filter(|(key, _)| !is.contains_key(*key));
    let changes = is.iter().filter_map(|(key, value)| {
        let old = was.get(key).filter(|old| *old != value)?;
        Some(format!("{key} {old} to {value}"))
    });
    Shift {
        from,
        gains: gains.map(|(key, value)| worded(key, value)).collect(),
        changes: changes.collect(),
        loses: loses.map(|(key, value)| worded(key, value)).collect(),
        to,
    }
}

/// Another policy of the same priority, and how they meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other.
    pub other: PolicyName,
    /// Queues, among those listed, on which either may be in force.
    pub queues: Vec<QueueName>,
}

impl Policies {
    /// Policies that `rule` conflicts with (lint L2): of the same priority, and for the same queues
    /// where no higher one stands above both, or for every queue there may be one day. Which of them
    /// is in force is up to chance.
    pub fn conflicts(&self, rule: &PolicyRule, rows: &[QueueRow]) -> Vec<Conflict> {
        let own = Ready::new(rule.clone());
        let after = self.with(rule);
        let rivals = self.ready.iter().filter(|ready| {
            ready.rule.priority == rule.priority
                && ready.rule.name != rule.name
                && ready.rule.vhost == rule.vhost
        });
        let both = |ready: &Ready| {
            let is_open = |row: &&QueueRow| match after.in_force(row) {
                InForce::Chance(rules) => rules.contains(&rule) && rules.contains(&&ready.rule),
                InForce::Nothing | InForce::One(_) => false,
            };
            let both = rows.iter().filter(is_open);
            both.map(|row| row.name.clone()).collect()
        };
        rivals
            .filter_map(|ready| conflict(&own, ready, both(ready)))
            .collect()
    }
}

/// How `own` and a rival of the same priority meet, where chance decides on `queues`; `None`: they
/// do not, as far as can be told.
pub(super) fn conflict(own: &Ready, rival: &Ready, queues: Vec<QueueName>) -> Option<Conflict> {
    let is_for_all = |ready: &&Ready| ready.pattern.matches_everything() == Some(true);
    let is_bound_to = [own, rival].iter().any(is_for_all) && overlap(&own.rule, &rival.rule);
    (!queues.is_empty() || is_bound_to).then(|| Conflict {
        other: rival.rule.name.clone(),
        queues,
    })
}

/// Whether there are kinds of objects that both are for.
fn overlap(one: &PolicyRule, other: &PolicyRule) -> bool {
    use super::ApplyTo::{All, Exchanges};
    let types = [QueueType::Classic, QueueType::Quorum, QueueType::Stream];
    let takes = |rule: &PolicyRule, kind: &QueueType| {
        rule.apply_to.takes(Some(kind))
            && (*kind == QueueType::Classic || !rule.definition.is_classic_only())
    };
    let exchanges = [one, other]
        .iter()
        .all(|rule| matches!(rule.apply_to, All | Exchanges));
    exchanges
        || types
            .iter()
            .any(|kind| takes(one, kind) && takes(other, kind))
}

/// Whether `effective`, as the broker gives it, sets all that `definition` sets.
pub fn sets_all(effective: &str, definition: &Definition) -> bool {
    let Ok(effective) = Definition::parse(effective) else {
        return false;
    };
    let effective = effective.keys();
    definition
        .keys()
        .iter()
        .all(|(key, value)| effective.get(key) == Some(value))
}
