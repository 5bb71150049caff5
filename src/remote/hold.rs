//! Owns the lock of a host while it is held: the heartbeat that keeps it, the knowledge that it
//! was lost, its end. Knows no connection; it is handed the two ends of the holding command.

use super::outcome::RemoteError;
use super::pipe::LineReader;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// Between two signs of life; the host waits for five of them.
const BEAT: Duration = Duration::from_secs(3);
/// How long the host may take to answer, and to let go.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A host's lock, held until this is released or dropped.
#[derive(Debug)]
pub struct Hold {
    lost: watch::Receiver<bool>,
    release: oneshot::Sender<()>,
}

/// The holding side.
#[derive(Debug)]
pub struct Keeper {
    lost: watch::Sender<bool>,
    released: oneshot::Receiver<()>,
}

/// Why a lock was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldError {
    /// Someone else holds it; what they wrote there, empty if not yet.
    Held(String),
    /// It could not be asked for.
    Failed(RemoteError),
}

impl Hold {
    /// A lock, and whoever keeps it.
    pub fn new() -> (Self, Keeper) {
        let (lost_sender, lost) = watch::channel(false);
        let (release, released) = oneshot::channel();
        let keeper = Keeper {
            lost: lost_sender,
            released,
        };
        (Self { lost, release }, keeper)
    }

    /// Whether it is held no more, as far as is known here.
    pub fn is_lost(&self) -> bool {
        *self.lost.borrow() || self.lost.has_changed().is_err()
    }

    /// Lets go, and waits until the host has.
    pub async fn release(self) {
        let Self { mut lost, release } = self;
        drop(release);
        // A host that does not answer frees it by itself.
        let _gone = timeout(ANSWER_LIMIT, async {
            while lost.changed().await.is_ok() {}
        })
        .await;
    }
}

impl Keeper {
    /// Keeps it until it is let go, and says that the host has let go.
    pub async fn kept(self) {
        let Self { lost, released } = self;
        // The other side never sends: it ends with its owner.
        let _released = released.await;
        lost.send_replace(true);
    }

    /// Says that it is held no more.
    pub fn lose(&self) {
        self.lost.send_replace(true);
    }
}

/// Reads the host's answer and, if the lock was taken, keeps it. `child` lives as long.
pub(super) async fn begin<C, I, O>(
    child: C,
    stdin: Option<I>,
    stdout: Option<O>,
    fault: impl Fn(&str) -> RemoteError,
) -> Result<Hold, HoldError>
where
    C: Send + 'static,
    I: AsyncWrite + Unpin + Send + 'static,
    O: AsyncRead + Unpin + Send + 'static,
{
    let failed = |words: &str| HoldError::Failed(fault(words));
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(failed("the lock has no input or output"));
    };
    let mut lines = LineReader::new(stdout);
    let answer = timeout(ANSWER_LIMIT, lines.next())
        .await
        .map_err(|_elapsed| failed("the lock was not answered for"))?;
    match answer.as_deref() {
        Some("taken") => {
            let (hold, keeper) = Hold::new();
            tokio::spawn(keep(child, stdin, lines, keeper));
            Ok(hold)
        }
        Some("held") => {
            let words = timeout(ANSWER_LIMIT, lines.next()).await;
            Err(HoldError::Held(words.ok().flatten().unwrap_or_default()))
        }
        Some(words) => Err(failed(&format!("cannot lock the host: {words}"))),
        None => Err(failed("cannot lock the host: the command ended")),
    }
}

async fn keep<C, I, O>(child: C, mut stdin: I, mut lines: LineReader<O>, mut keeper: Keeper)
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
{
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            _released = &mut keeper.released => break,
            line = lines.next() => if line.is_none() { break },
            _ = beat.tick() => {
                if stdin.write_all(b".").await.is_err() || stdin.flush().await.is_err() {
                    break;
                }
            }
        }
    }
    drop(stdin);
    // The command ends with its input; its output's end says that the host let go.
    let _gone = timeout(ANSWER_LIMIT, async {
        while lines.next().await.is_some() {}
    })
    .await;
    drop(child);
    keeper.lose();
}
