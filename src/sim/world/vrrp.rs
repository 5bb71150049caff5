//! Owns keepalived of the simulated cluster: priorities, the check script, the election, and who
//! has the VIP.

use super::front::Unit;
use std::cmp::Reverse;
use std::time::Duration;

/// How long a change of mind takes: three advertisements missed, or one with priority 0.
const HANDOVER: Duration = Duration::from_millis(600);
/// Lines of its log that are kept, as many as are asked for.
const LOGGED: usize = 12;

/// State of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "UPPERCASE")]
pub enum State {
    /// It has the VIP.
    Master,
    /// It waits.
    Backup,
    /// It takes no part.
    Fault,
}

/// The check script, as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// It fails where HAProxy does not run.
    Works,
    /// It always fails: it is not executable.
    Broken,
}

/// A keepalived.
#[derive(Debug, Clone)]
pub struct Keepalived {
    /// Its service.
    pub unit: Unit,
    /// Of the instance.
    pub state: State,
    /// Base priority.
    pub base: u8,
    /// Weight of the check; 0 makes its failure a fault.
    pub weight: i32,
    /// The check.
    pub script: Script,
    /// What it logged.
    pub log: Vec<String>,
    passed: Option<bool>,
    wanted: Option<(State, Duration)>,
}

impl Keepalived {
    /// One with this base priority, in this state.
    pub fn new(base: u8, state: State) -> Self {
        let mut new = Self {
            unit: Unit::Active,
            state,
            base,
            weight: 20,
            script: Script::Works,
            log: Vec::new(),
            passed: Some(true),
            wanted: None,
        };
        new.logs("VRRP_Script(chk_haproxy) succeeded".to_owned());
        new.logs(format!("(VI_1) Entering {state} STATE"));
        new
    }

    fn logs(&mut self, line: String) {
        self.log.push(line);
        let more = self.log.len().saturating_sub(LOGGED);
        self.log.drain(..more);
    }

    /// Starts or stops it; one that ends gives the VIP up.
    pub(super) fn turn(&mut self, unit: Unit) {
        if self.unit == unit {
            return;
        }
        self.unit = unit;
        (self.state, self.wanted, self.passed) = (State::Backup, None, None);
        if unit == Unit::Active {
            self.logs("(VI_1) Entering BACKUP STATE (init)".to_owned());
        }
    }

    /// Runs the check, and logs what came of it where that is new.
    fn check(&mut self, haproxy: Unit) {
        let passes = self.script == Script::Works && haproxy == Unit::Active;
        if self.passed == Some(passes) {
            return;
        }
        self.passed = Some(passes);
        self.logs(match (passes, self.script) {
            (true, _) => "VRRP_Script(chk_haproxy) succeeded".to_owned(),
            (false, Script::Works) => {
                "VRRP_Script(chk_haproxy) failed (exited with status 1)".to_owned()
            }
            (false, Script::Broken) => {
                "VRRP_Script(chk_haproxy) failed (exited with status 126)".to_owned()
            }
        });
    }

    fn is_in_fault(&self) -> bool {
        self.weight == 0 && self.passed == Some(false)
    }

    /// Its priority now.
    pub fn priority(&self) -> i32 {
        let more = match self.passed {
            Some(true) => self.weight.max(0),
            Some(false) => self.weight.min(0),
            None => 0,
        };
        (i32::from(self.base) + more).clamp(1, 254)
    }

    /// Goes over into `state` once it has been wanted for long enough.
    fn heads_for(&mut self, state: State, now: Duration) {
        if state == self.state {
            self.wanted = None;
            return;
        }
        let since = match self.wanted {
            Some((wanted, since)) if wanted == state => since,
            _ => now,
        };
        self.wanted = Some((state, since));
        // Who loses the VIP hears it at once, who wins it waits for silence.
        if state != State::Master || now >= since + HANDOVER {
            self.state = state;
            self.wanted = None;
            self.logs(format!("(VI_1) Entering {state} STATE"));
        }
    }
}

/// Whether keepaliveds hear each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Air {
    /// They do.
    Clear,
    /// Advertisements are lost on the way.
    Deaf,
}

/// One step of the election among those that run; each with what HAProxy does beside it.
pub(super) fn elect(all: &mut [(&mut Keepalived, Unit)], air: Air, now: Duration) {
    for (each, haproxy) in all.iter_mut() {
        each.check(*haproxy);
    }
    let mut able: Vec<(i32, usize)> = all
        .iter()
        .enumerate()
        .filter(|(_, (each, _))| !each.is_in_fault())
        .map(|(at, (each, _))| (each.priority(), at))
        .collect();
    able.sort_by_key(|(priority, at)| (Reverse(*priority), *at));
    let best = able.first().map(|(_, at)| *at);
    for (at, (each, _)) in all.iter_mut().enumerate() {
        let wins = air == Air::Deaf || best == Some(at);
        let state = match (each.is_in_fault(), wins) {
            (true, _) => State::Fault,
            (false, true) => State::Master,
            (false, false) => State::Backup,
        };
        each.heads_for(state, now);
    }
}
