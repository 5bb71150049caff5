//! Owns what the made-up cluster says of policies and of the user. Patterns here are `^` with plain
//! letters behind it, so that this needs no engine and shares none with what is tested.

use super::{Cluster, Queue};
use rmqtop::model::broker::{ApiUser, Policy, PolicyView, QueueType};
use rmqtop::model::inventory::ApiEntry;
use rmqtop::model::name::VhostName;
use rmqtop::model::observation::{Payload, SourceKind};
use rmqtop::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use rmqtop::model::text::Shown;

/// How its management API is addressed.
pub(super) fn api() -> ApiEntry {
    ApiEntry {
        scheme: "http".to_owned(),
        port: 15672,
        user: "ops".to_owned(),
        ..ApiEntry::default()
    }
}

/// A policy of the default virtual host, for queues.
pub(crate) fn rule(name: &str, pattern: &str, priority: i64, definition: &str) -> PolicyRule {
    PolicyRule {
        vhost: VhostName::new("/"),
        name: PolicyName(Shown::new(name)),
        pattern: Shown::new(pattern),
        apply_to: ApplyTo::Queues,
        priority,
        definition: Definition::parse(definition).unwrap(),
    }
}

impl Cluster {
    pub(crate) fn with_policy(mut self, rule: PolicyRule) -> Self {
        self.policies.push(rule);
        self
    }

    /// The one of the highest priority that matches; of equals the one that was made last.
    fn on(&self, queue: &Queue) -> Option<&PolicyRule> {
        let prefix = |rule: &PolicyRule| rule.pattern.raw().trim_start_matches('^').to_owned();
        self.policies
            .iter()
            .filter(|rule| queue.name.starts_with(&prefix(rule)))
            .filter(|rule| queue.kind == QueueType::Classic || !rule.definition.is_classic_only())
            .max_by_key(|rule| rule.priority)
    }

    pub(super) fn policy_on(&self, queue: &Queue) -> Option<Shown> {
        Some(self.on(queue)?.name.0.clone())
    }

    pub(super) fn effective_on(&self, queue: &Queue) -> Shown {
        let set = self.on(queue).map(|rule| rule.definition.as_str());
        Shown::new(set.unwrap_or("{}"))
    }

    pub(crate) fn policy_rows(&self) -> Vec<Policy> {
        let row = |rule: &PolicyRule| Policy {
            vhost: rule.vhost.clone(),
            name: rule.name.0.clone(),
            pattern: rule.pattern.clone(),
            apply_to: Some(Shown::new(&rule.apply_to.to_string())),
            priority: Some(rule.priority),
            definition: Shown::new(rule.definition.as_str()),
        };
        self.policies.iter().map(row).collect()
    }

    pub(super) fn policy_view(&self, index: usize) -> PolicyView {
        let mut told = self.clone();
        if self.behind == Some(index) {
            told.policies.clear();
        }
        PolicyView {
            policies: told.policy_rows(),
            queues: told.queue_page(),
        }
    }

    /// What any node says for the cluster.
    pub(super) fn policy_word(&self, kind: SourceKind) -> Option<Payload> {
        if kind == SourceKind::Policies {
            Some(Payload::Policies(self.policy_rows()))
        } else {
            (kind == SourceKind::User).then(|| Payload::User(self.user()))
        }
    }

    fn user(&self) -> ApiUser {
        ApiUser {
            name: Shown::new("ops"),
            tags: self.tags.iter().map(|tag| Shown::new(tag)).collect(),
        }
    }
}
