//! Whatever the cluster looks like, no plan takes it below a quorum. The oracle counts for
//! itself and shares no code with the planner.

use crate::cluster::{Cluster, Life, Queue, node};
use proptest::prelude::*;
use rmqtop::action::{Action, StopManner};
use rmqtop::model::broker::{NodeType, QueueType};
use rmqtop::model::moment::Moment;
use rmqtop::model::name::NodeName;
use rmqtop::model::observation::SourceKind;
use rmqtop::runbook;

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        5 => Just(Life::Running),
        1 => Just(Life::AppStopped),
        1 => Just(Life::Down),
        1 => Just(Life::HostDead),
    ]
}

fn kind() -> impl Strategy<Value = QueueType> {
    prop_oneof![
        Just(QueueType::Quorum),
        Just(QueueType::Stream),
        Just(QueueType::Classic),
    ]
}

fn cluster() -> impl Strategy<Value = (Cluster, usize)> {
    (1..=5_usize).prop_flat_map(|members| {
        let queue = (
            kind(),
            prop::sample::subsequence((0..members).collect::<Vec<_>>(), 1..=members),
        );
        (
            prop::collection::vec(life(), members),
            prop::collection::vec(queue, 0..4),
            any::<bool>(),
            prop::option::weighted(
                0.2,
                (0..members).prop_map(|at| (SourceKind::QuorumCritical, at)),
            ),
            0..members,
            prop::sample::subsequence((0..members).collect::<Vec<_>>(), 0..=members),
        )
            .prop_map(move |(lives, queues, khepri, mute, target, ram)| {
                let mut cluster = Cluster::of(members);
                cluster.lives = lives;
                if !khepri {
                    cluster.ram = ram;
                }
                cluster.mute = mute.into_iter().collect();
                if khepri {
                    cluster.version = "4.3.6".to_owned();
                    cluster.khepri = Some(true);
                }
                cluster.queues = queues
                    .into_iter()
                    .enumerate()
                    .map(|(index, (kind, members))| Queue {
                        name: format!("q{index}"),
                        kind,
                        members,
                        durable: true,
                        messages: 1,
                    })
                    .collect();
                (cluster, target)
            })
    })
}

/// What a stop of `target` would leave without a majority.
fn losses(cluster: &Cluster, target: usize) -> Vec<String> {
    let stays = |member: usize| member != target && cluster.lives[member] == Life::Running;
    let mut lost = Vec::new();
    for queue in &cluster.queues {
        if queue.kind == QueueType::Classic || !queue.members.contains(&target) {
            continue;
        }
        let left = queue
            .members
            .iter()
            .filter(|member| stays(**member))
            .count();
        if 2 * left <= queue.members.len() {
            lost.push(queue.name.clone());
        }
    }
    let members = cluster.lives.len();
    let left = (0..members).filter(|member| stays(*member)).count();
    if cluster.khepri == Some(true) && members > 1 && 2 * left <= members {
        lost.push("metadata".to_owned());
    }
    lost
}

/// What taking `target` out for good would break: quorum queues whose remaining replicas are no
/// majority of themselves, a store without majority, a cluster without disc member.
fn removal_losses(cluster: &Cluster, target: usize) -> Vec<String> {
    let mut lost = Vec::new();
    let runs = |member: &&usize| **member != target && cluster.lives[**member] == Life::Running;
    for queue in &cluster.queues {
        if queue.kind == QueueType::Quorum && queue.members.contains(&target) {
            let online = queue.members.iter().filter(runs).count();
            if 2 * online < queue.members.len() {
                lost.push(queue.name.clone());
            }
        }
    }
    let members: Vec<usize> = (0..cluster.lives.len()).collect();
    let online = members.iter().filter(runs).count();
    if cluster.khepri == Some(true) && 2 * online <= members.len() {
        lost.push("metadata".to_owned());
    }
    let another_disc = |member: &usize| *member != target && !cluster.ram.contains(member);
    if cluster.khepri != Some(true) && !members.iter().any(another_disc) {
        lost.push("the last disc member".to_owned());
    }
    lost
}

/// A runbook that takes something away from the cluster.
fn harmful() -> impl Strategy<Value = fn(NodeName) -> Action> {
    let ram = |node| Action::NodeType {
        node,
        kind: NodeType::Ram,
    };
    prop::sample::select(vec![
        (|node| Action::StopApp { node }) as fn(NodeName) -> Action,
        |node| Action::StopNode {
            node,
            manner: StopManner::Orderly,
        },
        |node| Action::RestartNode { node },
        |node| Action::Drain { node },
        |node| Action::QuorumShrink { node },
        |node| Action::Leave { node },
        |node| Action::Forget { node, via: None },
        |node| Action::Rejoin { node, to: None },
        ram,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_plan_loses_a_quorum((cluster, target) in cluster()) {
        let now = Moment::ORIGIN;
        let model = cluster.model(now);
        let action = Action::RestartApp { node: node(target) };
        let planned = runbook::plan(&action, &model, now);
        let stops = cluster.lives[target] == Life::Running;
        if let Ok(plan) = &planned {
            prop_assert!(stops || cluster.lives[target] == Life::AppStopped);
            if stops {
                prop_assert_eq!(losses(&cluster, target), Vec::<String>::new());
            }
            for step in &plan.steps {
                prop_assert!(!step.after.is_empty(), "{} proves nothing", step.id);
            }
        }
        // And where all is well, one is offered: the check is not simply always no.
        let well = cluster.lives.iter().all(|life| *life == Life::Running)
            && cluster.mute.is_empty()
            && cluster.lives.len() > 2
            && losses(&cluster, target).is_empty();
        if well {
            prop_assert!(planned.is_ok(), "{:?}", planned.err().map(|refusal| refusal.reason));
        }
    }

    #[test]
    fn no_runbook_loses_a_quorum_or_the_last_disc_member(
        (cluster, target) in cluster(),
        action in harmful(),
    ) {
        let now = Moment::ORIGIN;
        let action = action(node(target));
        let Ok(plan) = runbook::plan(&action, &cluster.model(now), now) else {
            return Ok(());
        };
        for step in &plan.steps {
            prop_assert!(!step.after.is_empty(), "{} proves nothing", step.id);
        }
        let acts = |id: &str| plan.steps.iter().any(|step| step.id == id);
        let stops = ["stop-app", "stop-node", "drain"].into_iter().any(acts);
        // Replicas are taken off before the app stops, so that only the store counts then.
        if stops && !acts("shrink") && cluster.lives[target] == Life::Running {
            prop_assert_eq!(losses(&cluster, target), Vec::<String>::new(), "{}", action);
        }
        if ["shrink", "reset", "forget"].into_iter().any(acts) {
            let mut lost = removal_losses(&cluster, target);
            if !acts("reset") && !acts("forget") {
                lost.retain(|what| what.starts_with('q'));
            }
            prop_assert_eq!(lost, Vec::<String>::new(), "{}", action);
        }
        if acts("change-type") && acts("stop-app") {
            let mut lost = removal_losses(&cluster, target);
            lost.retain(|what| what.contains("disc"));
            prop_assert_eq!(lost, Vec::<String>::new(), "{}", action);
            let held = cluster.queues.iter().any(|queue| {
                queue.kind != QueueType::Classic && queue.members.contains(&target)
            });
            prop_assert!(!held, "{} wipes a replica", action);
        }
    }
}
