//! Owns the checks before one member after the other is restarted: that the cluster is whole, and
//! that the load balancers can be told.

use super::{Check, Judged, Target};
use crate::model::Model;
use crate::model::broker::{QueueRow, QueueType};
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::{NodeState, NodeView};
use crate::runbook::plan::Verdict;
use crate::runbook::rolling_restart::{Way, ways};

/// So many queues are told one after the other; more are for their policy.
const MOST_BY_HAND: usize = 10;

/// R9: a member that is away already would be one too many.
pub const WHOLE: Check = Check {
    id: "R9",
    title: "the cluster is whole: every member runs, and none is in maintenance mode",
    judge: whole,
};

/// R14: the load balancers are told before a member goes. Advisory: they notice by themselves, too.
pub const TOLD: Check = Check {
    id: "R14",
    title: "the load balancers can be told before a member goes",
    judge: told,
};

/// R12: the leaders are spread again at the end. Advisory.
pub const LISTED: Check = Check {
    id: "R12",
    title: "all queues could be listed",
    judge: listed,
};

/// R11: a mirror that was away is empty, and by default stays so until it is told to synchronise.
/// Advisory: the run waits for it before it takes the leader away.
pub const MIRRORS_FOLLOW: Check = Check {
    id: "R11",
    title: "mirrors synchronise by themselves after a restart",
    judge: mirrors_follow,
};

fn whole(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    let (mut away, mut unknown, mut good) = (Vec::new(), Vec::new(), Vec::new());
    let mut instead = None;
    for view in model.nodes(now) {
        let node = &view.name;
        if model.is_member(node, now) == Some(false) {
            good.push(format!(
                "{node} is declared, but no member: it is left alone"
            ));
            continue;
        }
        match (view.state, view.draining) {
            (NodeState::Running, Some(false)) => good.push(format!("{node} runs")),
            (NodeState::Running, Some(true)) => {
                away.push(format!("{node} is in maintenance mode"));
                instead.get_or_insert_with(|| {
                    format!("take it out first, unless someone works on it: revive {node}")
                });
            }
            (NodeState::Running, None) => unknown.push(format!(
                "whether {node} is in maintenance mode cannot be told"
            )),
            (NodeState::Unknown, _) => unknown.push(format!(
                "what {node} does is not known: {}",
                view.evidence.join("; ")
            )),
            (
                NodeState::AppStopped
                | NodeState::Down
                | NodeState::Unreachable
                | NodeState::NotRunning
                | NodeState::Starting
                | NodeState::Restarting
                | NodeState::Hung,
                _,
            ) => {
                away.push(format!("{node} is {}", view.state.words()));
                instead.get_or_insert_with(|| first(&view));
            }
        }
    }
    let verdict = match (away.is_empty(), unknown.is_empty()) {
        (false, _) => Verdict::Failed,
        (true, false) => Verdict::CannotTell,
        (true, true) => Verdict::Passed,
    };
    Judged {
        instead,
        ..Judged::new(verdict, [away, unknown, good].concat())
    }
}

fn first(view: &NodeView<'_>) -> String {
    let node = &view.name;
    let host = view.host.map_or("its host", |host| host.name.as_str());
    match view.state {
        NodeState::AppStopped => format!("start its app first: start-app {node}"),
        NodeState::Down => format!("start its service first: start-node {node}"),
        NodeState::Unreachable => format!("bring {host} or the way to it back first"),
        NodeState::Starting => format!("wait until {node} has started"),
        NodeState::Restarting => format!("stop its service and read its log: stop-node {node}"),
        NodeState::Hung => format!("end its process: stop-node {node} --kill"),
        NodeState::Running | NodeState::NotRunning | NodeState::Unknown => {
            format!("look at the sources of {host} in `rmqtop status`")
        }
    }
}

fn told(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let ways = ways(model, target.node, now);
    if ways.is_empty() {
        return Judged::one(Verdict::NotApplicable, "no load balancer is declared");
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (host, way) in ways {
        match way {
            Way::Told(set) => good.push(format!("{host} is told over {}", set.socket)),
            Way::Untold(why) => bad.push(untold(&host, &why)),
            Way::Left(why) => bad.push(format!("{why}: it stays so")),
            Way::Unseen(why) => bad.push(why),
        }
    }
    // Several servers of one member share a socket, and the reason.
    good.dedup();
    bad.dedup();
    let verdict = if bad.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Warning
    };
    Judged::new(verdict, [bad, good].concat())
}

fn untold(host: &HostName, why: &str) -> String {
    format!(
        "cannot tell HAProxy on {host} ({why}): its own checks notice that a member is away; until then it sends new clients there, which are refused"
    )
}

fn listed(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    let gap = match model.all_queues(now) {
        Ok(page) => return Judged::one(Verdict::Passed, format!("there are {}", page.rows.len())),
        Err(gap) => gap,
    };
    let mut words = vec![
        format!("{gap}: of the others, only what the members say of their quorum is waited for"),
        "the leaders are not spread at the end: rebalance afterwards".to_owned(),
    ];
    if model.capability(now).has_mirroring() != Some(false) {
        words.push("nor is it waited for mirrors of classic queues".to_owned());
    }
    Judged::new(Verdict::Warning, words)
}

fn mirrors_follow(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    if model.capability(now).has_mirroring() == Some(false) {
        return Judged::one(Verdict::NotApplicable, "queues are not mirrored since 4.0");
    }
    let Some(by_hand) = synchronised_by_hand(model, now) else {
        return Judged::one(Verdict::Warning, "the mirrors are not known");
    };
    if by_hand.is_empty() {
        return match model.all_queues(now) {
            Ok(_) => Judged::one(Verdict::Passed, "none waits to be told"),
            Err(gap) => Judged::one(
                Verdict::Warning,
                format!("{gap}: whether mirrors of others wait to be told is not known"),
            ),
        };
    }
    let words = |row: &&QueueRow| {
        format!(
            "the mirrors of {} in vhost {} synchronise only when told to (ha-sync-mode): the run tells them after each member, and it takes and delivers nothing meanwhile",
            row.name, row.vhost
        )
    };
    if by_hand.len() > MOST_BY_HAND {
        let reason = format!(
            "the mirrors of {} queues synchronise only when told to (ha-sync-mode)",
            by_hand.len()
        );
        return Judged::one(Verdict::Failed, reason)
            .instead("let their policy say \"ha-sync-mode\":\"automatic\" for the time being: policy-set NAME");
    }
    Judged::new(Verdict::Warning, by_hand.iter().map(words).collect())
}

/// Mirrored queues whose new mirrors stay without what was there before them until they are told
/// to copy it; `None` where the queues are not known. Whoever has messages when a member is
/// restarted is one, so that it does not matter who has some now.
pub(in crate::runbook) fn synchronised_by_hand(
    model: &Model,
    now: Moment,
) -> Option<Vec<&QueueRow>> {
    if model.capability(now).has_mirroring() == Some(false) {
        return Some(Vec::new());
    }
    let (page, _) = model.listed_queues(now).ok()?;
    let mirrored = page.rows.iter().filter(|row| {
        matches!(row.queue_type, Some(QueueType::Classic) | None) && row.members.len() > 1
    });
    Some(mirrored.filter(|row| !is_automatic(model, row)).collect())
}

/// By the policy in force; one that is not known is none.
fn is_automatic(model: &Model, row: &QueueRow) -> bool {
    let mut policies = model.policies.last().into_iter().flatten();
    policies.any(|policy| {
        policy.vhost == row.vhost
            && Some(&policy.name) == row.policy.as_ref()
            && policy
                .definition
                .raw()
                .contains(r#""ha-sync-mode":"automatic""#)
    })
}
