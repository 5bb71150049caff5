//! Owns the arguments of the runbooks about policies and mirrors: read and judged before any node
//! is asked.

use crate::action::Action;
use crate::model::name::{QueueName, VhostName};
use crate::model::policy::pattern::Pattern;
use crate::model::policy::{
    ApplyTo, DEFAULT_VHOST, Definition, PolicyName, PolicyRule, given_name,
};
use crate::model::text::Shown;
use clap::Args;

/// A virtual host, as an option.
#[derive(Debug, Clone, Args)]
pub struct Vhost {
    /// The virtual host
    #[arg(long, value_name = "VHOST", default_value = DEFAULT_VHOST)]
    vhost: String,
}

/// Arguments of `policy-set`.
#[derive(Debug, Clone, Args)]
pub struct PolicySet {
    /// The policy
    name: String,
    /// Names of queues and exchanges that it is for: a regular expression (PCRE)
    #[arg(long, value_name = "RE", allow_hyphen_values = true)]
    pattern: String,
    /// What it sets: a JSON object such as {"max-length":1000}
    #[arg(long, value_name = "JSON")]
    definition: String,
    /// For which kinds of objects: all, exchanges, queues, and from 3.12 `classic_queues`,
    /// `quorum_queues`, streams
    #[arg(long, value_name = "KIND", default_value = "all")]
    apply_to: String,
    /// Of the policies that match, the one with the highest priority is in force, alone
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    priority: i64,
    /// Where
    #[command(flatten)]
    vhost: Vhost,
}

/// Arguments of `policy-clear`.
#[derive(Debug, Clone, Args)]
pub struct PolicyClear {
    /// The policy
    name: String,
    /// Where
    #[command(flatten)]
    vhost: Vhost,
}

/// Arguments of `mirror-majority`.
#[derive(Debug, Clone, Args)]
pub struct MirrorMajority {
    /// Names of the queues: a regular expression (PCRE)
    #[arg(
        long,
        value_name = "RE",
        default_value = "^",
        allow_hyphen_values = true
    )]
    pattern: String,
    /// Where
    #[command(flatten)]
    vhost: Vhost,
}

/// Arguments of `mirror-sync`.
#[derive(Debug, Clone, Args)]
pub struct MirrorSync {
    /// The queue
    queue: String,
    /// Where
    #[command(flatten)]
    vhost: Vhost,
}

impl Vhost {
    fn name(&self) -> anyhow::Result<VhostName> {
        Ok(VhostName(given_name(&self.vhost, "a virtual host")?))
    }
}

/// Refuses what no broker takes; what only a broker can judge passes.
fn pattern(text: &str) -> anyhow::Result<Shown> {
    match Pattern::new(text) {
        Pattern::Invalid(fault) => Err(fault.into()),
        Pattern::Known(_) | Pattern::Beyond(_) => Ok(Shown::new(text)),
    }
}

impl PolicySet {
    /// The action meant.
    pub(super) fn action(&self) -> anyhow::Result<Action> {
        let rule = PolicyRule {
            vhost: self.vhost.name()?,
            name: PolicyName::parse(&self.name)?,
            pattern: pattern(&self.pattern)?,
            apply_to: ApplyTo::parse(&self.apply_to)?,
            priority: self.priority,
            definition: Definition::given(&self.definition)?,
        };
        Ok(Action::PolicySet { rule })
    }
}

impl PolicyClear {
    /// The action meant.
    pub(super) fn action(&self) -> anyhow::Result<Action> {
        Ok(Action::PolicyClear {
            vhost: self.vhost.name()?,
            name: PolicyName::parse(&self.name)?,
        })
    }
}

impl MirrorMajority {
    /// The action meant.
    pub(super) fn action(&self) -> anyhow::Result<Action> {
        Ok(Action::MirrorMajority {
            vhost: self.vhost.name()?,
            pattern: pattern(&self.pattern)?,
        })
    }
}

impl MirrorSync {
    /// The action meant.
    pub(super) fn action(&self) -> anyhow::Result<Action> {
        Ok(Action::MirrorSync {
            vhost: self.vhost.name()?,
            queue: QueueName(given_name(&self.queue, "a queue")?),
        })
    }
}
