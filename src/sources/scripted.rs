//! Owns a host made of prepared answers, for tests: every command gives what was written down for
//! it, and a command nobody prepared is a failed test.

use super::Reach;
use crate::invocation::Read;
use crate::model::name::HostName;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::outcome::{Output, RemoteError};
use crate::remote::{Lines, Observe};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a cluster of this release answered in this situation; `None` where nothing answered.
/// Recorded by `tests/lab/record`.
pub(crate) fn fixture(release: &str, situation: &str, file: &str) -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let dir = std::path::Path::new(root).join(release).join(situation);
    assert!(dir.is_dir(), "{} was recorded", dir.display());
    std::fs::read_to_string(dir.join(file)).ok()
}

/// The prepared host.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: HashMap<Read, Result<Output, RemoteError>>,
    streams: Mutex<VecDeque<Result<Lines, RemoteError>>>,
    asked: Mutex<Vec<Read>>,
}

fn error(kind: FailureKind, message: &str) -> RemoteError {
    RemoteError {
        destination: Shown::new("host"),
        kind,
        message: Shown::new(message),
    }
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn answer(mut self, read: Read, code: i32, stdout: &str, stderr: &str) -> Self {
        let output = Output {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        self.answers.insert(read, Ok(output));
        self
    }

    pub(crate) fn fail(mut self, read: Read, kind: FailureKind, message: &str) -> Self {
        self.answers.insert(read, Err(error(kind, message)));
        self
    }

    /// The next stream asked for gives what is sent here.
    pub(crate) fn stream(&self) -> mpsc::Sender<Result<String, RemoteError>> {
        let (sender, lines) = mpsc::channel(16);
        self.streams.lock().unwrap().push_back(Ok(lines));
        sender
    }

    /// The next stream asked for is refused.
    pub(crate) fn refuse_stream(&self, kind: FailureKind) {
        let refusal = Err(error(kind, "refused"));
        self.streams.lock().unwrap().push_back(refusal);
    }

    /// How often `read` was asked for.
    pub(crate) fn count(&self, read: &Read) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == read).count()
    }

    pub(crate) fn reach(self) -> Reach {
        Arc::new(self).shared_reach()
    }

    pub(crate) fn shared_reach(self: Arc<Self>) -> Reach {
        Reach {
            host: HostName::parse("rabbit-node1").unwrap(),
            link: Some(self),
        }
    }
}

impl Observe for Script {
    fn read<'a>(
        &'a self,
        read: &'a Read,
        _limit: Duration,
    ) -> BoxFuture<'a, Result<Output, RemoteError>> {
        self.asked.lock().unwrap().push(read.clone());
        let answer = self.answers.get(read).expect("an answer was prepared");
        async move { answer.clone() }.boxed()
    }

    fn lines<'a>(&'a self, _read: &'a Read) -> BoxFuture<'a, Result<Lines, RemoteError>> {
        let next = self.streams.lock().unwrap().pop_front();
        let none = Err(error(FailureKind::Lost, "no further stream"));
        async move { next.unwrap_or(none) }.boxed()
    }
}
