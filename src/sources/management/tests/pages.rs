//! Every page of queues: what a plan rests on.

use super::{MockServer, bench, json};
use crate::model::broker::QueuePage;
use crate::model::observation::Payload;
use crate::sources::management::Question;
use wiremock::Mock;
use wiremock::matchers::{path, query_param};

/// A server with two pages of these queues, of which it says that there are `total`.
async fn two_pages(total: usize, pages: [&[&str]; 2]) -> MockServer {
    let server = MockServer::start().await;
    for (number, names) in pages.iter().enumerate() {
        let rows: Vec<String> = names
            .iter()
            .map(|name| format!(r#"{{"name":"{name}","vhost":"/","type":"quorum"}}"#))
            .collect();
        let body = format!(r#"{{"total_count":{total},"items":[{}]}}"#, rows.join(","));
        Mock::given(path("/api/queues"))
            .and(query_param("page_size", "500"))
            .and(query_param("page", (number + 1).to_string()))
            .respond_with(json(200, &body))
            .mount(&server)
            .await;
    }
    server
}

async fn whole(server: &MockServer) -> QueuePage {
    let report = bench(&[&server.uri()]).ask(Question::AllQueues).await;
    let Payload::Queues(page) = report.outcome.unwrap() else {
        panic!("not a page of queues");
    };
    page
}

fn names(page: &QueuePage) -> Vec<String> {
    page.rows.iter().map(|row| row.name.to_string()).collect()
}

#[tokio::test]
async fn every_page_is_asked_for() {
    let server = two_pages(3, [&["a", "b"], &["c"]]).await;
    let page = whole(&server).await;
    assert_eq!(names(&page), ["a", "b", "c"]);
    assert!(page.is_whole());
}

/// A queue that was declared meanwhile pushes another to the next page: one counts once, and what
/// may be missing is not taken for whole.
#[tokio::test]
async fn a_queue_that_moved_counts_once() {
    let server = two_pages(4, [&["a", "b"], &["b", "c"]]).await;
    let page = whole(&server).await;
    assert_eq!(names(&page), ["a", "b", "c"]);
    assert!(!page.is_whole());
}
