//! Owns how a cluster stands before it is started: who runs, who is down, who cannot be started,
//! which metadata store it is, and who has to start first. Pure; makes the checks on the way.

use super::named;
use super::order::{self, Account, Order};
use crate::action::Action;
use crate::model::Model;
use crate::model::broker::{MetadataStore, NodeType, Version};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::shutdown::{DataDirectory, NodeFiles};
use crate::runbook::plan::{Refusal, Verdict};
use crate::runbook::preflight::{self, Checks};
use crate::runbook::steps::Ground;
use std::collections::BTreeSet;

const DATA_GONE: &str = "its data directory is gone, so that it would start blank";

/// How a cluster stands.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) model: &'a Model,
    pub(super) now: Moment,
    /// Members that run, start, or can be started, in the order of the configuration.
    pub(super) present: Vec<Ground<'a>>,
    /// Members that cannot be started, with the reason.
    pub(super) lost: Vec<(NodeName, String)>,
    /// Nodes that are left alone, with the reason.
    pub(super) left: Vec<(NodeName, String)>,
    /// By a member that runs, else by the discs.
    pub(super) store: Option<MetadataStore>,
    /// As the store.
    pub(super) version: Option<Version>,
}

/// Looks at every declared node.
///
/// # Errors
///
/// A refusal if the state of one is not known, or nothing is declared.
pub(super) fn of<'a>(
    action: &Action,
    checks: &mut Checks,
    model: &'a Model,
    now: Moment,
) -> Result<Standing<'a>, Refusal> {
    let members = super::members(action, model, now)?;
    if let Some(first) = members.first() {
        checks.make(&preflight::FRESH_ALL_MEMBERS, *first);
    }
    let mut standing = Standing {
        model,
        now,
        present: Vec::new(),
        lost: Vec::new(),
        left: Vec::new(),
        store: None,
        version: None,
    };
    for ground in members {
        match ground.target.state {
            NodeState::Unknown | NodeState::NotRunning => {
                let reason = ground.state_reason("so whether it must be started is not known");
                return Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())));
            }
            NodeState::Unreachable => {
                let why = format!("its host {} does not answer", ground.target.host.name);
                standing.lost.push((ground.node().clone(), why));
            }
            NodeState::Hung => {
                let reason = ground.state_reason("so it neither serves nor can be started");
                return Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())));
            }
            NodeState::Restarting if !ground.waits_for_others() => {
                let reason = ground.state_reason("and would be so however often it is started");
                return Err(std::mem::take(checks).refuse(action, reason, Some(ground.first())));
            }
            NodeState::Running
            | NodeState::AppStopped
            | NodeState::Down
            | NodeState::Starting
            | NodeState::Restarting => {
                standing.present.push(ground);
            }
        }
    }
    standing.sort_out();
    standing.learn_store();
    standing.check_store(checks);
    standing.check_members(checks);
    Ok(standing)
}

impl<'a> Standing<'a> {
    pub(super) fn running(&self) -> impl Iterator<Item = Ground<'a>> {
        let present = self.present.iter().copied();
        present.filter(|ground| ground.target.state == NodeState::Running)
    }

    pub(super) fn runs(&self) -> bool {
        self.running().next().is_some()
    }

    pub(super) fn files(&self, ground: Ground<'a>) -> Option<&'a NodeFiles> {
        self.model.files_of(&ground.target.host.name, self.now)
    }

    /// Why the disc of a member could not be read.
    pub(super) fn unread(&self) -> Vec<String> {
        let silent = self.present.iter().filter(|g| self.files(**g).is_none());
        silent
            .map(|ground| {
                let reading = self.model.files.get(&ground.target.host.name);
                let why = reading.and_then(|reading| reading.failure());
                let why = why.map_or_else(|| "it was not asked".to_owned(), ToString::to_string);
                format!(
                    "what {} left on its disc is not known: {why}",
                    ground.node()
                )
            })
            .collect()
    }

    pub(super) fn accounts(&self) -> Vec<Account<'a>> {
        let present = self.present.iter();
        present
            .filter_map(|ground| {
                Some(Account {
                    node: ground.target.node,
                    files: self.files(*ground)?,
                })
            })
            .collect()
    }

    pub(super) fn lost_names(&self) -> BTreeSet<NodeName> {
        self.lost.iter().map(|(node, _)| node.clone()).collect()
    }

    /// All members: those present and those lost.
    pub(super) fn size(&self) -> usize {
        self.present.len() + self.lost.len()
    }

    /// Who would start blank is left out. Only the discs know who is a member while nothing runs.
    fn sort_out(&mut self) {
        if self.runs() {
            return self.leave_out_blank();
        }
        let accounts = self.accounts();
        let foreign = |ground: &Ground<'a>| {
            let others = || {
                let others = accounts.iter().filter(|one| one.node != ground.node());
                others.filter(|one| !one.files.members.is_empty())
            };
            let listed = others().any(|one| one.files.members.contains(ground.node()));
            others().next().is_some() && !listed
        };
        let blank = |ground: &Ground<'a>| {
            let has_data = |data| data == DataDirectory::Present;
            let any = accounts.iter().any(|one| has_data(one.files.data));
            any && self
                .files(*ground)
                .is_some_and(|files| !has_data(files.data))
        };
        let (mut lost, mut left, mut present) = (Vec::new(), Vec::new(), Vec::new());
        for ground in &self.present {
            let node = ground.node().clone();
            if foreign(ground) {
                let why = "by the discs of the others it is no member; start-node starts it alone";
                left.push((node, why.to_owned()));
            } else if blank(ground) {
                lost.push((node, DATA_GONE.to_owned()));
            } else {
                present.push(*ground);
            }
        }
        self.present = present;
        self.lost.extend(lost);
        self.left.extend(left);
        self.add_undeclared();
    }

    fn leave_out_blank(&mut self) {
        let is_blank = |ground: &Ground<'a>| {
            let files = self.files(*ground);
            ground.target.state == NodeState::Down
                && self.model.is_member(ground.node(), self.now) != Some(false)
                && files.is_some_and(|files| files.data == DataDirectory::Absent)
        };
        let (blank, present) = self.present.iter().partition(|ground| is_blank(ground));
        let blank: Vec<Ground<'a>> = blank;
        self.present = present;
        let lost = blank.iter();
        let lost = lost.map(|ground| (ground.node().clone(), DATA_GONE.to_owned()));
        self.lost.extend(lost);
    }

    fn add_undeclared(&mut self) {
        let declared: Vec<&NodeName> = self.model.inventory.nodes().map(|(_, n)| n).collect();
        let accounts = self.accounts();
        let listed: BTreeSet<&NodeName> = accounts
            .iter()
            .flat_map(|account| &account.files.members)
            .filter(|name| !declared.contains(name))
            .collect();
        let why = "it is a member by the discs, but the configuration does not name it";
        let undeclared = listed
            .into_iter()
            .map(|name| (name.clone(), why.to_owned()));
        self.lost.extend(undeclared.collect::<Vec<_>>());
    }

    fn learn_store(&mut self) {
        let capability = self.model.capability(self.now);
        let known = self.runs() && self.model.capability_is_current(self.now);
        if known && capability.store.is_some() {
            self.store = capability.store;
            self.version = capability.version;
            return;
        }
        let accounts = self.accounts();
        let stores: BTreeSet<String> = accounts
            .iter()
            .filter_map(|account| Some(account.files.store?.to_string()))
            .collect();
        if stores.len() == 1 {
            self.store = accounts.iter().find_map(|account| account.files.store);
        }
        let releases = accounts.iter().filter_map(|a| a.files.release.as_ref());
        self.version = releases.min().cloned();
    }

    fn check_store(&self, checks: &mut Checks) {
        let title = ("P2", "version and metadata store are known");
        let (verdict, line) = match (&self.version, self.store) {
            (Some(version), Some(store)) => {
                let by = if self.runs() { "" } else { ", by the discs" };
                (Verdict::Passed, format!("RabbitMQ {version} · {store}{by}"))
            }
            (_, _) if self.unread().is_empty() => (
                Verdict::CannotTell,
                "whether the metadata store is Mnesia or Khepri is not known".to_owned(),
            ),
            (_, _) => (Verdict::CannotTell, self.unread().join("; ")),
        };
        let instead = "look at /var/lib/rabbitmq/mnesia of each host; root's rights are needed";
        checks.found(title, verdict, vec![line], Some(instead.to_owned()));
    }

    fn check_members(&self, checks: &mut Checks) {
        let title = ("R8", "every member can be started");
        let told = |(node, why): &(NodeName, String)| format!("{node} is left out: {why}");
        let out: Vec<String> = self.lost.iter().chain(&self.left).map(told).collect();
        let (verdict, lines) = if out.is_empty() {
            let nodes = named(self.present.iter().map(|ground| ground.target.node));
            (Verdict::Passed, vec![nodes])
        } else {
            (Verdict::Warning, out)
        };
        checks.found(title, verdict, lines, None);
    }

    /// Whether enough members can be started for a Raft store to have a leader.
    pub(super) fn has_majority(&self) -> bool {
        self.present.len() > self.size() / 2
    }

    /// The order on Mnesia: by the discs; where they cannot be read, by the journal. Notes what
    /// each says.
    pub(super) fn order(&self, checks: &mut Checks) -> Order {
        let accounts = self.accounts();
        let unread = self.unread();
        let known = if let Some(first) = unread.first() {
            Order::Untold(first.clone())
        } else {
            order::of(&accounts, &self.lost_names())
        };
        let title = ("R8", "who stopped last is known");
        let words: Vec<String> = accounts.iter().map(Account::words).collect();
        let instead = "start the member whose data you trust: start-node NODE, which waits up to 300 s for the others; then start-cluster";
        match known {
            Order::Known(waves) => {
                checks.found(title, Verdict::Passed, words, None);
                self.compare(checks, &waves, &accounts);
                Order::Known(waves)
            }
            Order::Blocked { lost, newest } => {
                checks.found(title, Verdict::Passed, words, None);
                Order::Blocked { lost, newest }
            }
            Order::Untold(why) => {
                let down: Vec<&NodeName> = self.present.iter().map(|g| g.target.node).collect();
                let by_journal = self.model.remembered.as_ref();
                let by_journal = by_journal.filter(|_| !unread.is_empty());
                let by_journal =
                    by_journal.and_then(|record| Some((record, order::of_journal(record, &down)?)));
                if let Some((record, waves)) = by_journal {
                    let line = format!(
                        "{why}; so it goes by the journal of this machine: run {} of {}",
                        record.run, record.who
                    );
                    checks.found(title, Verdict::Warning, vec![line], None);
                    Order::Known(waves)
                } else {
                    let lines = [vec![why.clone()], words].concat();
                    let instead = Some(instead.to_owned());
                    checks.found(title, Verdict::CannotTell, lines, instead);
                    Order::Untold(why)
                }
            }
        }
    }

    fn compare(&self, checks: &mut Checks, waves: &[Vec<NodeName>], accounts: &[Account<'_>]) {
        let title = ("R8", "the journal of this machine tells of the same stop");
        let (verdict, lines) = match &self.model.remembered {
            Some(record) => order::compared(record, waves, accounts, self.now),
            None => (
                Verdict::NotApplicable,
                vec!["it tells of none: the order is that of the discs".to_owned()],
            ),
        };
        checks.found(title, verdict, lines, None);
    }

    /// Whether a member is a RAM member: by a member that answers, else by the discs.
    pub(super) fn is_ram(&self, node: &NodeName) -> Option<bool> {
        if self.store == Some(MetadataStore::Khepri) {
            return Some(false);
        }
        if let Some(kind) = self.model.node(node, self.now).node_type {
            return Some(kind == NodeType::Ram);
        }
        let accounts = self.accounts();
        let own = accounts.iter().find(|account| account.node == node);
        own.and_then(|account| account.files.is_ram(node))
    }

    /// Whether nothing runs and none but RAM members ran at the very end.
    pub(super) fn ram_ran_last(&self) -> bool {
        let is_ram = |node: &NodeName| self.is_ram(node) == Some(true);
        match order::of(&self.accounts(), &self.lost_names()) {
            Order::Known(waves) if !self.runs() => {
                waves.first().is_some_and(|last| last.iter().all(is_ram))
            }
            Order::Known(_) | Order::Blocked { .. } | Order::Untold(_) => false,
        }
    }

    /// What the journal of this machine recorded of this very stop.
    pub(super) fn recorded(&self) -> Option<&'a crate::model::shutdown::StopRecord> {
        let record = self.model.remembered.as_ref()?;
        let accounts = self.accounts();
        let waves = match order::of(&accounts, &self.lost_names()) {
            Order::Known(waves) => waves,
            Order::Blocked { .. } | Order::Untold(_) => Vec::new(),
        };
        let (verdict, _) = order::compared(record, &waves, &accounts, self.now);
        (verdict == Verdict::Passed).then_some(record)
    }
}
