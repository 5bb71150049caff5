//! The embedded cluster under the real program: sources, findings, plans, guard, executor and
//! journal are those of the product; only the cluster is simulated.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod runbooks;
mod runs;
mod scenarios;
mod shapes;

use rmqtop::cli::demo::{Demo, DemoArgs};
use rmqtop::cli::session::Session;
use rmqtop::clock;
use rmqtop::findings::{self, Finding, Severity};
use rmqtop::model::Model;
use rmqtop::model::observation::SourceKind;
use rmqtop::sim::scenario::Scenario;
use rmqtop::sim::world::Release;

/// A scenario, begun.
pub(crate) async fn begin(scenario: Scenario, release: Release) -> Demo {
    Demo::begin(&DemoArgs {
        scenario,
        release,
        queues: None,
        seed: 1,
        list: false,
    })
    .await
    .unwrap()
}

/// What `status` and `check` look at.
pub(crate) async fn look(session: &Session) -> Model {
    let usual = |kind: SourceKind| {
        kind != SourceKind::Canary && !kind.is_costly() && !kind.is_for_runbooks()
    };
    session.survey(usual).await
}

/// What counts: each finding that follows from no other, with its subject.
pub(crate) fn roots(model: &Model) -> Vec<(String, String)> {
    let all = findings::all(model, clock::now());
    let counts =
        |finding: &&Finding| finding.consequence_of.is_none() && finding.severity != Severity::Info;
    let roots = all.iter().filter(counts);
    roots
        .map(|finding| {
            (
                finding.id.clone(),
                format!("{}: {}", finding.subject, finding.title),
            )
        })
        .collect()
}
