//! Owns `forget-offline` and `recover-lost-node`: the cluster does not start, because the member
//! that stopped last is lost. On Mnesia the newest survivor forgets it while nothing runs; on
//! Khepri a majority of survivors starts without it.

use super::order::Order;
use super::standing::{self, Standing};
use super::{id, named, run_together, standalone, start};
use crate::action::Action;
use crate::invocation::{Change, CtlVerb};
use crate::model::Model;
use crate::model::broker::MetadataStore;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::shutdown::Patience;
use crate::runbook::plan::{Plan, Probe, Refusal, Step, Verdict};
use crate::runbook::preflight::Checks;
use crate::runbook::replicas;
use crate::runbook::steps::{Ground, MARGIN};
use std::time::Duration;

/// The tool first looks for the others, which are away: about half a minute for each.
const FORGET_DEADLINE: Duration = Duration::from_secs(300);
const ONLINE_DEADLINE: Duration = Duration::from_secs(180);

/// Plans the removal of one lost member on the disc of one survivor.
pub(in crate::runbook) fn forget_offline(
    action: &Action,
    (lost, on): (&NodeName, &NodeName),
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    let standing = standing::of(action, &mut checks, model, now)?;
    let survivor = survivor(action, &standing, (lost, on), &mut checks)?;
    if done_already(model, now, (lost, on)) {
        let preflight = checks.verdict(action)?;
        let steps = single(survivor, lost);
        return Ok(survivor.plan(action, preflight, Vec::new(), steps));
    }
    mnesia_only(action, &standing, &mut checks)?;
    all_down(action, &standing, &mut checks)?;
    is_the_newest(action, &standing, (lost, survivor), &mut checks)?;
    let preflight = checks.verdict(action)?;
    let steps = single(survivor, lost);
    let blast = blast(&standing, std::slice::from_ref(lost), survivor);
    Ok(survivor.plan(action, preflight, blast, steps))
}

fn single(survivor: Ground<'_>, lost: &NodeName) -> Vec<Step> {
    let alone = std::slice::from_ref(survivor.node());
    let mut steps = vec![forget_step(survivor, lost, std::slice::from_ref(lost))];
    steps.extend(survivor.start_any());
    steps.push(run_together(survivor.host(), "survivor", alone));
    steps.push(gone(survivor, lost));
    steps
}

/// The survivor runs, and lists the lost one no more.
fn done_already(model: &Model, now: Moment, (lost, on): (&NodeName, &NodeName)) -> bool {
    model.lists(on, lost, now) == Some(false)
}

fn survivor<'a>(
    action: &Action,
    standing: &Standing<'a>,
    (lost, on): (&NodeName, &NodeName),
    checks: &mut Checks,
) -> Result<Ground<'a>, Refusal> {
    let found = standing
        .present
        .iter()
        .copied()
        .find(|g| g.target.node == on);
    let refuse = |reason: String, instead: &str, checks: &mut Checks| {
        Err(std::mem::take(checks).refuse(action, reason, Some(instead.to_owned())))
    };
    if lost == on {
        let reason = format!("{on} cannot forget itself");
        return refuse(reason, "name another member after --on", checks);
    }
    if let Some(ground) = found {
        Ok(ground)
    } else {
        let reason = format!("{on} is no member that could be started");
        refuse(
            reason,
            "name a member whose host answers after --on",
            checks,
        )
    }
}

/// Refuses where the tool would do nothing: `not_supported`, and nothing is removed (3.13 on).
fn mnesia_only(
    action: &Action,
    standing: &Standing<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    if standing.store != Some(MetadataStore::Khepri) {
        return Ok(());
    }
    let version = standing.version.as_ref();
    let version = version.map_or_else(|| "?".to_owned(), ToString::to_string);
    let reason = format!(
        "this is RabbitMQ {version} · khepri, where forget_cluster_node --offline is not supported and removes nothing"
    );
    let instead = "start a majority of members (start-cluster), then forget NODE; recover-lost-node does both";
    Err(std::mem::take(checks).refuse(action, reason, Some(instead.to_owned())))
}

fn all_down(action: &Action, standing: &Standing<'_>, checks: &mut Checks) -> Result<(), Refusal> {
    let up: Vec<Ground<'_>> = standing
        .present
        .iter()
        .copied()
        .filter(|ground| ground.target.state != NodeState::Down)
        .collect();
    let title = ("R4", "no runtime of any member is up");
    let Some(one) = up.first() else {
        let line = "none, by their hosts".to_owned();
        checks.found(title, Verdict::Passed, vec![line], None);
        return Ok(());
    };
    let words = up
        .iter()
        .map(|g| format!("{} is {}", g.node(), g.target.state.words()));
    let reason = format!(
        "a member can only be forgotten offline while none is up: {}",
        words.collect::<Vec<_>>().join(", ")
    );
    let instead = if standing.runs() {
        "forget NODE does it through a member that runs".to_owned()
    } else {
        format!("stop it first: stop-node {}", one.node())
    };
    Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
}

/// The survivor must be a disc member, and hold the newest data of all that are left.
fn is_the_newest(
    action: &Action,
    standing: &Standing<'_>,
    (lost, on): (&NodeName, Ground<'_>),
    checks: &mut Checks,
) -> Result<(), Refusal> {
    let node = on.node();
    if standing.is_ram(node) == Some(true) {
        let reason = format!("{node} is a RAM member, and has nothing on its disc");
        let instead = "name the disc member that stopped last after --on".to_owned();
        return Err(std::mem::take(checks).refuse(action, reason, Some(instead)));
    }
    forced(action, standing, on, checks)?;
    let files = standing.files(on);
    if files.is_some_and(|files| !files.members.is_empty() && !files.members.contains(lost)) {
        let reason = format!("{node} knows no member {lost}, by its disc");
        let instead = files.map(|files| format!("it knows {}", named(&files.members)));
        return Err(std::mem::take(checks).refuse(action, reason, instead));
    }
    let newest = match standing.order(checks) {
        Order::Untold(_) => return Ok(()),
        Order::Known(waves) => {
            if !standing.lost_names().contains(lost) {
                let reason = format!("{lost} is not lost: its host answers");
                let instead = "start-cluster starts it with the others".to_owned();
                return Err(std::mem::take(checks).refuse(action, reason, Some(instead)));
            }
            waves.into_iter().next().unwrap_or_default()
        }
        Order::Blocked { newest, .. } => newest,
    };
    let disc: Vec<&NodeName> = newest
        .iter()
        .filter(|node| standing.is_ram(node) != Some(true))
        .collect();
    if disc.contains(&node) || disc.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "{node} stopped before {}, whose data is newer",
        named(disc.clone())
    );
    let instead = disc
        .first()
        .map(|newest| format!("forget-offline {lost} --on {newest}"));
    Err(std::mem::take(checks).refuse(action, reason, instead))
}

/// A survivor that is told to start by itself already has either forgotten someone, or was told
/// `force_boot`: doing it again could not be told from not doing it.
fn forced(
    action: &Action,
    standing: &Standing<'_>,
    on: Ground<'_>,
    checks: &mut Checks,
) -> Result<(), Refusal> {
    let is_forced = |files: &crate::model::shutdown::NodeFiles| files.patience == Patience::Forced;
    if !standing.files(on).is_some_and(is_forced) {
        return Ok(());
    }
    let reason = format!(
        "{} is told already to start with what it has (force_boot, or forget-offline that was interrupted)",
        on.node()
    );
    let instead =
        "go on with that run (rmqtop runs), or start-cluster; then forget NODE".to_owned();
    Err(std::mem::take(checks).refuse(action, reason, Some(instead)))
}

/// Of those given up as lost, none may have come back since the plan was made: then nothing is lost.
fn forget_step(on: Ground<'_>, lost: &NodeName, given_up: &[NodeName]) -> Step {
    let node = on.node();
    let gone = Probe::Forgotten {
        node: lost.clone(),
        on: node.clone(),
    };
    Step {
        id: id("forget-offline", lost),
        title: format!("remove {lost} from the cluster, on the disc of {node}"),
        host: on.host(),
        change: Some(Change::Ctl {
            node: node.clone(),
            verb: CtlVerb::ForgetOffline { gone: lost.clone() },
            limit: FORGET_DEADLINE.saturating_sub(MARGIN),
        }),
        before: vec![
            Probe::Stopped {
                nodes: vec![node.clone()],
            },
            Probe::NoneRuns {
                nodes: given_up.to_vec(),
            },
        ],
        already: vec![Probe::NotMember {
            node: lost.clone(),
            by: node.clone(),
        }],
        after: vec![gone],
        deadline: FORGET_DEADLINE,
    }
}

/// Nobody lists the lost one.
fn gone(by: Ground<'_>, lost: &NodeName) -> Step {
    let gone = Probe::NotMember {
        node: lost.clone(),
        by: by.node().clone(),
    };
    Step {
        id: id("gone", lost),
        title: format!("see that {lost} is no member any more"),
        host: by.host(),
        change: None,
        before: Vec::new(),
        already: vec![gone.clone()],
        after: vec![gone],
        deadline: Duration::from_secs(60),
    }
}

fn blast(standing: &Standing<'_>, lost: &[NodeName], survivor: Ground<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    for node in lost {
        sentences.push(format!(
            "{node} is no member any more; if its host comes back it must not start its service: rejoin it, or wipe it"
        ));
        let recorded = standing
            .recorded()
            .and_then(|record| record.planned.only_on(node));
        sentences.push(match recorded {
            Some([]) => format!("by the journal no queue had its only copy on {node}"),
            Some(queues) => {
                let names: Vec<String> = queues.iter().map(ToString::to_string).collect();
                format!(
                    "classic queues with their only copy on {node} are deleted: {}",
                    names.join(", ")
                )
            }
            None => format!(
                "classic queues with their only copy on {node} are deleted; which cannot be told while nothing runs"
            ),
        });
    }
    sentences.push(format!(
        "the cluster goes on with what {} has: what only {} learnt after it stopped is lost",
        survivor.node(),
        named(lost)
    ));
    sentences
}

/// Plans the recovery of a cluster whose members wait for one that is lost.
pub(in crate::runbook) fn recover_lost(
    action: &Action,
    model: &Model,
    now: Moment,
) -> Result<Plan, Refusal> {
    let mut checks = Checks::default();
    let standing = standing::of(action, &mut checks, model, now)?;
    let Some(first) = standing.present.first().copied() else {
        let reason = "no member is left that could be started".to_owned();
        return Err(checks.refuse(action, reason, Some("bring a host back first".to_owned())));
    };
    let on_khepri = standing.store == Some(MetadataStore::Khepri);
    let lacks_majority = on_khepri && !standing.has_majority();
    if standing.runs() && !lacks_majority {
        return with_some_running(action, &standing, first, checks);
    }
    match standing.store {
        None => Err(checks.verdict(action).err().unwrap_or_else(|| {
            let reason = "the metadata store is not known".to_owned();
            Checks::default().refuse(action, reason, None)
        })),
        Some(MetadataStore::Khepri) => by_majority(action, &standing, first, checks),
        Some(MetadataStore::Mnesia) => by_newest(action, &standing, checks),
    }
}

/// Members run: either it is done already, or it is for `forget`.
fn with_some_running(
    action: &Action,
    standing: &Standing<'_>,
    first: Ground<'_>,
    checks: Checks,
) -> Result<Plan, Refusal> {
    let running: Vec<Ground<'_>> = standing.running().collect();
    if let Some((lost, _)) = standing.lost.first() {
        let reason = format!(
            "members run ({}), so that {lost} can be removed in the usual way",
            named(running.iter().map(|ground| ground.target.node))
        );
        return Err(checks.refuse(action, reason, Some(format!("forget {lost}"))));
    }
    let preflight = checks.verdict(action)?;
    let steps = start::steps(standing, &standing.present, None);
    Ok(first.plan(action, preflight, Vec::new(), steps))
}

fn by_newest(
    action: &Action,
    standing: &Standing<'_>,
    mut checks: Checks,
) -> Result<Plan, Refusal> {
    let (lost, newest) = match standing.order(&mut checks) {
        Order::Untold(why) => {
            let refused = checks.verdict(action).err();
            return Err(refused.unwrap_or_else(|| Checks::default().refuse(action, why, None)));
        }
        Order::Known(_) => {
            let reason = "nobody is missing whom the others would wait for".to_owned();
            return Err(checks.refuse(action, reason, Some("start-cluster".to_owned())));
        }
        Order::Blocked { lost, newest } => (lost, newest),
    };
    let survivor = standing
        .present
        .iter()
        .copied()
        .filter(|ground| standing.is_ram(ground.node()) != Some(true))
        .find(|ground| newest.contains(ground.node()));
    let Some(survivor) = survivor else {
        let reason = format!(
            "{} is a RAM member, and has nothing on its disc",
            named(&newest)
        );
        let instead = "forget-offline NODE --on the disc member that stopped last".to_owned();
        return Err(checks.refuse(action, reason, Some(instead)));
    };
    all_down(action, standing, &mut checks)?;
    forced(action, standing, survivor, &mut checks)?;
    let line = format!(
        "if {} comes back within reach, bring it back and use start-cluster: nothing is lost then; `force_boot` on {} would be the way if it is away for a while only",
        named(&lost),
        survivor.node()
    );
    checks.found(
        ("R4", "the lost member is lost for good"),
        Verdict::Warning,
        vec![line],
        None,
    );
    let preflight = checks.verdict(action)?;
    let steps = after_the_newest(standing, survivor, &lost);
    let blast = blast(standing, &lost, survivor);
    Ok(survivor.plan(action, preflight, blast, steps))
}

/// The lost ones are forgotten on the disc of the survivor, which starts first; then the others.
fn after_the_newest(standing: &Standing<'_>, survivor: Ground<'_>, lost: &[NodeName]) -> Vec<Step> {
    let mut steps: Vec<Step> = lost
        .iter()
        .map(|one| forget_step(survivor, one, lost))
        .collect();
    let others = standing.present.iter().copied();
    let others = others.filter(|ground| ground.node() != survivor.node());
    let order: Vec<Ground<'_>> = std::iter::once(survivor).chain(others).collect();
    // The survivor first, alone: the others take from it who is a member. That nobody lists the
    // lost ones any more is seen before the next one starts: the disc alone does not say it.
    let first = survivor.start_any();
    let begun: Vec<String> = first.iter().map(|step| step.id.clone()).collect();
    steps.extend(first);
    steps.push(run_together(
        survivor.host(),
        "survivor",
        std::slice::from_ref(survivor.node()),
    ));
    steps.extend(lost.iter().map(|lost| gone(survivor, lost)));
    let rest = start::steps(standing, &order, None);
    steps.extend(rest.into_iter().filter(|step| !begun.contains(&step.id)));
    let at = steps.iter().position(|step| step.id == "queues");
    let at = at.unwrap_or(steps.len());
    // Quorum queues are not shrunk offline.
    let after = lost.iter().map(|lost| shrink(survivor, lost));
    steps.splice(at..at, after);
    steps
}

/// On Khepri a majority of survivors needs nobody: they start, and forget the lost ones.
fn by_majority(
    action: &Action,
    standing: &Standing<'_>,
    first: Ground<'_>,
    mut checks: Checks,
) -> Result<Plan, Refusal> {
    let count = format!("{} of {} members", standing.present.len(), standing.size());
    if standing.lost.is_empty() {
        let reason = "no member is lost".to_owned();
        return Err(checks.refuse(action, reason, Some("start-cluster".to_owned())));
    }
    if !standing.has_majority() {
        return standalone::plan(action, standing, first, checks);
    }
    let line = format!("{count} can be started: a majority");
    let title = ("R4", "a majority of members survives");
    checks.found(title, Verdict::Passed, vec![line], None);
    let preflight = checks.verdict(action)?;
    let mut steps = start::steps(standing, &standing.present, None);
    let balancers = steps.iter().position(|step| step.id == "load-balancers");
    let tail = balancers.map_or_else(Vec::new, |at| steps.split_off(at));
    for (lost, _) in &standing.lost {
        steps.extend(forget_online(first, lost));
    }
    steps.extend(tail);
    let lost: Vec<NodeName> = standing.lost.iter().map(|(node, _)| node.clone()).collect();
    let mut sentences = blast(standing, &lost, first);
    sentences.pop();
    Ok(first.plan(action, preflight, sentences, steps))
}

/// The replicas go afterwards: of a member that is away `shrink` says `node_not_running`, and from
/// 4.2.6 on forgetting it takes them off (both seen on 4.3.6); before that `shrink` is needed.
fn forget_online(by: Ground<'_>, lost: &NodeName) -> [Step; 2] {
    let gone = Probe::NotMember {
        node: lost.clone(),
        by: by.node().clone(),
    };
    let forget = Step {
        id: id("forget", lost),
        title: format!("remove {lost} from the cluster, through {}", by.node()),
        host: by.host(),
        change: Some(Change::Ctl {
            node: by.node().clone(),
            verb: CtlVerb::ForgetClusterNode { gone: lost.clone() },
            limit: ONLINE_DEADLINE.saturating_sub(MARGIN),
        }),
        before: vec![
            Probe::SelfReports {
                node: by.node().clone(),
            },
            Probe::NoneRuns {
                nodes: vec![lost.clone()],
            },
        ],
        already: vec![gone.clone()],
        after: vec![gone],
        deadline: ONLINE_DEADLINE,
    };
    [forget, shrink(by, lost)]
}

/// Takes the replicas of quorum queues off the lost one, where any has one there.
fn shrink(by: Ground<'_>, lost: &NodeName) -> Step {
    Step {
        id: id("shrink", lost),
        before: vec![Probe::SelfReports {
            node: by.node().clone(),
        }],
        ..replicas::shrink_off(by, lost)
    }
}
