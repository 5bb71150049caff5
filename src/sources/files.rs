//! Owns the look into what a node left on its host's disc: members, who ran last, release, store,
//! and what its log says of its latest start. It takes root's rights, so it is asked on demand.

use super::{AskOne, Cadence, Reach};
use crate::invocation::Read;
use crate::model::broker::{MetadataStore, Version};
use crate::model::host::UnitState;
use crate::model::name::{HostName, NodeName, ServiceName};
use crate::model::observation::{FailureKind, Payload, SourceFailure, SourceKind};
use crate::model::shutdown::{DataDirectory, NodeFiles, Patience};
use crate::model::text::Shown;
use crate::remote::outcome::Output;
use std::time::Duration;

/// From connecting to the last line.
const LIMIT: Duration = Duration::from_secs(6);
/// The script may not look (sysexits.h, `EX_NOPERM`).
const MAY_NOT: i32 = 77;

/// What a node left on its host's disc.
#[derive(Debug)]
pub(crate) struct FilesOfNode {
    pub(crate) reach: Reach,
    pub(crate) node: NodeName,
    /// The node's.
    pub(crate) service: ServiceName,
}

impl AskOne for FilesOfNode {
    const KIND: SourceKind = SourceKind::NodeFiles;
    const CADENCE: Cadence = Cadence::on_demand(LIMIT);

    fn host(&self) -> &HostName {
        &self.reach.host
    }

    async fn ask(&self) -> Result<Payload, SourceFailure> {
        let (node, service) = (self.node.clone(), self.service.clone());
        let read = Read::NodeFiles { node, service };
        let output = self.reach.link()?.read(&read, LIMIT).await?;
        self.judge(&output).map(Payload::NodeFiles)
    }
}

impl FilesOfNode {
    fn judge(&self, output: &Output) -> Result<NodeFiles, SourceFailure> {
        let fault = |kind, words: &str| {
            let text = format!("the files of {} on {}: {words}", self.node, self.reach.host);
            Err(SourceFailure::new(kind, text))
        };
        let words = output.stderr.lines().next().unwrap_or("it said nothing");
        match output.code {
            Some(0) => match parse(&output.stdout) {
                Some(files) => Ok(files),
                None => fault(FailureKind::Malformed, "they cannot be understood"),
            },
            Some(MAY_NOT) => fault(FailureKind::Forbidden, words),
            _ => fault(FailureKind::Server, words),
        }
    }
}

/// Reads the `key=value` lines; `None` where a list of nodes is no such list.
fn parse(text: &str) -> Option<NodeFiles> {
    let mut files = NodeFiles::default();
    let (mut uptime, mut ended) = (None, None);
    let (mut mnesia, mut khepri) = (false, false);
    let mut releases = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match key {
            "ActiveState" => files.unit = Some(UnitState::parse(value)),
            // Microseconds since the host booted; 0: not since then.
            "InactiveEnterTimestampMonotonic" => {
                ended = value.parse().ok().filter(|at| *at > 0);
            }
            "uptime" => uptime = value.parse::<f64>().ok(),
            "release" => releases.push(Version::parse(value)),
            "data" => files.data = DataDirectory::Present,
            "nodes_running_at_shutdown" => files.ran = Some(names(value)?.into_iter().next()?),
            "cluster_nodes.config" => {
                let mut lists = names(value)?.into_iter();
                (files.members, files.disc) = (lists.next()?, lists.next()?);
            }
            "mnesia" => mnesia = true,
            "khepri" => khepri = true,
            "force_load" => files.patience = Patience::Forced,
            "log" => files.log.push(Shown::new(value)),
            _ => {}
        }
    }
    // Where several releases are unpacked, which of them starts is not known.
    files.release = releases.pop().filter(|_| releases.is_empty());
    files.ended = age(uptime, ended);
    let only_khepri = files
        .release
        .as_ref()
        .is_some_and(|release| release.series() >= (4, 3));
    let has_data = files.data == DataDirectory::Present;
    files.store = if has_data && (khepri || only_khepri) {
        Some(MetadataStore::Khepri)
    } else if mnesia || !files.members.is_empty() {
        Some(MetadataStore::Mnesia)
    } else {
        None
    };
    if files.store == Some(MetadataStore::Khepri) {
        // Left by an earlier life on Mnesia: one that started blank on 4.0 wrote down itself alone
        // and went on to join a cluster on Khepri, where nothing is written.
        (files.members, files.disc, files.ran) = (Vec::new(), Vec::new(), None);
    }
    Some(files)
}

/// How long ago something was, `at` microseconds after the boot of a host that is `uptime`
/// seconds up.
fn age(uptime: Option<f64>, at: Option<u64>) -> Option<Duration> {
    let uptime = Duration::try_from_secs_f64(uptime?).ok()?;
    uptime.checked_sub(Duration::from_micros(at?))
}

/// The lists of an Erlang term, outermost first: `{['a@b',c@d],['a@b']}.` holds two.
fn names(term: &str) -> Option<Vec<Vec<NodeName>>> {
    let mut lists = Vec::new();
    let mut rest = term;
    while let Some((_, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']')?;
        let atoms = inside.split(',').map(str::trim);
        let list = atoms
            .filter(|atom| !atom.is_empty())
            .map(|atom| NodeName::parse(atom.trim_matches('\'')).ok())
            .collect::<Option<Vec<NodeName>>>()?;
        lists.push(list);
        rest = after;
    }
    Some(lists)
}

#[cfg(test)]
mod tests {
    use super::{names, parse};
    use crate::model::broker::MetadataStore;
    use crate::model::name::NodeName;
    use crate::model::shutdown::{DataDirectory, Patience};
    use std::time::Duration;

    /// As a stopped 3.10.8 node leaves them, with a RAM member.
    const MNESIA: &str = "InactiveEnterTimestampMonotonic=5000000\nActiveState=inactive\n\
        uptime=65.25\nrelease=3.10.8\ndata=/var/lib/rabbitmq/mnesia/rabbit@a-1\n\
        nodes_running_at_shutdown=['rabbit@a-1',rabbit@b]. \n\
        cluster_nodes.config={['rabbit@a-1',rabbit@b,rabbit@c],['rabbit@a-1',rabbit@b]}. \n\
        mnesia=yes\nforce_load=yes\nlog=Waiting for Mnesia tables for 30000 ms, 2 retries left\n";

    fn all(texts: &[&str]) -> Vec<NodeName> {
        texts.iter().map(|t| NodeName::parse(t).unwrap()).collect()
    }

    #[test]
    fn what_mnesia_leaves_is_read() {
        let files = parse(MNESIA).unwrap();
        assert_eq!(files.release.clone().unwrap().numbers, (3, 10, 8));
        assert_eq!(files.store, Some(MetadataStore::Mnesia));
        assert_eq!(files.members, all(&["rabbit@a-1", "rabbit@b", "rabbit@c"]));
        assert_eq!(files.ran, Some(all(&["rabbit@a-1", "rabbit@b"])));
        assert_eq!(files.is_ram(&all(&["rabbit@c"])[0]), Some(true));
        assert_eq!(files.is_ram(&all(&["rabbit@b"])[0]), Some(false));
        assert_eq!(files.patience, Patience::Forced);
        assert_eq!(files.ended, Some(Duration::from_millis(60_250)));
        assert!(files.complaint().unwrap().contains("2 retries left"));
    }

    #[test]
    fn khepri_leaves_no_names() {
        let text = "release=4.0.5\ndata=/var/lib/rabbitmq/mnesia/rabbit@a\nkhepri=yes\n";
        let files = parse(text).unwrap();
        assert_eq!(files.store, Some(MetadataStore::Khepri));
        assert_eq!((files.ran, files.members), (None, Vec::new()));
        let blank = parse("release=4.3.6\n").unwrap();
        assert_eq!((blank.store, blank.data), (None, DataDirectory::Absent));
        let young = parse("release=4.3.6\ndata=/d\n").unwrap();
        assert_eq!(young.store, Some(MetadataStore::Khepri));
    }

    #[test]
    fn what_a_life_on_mnesia_left_is_not_believed_on_khepri() {
        // Seen on 4.0.5: left its cluster, started blank, joined it again on Khepri.
        let text = "release=4.0.5\ndata=/var/lib/rabbitmq/mnesia/rabbit@c\n\
            nodes_running_at_shutdown=[]. \n\
            cluster_nodes.config={['rabbit@c'],['rabbit@c']}. \nkhepri=yes\n";
        let files = parse(text).unwrap();
        assert_eq!(files.store, Some(MetadataStore::Khepri));
        assert_eq!((files.members, files.disc), (Vec::new(), Vec::new()));
        assert_eq!(files.ran, None);
    }

    #[test]
    fn a_list_that_is_cut_or_foreign_is_not_half_believed() {
        assert_eq!(names("['rabbit@a','rabbit@"), None);
        assert_eq!(names("['rabbit@a','$(id)']."), None);
        assert_eq!(names("[]."), Some(vec![Vec::new()]));
        assert_eq!(parse("nodes_running_at_shutdown=rubbish\n"), None);
    }
}
