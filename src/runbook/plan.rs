//! Owns the plan as data: preflight verdicts, blast radius, steps with their conditions. A plan is
//! announced whole before it starts, shown, confirmed, exported and executed as the same value.

use crate::action::Action;
use crate::invocation::Change;
use crate::invocation::haproxy::ServerState;
use crate::model::broker::NodeType;
use crate::model::name::{
    ClusterName, DataPath, HaproxyName, HostName, NodeName, QueueName, Stamp, VhostName,
};
use crate::model::node::NodeState;
use crate::model::policy::{PolicyName, PolicyRule};
use crate::model::shutdown::WholeStop;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What will be done, why it may be done, and how each step is proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub action: Action,
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// Fingerprint of the cluster's state the plan rests on; re-read before every step.
    pub fingerprint: String,
    /// What the fingerprint is made of, one line per subject, so that a change can be named.
    pub basis: Vec<String>,
    /// Checks made before arming.
    pub preflight: Vec<Preflight>,
    /// What will be lost or unavailable, in sentences; empty only if nothing.
    pub blast_radius: Vec<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// What a stop of the whole cluster keeps in the journal for its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<WholeStop>,
    /// The nodes whose definitions are copied to this machine before anything is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<NodeName>,
}

impl Plan {
    /// The step that the one at `index` undoes: it puts back the server that an earlier one took out.
    pub fn undone_by(&self, index: usize) -> Option<usize> {
        let put_back = self.steps.get(index)?;
        let Some(Change::Haproxy(ready)) = &put_back.change else {
            return None;
        };
        if ready.state != ServerState::Ready {
            return None;
        }
        let takes_out = |step: &Step| {
            let Some(Change::Haproxy(set)) = &step.change else {
                return false;
            };
            step.host == put_back.host
                && (&set.backend, &set.server) == (&ready.backend, &ready.server)
                && set.state != ServerState::Ready
        };
        let earlier = self.steps.iter().take(index);
        earlier
            .enumerate()
            .rfind(|(_, step)| takes_out(step))
            .map(|(at, _)| at)
    }

    /// The digest of the whole plan. A permit is bound to it, so that no other plan can be run
    /// under it.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_else(|_| format!("{self:?}"));
        super::fingerprint::digest(text.as_bytes())
    }
}

/// A named check before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// `P1` … `P19`.
    pub id: String,
    /// What is checked, in words.
    pub title: String,
    /// What came out.
    pub verdict: Verdict,
    /// What it rests on, one line each.
    pub evidence: Vec<String>,
}

/// What came out of a check. Not being able to tell is never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not hold; the plan is refused.
    Failed,
    /// It cannot be told; the plan is refused unless the check is advisory.
    CannotTell,
    /// It does not apply to this cluster; the evidence says why.
    NotApplicable,
    /// It does not hold or cannot be told, but does not forbid; the operator is told.
    Warning,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Short id, unique in the plan: `stop-app`.
    pub id: String,
    /// What it does, in words.
    pub title: String,
    /// Where it runs.
    pub host: HostName,
    /// What is run; `None`: only wait for the postcondition.
    pub change: Option<Change>,
    /// Must hold right before acting.
    pub before: Vec<Probe>,
    /// If all hold already, the step is `AlreadySo` and nothing is sent. Empty: never.
    pub already: Vec<Probe>,
    /// Must all hold for the step to be done. Never empty.
    pub after: Vec<Probe>,
    /// From sending to the postcondition.
    pub deadline: Duration,
}

impl Step {
    /// Where its change is sent, for whoever reads its line: a request goes out from here.
    pub fn place(&self) -> String {
        match &self.change {
            Some(change) if !change.is_command() => "from here".to_owned(),
            Some(_) | None => format!("on {}", self.host),
        }
    }
}

/// A question to the cluster whose answer decides; data, evaluated on a fresh model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "probe")]
pub enum Probe {
    /// Another member sees `node` in this state (its own word does not count).
    PeersSee {
        /// Which member.
        node: NodeName,
        /// In which state.
        state: NodeState,
    },
    /// The member's host shows it in this state: no other member answers.
    HostSees {
        /// Which member.
        node: NodeName,
        /// In which state.
        state: NodeState,
    },
    /// The member does not run, in whatever state it is otherwise.
    DoesNotRun {
        /// Which member.
        node: NodeName,
    },
    /// The member's own management API says that it runs.
    SelfReports {
        /// Which member.
        node: NodeName,
    },
    /// The load balancers send `node` clients.
    BalancersUse {
        /// Which member.
        node: NodeName,
        /// On these load balancers: those that are expected to.
        on: Vec<HostName>,
    },
    /// The load balancers send `node` no new clients, by an administrator's word.
    BalancersSpare {
        /// Which member.
        node: NodeName,
        /// On these load balancers.
        on: Vec<HostName>,
    },
    /// One server of `node` takes clients.
    ServerUsed {
        /// Which member it stands for.
        node: NodeName,
        /// Which server.
        row: BalancerServer,
    },
    /// One server of `node` takes no new clients, by an administrator's word.
    ServerSpared {
        /// Which member it stands for.
        node: NodeName,
        /// Which server.
        row: BalancerServer,
    },
    /// The load balancers have another server than that of `node` to send clients to.
    OtherServers {
        /// Which member.
        node: NodeName,
        /// On these load balancers.
        on: Vec<HostName>,
    },
    /// No member but `node` changed its state since the plan was made.
    OthersUnchanged {
        /// The member acted on.
        node: NodeName,
        /// Members that must still run.
        running: Vec<NodeName>,
    },
    /// `node` runs in maintenance mode.
    Drained {
        /// Which member.
        node: NodeName,
        /// By whose word.
        by: MaintenanceWord,
    },
    /// `node` is not in maintenance mode.
    NotDrained {
        /// Which member.
        node: NodeName,
        /// By whose word.
        by: MaintenanceWord,
    },
    /// `by` and the members it lists know `node` as a member.
    Member {
        /// Which node.
        node: NodeName,
        /// Whose cluster.
        by: NodeName,
    },
    /// Neither `by` nor a member it lists knows `node` as a member.
    NotMember {
        /// Which node.
        node: NodeName,
        /// Whose cluster.
        by: NodeName,
    },
    /// `node` runs as a cluster of its own.
    Alone {
        /// Which node.
        node: NodeName,
    },
    /// The other members know `node` as a disc or as a RAM member.
    TypeIs {
        /// Which member.
        node: NodeName,
        /// As what.
        kind: NodeType,
    },
    /// Every node that answers calls the cluster so.
    ClusterNamed {
        /// How.
        name: ClusterName,
    },
    /// No quorum queue has a replica on `node`.
    NoReplicas {
        /// Which member.
        node: NodeName,
    },
    /// Every quorum queue has a replica on `node`, and it is online.
    AllReplicas {
        /// Which member.
        node: NodeName,
    },
    /// Every replica of a quorum queue that `node` has is online.
    ReplicasOnline {
        /// Which member.
        node: NodeName,
    },
    /// Every mirrored queue that `node` leads has a mirror that can take over.
    MirrorsReady {
        /// Which member.
        node: NodeName,
    },
    /// No running member leads more replicated queues than its share.
    LeadersSpread,
    /// Stopping `node` loses no quorum, by its own word.
    NotQuorumCritical {
        /// Which member.
        node: NodeName,
    },
    /// No member has an alarm in force.
    NoAlarms,
    /// Every virtual host runs on `node`, by its own word.
    VirtualHostsRun {
        /// Which member.
        node: NodeName,
    },
    /// Every node that answers knows this policy exactly so.
    PolicyIs {
        /// The whole of it.
        rule: PolicyRule,
    },
    /// No node that answers knows a policy of this name.
    NoPolicy {
        /// Where.
        vhost: VhostName,
        /// Which.
        name: PolicyName,
    },
    /// The queues that the policy must be in force on have it, by the word of other nodes than
    /// `through`.
    PolicyInForce {
        /// The whole of it.
        rule: PolicyRule,
        /// Where it was sent to.
        through: NodeName,
    },
    /// The policy is in force on no queue, by the word of other nodes than `through`.
    PolicyNowhere {
        /// Where.
        vhost: VhostName,
        /// Which.
        name: PolicyName,
        /// Where it was sent to.
        through: NodeName,
    },
    /// Every mirror of a classic queue is synchronised, by the word of other nodes than `through`.
    MirrorsInSync {
        /// Where.
        vhost: VhostName,
        /// Which.
        queue: QueueName,
        /// Where it was sent to.
        through: NodeName,
    },
    /// None of these has a runtime, by their hosts, and no member that answers sees one run.
    Stopped {
        /// Which members.
        nodes: Vec<NodeName>,
    },
    /// None of these runs or is about to, by their hosts and by the members that answer; one whose
    /// host does not answer is away.
    NoneRuns {
        /// Which members.
        nodes: Vec<NodeName>,
    },
    /// systemd does not hold the service of `node` for failed.
    ServiceNotFailed {
        /// Which member.
        node: NodeName,
    },
    /// The runtime of `node` is up, by its host, whatever its app does.
    RuntimeUp {
        /// Which member.
        node: NodeName,
    },
    /// Each of these runs, by the word of each.
    RunTogether {
        /// Which members.
        nodes: Vec<NodeName>,
    },
    /// No queue that can be listed is down or without a majority.
    QueuesUp,
    /// As many queues are there as before a stop.
    QueuesBack {
        /// Queues that survive a restart.
        at_least: u64,
    },
    /// `on` no longer counts `node` as a member: by its own list where it runs, else by the mark
    /// that the removal leaves on its disc.
    Forgotten {
        /// The lost member.
        node: NodeName,
        /// The survivor.
        on: NodeName,
    },
    /// The host of `node` has the Erlang cookie of the host of `with`, as a file of its own.
    CookieShared {
        /// Which node.
        node: NodeName,
        /// Whose cookie.
        with: NodeName,
    },
    /// The data of `node` is a plain directory, and no runtime uses it.
    DataFree {
        /// Which node.
        node: NodeName,
        /// Where its data is.
        dir: DataPath,
    },
    /// The data of `node` was moved aside, and nothing stands in its place.
    DataAside {
        /// Which node.
        node: NodeName,
        /// Where its data was.
        dir: DataPath,
        /// Tells this copy from others.
        stamp: Stamp,
    },
    /// `node` runs as a cluster of its own and holds what a fresh node holds.
    Blank {
        /// Which node.
        node: NodeName,
    },
}

/// A server on one load balancer, by its names there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerServer {
    /// On which host.
    pub on: HostName,
    /// The proxy it belongs to.
    pub backend: HaproxyName,
    /// Its name.
    pub server: HaproxyName,
}

impl fmt::Display for BalancerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.backend.as_str(), self.server.as_str())
    }
}

/// Who is asked about maintenance mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceWord {
    /// The management API of any member (from 3.11.19 and 3.12.1 on).
    Api,
    /// `rabbitmqctl cluster_status`, of another member where one answers.
    Status,
}

/// Why an action is not done, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What was asked for.
    pub action: String,
    /// The first reason, in one sentence.
    pub reason: String,
    /// All checks made, with what came out.
    pub preflight: Vec<Preflight>,
    /// What to do instead, or first.
    pub instead: Option<String>,
    /// Whether a later look may find it otherwise without anything being done.
    #[serde(skip)]
    pub may_pass: bool,
}
