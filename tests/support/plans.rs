//! Owns a plan, a refusal and the events of a run to be drawn. The sentences are those of an
//! operator's day; nothing is planned or run here.

use super::cluster::{host, node};
use rmqtop::action::Action;
use rmqtop::app::effect::Effect;
use rmqtop::app::msg::Ticket;
use rmqtop::executor::event::{RunEvent, RunEventKind, RunId, RunOutcome, StepOutcome};
use rmqtop::executor::record::{Kept, RunRecord, Writer};
use rmqtop::invocation::{Change, CtlVerb};
use rmqtop::model::node::NodeState;
use rmqtop::runbook::plan::{Plan, Preflight, Probe, Refusal, Step, Verdict};
use std::time::Duration;

/// What the console asked to be planned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Joins the answer.
    pub(crate) ticket: Ticket,
}

/// The one question among `effects`.
pub(crate) fn asked(effects: &[Effect]) -> Asked {
    for effect in effects {
        if let Effect::Survey { ticket, .. } = effect {
            return Asked { ticket: *ticket };
        }
    }
    panic!("nothing was asked: {effects:?}")
}

/// The one question about an interrupted run among `effects`.
pub(crate) fn asked_review(effects: &[Effect]) -> Ticket {
    for effect in effects {
        if let Effect::Review { ticket, .. } = effect {
            return *ticket;
        }
    }
    panic!("nothing was asked: {effects:?}")
}

/// A run as its journal tells it.
pub(crate) fn kept(events: &[RunEvent], writer: Writer) -> Kept {
    let record = RunRecord::fold(events).unwrap();
    Kept {
        run: record.run.clone(),
        closed: rmqtop::executor::resume::closed(&record),
        record: Ok(Box::new(record)),
        writer,
    }
}

fn check(id: &str, title: &str, verdict: Verdict, evidence: &[&str]) -> Preflight {
    Preflight {
        id: id.to_owned(),
        title: title.to_owned(),
        verdict,
        evidence: evidence.iter().map(|line| (*line).to_owned()).collect(),
    }
}

fn step(id: &str, title: &str, verb: CtlVerb, state: NodeState) -> Step {
    Step {
        id: id.to_owned(),
        title: title.to_owned(),
        host: host(2),
        change: Some(Change::Ctl {
            node: node(2),
            verb,
            limit: Duration::from_secs(60),
        }),
        before: Vec::new(),
        already: Vec::new(),
        after: vec![Probe::PeersSee {
            node: node(2),
            state,
        }],
        deadline: Duration::from_secs(90),
    }
}

/// Restarts the app of the third node.
pub(crate) fn plan() -> Plan {
    Plan {
        action: Action::RestartApp { node: node(2) },
        cluster: "prod".to_owned(),
        fingerprint: "f1".to_owned(),
        basis: Vec::new(),
        preflight: vec![
            check("P1", "rabbit@rabbit-node3 is a member and runs", Verdict::Passed, &[]),
            check("P2", "version and metadata store are known", Verdict::Passed, &[]),
            check("P4", "every other member runs", Verdict::Passed, &[]),
            check("P5", "no quorum is lost while it is stopped", Verdict::Passed, &[]),
            check(
                "P6",
                "no queue becomes unavailable",
                Verdict::Warning,
                &["14 classic queues have their only copy on rabbit@rabbit-node3"],
            ),
            check("P9", "no alarm is in force", Verdict::Passed, &[]),
            check("P11", "another server takes clients on every load balancer", Verdict::Passed, &[]),
        ],
        blast_radius: vec![
            "14 queues with a single copy on rabbit@rabbit-node3 cannot be used while its app is stopped: 9 120 messages.".to_owned(),
            "13 client connections to rabbit@rabbit-node3 close; clients that reconnect reach the other two nodes.".to_owned(),
        ],
        steps: vec![
            step("stop-app", "stop the RabbitMQ application", CtlVerb::StopApp, NodeState::AppStopped),
            step("start-app", "start the RabbitMQ application", CtlVerb::StartApp, NodeState::Running),
            Step {
                change: None,
                ..step("settle", "wait until the load balancers send it clients", CtlVerb::StartApp, NodeState::Running)
            },
        ],
        stop: None,
        definitions: Vec::new(),
    }
}

/// The same, refused.
pub(crate) fn refusal() -> Refusal {
    let mut preflight = plan().preflight;
    preflight[2] = check(
        "P4",
        "every other member runs",
        Verdict::Failed,
        &["rabbit@rabbit-node2 is down: rabbit-node1 and rabbit-node3 do not see it running"],
    );
    preflight[3] = check(
        "P5",
        "no quorum is lost while it is stopped",
        Verdict::CannotTell,
        &["GET http://192.168.0.15:15672/api/health/checks/node-is-quorum-critical: 503"],
    );
    Refusal {
        action: "restart-app rabbit@rabbit-node3".to_owned(),
        reason: "stopping rabbit@rabbit-node3 would lose the quorum of 3 queues: orders.paid, orders.new and orders.failed".to_owned(),
        preflight,
        instead: Some("Start rabbit@rabbit-node2 first: rmqtop run start-app rabbit@rabbit-node2".to_owned()),
        may_pass: false,
    }
}

/// The first events of a run that goes well, in order.
pub(crate) fn run_events(count: usize) -> Vec<RunEvent> {
    let command = "rabbitmqctl -n rabbit@rabbit-node3 -t 60 --silent stop_app".to_owned();
    let done = |proof: &str| StepOutcome::Done {
        proof: vec![proof.to_owned()],
    };
    let kinds = [
        RunEventKind::Announced {
            plan: Box::new(plan()),
            who: "anna@ops1".to_owned(),
            definitions: Vec::new(),
        },
        RunEventKind::StepStarted { step: 0 },
        RunEventKind::Sending { step: 0, command },
        RunEventKind::Output {
            step: 0,
            line: "Stopping rabbit application on node rabbit@rabbit-node3 ...".into(),
        },
        RunEventKind::CommandEnded {
            step: 0,
            words: "exit 0 (succeeded)".to_owned(),
        },
        RunEventKind::Waiting {
            step: 0,
            words: "rabbit-node1 still sees rabbit@rabbit-node3 running".to_owned(),
        },
        RunEventKind::StepEnded {
            step: 0,
            outcome: done("rabbit-node1 and rabbit-node2 see it stopped"),
        },
        RunEventKind::StepStarted { step: 1 },
        RunEventKind::StepEnded {
            step: 1,
            outcome: done("rabbit-node1 and rabbit-node2 see it running"),
        },
        RunEventKind::StepStarted { step: 2 },
        RunEventKind::StepEnded {
            step: 2,
            outcome: done("both load balancers send it clients"),
        },
        RunEventKind::Ended {
            outcome: RunOutcome::Done,
        },
    ];
    kinds
        .into_iter()
        .take(count)
        .enumerate()
        .map(|(number, what)| RunEvent {
            run: RunId("20261122-140231-7f3a".to_owned()),
            at: "2026-11-22T14:02:31Z".parse().unwrap(),
            elapsed: Duration::from_millis(700 * number as u64),
            what,
        })
        .collect()
}
