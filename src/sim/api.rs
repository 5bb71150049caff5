//! Owns the management API of the simulated brokers: which question gets which answer, in the
//! shapes of the recorded releases (`tests/fixtures`). Pure: a request and the cluster give a status
//! and a body. The rows of queues are `queues`'s, the rest of the JSON is `json`'s.

mod json;
pub(super) mod queues;

use super::world::World;
use crate::model::name::VhostName;
use crate::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use crate::model::text::Shown;
use queues::Listing;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The one user of the simulated cluster.
pub(super) const USER: &str = "demo";

/// What is asked, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'r> {
    /// `GET`, `PUT`, `DELETE`, `POST`.
    pub method: &'r str,
    /// After `/api/`.
    pub path: &'r str,
    /// After `?`.
    pub query: &'r str,
    /// User and password were right.
    pub login: Login,
    /// What was sent.
    pub body: &'r str,
}

/// Whether user and password are those of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// They are.
    Right,
    /// They are not, or there are none.
    Wrong,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// What follows it.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// As it is.
    Whole(String),
    /// A list of queues, made piece by piece while it is sent.
    Queues(Listing),
}

impl Answer {
    fn of(value: &Value) -> Self {
        Self {
            status: 200,
            body: Body::Whole(value.to_string()),
        }
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            body: Body::Whole(String::new()),
        }
    }

    fn fault(status: u16, error: &str, reason: &str) -> Self {
        Self {
            status,
            body: Body::Whole(json!({ "error": error, "reason": reason }).to_string()),
        }
    }

    fn no(value: &Value) -> Self {
        Self {
            status: 503,
            ..Self::of(value)
        }
    }
}

/// Whether a node answers this without asking any other.
pub(crate) fn is_own_word(path: &str) -> bool {
    matches!(path, "whoami" | "version" | "cluster-name")
}

/// What the broker of this place answers.
pub(super) fn answer(world: &mut World, at: usize, request: Request<'_>) -> Answer {
    let knows_us = world.host(at).is_some_and(|host| host.broker.data.kin == 0);
    if request.login == Login::Wrong || !knows_us {
        return Answer::fault(401, "not_authorised", "Login failed");
    }
    let path: Vec<String> = request.path.split('/').map(decoded).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (request.method, path.as_slice()) {
        ("GET", path) => get(world, at, path, request.query),
        ("PUT", ["policies", vhost, name]) => put_policy(world, (vhost, name), request.body),
        ("DELETE", ["policies", "/", name]) => {
            if world.clear_policy(name) {
                Answer::empty(204)
            } else {
                Answer::fault(404, "Object Not Found", "Not Found")
            }
        }
        ("POST", ["queues", "/", name, "actions"]) => {
            if world.release().has_mirrors() {
                world.sync_queue(name);
                Answer::empty(204)
            } else {
                Answer::fault(400, "bad_request", "unknown action: sync")
            }
        }
        _ => Answer::fault(405, "method_not_allowed", "Method Not Allowed"),
    }
}

fn get(world: &World, at: usize, path: &[&str], query: &str) -> Answer {
    let asked = Query::read(query);
    let release = world.release();
    match path {
        ["whoami"] => Answer::of(&json::whoami()),
        ["version"] if release.has_version_alone() => Answer::of(&json!(release.version())),
        ["cluster-name"] => Answer::of(&json!({ "name": world.name() })),
        ["overview"] => Answer::of(&asked.only(json::overview(world, at, asked.stats))),
        ["nodes"] => Answer::of(
            &json::nodes(world, at)
                .into_iter()
                .map(|row| asked.only(row))
                .collect(),
        ),
        ["queues"] => Answer {
            status: 200,
            body: Body::Queues(Listing {
                viewer: at,
                columns: asked.columns.clone(),
                figures: match (asked.stats, asked.totals) {
                    (Stats::On, _) => queues::Figures::All,
                    (Stats::Off, true) => queues::Figures::Depths,
                    (Stats::Off, false) => queues::Figures::None,
                },
            }),
        },
        ["policies"] => Answer::of(&json::policies(world)),
        ["feature-flags"] => Answer::of(&json::flags(release)),
        ["vhosts"] => Answer::of(&json!([{ "name": "/", "cluster_state": {} }])),
        ["connections"] => Answer::of(&json::connections(world)),
        ["health", "checks", "alarms"] => verdict(json::alarms(world, at)),
        ["health", "checks", "node-is-quorum-critical"] => verdict(json::critical(world, at)),
        ["health", "checks", "virtual-hosts"] => verdict(None),
        _ => Answer::fault(404, "Object Not Found", "Not Found"),
    }
}

/// A health check says no with 503.
fn verdict(fault: Option<Value>) -> Answer {
    match fault {
        None => Answer::of(&json!({ "status": "ok" })),
        Some(fault) => Answer::no(&fault),
    }
}

fn put_policy(world: &mut World, (vhost, name): (&str, &str), body: &str) -> Answer {
    let rule = serde_json::from_str(body).ok().and_then(|body: Value| {
        Some(PolicyRule {
            vhost: VhostName::new(vhost),
            name: PolicyName(Shown::new(name)),
            pattern: Shown::new(body.get("pattern")?.as_str()?),
            apply_to: ApplyTo::parse(body.get("apply-to")?.as_str()?).ok()?,
            priority: body.get("priority")?.as_i64()?,
            definition: Definition::parse(&body.get("definition")?.to_string()).ok()?,
        })
    });
    let Some(rule) = rule else {
        return Answer::fault(400, "bad_request", "the policy cannot be understood");
    };
    let mirrors = rule.definition.mirroring();
    if let Some(key) = mirrors.first().filter(|_| !world.release().has_mirrors()) {
        let reason = format!(
            "Validation failed\n\n[{{<<\"{key}\">>}}] are not recognised policy settings\n"
        );
        return Answer::fault(400, "bad_request", &reason);
    }
    let is_new = !world
        .policies()
        .iter()
        .any(|known| known.is(&rule.vhost, &rule.name));
    world.set_policy(rule);
    Answer::empty(if is_new { 201 } else { 204 })
}

/// Whether statistics are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stats {
    /// They are.
    On,
    /// `disable_stats=true`.
    Off,
}

/// What stands after the question mark.
struct Query {
    columns: Option<BTreeSet<String>>,
    stats: Stats,
    totals: bool,
}

impl Query {
    fn read(text: &str) -> Self {
        let mut query = Self {
            columns: None,
            stats: Stats::On,
            totals: false,
        };
        for (key, value) in text.split('&').filter_map(|part| part.split_once('=')) {
            match (key, value) {
                ("columns", names) => {
                    query.columns = Some(names.split(',').map(decoded).collect());
                }
                ("disable_stats", "true") => query.stats = Stats::Off,
                ("enable_queue_totals", "true") => query.totals = true,
                _ => {}
            }
        }
        query
    }

    /// The row with the columns that were asked for.
    fn only(&self, mut row: Value) -> Value {
        if let (Some(columns), Some(keys)) = (&self.columns, row.as_object_mut()) {
            keys.retain(|key, _| columns.contains(key));
        }
        row
    }
}

/// `%2F` and the like.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        let hex = hex.filter(|_| *byte == b'%');
        let value = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Answer, Body, Login, Request, answer, decoded};
    use crate::sim::world::{Release, Size, World};

    fn ask(world: &mut World, method: &str, path: &str, body: &str) -> Answer {
        let request = Request {
            method,
            path,
            query: "",
            login: Login::Right,
            body,
        };
        answer(world, 0, request)
    }

    #[test]
    fn a_policy_is_put_and_removed() {
        let size = Size {
            queues: 8,
            clients: 2,
        };
        let mut world = World::new(Release::R43, size, 1);
        let body =
            r#"{"pattern":"^mail","definition":{"max-length":5},"priority":9,"apply-to":"queues"}"#;
        assert_eq!(
            ask(&mut world, "PUT", "policies/%2F/short", body).status,
            201
        );
        assert_eq!(
            ask(&mut world, "PUT", "policies/%2F/short", body).status,
            204
        );
        let mail = world
            .queues()
            .iter()
            .find(|queue| &*queue.name == "mail")
            .unwrap();
        assert_eq!(world.policy_of(mail).unwrap().name.raw(), "short");
        assert_eq!(
            ask(&mut world, "DELETE", "policies/%2F/short", "").status,
            204
        );
        assert_eq!(
            ask(&mut world, "DELETE", "policies/%2F/short", "").status,
            404
        );
        let mirrors = body.replace("max-length\":5", "ha-mode\":\"all\"");
        assert_eq!(
            ask(&mut world, "PUT", "policies/%2F/ha", &mirrors).status,
            400
        );
    }

    #[test]
    fn a_wrong_password_and_a_blank_node_are_refused_alike() {
        let mut world = World::new(
            Release::R310,
            Size {
                queues: 0,
                clients: 0,
            },
            1,
        );
        let request = Request {
            method: "GET",
            path: "whoami",
            query: "",
            login: Login::Wrong,
            body: "",
        };
        let said = answer(&mut world, 0, request);
        assert_eq!(said.status, 401);
        assert!(matches!(said.body, Body::Whole(text) if text.contains("Login failed")));
    }

    #[test]
    fn paths_are_decoded() {
        assert_eq!(decoded("%2F"), "/");
        assert_eq!(decoded("a%3Bb%"), "a;b%");
    }
}
