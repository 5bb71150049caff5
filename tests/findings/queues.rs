//! What is said of queues: those that no client can use, those that are not shown, and a list that
//! another node gives.

use crate::cluster::{Cluster, Life};
use crate::{found, healthy, ids, is};
use rmqtop::findings::Severity;
use rmqtop::model::broker::QueueType;
use rmqtop::model::observation::{FailureKind, Payload, SourceKind};

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
