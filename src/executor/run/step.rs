//! Owns one step of a run: looks, decides, acts once, and waits for what the cluster says. Writes
//! through the run it belongs to; never sends a change twice.

use super::words::{
    CommandEnd, LEFT_BEFORE, done, end_words, given_up, left_unconfirmed, no_audit_no_action,
};
use super::{Run, Sent};
use crate::executor::delivery;
use crate::executor::event::{RunEventKind, StepOutcome};
use crate::invocation::Change;
use crate::invocation::keep::UnitName;
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::observation::SourceKind;
use crate::model::text::{Shown, shown_lines};
use crate::remote::Operate;
use crate::remote::outcome::{CommandOutcome, Output};
use crate::runbook::fingerprint;
use crate::runbook::plan::{Probe, Step};
use crate::runbook::probe::ProbeAnswer;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long one look may take, whatever the eyes promise.
const LOOK_LIMIT: Duration = Duration::from_secs(15);
/// The same where the nodes themselves are asked, which takes a runtime of its own on each host, or
/// queues are listed.
const COSTLY_LOOK_LIMIT: Duration = Duration::from_secs(35);
/// The least and the most between two looks; between them, as long as the last look took, so that
/// a slow cluster is not asked without pause.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// A look that makes the broker list its queues may take one part in this many of its time, as the
/// pollers do; but it is never put off for longer than this.
const LISTING_SHARE: u32 = 20;
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long the cluster may contradict a command that says it failed, and what is left to look
/// after a command that used up its deadline.
pub(super) const AFTERMATH: Duration = Duration::from_secs(10);
/// How long it is looked again where a look before acting sees too little.
const UNSEEN_FOR: Duration = Duration::from_secs(20);
/// Lines of a command's output that are kept.
const OUTPUT_LINES: usize = 200;
/// rabbitmqctl gave up waiting (`EX_TEMPFAIL`): what it asked for may still happen.
const EXIT_TIMED_OUT: i32 = 75;

/// What the probes of a condition say together.
#[derive(Debug)]
pub(super) enum Answer {
    Holds(Vec<String>),
    Not(String),
    CannotTell(String),
}

/// What a look saw, and how long the broker is left in peace after it.
struct Seen {
    /// On the heap: it is held while the run waits.
    model: Box<Model>,
    rest: Duration,
}

impl Run<'_> {
    /// Takes one step to its end.
    pub(super) async fn step(&mut self, index: usize, step: &Step) -> StepOutcome {
        if let Some(outcome) = self.nothing_to_undo(index) {
            return outcome;
        }
        if let Some(outcome) = self.aftermath(index, step).await {
            return outcome;
        }
        match self.check(index, step).await {
            Some(outcome) => outcome,
            None => match &step.change {
                None => self.settle(index, step, None, step.deadline).await,
                Some(change) => self.act(index, step, change).await,
            },
        }
    }

    /// Tells what a command prints, for as long as it does.
    pub(super) async fn listen(&mut self, step: usize, mut heard: watch::Receiver<String>) {
        while heard.changed().await.is_ok() {
            let text = heard.borrow_and_update().clone();
            self.tell_printed(step, &text);
        }
        std::future::pending::<()>().await;
    }

    /// Tells how a command ended.
    pub(super) fn command_ended(
        &mut self,
        index: usize,
        step: &Step,
        outcome: &CommandOutcome,
    ) -> CommandEnd {
        self.tell_output(index, outcome);
        let words = end_words(outcome, step.deadline);
        self.tell(RunEventKind::CommandEnded {
            step: index,
            words: words.clone(),
        });
        let is_clean = match outcome {
            CommandOutcome::Ended(output) => output.code == Some(0),
            CommandOutcome::Answered(response) => response.is_success(),
            CommandOutcome::NotSent(_) | CommandOutcome::Lost(_) | CommandOutcome::TimedOut => {
                false
            }
        };
        if is_clean {
            CommandEnd::Clean(words)
        } else {
            CommandEnd::Doubtful(words)
        }
    }

    /// Looks before acting. `None`: go ahead. One look that sees too little is no verdict: it is
    /// looked again for a while, for nothing is sent meanwhile, and a run that ends here may leave a
    /// member stopped.
    async fn check(&mut self, index: usize, step: &Step) -> Option<StepOutcome> {
        let not_run = |reason: String| Some(StepOutcome::NotRun { reason });
        let probes = || step.already.iter().chain(&step.before);
        let mut also = BTreeSet::new();
        if self.sent == Sent::Nothing {
            also.extend(fingerprint::NEEDS);
        }
        if also.is_empty() && needs(probes()).is_empty() {
            return None;
        }
        let left = LEFT_BEFORE;
        let begun = Instant::now();
        let mut told = String::new();
        loop {
            let Some(Seen { model, rest }) = self.look(probes(), &also).await else {
                return not_run(left.to_owned());
            };
            let now = (self.setting.clock)();
            // What the run itself did moves the cluster too; from then on the preconditions decide.
            if self.sent == Sent::Nothing {
                let moved = fingerprint::moved(self.plan, &model, now);
                if !moved.is_empty() {
                    return not_run(format!(
                        "the cluster changed since the plan was made: {}",
                        moved.join("; ")
                    ));
                }
            }
            if !step.already.is_empty()
                && let Answer::Holds(proof) = ask(&step.already, &model, now)
            {
                return Some(StepOutcome::AlreadySo { proof });
            }
            match ask(&step.before, &model, now) {
                Answer::Holds(_) => return None,
                Answer::Not(words) => return not_run(words),
                Answer::CannotTell(words) if begun.elapsed() >= UNSEEN_FOR => {
                    return not_run(format!("it cannot be told any more: {words}"));
                }
                Answer::CannotTell(words) if words == told => {}
                Answer::CannotTell(words) => {
                    told.clone_from(&words);
                    self.tell(RunEventKind::Waiting { step: index, words });
                }
            }
            tokio::select! {
                biased;
                () = self.stopped() => return not_run(left.to_owned()),
                () = sleep(PAUSE.1.max(rest)) => {}
            }
        }
    }

    /// Sends the change, once, after it stands in the journal.
    async fn act(&mut self, index: usize, step: &Step, change: &Change) -> StepOutcome {
        let Some(hand) = self.setting.hands.get(&step.host).cloned() else {
            return StepOutcome::NotRun {
                reason: format!("there is no way to run commands on {}", step.host),
            };
        };
        if let Err(reason) = self.renew(step, &*hand).await {
            return StepOutcome::NotRun { reason };
        }
        let nth = self
            .earlier
            .get(&index)
            .map_or(0, |earlier| earlier.sendings)
            + 1;
        let unit = UnitName::new(&self.id.0, index, nth);
        self.tell(RunEventKind::Sending {
            step: index,
            command: hand.line(change).to_string(),
        });
        if let Some(fault) = &self.audit_fault {
            return StepOutcome::NotRun {
                reason: no_audit_no_action(fault),
            };
        }
        let sent_before = std::mem::replace(&mut self.sent, Sent::Something);
        self.acted.insert(index);
        let begun = Instant::now();
        let Some(outcome) = self.send(index, (step, change), &unit).await else {
            return StepOutcome::Unknown {
                reason: format!("the operator left while `{}` ran", change.argv()),
            };
        };
        let ended = self.command_ended(index, step, &outcome);
        self.setting.eyes.forgive();
        let left = step.deadline.saturating_sub(begun.elapsed());
        let limit = match &outcome {
            CommandOutcome::NotSent(error) => {
                self.sent = sent_before;
                self.acted.remove(&index);
                return StepOutcome::Failed {
                    reason: format!("nothing was sent: {error}"),
                };
            }
            outcome if may_work_yet(outcome) => left.max(AFTERMATH),
            CommandOutcome::Ended(Output { code: Some(0), .. }) => left.max(AFTERMATH),
            CommandOutcome::Answered(response) if response.is_success() => left.max(AFTERMATH),
            // It says that it did nothing: one look tells whether that is so.
            CommandOutcome::Answered(response) if response.is_refusal() => Duration::ZERO,
            CommandOutcome::Ended(_)
            | CommandOutcome::Answered(_)
            | CommandOutcome::Lost(_)
            | CommandOutcome::TimedOut => left.min(AFTERMATH),
        };
        let mut settled = self.settle(index, step, Some(ended), limit).await;
        if may_work_yet(&outcome)
            && let StepOutcome::Failed { reason } = settled
        {
            settled = StepOutcome::Unknown { reason };
        }
        settled
    }

    /// Makes sure that the host is still held; `Err`: why nothing is sent.
    async fn renew(&mut self, step: &Step, hand: &dyn Operate) -> Result<(), String> {
        let stopped = self.stopped();
        let hosts = &mut *self.setting.hosts;
        tokio::select! {
            biased;
            () = stopped => Err(LEFT_BEFORE.to_owned()),
            renewed = hosts.renew(&step.host, hand, &self.permit) => {
                renewed.map_err(|error| format!("nothing was sent: failed to {error}"))
            }
        }
    }

    /// Sends the change and looks on until it has ended; `None` where the operator left.
    async fn send(
        &mut self,
        index: usize,
        (step, change): (&Step, &Change),
        unit: &UnitName,
    ) -> Option<CommandOutcome> {
        let hands = self.setting.hands;
        let permit = Arc::clone(&self.permit);
        let (printed, heard) = watch::channel(String::new());
        self.printed = 0;
        let stopped = self.stopped();
        tokio::select! {
            biased;
            () = stopped => None,
            outcome = delivery::send(hands, &permit, (step, change), unit, &printed) => Some(outcome),
            () = self.look_on(index, step, heard) => None,
        }
    }

    /// Tells what the command of a step prints and what the cluster says while it runs, for as long
    /// as it does: nothing is decided on it. Ends only where the operator left.
    async fn look_on(&mut self, index: usize, step: &Step, mut heard: watch::Receiver<String>) {
        let kinds = needs(&step.after);
        // What starts a runtime on every host would slow down what it looks at.
        if kinds.iter().any(|kind| kind.is_costly()) {
            return self.listen(index, heard).await;
        }
        let mut told = String::new();
        let mut pause = PAUSE.1;
        loop {
            tokio::select! {
                Ok(()) = heard.changed() => {
                    let text = heard.borrow_and_update().clone();
                    self.tell_printed(index, &text);
                    continue;
                }
                () = sleep(pause) => {}
            }
            let look_begun = Instant::now();
            let Some(Seen { model, rest }) = self.look(step.after.iter(), &BTreeSet::new()).await
            else {
                return;
            };
            if let Answer::Not(words) = ask(&step.after, &model, (self.setting.clock)())
                && words != told
            {
                told.clone_from(&words);
                self.tell(RunEventKind::Waiting { step: index, words });
            }
            // What takes its time is left in peace for as long.
            pause = look_begun.elapsed().max(PAUSE.1).max(rest);
        }
    }

    /// Waits until the cluster says what the step is for, or `limit` has passed.
    pub(super) async fn settle(
        &mut self,
        index: usize,
        step: &Step,
        command: Option<CommandEnd>,
        limit: Duration,
    ) -> StepOutcome {
        let begun = Instant::now();
        let mut told = String::new();
        loop {
            let look_begun = Instant::now();
            let Some(Seen { model, rest }) = self.look(step.after.iter(), &BTreeSet::new()).await
            else {
                return self.left(command.as_ref());
            };
            let pause = look_begun.elapsed().clamp(PAUSE.0, PAUSE.1).max(rest);
            let answer = ask(&step.after, &model, (self.setting.clock)());
            let words = match &answer {
                Answer::Holds(proof) => return done(proof.clone(), command),
                Answer::Not(words) | Answer::CannotTell(words) => words,
            };
            let remaining = limit.saturating_sub(begun.elapsed());
            if remaining.is_zero() {
                return given_up(&answer, command, begun.elapsed());
            }
            if *words != told {
                told.clone_from(words);
                self.tell(RunEventKind::Waiting {
                    step: index,
                    words: words.clone(),
                });
            }
            tokio::select! {
                biased;
                () = self.stopped() => return self.left(command.as_ref()),
                () = sleep(pause.min(remaining)) => {}
            }
        }
    }

    /// How a step ends that the operator left while the cluster was awaited.
    fn left(&self, command: Option<&CommandEnd>) -> StepOutcome {
        match self.sent {
            Sent::Nothing => StepOutcome::NotRun {
                reason: LEFT_BEFORE.to_owned(),
            },
            Sent::Something => left_unconfirmed(command),
        }
    }

    /// Looks at the cluster for what `probes` need, and at what else is given. What is dear is looked
    /// at only where the rest leaves a probe open. `None`: the operator left.
    async fn look<'a>(
        &mut self,
        probes: impl Iterator<Item = &'a Probe> + Clone,
        also: &BTreeSet<SourceKind>,
    ) -> Option<Seen> {
        let mut kinds = needs(probes.clone());
        kinds.extend(also);
        let seen = self.look_at(&kinds).await?;
        let now = (self.setting.clock)();
        let open = probes
            .filter(|probe| !probe.needs_else().iter().all(|kind| kinds.contains(kind)))
            .filter(|probe| {
                let answer = probe.evaluate(&seen.model, now);
                matches!(answer, ProbeAnswer::CannotTell(_))
            });
        let dear: Vec<SourceKind> = open.flat_map(Probe::needs_else).copied().collect();
        if dear.is_empty() {
            return Some(seen);
        }
        kinds.extend(dear);
        self.look_at(&kinds).await
    }

    /// Looks once. Starts from nothing but the inventory, so that what was not seen by this very
    /// look is not known.
    async fn look_at(&mut self, kinds: &BTreeSet<SourceKind>) -> Option<Seen> {
        let kinds: Vec<SourceKind> = kinds.iter().copied().collect();
        let mut model = Box::new(Model::new(self.setting.model.inventory.clone()));
        model.metadata_store = self.setting.model.metadata_store.clone();
        model.listeners.clone_from(&self.setting.model.listeners);
        let takes_its_time = |kind: &SourceKind| kind.is_costly() || kind.is_listing();
        let limit = if kinds.iter().any(takes_its_time) {
            COSTLY_LOOK_LIMIT
        } else {
            LOOK_LIMIT
        };
        let stopped = self.stopped();
        let observations = tokio::select! {
            biased;
            () = stopped => return None,
            seen = timeout(limit, self.setting.eyes.look(&kinds)) => seen.unwrap_or_default(),
        };
        let mut rest = Duration::ZERO;
        for observation in observations {
            if observation.source.kind.is_listing() {
                let share = observation.took.saturating_mul(LISTING_SHARE);
                rest = rest.max(share.min(LONGEST_REST));
            }
            model.apply(observation);
        }
        Some(Seen { model, rest })
    }

    /// Tells what was not told while the command ran.
    fn tell_output(&mut self, step: usize, outcome: &CommandOutcome) {
        let CommandOutcome::Ended(output) = outcome else {
            return;
        };
        let mut lines = shown_lines(&output.stdout);
        lines.extend(shown_lines(&output.stderr));
        let more = lines.len().saturating_sub(OUTPUT_LINES);
        self.tell_lines(step, lines);
        if more > 0 {
            let line = Shown::new(&format!("({more} more lines)"));
            self.tell(RunEventKind::Output { step, line });
        }
    }

    /// Tells the whole lines of what a command has printed so far.
    fn tell_printed(&mut self, step: usize, text: &str) {
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        self.tell_lines(step, shown_lines(whole));
    }

    /// Tells those of all lines of a command that were not told yet.
    fn tell_lines(&mut self, step: usize, lines: Vec<Shown>) {
        for line in lines.into_iter().take(OUTPUT_LINES).skip(self.printed) {
            self.printed += 1;
            self.tell(RunEventKind::Output { step, line });
        }
    }
}

/// Whether what was sent may have its effect after all: the command gave up waiting, its end was
/// not seen, or something ended it, and the broker goes on with what it was asked for.
fn may_work_yet(outcome: &CommandOutcome) -> bool {
    match outcome {
        CommandOutcome::Ended(Output { code, .. }) => matches!(code, Some(EXIT_TIMED_OUT) | None),
        CommandOutcome::Lost(_) | CommandOutcome::TimedOut => true,
        CommandOutcome::Answered(_) | CommandOutcome::NotSent(_) => false,
    }
}

fn needs<'a>(probes: impl IntoIterator<Item = &'a Probe>) -> BTreeSet<SourceKind> {
    probes
        .into_iter()
        .flat_map(|probe| probe.needs().iter().copied())
        .collect()
}

/// All must hold. A known "no" outweighs what cannot be told.
fn ask(probes: &[Probe], model: &Model, now: Moment) -> Answer {
    let (mut proof, mut not, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for probe in probes {
        match probe.evaluate(model, now) {
            ProbeAnswer::Holds(words) => proof.push(words),
            ProbeAnswer::Not(words) => not.push(words),
            ProbeAnswer::CannotTell(words) => unknown.push(words),
        }
    }
    if !not.is_empty() {
        Answer::Not(not.join("; "))
    } else if !unknown.is_empty() {
        Answer::CannotTell(unknown.join("; "))
    } else {
        Answer::Holds(proof)
    }
}
