//! Owns what the runbooks about policies and mirrors ask, and how the answers become an action.
//! Their questions begin at the policy that is selected, so that setting it again edits it.

use super::Ground;
use crate::action::Action;
use crate::app::modal::form::{Choice, Fault, Form, FormField};
use crate::model::broker::{QueueRow, QueueType};
use crate::model::name::{QueueName, VhostName};
use crate::model::policy::pattern::Pattern;
use crate::model::policy::usage::PolicyUse;
use crate::model::policy::{
    ApplyTo, DEFAULT_VHOST, Definition, PolicyName, PolicyRule, given_name,
};
use crate::model::text::Shown;
use strum::IntoEnumIterator;

/// Queues that can be picked; more than that are named on the command line.
const LISTED: usize = 200;

/// The policy that is selected.
fn selected<'a>(ground: &Ground<'a>) -> Option<&'a PolicyUse> {
    let subject = ground.app.selected(ground.now)?;
    ground.app.policy_use(&subject)
}

/// Two names as one answer.
fn joined(vhost: &VhostName, name: &Shown) -> String {
    serde_json::to_string(&(vhost, name)).unwrap_or_default()
}

fn parted<N: serde::de::DeserializeOwned>(
    form: &Form,
    key: &'static str,
) -> Result<(VhostName, N), Fault> {
    serde_json::from_str(form.value(key)).map_err(|_none| Fault::new(key, "there is none to name"))
}

fn vhost(text: &str) -> Result<(), String> {
    let name = given_name(text, "a virtual host");
    name.map(drop).map_err(|error| error.to_string())
}

fn policy_name(text: &str) -> Result<(), String> {
    let name = PolicyName::parse(text);
    name.map(drop).map_err(|error| error.to_string())
}

fn pattern(text: &str) -> Result<(), String> {
    match Pattern::new(text) {
        Pattern::Invalid(fault) => Err(fault.to_string()),
        Pattern::Known(_) | Pattern::Beyond(_) => Ok(()),
    }
}

fn priority(text: &str) -> Result<(), String> {
    let number: Result<i64, _> = text.trim().parse();
    number
        .map(drop)
        .map_err(|_error| "the priority is a whole number".to_owned())
}

fn definition(text: &str) -> Result<(), String> {
    let definition = Definition::given(text);
    definition.map(drop).map_err(|error| error.to_string())
}

fn kinds() -> Vec<Choice> {
    ApplyTo::iter()
        .map(|kind| {
            let note = match kind {
                ApplyTo::All => "exchanges too",
                ApplyTo::Exchanges | ApplyTo::Queues => "",
                ApplyTo::ClassicQueues | ApplyTo::QuorumQueues | ApplyTo::Streams => "from 3.12",
            };
            Choice::new(&kind.to_string(), &kind.to_string()).noted(note)
        })
        .collect()
}

pub(super) fn set(ground: &Ground<'_>) -> Vec<FormField> {
    let rule = selected(ground).and_then(|it| it.rule.as_ref());
    let or = |text: Option<&str>, usual: &str| text.unwrap_or(usual).to_owned();
    let priority_of = rule.map(|rule| rule.priority.to_string());
    let kind_of = rule.map_or(ApplyTo::Queues, |rule| rule.apply_to);
    vec![
        FormField::text("name", "policy", policy_name)
            .help("one of that name is replaced")
            .holding(&or(rule.map(|rule| rule.name.raw()), "")),
        FormField::text("vhost", "vhost", vhost)
            .help("the virtual host")
            .holding(&or(rule.map(|rule| rule.vhost.0.raw()), DEFAULT_VHOST)),
        FormField::text("pattern", "pattern", pattern)
            .help("a regular expression over names; a dot is any character, \\. is a dot")
            .holding(&or(rule.map(|rule| rule.pattern.raw()), "^")),
        FormField::pick("apply-to", "applies to", kinds())
            .help("for which kinds of objects it is")
            .holding(&kind_of.to_string()),
        FormField::text("priority", "priority", priority)
            .help("the highest that matches is in force, alone; equal ones leave it to chance")
            .holding(&or(priority_of.as_deref(), "0")),
        FormField::text("definition", "definition", definition)
            .help("a JSON object such as {\"max-length\":1000}")
            .holding(&or(rule.map(|rule| rule.definition.as_str()), "")),
    ]
}

pub(super) fn set_action(form: &Form) -> Result<Action, Fault> {
    let told = |key: &'static str| move |error: String| Fault::new(key, &error);
    pattern(form.value("pattern")).map_err(told("pattern"))?;
    let words = |key, error: &dyn std::fmt::Display| Fault::new(key, &error.to_string());
    let rule = PolicyRule {
        name: PolicyName::parse(form.value("name")).map_err(|e| words("name", &e))?,
        vhost: vhost_of(form)?,
        pattern: Shown::new(form.value("pattern")),
        apply_to: ApplyTo::parse(form.value("apply-to")).map_err(|e| words("apply-to", &e))?,
        priority: form
            .value("priority")
            .trim()
            .parse()
            .map_err(|_error| Fault::new("priority", "the priority is a whole number"))?,
        definition: Definition::given(form.value("definition"))
            .map_err(|e| words("definition", &e))?,
    };
    Ok(Action::PolicySet { rule })
}

fn vhost_of(form: &Form) -> Result<VhostName, Fault> {
    let name = given_name(form.value("vhost"), "a virtual host");
    name.map(VhostName)
        .map_err(|error| Fault::new("vhost", &error.to_string()))
}

pub(super) fn clear(ground: &Ground<'_>) -> Vec<FormField> {
    let choice = |it: &PolicyUse| {
        let policy = &it.policy;
        Choice::new(&joined(&policy.vhost, &policy.name), policy.name.as_str())
            .noted(&format!("vhost {}", policy.vhost))
    };
    let choices = ground.app.uses.iter().map(choice).collect();
    let field = FormField::pick("policy", "policy", choices)
        .help("the plan names the command that brings it back");
    vec![match selected(ground) {
        Some(it) => field.holding(&joined(&it.policy.vhost, &it.policy.name)),
        None => field,
    }]
}

pub(super) fn clear_action(form: &Form) -> Result<Action, Fault> {
    let (vhost, name): (_, PolicyName) = parted(form, "policy")?;
    Ok(Action::PolicyClear { vhost, name })
}

pub(super) fn majority(_: &Ground<'_>) -> Vec<FormField> {
    vec![
        FormField::text("pattern", "pattern", pattern)
            .help("names of the queues that get a copy on a majority of the members")
            .holding("^"),
        FormField::text("vhost", "vhost", vhost)
            .help("the virtual host")
            .holding(DEFAULT_VHOST),
    ]
}

pub(super) fn majority_action(form: &Form) -> Result<Action, Fault> {
    pattern(form.value("pattern")).map_err(|error| Fault::new("pattern", &error))?;
    Ok(Action::MirrorMajority {
        vhost: vhost_of(form)?,
        pattern: Shown::new(form.value("pattern")),
    })
}

/// Queues with mirrors, those that lag behind first.
pub(super) fn sync(ground: &Ground<'_>) -> Vec<FormField> {
    let page = ground.app.model.queues.last();
    let lags = |row: &&QueueRow| {
        row.members
            .iter()
            .any(|member| !row.online.contains(member))
    };
    let is_mirrored = |row: &&QueueRow| {
        matches!(row.queue_type, Some(QueueType::Classic) | None) && row.members.len() > 1
    };
    let rows = page.iter().flat_map(|page| &page.rows).filter(is_mirrored);
    let (mut first, rest): (Vec<&QueueRow>, Vec<&QueueRow>) = rows.partition(lags);
    first.extend(rest);
    let choice = |row: &QueueRow| {
        let in_sync = row
            .members
            .iter()
            .filter(|member| row.online.contains(member));
        let note = format!(
            "vhost {}, {} of {} copies in sync",
            row.vhost,
            in_sync.count(),
            row.members.len()
        );
        Choice::new(&joined(&row.vhost, &row.name.0), row.name.0.as_str()).noted(&note)
    };
    let choices = first.into_iter().take(LISTED).map(choice).collect();
    vec![
        FormField::pick("queue", "queue", choices)
            .help("it takes and delivers nothing while its messages are copied"),
    ]
}

pub(super) fn sync_action(form: &Form) -> Result<Action, Fault> {
    let (vhost, queue): (_, QueueName) = parted(form, "queue")?;
    Ok(Action::MirrorSync { vhost, queue })
}
