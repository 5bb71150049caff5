//! The cluster that commands are sent to, what becomes of each, and what happens meanwhile.

use crate::cluster::Cluster;
use crate::effects::take_effect;
use rmqtop::invocation::Change;
use rmqtop::invocation::cookie::CookieVerb;
use rmqtop::remote::hold::Keeper;
use rmqtop::remote::outcome::Output;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// What a host answers that is to make a key, or to seal its cookie. A word of 200 characters.
pub(crate) const SEALED: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\
    d3h5ejAxMjM0NTY3ODlBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWmFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6MDEy\
    MzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaYWJjZGVm";

/// What the caller hears of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Exit(i32),
    /// A signal ended it.
    Killed,
    NotSent,
    Lost,
    TimedOut,
    /// Nothing, ever.
    Silence,
}

/// What becomes of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    /// When the cluster follows, after the command was sent; `None`: never.
    pub(crate) effect: Option<Duration>,
    pub(crate) reply: Reply,
}

impl Act {
    pub(crate) fn works() -> Self {
        Self::new(Some(Duration::ZERO), Reply::Exit(0))
    }

    /// It works, and the cluster shows it a little later.
    pub(crate) fn soon() -> Self {
        Self::new(Some(Duration::from_secs(4)), Reply::Exit(0))
    }

    /// Its connection is lost; it works all the same, a little later.
    pub(crate) fn lost_after_its_effect() -> Self {
        Self::new(Some(Duration::from_secs(4)), Reply::Lost)
    }

    pub(crate) fn new(effect: Option<Duration>, reply: Reply) -> Self {
        Self { effect, reply }
    }
}

/// Something that happens to a cluster.
pub(crate) type Happening = fn(&mut Cluster);

/// The cluster, what was sent to it, and what is scripted.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) sent: Vec<String>,
    pub(crate) acts: VecDeque<Act>,
    pub(crate) looks: usize,
    /// When the queues were listed.
    pub(crate) listings: Vec<Instant>,
    /// How long the broker takes to list its queues.
    pub(crate) listing_takes: Duration,
    /// What happens to the cluster right before the n-th look, counted from 1.
    pub(crate) meanwhile: BTreeMap<usize, Happening>,
    /// What happens to the cluster once the n-th command has had its effect.
    pub(crate) lose_after: Option<(usize, Happening)>,
    /// Sources that do not answer after the n-th command.
    pub(crate) blind_after: Option<usize>,
    /// How long every look from the n-th on takes, counted from 1.
    pub(crate) slow_from: Option<(usize, Duration)>,
    /// What units of an earlier process ended with.
    pub(crate) left: BTreeMap<String, Output>,
    /// How often units of an earlier process are still found at work.
    pub(crate) at_work: usize,
    /// Hosts cannot say what became of units.
    pub(crate) unshown: bool,
    /// What each command prints while it runs, a line a second.
    pub(crate) prints: Vec<&'static str>,
    /// Who holds the third host at each try to lock it; `None`: nobody.
    pub(crate) holders: VecDeque<Option<String>>,
    /// The locks that were taken.
    pub(crate) keepers: Vec<Keeper>,
    /// The connection, and every lock with it, is lost with the n-th command.
    pub(crate) lose_locks_after: Option<usize>,
    /// Why no host makes a key or seals its cookie.
    pub(crate) seals_nothing: Option<&'static str>,
    due: Vec<(Instant, usize, Change)>,
    /// The journal that must announce each act.
    pub(super) journal: PathBuf,
}

/// The world, in several hands.
pub(super) type Shared = Arc<Mutex<World>>;

impl World {
    pub(crate) fn new(cluster: Cluster, acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            cluster,
            sent: Vec::new(),
            acts: acts.into_iter().collect(),
            looks: 0,
            listings: Vec::new(),
            listing_takes: Duration::ZERO,
            meanwhile: BTreeMap::new(),
            lose_after: None,
            blind_after: None,
            slow_from: None,
            left: BTreeMap::new(),
            at_work: 0,
            unshown: false,
            prints: Vec::new(),
            holders: VecDeque::new(),
            keepers: Vec::new(),
            lose_locks_after: None,
            seals_nothing: None,
            due: Vec::new(),
            journal: PathBuf::new(),
        }
    }

    pub(crate) fn healthy(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::new(Cluster::healthy(), acts)
    }

    /// Does as told by a command on the host of member `on`, and says what the caller hears.
    pub(super) fn obey(&mut self, on: usize, change: &Change) -> Reply {
        let mut command = change.argv().to_string();
        if let Change::Cookie {
            verb: CookieVerb::Open { .. },
        } = change
        {
            // The journal has a word in the place of what is sealed.
            assert!(command.contains(SEALED));
            command = command.replace(SEALED, "SEALED-BY-rabbit-node1");
        }
        let written = std::fs::read_to_string(&self.journal).unwrap();
        assert!(!written.contains(SEALED));
        let last = written.lines().last().unwrap();
        assert!(
            last.contains("\"sending\"")
                && last.contains(&serde_json::to_string(&command).unwrap()),
            "an act that its journal does not announce: {command}"
        );
        self.sent.push(command);
        if self.lose_locks_after == Some(self.sent.len()) {
            self.keepers.drain(..).for_each(|keeper| keeper.lose());
        }
        let act = self
            .acts
            .pop_front()
            .expect("a command that nobody expected");
        if let Some(delay) = act.effect {
            self.due.push((Instant::now() + delay, on, change.clone()));
        }
        act.reply
    }

    /// Lets what is due by now happen.
    pub(super) fn catch_up(&mut self) {
        self.looks += 1;
        if let Some(happens) = self.meanwhile.get(&self.looks) {
            happens(&mut self.cluster);
        }
        let now = Instant::now();
        for (at, on, change) in &self.due {
            if *at <= now {
                take_effect(&mut self.cluster, *on, change);
            }
        }
        self.due.retain(|(at, ..)| *at > now);
        if let Some((n, happens)) = self.lose_after
            && self.sent.len() >= n
            && self.due.is_empty()
        {
            happens(&mut self.cluster);
        }
    }
}
