//! What is said of sources that do not answer: by whom, why, and below what.

use super::members::without_ssh;
use super::*;
use rmqtop::model::broker::ViewScope;

/// Until the runtimes give up on a silent peer, members answer for themselves and for nobody else.
#[test]
fn members_that_wait_for_a_silent_one_are_not_said_to_be_silent_too() {
    let mut cluster = healthy();
    cluster.host_silent(2);
    for number in 0..2 {
        let mut own = view(number, VERSION, &[]);
        own.nodes.retain(|row| row.name == node(number));
        own.scope = ViewScope::Itself;
        cluster.sees(number, Payload::Broker(own));
    }
    cluster.fails(0, SourceKind::Totals, FailureKind::Timeout);
    cluster.fails(0, SourceKind::Queues, FailureKind::Mute);
    let found = found(&cluster);
    let root = &found[0];
    assert_eq!(root.title, "the host rabbit-node3 does not answer");
    let yet = "the other members do not say yet whether it runs".to_owned();
    assert!(root.evidence.contains(&yet), "{:?}", root.evidence);
    let mut told = root.evidence.clone();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), root.evidence.len(), "each line once");
    for title in [
        "totals cannot be read from rabbit-node1",
        "queues cannot be read from rabbit-node1",
    ] {
        let late = found.iter().find(|finding| finding.title == title);
        assert_eq!(late.unwrap().consequence_of.as_ref().unwrap().id, "N1");
    }
}

#[test]
fn a_filtered_ssh_port_is_no_dead_host() {
    let mut cluster = healthy();
    for kind in [SourceKind::Services, SourceKind::Vip] {
        cluster.fails(2, kind, FailureKind::Timeout);
    }
    cluster
        .passes(Duration::from_secs(1))
        .sees(2, Payload::Broker(view(2, VERSION, &[])));
    cluster
        .passes(Duration::from_secs(1))
        .fails(2, SourceKind::Services, FailureKind::Timeout);
    assert_eq!(state(&cluster, 2), NodeState::Running);
    cluster.fails(2, SourceKind::Management, FailureKind::Timeout);
    assert_eq!(state(&cluster, 2), NodeState::Unreachable);
}

#[test]
fn a_wrong_password_is_one_finding() {
    let mut cluster = healthy();
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Unauthorized);
        cluster.fails(number, SourceKind::Queues, FailureKind::Unauthorized);
    }
    let refused: Vec<_> = found(&cluster)
        .into_iter()
        .filter(|f| f.id == "S1")
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(
        refused[0].title,
        "the management API refuses the user or the password"
    );
}

#[test]
fn ssh_that_was_declared_and_cannot_work_is_told() {
    let mut cluster = healthy();
    cluster.fails(2, SourceKind::Services, FailureKind::NotConfigured);
    assert_eq!(
        ids(&cluster),
        vec![is("S1", Severity::Warning, "rabbit-node3")]
    );
    cluster.model.inventory.hosts[2].access = rmqtop::model::inventory::Access::None;
    assert_eq!(
        ids(&cluster),
        vec![],
        "a host without SSH is meant to be watched without it"
    );
}

#[test]
fn a_changed_host_key_is_critical_and_said_once() {
    let mut cluster = healthy();
    cluster.fails(1, SourceKind::Services, FailureKind::HostKey);
    let found = found(&cluster);
    let keys: Vec<_> = found.iter().filter(|f| f.id == "S1").collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].severity, Severity::Critical);
    assert!(keys[0].causes[0].contains("compare the key"));
}

/// A host that is a load balancer alone: its silence is told once, and what follows stands below.
#[test]
fn what_a_dead_host_of_a_load_balancer_hides_follows_from_it() {
    let mut cluster = healthy();
    cluster.model.inventory.hosts[1].node = None;
    cluster.host_silent(1);
    cluster.sees(0, Payload::Broker(view(0, VERSION, &[])));
    let all = found(&cluster);
    let of_it = |finding: &&Finding| finding.id == "S1" && finding.subject == "rabbit-node2";
    let hidden: Vec<&Finding> = all.iter().filter(of_it).collect();
    assert!(!hidden.is_empty());
    for finding in hidden {
        assert_eq!(finding.consequence_of.as_ref().unwrap().id, "H1");
    }
}

/// A file of the configuration that cannot be read is a fault of this machine, and is told.
#[test]
fn what_cannot_be_asked_for_a_fault_of_this_machine_is_told() {
    let mut cluster = healthy();
    without_ssh(&mut cluster);
    for number in 0..2 {
        cluster.fails(number, SourceKind::Haproxy, FailureKind::Local);
    }
    assert!(found(&cluster).iter().any(|finding| finding.id == "S1"));
    let mut cluster = healthy();
    without_ssh(&mut cluster);
    for number in 0..3 {
        cluster.fails(number, SourceKind::Management, FailureKind::Local);
    }
    for front in 0..2 {
        cluster.fails(front, SourceKind::Haproxy, FailureKind::Refused);
    }
    let found = found(&cluster);
    let told = found.iter().find(|finding| finding.id == "N1").unwrap();
    assert!(told.title.contains("cannot be asked"), "{}", told.title);
}
