//! What `watch` tells of findings that come, go and change.

use super::cluster::host;
use super::healthy;
use super::scene::{Vip, addresses, services};
use rmqtop::cli::watch::{ChangeKind, Watcher};
use rmqtop::findings::Severity;
use rmqtop::model::host::UnitState;
use rmqtop::model::observation::{FailureKind, Observation, Payload, SourceId, SourceKind};
use std::time::Duration;

/// It does not end when it grows worse: whoever reads the lines sees that it goes on.
#[test]
fn what_grows_worse_is_not_over() {
    let mut cluster = healthy();
    cluster.fails(1, SourceKind::Haproxy, FailureKind::Refused);
    let mut down = services(1);
    down.haproxy = Some(UnitState::Failed);
    cluster.sees(1, Payload::Services(down));
    let mut watcher = Watcher::new(cluster.model.clone());
    watcher.changes(cluster.now);
    let addresses = |member, vip| Observation {
        source: SourceId::new(SourceKind::Vip, host(member)),
        at: cluster.now,
        took: Duration::ZERO,
        outcome: Ok(Payload::Addresses(addresses(member, vip))),
    };
    watcher.fold(addresses(0, Vip::Absent), cluster.now);
    let changes = watcher.fold(addresses(1, Vip::Held), cluster.now);
    let mut goes_on = None;
    for change in &changes {
        if let ChangeKind::FindingClosed { finding, now } = &change.what
            && finding.id == "H1"
        {
            goes_on = Some(now);
        }
    }
    assert_eq!(goes_on, Some(&Some(Severity::Critical)), "{changes:#?}");
}
