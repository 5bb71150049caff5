//! Owns what the console knows of policies between two answers of the sources, and the rows of
//! their list.

use super::App;
use super::effect::Effect;
use super::focus::Subject;
use super::modal::form::Form;
use super::rows::{Health, Row};
use super::runbooks::RunbookSpec;
use crate::action::Action;
use crate::executor::event::{RunEvent, RunEventKind};
use crate::model::moment::Moment;
use crate::model::name::VhostName;
use crate::model::policy::PolicyName;
use crate::model::policy::usage::{self, PolicyUse};

/// When the answers came that the uses rest on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Basis {
    policies: Option<Moment>,
    queues: Option<Moment>,
}

impl App {
    /// Reads policies and queues anew, where an answer came since.
    pub(super) fn read_policies(&mut self, now: Moment) {
        let basis = Basis {
            policies: self.model.policies.seen_at(),
            queues: self.model.queues.seen_at(),
        };
        if basis != self.uses_basis {
            self.uses_basis = basis;
            self.uses = usage::of(&self.model, now);
        }
    }

    /// Policies are polled once a minute: after a run that changed them they are asked for at once.
    pub(super) fn after(&self, event: &RunEvent) -> Vec<Effect> {
        let has_ended = matches!(event.what, RunEventKind::Ended { .. });
        let run = self.runs.iter().find(|run| run.id() == Some(&event.run));
        let is_about_policies = run.is_some_and(|run| {
            matches!(
                run.plan.action,
                Action::PolicySet { .. }
                    | Action::PolicyClear { .. }
                    | Action::MirrorMajority { .. }
            )
        });
        if has_ended && is_about_policies && self.frozen.is_none() {
            vec![Effect::PollNow]
        } else {
            Vec::new()
        }
    }

    /// Why a runbook about policies has nothing to be done to.
    pub(super) fn lacks(&self, spec: &RunbookSpec, usual: &Form, now: Moment) -> Option<String> {
        let capability = self.model.capability(now);
        let is_about_mirrors = matches!(spec.name, "mirror-majority" | "mirror-sync");
        if is_about_mirrors && capability.has_mirroring() == Some(false) {
            return Some(format!(
                "mirrored classic queues were removed in RabbitMQ 4.0; this is {}",
                capability.words()
            ));
        }
        match spec.name {
            "policy-clear" if usual.value("policy").is_empty() => Some(self.no_policy(now)),
            "mirror-sync" if usual.value("queue").is_empty() => Some(self.no_mirror(now)),
            _ => None,
        }
    }

    /// That there is none, or why that is not known: who is not shown a virtual host's queues is not
    /// shown its policies either.
    fn no_policy(&self, now: Moment) -> String {
        let known = self.model.policies.last();
        match self.model.all_queues(now) {
            _ if known.is_none() => "the policies are not known".to_owned(),
            Ok(_) => "there is no policy".to_owned(),
            Err(gap) => format!("no policy is shown: {gap}"),
        }
    }

    fn no_mirror(&self, now: Moment) -> String {
        match self.model.all_queues(now) {
            Ok(_) => "no classic queue has a mirror".to_owned(),
            Err(gap) => format!("no mirror is known: {gap}"),
        }
    }

    /// The policy that `subject` names.
    pub fn policy_use(&self, subject: &Subject) -> Option<&PolicyUse> {
        let Subject::Policy { vhost, name } = subject else {
            return None;
        };
        self.uses
            .iter()
            .find(|it| it.policy.vhost == *vhost && it.policy.name == name.0)
    }
}

/// A policy as something to be selected.
pub fn subject(vhost: &VhostName, name: &PolicyName) -> Subject {
    Subject::Policy {
        vhost: vhost.clone(),
        name: name.clone(),
    }
}

/// The rows of the list.
pub(super) fn rows(uses: &[PolicyUse]) -> Vec<Row> {
    uses.iter()
        .map(|it| {
            let policy = &it.policy;
            // Without the names of others, which would be found by theirs.
            let standing = it.standing.words();
            let standing = standing.split(':').next().unwrap_or_default();
            Row {
                subject: subject(&policy.vhost, &it.name()),
                depth: 0,
                text: format!(
                    "{} {} {} {} {}",
                    policy.name, policy.vhost, policy.pattern, policy.definition, standing
                ),
                health: if it.standing.is_well() {
                    Health::Well
                } else {
                    Health::Fault
                },
            }
        })
        .collect()
}
