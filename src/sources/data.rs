//! Owns the question where a host's node keeps its data, by whose word, and who uses it. Asked on
//! demand only.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::data::{DEFAULT_BASE, DataReport, DataState};
use crate::model::name::{DataPath, HostName, ServiceName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(6);

/// The data directory of one host's node.
#[derive(Debug)]
pub(crate) struct DataOnHost {
    pub(crate) reach: Reach,
    /// The node's.
    pub(crate) service: ServiceName,
}

impl AskOne for DataOnHost {
    const KIND: SourceKind = SourceKind::Data;
    const CADENCE: Cadence = Cadence::on_demand(LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let link = self.reach.link()?;
        let service = self.service.clone();
        let settings = link.read(&Read::DataSettings { service }, LIMIT).await?;
        let (dir, by) = place(&settings.stdout).map_err(|words| self.fault(&words))?;
        let read = Read::DataDirectory { dir: dir.clone() };
        let output = link.read(&read, LIMIT).await?;
        parse(&output, dir, by).map(Payload::Data).ok_or_else(|| {
            let words = output
                .stderr
                .lines()
                .next()
                .unwrap_or("it said nothing that could be understood");
            self.fault(words)
        })
    }
}

impl DataOnHost {
    fn fault(&self, words: &str) -> SourceFailure {
        let text = format!("the data directory of {}: {words}", self.reach.host);
        SourceFailure::new(FailureKind::Server, text)
    }
}

/// Where the data is, by the settings that `DataSettings` printed, or why that cannot be told.
///
/// Only the base, in which the data and the feature flags stand side by side, is understood; a node
/// directory named on its own leaves the other parts elsewhere.
fn place(text: &str) -> Result<(DataPath, Shown), String> {
    let mut found: Option<(DataPath, Shown)> = None;
    let environment = text
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .flat_map(str::split_whitespace)
        .map(|setting| ("its systemd unit", setting));
    let files = text
        .lines()
        .filter(|line| line.starts_with('/'))
        .filter_map(|line| line.split_once(':'));
    for (by, setting) in files.chain(environment) {
        let setting = setting.trim().trim_matches('"');
        let setting = setting.strip_prefix("export ").unwrap_or(setting).trim();
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        match key.strip_prefix("RABBITMQ_").unwrap_or(key) {
            "MNESIA_BASE" => {}
            "MNESIA_DIR" | "DATA_DIR" | "DATA_BASE" | "CONF_ENV_FILE" => {
                return Err(format!(
                    "{by} sets {key}; only a base directory (MNESIA_BASE) is understood"
                ));
            }
            _ => continue,
        }
        let value = value.trim().trim_matches(['"', '\'']);
        let dir = DataPath::parse(value)
            .map_err(|_fault| format!("{by} sets {key} to something that is no plain path"))?;
        let by = Shown::new(&format!("{key} in {by}"));
        if found.as_ref().is_some_and(|(known, _)| *known != dir) {
            return Err(format!("it is set more than once; the last time by {by}"));
        }
        found = Some((dir, by));
    }
    match found {
        Some(found) => Ok(found),
        None => DataPath::parse(DEFAULT_BASE)
            .map(|dir| (dir, Shown::new("the default")))
            .map_err(|fault| fault.to_string()),
    }
}

/// `None` where it does not say what stands there and who runs.
fn parse(output: &Output, dir: DataPath, by: Shown) -> Option<DataReport> {
    let mut lines = output.stdout.lines();
    let mut state = match lines.next()? {
        "absent" => DataState::Absent,
        "directory" => DataState::Directory,
        "link" => DataState::Link,
        "mount" => DataState::Mount,
        "other" => DataState::Other,
        _ => return None,
    };
    let (mut holds, mut aside, mut runtimes) = (Vec::new(), Vec::new(), None);
    for line in lines {
        match line.split_once(' ')? {
            ("holds", name) => holds.push(Shown::new(name)),
            ("aside", path) => aside.push(Shown::new(path)),
            ("runtimes", count) => runtimes = count.parse().ok(),
            _ => return None,
        }
    }
    if state == DataState::Directory && holds.is_empty() {
        state = DataState::Empty;
    }
    Some(DataReport {
        dir,
        by,
        state,
        holds,
        runtimes: runtimes?,
        aside,
    })
}

#[cfg(test)]
mod tests {
    use super::{parse, place};
    use crate::model::data::{DEFAULT_BASE, DataState};
    use crate::model::name::DataPath;
    use crate::model::text::Shown;
    use crate::remote::outcome::Output;

    fn told(text: &str) -> String {
        match place(text) {
            Ok((dir, by)) => format!("{dir} by {by}"),
            Err(words) => words,
        }
    }

    #[test]
    fn the_place_follows_the_settings() {
        assert_eq!(
            told("Environment=\n"),
            "/var/lib/rabbitmq/mnesia by the default"
        );
        assert_eq!(
            told("/etc/rabbitmq/rabbitmq-env.conf:MNESIA_BASE=/srv/mq/data\nEnvironment=LANG=C\n"),
            "/srv/mq/data by MNESIA_BASE in /etc/rabbitmq/rabbitmq-env.conf"
        );
        assert_eq!(
            told("Environment=\"RABBITMQ_MNESIA_BASE=/srv/mq/data\" A=b\n"),
            "/srv/mq/data by RABBITMQ_MNESIA_BASE in its systemd unit"
        );
    }

    #[test]
    fn a_place_that_is_not_plain_is_not_guessed() {
        let env = "/etc/default/rabbitmq-server:";
        assert_eq!(
            told(&format!("{env}export RABBITMQ_MNESIA_DIR=/srv/mq/node\n")),
            "/etc/default/rabbitmq-server sets RABBITMQ_MNESIA_DIR; only a base directory (MNESIA_BASE) is understood"
        );
        assert_eq!(
            told(&format!("{env}MNESIA_BASE=$HOME/mq\n")),
            "/etc/default/rabbitmq-server sets MNESIA_BASE to something that is no plain path"
        );
        assert!(
            told(&format!(
                "{env}MNESIA_BASE=/srv/a\n{env}MNESIA_BASE=/srv/b\n"
            ))
            .starts_with("it is set more than once")
        );
    }

    fn seen(stdout: &str) -> Option<super::DataReport> {
        let output = Output {
            code: Some(0),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        let dir = DataPath::parse(DEFAULT_BASE).unwrap();
        parse(&output, dir, Shown::new("the default"))
    }

    #[test]
    fn what_stands_there_is_read_whole_or_not_at_all() {
        let report =
            seen("directory\nholds rabbit@a\nholds rabbit@a.pid\naside /x.bak-1\nruntimes 1\n");
        let report = report.unwrap();
        assert_eq!(
            (report.state, report.holds.len(), report.runtimes),
            (DataState::Directory, 2, 1)
        );
        assert_eq!(
            seen("directory\nruntimes 0\n").unwrap().state,
            DataState::Empty
        );
        assert_eq!(
            seen("absent\nruntimes 0\n").unwrap().state,
            DataState::Absent
        );
        for text in [
            "",
            "directory\n",
            "directory\nruntimes \n",
            "sh: 1: not found\n",
        ] {
            assert_eq!(seen(text), None, "{text:?}");
        }
    }
}
