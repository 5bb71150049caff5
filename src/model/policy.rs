//! Owns policies: their parts, each validated once, and which kinds of queues they are for. What a
//! policy matches is `pattern`'s, what it changes is `effect`'s. Pure.

pub mod effect;
pub mod pattern;
pub mod usage;

use super::broker::{Policy, QueueType, Version};
use super::name::VhostName;
use super::text::Shown;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Keys of mirrored classic queues; gone with RabbitMQ 4.0 (release notes of 4.0).
const MIRRORING: [&str; 6] = [
    "ha-mode",
    "ha-params",
    "ha-sync-mode",
    "ha-sync-batch-size",
    "ha-promote-on-shutdown",
    "ha-promote-on-failure",
];

/// More keys that only classic queues know: a policy that holds one does not apply to a quorum
/// queue or a stream at all (rabbitmq-server#7350).
const CLASSIC: [&str; 4] = [
    "queue-mode",
    "queue-version",
    "queue-master-locator",
    "max-priority",
];

/// Why a part of a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Not a usable name.
    #[error("`{0}` cannot name {1}: 1 to 255 bytes, none of them invisible, neither `.` nor `..`")]
    Name(Shown, &'static str),
    /// Not JSON.
    #[error("the definition is not JSON: {0}")]
    Json(String),
    /// JSON, but no object.
    #[error("the definition must be a JSON object such as {{\"max-length\":1000}}; it is {0}")]
    NoObject(&'static str),
    /// An object without any key.
    #[error("the definition holds no key, and the broker takes no such policy")]
    Empty,
    /// No value of any release.
    #[error("`{0}` is no kind of object; a policy applies to one of {1}")]
    ApplyTo(Shown, String),
}

/// Whether a path of the management API can name this: a client takes `.` and `..` for steps in
/// the path, however they are written.
pub fn can_be_addressed(raw: &str) -> bool {
    !matches!(raw, "" | "." | "..")
}

/// A name as an operator gives it, of what `kind` says.
///
/// # Errors
///
/// If it is empty, too long, cannot be shown as it is, or cannot be addressed.
pub fn given_name(text: &str, kind: &'static str) -> Result<Shown, PolicyFault> {
    let shown = Shown::new(text);
    let ok = can_be_addressed(text) && text.len() <= 255 && shown.as_str() == text;
    if ok {
        Ok(shown)
    } else {
        Err(PolicyFault::Name(shown, kind))
    }
}

/// A policy's name; unique in its virtual host.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyName(pub Shown);

impl PolicyName {
    /// Takes a name as an operator gives it.
    ///
    /// # Errors
    ///
    /// As `given_name`.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        given_name(text, "a policy").map(Self)
    }

    /// Byte for byte.
    pub fn raw(&self) -> &str {
        self.0.raw()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which kinds of objects a policy is for.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ApplyTo {
    /// Exchanges and queues of every type; what `rabbitmqctl` takes if nothing is said.
    #[default]
    All,
    /// Exchanges.
    Exchanges,
    /// Queues of every type, and streams.
    Queues,
    /// Classic queues (from 3.12).
    ClassicQueues,
    /// Quorum queues (from 3.12).
    QuorumQueues,
    /// Streams (from 3.12).
    Streams,
}

impl ApplyTo {
    /// Takes a value as an operator gives it.
    ///
    /// # Errors
    ///
    /// If no release knows it; the error names all of them.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        text.parse().map_err(|_unknown: strum::ParseError| {
            let known: Vec<String> = <Self as strum::IntoEnumIterator>::iter()
                .map(|kind| kind.to_string())
                .collect();
            PolicyFault::ApplyTo(Shown::new(text), known.join(", "))
        })
    }

    /// Whether this release knows it (rabbitmq-server release notes of 3.12).
    pub fn exists_in(self, version: &Version) -> bool {
        match self {
            Self::All | Self::Exchanges | Self::Queues => true,
            Self::ClassicQueues | Self::QuorumQueues | Self::Streams => version.series() >= (3, 12),
        }
    }

    /// Whether queues of this type are among what it is for; a row without a type is a classic
    /// queue's.
    pub fn takes(self, queue_type: Option<&QueueType>) -> bool {
        match self {
            Self::All | Self::Queues => true,
            Self::Exchanges => false,
            Self::ClassicQueues => matches!(queue_type, Some(QueueType::Classic) | None),
            Self::QuorumQueues => queue_type == Some(&QueueType::Quorum),
            Self::Streams => queue_type == Some(&QueueType::Stream),
        }
    }
}

/// What a policy sets: a JSON object, kept in one form so that equal ones are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Value>", into = "BTreeMap<String, Value>")]
pub struct Definition(Box<str>);

impl Definition {
    /// Reads a JSON object. Keys are sorted and spaces dropped.
    ///
    /// # Errors
    ///
    /// If it is no JSON, with the line and column; or no object.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| PolicyFault::Json(error.to_string()))?;
        match value {
            Value::Object(keys) => {
                let sorted: BTreeMap<String, Value> = keys.into_iter().collect();
                Ok(Self::of(&sorted))
            }
            Value::Null => Err(PolicyFault::NoObject("null")),
            Value::Bool(_) => Err(PolicyFault::NoObject("true or false")),
            Value::Number(_) => Err(PolicyFault::NoObject("a number")),
            Value::String(_) => Err(PolicyFault::NoObject("a text")),
            Value::Array(_) => Err(PolicyFault::NoObject("a list")),
        }
    }

    /// As an operator gives it: there must be something in it.
    ///
    /// # Errors
    ///
    /// As `parse`, and if it holds no key.
    pub fn given(text: &str) -> Result<Self, PolicyFault> {
        let definition = Self::parse(text)?;
        if definition.keys().is_empty() {
            return Err(PolicyFault::Empty);
        }
        Ok(definition)
    }

    /// The definition of these keys.
    pub fn of(keys: &BTreeMap<String, Value>) -> Self {
        // Text keys and parsed values always can be written.
        Self(serde_json::to_string(keys).unwrap_or_default().into())
    }

    /// Its keys with their values.
    pub fn keys(&self) -> BTreeMap<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// As compact JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its keys of mirrored classic queues.
    pub fn mirroring(&self) -> Vec<String> {
        let keys = self.keys().into_keys();
        keys.filter(|key| MIRRORING.contains(&key.as_str()))
            .collect()
    }

    /// Whether it holds a key that quorum queues and streams do not know.
    pub fn is_classic_only(&self) -> bool {
        self.keys()
            .keys()
            .any(|key| MIRRORING.contains(&key.as_str()) || CLASSIC.contains(&key.as_str()))
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown::new(&self.0).fmt(f)
    }
}

impl From<BTreeMap<String, Value>> for Definition {
    fn from(keys: BTreeMap<String, Value>) -> Self {
        Self::of(&keys)
    }
}

impl From<Definition> for BTreeMap<String, Value> {
    fn from(definition: Definition) -> Self {
        definition.keys()
    }
}

/// A whole policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Virtual host.
    pub vhost: VhostName,
    /// Name.
    pub name: PolicyName,
    /// Regular expression over object names, in the broker's dialect (PCRE).
    pub pattern: Shown,
    /// For which kinds of objects.
    pub apply_to: ApplyTo,
    /// The highest that matches is in force, alone.
    pub priority: i64,
    /// What it sets.
    pub definition: Definition,
}

impl PolicyRule {
    /// The policy as a broker gave it; `None` where it says something that no release known here
    /// says.
    pub fn of(policy: &Policy) -> Option<Self> {
        let apply_to = match &policy.apply_to {
            Some(text) => ApplyTo::parse(text.raw()).ok()?,
            None => ApplyTo::All,
        };
        Some(Self {
            vhost: policy.vhost.clone(),
            name: PolicyName(policy.name.clone()),
            pattern: policy.pattern.clone(),
            apply_to,
            priority: policy.priority.unwrap_or(0),
            definition: Definition::parse(policy.definition.raw()).ok()?,
        })
    }

    /// Whether it is the policy of this name in this virtual host.
    pub fn is(&self, vhost: &VhostName, name: &PolicyName) -> bool {
        self.vhost == *vhost && self.name == *name
    }
}

/// Name of the virtual host that every broker starts with.
pub const DEFAULT_VHOST: &str = "/";

#[cfg(test)]
mod tests {
    use super::{ApplyTo, Definition, PolicyFault, PolicyName};
    use crate::model::broker::{QueueType, Version};

    #[test]
    fn equal_definitions_are_equal_however_they_are_written() {
        let one = Definition::parse(r#"{"ha-params":2, "ha-mode":"exactly"}"#).unwrap();
        let two = Definition::parse(r#"{"ha-mode":"exactly","ha-params":2}"#).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.as_str(), r#"{"ha-mode":"exactly","ha-params":2}"#);
        assert_eq!(one.mirroring(), ["ha-mode", "ha-params"]);
        assert!(one.is_classic_only());
        let plain = Definition::parse(r#"{"max-length":10}"#).unwrap();
        assert!(!plain.is_classic_only() && plain.mirroring().is_empty());
    }

    #[test]
    fn a_definition_that_cannot_be_is_told_where_it_breaks() {
        let fault = Definition::given(r#"{"ha-mode" "all"}"#).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the definition is not JSON: expected `:` at line 1 column 12"
        );
        assert_eq!(
            Definition::given("[1]").unwrap_err(),
            PolicyFault::NoObject("a list")
        );
        assert_eq!(Definition::given("{}").unwrap_err(), PolicyFault::Empty);
    }

    #[test]
    fn names_that_a_path_cannot_hold_are_refused() {
        for bad in ["", ".", "..", "a\u{1b}b", "a\nb"] {
            assert!(PolicyName::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["ha-all", "a/b", "-x", "ä b", "..."] {
            assert!(PolicyName::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn kinds_of_queues_came_with_3_12() {
        let quorum = ApplyTo::parse("quorum_queues").unwrap();
        assert!(!quorum.exists_in(&Version::parse("3.11.28")));
        assert!(quorum.exists_in(&Version::parse("3.12.0")));
        assert!(quorum.takes(Some(&QueueType::Quorum)) && !quorum.takes(None));
        assert!(ApplyTo::ClassicQueues.takes(None));
        assert!(!ApplyTo::Exchanges.takes(Some(&QueueType::Classic)));
        let fault = ApplyTo::parse("queue").unwrap_err().to_string();
        assert!(
            fault.contains("all, exchanges, queues, classic_queues"),
            "{fault}"
        );
    }
}
