//! Policies and mirrors: what a plan promises, what it refuses, and a run with a fault at every
//! place where one can be.

use crate::cluster::policies::rule;
use crate::cluster::{Cluster, Life};
use crate::doubles::{Act, Reply, World, act, clock, confirmed, execute};
use insta::assert_snapshot;
use rmqtop::action::Action;
use rmqtop::executor::event::{RunEventKind, RunOutcome};
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::{QueueName, VhostName};
use rmqtop::model::observation::SourceKind;
use rmqtop::model::policy::{ApplyTo, Definition, PolicyName, PolicyRule};
use rmqtop::model::text::Shown;
use rmqtop::runbook;
use rmqtop::runbook::export::{self, Ways};
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The article's first policy.
fn ha_all() -> PolicyRule {
    rule("ha-all", "^", 0, r#"{"ha-mode":"all"}"#)
}

fn set(rule: PolicyRule) -> Action {
    Action::PolicySet { rule }
}

fn clear(name: &str) -> Action {
    Action::PolicyClear {
        vhost: VhostName::new("/"),
        name: PolicyName(Shown::new(name)),
    }
}

fn majority() -> Action {
    Action::MirrorMajority {
        vhost: VhostName::new("/"),
        pattern: Shown::new("^"),
    }
}

fn sync(queue: &str) -> Action {
    Action::MirrorSync {
        vhost: VhostName::new("/"),
        queue: QueueName::new(queue),
    }
}

/// Three queues of the article's cluster: two classic ones and a quorum queue.
fn with_queues() -> Cluster {
    Cluster::healthy()
        .with_queue("orders", QueueType::Classic, &[0])
        .with_queue("ha-jobs", QueueType::Classic, &[1])
        .with_queue("paid", QueueType::Quorum, &[0, 1, 2])
}

fn release(mut cluster: Cluster, version: &str) -> Cluster {
    cluster.version = version.to_owned();
    cluster.khepri = Some(false);
    cluster
}

fn planned(cluster: &Cluster, action: &Action) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(action, &cluster.model(now), now)
}

/// The plan, or why there is none, for a person.
fn told(cluster: &Cluster, action: &Action) -> String {
    match planned(cluster, action) {
        Ok(plan) => export::plan_text(&plan),
        Err(refusal) => export::refusal_text(&refusal),
    }
}

#[test]
fn plans_say_which_queues_gain_and_lose_which_keys() {
    assert_snapshot!("policy_set_new", told(&with_queues(), &set(ha_all())));
    let ha_two = rule(
        "ha-two",
        "^ha.",
        1,
        r#"{"ha-mode":"exactly","ha-params":5,"ha-sync-mode":"automatic"}"#,
    );
    let under = with_queues().with_policy(ha_all());
    assert_snapshot!(
        "policy_set_above_another",
        told(&under, &set(ha_two.clone()))
    );
    let equal = PolicyRule {
        priority: 0,
        ..ha_two
    };
    assert_snapshot!("policy_set_by_chance", told(&under, &set(equal)));
    assert_snapshot!("policy_clear", told(&under, &clear("ha-all")));
    assert_snapshot!("policy_clear_absent", told(&under, &clear("ha-al")));
    assert_snapshot!("mirror_majority", told(&with_queues(), &majority()));
}

#[test]
fn a_script_holds_the_request_whole_and_no_password() {
    let odd = PolicyRule {
        name: PolicyName(Shown::new("it's; $(id)")),
        apply_to: ApplyTo::All,
        ..rule("x", "^a'b`c", 0, r#"{"max-length":1}"#)
    };
    let plan = planned(&with_queues(), &set(odd)).unwrap();
    let ways = Ways {
        ssh: &BTreeMap::new(),
        ssh_config: None,
        sudo: &BTreeSet::new(),
    };
    assert_snapshot!("policy_script", export::plan_script(&plan, ways));
}

#[test]
fn what_the_release_does_not_know_is_refused_by_its_name() {
    let refused = |version: &str, rule: PolicyRule| {
        planned(&release(with_queues(), version), &set(rule)).unwrap_err()
    };
    let refusal = refused("4.0.5", ha_all());
    assert!(
        refusal
            .reason
            .contains("ha-mode are not recognised policy settings"),
        "{refusal}"
    );
    assert!(refusal.reason.contains("4.0.5"), "{refusal}");
    assert!(refusal.instead.unwrap().contains("quorum queues"));
    let kinds = PolicyRule {
        apply_to: ApplyTo::QuorumQueues,
        ..rule("p", "^", 0, r#"{"max-length":1}"#)
    };
    assert!(
        refused("3.10.8", kinds.clone())
            .reason
            .contains("came with RabbitMQ 3.12")
    );
    assert!(planned(&release(with_queues(), "4.0.5"), &set(kinds)).is_ok());
    let plan = planned(&release(with_queues(), "3.13.7"), &set(ha_all())).unwrap();
    let deprecated = plan.preflight.iter().find(|check| {
        check.verdict == Verdict::Warning
            && check
                .evidence
                .iter()
                .any(|line| line.contains("deprecated"))
    });
    assert!(deprecated.is_some(), "{:?}", plan.preflight);
}

#[test]
fn without_mirrors_the_single_copies_are_named() {
    let cluster = release(with_queues(), "4.0.5");
    assert_snapshot!("mirror_majority_refused", told(&cluster, &majority()));
    assert_snapshot!("mirror_sync_refused", told(&cluster, &sync("orders")));
}

#[test]
fn who_may_not_is_told_which_tag_is_missing() {
    let mut cluster = with_queues();
    cluster.tags = vec!["monitoring".to_owned()];
    let refusal = planned(&cluster, &set(ha_all())).unwrap_err();
    assert_eq!(
        refusal.reason,
        "the user ops lacks the tag policymaker or administrator: it has the tags monitoring"
    );
    cluster.tags = vec!["policymaker".to_owned()];
    assert!(planned(&cluster, &set(ha_all())).is_ok());
    let mirrored = cluster.with_queue("m", QueueType::Classic, &[0, 1]);
    let refusal = planned(&mirrored, &sync("m")).unwrap_err();
    assert!(
        refusal.reason.contains("lacks the tag administrator"),
        "{refusal}"
    );
}

#[test]
fn what_cannot_be_told_is_no_pass() {
    let mut cluster = with_queues();
    cluster.mute = vec![(SourceKind::User, 0)];
    let refusal = planned(&cluster, &set(ha_all())).unwrap_err();
    assert!(
        refusal.reason.contains("does not say what the user may do"),
        "{refusal}"
    );
    cluster.mute = vec![(SourceKind::Policies, 0)];
    let refusal = planned(&cluster, &set(ha_all())).unwrap_err();
    assert!(refusal.reason.contains("could not be listed"), "{refusal}");
}

#[test]
fn patterns_that_pick_too_much_or_cannot_be_judged_are_told() {
    let evidence = |pattern: &str| {
        let rule = PolicyRule {
            pattern: Shown::new(pattern),
            ..rule("p", "^", 0, r#"{"max-length":1}"#)
        };
        match planned(&with_queues(), &set(rule)) {
            Ok(plan) => {
                let check = plan
                    .preflight
                    .into_iter()
                    .find(|check| check.title.contains("pattern"));
                check.unwrap().evidence.join("; ")
            }
            Err(refusal) => format!("refused: {}", refusal.reason),
        }
    };
    assert_eq!(evidence("^"), "it matches every name");
    assert_eq!(evidence("^orders$"), "it is a regular expression");
    assert_eq!(
        evidence("orders"),
        "it has no ^ in front: it matches anywhere in a name"
    );
    assert!(evidence("^ha.").contains("character 4"));
    assert!(evidence("^(?!amq)").contains("only the broker can judge it"));
    assert!(evidence("^(").starts_with("refused: the pattern is not a regular expression"));
}

/// The set of the article's first policy, with this act.
async fn setting(act_: Act) -> crate::doubles::Ran {
    act(World::new(with_queues(), [act_]), &set(ha_all())).await
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_set_and_proved_by_the_others() {
    let ran = setting(Act::new(Some(Duration::ZERO), Reply::Exit(201))).await;
    assert_snapshot!("run_policy_set", ran.story());
    assert_eq!(ran.cluster.policies, [ha_all()]);
    // And once more: nothing is sent.
    let again = act(World::new(ran.cluster, []), &set(ha_all())).await;
    assert_eq!(again.outcome, RunOutcome::Done);
    assert!(
        again.sent.is_empty() && again.story().contains("already so"),
        "{}",
        again.story()
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_cleared_and_proved_by_the_others() {
    let cluster = with_queues().with_policy(ha_all());
    let world = World::new(
        cluster,
        [Act::new(Some(Duration::from_secs(4)), Reply::Exit(204))],
    );
    let ran = act(world, &clear("ha-all")).await;
    assert_snapshot!("run_policy_clear", ran.story());
    let again = act(World::new(ran.cluster, []), &clear("ha-all")).await;
    assert_eq!(again.outcome, RunOutcome::Done);
    assert!(again.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_broker_is_quoted_and_ends_the_run() {
    for status in [400, 401, 403, 404, 405] {
        let ran = setting(Act::new(None, Reply::Exit(status))).await;
        let RunOutcome::Failed { reason } = &ran.outcome else {
            panic!("{status}: {:?}", ran.outcome);
        };
        assert!(reason.contains(&status.to_string()), "{reason}");
        assert!(reason.contains("a word\\x1b[2J of the broker"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_connection_the_cluster_decides() {
    let late = Some(Duration::from_secs(7));
    for reply in [Reply::Lost, Reply::TimedOut, Reply::Exit(500)] {
        let ran = setting(Act::new(late, reply)).await;
        assert_eq!(ran.outcome, RunOutcome::Done, "{reply:?}: {}", ran.story());
        let ran = setting(Act::new(None, reply)).await;
        // What was not answered may have its effect yet.
        let is_right = match reply {
            Reply::Lost | Reply::TimedOut => matches!(ran.outcome, RunOutcome::Unknown { .. }),
            _ => matches!(ran.outcome, RunOutcome::Failed { .. }),
        };
        assert!(is_right, "{reply:?}: {}", ran.story());
    }
    let ran = setting(Act::new(None, Reply::NotSent)).await;
    assert!(ran.story().contains("nothing was sent"), "{}", ran.story());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_says_otherwise_fails_the_run_and_a_silent_one_leaves_it_unknown() {
    let works = || Act::new(Some(Duration::ZERO), Reply::Exit(201));
    let mut cluster = with_queues();
    cluster.behind = Some(2);
    let ran = act(World::new(cluster, [works()]), &set(ha_all())).await;
    let RunOutcome::Failed { reason } = &ran.outcome else {
        panic!("{:?}", ran.outcome);
    };
    assert!(
        reason.contains("rabbit-node3 knows no policy ha-all"),
        "{reason}"
    );

    let mut world = World::new(with_queues(), [works()]);
    world.blind_after = Some(1);
    let ran = act(world, &set(ha_all())).await;
    assert!(
        matches!(ran.outcome, RunOutcome::Unknown { .. }),
        "{}",
        ran.story()
    );

    let mut world = World::new(with_queues(), [works()]);
    world.meanwhile.insert(2, |cluster| {
        cluster.mute.push((SourceKind::PolicyView, 1));
    });
    let ran = act(world, &set(ha_all())).await;
    let RunOutcome::Unknown { reason } = &ran.outcome else {
        panic!("{:?}", ran.outcome);
    };
    assert!(reason.contains("rabbit-node2 does not say"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_someone_else_made_meanwhile_is_not_overwritten() {
    let mut world = World::new(with_queues(), []);
    world.meanwhile.insert(1, |cluster| {
        cluster
            .policies
            .push(rule("ha-all", "^", 7, r#"{"max-length":1}"#));
    });
    let ran = act(world, &set(ha_all())).await;
    let RunOutcome::Refused { reason } = &ran.outcome else {
        panic!("{:?}", ran.outcome);
    };
    assert!(reason.contains("knows the policy ha-all"), "{reason}");
    assert!(ran.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_stopped_meanwhile_stops_the_run() {
    let mut world = World::new(with_queues(), []);
    world
        .meanwhile
        .insert(1, |cluster| cluster.lives[0] = Life::AppStopped);
    let ran = act(world, &set(ha_all())).await;
    assert!(
        matches!(ran.outcome, RunOutcome::Refused { .. }),
        "{}",
        ran.story()
    );
    assert!(ran.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_is_sent() {
    let cluster = with_queues();
    let now = clock();
    let plan = runbook::plan(&set(ha_all()), &cluster.model(now), now).unwrap();
    let permit = confirmed(&plan);
    let full = |what: &RunEventKind| matches!(what, RunEventKind::Sending { .. });
    let ran = execute(World::new(cluster, []), &plan, permit, full, |_, _| {}).await;
    assert!(ran.sent.is_empty() && ran.cluster.policies.is_empty());
    assert!(ran.story().contains("nothing was sent"), "{}", ran.story());
}

#[tokio::test(start_paused = true)]
async fn a_majority_of_the_members_there_are_gets_a_copy() {
    for (members, copies) in [(2, 2), (3, 2), (5, 3)] {
        let cluster = Cluster::of(members).with_queue("orders", QueueType::Classic, &[0]);
        let world = World::new(cluster, [Act::new(Some(Duration::ZERO), Reply::Exit(201))]);
        let ran = act(world, &majority()).await;
        assert_eq!(ran.outcome, RunOutcome::Done, "{}", ran.story());
        let definition =
            format!(r#"{{"ha-mode":"exactly","ha-params":{copies},"ha-sync-mode":"manual"}}"#);
        assert_eq!(
            ran.cluster.policies[0].definition,
            Definition::parse(&definition).unwrap()
        );
    }
    let alone = Cluster::of(1).with_queue("orders", QueueType::Classic, &[0]);
    let refusal = planned(&alone, &majority()).unwrap_err();
    assert!(
        refusal.reason.contains("cluster of one member"),
        "{refusal}"
    );
}

#[tokio::test(start_paused = true)]
async fn mirrors_are_synchronised_and_waited_for() {
    let mut cluster = Cluster::healthy().with_queue("orders", QueueType::Classic, &[0, 1]);
    cluster.lagging = vec!["orders".to_owned()];
    assert_snapshot!("mirror_sync", told(&cluster, &sync("orders")));
    let minutes = Duration::from_secs(600);
    let world = World::new(cluster, [Act::new(Some(minutes), Reply::Exit(204))]);
    let ran = act(world, &sync("orders")).await;
    assert_snapshot!("run_mirror_sync", ran.story());
    let waited = ran.events.iter().any(|event| {
        matches!(&event.what, RunEventKind::Waiting { words, .. } if words.contains("1 of 2 copies"))
    });
    assert!(waited, "{:?}", ran.events);
    let again = act(World::new(ran.cluster, []), &sync("orders")).await;
    assert!(again.sent.is_empty() && again.story().contains("already so"));
}

#[test]
fn queues_without_mirrors_have_nothing_to_synchronise() {
    let reason = |queue: &str| planned(&with_queues(), &sync(queue)).unwrap_err().reason;
    assert_eq!(reason("orders"), "orders has no mirror");
    assert!(reason("paid").contains("no classic queue"));
    assert_eq!(reason("nope"), "vhost / has no queue nope");
    let dots = planned(&with_queues(), &sync("..")).unwrap_err();
    assert!(dots.reason.contains("cannot be asked"), "{dots}");
}
