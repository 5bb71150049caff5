//! Owns the checks before membership changes: P3 partitions, P7 what is lost, P12 definitions, P13
//! to P16 whether two nodes can be joined, and those of the single runbooks.

use super::{Check, Judged, Target};
use crate::model::Model;
use crate::model::broker::{MetadataStore, NodeStatus};
use crate::model::freshness_limit;
use crate::model::impact::RemovalImpact;
use crate::model::moment::Moment;
use crate::model::name::{NodeName, QueueName};
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use crate::model::start::StartFault;
use crate::runbook::plan::Verdict;
use crate::runbook::steps::keeper;

/// P3: the members agree on who runs.
pub const PARTITION: Check = Check {
    id: "P3",
    title: "no partition, by any member's own word",
    judge: partition,
};

/// P7: what only this member holds. Advisory: the blast radius names it, and the tier asks twice.
pub const LOSSES: Check = Check {
    id: "P7",
    title: "no queue has its only copy on the member",
    judge: losses,
};

/// P7 for a node that joins: what it holds is destroyed.
pub const HOLDINGS: Check = Check {
    id: "P7",
    title: "the node that joins holds less than the cluster",
    judge: holdings,
};

/// P12: users, virtual hosts and policies live on elsewhere, and a copy is made.
pub const BACKUP: Check = Check {
    id: "P12",
    title: "the definitions are kept by another member, and copied",
    judge: backup,
};

/// P12 for a node that joins: what it has defined is destroyed, and a copy of it is made.
pub const COPIES: Check = Check {
    id: "P12",
    title: "the definitions of both are copied",
    judge: copies,
};

/// P13, P14, P16: cookie, names and ports, tried out.
pub const HANDSHAKE: Check = Check {
    id: "P16",
    title: "its host reaches the member: name, ports and cookie are right",
    judge: handshake,
};

/// P15: one series.
pub const VERSIONS: Check = Check {
    id: "P15",
    title: "both run the same RabbitMQ series",
    judge: versions,
};

/// A cluster needs a disc member.
pub const DISC: Check = Check {
    id: "R5",
    title: "another disc member stays",
    judge: disc,
};

/// Quorum queues survive the loss of a replica for good.
pub const REPLICAS: Check = Check {
    id: "R12",
    title: "every quorum queue keeps a majority of its other replicas, every stream one",
    judge: replicas,
};

/// Replicas whose data would be wiped while their group still counts on them.
pub const UNREPLICATED: Check = Check {
    id: "R12",
    title: "no replica of a quorum queue or stream is on the member",
    judge: unreplicated,
};

/// A member that is forgotten while it lives comes back as a stranger.
pub const DEATH: Check = Check {
    id: "R3",
    title: "a member that does not run is really away",
    judge: death,
};

/// What to do where the list of queues is not whole.
const SEE_ALL: &str = "see to it that all queues are listed: a user is shown those of the virtual hosts it has permissions on (`rabbitmqctl set_permissions -p VHOST USER '^$' '^$' '^$'`)";

/// Whether what keeps a node from booting goes away with what is on its disk.
pub const CURABLE: Check = Check {
    id: "R20",
    title: "an empty disk lets it boot",
    judge: curable,
};

fn curable(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    if matches!(target.state, NodeState::Running | NodeState::AppStopped) {
        return Judged::one(Verdict::NotApplicable, "it is up, and was forgotten");
    }
    let services = model.service(&target.host.name, now);
    let log = services.map_or(&[][..], |services| &services.start_log);
    let Some((fault, line)) = StartFault::read(log) else {
        let words = "its log does not say why it does not boot";
        return Judged::one(Verdict::Warning, words);
    };
    let words = format!("{}: {line}", fault.words());
    match fault {
        StartFault::Forgotten => Judged::one(Verdict::Passed, words),
        StartFault::Tables | StartFault::Leader => match is_listed(model, target, now) {
            Some(true) => Judged::one(Verdict::Failed, words).instead(fault.advice()),
            Some(false) | None => Judged::one(Verdict::Passed, words),
        },
        StartFault::Other => Judged::one(Verdict::Warning, words),
        StartFault::Cookie => {
            let instead = format!("cookie-align {}", target.node);
            Judged::one(Verdict::Failed, words).instead(instead)
        }
        StartFault::DiskFull
        | StartFault::NameTaken
        | StartFault::PortTaken
        | StartFault::Release
        | StartFault::Config => Judged::one(Verdict::Failed, words).instead(fault.advice()),
    }
}

/// Whether the member through which it is acted on counts the target as one.
fn is_listed(model: &Model, target: Target<'_>, now: Moment) -> Option<bool> {
    model.lists(target.via?, target.node, now)
}

fn partition(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    let mut split: Vec<String> = Vec::new();
    for (host, report) in model.member_views(now) {
        for row in report.nodes.iter().filter(|row| !row.partitions.is_empty()) {
            let from: Vec<&str> = row.partitions.iter().map(NodeName::as_str).collect();
            let from = from.join(" and ");
            split.push(format!(
                "{host} says that {} was cut off from {from}",
                row.name
            ));
        }
    }
    for name in model.disagreements.keys() {
        split.push(format!("the members disagree on whether {name} runs"));
    }
    if split.is_empty() {
        Judged::one(Verdict::Passed, "the members agree on who runs")
    } else {
        Judged::new(Verdict::Failed, split)
            .instead("wait until they agree; after a partition, stop every member of the sides that lost, and start them again when all are stopped")
    }
}

fn losses(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let impact = model.removal_impact(target.node, now);
    let mut words = Vec::new();
    if !impact.deleted.is_empty() {
        words.push(format!(
            "queues with their only usable copy there: {}",
            listed(&impact.deleted)
        ));
    }
    match impact.gap {
        Some(gap) => {
            words.insert(0, format!("which queues would be lost is not known: {gap}"));
            Judged::new(Verdict::CannotTell, words).instead(SEE_ALL)
        }
        None if words.is_empty() => Judged::one(Verdict::Passed, "none"),
        None => Judged::new(Verdict::Warning, words),
    }
}

/// What the node that joins says of itself, or why it does not.
fn status<'a>(model: &'a Model, target: Target<'_>, now: Moment) -> Result<&'a NodeStatus, String> {
    let node = target.node;
    let reading = model.statuses.get(&target.host.name);
    let limit = freshness_limit(SourceKind::NodeStatus);
    reading
        .and_then(|reading| reading.current(now, limit))
        .ok_or_else(|| match reading.and_then(|reading| reading.failure()) {
            Some(failure) => format!("{node} does not speak of itself: {failure}"),
            None => format!("{node} was not asked about itself"),
        })
}

fn holdings(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    if target.state != NodeState::Running {
        return Judged::one(
            Verdict::Warning,
            "it does not run, so what it holds is not known; none of it comes back",
        );
    }
    let status = match status(model, target, now) {
        Ok(status) => status,
        Err(why) => return Judged::one(Verdict::CannotTell, why),
    };
    let others: Vec<&str> = status
        .members()
        .filter(|member| *member != target.node)
        .map(NodeName::as_str)
        .collect();
    let with = others.join(" and ");
    if target
        .via
        .is_some_and(|via| model.is_forgotten_by(via, target.node, now))
    {
        let line = format!(
            "it believes to be a member with {with}, which forgot it: what it took in since then is lost"
        );
        return Judged::one(Verdict::Warning, line);
    }
    if !others.is_empty() {
        let line = format!("it is a member of another cluster, with {with}");
        return Judged::one(Verdict::Failed, line).instead("let it leave that cluster first");
    }
    let Some(held) = status.holdings else {
        return Judged::one(Verdict::CannotTell, "it does not say what it holds");
    };
    let words = format!(
        "it holds {} durable queues, {} users, {} virtual hosts",
        held.queues, held.users, held.vhosts
    );
    if held.queues == 0 {
        return Judged::one(Verdict::Passed, words);
    }
    let cluster = target
        .via
        .and_then(|via| model.inventory.host_of(via))
        .and_then(|host| model.broker(&host.name, now)?.objects.queues);
    match cluster {
        Some(cluster) if cluster > held.queues as u64 => Judged::one(
            Verdict::Warning,
            format!("{words}; all of it is destroyed; the cluster holds {cluster} queues"),
        ),
        Some(cluster) => Judged::one(
            Verdict::Failed,
            format!("{words}, the cluster only {cluster} queues: joining destroys the former"),
        )
        .instead("join the other way round, or delete its queues first"),
        None => Judged::one(
            Verdict::CannotTell,
            format!("{words}; how many the cluster holds is not known"),
        ),
    }
}

fn backup(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    match keeper(model, target, now) {
        Some((keeper, true)) => Judged::one(
            Verdict::Passed,
            format!(
                "{keeper} keeps users, virtual hosts and policies; {}",
                copied("")
            ),
        ),
        Some((keeper, false)) => Judged::one(
            Verdict::Warning,
            format!(
                "{keeper} keeps users, virtual hosts and policies; no copy is made, for commands cannot reach its host"
            ),
        ),
        None => Judged::one(
            Verdict::Failed,
            "no other member runs: the definitions would be lost with it",
        )
        .instead("bring another member up first"),
    }
}

/// What becomes of definitions before a run that destroys some.
fn copied(of: &str) -> String {
    format!(
        "before anything is sent, a copy{of} is kept on this machine: it holds password hashes and no messages"
    )
}

fn copies(_model: &Model, target: Target<'_>, _now: Moment) -> Judged {
    let node = target.node;
    let Some(via) = target.via else {
        return Judged::one(Verdict::NotApplicable, "no other member takes part");
    };
    let (verdict, words) = if target.state == NodeState::Running {
        let copied = copied(" of both");
        let words = format!("those of {node} are destroyed, those of {via} stay; {copied}");
        (Verdict::Passed, words)
    } else {
        let why = "destroyed, and not copied, because it does not run";
        let copied = copied(&format!(" of those of {via}"));
        let words = format!("those of {node} are {why}; {copied}");
        (Verdict::Warning, words)
    };
    Judged::one(verdict, words)
}

fn handshake(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let Some(via) = target.via else {
        return Judged::one(Verdict::NotApplicable, "no other member takes part");
    };
    if target.state != NodeState::Running {
        return Judged::one(
            Verdict::Warning,
            format!("it does not run, so whether it reaches {via} was not tried"),
        );
    }
    let status = status(model, target, now).ok();
    let tried = status.and_then(|status| status.reached.iter().find(|(name, _)| name == via));
    let host = &target.host.name;
    match tried {
        Some((_, None)) => Judged::one(
            Verdict::Passed,
            format!("rabbitmq-diagnostics on {host} reaches {via}"),
        ),
        Some((_, Some(why))) => Judged::one(
            Verdict::Failed,
            format!("rabbitmq-diagnostics on {host} does not reach {via}: {why}"),
        )
        .instead("compare /etc/hosts, the Erlang cookie, and the ports 4369 and 25672"),
        // It counts the member as one of its own: their runtimes are connected.
        None if status.is_some_and(|status| status.running.contains(via)) => Judged::one(
            Verdict::Passed,
            format!("its runtime is connected to {via}"),
        ),
        None => Judged::one(
            Verdict::CannotTell,
            format!("whether {host} reaches {via} was not tried"),
        ),
    }
}

fn versions(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let running = status(model, target, now)
        .ok()
        .and_then(|status| status.version.as_ref());
    let limit = freshness_limit(SourceKind::NodeFiles);
    let files = model.files.get(&target.host.name);
    let files = files.and_then(|reading| reading.current(now, limit));
    // What is installed is what will start.
    let own = running.or_else(|| files?.release.as_ref());
    let cluster = model.capability(now).version;
    match (own, cluster) {
        (Some(own), Some(cluster)) if own.series() == cluster.series() => {
            Judged::one(Verdict::Passed, format!("{own} joins {cluster}"))
        }
        (Some(own), Some(cluster)) => Judged::one(
            Verdict::Failed,
            format!("it runs {own}, the cluster {cluster}"),
        )
        .instead("install the cluster's release on it first"),
        (None, _) if target.state != NodeState::Running => Judged::one(
            Verdict::Warning,
            "it does not run, so its version is not known; the broker refuses one that does not fit",
        ),
        (None, _) | (_, None) => {
            Judged::one(Verdict::CannotTell, "one of the versions is not known")
        }
    }
}

fn disc(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    if model.capability(now).store == Some(MetadataStore::Khepri) {
        return Judged::one(Verdict::NotApplicable, "Khepri knows disc members only");
    }
    match model.another_disc_member(target.node, now) {
        Some(true) => Judged::one(Verdict::Passed, "there is one"),
        Some(false) => Judged::one(
            Verdict::Failed,
            format!("{} is the only disc member", target.node),
        )
        .instead("turn a RAM member into a disc member first: node-type NODE disc"),
        None => Judged::one(
            Verdict::CannotTell,
            "whether another member is a disc member is not known",
        ),
    }
}

fn replicas(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let impact = model.removal_impact(target.node, now);
    if !impact.stranded.is_empty() {
        return Judged::one(
            Verdict::Failed,
            format!(
                "without its replica on {} no majority would be left of {}, or none agrees on it now",
                target.node,
                listed(&impact.stranded)
            ),
        )
        .instead("bring their other members back, or give them more: quorum-grow NODE");
    }
    if let Some(words) = unseen(&impact) {
        return Judged::one(Verdict::CannotTell, words);
    }
    let words = format!(
        "quorum queues with a replica there: {}",
        impact.quorum.len()
    );
    if impact.even > 0 {
        let even = format!(
            "with an even number of replicas left, which tolerates no more losses than one less: {}",
            impact.even
        );
        Judged::new(Verdict::Warning, vec![words, even])
    } else {
        Judged::one(Verdict::Passed, words)
    }
}

fn unreplicated(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let impact = model.removal_impact(target.node, now);
    let untold = unseen(&impact);
    let held = [impact.quorum, impact.streams].concat();
    if !held.is_empty() {
        Judged::one(
            Verdict::Failed,
            format!(
                "{} would be wiped under {} replicas that their groups count on: {}",
                target.node,
                held.len(),
                listed(&held)
            ),
        )
        .instead(format!(
            "take them off first: quorum-shrink {}; for streams, rabbitmq-streams delete_replica",
            target.node
        ))
    } else if let Some(words) = untold {
        Judged::one(Verdict::CannotTell, words)
    } else {
        Judged::one(Verdict::Passed, "none")
    }
}

/// What keeps the list of replicas from being all there are.
fn unseen(impact: &RemovalImpact) -> Option<String> {
    if let Some(gap) = &impact.gap {
        return Some(format!("where the replicas are is not known: {gap}"));
    }
    (!impact.untold.is_empty()).then(|| {
        format!(
            "who has a replica of {} is not told",
            listed(&impact.untold)
        )
    })
}

fn death(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let evidence = model.node(target.node, now).evidence;
    match target.state {
        NodeState::Running | NodeState::AppStopped => Judged::one(
            Verdict::NotApplicable,
            "it can be reached, and is stopped first",
        ),
        NodeState::Unreachable => {
            let peers = model.peers_say(target.node, now);
            let away = peers.iter().filter(|(_, running)| !running).count();
            let told = format!(
                "{away} of {} members that answer do not see it",
                peers.len()
            );
            if away > 0 && away == peers.len() {
                Judged::new(Verdict::Passed, [evidence, vec![told]].concat())
            } else {
                Judged::new(Verdict::Failed, vec![told]).instead("wait, and look at it again")
            }
        }
        NodeState::Down => {
            let warning = format!(
                "its host {} is up: if {} starts there again, it believes to be a member still; rejoin it, or keep the service disabled",
                target.host.name, target.host.services.broker
            );
            Judged::new(Verdict::Warning, [vec![warning], evidence].concat())
        }
        NodeState::Starting | NodeState::Restarting | NodeState::Hung => {
            let instead = format!("stop it first: stop-node {}", target.node);
            Judged::new(Verdict::Failed, evidence).instead(instead)
        }
        NodeState::NotRunning | NodeState::Unknown => Judged::new(Verdict::CannotTell, evidence)
            .instead("find out what it does first: look at its sources in `rmqtop status`"),
    }
}

/// The names of a few, and how many more there are.
pub fn listed(queues: &[QueueName]) -> String {
    let mut names: Vec<String> = queues.iter().take(5).map(ToString::to_string).collect();
    let more = queues.len().saturating_sub(5);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}
