//! Owns the question by which addresses a host knows the other nodes' hosts. A node joins another
//! only if both know each other by name. Asked on demand only.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::host::NameReport;
use crate::model::name::{HostName, NodeName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(6);
/// `getent`: one or more names could not be found, getent(1).
const NOT_FOUND: i32 = 2;

/// The addresses by which one host knows the others.
#[derive(Debug)]
pub(crate) struct NamesOnHost {
    pub(crate) reach: Reach,
    /// The other nodes of the inventory.
    pub(crate) others: Vec<NodeName>,
}

impl AskOne for NamesOnHost {
    const KIND: SourceKind = SourceKind::Names;
    const CADENCE: Cadence = Cadence::on_demand(LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let of = self.others.clone();
        let read = Read::Names { of };
        let output = self.reach.link()?.read(&read, LIMIT).await?;
        parse(&output).map(Payload::Names)
    }
}

/// Reads lines of an address and its names. A name that is missing has no line.
pub(crate) fn parse(output: &Output) -> Result<NameReport, SourceFailure> {
    if !matches!(output.code, Some(0 | NOT_FOUND)) {
        let words = output.stderr.lines().next().unwrap_or("it said nothing");
        let text = format!("getent hosts: {words}");
        return Err(SourceFailure::new(FailureKind::Server, text));
    }
    let mut report = NameReport::default();
    for line in output.stdout.lines() {
        let mut words = line.split_whitespace();
        if let Some(Ok(address)) = words.next().map(str::parse) {
            report
                .found
                .extend(words.map(|name| (Shown::new(name), address)));
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::remote::outcome::Output;

    fn output(code: i32, stdout: &str) -> Output {
        Output {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    /// As glibc's getent prints them; it ends with 2 if any of several names is missing.
    #[test]
    fn each_name_has_its_address() {
        let text = "192.168.0.12    rabbit-node1\n::1             rabbit-node2 localhost\n";
        let report = parse(&output(2, text)).unwrap();
        let found: Vec<String> = report
            .found
            .iter()
            .map(|(name, address)| format!("{name} {address}"))
            .collect();
        assert_eq!(
            found,
            [
                "rabbit-node1 192.168.0.12",
                "rabbit-node2 ::1",
                "localhost ::1"
            ]
        );
        assert!(parse(&output(3, "")).is_err());
    }
}
