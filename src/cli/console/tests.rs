//! A run that is stopped before its first step: nothing of it is sent, and its end is told.

use super::{Mode, Runs, World};
use crate::cli::session::Session;
use crate::config::file;
use crate::executor::Hands;
use crate::executor::state::StatePlace;
use crate::guard::{Confirmation, Execute};
use crate::invocation::keep::{HostLock, UnitName};
use crate::invocation::{Change, CtlVerb, Read};
use crate::model::name::{HostName, NodeName};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::hold::{Hold, HoldError};
use crate::remote::outcome::{CommandOutcome, Leftover, Output, RemoteError};
use crate::remote::{Lines, Observe, Operate, Printed};
use crate::runbook::plan::{Plan, Probe, Step};
use crate::tui::Backend;
use futures_util::future::BoxFuture;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::TaskTracker;

/// A host that takes for ever to answer for its lock.
#[derive(Debug, Default)]
struct Silent {
    asked: Notify,
}

fn never() -> RemoteError {
    RemoteError {
        destination: Shown::new("root@a"),
        kind: FailureKind::Lost,
        message: Shown::new("a stopped run asks nothing"),
    }
}

impl Observe for Silent {
    fn read<'a>(
        &'a self,
        _read: &'a Read,
        _limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        Box::pin(async { Err(never()) })
    }

    fn lines<'a>(&'a self, _read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        Box::pin(async { Err(never()) })
    }
}

impl Operate for Silent {
    fn change<'a>(
        &'a self,
        _permit: &'a crate::guard::Permit,
        change: &'a Change,
        _limit: Duration,
    ) -> BoxFuture<'a, CommandOutcome> {
        panic!("{} was sent", change.argv())
    }

    fn collect<'a>(
        &'a self,
        _permit: &'a crate::guard::Permit,
        _unit: &'a UnitName,
        _limit: Duration,
        _printed: &'a Printed,
    ) -> BoxFuture<'a, Leftover> {
        Box::pin(async { Leftover::Nothing })
    }

    fn hold<'a>(
        &'a self,
        _permit: &'a crate::guard::Permit,
        _lock: &'a HostLock,
    ) -> BoxFuture<'a, Result<Hold, HoldError>> {
        Box::pin(async {
            self.asked.notify_one();
            std::future::pending().await
        })
    }
}

/// Where runs of these tests are remembered.
fn state() -> StatePlace {
    static HOME: OnceLock<TempDir> = OnceLock::new();
    let home = HOME.get_or_init(|| tempfile::tempdir().unwrap());
    StatePlace::At(home.path().to_owned())
}

fn plan() -> Plan {
    let node = NodeName::parse("rabbit@a").unwrap();
    Plan {
        action: crate::action::Action::StopApp { node: node.clone() },
        cluster: "one".to_owned(),
        fingerprint: String::new(),
        basis: Vec::new(),
        preflight: Vec::new(),
        blast_radius: Vec::new(),
        steps: vec![Step {
            id: "stop-app".to_owned(),
            title: "stop".to_owned(),
            host: HostName::parse("a").unwrap(),
            change: Some(Change::Ctl {
                node: node.clone(),
                verb: CtlVerb::StopApp,
                limit: Duration::from_secs(60),
            }),
            before: Vec::new(),
            already: Vec::new(),
            after: vec![Probe::SelfReports { node }],
            deadline: Duration::from_secs(60),
        }],
        stop: None,
        definitions: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_stopped_while_it_is_prepared() {
    let text = "[clusters.one]\n[[clusters.one.hosts]]\nname = \"a\"\naddress = \"192.0.2.1\"\nnode = \"rabbit@a\"\n[clusters.one.management]\nusername = \"mon\"\npassword_env = \"NONE\"\n";
    let config = file::parse(Path::new("/etc/rmqtop/config.toml"), text).unwrap();
    let cluster = config.choose(None).unwrap().clone();
    let silent = Arc::new(Silent::default());
    let hand: Arc<dyn Operate> = silent.clone();
    let hands: Hands = [(HostName::parse("a").unwrap(), hand)].into();
    let session = Session::over(&cluster, hands, state());
    let tasks = TaskTracker::new();
    let mut world = World {
        session,
        mode: Mode::Operate,
        seen: mpsc::channel(1).0,
        watch: None,
        runs: Runs::default(),
        tasks: tasks.clone(),
    };
    let confirmation = Confirmation {
        execute: Execute::Yes,
        typed: vec!["rabbit@a".to_owned()],
    };
    let mut told = world.execute(plan(), confirmation);
    silent.asked.notified().await;
    world.stop_run(None);
    let end = told.recv().await.unwrap().unwrap_err();
    assert_eq!(
        end,
        "the operator stopped the run before it began; nothing was sent"
    );
    assert!(told.recv().await.is_none());
    tasks.close();
    tasks.wait().await;
    let journals = std::fs::read_dir(state().open().unwrap().runs()).unwrap();
    assert_eq!(journals.count(), 0);
}
