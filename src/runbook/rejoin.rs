//! Owns `rejoin`: a node becomes a member again, whatever the cluster and its own disk still believe
//! of it. The steps that make a member are those of `join`.

use super::blast;
use super::membership::{Arrival, both, destroyed, entering, joining, removing, startable};
use super::plan::{Plan, Refusal, Step};
use super::preflight;
use super::spare::{Servers, Told};
use super::steps::Ground;
use super::wipe;
use crate::action::Action;
use crate::model::broker::NodeType;
use crate::model::host::UnitState;
use crate::model::node::NodeState;

/// As `join`, after the cluster has forgotten what it still believes of the node. One that cannot
/// boot, because it believes to be a member of a cluster that forgot it, or because what it has on
/// its disk is of no use, begins on an empty disk.
pub(super) fn plan(action: &Action, ground: Ground<'_>) -> Result<Plan, Refusal> {
    let listed = ground.is_listed();
    let mut checks = joining(ground);
    let cannot_boot = cannot_boot(ground);
    if cannot_boot {
        checks.make(&preflight::CURABLE, ground);
        checks.make(&preflight::DATA, ground);
    } else {
        startable(action, ground, &mut checks)?;
    }
    let stale = listed && (cannot_boot || ground.target.state == NodeState::AppStopped);
    let servers = Servers::of(ground);
    if stale {
        for check in [
            &preflight::MAJORITY,
            &preflight::DISC,
            &preflight::LOSSES,
            &preflight::REPLICAS,
        ] {
            checks.make(check, ground);
        }
    }
    let preflight = checks.verdict(action)?;
    let fate = destroyed(ground);
    let mut blast = Vec::new();
    let mut steps = Vec::new();
    if stale || cannot_boot {
        steps.extend(servers.take_out(ground, &ground.still_outside()));
    }
    if cannot_boot {
        let (more, lost) = from_an_empty_disk(action, ground, &servers)?;
        steps.extend(more);
        blast = lost;
    } else {
        let mut put_out: &[Told] = &[];
        if stale {
            blast = blast::of_removal(ground, &fate);
            steps.extend(removing(ground));
            put_out = &servers.used;
        } else if !listed {
            blast = vec![fate];
        }
        steps.extend(entering(ground, NodeType::Disc, Arrival::AsSeen(put_out)));
    }
    if !listed {
        blast.extend(servers.kept());
    }
    let definitions = if stale || !listed {
        both(ground)
    } else {
        Vec::new()
    };
    Ok(Plan {
        definitions,
        ..ground.plan(action, preflight, blast, steps)
    })
}

/// The steps that bring back a node that cannot boot, and what is lost by them.
fn from_an_empty_disk(
    action: &Action,
    ground: Ground<'_>,
    servers: &Servers,
) -> Result<(Vec<Step>, Vec<String>), Refusal> {
    let fresh = wipe::on_nothing(action, ground)?;
    // While it is forgotten nothing may start it again.
    let mut steps = Vec::from_iter(fresh.stop);
    let mut blast = Vec::new();
    if ground.is_listed() {
        let fate = format!("the cluster forgets {}, and it joins again", ground.node());
        blast = blast::of_removal(ground, &fate);
        steps.extend(removing(ground.once(NodeState::Down)));
    }
    blast.extend(blast::of_wipe(ground, fresh.aside.as_deref()));
    steps.extend(fresh.begin);
    let arrival = Arrival::Blank(&servers.used);
    steps.extend(entering(ground, NodeType::Disc, arrival));
    Ok((steps, blast))
}

/// Whether a node cannot boot as a member with what is on its disk: it dies again and again, waits
/// for a cluster that forgot it or believes to be in it, or was given up.
pub(super) fn cannot_boot(ground: Ground<'_>) -> bool {
    match ground.target.state {
        NodeState::Restarting => true,
        NodeState::Starting => !ground.is_listed(),
        NodeState::Down => !ground.is_listed() || ground.unit() == Some(&UnitState::Failed),
        // What it has is the state of a cluster that goes on without it.
        NodeState::Running | NodeState::AppStopped => ground.is_forgotten(),
        NodeState::Unreachable | NodeState::NotRunning | NodeState::Hung | NodeState::Unknown => {
            false
        }
    }
}
