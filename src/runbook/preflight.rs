//! Owns the checks before a plan is offered, as small named values: `P1` … of the operations
//! reference. Pure; each says what it rests on. Not being able to tell is never a pass.

mod cluster;
mod host;
mod membership;
mod policy;
mod quorum;
mod rolling;
mod traffic;

pub use cluster::{
    ALARMS, CAPABILITY, COMPANY, FRESH, FRESH_ALL_MEMBERS, FRESH_EVERYWHERE, FRESH_MEMBERS,
    NOTHING_ELSE,
};
pub use host::{COOKIE, COOKIE_CAN_MOVE, DATA, DATA_THERE, NAMES, STRANGER};
pub use membership::{
    BACKUP, COPIES, CURABLE, DEATH, DISC, HANDSHAKE, HOLDINGS, LOSSES, PARTITION, REPLICAS,
    UNREPLICATED, VERSIONS, listed,
};
pub use policy::{MAY_CHANGE_POLICIES, MAY_SYNCHRONISE};
pub use quorum::{MAJORITY, QUORUM};
pub(super) use rolling::synchronised_by_hand;
pub use rolling::{LISTED, MIRRORS_FOLLOW, TOLD, WHOLE};
pub use traffic::{BALANCERS, CONNECTIONS, MIRRORS, VIP};

use super::plan::{Preflight, Refusal, Verdict};
use super::steps::Ground;
use crate::action::Action;
use crate::model::Model;
use crate::model::inventory::{Access, HostEntry};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::reading::Reading;

/// The member a runbook acts on.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Which member.
    pub node: &'a NodeName,
    /// Its host, which commands can reach.
    pub host: &'a HostEntry,
    /// Its state.
    pub state: NodeState,
    /// The other member through which it is acted on, where one is.
    pub via: Option<&'a NodeName>,
}

/// A check that can be made before any runbook.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    id: &'static str,
    title: &'static str,
    judge: fn(&Model, Target<'_>, Moment) -> Judged,
}

/// What a check found. The first line of evidence is a sentence that can stand as a reason.
#[derive(Debug, Clone)]
struct Judged {
    verdict: Verdict,
    evidence: Vec<String>,
    instead: Option<String>,
    may_pass: bool,
}

impl Judged {
    fn new(verdict: Verdict, evidence: Vec<String>) -> Self {
        Self {
            verdict,
            evidence,
            instead: None,
            // What cannot be told now may be told by the next look.
            may_pass: verdict == Verdict::CannotTell,
        }
    }

    fn one(verdict: Verdict, line: impl Into<String>) -> Self {
        Self::new(verdict, vec![line.into()])
    }

    fn instead(mut self, what: impl Into<String>) -> Self {
        self.instead = Some(what.into());
        self
    }

    /// A later look may find it otherwise without anything being done.
    fn passing(mut self) -> Self {
        self.may_pass = true;
        self
    }
}

/// The checks of one plan, with what came out.
#[derive(Debug, Default)]
pub struct Checks {
    made: Vec<Made>,
}

/// A check that was made: what to do instead if it forbids, and whether that may pass by itself.
#[derive(Debug)]
struct Made {
    preflight: Preflight,
    instead: Option<String>,
    may_pass: bool,
}

/// What must hold before a running member is taken away, besides that the members agree.
const STOPPING: [&Check; 8] = [
    &ALARMS,
    &QUORUM,
    &MAJORITY,
    &MIRRORS,
    &CONNECTIONS,
    &VIP,
    &BALANCERS,
    &NOTHING_ELSE,
];

impl Checks {
    /// Makes a check.
    pub(super) fn make(&mut self, check: &Check, ground: Ground<'_>) {
        let judged = (check.judge)(ground.model, ground.target, ground.now);
        self.note(check, judged);
    }

    /// Makes a check of each member, and judges by those with the worst. A line that is the same
    /// for all of these stands once; one that names neither its member nor its host gets its name.
    pub(super) fn make_each(&mut self, check: &Check, grounds: &[Ground<'_>]) {
        let mut judged: Vec<(Target<'_>, Judged)> = grounds
            .iter()
            .map(|ground| {
                let of_one = (check.judge)(ground.model, ground.target, ground.now);
                (ground.target, of_one)
            })
            .collect();
        let gravest = judged
            .iter()
            .map(|(_, of_one)| gravity(of_one.verdict))
            .max();
        judged.retain(|(_, of_one)| Some(gravity(of_one.verdict)) == gravest);
        let Some(worst) = judged.first().map(|(_, worst)| worst.clone()) else {
            return;
        };
        let mut evidence: Vec<String> = Vec::new();
        for (target, of_one) in &judged {
            for line in &of_one.evidence {
                let mut all = judged.iter();
                let is_common = all.all(|(_, other)| other.evidence.contains(line))
                    && judged.len() == grounds.len();
                let line = if is_common || names(line, *target) {
                    line.clone()
                } else {
                    format!("{}: {line}", target.node)
                };
                if !evidence.contains(&line) {
                    evidence.push(line);
                }
            }
        }
        self.note(check, Judged { evidence, ..worst });
    }

    /// Makes a check that warns where it would forbid.
    pub(super) fn advise(&mut self, check: &Check, ground: Ground<'_>) {
        let mut judged = (check.judge)(ground.model, ground.target, ground.now);
        if matches!(judged.verdict, Verdict::Failed | Verdict::CannotTell) {
            judged.verdict = Verdict::Warning;
        }
        self.note(check, judged);
    }

    /// The checks before a member stops; those that do not apply to one that does not run are
    /// skipped for the reason `idle`. A partition is told and forbids nothing: a restart ends it.
    pub(super) fn of_stop(&mut self, ground: Ground<'_>, idle: &str) {
        self.before_stop(ground, idle, Self::advise);
    }

    fn before_stop(
        &mut self,
        ground: Ground<'_>,
        idle: &str,
        on_partition: fn(&mut Self, &Check, Ground<'_>),
    ) {
        if ground.target.state != NodeState::Running {
            return self.of_nothing(ground, idle);
        }
        self.make(&FRESH, ground);
        self.make(&CAPABILITY, ground);
        on_partition(self, &PARTITION, ground);
        for check in STOPPING {
            self.make(check, ground);
        }
    }

    /// The checks before a member is removed for good, whether it runs or not.
    pub(super) fn of_removal(&mut self, ground: Ground<'_>) {
        let idle = "it is not running: nothing is taken away";
        self.before_stop(ground, idle, Self::make);
        if ground.target.state != NodeState::Running {
            for check in [&PARTITION, &MAJORITY] {
                self.made.retain(|made| made.preflight.id != check.id);
                self.make(check, ground);
            }
        }
        for check in [&DISC, &LOSSES, &BACKUP] {
            self.make(check, ground);
        }
    }

    /// The checks where nothing is taken away, for the reason `idle`; what a member does must be known
    /// for that.
    pub(super) fn of_nothing(&mut self, ground: Ground<'_>, idle: &str) {
        let idle = if ground.target.state == NodeState::Unknown {
            "not made: what the member does is not known"
        } else {
            idle
        };
        self.make(&FRESH, ground);
        self.make(&CAPABILITY, ground);
        self.skip(&PARTITION, idle);
        for check in STOPPING {
            self.skip(check, idle);
        }
    }

    /// The checks before a member is started or brought back. It may be the first one to run, so
    /// that version and store are not known yet.
    pub(super) fn of_start(ground: Ground<'_>) -> Self {
        let mut checks = Self::default();
        checks.make(&FRESH_MEMBERS, ground);
        checks.advise(&CAPABILITY, ground);
        checks.make(&COMPANY, ground);
        checks
    }

    /// Notes why a check does not apply.
    pub fn skip(&mut self, check: &Check, why: &str) {
        self.note(check, Judged::one(Verdict::NotApplicable, why));
    }

    /// Notes what a runbook found out by itself, under an id and a title.
    pub(super) fn found(
        &mut self,
        (id, title): (&str, &str),
        verdict: Verdict,
        evidence: Vec<String>,
        instead: Option<String>,
    ) {
        let judged = Judged {
            instead,
            ..Judged::new(verdict, evidence)
        };
        self.add((id, title), judged);
    }

    fn note(&mut self, check: &Check, judged: Judged) {
        self.add((check.id, check.title), judged);
    }

    fn add(&mut self, (id, title): (&str, &str), judged: Judged) {
        let preflight = Preflight {
            id: id.to_owned(),
            title: title.to_owned(),
            verdict: judged.verdict,
            evidence: judged.evidence,
        };
        self.made.push(Made {
            preflight,
            instead: judged.instead,
            may_pass: judged.may_pass,
        });
    }

    /// All checks, if none forbids.
    ///
    /// # Errors
    ///
    /// The refusal. Its reason is what failed first; what could not be told comes after that.
    pub fn verdict(self, action: &Action) -> Result<Vec<Preflight>, Refusal> {
        let is = |verdict| move |made: &&Made| made.preflight.verdict == verdict;
        let first = |verdict| self.made.iter().find(is(verdict));
        match first(Verdict::Failed).or_else(|| first(Verdict::CannotTell)) {
            None => Ok(self.all()),
            Some(made) => {
                let Preflight {
                    title, evidence, ..
                } = &made.preflight;
                let reason = evidence.first().unwrap_or(title).clone();
                let (instead, may_pass) = (made.instead.clone(), made.may_pass);
                Err(Refusal {
                    may_pass,
                    ..self.refuse(action, reason, instead)
                })
            }
        }
    }

    /// Refuses for a reason that no check covers.
    pub fn refuse(self, action: &Action, reason: String, instead: Option<String>) -> Refusal {
        Refusal {
            action: action.to_string(),
            reason,
            preflight: self.all(),
            instead,
            may_pass: false,
        }
    }

    /// Shows what was found with a refusal that stands already.
    pub fn behind(self, refusal: Refusal) -> Refusal {
        let preflight = [refusal.preflight.clone(), self.all()].concat();
        Refusal {
            preflight,
            ..refusal
        }
    }

    fn all(self) -> Vec<Preflight> {
        self.made.into_iter().map(|made| made.preflight).collect()
    }
}

/// Whether a line says whom it is about.
fn names(line: &str, target: Target<'_>) -> bool {
    let punctuation = |c: char| matches!(c, ',' | ';' | ':' | '.');
    line.split(' ')
        .map(|word| word.trim_matches(punctuation))
        .any(|word| word == target.node.as_str() || word == target.host.name.as_str())
}

/// What weighs more forbids more.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failed => 4,
        Verdict::CannotTell => 3,
        Verdict::Warning => 2,
        Verdict::Passed => 1,
        Verdict::NotApplicable => 0,
    }
}

/// Finds the member acted on.
///
/// # Errors
///
/// A refusal if it is no member, or commands cannot reach its host.
pub fn target<'a>(
    action: &Action,
    node: &'a NodeName,
    model: &'a Model,
    now: Moment,
) -> Result<Target<'a>, Refusal> {
    let refuse = |reason, instead| Err(Checks::default().refuse(action, reason, Some(instead)));
    let members = model.members();
    if !members.contains(node) {
        let known: Vec<&str> = members.iter().map(NodeName::as_str).collect();
        return refuse(
            format!("{node} is no member of this cluster"),
            format!("name one of {}", known.join(", ")),
        );
    }
    let Some(host) = model.inventory.host_of(node) else {
        return refuse(
            format!("{node} is a member, but the configuration names no host for it"),
            format!("add a host with `node = \"{node}\"` to the configuration"),
        );
    };
    if host.access == Access::None {
        return refuse(
            format!(
                "commands cannot reach {}: the configuration names no SSH destination for it",
                host.name
            ),
            format!("add `ssh = …` to the host {}", host.name),
        );
    }
    Ok(Target {
        node,
        host,
        state: model.node(node, now).state,
        via: None,
    })
}

/// The refusal where it is not known who the members are.
pub(super) fn unlisted(action: &Action, via: &NodeName) -> Refusal {
    let reason = format!(
        "{via} does not say who its members are: a silent peer holds its answer up, for about a minute"
    );
    let instead = Some("try again when it answers in full".to_owned());
    Checks::default().refuse(action, reason, instead)
}

/// Finds the member through which something is done: the one that was named, else the first that
/// runs, answers, and whose host commands can reach; not `but`, and in a cluster of several rather
/// than alone.
///
/// # Errors
///
/// A refusal if there is none, or the one that was named is of no use.
pub fn via<'a>(
    action: &Action,
    but: Option<&NodeName>,
    wanted: Option<&NodeName>,
    model: &'a Model,
    now: Moment,
) -> Result<&'a NodeName, Refusal> {
    let refuse = |reason, instead: &str| {
        Err(Checks::default().refuse(action, reason, Some(instead.to_owned())))
    };
    let usable = |host: &HostEntry, node: &NodeName| {
        let size = model.broker(&host.name, now)?.nodes.len();
        let view = model.node(node, now);
        let serves = view.state == NodeState::Running && view.draining != Some(true);
        (serves && host.access != Access::None && Some(node) != but).then_some(size)
    };
    if let Some(wanted) = wanted {
        let found = model.inventory.nodes().find(|(_, node)| *node == wanted);
        return match found {
            Some((host, node)) if usable(host, node).is_some() => Ok(node),
            Some((_, node)) if Some(node) == but => refuse(
                format!("{wanted} cannot do this to itself"),
                "name another member",
            ),
            Some(_) => refuse(
                format!("{wanted} does not run, does not answer, or is out of reach for commands"),
                "name another member, or none",
            ),
            None => refuse(
                format!("{wanted} is not in the configuration"),
                "name a member of the configuration, or none",
            ),
        };
    }
    let candidates = model
        .inventory
        .nodes()
        .filter_map(|(host, node)| Some((usable(host, node)?, node)));
    // The first of the largest.
    match candidates.min_by_key(|(size, _)| std::cmp::Reverse(*size)) {
        Some((_, node)) => Ok(node),
        None => refuse(
            format!(
                "no other member runs and answers, so there is nobody to do it with: {}",
                silences(but, model, now)
            ),
            "bring another member up first, with the plugin rabbitmq_management and the user of the configuration",
        ),
    }
}

/// Why each of the other nodes is of no use.
fn silences(but: Option<&NodeName>, model: &Model, now: Moment) -> String {
    let others = model
        .inventory
        .nodes()
        .filter(|(_, node)| Some(*node) != but);
    let words: Vec<String> = others
        .map(|(host, node)| {
            let api = model.brokers.get(&host.name).and_then(Reading::failure);
            let why = api.map_or_else(
                || model.node(node, now).state.words().to_owned(),
                ToString::to_string,
            );
            format!("{node}: {why}")
        })
        .collect();
    if words.is_empty() {
        "the configuration names no other".to_owned()
    } else {
        words.join("; ")
    }
}
