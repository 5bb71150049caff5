//! Whatever policies there are: what a plan promises is what becomes of the queues.

use crate::cluster::Cluster;
use crate::cluster::policies::rule;
use crate::effects::take_effect;
use proptest::prelude::*;
use rmqtop::action::Action;
use rmqtop::invocation::Change;
use rmqtop::invocation::api::{ApiAddress, ApiCall};
use rmqtop::model::broker::{QueuePage, QueueType};
use rmqtop::model::moment::Moment;
use rmqtop::model::policy::PolicyRule;
use rmqtop::model::text::Shown;
use rmqtop::runbook;

const PATTERNS: [&str; 4] = ["^", "^a", "^ab", "^b"];
const DEFINITIONS: [&str; 3] = [
    r#"{"max-length":1}"#,
    r#"{"max-length":2,"message-ttl":5}"#,
    r#"{"ha-mode":"all"}"#,
];

/// A policy by its number; no two have the same priority, so that chance decides nothing.
fn policy(number: usize) -> impl Strategy<Value = PolicyRule> {
    (0..PATTERNS.len(), 0..DEFINITIONS.len(), 0..3i64).prop_map(
        move |(pattern, definition, high)| {
            let priority = high * 10 + i64::try_from(number).unwrap();
            let name = format!("p{number}");
            rule(&name, PATTERNS[pattern], priority, DEFINITIONS[definition])
        },
    )
}

/// Up to five queues, three policies, and the one that is set: new, or in the place of another.
fn scene() -> impl Strategy<Value = (Cluster, PolicyRule)> {
    let queue = ("[abc]{1,3}", any::<bool>());
    let queues = prop::collection::vec(queue, 0..5);
    let changed = (0..5usize).prop_flat_map(policy);
    (queues, policy(0), policy(1), policy(2), 0..4usize, changed).prop_map(
        |(queues, first, second, third, count, changed)| {
            let mut cluster = Cluster::healthy();
            for (at, (name, is_quorum)) in queues.into_iter().enumerate() {
                let kind = if is_quorum {
                    QueueType::Quorum
                } else {
                    QueueType::Classic
                };
                cluster = cluster.with_queue(&format!("{name}{at}"), kind, &[0]);
            }
            cluster.policies = [first, second, third].into_iter().take(count).collect();
            (cluster, changed)
        },
    )
}

/// What is in force on each queue.
fn in_force(cluster: &Cluster) -> Vec<(String, Option<Shown>, Option<Shown>)> {
    let page: QueuePage = cluster.queue_page();
    let rows = page.rows.into_iter();
    rows.map(|row| (row.name.to_string(), row.policy, row.effective))
        .collect()
}

fn told(cluster: &Cluster, action: &Action) -> Vec<String> {
    let now = Moment::ORIGIN;
    let plan = runbook::plan(action, &cluster.model(now), now).unwrap();
    plan.blast_radius
}

/// Each queue whose policy changes is named with both, and no other is said to change.
fn agrees(before: &Cluster, call: ApiCall, told: &[String]) -> Result<(), TestCaseError> {
    let mut after = before.clone();
    let at = ApiAddress {
        url: String::new(),
        user: String::new(),
        ca_file: None,
        client_cert: None,
    };
    take_effect(&mut after, 0, &Change::Api { call, at });
    for (was, is) in in_force(before).into_iter().zip(in_force(&after)) {
        let moves = was != is;
        let name = was.0.clone();
        let line = told.iter().find(|line| {
            let is_about = line
                .split(": ")
                .last()
                .unwrap()
                .split(", ")
                .any(|word| word == name);
            is_about && line.contains(" now ")
        });
        prop_assert_eq!(line.is_some(), moves, "{} of {:?}", name, told);
        if let Some(line) = line {
            for policy in [&was.1, &is.1].into_iter().flatten() {
                prop_assert!(line.contains(policy.as_str()) || was.1 == is.1, "{}", line);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_preview_names_every_queue_that_changes_and_no_other((cluster, changed) in scene()) {
        let set = Action::PolicySet { rule: changed.clone() };
        let call = ApiCall::SetPolicy { rule: changed.clone() };
        agrees(&cluster, call, &told(&cluster, &set))?;

        let (vhost, name) = (changed.vhost, changed.name);
        let clear = Action::PolicyClear { vhost: vhost.clone(), name: name.clone() };
        agrees(&cluster, ApiCall::ClearPolicy { vhost, name }, &told(&cluster, &clear))?;
    }
}
