//! Owns `stop-cluster`: every member stops, the one on the VIP's host last. On Mnesia a disc
//! member must be the last one, for no RAM member can start a cluster; on Khepri any order will do.

use super::{id, members, named};
use crate::action::Action;
use crate::invocation::{Change, ServiceVerb};
use crate::model::Model;
use crate::model::broker::{MetadataStore, NodeType};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::shutdown::WholeStop;
use crate::runbook::blast;
use crate::runbook::plan::{Plan, Probe, Refusal, Step, Verdict};
use crate::runbook::preflight::{self, Checks};
use crate::runbook::steps::Ground;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(180);

/// Plans the stop of every member.
pub(in crate::runbook) fn plan(
    action: &Action,
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    let (order, away) = in_order(action, model, now)?;
    let Some(first) = order.first().copied() else {
        let reason = "no member's host answers, so there is nothing that could be stopped";
        return Err(checks.refuse(action, reason.to_owned(), None));
    };
    checks.make(&preflight::FRESH_EVERYWHERE, first);
    unknown(action, &order, &mut checks)?;
    let running: Vec<Ground<'_>> = running(&order).collect();
    check(&mut checks, first, &order, &running);
    leave_out(&mut checks, &away, now, model);
    let preflight = checks.verdict(action)?;
    let blast = if running.is_empty() {
        Vec::new()
    } else {
        blast::of_whole_stop(model, now)
    };
    let names: Vec<NodeName> = order.iter().map(|ground| ground.node().clone()).collect();
    let steps = order.iter().enumerate().map(|(at, ground)| {
        let (before, rest) = names.split_at(at);
        step(*ground, before, rest.get(1..).unwrap_or_default())
    });
    let steps = steps.collect();
    let stop = (!running.is_empty()).then(|| record(model, now, &order));
    let plan = first.plan(action, preflight, blast, steps);
    Ok(Plan { stop, ..plan })
}

fn running<'g, 'a>(order: &'g [Ground<'a>]) -> impl Iterator<Item = Ground<'a>> + 'g {
    let all = order.iter().copied();
    all.filter(|ground| ground.target.state == NodeState::Running)
}

/// The members in the order in which they stop, and those whose hosts are out of reach. First who
/// does not run anyway, then RAM members, then those that lead little; last the VIP's host.
fn in_order<'a>(
    action: &Action,
    model: &'a Model,
    now: Moment,
) -> Result<(Vec<Ground<'a>>, Vec<Ground<'a>>), Refusal> {
    let (away, mut order): (Vec<_>, Vec<_>) = members(action, model, now)?
        .into_iter()
        .partition(|ground| ground.target.state == NodeState::Unreachable);
    order.sort_by_key(|ground| {
        let by_state = match ground.target.state {
            NodeState::Down | NodeState::Unreachable => 0,
            NodeState::AppStopped
            | NodeState::NotRunning
            | NodeState::Starting
            | NodeState::Restarting
            | NodeState::Hung
            | NodeState::Unknown => 1,
            NodeState::Running => 2,
        };
        let leaders = model.stop_impact(ground.node(), now).leaders;
        let is_disc = !is_ram(*ground);
        (
            by_state,
            is_disc,
            ground.model.holds_a_vip(&ground.target.host.name, now),
            leaders,
        )
    });
    Ok((order, away))
}

fn is_ram(ground: Ground<'_>) -> bool {
    let view = ground.model.node(ground.node(), ground.now);
    view.node_type == Some(NodeType::Ram)
}

fn unknown(action: &Action, order: &[Ground<'_>], checks: &mut Checks) -> Result<(), Refusal> {
    let unknown = |ground: &&Ground<'_>| {
        let state = ground.target.state;
        state.is_out_of_sight() && state != NodeState::Unreachable
    };
    let Some(ground) = order.iter().find(unknown) else {
        return Ok(());
    };
    let reason = ground.state_reason("so what would be stopped is not known");
    Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())))
}

fn check(checks: &mut Checks, first: Ground<'_>, order: &[Ground<'_>], running: &[Ground<'_>]) {
    let Ground { model, now, .. } = first;
    if running.is_empty() {
        let idle = "no member runs: nothing is taken away";
        for check in [
            &preflight::CAPABILITY,
            &preflight::PARTITION,
            &preflight::CONNECTIONS,
        ] {
            checks.skip(check, idle);
        }
        return;
    }
    checks.make(&preflight::CAPABILITY, first);
    checks.advise(&preflight::PARTITION, first);
    for check in [&preflight::QUORUM, &preflight::MAJORITY] {
        let why =
            "every member is stopped on purpose: no quorum is kept, and none is lost for good";
        checks.skip(check, why);
    }
    checks.found(
        ("R8", "the member that stops last can start the cluster"),
        last_verdict(model, now, running),
        vec![last_words(model, now, order)],
        Some("start a disc member first: start-node NODE".to_owned()),
    );
    let (verdict, line) = match model.connection_count(now) {
        Some(0) => (Verdict::Passed, "none".to_owned()),
        Some(count) => (Verdict::Warning, format!("connections that close: {count}")),
        None => (Verdict::Warning, "how many close is not known".to_owned()),
    };
    checks.found(("P9", "connections"), verdict, vec![line], None);
}

fn last_verdict(model: &Model, now: Moment, running: &[Ground<'_>]) -> Verdict {
    if model.capability(now).store == Some(MetadataStore::Khepri) {
        Verdict::NotApplicable
    } else if running.last().is_some_and(|last| is_ram(*last)) {
        Verdict::Failed
    } else {
        Verdict::Passed
    }
}

fn last_words(model: &Model, now: Moment, order: &[Ground<'_>]) -> String {
    let Some(last) = order.last() else {
        return "there is none".to_owned();
    };
    let node = last.node();
    if model.capability(now).store == Some(MetadataStore::Khepri) {
        "on Khepri the order does not matter: a majority starts together".to_owned()
    } else if is_ram(*last) {
        format!("{node} would stop last, and is a RAM member: it cannot start alone")
    } else {
        format!("{node} stops last, and has to start first")
    }
}

/// Members out of reach: they are not stopped, and must not run.
fn leave_out(checks: &mut Checks, away: &[Ground<'_>], now: Moment, model: &Model) {
    for ground in away {
        let (node, host) = (ground.node(), &ground.target.host.name);
        let peers = model.peers_say(node, now);
        let title = ("R8", "a member out of reach does not run");
        let (verdict, line) = if peers.iter().any(|(_, runs)| *runs) {
            let line = format!("{node} runs in the view of the others, but {host} does not answer");
            (Verdict::Failed, line)
        } else if peers.is_empty() {
            let line = format!("{host} does not answer, and no other member can be asked");
            (Verdict::Warning, line)
        } else {
            let line = format!("{node} is left out: {host} does not answer, and no member sees it");
            (Verdict::Warning, line)
        };
        let instead = format!("bring {host} or the way to it back first");
        checks.found(title, verdict, vec![line], Some(instead));
    }
}

fn step(ground: Ground<'_>, before: &[NodeName], after: &[NodeName]) -> Step {
    let node = ground.node();
    let stopped = Probe::Stopped {
        nodes: vec![node.clone()],
    };
    let service = ground.service();
    let title = if after.is_empty() {
        format!("stop {service} of {node}, the last")
    } else {
        format!("stop {service} of {node}, before {}", named(after))
    };
    // Who stopped before must have stayed so, or the order that is remembered is not true.
    let stayed = Probe::Stopped {
        nodes: before.to_vec(),
    };
    Step {
        id: id("stop", node),
        title,
        host: ground.host(),
        change: Some(Change::Service {
            name: service,
            verb: ServiceVerb::Stop,
        }),
        before: if before.is_empty() {
            Vec::new()
        } else {
            vec![stayed]
        },
        already: vec![stopped.clone()],
        after: vec![stopped],
        deadline: DEADLINE,
    }
}

/// What is worth knowing when the cluster starts again.
fn record(model: &Model, now: Moment, order: &[Ground<'_>]) -> WholeStop {
    let page = model.all_queues(now).ok();
    let survives = |row: &&crate::model::broker::QueueRow| {
        row.durable == Some(true) && row.exclusive != Some(true)
    };
    let single = order.iter().map(|ground| {
        let node = ground.node();
        (node.clone(), model.removal_impact(node, now).deleted)
    });
    WholeStop {
        order: order.iter().map(|ground| ground.node().clone()).collect(),
        running: running(order).map(|ground| ground.node().clone()).collect(),
        durable_queues: page.map(|page| page.rows.iter().filter(survives).count() as u64),
        messages: model.figures(now).messages,
        single: if page.is_some() {
            single.collect()
        } else {
            Vec::new()
        },
    }
}
