//! Owns the copy of what a node has defined: users with password hashes, virtual hosts, policies,
//! queues. It is asked for right before a run that destroys some of it, and is never an
//! observation: nothing that is shown or kept in the model may hold secrets.

use super::Reach;
use crate::invocation::Read;
use crate::model::name::NodeName;
use crate::model::observation::{FailureKind, SourceFailure};
use secrecy::SecretString;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// From connecting to the last line.
const LIMIT: Duration = Duration::from_secs(63);

/// The definitions of one node.
#[derive(Debug)]
pub(super) struct DefinitionsOf {
    pub(super) reach: Reach,
    pub(super) node: NodeName,
}

impl DefinitionsOf {
    /// The JSON that `rabbitmqctl import_definitions` takes.
    pub(super) async fn fetch(&self) -> Result<SecretString, SourceFailure> {
        let node = self.node.clone();
        let read = Read::Definitions { node };
        let output = self.reach.link()?.read(&read, LIMIT).await?;
        match whole(&output.stdout) {
            Some(json) if output.code == Some(0) => Ok(json.to_owned().into()),
            _ => {
                // What it printed is not told: it may hold password hashes.
                let words = output.stderr.lines().find(|line| {
                    let line = line.trim();
                    !line.is_empty() && line != "Error:"
                });
                let words = words.unwrap_or("they cannot be understood");
                let text = format!("rabbitmqctl export_definitions of {}: {words}", self.node);
                Err(SourceFailure::new(FailureKind::Server, text))
            }
        }
    }
}

/// The JSON after the banner, if it is whole.
fn whole(text: &str) -> Option<&str> {
    let json = text.get(text.find('{')?..)?.trim_end();
    let parts: BTreeMap<&str, &RawValue> = serde_json::from_str(json).ok()?;
    let has_all = ["users", "vhosts", "policies", "queues"]
        .iter()
        .all(|part| parts.contains_key(part));
    has_all.then_some(json)
}

#[cfg(test)]
mod tests {
    use super::whole;

    /// As `rabbitmqctl` 3.10.8 prints them, shortened.
    const TEXT: &str = "Exporting definitions in JSON to a file at \"-\" ...\n\
        {\"rabbit_version\":\"3.10.8\",\"users\":[],\"vhosts\":[{\"name\":\"/\"}],\
        \"policies\":[],\"queues\":[]}\n";

    #[test]
    fn only_what_is_whole_is_a_copy() {
        let json = whole(TEXT).unwrap();
        assert!(json.starts_with("{\"rabbit_version\"") && json.ends_with('}'));
        let cut = TEXT.trim_end().trim_end_matches('}');
        for text in [cut, "", "Error: unable to connect", "{}", "{\"users\":[]}"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
