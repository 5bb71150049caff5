//! Owns the rows of queues: made piece by piece, for there may be a hundred thousand of them and
//! nobody needs them all in memory at once.

use crate::sim::world::{Kind, Queue, Seats, World};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Rows of one piece.
const PIECE: usize = 256;

/// Which figures a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figures {
    /// All.
    All,
    /// Depths alone.
    Depths,
    /// None.
    None,
}

/// A list of all queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The broker that lists them.
    pub viewer: usize,
    /// Columns wanted; all without.
    pub columns: Option<BTreeSet<String>>,
    /// Figures wanted.
    pub figures: Figures,
}

impl Listing {
    /// The piece from queue `from` on, and where the next one begins; `None`: it was the last.
    pub(crate) fn piece(&self, world: &World, from: usize) -> (String, Option<usize>) {
        let ready = Ready::new(world, self.viewer);
        let rows = world.queues().iter().skip(from).take(PIECE);
        let rows: Vec<String> = rows.map(|queue| self.row(world, &ready, queue)).collect();
        let next = from + rows.len();
        let is_last = next >= world.queues().len();
        let begin = if from == 0 { "[" } else { "," };
        let begin = if from > 0 && rows.is_empty() {
            ""
        } else {
            begin
        };
        let end = if is_last { "]" } else { "" };
        (
            format!("{begin}{}{end}", rows.join(",")),
            (!is_last).then_some(next),
        )
    }

    fn row(&self, world: &World, ready: &Ready, queue: &Queue) -> String {
        let mut row = ready.row(queue);
        let rule = world.policy_of(queue);
        row.insert("policy".to_owned(), json!(rule.map(|rule| rule.name.raw())));
        let effective = rule.map(|rule| rule.definition.keys()).unwrap_or_default();
        row.insert("effective_policy_definition".to_owned(), json!(effective));
        if self.figures != Figures::None {
            let depth = [
                ("messages", queue.messages),
                ("messages_ready", queue.messages - queue.unacknowledged),
                ("messages_unacknowledged", queue.unacknowledged),
            ];
            row.extend(depth.map(|(key, count)| (key.to_owned(), json!(count))));
        }
        if self.figures == Figures::All {
            row.insert("consumers".to_owned(), json!(queue.consumers));
            ready.mirrors(queue, &mut row);
        }
        if let Some(columns) = &self.columns {
            row.retain(|key, _| columns.contains(key));
        }
        Value::Object(row).to_string()
    }
}

/// What is the same for all rows of a piece.
struct Ready {
    names: Vec<String>,
    seen: Seats,
    current: Seats,
    tells_minority: bool,
}

impl Ready {
    fn new(world: &World, viewer: usize) -> Self {
        Self {
            names: world
                .hosts()
                .iter()
                .map(|host| host.node.to_string())
                .collect(),
            seen: world.seen_by(viewer),
            current: world.current_for(viewer),
            // Up to 3.12 a quorum queue without a majority says that it runs.
            tells_minority: !world.release().has_mirrors(),
        }
    }

    fn names(&self, seats: Seats) -> Vec<&str> {
        seats
            .iter()
            .filter_map(|at| self.names.get(at))
            .map(String::as_str)
            .collect()
    }

    fn row(&self, queue: &Queue) -> Map<String, Value> {
        let leader = self.names.get(queue.leader);
        let mut row = Map::new();
        let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
        put("name", json!(&*queue.name));
        put("vhost", json!("/"));
        put("type", json!(queue.kind.to_string()));
        put("durable", json!(true));
        put("exclusive", json!(false));
        put("auto_delete", json!(false));
        put("arguments", json!({}));
        put("node", json!(leader));
        put("state", json!(self.state(queue)));
        if queue.kind == Kind::Quorum {
            put("leader", json!(leader));
            put("members", json!(self.names(queue.replicas)));
            put("online", json!(self.names(queue.online(self.current))));
        }
        row
    }

    fn state(&self, queue: &Queue) -> &'static str {
        let online = queue.online(self.seen);
        match queue.kind {
            Kind::Classic if !self.seen.has(queue.leader) => "down",
            Kind::Quorum if self.tells_minority && !queue.replicas.is_majority(online) => {
                "minority"
            }
            Kind::Classic | Kind::Quorum => "running",
        }
    }

    /// Classic queues have mirrors, where they have any.
    fn mirrors(&self, queue: &Queue, row: &mut Map<String, Value>) {
        if queue.kind != Kind::Classic || self.tells_minority {
            return;
        }
        let others = queue.replicas.without(Seats::only(queue.leader));
        let synced = others.and(queue.synced).and(self.current);
        row.insert("slave_nodes".to_owned(), json!(self.names(others)));
        row.insert(
            "synchronised_slave_nodes".to_owned(),
            json!(self.names(synced)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Listing};
    use crate::sim::world::{Release, Size, World};
    use serde_json::Value;

    #[test]
    fn the_pieces_of_a_list_are_one_list() {
        for queues in [0, 1, 256, 600] {
            let world = World::new(Release::R310, Size { queues, clients: 3 }, 7);
            let listing = Listing {
                viewer: 0,
                columns: None,
                figures: Figures::All,
            };
            let (mut text, mut next) = (String::new(), Some(0));
            while let Some(from) = next {
                let (piece, then) = listing.piece(&world, from);
                text.push_str(&piece);
                next = then;
            }
            let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(rows.len(), queues);
        }
    }
}
