//! Owns `rmqtop watch`: a stream of what changes. Every line is written as soon as it is known.

use super::output::Out;
use super::session::Session;
use crate::config::Cluster;
use crate::findings::{self, Finding, Severity};
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::observation::{Observation, SourceId};
use crate::model::text::Shown;
use crate::model::vip::VipVerdict;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::signal::unix::{SignalKind, signal};

/// Observations that may wait for the model.
const QUEUED: usize = 256;

/// Options of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Jsonl,
    /// For people
    Text,
}

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// When it was seen.
    pub at: Timestamp,
    /// What changed.
    #[serde(flatten)]
    pub what: ChangeKind,
}

/// What changed. `from` is absent the first time something is seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum ChangeKind {
    /// Another host holds the VIP than the last one that held it.
    VipMoved {
        address: IpAddr,
        from: Vec<HostName>,
        to: Vec<HostName>,
        verdict: VipVerdict,
    },
    /// The verdict or the holders of a VIP changed.
    Vip {
        address: IpAddr,
        from: Option<VipState>,
        to: VipState,
    },
    /// A member's state changed.
    Node {
        node: NodeName,
        from: Option<NodeState>,
        to: NodeState,
    },
    /// A load balancer's word about a server changed.
    Server {
        balancer: HostName,
        backend: Shown,
        server: Shown,
        from: Option<String>,
        to: String,
    },
    /// A source began to fail, or answers again.
    Source {
        source: SourceId,
        error: Option<Shown>,
    },
    /// Something is wrong.
    FindingOpened { finding: Finding },
    /// It is not any more, or not as bad or as good as before: then it opens anew beside.
    FindingClosed {
        finding: Finding,
        /// How bad it is now, where it goes on.
        #[serde(skip)]
        now: Option<Severity>,
    },
}

/// Holders and verdict of a VIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VipState {
    holders: Vec<HostName>,
    verdict: VipVerdict,
}

/// What a finding is known by. One that grows worse is another: whoever waits for critical ones
/// must hear of it.
type FindingKey = (String, String, Severity);

/// Folds observations and tells what changed by each.
#[derive(Debug, Default)]
pub struct Watcher {
    model: Model,
    vips: BTreeMap<IpAddr, VipState>,
    last_holders: BTreeMap<IpAddr, Vec<HostName>>,
    nodes: BTreeMap<NodeName, NodeState>,
    servers: BTreeMap<(HostName, Shown, Shown), String>,
    failing: BTreeMap<SourceId, Shown>,
    findings: BTreeMap<FindingKey, Finding>,
}

impl Watcher {
    /// Starts from what was declared.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            ..Self::default()
        }
    }

    /// Folds one observation in; the VIP's changes come first.
    pub fn fold(&mut self, observation: Observation, now: Moment) -> Vec<Change> {
        self.model.apply(observation);
        self.changes(now)
    }

    /// What differs from the last time, including by age alone.
    pub fn changes(&mut self, now: Moment) -> Vec<Change> {
        let mut found = Vec::new();
        self.watch_vips(now, &mut found);
        self.watch_nodes(now, &mut found);
        self.watch_servers(now, &mut found);
        self.watch_sources(&mut found);
        self.watch_findings(now, &mut found);
        found
            .into_iter()
            .map(|what| Change { at: now.wall, what })
            .collect()
    }

    fn watch_vips(&mut self, now: Moment, found: &mut Vec<ChangeKind>) {
        for vip in self.model.vips(now) {
            let address = vip.address;
            let to = VipState {
                holders: vip.holders,
                verdict: vip.verdict,
            };
            if !to.holders.is_empty() {
                let from = self.last_holders.insert(address, to.holders.clone());
                if let Some(from) = from.filter(|from| *from != to.holders) {
                    let (to, verdict) = (to.holders.clone(), to.verdict);
                    found.push(ChangeKind::VipMoved {
                        address,
                        from,
                        to,
                        verdict,
                    });
                }
            }
            let from = self.vips.insert(address, to.clone());
            if from.as_ref() != Some(&to) {
                found.push(ChangeKind::Vip { address, from, to });
            }
        }
    }

    fn watch_nodes(&mut self, now: Moment, found: &mut Vec<ChangeKind>) {
        for view in self.model.nodes(now) {
            let from = self.nodes.insert(view.name.clone(), view.state);
            if from != Some(view.state) {
                found.push(ChangeKind::Node {
                    node: view.name,
                    from,
                    to: view.state,
                });
            }
        }
    }

    fn watch_servers(&mut self, now: Moment, found: &mut Vec<ChangeKind>) {
        for (host, _) in self.model.inventory.balancers() {
            let report = self.model.balancer(&host.name, now);
            let backends = report.map(|report| self.model.broker_backends(host, report));
            for backend in backends.into_iter().flatten() {
                for server in &backend.servers {
                    let to = server.status.to_string();
                    let (balancer, backend) = (host.name.clone(), backend.name.clone());
                    let server = server.name.clone();
                    let key = (balancer.clone(), backend.clone(), server.clone());
                    let from = self.servers.insert(key, to.clone());
                    if from.as_ref() != Some(&to) {
                        found.push(ChangeKind::Server {
                            balancer,
                            backend,
                            server,
                            from,
                            to,
                        });
                    }
                }
            }
        }
    }

    fn watch_sources(&mut self, found: &mut Vec<ChangeKind>) {
        let failing: BTreeMap<SourceId, Shown> = self
            .model
            .sources
            .iter()
            .filter_map(|(source, status)| {
                Some((source.clone(), status.failure.as_ref()?.message.clone()))
            })
            .collect();
        // A question for the cluster goes on under the host that answers it: gone is answered too.
        let over = self.failing.keys().filter(|it| !failing.contains_key(it));
        found.extend(over.map(|source| ChangeKind::Source {
            source: source.clone(),
            error: None,
        }));
        let begun = failing
            .iter()
            .filter(|(it, _)| !self.failing.contains_key(it));
        found.extend(begun.map(|(source, error)| ChangeKind::Source {
            source: source.clone(),
            error: Some(error.clone()),
        }));
        self.failing = failing;
    }

    fn watch_findings(&mut self, now: Moment, found: &mut Vec<ChangeKind>) {
        let open: BTreeMap<FindingKey, Finding> = findings::all(&self.model, now)
            .into_iter()
            .map(|finding| {
                let key = (
                    finding.id.clone(),
                    finding.subject.clone(),
                    finding.severity,
                );
                (key, finding)
            })
            .collect();
        for (key, finding) in &self.findings {
            if !open.contains_key(key) {
                let (id, subject, _) = key;
                let mut same = open.keys().filter(|it| it.0 == *id && it.1 == *subject);
                found.push(ChangeKind::FindingClosed {
                    finding: finding.clone(),
                    now: same.next().map(|(_, _, severity)| *severity),
                });
            }
        }
        for (key, finding) in &open {
            if !self.findings.contains_key(key) {
                found.push(ChangeKind::FindingOpened {
                    finding: finding.clone(),
                });
            }
        }
        self.findings = open;
    }
}

/// Watches until interrupted or until standard output is closed.
pub async fn run(cluster: &Cluster, args: &WatchArgs, out: &Out) -> anyhow::Result<u8> {
    let session = Session::open(cluster);
    let (seen, mut observations) = tokio::sync::mpsc::channel(QUEUED);
    let watch = session.fleet.watch(&seen);
    // Only the sources keep it open.
    drop(seen);
    let mut watcher = Watcher::new(Model::new(cluster.inventory.clone()));
    let mut stop = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let [interrupt, terminate, hangup] = &mut stop;
    // Ages advance without observations: a source that went silent must not look fresh.
    let mut ageing = tokio::time::interval(std::time::Duration::from_secs(1));
    let outcome = loop {
        let changes = tokio::select! {
            biased;
            _ = interrupt.recv() => break Ok(0),
            _ = terminate.recv() => break Ok(0),
            _ = hangup.recv() => break Ok(0),
            observation = observations.recv() => match observation {
                Some(observation) => watcher.fold(observation, crate::clock::now()),
                None => break Ok(0),
            },
            _ = ageing.tick() => watcher.changes(crate::clock::now()),
        };
        if let Err(error) = changes
            .iter()
            .try_for_each(|change| print(change, args.format, out))
        {
            break Err(error);
        }
    };
    watch.close().await;
    session.close();
    outcome
}

fn print(change: &Change, format: Format, out: &Out) -> anyhow::Result<()> {
    let line = match format {
        Format::Jsonl => serde_json::to_string(change)?,
        Format::Text => {
            format!(
                "{}  {}",
                change.at.strftime("%H:%M:%S%.3f"),
                words(&change.what)
            )
        }
    };
    Ok(out.line(&line)?)
}

fn words(what: &ChangeKind) -> String {
    let names = |hosts: &[HostName]| {
        let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
        if names.is_empty() {
            "no host".to_owned()
        } else {
            names.join(" and ")
        }
    };
    match what {
        ChangeKind::VipMoved {
            address, from, to, ..
        } => {
            format!("VIP {address} moved from {} to {}", names(from), names(to))
        }
        ChangeKind::Vip { address, to, .. } if to.verdict == VipVerdict::Unknown => {
            format!("VIP {address}: who holds it is not known")
        }
        ChangeKind::Vip { address, to, .. } => {
            format!(
                "VIP {address}: {}, held by {}",
                to.verdict,
                names(&to.holders)
            )
        }
        ChangeKind::Node { node, to, .. } => format!("{node}: {}", to.words()),
        ChangeKind::Server {
            balancer,
            server,
            to,
            ..
        } => format!("{server} on {balancer}: {to}"),
        ChangeKind::Source {
            source,
            error: Some(error),
        } => format!("{source} fails: {error}"),
        ChangeKind::Source {
            source,
            error: None,
        } => format!("{source} answers"),
        ChangeKind::FindingOpened { finding } => format!("{}: {}", finding.severity, finding.title),
        ChangeKind::FindingClosed { finding, now: None } => format!("over: {}", finding.title),
        ChangeKind::FindingClosed {
            finding,
            now: Some(now),
        } => format!("{} now, was {}: {}", now, finding.severity, finding.title),
    }
}
