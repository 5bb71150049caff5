//! Owns what becomes of each policy among the queues there are: how many it is for, on how many it
//! is in force, and with which others chance decides. Pure; computed once for each new answer.

use super::effect::{Conflict, Policies, Ready, conflict};
use super::{PolicyName, PolicyRule};
use crate::model::Model;
use crate::model::broker::{Policy, QueueRow};
use crate::model::moment::Moment;
use crate::model::name::{QueueName, VhostName};
use crate::model::text::Shown;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A policy and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyUse {
    /// As the broker gave it.
    pub policy: Policy,
    /// The same, read; `None` where it says something no release known here says.
    pub rule: Option<PolicyRule>,
    /// Queues that it is for, among those listed; `None` where only the broker can judge that.
    pub matching: Option<usize>,
    /// Queues listed that are under it, by the broker's word.
    pub in_force: usize,
    /// What there is to say of it.
    pub standing: Standing,
}

/// What there is to say of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Well,
    /// Chance decides between it and these (lint L2).
    Chance(Vec<Conflict>),
    /// These keys have had no effect since RabbitMQ 4.0.
    NoEffect(Vec<String>),
    /// It is for some queues, and in force on none of them: these stand above it.
    Beaten(Vec<PolicyName>),
    /// It is for none of the queues listed.
    Idle,
}

impl Standing {
    /// Whether a person should look at it.
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well | Self::Idle)
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Well => String::new(),
            Self::Idle => "no queue matches".to_owned(),
            Self::Chance(conflicts) => {
                let names = conflicts.iter().map(|conflict| conflict.other.to_string());
                let names: Vec<String> = names.collect();
                format!("chance: same priority as {}", names.join(", "))
            }
            Self::NoEffect(keys) => format!("no effect in 4.x: {}", keys.join(", ")),
            Self::Beaten(names) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                format!("below {}", names.join(", "))
            }
        }
    }
}

impl PolicyUse {
    /// Its name.
    pub fn name(&self) -> PolicyName {
        PolicyName(self.policy.name.clone())
    }
}

/// Every policy last seen with what becomes of it among the queues last seen: by virtual host, the
/// highest priority first, then by name.
pub fn of(model: &Model, now: Moment) -> Vec<PolicyUse> {
    let Some(policies) = model.policies.last() else {
        return Vec::new();
    };
    let rows = model
        .queues
        .last()
        .map_or(&[][..], |page| page.rows.as_slice());
    let mirrors = model.capability(now).has_mirroring();
    let vhosts: BTreeSet<&VhostName> = policies.iter().map(|policy| &policy.vhost).collect();
    let mut uses: Vec<PolicyUse> = vhosts
        .into_iter()
        .flat_map(|vhost| {
            let known = Policies::of(policies, vhost);
            let field = Field::new(&known, rows);
            let own = policies.iter().filter(move |policy| policy.vhost == *vhost);
            own.map(|policy| field.one(policy, mirrors))
                .collect::<Vec<_>>()
        })
        .collect();
    uses.sort_by(|a, b| place(a).cmp(&place(b)));
    uses
}

/// The order of the list.
fn place(it: &PolicyUse) -> (&VhostName, Reverse<i64>, &Shown) {
    let priority = it.policy.priority.unwrap_or(0);
    (&it.policy.vhost, Reverse(priority), &it.policy.name)
}

/// The policies of a virtual host against all queues: each pair is judged once.
struct Field<'a> {
    rows: &'a [QueueRow],
    policies: Vec<(&'a Ready, Vec<Option<bool>>)>,
}

impl<'a> Field<'a> {
    fn new(policies: &'a Policies, rows: &'a [QueueRow]) -> Self {
        let judged = |ready: &'a Ready| {
            let is_for = rows.iter().map(|row| ready.is_for(row)).collect();
            (ready, is_for)
        };
        Self {
            rows,
            policies: policies.ready.iter().map(judged).collect(),
        }
    }

    fn one(&self, policy: &Policy, mirrors: Option<bool>) -> PolicyUse {
        let mut all = self.policies.iter();
        let own = all.find(|(ready, _)| ready.rule.name.0 == policy.name);
        let is_under = |row: &&QueueRow| {
            row.vhost == policy.vhost && row.policy.as_ref() == Some(&policy.name)
        };
        PolicyUse {
            policy: policy.clone(),
            rule: own.map(|(ready, _)| ready.rule.clone()),
            matching: own.and_then(|(_, is_for)| count(is_for)),
            in_force: self.rows.iter().filter(is_under).count(),
            standing: own.map_or(Standing::Well, |(ready, is_for)| {
                self.standing(ready, is_for, mirrors)
            }),
        }
    }

    fn standing(&self, own: &Ready, is_for: &[Option<bool>], mirrors: Option<bool>) -> Standing {
        let conflicts: Vec<Conflict> = self
            .policies
            .iter()
            .filter(|(ready, _)| {
                ready.rule.priority == own.rule.priority && ready.rule.name != own.rule.name
            })
            .filter_map(|(ready, theirs)| conflict(own, ready, self.open(own, (is_for, theirs))))
            .collect();
        if conflicts.iter().any(|conflict| !conflict.queues.is_empty()) {
            return Standing::Chance(conflicts);
        }
        let mirroring = own.rule.definition.mirroring();
        if mirrors == Some(false) && !mirroring.is_empty() {
            return Standing::NoEffect(mirroring);
        }
        let mut above = BTreeSet::new();
        for row in (0..self.rows.len()).filter(|row| is_for.get(*row) == Some(&Some(true))) {
            match self.over(own, row) {
                Some(name) => above.insert(name.clone()),
                None if conflicts.is_empty() => return Standing::Well,
                None => return Standing::Chance(conflicts),
            };
        }
        if !above.is_empty() {
            Standing::Beaten(above.into_iter().collect())
        } else if !conflicts.is_empty() {
            Standing::Chance(conflicts)
        } else if count(is_for) == Some(0) {
            Standing::Idle
        } else {
            Standing::Well
        }
    }

    /// Queues that both are for, and nothing above `own`.
    fn open(
        &self,
        own: &Ready,
        (one, other): (&[Option<bool>], &[Option<bool>]),
    ) -> Vec<QueueName> {
        let judged = self.rows.iter().zip(one.iter().zip(other)).enumerate();
        judged
            .filter(|(_, (_, both))| matches!(both, (Some(true), Some(true))))
            .filter(|(at, _)| self.over(own, *at).is_none())
            .map(|(_, (row, _))| row.name.clone())
            .collect()
    }

    /// The policy that is in force on a queue in place of `own`.
    fn over(&self, own: &Ready, row: usize) -> Option<&PolicyName> {
        self.policies
            .iter()
            .filter(|(_, is_for)| is_for.get(row) == Some(&Some(true)))
            .map(|(ready, _)| &ready.rule)
            .filter(|rule| rule.priority > own.rule.priority)
            .max_by_key(|rule| rule.priority)
            .map(|rule| &rule.name)
    }
}

/// How many it is for; `None` if that cannot be told of each.
fn count(is_for: &[Option<bool>]) -> Option<usize> {
    let judged: Option<Vec<bool>> = is_for.iter().copied().collect();
    Some(judged?.into_iter().filter(|is_for| *is_for).count())
}
