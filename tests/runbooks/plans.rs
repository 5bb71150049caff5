//! Plans and refusals of `restart-app`, as the operator reads them.

use crate::cluster::{Cluster, Life, node};
use rmqtop::action::Action;
use rmqtop::model::broker::QueueType;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::NodeName;
use rmqtop::model::observation::{FailureKind, Observation, SourceFailure, SourceId, SourceKind};
use rmqtop::runbook;
use rmqtop::runbook::export::{self, Ways};
use rmqtop::runbook::plan::{Plan, Refusal, Verdict};
use rstest::rstest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn restart(index: usize) -> Action {
    Action::RestartApp { node: node(index) }
}

fn plan(cluster: &Cluster, index: usize) -> Result<Plan, Refusal> {
    let now = Moment::ORIGIN;
    runbook::plan(&restart(index), &cluster.model(now), now)
}

fn verdicts(refusal: &Refusal) -> BTreeMap<&str, Verdict> {
    refusal
        .preflight
        .iter()
        .map(|check| (check.id.as_str(), check.verdict))
        .collect()
}

/// All that a stop can touch.
fn busy() -> Cluster {
    let mut cluster = Cluster::healthy()
        .with_queue("orders", QueueType::Quorum, &[2, 0, 1])
        .with_queue("invoices", QueueType::Classic, &[2])
        .with_queue("sessions", QueueType::Classic, &[2])
        .with_queue("elsewhere", QueueType::Classic, &[0]);
    cluster.queues[2].durable = false;
    cluster.connections = vec![5, 0, 37];
    cluster
}

#[test]
fn a_healthy_cluster_gets_a_plan() {
    let plan = plan(&busy(), 2).unwrap();
    insta::assert_snapshot!("healthy", export::plan_text(&plan));
    insta::assert_snapshot!("healthy_markdown", export::plan_markdown(&plan));
    insta::assert_json_snapshot!("healthy_json", plan);
}

#[test]
fn the_holder_of_the_vip_is_a_warning() {
    let plan = plan(&Cluster::healthy(), 0).unwrap();
    let p10 = plan
        .preflight
        .iter()
        .find(|check| check.id == "P10")
        .unwrap();
    assert_eq!(p10.verdict, Verdict::Warning);
    insta::assert_snapshot!("holder", plan.blast_radius.join("\n"));
}

#[test]
fn a_second_stop_is_refused_with_the_queues_it_would_take_down() {
    let cluster = busy().with_life(1, Life::AppStopped);
    let refusal = plan(&cluster, 2).unwrap_err();
    assert!(
        refusal.reason.contains("orders in vhost /"),
        "{}",
        refusal.reason
    );
    assert_eq!(verdicts(&refusal)["P5"], Verdict::Failed);
    assert_eq!(verdicts(&refusal)["P6"], Verdict::Failed);
    insta::assert_snapshot!("second_stop", export::refusal_text(&refusal));
    insta::assert_snapshot!("second_stop_markdown", export::refusal_markdown(&refusal));
}

#[test]
fn without_anything_replicated_a_second_stop_is_allowed_on_mnesia_only() {
    let mnesia = Cluster::healthy().with_life(1, Life::Down);
    let plan_made = plan(&mnesia, 2).unwrap();
    let p6 = plan_made
        .preflight
        .iter()
        .find(|check| check.id == "P6")
        .unwrap();
    assert_eq!(p6.verdict, Verdict::Warning);
    // What the members do that see no majority is not known here.
    assert!(
        p6.evidence[0].contains("pause_minority"),
        "{:?}",
        p6.evidence
    );

    let mut khepri = mnesia;
    khepri.version = "4.3.6".to_owned();
    khepri.khepri = Some(true);
    let refusal = plan(&khepri, 2).unwrap_err();
    assert!(
        refusal.reason.contains("rabbitmq_metadata"),
        "{}",
        refusal.reason
    );
}

#[test]
fn an_alarm_anywhere_forbids_the_stop() {
    let mut cluster = Cluster::healthy();
    cluster.alarms = vec![0];
    let refusal = plan(&cluster, 2).unwrap_err();
    insta::assert_snapshot!("alarm", export::refusal_text(&refusal));
}

#[test]
fn an_alarm_that_cannot_be_told_forbids_it_too() {
    let mut cluster = Cluster::healthy();
    cluster.statless = vec![1];
    cluster.mute = vec![(SourceKind::Alarms, 0)];
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P4"], Verdict::CannotTell);
    assert_eq!(
        refusal.reason,
        "whether rabbit@rabbit-node2 has an alarm is not known"
    );
}

/// A member that has just started reports no statistics for some seconds.
#[test]
fn the_health_check_tells_of_alarms_where_statistics_do_not() {
    let mut cluster = Cluster::healthy();
    cluster.statless = vec![1];
    let calm = plan(&cluster, 2).unwrap();
    let check = calm
        .preflight
        .iter()
        .find(|check| check.id == "P4")
        .unwrap();
    assert_eq!(check.verdict, Verdict::Passed);

    cluster.alarms = vec![1];
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P4"], Verdict::Failed);
}

#[test]
fn the_last_server_of_a_load_balancer_stays() {
    let mut cluster = Cluster::healthy();
    cluster.maint = vec![0, 1];
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P11"], Verdict::Failed);
    insta::assert_snapshot!("last_server", refusal.reason);
}

#[test]
fn a_load_balancer_that_cannot_be_asked_forbids_it() {
    let mut cluster = Cluster::healthy();
    cluster.mute = vec![(SourceKind::Haproxy, 1)];
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P11"], Verdict::CannotTell);
}

#[test]
fn quorum_that_cannot_be_asked_is_estimated_but_never_assumed() {
    let mut cluster = busy();
    cluster.mute = vec![(SourceKind::QuorumCritical, 2)];
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P5"], Verdict::CannotTell);

    // The queue page knows of a loss: that is enough to refuse for a reason.
    cluster.lives[1] = Life::AppStopped;
    let refusal = plan(&cluster, 2).unwrap_err();
    assert_eq!(verdicts(&refusal)["P5"], Verdict::Failed);
    assert!(refusal.reason.contains("orders"), "{}", refusal.reason);
}

#[test]
fn a_stale_source_is_named_with_its_age() {
    let cluster = Cluster::healthy();
    let mut model = cluster.model(Moment::ORIGIN);
    let now = Moment::ORIGIN.later(Duration::from_secs(16));
    // All but the management API of node 1 answer again.
    let mut later = cluster.clone();
    later.mute = vec![(SourceKind::Management, 0)];
    for observation in later.look(&crate::cluster::EVERYTHING, now) {
        model.apply(observation);
    }
    let refusal = runbook::plan(&restart(2), &model, now).unwrap_err();
    assert_eq!(
        refusal.reason,
        "the management answer of rabbit-node1 is 16 s old, and now fails: no answer within 10 s"
    );
    let silent = Moment::ORIGIN.later(Duration::from_secs(120));
    let refusal = runbook::plan(&restart(2), &model, silent).unwrap_err();
    assert_eq!(verdicts(&refusal)["P1"], Verdict::Failed);
}

/// Its plugin is off, or it has another user: the others vouch for it where it is not acted on.
#[rstest]
#[case::closed(FailureKind::Refused)]
#[case::another_password(FailureKind::Unauthorized)]
fn a_member_without_management_keeps_no_other_from_being_restarted(#[case] kind: FailureKind) {
    let cluster = Cluster::healthy();
    let now = Moment::ORIGIN;
    let mut model = cluster.model(now);
    model.apply(Observation {
        source: SourceId::new(
            SourceKind::Management,
            cluster.inventory().hosts[0].name.clone(),
        ),
        at: now,
        took: Duration::ZERO,
        outcome: Err(SourceFailure::new(kind, "as it is")),
    });
    runbook::plan(&restart(2), &model, now).unwrap();
    let refusal = runbook::plan(&restart(0), &model, now).unwrap_err();
    assert_eq!(verdicts(&refusal)["P1"], Verdict::Failed);
}

#[test]
fn a_member_that_is_down_is_silent_as_expected() {
    let plan = plan(&Cluster::healthy().with_life(2, Life::HostDead), 1).unwrap();
    let p1 = plan
        .preflight
        .iter()
        .find(|check| check.id == "P1")
        .unwrap();
    assert!(
        p1.evidence.iter().any(|line| line
            == "the management answer of rabbit-node3 is silent as expected: rabbit@rabbit-node3 is unreachable"),
        "{:?}",
        p1.evidence
    );
}

#[test]
fn an_unknown_member_is_refused_with_the_known_ones() {
    let action = Action::RestartApp {
        node: NodeName::parse("rabbit@elsewhere").unwrap(),
    };
    let now = Moment::ORIGIN;
    let refusal = runbook::plan(&action, &Cluster::healthy().model(now), now).unwrap_err();
    insta::assert_snapshot!("unknown_member", export::refusal_text(&refusal));
}

#[test]
fn a_member_that_is_down_is_not_restarted() {
    let refusal = plan(&Cluster::healthy().with_life(2, Life::Down), 2).unwrap_err();
    assert!(!refusal.preflight.is_empty());
    insta::assert_snapshot!("target_down", refusal.reason);
    insta::assert_snapshot!("target_down_instead", refusal.instead.unwrap());
}

#[test]
fn a_stopped_app_is_only_started() {
    let plan = plan(&busy().with_life(2, Life::AppStopped), 2).unwrap();
    insta::assert_snapshot!("already_stopped", export::plan_text(&plan));
}

/// Mnesia or Khepri is not known on 4.0 before the feature flags were read.
#[test]
fn an_unknown_metadata_store_forbids_it() {
    let mut cluster = Cluster::healthy();
    cluster.version = "4.0.5".to_owned();
    let now = Moment::ORIGIN;
    let mut model = cluster.model(now);
    model.metadata_store = rmqtop::model::reading::Reading::default();
    let refusal = runbook::plan(&restart(2), &model, now).unwrap_err();
    assert_eq!(verdicts(&refusal)["P2"], Verdict::CannotTell);
}

#[test]
fn a_cluster_of_one_is_judged_by_its_host() {
    let mut cluster = Cluster::of(1);
    cluster.balancers.clear();
    let plan = plan(&cluster, 0).unwrap();
    insta::assert_snapshot!("cluster_of_one", export::plan_text(&plan));
}

/// On Mnesia with nothing replicated the last running member may be restarted; the members that
/// are away are no witnesses.
#[test]
fn without_a_witness_the_host_is_asked() {
    let mut cluster = Cluster::healthy()
        .with_life(0, Life::Down)
        .with_life(1, Life::Down);
    cluster.balancers.clear();
    let plan = plan(&cluster, 2).unwrap();
    let text = export::plan_text(&plan);
    assert!(
        text.contains("done when: the host of rabbit@rabbit-node3 shows it app stopped"),
        "{text}"
    );
    assert!(!text.contains("the other members see"), "{text}");
}

#[test]
fn the_fingerprint_follows_what_matters_and_nothing_else() {
    let now = Moment::ORIGIN;
    let of = |cluster: &Cluster| plan(cluster, 2).unwrap().fingerprint;
    let calm = of(&Cluster::healthy());
    let mut cluster = busy();
    cluster.queues.retain(|queue| queue.name != "orders");
    assert_eq!(of(&cluster), calm, "counters do not count");
    let later = now.later(Duration::from_secs(3));
    let aged = runbook::plan(&restart(2), &Cluster::healthy().model(now), later).unwrap();
    assert_eq!(aged.fingerprint, calm, "ages do not count");
    assert_ne!(of(&Cluster::healthy().with_life(1, Life::Down)), calm);
    let mut moved = Cluster::healthy();
    moved.holder = Some(1);
    assert_ne!(of(&moved), calm);
    let mut newer = Cluster::healthy();
    newer.version = "3.10.25".to_owned();
    assert_ne!(of(&newer), calm);
}

#[test]
fn a_plan_survives_json() {
    let plan = plan(&busy(), 2).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    let back: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(back, plan);
    assert_eq!(back.digest(), plan.digest());
}

/// Where the operator is no root, the script asks for root's rights as rmqtop does.
#[test]
fn the_script_goes_through_sudo_where_rmqtop_does() {
    let plan = plan(&Cluster::healthy(), 2).unwrap();
    let ways = Ways {
        ssh: &BTreeMap::new(),
        ssh_config: None,
        sudo: &BTreeSet::from([plan.steps[0].host.clone()]),
    };
    let script = export::plan_script(&plan, ways);
    let sent = script.lines().filter(|line| line.starts_with("ssh "));
    let sent: Vec<&str> = sent.collect();
    assert_eq!(sent.len(), 2, "{script}");
    assert!(
        sent.iter()
            .all(|line| line.contains("'sudo -n -- rabbitmqctl ")),
        "{script}"
    );
}

/// A hostile name stays a comment, and the commands reach the far shell as they are.
#[test]
fn the_script_is_quoted() {
    let mut cluster = busy();
    cluster.queues[1].name = "x\nrm -rf /tmp/x; $(id) 'q'".to_owned();
    let plan = plan(&cluster, 2).unwrap();
    let ssh = BTreeMap::from([(plan.steps[0].host.clone(), "root@192.168.0.14".to_owned())]);
    let script = export::plan_script(
        &plan,
        Ways {
            ssh: &ssh,
            ssh_config: Some(std::path::Path::new("/etc/my ssh/config")),
            sudo: &BTreeSet::new(),
        },
    );
    insta::assert_snapshot!("script", script);
    let commands: Vec<&str> = script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(
        commands,
        [
            "set -eu",
            "ssh -F '/etc/my ssh/config' -- root@192.168.0.14 'rabbitmqctl -n rabbit@rabbit-node3 -t 110 --silent stop_app'",
            "ssh -F '/etc/my ssh/config' -- root@192.168.0.14 'rabbitmqctl -n rabbit@rabbit-node3 -t 290 --silent start_app'",
        ]
    );
    assert!(sh_accepts(&script));
}

fn sh_accepts(script: &str) -> bool {
    let mut sh = Command::new("sh")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = sh.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    sh.wait().unwrap().success()
}
