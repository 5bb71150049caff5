//! Owns the question put to a node itself through `rabbitmqctl` on its host: what it says of its
//! cluster. It starts a whole runtime there, so it is asked on demand and never polled.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::broker::{Holdings, NodeStatus, Version};
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Duration;

/// From connecting to the last line.
const LIMIT: Duration = Duration::from_secs(13);
/// All questions to one host together.
const WHOLE_LIMIT: Duration = Duration::from_secs(29);

/// What a node says of its cluster.
#[derive(Debug)]
pub(crate) struct StatusOfNode {
    pub(crate) reach: Reach,
    pub(crate) node: NodeName,
    /// The other nodes of the inventory.
    pub(crate) others: Vec<NodeName>,
}

impl AskOne for StatusOfNode {
    const KIND: SourceKind = SourceKind::NodeStatus;
    const CADENCE: Cadence = Cadence::on_demand(WHOLE_LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let node = self.node.clone();
        let output = self
            .reach
            .link()?
            .read(&Read::ClusterStatus { node }, LIMIT)
            .await?;
        let mut status = parse(&output.stdout, &self.node).ok_or_else(|| {
            let text = format!(
                "rabbitmqctl cluster_status of {}: {}",
                self.node,
                complaint(&output)
            );
            SourceFailure::new(FailureKind::Server, text)
        })?;
        let is_alone = status.members().count() == 1;
        let sees_nobody = status.running.iter().all(|node| *node == self.node);
        // Only a node that is alone, or was forgotten by mates it does not see, can become a
        // member: what it holds, and whom it reaches, matters then.
        if sees_nobody && !self.others.is_empty() {
            let tries = self
                .others
                .iter()
                .map(async |other| (other.clone(), self.ping(other).await));
            let holdings = async {
                if is_alone {
                    self.holdings().await
                } else {
                    None
                }
            };
            (status.holdings, status.reached) = tokio::join!(holdings, join_all(tries));
        }
        Ok(Payload::NodeStatus(status))
    }
}

impl StatusOfNode {
    async fn holdings(&self) -> Option<Holdings> {
        let node = self.node.clone();
        let link = self.reach.link().ok()?;
        let output = link.read(&Read::Definitions { node }, LIMIT).await.ok()?;
        count(&output.stdout)
    }

    /// Why `other` cannot be reached from this host; `None`: it can.
    async fn ping(&self, other: &NodeName) -> Option<Shown> {
        let read = Read::Ping {
            node: other.clone(),
        };
        let link = self.reach.link().ok()?;
        match link.read(&read, LIMIT).await {
            Ok(output) if output.code == Some(0) => None,
            Ok(output) => Some(Shown::new(complaint(&output))),
            Err(error) => Some(Shown::new(&error.to_string())),
        }
    }
}

/// The first line of what a command complains of that says anything: the tools begin with a line
/// `Error:` alone.
pub(crate) fn complaint(output: &Output) -> &str {
    let mut lines = output.stderr.lines().chain(output.stdout.lines());
    lines
        .find(|line| !matches!(line.trim(), "" | "Error:"))
        .unwrap_or("it said nothing that could be understood")
}

/// Counts definitions, and forgets them.
fn count(text: &str) -> Option<Holdings> {
    let (_, json) = text.split_once('{')?;
    let all: Value = serde_json::from_str(&format!("{{{json}")).ok()?;
    let number = |key: &str| Some(all.get(key)?.as_array()?.len());
    Some(Holdings {
        queues: number("queues")?,
        users: number("users")?,
        vhosts: number("vhosts")?,
    })
}

/// Reads the JSON of `cluster_status`, which may follow a banner. `None` where it names no member.
fn parse(text: &str, node: &NodeName) -> Option<NodeStatus> {
    let (_, json) = text.split_once('{')?;
    let status: Value = serde_json::from_str(&format!("{{{json}")).ok()?;
    let maintenance = status.get("maintenance_status").and_then(Value::as_object);
    let maintenance = maintenance
        .into_iter()
        .flatten()
        .filter_map(|(name, words)| {
            let name = NodeName::parse(name).ok()?;
            Some((name, under_maintenance(words.as_str()?)?))
        });
    let version = status.get("versions").and_then(|versions| {
        versions
            .get(node.as_str())?
            .get("rabbitmq_version")?
            .as_str()
    });
    let read = NodeStatus {
        cluster_name: status
            .get("cluster_name")
            .and_then(Value::as_str)
            .map(Shown::new),
        version: version.map(Version::parse),
        disc: names(status.get("disk_nodes")),
        ram: names(status.get("ram_nodes")),
        running: names(status.get("running_nodes")),
        maintenance: maintenance.collect(),
        holdings: None,
        reached: Vec::new(),
    };
    read.members().next()?;
    Some(read)
}

/// The words come with colours inside the JSON before 3.13 (rabbitmq-server#8557).
fn under_maintenance(words: &str) -> Option<bool> {
    if words.contains("not under maintenance") {
        Some(false)
    } else if words.contains("marked for maintenance") {
        Some(true)
    } else {
        None
    }
}

/// A list, or, in some 4.1 releases, one text with all names glued together
/// (rabbitmq-server#14398), which is no usable name and so gives nothing.
fn names(value: Option<&Value>) -> Vec<NodeName> {
    let list = value.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|name| NodeName::parse(name.as_str()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{count, parse};
    use crate::model::name::NodeName;

    /// As a 3.10.8 node prints it, shortened.
    const DRAINED: &str = "{\"alarms\":[],\"cluster_name\":\"my_cluster\",\
        \"disk_nodes\":[\"rabbit@a\",\"rabbit@b\"],\
        \"maintenance_status\":{\"rabbit@a\":\"not under maintenance\",\
        \"rabbit@b\":\"\\uB100[35mmarked for maintenance\\uB100[0m\"},\
        \"ram_nodes\":[\"rabbit@c\"],\"running_nodes\":[\"rabbit@a\"],\
        \"versions\":{\"rabbit@a\":{\"rabbitmq_version\":\"3.10.8\"}}}";

    fn name(text: &str) -> NodeName {
        NodeName::parse(text).unwrap()
    }

    #[test]
    fn maintenance_is_read_through_its_colours() {
        let status = parse(DRAINED, &name("rabbit@a")).unwrap();
        assert_eq!(status.draining(&name("rabbit@a")), Some(false));
        assert_eq!(status.draining(&name("rabbit@b")), Some(true));
        assert_eq!(status.draining(&name("rabbit@c")), None);
        assert_eq!(status.members().count(), 3);
        assert_eq!(status.running, [name("rabbit@a")]);
        assert_eq!(status.version.unwrap().numbers, (3, 10, 8));
    }

    /// As a fresh 3.10.8 node exports them, shortened.
    #[test]
    fn definitions_are_counted() {
        let text = "{\"queues\":[{},{}],\"users\":[{\"name\":\"guest\"}],\"vhosts\":[{}]}";
        let held = count(text).unwrap();
        assert_eq!((held.queues, held.users, held.vhosts), (2, 1, 1));
        assert_eq!(count("Error: unable to perform"), None);
    }

    #[test]
    fn an_error_in_words_is_no_status() {
        for text in [
            "",
            "Error: unable to connect",
            "{}",
            "{\"disk_nodes\":\"rabbit@a\"}",
        ] {
            assert_eq!(parse(text, &name("rabbit@a")), None, "{text}");
        }
    }
}
