//! Owns the requests to a management API that change something: method, path, body, and the line
//! one could paste. Built from names and policies alone, and never holds a password.

use super::Argv;
use crate::model::inventory::{ApiEntry, HostEntry};
use crate::model::name::{QueueName, VhostName};
use crate::model::policy::{PolicyName, PolicyRule};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where a node's management API is, and as whom it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApiAddress {
    /// Up to and with `/api/`.
    pub url: String,
    /// User.
    pub user: String,
    /// A private authority's certificate, for the pasted line.
    pub ca_file: Option<String>,
    /// A client certificate with its key, for the pasted line.
    pub client_cert: Option<String>,
}

impl ApiAddress {
    /// That of the node of `host`.
    pub fn of(api: &ApiEntry, host: &HostEntry) -> Self {
        Self {
            url: api.url(host),
            user: api.user.clone(),
            ca_file: api.ca_file.clone(),
            client_cert: api.client_cert.clone(),
        }
    }
}

/// A request that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiCall {
    /// Makes a policy, or puts another in its place. Demands the tag policymaker.
    SetPolicy {
        /// The whole of it.
        rule: PolicyRule,
    },
    /// Removes a policy. Demands the tag policymaker.
    ClearPolicy {
        /// Where.
        vhost: VhostName,
        /// Which.
        name: PolicyName,
    },
    /// Has the mirrors of a classic queue synchronised (until 3.13). Demands the tag administrator.
    SyncQueue {
        /// Where.
        vhost: VhostName,
        /// Which.
        queue: QueueName,
    },
}

/// Methods of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "UPPERCASE")]
pub enum Method {
    /// Puts.
    Put,
    /// Removes.
    Delete,
    /// Asks for an action.
    Post,
}

impl ApiCall {
    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::SetPolicy { .. } => Method::Put,
            Self::ClearPolicy { .. } => Method::Delete,
            Self::SyncQueue { .. } => Method::Post,
        }
    }

    /// What stands after `/api/`.
    pub fn path(&self) -> String {
        let at =
            |vhost: &VhostName, raw: &str| format!("{}/{}", encoded(vhost.0.raw()), encoded(raw));
        match self {
            Self::SetPolicy { rule } => format!("policies/{}", at(&rule.vhost, rule.name.raw())),
            Self::ClearPolicy { vhost, name } => format!("policies/{}", at(vhost, name.raw())),
            Self::SyncQueue { vhost, queue } => {
                format!("queues/{}/actions", at(vhost, queue.0.raw()))
            }
        }
    }

    /// The body as JSON; `None`: there is none. A policy is always put with all four keys: what is
    /// left out would fall back to a default.
    pub fn body(&self) -> Option<String> {
        let body = match self {
            Self::SetPolicy { rule } => json!({
                "pattern": rule.pattern.raw(),
                "definition": Value::from_iter(rule.definition.keys()),
                "priority": rule.priority,
                "apply-to": rule.apply_to.to_string(),
            }),
            Self::ClearPolicy { .. } => return None,
            Self::SyncQueue { .. } => json!({ "action": "sync" }),
        };
        Some(body.to_string())
    }

    /// The request as a line for `curl`, which asks for the password.
    pub(super) fn argv(&self, at: &ApiAddress) -> Argv {
        let method = self.method().to_string();
        let mut argv = Argv::new(
            "curl",
            [
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--globoff",
                "--user",
                &at.user,
                "--request",
                &method,
            ],
        );
        let mut option = |name: &str, value: &str| {
            argv.args.extend([name.to_owned(), value.to_owned()]);
        };
        if let Some(file) = &at.ca_file {
            option("--cacert", file);
        }
        if let Some(file) = &at.client_cert {
            option("--cert", file);
        }
        if let Some(body) = self.body() {
            option("--header", "content-type: application/json");
            option("--data", &body);
        }
        argv.args.push(format!("{}{}", at.url, self.path()));
        argv
    }
}

/// One segment of a path: everything but letters, digits, `-`, `_`, `.` and `~` as bytes
/// (RFC 3986, 2.3).
fn encoded(raw: &str) -> String {
    raw.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{ApiAddress, ApiCall, Method};
    use crate::model::name::{QueueName, VhostName};
    use crate::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
    use crate::model::text::Shown;

    fn at() -> ApiAddress {
        ApiAddress {
            url: "http://192.168.0.12:15672/api/".to_owned(),
            user: "admin".to_owned(),
            ca_file: None,
            client_cert: None,
        }
    }

    fn set(name: &str, pattern: &str) -> ApiCall {
        ApiCall::SetPolicy {
            rule: PolicyRule {
                vhost: VhostName::new("/"),
                name: PolicyName(Shown::new(name)),
                pattern: Shown::new(pattern),
                apply_to: ApplyTo::Queues,
                priority: 3,
                definition: Definition::parse(r#"{"ha-mode":"all"}"#).unwrap(),
            },
        }
    }

    #[test]
    fn a_policy_is_put_with_all_four_keys() {
        let call = set("ha-all", "^");
        assert_eq!(
            (call.method(), call.path()),
            (Method::Put, "policies/%2F/ha-all".to_owned())
        );
        assert_eq!(
            call.body().unwrap(),
            r#"{"apply-to":"queues","definition":{"ha-mode":"all"},"pattern":"^","priority":3}"#
        );
    }

    #[test]
    fn the_pasted_line_holds_no_password_and_survives_a_shell() {
        assert_eq!(
            set("it's; $(id)", "^a'b").argv(&at()).to_string(),
            "curl --silent --show-error --fail-with-body --globoff --user admin --request PUT \
             --header 'content-type: application/json' --data \
             '{\"apply-to\":\"queues\",\"definition\":{\"ha-mode\":\"all\"},\"pattern\":\"^a'\\''b\",\"priority\":3}' \
             http://192.168.0.12:15672/api/policies/%2F/it%27s%3B%20%24%28id%29"
        );
    }

    #[test]
    fn a_name_is_one_segment_of_the_path() {
        let clear = ApiCall::ClearPolicy {
            vhost: VhostName::new("a/b"),
            name: PolicyName(Shown::new("../ä?x=1#y")),
        };
        assert_eq!(clear.path(), "policies/a%2Fb/..%2F%C3%A4%3Fx%3D1%23y");
        assert_eq!((clear.method(), clear.body()), (Method::Delete, None));
        let sync = ApiCall::SyncQueue {
            vhost: VhostName::new("/"),
            queue: QueueName::new("orders.new"),
        };
        assert_eq!(sync.path(), "queues/%2F/orders.new/actions");
        assert_eq!(sync.body().unwrap(), r#"{"action":"sync"}"#);
    }
}
