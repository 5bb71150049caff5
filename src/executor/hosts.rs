//! Owns the locks of the hosts during a run, so that two operators on different machines never
//! change one cluster at once. They are no consensus, for a partition can split them: each step's
//! preconditions still decide.

use super::Hands;
use super::lock::Holder;
use crate::guard::Permit;
use crate::invocation::keep::HostLock;
use crate::model::name::HostName;
use crate::model::text::Shown;
use crate::remote::Operate;
use crate::remote::hold::{Hold, HoldError};
use crate::remote::outcome::RemoteError;
use crate::runbook::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a host may still count us as the holder after a lost connection, and a little more.
const OWN_LIMIT: Duration = Duration::from_secs(25);
/// How long the way to a host may take to come back.
const WAY_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// Why a host's lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HostLockError {
    /// Someone else runs something.
    #[error("lock {host}: {}", told(.words))]
    Held {
        /// Which host.
        host: HostName,
        /// What the holder wrote there.
        words: String,
    },
    /// The host could not be asked.
    #[error("lock {host}: {source}")]
    Failed {
        /// Which host.
        host: HostName,
        /// Why.
        source: RemoteError,
    },
    /// There is no way to the host.
    #[error("lock {host}: there is no way to run commands on it")]
    NoWay {
        /// Which host.
        host: HostName,
    },
}

/// The holder in words, as a stranger's file tells it.
fn told(words: &str) -> String {
    match serde_json::from_str::<Holder>(words) {
        Ok(holder) => Shown::new(&holder.to_string()).as_str().to_owned(),
        Err(_) => "another run holds it".to_owned(),
    }
}

/// The locks of one run.
#[derive(Debug)]
pub struct HostLocks {
    holder: Holder,
    holds: BTreeMap<HostName, Hold>,
    /// Hosts that share the machine of another, whose lock is theirs too.
    shared: BTreeMap<HostName, HostName>,
}

/// What is written into a lock: who holds it, and under which name of the machine.
#[derive(serde::Serialize, serde::Deserialize)]
struct Inscription {
    #[serde(flatten)]
    holder: Holder,
    host: Option<HostName>,
}

impl HostLocks {
    /// Takes the locks of all hosts there is a way to, in the order of their names, so that of
    /// two operators one is refused at the first host both meet. A host on which nothing is to be
    /// done may be out of reach; one on which something is may not. Never waits for a holder.
    ///
    /// # Errors
    ///
    /// If any host is held, or one of the plan's cannot be locked. Then none is kept.
    pub async fn take(
        plan: &Plan,
        hands: &Hands,
        permit: &Permit,
        holder: &Holder,
    ) -> Result<Self, HostLockError> {
        let targets: BTreeSet<&HostName> = plan
            .steps
            .iter()
            .filter(|step| step.change.is_some())
            .map(|step| &step.host)
            .collect();
        let mut locks = Self {
            holder: holder.clone(),
            holds: BTreeMap::new(),
            shared: BTreeMap::new(),
        };
        if let Some(host) = targets.iter().find(|host| !hands.contains_key(**host)) {
            return Err(HostLockError::NoWay {
                host: (*host).clone(),
            });
        }
        for (host, hand) in hands {
            match hand.hold(permit, &locks.words(host)).await {
                Ok(hold) => {
                    locks.holds.insert(host.clone(), hold);
                }
                Err(HoldError::Held(words)) if locks.own_host(&words).is_some() => {
                    let owner = locks.own_host(&words);
                    locks
                        .shared
                        .extend(owner.map(|owner| (host.clone(), owner)));
                }
                Err(HoldError::Failed(_)) if !targets.contains(host) => {}
                Err(error) => {
                    locks.release().await;
                    return Err(named(host, error));
                }
            }
        }
        Ok(locks)
    }

    /// Makes sure that `host` is still held. A lock that went with a lost connection is taken
    /// again, as soon as the host no longer counts us as its holder.
    ///
    /// # Errors
    ///
    /// If someone else took it meanwhile, or the host cannot be asked.
    pub async fn renew(
        &mut self,
        host: &HostName,
        hand: &dyn Operate,
        permit: &Permit,
    ) -> Result<(), HostLockError> {
        let host = self
            .shared
            .get(host)
            .cloned()
            .unwrap_or_else(|| host.clone());
        let host = &host;
        if self.holds.get(host).is_some_and(|hold| !hold.is_lost()) {
            return Ok(());
        }
        let begun = Instant::now();
        loop {
            let error = match hand.hold(permit, &self.words(host)).await {
                Ok(hold) => {
                    self.holds.insert(host.clone(), hold);
                    return Ok(());
                }
                Err(error) => error,
            };
            let limit = match &error {
                HoldError::Held(words) if self.own(words).is_some() => OWN_LIMIT,
                HoldError::Held(_) => Duration::ZERO,
                HoldError::Failed(_) => WAY_LIMIT,
            };
            if begun.elapsed() >= limit {
                return Err(named(host, error));
            }
            hand.retry_now();
            sleep(PAUSE).await;
        }
    }

    /// Lets all of them go, side by side.
    pub async fn release(self) {
        futures_util::future::join_all(self.holds.into_values().map(Hold::release)).await;
    }

    fn words(&self, host: &HostName) -> HostLock {
        let inscription = Inscription {
            holder: self.holder.clone(),
            host: Some(host.clone()),
        };
        HostLock::new(&serde_json::to_string(&inscription).unwrap_or_default())
    }

    /// What this run wrote into the lock that says these words, if it did.
    fn own(&self, words: &str) -> Option<Inscription> {
        let inscription: Inscription = serde_json::from_str(words).ok()?;
        (inscription.holder == self.holder).then_some(inscription)
    }

    /// Under which name this run holds the machine whose lock says these words already.
    fn own_host(&self, words: &str) -> Option<HostName> {
        let host = self.own(words)?.host?;
        self.holds.contains_key(&host).then_some(host)
    }
}

fn named(host: &HostName, error: HoldError) -> HostLockError {
    let host = host.clone();
    match error {
        HoldError::Held(words) => HostLockError::Held { host, words },
        HoldError::Failed(source) => HostLockError::Failed { host, source },
    }
}
