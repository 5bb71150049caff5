//! Owns the running of a change in a unit of its own, so that it outlives the connection over
//! which it was sent: sent once, waited for, and after a loss looked for until it is found. Where
//! the host has no such units the change is sent plainly. Never sends a change twice.

use super::Printed;
use super::channel::Channel;
use super::outcome::{CommandOutcome, Leftover, Output, RemoteError};
use crate::invocation::keep::{HostLock, UnitName};
use crate::invocation::{Argv, Change};
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks for a unit.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two looks at what a unit prints while its end is awaited anyway.
const PRINTED_PAUSE: Duration = Duration::from_secs(1);
/// How long one look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// What systemd gives as the status of a command that it could not start, such as 203 (`EXEC`)
/// and 209 (`STDOUT`): systemd.exec(5), "Process Exit Codes".
const NOT_STARTED: std::ops::RangeInclusive<i32> = 200..=243;
/// The look's own status where the host has no units at all.
const NO_UNITS: i32 = 127;

/// What a look for a unit found.
enum Found {
    /// It runs, and has printed this so far.
    Running(String),
    /// It ended.
    Ended(Output),
    /// The host knows no such unit, or no units at all, and nothing was printed by any.
    Absent,
    /// The unit is gone, and what it printed is there: it was begun.
    Gone,
    /// The host was not reached, or could not say.
    Unseen(RemoteError),
}

/// Runs `change` in `unit` and waits for its end.
pub(super) async fn run(
    channel: &dyn Channel,
    (change, unit): (&Change, &UnitName),
    limit: Duration,
    printed: &Printed,
) -> CommandOutcome {
    if !change.is_command() {
        return no_command();
    }
    let deadline = Instant::now() + limit;
    let starting = sent(channel, unit.start(change), limit);
    let started = heard(starting, channel, unit, printed).await;
    // Only who says that it failed may not have begun it: the start waits for the end.
    let (failed, lost) = match started {
        CommandOutcome::NotSent(_) | CommandOutcome::TimedOut => return started,
        CommandOutcome::Lost(error) => (false, Some(error)),
        CommandOutcome::Ended(output) => (output.code.is_some_and(|code| code != 0), None),
        CommandOutcome::Answered(_) => (false, None),
    };
    let found = wait(channel, unit, deadline, printed).await;
    let plain = || change.argv();
    let left = deadline.saturating_duration_since(Instant::now());
    match (found, lost) {
        (Found::Ended(output), None)
            if failed && output.code.is_some_and(|code| NOT_STARTED.contains(&code)) =>
        {
            clear(channel, unit).await;
            sent(channel, plain(), left).await
        }
        (Found::Ended(output), _) => {
            clear(channel, unit).await;
            CommandOutcome::Ended(output)
        }
        // The host said that it made no unit: the change was certainly not begun.
        (Found::Absent, None) if failed => sent(channel, plain(), left).await,
        (Found::Absent | Found::Gone, None) => {
            CommandOutcome::Lost(channel.fault("the unit in which it ran is gone"))
        }
        (Found::Running(_), _) => CommandOutcome::TimedOut,
        (Found::Absent | Found::Gone, Some(error)) | (Found::Unseen(error), _) => {
            CommandOutcome::Lost(error)
        }
    }
}

/// Awaits `work`, and hands on meanwhile what the unit prints.
async fn heard<T>(
    work: impl Future<Output = T>,
    channel: &dyn Channel,
    unit: &UnitName,
    printed: &Printed,
) -> T {
    tokio::pin!(work);
    loop {
        let look = async {
            sleep(PRINTED_PAUSE).await;
            look(channel, unit).await
        };
        tokio::select! {
            biased;
            ended = &mut work => return ended,
            found = look => hand_on(&found, printed),
        }
    }
}

/// Hands on what a unit that runs has printed, where it is news.
fn hand_on(found: &Found, printed: &Printed) {
    if let Found::Running(text) = found {
        printed.send_if_modified(|known| {
            let is_new = text != known;
            if is_new {
                known.clone_from(text);
            }
            is_new
        });
    }
}

/// Runs `change` without a unit.
pub(super) async fn plain(
    channel: &dyn Channel,
    change: &Change,
    limit: Duration,
) -> CommandOutcome {
    if change.is_command() {
        sent(channel, change.argv(), limit).await
    } else {
        no_command()
    }
}

/// What is no command must never become one.
fn no_command() -> CommandOutcome {
    CommandOutcome::NotSent(RemoteError {
        destination: Shown::new("this host"),
        kind: FailureKind::NotConfigured,
        message: Shown::new(
            "no node is configured there, so there is no management API to write to",
        ),
    })
}

/// Sends it with the rights it needs.
pub(super) async fn sent(channel: &dyn Channel, argv: Argv, limit: Duration) -> CommandOutcome {
    channel.send(&channel.rights().of(argv), limit).await
}

/// What the host's `sudo` would not run of what `change` takes, with its words; `None` if it
/// would run all of it, or is not used. A host that cannot be reached refuses nothing: that is for
/// other checks.
pub(super) async fn refusal(channel: &dyn Channel, change: &Change) -> Option<String> {
    let rights = channel.rights();
    let lock = HostLock::new("").argv();
    let lock_words = format!("sudo -n -- {} (for the lock of the host)", lock.program);
    let mut lines = vec![(lock, lock_words)];
    if change.is_command() {
        let plain_words = rights.of(change.argv()).to_string();
        lines.push((change.argv(), plain_words));
    }
    for (argv, line) in lines {
        let asked = channel.send(&rights.asking(argv)?, LOOK_LIMIT).await;
        if let CommandOutcome::Ended(output) = asked
            && output.code != Some(0)
        {
            let words = Shown::new(output.stderr.lines().next().unwrap_or_default());
            let words = if words.is_empty() {
                "sudo does not allow it"
            } else {
                words.as_str()
            };
            return Some(format!("`{line}`: {words}"));
        }
    }
    None
}

/// What came of a unit that another process started.
pub(super) async fn collect(
    channel: &dyn Channel,
    unit: &UnitName,
    limit: Duration,
    printed: &Printed,
) -> Leftover {
    match wait(channel, unit, Instant::now() + limit, printed).await {
        Found::Ended(output) => {
            clear(channel, unit).await;
            Leftover::Ended(output)
        }
        Found::Running(_) => Leftover::Running,
        Found::Absent | Found::Gone => Leftover::Nothing,
        Found::Unseen(error) => Leftover::Unseen(error),
    }
}

/// Looks until the unit is found to have ended, or not to be, or the time is over.
async fn wait(
    channel: &dyn Channel,
    unit: &UnitName,
    deadline: Instant,
    printed: &Printed,
) -> Found {
    loop {
        let found = look(channel, unit).await;
        hand_on(&found, printed);
        let is_over = Instant::now() >= deadline;
        match found {
            Found::Ended(_) | Found::Absent | Found::Gone => return found,
            Found::Running(_) | Found::Unseen(_) if is_over => return found,
            Found::Running(_) => {}
            Found::Unseen(_) => channel.hurry(),
        }
        sleep(PAUSE).await;
    }
}

async fn look(channel: &dyn Channel, unit: &UnitName) -> Found {
    match sent(channel, unit.state(), LOOK_LIMIT).await {
        CommandOutcome::Ended(output) => {
            read(&output).unwrap_or_else(|words| Found::Unseen(channel.fault(&words)))
        }
        CommandOutcome::NotSent(error) | CommandOutcome::Lost(error) => Found::Unseen(error),
        CommandOutcome::TimedOut | CommandOutcome::Answered(_) => {
            Found::Unseen(channel.fault("systemctl did not answer in time"))
        }
    }
}

/// Reads a look; `Err`: why it says nothing.
fn read(answer: &Output) -> Result<Found, String> {
    match answer.code {
        Some(0) => {}
        Some(NO_UNITS) => return Ok(Found::Absent),
        Some(_) | None => {
            let words = answer.stderr.lines().next().unwrap_or("it says nothing");
            return Err(format!("the unit could not be looked at: {words}"));
        }
    }
    let (state, printed) = answer
        .stdout
        .split_once("\n\n")
        .unwrap_or((answer.stdout.trim_end(), ""));
    let value = |key: &str| {
        state
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    };
    match value("LoadState") {
        Some("loaded") => {}
        Some("not-found") if value("Printed") == Some("yes") => return Ok(Found::Gone),
        Some("not-found") => return Ok(Found::Absent),
        other => return Err(format!("the unit is {}", other.unwrap_or("not told of"))),
    }
    if matches!(value("ActiveState"), Some("activating" | "reloading")) {
        return Ok(Found::Running(printed.to_owned()));
    }
    // `CLD_EXITED` of waitid(2); anything else is a signal.
    let has_exited = value("ExecMainCode") == Some("1");
    let status = value("ExecMainStatus").and_then(|text| text.parse().ok());
    Ok(Found::Ended(Output {
        code: status.filter(|_| has_exited),
        stdout: printed.to_owned(),
        stderr: String::new(),
    }))
}

/// A unit that stays is in nobody's way, so that a failure to clear it is none.
async fn clear(channel: &dyn Channel, unit: &UnitName) {
    let _left = sent(channel, unit.clear(), LOOK_LIMIT).await;
}

#[cfg(test)]
mod tests;
