//! Owns the checks of R10 and R11: whether the user may, whether the release knows it, what the
//! pattern picks, and L2: whether chance would decide.

use super::{Check, Checks, Judged, Target};
use crate::model::Model;
use crate::model::freshness_limit;
use crate::model::moment::Moment;
use crate::model::observation::SourceKind;
use crate::model::policy::PolicyRule;
use crate::model::policy::effect::{Policies, Ready};
use crate::model::policy::pattern::{Pattern, lone_dots};
use crate::runbook::plan::Verdict;
use crate::runbook::policy::{count, known, named, rows};
use crate::runbook::steps::Ground;
use serde_json::Value;

/// By the broker's own word on the user that is configured.
pub const MAY_CHANGE_POLICIES: Check = Check {
    id: "R10",
    title: "the user may change policies",
    judge: may_change_policies,
};

/// By the broker's own word on the user that is configured.
pub const MAY_SYNCHRONISE: Check = Check {
    id: "R11",
    title: "the user may synchronise mirrors",
    judge: may_synchronise,
};

fn may_change_policies(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    rights(model, now, &["policymaker", "administrator"])
}

fn may_synchronise(model: &Model, _target: Target<'_>, now: Moment) -> Judged {
    rights(model, now, &["administrator"])
}

fn rights(model: &Model, now: Moment, tags: &[&str]) -> Judged {
    let limit = freshness_limit(SourceKind::User);
    let Some(user) = model.user.current(now, limit) else {
        let why = model
            .user
            .failure()
            .map_or_else(String::new, |failure| format!(": {failure}"));
        let line = format!("the broker does not say what the user may do{why}");
        return Judged::one(Verdict::CannotTell, line);
    };
    let has: Vec<&str> = user
        .tags
        .iter()
        .map(crate::model::text::Shown::as_str)
        .collect();
    let has = if has.is_empty() {
        "no tag".to_owned()
    } else {
        format!("the tags {}", has.join(", "))
    };
    if user.has_any(tags) {
        return Judged::one(Verdict::Passed, format!("{} has {has}", user.name));
    }
    let wanted = tags.join(" or ");
    Judged::one(
        Verdict::Failed,
        format!(
            "the user {} lacks the tag {wanted}: it has {has}",
            user.name
        ),
    )
    .instead(format!(
        "configure a user that has it, or give it: rabbitmqctl set_user_tags {} {}",
        crate::invocation::quoted(user.name.as_str()),
        tags.first().unwrap_or(&"administrator")
    ))
}

impl Checks {
    /// Whether the user may.
    pub(in crate::runbook) fn of_rights(&mut self, ground: Ground<'_>, check: &Check) {
        self.make(check, ground);
    }

    /// All checks of a policy that is to be set.
    pub(in crate::runbook) fn of_policy(&mut self, ground: Ground<'_>, ready: &Ready) {
        self.of_rights(ground, &MAY_CHANGE_POLICIES);
        let judged = [
            ("R10", "this release takes it", release(ground, &ready.rule)),
            ("R10", "its pattern picks what it should", pattern(ready)),
            (
                "L2",
                "no other policy of its priority is for the same queues",
                conflicts(ground, &ready.rule),
            ),
            (
                "L2",
                "its mirrors suit the cluster",
                mirrors(ground, &ready.rule),
            ),
        ];
        for (id, title, judged) in judged {
            self.add((id, title), judged);
        }
    }
}

fn release(ground: Ground<'_>, rule: &PolicyRule) -> Judged {
    let capability = ground.model.capability(ground.now);
    let Some(version) = &capability.version else {
        return Judged::one(Verdict::CannotTell, "the release is not known");
    };
    let words = capability.words();
    let mirroring = rule.definition.mirroring();
    if !mirroring.is_empty() && version.series() >= (4, 0) {
        return Judged::one(
            Verdict::Failed,
            format!(
                "{} are not recognised policy settings: mirrored classic queues were removed in \
                 RabbitMQ 4.0, and this is {words}",
                mirroring.join(", ")
            ),
        )
        .instead(
            "declare quorum queues, whose replicas follow by themselves (x-queue-type quorum)",
        );
    }
    if !rule.apply_to.exists_in(version) {
        return Judged::one(
            Verdict::Failed,
            format!(
                "--apply-to {} came with RabbitMQ 3.12, and this is {words}",
                rule.apply_to
            ),
        )
        .instead("use --apply-to queues, and a pattern that picks the queues");
    }
    if !mirroring.is_empty() && version.series() == (3, 13) {
        return Judged::one(
            Verdict::Warning,
            format!(
                "mirrored classic queues are deprecated in {words}, and gone in 4.0: quorum queues \
                 take their place"
            ),
        );
    }
    Judged::one(
        Verdict::Passed,
        format!("nothing in it is known to be refused by {words}; the broker judges the rest"),
    )
}

fn pattern(ready: &Ready) -> Judged {
    let text = ready.rule.pattern.raw();
    match &ready.pattern {
        Pattern::Invalid(fault) => Judged::one(Verdict::Failed, fault.to_string())
            .instead("correct the pattern; brokers read it as PCRE"),
        Pattern::Beyond(why) => Judged::one(
            Verdict::Warning,
            format!("only the broker can judge it, so the queues below may not be all: {why}"),
        ),
        Pattern::Known(_) => {
            let mut lines = Vec::new();
            if ready.pattern.matches_everything() == Some(true) {
                lines.push("it matches every name".to_owned());
            } else if !text.starts_with('^') && !text.starts_with("\\A") {
                lines.push("it has no ^ in front: it matches anywhere in a name".to_owned());
            }
            let dots = lone_dots(text);
            if !dots.is_empty() {
                let at: Vec<String> = dots.iter().map(ToString::to_string).collect();
                lines.push(format!(
                    "a dot matches any character: character {} of it; \\. matches a dot",
                    at.join(" and ")
                ));
            }
            if lines.is_empty() {
                Judged::one(Verdict::Passed, "it is a regular expression")
            } else {
                Judged::new(Verdict::Warning, lines)
            }
        }
    }
}

fn conflicts(ground: Ground<'_>, rule: &PolicyRule) -> Judged {
    let limit = freshness_limit(SourceKind::Policies);
    if ground.model.policies.current(ground.now, limit).is_none() {
        return Judged::one(Verdict::CannotTell, "the policies could not be listed");
    }
    let policies = Policies::of(known(ground), &rule.vhost);
    let found = policies.conflicts(rule, rows(ground));
    if found.is_empty() {
        let seen = known(ground)
            .iter()
            .any(|policy| policy.vhost == rule.vhost)
            || rows(ground).iter().any(|row| row.vhost == rule.vhost);
        return match ground.model.all_queues(ground.now) {
            // Policies are shown to whoever is shown the queues beside them.
            Err(gap) if !seen => Judged::one(
                Verdict::CannotTell,
                format!(
                    "{gap}, and nothing of vhost {}: its policies are not known",
                    rule.vhost
                ),
            ),
            Ok(_) | Err(_) => Judged::one(Verdict::Passed, "none"),
        };
    }
    let lines = found.iter().map(|conflict| {
        let of = if conflict.queues.is_empty() {
            "on queues declared later".to_owned()
        } else {
            format!(
                "on {}: {}",
                count(conflict.queues.len()),
                named(&conflict.queues)
            )
        };
        format!(
            "{} has priority {} as well, and keys are not merged: chance decides {of}",
            conflict.other, rule.priority
        )
    });
    Judged::new(Verdict::Warning, lines.collect())
}

fn mirrors(ground: Ground<'_>, rule: &PolicyRule) -> Judged {
    let keys = rule.definition.keys();
    if rule.definition.mirroring().is_empty() {
        return Judged::one(Verdict::NotApplicable, "it is not about mirrors");
    }
    let capability = ground.model.capability(ground.now);
    if capability.has_mirroring() == Some(false) {
        let line = format!("there are none in {}", capability.words());
        return Judged::one(Verdict::NotApplicable, line);
    }
    let members = ground.model.members().len();
    let text = |key: &str| keys.get(key).and_then(Value::as_str);
    let mut lines = Vec::new();
    if text("ha-mode") == Some("exactly") {
        match keys.get("ha-params").and_then(Value::as_u64) {
            Some(copies) if copies > members as u64 => lines.push(format!(
                "ha-params asks for {copies} copies, and there are {members} members"
            )),
            Some(1) => lines.push("ha-params 1 is the queue alone, without a mirror".to_owned()),
            Some(_) => {}
            None => lines.push("ha-mode exactly wants a number in ha-params".to_owned()),
        }
    }
    if text("ha-mode") == Some("all") && members > 3 {
        lines.push(format!(
            "ha-mode all copies everything to {members} members; a majority of {} is enough",
            members / 2 + 1
        ));
    }
    if text("ha-sync-mode") == Some("automatic") {
        lines.push(
            "ha-sync-mode automatic: a queue takes and delivers nothing while a mirror is copied"
                .to_owned(),
        );
    }
    if lines.is_empty() {
        Judged::one(Verdict::Passed, "they do")
    } else {
        Judged::new(Verdict::Warning, lines)
    }
}
