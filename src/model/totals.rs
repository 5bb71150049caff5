//! Owns the figures of the whole cluster: from a source that counts all of it, or summed over its
//! members. A summand that is missing makes the sum unknown, never smaller.

use super::broker::{MessageTotals, QueueRow};
use super::list::Tally;
use super::moment::Moment;
use super::name::NodeName;
use super::node::NodeState;
use super::observation::SourceKind;
use super::{Model, freshness_limit};

impl Model {
    /// Message counts, rates and numbers of objects, if current.
    pub fn current_totals(&self, now: Moment) -> Option<&MessageTotals> {
        self.totals
            .current(now, freshness_limit(SourceKind::Totals))
    }

    /// The same; where the broker keeps no statistics, with what the queues themselves say of their
    /// messages. What is not known is missing.
    pub fn figures(&self, now: Moment) -> MessageTotals {
        let mut totals = self.current_totals(now).cloned().unwrap_or_default();
        if totals.messages.is_none()
            && let Ok(page) = self.all_queues(now)
        {
            let sum = |count: fn(&QueueRow) -> Option<u64>| {
                page.rows.iter().map(count).collect::<Tally>().whole()
            };
            totals.messages = sum(|row| row.messages);
            totals.ready = sum(|row| row.ready);
            totals.unacknowledged = sum(|row| row.unacknowledged);
        }
        totals
    }

    /// Whether the broker is set to keep no statistics.
    pub fn keeps_no_statistics(&self, now: Moment) -> bool {
        let totals = self.current_totals(now);
        totals.and_then(|totals| totals.stats_disabled) == Some(true)
    }

    /// Queues in the cluster, whoever may see them.
    pub fn queue_count(&self, now: Moment) -> Option<u64> {
        self.member_views(now)
            .find_map(|(_, report)| report.objects.queues)
            .or_else(|| self.current_totals(now)?.objects.queues)
    }

    /// Client connections to the cluster: as the statistics have it, else as each member counts its
    /// own.
    pub fn connection_count(&self, now: Moment) -> Option<u64> {
        let counted = self.current_totals(now);
        let counted = counted.and_then(|totals| totals.objects.connections);
        counted.or_else(|| {
            let members = self.members();
            let own = members
                .iter()
                .filter(|name| self.is_member(name, now) != Some(false))
                .map(|name| self.connections_of(name, now));
            own.collect::<Tally>().whole()
        })
    }

    /// Client connections to `node`, as it counts them itself; none where its app does not run.
    pub fn connections_of(&self, node: &NodeName, now: Moment) -> Option<u64> {
        if matches!(
            self.node(node, now).state,
            NodeState::AppStopped | NodeState::Down
        ) {
            return Some(0);
        }
        let host = self.inventory.host_of(node)?;
        self.broker(&host.name, now)?.objects.connections
    }
}
