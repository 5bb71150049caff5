//! Owns what was seen to change since the console was opened: node states with the time since
//! when, moves of the virtual addresses, message rates. Fed after every batch of observations.

use crate::findings::Finding;
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::NodeState;
use crate::model::vip::VipVerdict;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// Moves kept.
const MOVES: usize = 200;
/// Samples kept for a sparkline.
const SAMPLES: usize = 120;

/// What was seen to change.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    states: BTreeMap<NodeName, (NodeState, Since)>,
    holders: BTreeMap<IpAddr, Vec<HostName>>,
    moves: VecDeque<VipMove>,
    publish: VecDeque<Option<f64>>,
    sampled_at: Option<Moment>,
    glance: u64,
}

/// Whether a batch brought what an operator would want to see at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Figures and ages at most: the next second's frame is soon enough.
    None,
    /// A state, a verdict, a source or a first value.
    Some,
}

/// Since when something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// It was so when it was first seen: how long before is not known.
    FirstSeen,
    /// It changed at this moment.
    Changed(Moment),
}

/// A move of a virtual address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VipMove {
    /// When it was seen.
    pub at: Moment,
    /// Which address.
    pub address: IpAddr,
    /// Who held it before; empty: nobody.
    pub from: Vec<HostName>,
    /// Who holds it since; empty: nobody.
    pub to: Vec<HostName>,
}

impl Changes {
    /// Compares what matters at a glance with the last time: states, verdicts, servers, and which
    /// sources answer. Figures move with every poll and are left out.
    pub fn glance(&mut self, model: &Model, findings: &[Finding], now: Moment) -> News {
        let mut hasher = DefaultHasher::new();
        for finding in findings {
            (&finding.id, &finding.subject, finding.severity).hash(&mut hasher);
        }
        for (node, (state, _)) in &self.states {
            (node, state).hash(&mut hasher);
        }
        for (address, holders) in &self.holders {
            (address, holders).hash(&mut hasher);
        }
        for (source, status) in &model.sources {
            (
                source.kind,
                status.answered_at.is_some(),
                status.failure.is_some(),
            )
                .hash(&mut hasher);
        }
        for (host, _) in model.inventory.balancers() {
            let report = model.balancer(&host.name, now);
            for server in report
                .iter()
                .flat_map(|r| &r.backends)
                .flat_map(|b| &b.servers)
            {
                (server.state(), &server.name).hash(&mut hasher);
            }
        }
        let glance = hasher.finish();
        if std::mem::replace(&mut self.glance, glance) == glance {
            News::None
        } else {
            News::Some
        }
    }

    /// Looks at the model after a batch; the moves that are new, in order.
    pub fn look(&mut self, model: &Model, now: Moment) -> Vec<VipMove> {
        for node in model.nodes(now) {
            match self.states.get_mut(&node.name) {
                Some((state, since)) if *state != node.state => {
                    *state = node.state;
                    *since = Since::Changed(now);
                }
                Some(_) => {}
                None => {
                    let first = (node.state, Since::FirstSeen);
                    self.states.insert(node.name, first);
                }
            }
        }
        self.sample(model);
        self.look_at_vips(model, now)
    }

    fn look_at_vips(&mut self, model: &Model, now: Moment) -> Vec<VipMove> {
        let mut new = Vec::new();
        for vip in model.vips(now) {
            // A holder that cannot be asked is not a holder that let go.
            if vip.holders.is_empty() && vip.verdict != VipVerdict::None {
                continue;
            }
            if let Some(from) = self.holders.insert(vip.address, vip.holders.clone())
                && from != vip.holders
            {
                new.push(VipMove {
                    at: now,
                    address: vip.address,
                    from,
                    to: vip.holders,
                });
            }
        }
        self.moves.extend(new.iter().cloned());
        while self.moves.len() > MOVES {
            self.moves.pop_front();
        }
        new
    }

    fn sample(&mut self, model: &Model) {
        let seen_at = model.totals.seen_at();
        if seen_at.is_none() || seen_at == self.sampled_at {
            return;
        }
        self.sampled_at = seen_at;
        let rate = model.totals.last().and_then(|totals| totals.publish_rate);
        self.publish.push_back(rate);
        if self.publish.len() > SAMPLES {
            self.publish.pop_front();
        }
    }

    /// When `node` came into its state, if that was seen.
    pub fn state_since(&self, node: &NodeName) -> Option<Moment> {
        match self.states.get(node)? {
            (_, Since::Changed(at)) => Some(*at),
            (_, Since::FirstSeen) => None,
        }
    }

    /// Moves seen, the latest first.
    pub fn moves(&self) -> impl Iterator<Item = &VipMove> {
        self.moves.iter().rev()
    }

    /// When `address` last moved, if that was seen.
    pub fn last_move(&self, address: IpAddr) -> Option<&VipMove> {
        self.moves().find(|seen| seen.address == address)
    }

    /// Publish rates, messages per second, the latest last; `None`: not known then.
    pub fn publish_rates(&self) -> &VecDeque<Option<f64>> {
        &self.publish
    }
}
