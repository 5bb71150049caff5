//! Owns `wipe`: the data of a node that is no member is moved aside, and the node starts blank.
//! Nothing is deleted: the copy stays beside it until a person removes it.

use super::blast;
use super::plan::{Plan, Probe, Refusal, Step};
use super::preflight::{self, Checks};
use super::probe::{ProbeAnswer, host};
use super::spare::Servers;
use super::steps::Ground;
use crate::action::Action;
use crate::invocation::Change;
use crate::model::data::DataState;
use crate::model::name::{DataPath, Stamp};
use crate::model::node::NodeState;
use std::time::Duration;

/// A directory is renamed, whatever is in it.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) fn plan(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let node = ground.node();
    let blank = Probe::Blank { node: node.clone() };
    let blankness = blank.evaluate(ground.model, ground.now);
    let is_blank = blankness.holds();
    let mut checks = Checks::default();
    for check in [
        &preflight::FRESH,
        &preflight::CAPABILITY,
        &preflight::STRANGER,
        &preflight::DATA,
    ] {
        checks.make(check, ground);
    }
    if ground.target.state.is_out_of_sight() {
        let reason = ground.state_reason("so its disc cannot be seen");
        return Err(checks.refuse(action, reason, Some(ground.first())));
    }
    // Of a node whose app is stopped it cannot be told, and nothing is lost by moving it.
    if let (NodeState::Running, ProbeAnswer::CannotTell(words)) = (ground.target.state, &blankness)
    {
        let reason =
            format!("{node} runs, and whether it is blank already cannot be told: {words}");
        let instead = "try again when its host answers".to_owned();
        return Err(checks.refuse(action, reason, Some(instead)));
    }
    let preflight = checks.verdict(action)?;
    let OnNothing {
        mut stop,
        mut begin,
        aside,
    } = on_nothing(action, ground)?;
    let servers = Servers::of(ground);
    let mut steps = servers.take_out(ground, &ground.still_outside());
    let mut blast = Vec::new();
    if is_blank {
        // It stands where it should.
        stop = None;
        if let Some(step) = begin.iter_mut().find(|step| step.id == SET_ASIDE) {
            step.already = vec![blank];
        }
    } else {
        blast = blast::of_wipe(ground, aside.as_deref());
        blast.extend(servers.words(node));
    }
    steps.extend(stop.into_iter().chain(begin));
    Ok(ground.plan(action, preflight, blast, steps))
}

/// The steps after which a node runs on an empty disk.
pub(super) struct OnNothing {
    /// Stops it, where it is not down.
    pub(super) stop: Option<Step>,
    /// Moves its data aside, and starts it.
    pub(super) begin: Vec<Step>,
    /// Where its data stands afterwards, if there is any.
    pub(super) aside: Option<String>,
}

///
/// # Errors
///
/// A refusal where its host does not say where its data is.
pub(super) fn on_nothing(action: &Action, ground: Ground<'_>) -> Result<OnNothing, Refusal> {
    let node = ground.node();
    let data = host::data(ground.model, node, ground.now)
        .map_err(|words| Checks::default().refuse(action, words, None))?;
    let stamp = Stamp::new(ground.now.wall);
    let moves = data.state == DataState::Directory;
    let mut begin = Vec::from_iter(moves.then(|| set_aside(ground, &data.dir, &stamp)));
    begin.extend(ground.lift_start_limit());
    let blank = Probe::Blank { node: node.clone() };
    let mut start = ground.start_node();
    start.title = format!("start {} of {node}, on nothing", ground.service());
    start.before = vec![ground.down()];
    start.already = vec![blank.clone()];
    start.after = vec![blank];
    begin.push(start);
    let is_up = ground.target.state != NodeState::Down;
    Ok(OnNothing {
        stop: is_up.then(|| ground.stop_node_outside()),
        begin,
        aside: moves.then(|| data.dir.aside(&stamp)),
    })
}

const SET_ASIDE: &str = "set-aside";

fn set_aside(ground: Ground<'_>, dir: &DataPath, stamp: &Stamp) -> Step {
    let node = ground.node().clone();
    let aside = Probe::DataAside {
        node: node.clone(),
        dir: dir.clone(),
        stamp: stamp.clone(),
    };
    Step {
        id: SET_ASIDE.to_owned(),
        title: format!("move {dir} to {}", dir.aside(stamp)),
        host: ground.host(),
        change: Some(Change::SetAside {
            service: ground.service(),
            dir: dir.clone(),
            stamp: stamp.clone(),
        }),
        before: vec![
            ground.down(),
            Probe::DataFree {
                node: node.clone(),
                dir: dir.clone(),
            },
            Probe::NotMember {
                node,
                by: ground.through().clone(),
            },
        ],
        already: vec![aside.clone()],
        after: vec![aside],
        deadline: DEADLINE,
    }
}
