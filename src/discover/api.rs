//! Owns what a management API alone tells of its cluster: the members, their ports, and what the
//! user may.

use super::target::ApiTarget;
use crate::config::Scheme;
use crate::model::name::NodeName;
use crate::remote::http::{self, Trust};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// What it tells.
#[derive(Debug, Clone, Default)]
pub(super) struct ApiFacts {
    pub(super) cluster_name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) is_https: bool,
    pub(super) prefix: String,
    pub(super) user: Option<String>,
    /// The user that was asked as, with its tags, if they are told.
    pub(super) users: Option<Vec<(String, Vec<String>)>>,
    pub(super) members: Vec<ApiMember>,
    pub(super) gaps: Vec<String>,
}

/// A member, and where its own API is likely reached.
#[derive(Debug, Clone)]
pub(super) struct ApiMember {
    pub(super) node: NodeName,
    pub(super) address: String,
    pub(super) port: Option<u16>,
}

/// A way to ask it.
struct Door<'a> {
    client: reqwest::Client,
    base: String,
    user: &'a str,
    password: &'a SecretString,
}

impl Door<'_> {
    async fn get(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}/{path}", self.base);
        let request = self.client.get(&url).timeout(LIMIT);
        let request = request.basic_auth(self.user, Some(self.password.expose_secret()));
        let explained = |error| format!("{url}: {}", http::explain(&error, LIMIT).1);
        let answer = request.send().await.map_err(explained)?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(explained)?;
        let (base, user) = (&self.base, self.user);
        match status {
            200 => serde_json::from_str(&text)
                .map_err(|_error| format!("{url}: this is not the management API of RabbitMQ")),
            401 => Err(format!(
                "{base}: the login of {user} is refused, or it has no tag for the management API"
            )),
            code => Err(format!("{url}: status {code}")),
        }
    }
}

/// Asks it as `user`.
///
/// # Errors
///
/// Why it tells nothing, in words.
pub(super) async fn ask(
    target: &ApiTarget,
    user: &str,
    password: Option<&SecretString>,
) -> Result<ApiFacts, String> {
    let scheme = target.scheme();
    let base = format!(
        "{scheme}://{}:{}{}/api",
        target.host, target.port, target.prefix
    );
    let Some(password) = password else {
        return Err(format!(
            "{base} asks for a password: set RMQTOP_PASSWORD, or name one in the URL (it is used, \
             and written nowhere)"
        ));
    };
    let trust = Trust {
        scheme,
        ca_file: None,
        client_cert: None,
    };
    let client = http::client(&trust).map_err(|fault| format!("{base}: {}", fault.words))?;
    let door = Door {
        client,
        base,
        user,
        password,
    };
    let whoami = door.get("whoami").await?;
    let overview = door
        .get("overview?columns=node,cluster_name,rabbitmq_version,listeners")
        .await?;
    let nodes = door.get("nodes?columns=name").await?;
    let mut facts = ApiFacts {
        cluster_name: word(&overview, "cluster_name"),
        version: word(&overview, "rabbitmq_version"),
        is_https: target.is_https,
        prefix: target.prefix.clone(),
        user: Some(user.to_owned()),
        users: tags(&whoami).map(|tags| vec![(user.to_owned(), tags)]),
        ..ApiFacts::default()
    };
    facts.take_members(target, &overview, &nodes).await;
    if facts.members.is_empty() {
        let base = door.base;
        return Err(format!(
            "{base}: {user} is not told of any node; it needs the tag monitoring"
        ));
    }
    Ok(facts)
}

impl ApiFacts {
    async fn take_members(&mut self, target: &ApiTarget, overview: &Value, nodes: &Value) {
        let ports = ports(overview, target.scheme());
        let own = word(overview, "node");
        let rows = nodes.as_array().into_iter().flatten();
        for node in rows.filter_map(|row| NodeName::parse(row.get("name")?.as_str()?).ok()) {
            let is_own = own.as_deref() == Some(node.as_str());
            // What was named may be a VIP: a node's own name is better, where it is known here.
            let address = match resolved(&node).await {
                Some(name) => name,
                None if is_own => target.host.clone(),
                None => {
                    let name = node.host_part();
                    self.gaps.push(format!(
                        "{name} is not known here by its name: give `address` of that host"
                    ));
                    name.to_owned()
                }
            };
            let port = ports.get(&node).copied();
            self.members.push(ApiMember {
                node,
                address,
                port: port.or(is_own.then_some(target.port)),
            });
        }
    }
}

fn word(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// Tags are a list, and before 3.9 words with commas.
fn tags(whoami: &Value) -> Option<Vec<String>> {
    let words = match whoami.get("tags")? {
        Value::Array(tags) => tags
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Value::String(tags) => tags.split(',').map(|tag| tag.trim().to_owned()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    };
    Some(words)
}

/// The port of each member's API of this scheme, as the statistics list it.
fn ports(overview: &Value, scheme: Scheme) -> BTreeMap<NodeName, u16> {
    let rows = overview.get("listeners").and_then(Value::as_array);
    let rows = rows.into_iter().flatten();
    rows.filter(|row| row.get("protocol").and_then(Value::as_str) == Some(&scheme.to_string()))
        .filter_map(|row| {
            let node = NodeName::parse(row.get("node")?.as_str()?).ok()?;
            Some((node, u16::try_from(row.get("port")?.as_u64()?).ok()?))
        })
        .collect()
}

/// The name of the member's host, if it is known here.
async fn resolved(node: &NodeName) -> Option<String> {
    let name = node.host_part();
    let mut found = tokio::net::lookup_host((name, 0)).await.ok()?;
    found.next().map(|_| name.to_owned())
}
