//! Owns the detail of a policy: the whole of it, where chance decides, and every queue that it is
//! for with what is in force there.

use super::Page;
use crate::app::focus::Subject;
use crate::model::broker::QueueRow;
use crate::model::policy::effect::{InForce, Policies, Ready};
use crate::model::policy::usage::{PolicyUse, Standing};
use crate::view::theme::Role;
use crate::view::words;
use ratatui::text::Span;

/// Queues that are listed; what is beyond is counted.
const LISTED: usize = 200;

impl Page<'_> {
    pub(super) fn policy(&mut self, subject: &Subject) {
        let Some(it) = self.scene.app.policy_use(subject).cloned() else {
            self.say(Role::Text, "there is no such policy any more");
            return;
        };
        self.heading("What it sets");
        self.figure("vhost", Some(it.policy.vhost.to_string()));
        self.figure("pattern", Some(it.policy.pattern.to_string()));
        let kinds = it.policy.apply_to.as_ref().map(ToString::to_string);
        self.figure("applies to", kinds);
        self.figure("priority", it.policy.priority.map(|p| p.to_string()));
        match &it.rule {
            Some(rule) => {
                for (key, value) in rule.definition.keys() {
                    let value = crate::model::text::Shown::new(&value.to_string());
                    let key = crate::model::text::Shown::new(&key);
                    self.figure(key.as_str(), Some(value.to_string()));
                }
            }
            None => self.figure("definition", Some(it.policy.definition.to_string())),
        }
        self.policy_standing(&it.standing);
        self.policy_queues(&it);
    }

    fn policy_standing(&mut self, standing: &Standing) {
        if *standing == Standing::Well {
            return;
        }
        self.heading("Standing");
        let mut spans = vec![Span::raw("  ")];
        spans.extend(self.scene.mark(&words::standing(standing)));
        self.lines.push(spans);
        if let Standing::Chance(conflicts) = standing {
            for conflict in conflicts {
                let of = match conflict.queues.len() {
                    0 => "no queue now, but one declared later may be for both".to_owned(),
                    1 => "1 queue has one of the two".to_owned(),
                    count => format!("{count} queues have one of the two"),
                };
                self.say(Role::Text, &format!("{}: {of}", conflict.other));
            }
            self.say(
                Role::Dim,
                "keys of policies are not merged: give them different priorities, or one policy \
                 with all keys",
            );
        }
    }

    fn policy_queues(&mut self, it: &PolicyUse) {
        let app = self.scene.app;
        let Some(page) = app.model.queues.last() else {
            self.heading("Queues");
            self.say(Role::Unknown, "not known");
            return;
        };
        let policies = app.model.policies.last().map_or(&[][..], Vec::as_slice);
        let policies = Policies::of(policies, &it.policy.vhost);
        let ready = it.rule.clone().map(Ready::new);
        let is_about = |row: &&QueueRow| {
            let is_under =
                row.vhost == it.policy.vhost && row.policy.as_ref() == Some(&it.policy.name);
            is_under || ready.as_ref().and_then(|ready| ready.is_for(row)) == Some(true)
        };
        let rows: Vec<&QueueRow> = page.rows.iter().filter(is_about).collect();
        self.heading(&format!("Queues that it is for: {}", rows.len()));
        if let Some(gap) = page.gap("queues") {
            self.say(Role::Warn, &format!("there may be more: {gap}"));
        }
        if it.rule.is_none() || it.matching.is_none() {
            self.say(
                Role::Warn,
                "only the broker can judge its pattern: these are the queues it names it for",
            );
        }
        for row in rows.iter().take(LISTED) {
            self.policy_queue(row, &policies);
        }
        if rows.len() > LISTED {
            self.say(Role::Dim, &format!("and {} more", rows.len() - LISTED));
        }
    }

    /// A queue with the policy in force on it, by the broker's word, and what that sets.
    fn policy_queue(&mut self, row: &QueueRow, policies: &Policies) {
        let name = row.name.to_string();
        let mut spans = match &row.policy {
            Some(policy) => vec![self.scene.span_raw(Role::Text, policy.to_string())],
            None => vec![self.scene.span(Role::Unknown, "none yet")],
        };
        if let Some(effective) = &row.effective {
            spans.push(self.scene.span_raw(Role::Dim, format!("  {effective}")));
        }
        if let Some(operator) = &row.operator_policy {
            let words = format!("  with operator policy {operator}");
            spans.push(self.scene.span_raw(Role::Dim, words));
        }
        if matches!(policies.in_force(row), InForce::Chance(_)) {
            spans.push(self.scene.span(Role::Warn, "  by chance"));
        }
        self.fact(&name, spans);
    }
}
