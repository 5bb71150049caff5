//! What is said of queues: those that no client can use, those that are not shown, and a list that
//! another node gives.

use crate::cluster::{Cluster, Life};
use crate::scene::{Scene, view};
use crate::{found, healthy, ids, is};
use rmqtop::findings::Severity;
use rmqtop::model::broker::QueueType;
use rmqtop::model::host::{ServiceReport, UnitState};
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};
use rmqtop::model::text::Shown;
use std::time::Duration;

/// The list of queues as the first node gives it.
fn queues(cluster: &Cluster) -> Payload {
    Payload::Queues(cluster.queue_page())
}

#[test]
fn a_thousand_queues_with_the_same_trouble_are_one_finding() {
    let mut truth = Cluster::healthy();
    for at in 0..1000 {
        truth = truth.with_queue(&format!("orders.{at}"), QueueType::Quorum, &[0, 1, 2]);
    }
    let mut cluster = healthy();
    cluster.sees(0, queues(&truth));
    assert_eq!(ids(&cluster), vec![]);
    truth.lives[2] = Life::Down;
    cluster.sees(0, queues(&truth));
    let two = found(&cluster);
    assert_eq!(two.len(), 1);
    assert_eq!(
        (two[0].id.as_str(), two[0].severity, two[0].title.as_str()),
        (
            "Q2",
            Severity::Warning,
            "1000 queues with a bare majority of replicas online: not online on \
             rabbit@rabbit-node3"
        )
    );
    truth.lives[1] = Life::Down;
    cluster.sees(0, queues(&truth));
    let one = found(&cluster);
    assert_eq!(one.len(), 1);
    assert_eq!(
        (one[0].id.as_str(), one[0].severity),
        ("Q1", Severity::Critical)
    );
    assert!(
        one[0]
            .title
            .starts_with("1000 queues without a majority of replicas")
    );
    assert!(
        one[0].evidence[0].ends_with("and 995 more"),
        "{:?}",
        one[0].evidence
    );
}

#[test]
fn queues_that_are_not_shown_are_no_healthy_queues() {
    let truth = Cluster {
        shown: Some(0),
        ..Cluster::healthy().with_queue("orders", QueueType::Classic, &[0])
    };
    let mut cluster = healthy();
    cluster.sees(0, queues(&truth));
    assert_eq!(ids(&cluster), vec![is("Q3", Severity::Unknown, "prod")]);
    assert!(
        found(&cluster)[0]
            .title
            .starts_with("0 of 1 queues are visible to mon")
    );
}

/// The cluster is asked, whoever answers: another node's answer ends what the first one's failure
/// began.
#[test]
fn a_question_for_the_cluster_that_another_node_answers_has_not_failed() {
    let mut cluster = healthy();
    let truth = Cluster::healthy();
    cluster.fails(0, SourceKind::Queues, FailureKind::Timeout);
    assert_eq!(
        ids(&cluster),
        vec![is("S1", Severity::Warning, "rabbit-node1")]
    );
    cluster.sees(1, queues(&truth));
    assert_eq!(ids(&cluster), vec![]);
    cluster.fails(1, SourceKind::Queues, FailureKind::Timeout);
    cluster.fails(0, SourceKind::Queues, FailureKind::Timeout);
    assert_eq!(
        ids(&cluster),
        vec![is("S1", Severity::Warning, "rabbit-node1")]
    );
}

/// The list, in which a queue with its only copy on a member that is away is `down`.
fn with_orders_down(cluster: &Cluster) -> Payload {
    let mut page = cluster.queue_page();
    for row in &mut page.rows {
        if row.name.0.raw() == "orders" {
            row.state = Some(Shown::new("down"));
        }
    }
    Payload::Queues(page)
}

/// The member's fault is the cause: what it takes along stands below it, and names its queues.
#[test]
fn queues_that_are_away_with_their_member_stand_below_its_finding() {
    let mut truth = Cluster::healthy()
        .with_queue("orders", QueueType::Classic, &[2])
        .with_queue("paid", QueueType::Quorum, &[0, 1, 2]);
    let mut cluster = Scene::healthy("4.3.6");
    cluster.service_stopped(2);
    truth.lives[2] = Life::Down;
    cluster.sees(0, with_orders_down(&truth));
    let told = found(&cluster);
    let below: Vec<(&str, Severity)> = told
        .iter()
        .filter(|it| {
            it.consequence_of
                .as_ref()
                .is_some_and(|root| root.id == "N1")
        })
        .map(|it| (it.id.as_str(), it.severity))
        .filter(|(id, _)| id.starts_with('Q'))
        .collect();
    assert_eq!(
        below,
        [("Q1", Severity::Critical), ("Q2", Severity::Warning)]
    );
    assert_eq!(told[0].id, "N1");

    // Two members of three: the lost majority is the cause.
    truth.lives[1] = Life::Down;
    cluster.passes(Duration::from_secs(20));
    cluster.sees(0, Payload::Broker(view(0, "4.3.6", &[1, 2])));
    for away in 1..3 {
        cluster.fails(away, SourceKind::Management, FailureKind::Refused);
        cluster.sees(away, Payload::Services(truth.services(away)));
    }
    cluster.sees(0, with_orders_down(&truth));
    let told = found(&cluster);
    let paid = told
        .iter()
        .find(|it| it.title.contains("without a majority of replicas"));
    let root = paid.unwrap().consequence_of.as_ref().unwrap();
    assert_eq!((root.id.as_str(), root.subject.as_str()), ("N5", "prod"));
}

/// A member that is away by intent, or that starts, is no critical finding; its queues may be.
#[test]
fn queues_are_not_folded_into_what_is_told_as_less_bad() {
    let mut truth = Cluster::healthy().with_queue("orders", QueueType::Classic, &[2]);
    truth.lives[2] = Life::Down;
    let mut cluster = healthy();
    cluster.others_see_stopped(2);
    cluster.fails(2, SourceKind::Management, FailureKind::Refused);
    let starts = ServiceReport {
        rabbitmq: Some(UnitState::Activating),
        ..Cluster::healthy().with_life(2, Life::Down).services(2)
    };
    cluster.sees(2, Payload::Services(starts));
    cluster.sees(0, with_orders_down(&truth));
    let told = found(&cluster);
    let member = told
        .iter()
        .find(|it| it.subject.starts_with("rabbit@rabbit-node3") && it.id.starts_with('N'));
    assert_eq!(
        member.map(|it| it.severity),
        Some(Severity::Warning),
        "{told:#?}"
    );
    let own = told.iter().find(|it| it.id == "Q1").unwrap();
    assert_eq!(
        (own.severity, &own.consequence_of),
        (Severity::Critical, &None)
    );
}

/// Seen from the other side of a partition they are down as well; at the first look the partition
/// itself is in doubt, and becomes as bad as what clients lose by it.
#[test]
fn queues_on_the_other_side_of_a_partition_follow_from_it() {
    let mut truth = Cluster::healthy().with_queue("orders", QueueType::Classic, &[2]);
    let mut cluster = Scene::healthy("4.3.6");
    cluster.passes(Duration::from_secs(5));
    for (by, cut) in [(0, vec![2]), (1, vec![2]), (2, vec![0, 1])] {
        cluster.sees(by, Payload::Broker(view(by, "4.3.6", &cut)));
    }
    truth.lives[2] = Life::Down;
    cluster.sees(0, with_orders_down(&truth));
    let told = found(&cluster);
    let first = &told[0];
    assert_eq!(
        (first.id.as_str(), first.severity),
        ("D16", Severity::Critical)
    );
    let queue = told.iter().find(|it| it.id == "Q1").unwrap();
    assert_eq!(queue.consequence_of.as_ref().unwrap().id, "D16");
}
