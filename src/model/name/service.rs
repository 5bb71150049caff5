//! Owns the name of a systemd service, and what cannot be one.

use super::{NameError, Shown};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a systemd service, such as `rabbitmq-server` or `keepalived@eth0.service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(Box<str>);

/// What else ends like the name of a unit, and is no service (systemd.unit(5)).
const OTHER_UNITS: [&str; 10] = [
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

impl ServiceName {
    /// Validates letters, digits and `. - _ : @` (systemd.unit(5)), not starting with `-` or `.`.
    /// No glob and no escape: one name is one unit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let ok = !text.is_empty()
            && text.len() <= 255
            && !text.starts_with(['-', '.', '@'])
            && !OTHER_UNITS.iter().any(|ending| text.ends_with(ending))
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@'));
        if ok {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Service(Shown::new(text)))
        }
    }

    /// The broker's, as its packages name it.
    pub fn rabbitmq_server() -> Self {
        Self("rabbitmq-server".into())
    }

    /// HAProxy's, as its packages name it.
    pub fn haproxy() -> Self {
        Self("haproxy".into())
    }

    /// keepalived's, as its packages name it.
    pub fn keepalived() -> Self {
        Self("keepalived".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_like!(ServiceName);

#[cfg(test)]
mod tests {
    use super::ServiceName;

    #[test]
    fn only_the_name_of_one_service_is_one() {
        for good in [
            "rabbitmq-server",
            "rabbitmq-server@2",
            "keepalived.service",
            "rabbitmq-3.13",
        ] {
            assert_eq!(ServiceName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-M",
            ".service",
            "@1",
            "rabbit*",
            "a b",
            "a/b",
            "a;id",
            "$(id)",
            "a\n",
            "é",
            "epmd.socket",
            "multi-user.target",
        ] {
            assert!(ServiceName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
