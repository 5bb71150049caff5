//! Owns what a change must be brought from another host before it can be sent. Only what was sealed
//! for the receiving host passes through this process; it is neither told nor written down.

use super::Hands;
use crate::guard::Permit;
use crate::invocation::cookie::{CookieVerb, PublicKey, Sealed};
use crate::invocation::keep::UnitName;
use crate::invocation::{Change, Read};
use crate::model::name::HostName;
use crate::model::observation::FailureKind;
use crate::model::text::Shown;
use crate::remote::Printed;
use crate::remote::outcome::{CommandOutcome, Output, RemoteError};
use crate::runbook::plan::Step;
use std::borrow::Cow;
use std::time::Duration;

/// How long a host may take to make a key, or to seal.
const LIMIT: Duration = Duration::from_secs(20);
const NO_WAY: &str = "there is no way to run commands on it";

/// Sends the change of a step, once, in `unit`, with what it needs of another host.
pub(super) async fn send(
    hands: &Hands,
    permit: &Permit,
    (step, change): (&Step, &Change),
    unit: &UnitName,
    printed: &Printed,
) -> CommandOutcome {
    let Some(hand) = hands.get(&step.host) else {
        return CommandOutcome::NotSent(fault(&step.host, NO_WAY));
    };
    match ready(hands, permit, (&step.host, change)).await {
        Ok(change) => {
            let sent = (&*change, unit);
            hand.change_in(permit, sent, step.deadline, printed).await
        }
        Err(error) => CommandOutcome::NotSent(error),
    }
}

/// The change as it can be sent to the host `to`: itself, or, where it needs something of another
/// host, with that in it.
///
/// # Errors
///
/// Why it cannot be sent. Nothing of it was: at most a key was made that nobody uses.
async fn ready<'a>(
    hands: &Hands,
    permit: &Permit,
    (to, change): (&HostName, &'a Change),
) -> Result<Cow<'a, Change>, RemoteError> {
    let Change::Cookie {
        verb: CookieVerb::Take { from, service },
    } = change
    else {
        return Ok(Cow::Borrowed(change));
    };
    let (Some(here), Some(there)) = (hands.get(to), hands.get(from)) else {
        return Err(fault(from, NO_WAY));
    };
    let verb = CookieVerb::Key;
    let key = match here.change(permit, &Change::Cookie { verb }, LIMIT).await {
        CommandOutcome::Ended(output) => {
            PublicKey::parse(&output.stdout).ok_or_else(|| failed(to, "make a key", &output))?
        }
        CommandOutcome::NotSent(error) | CommandOutcome::Lost(error) => return Err(error),
        CommandOutcome::TimedOut | CommandOutcome::Answered(_) => {
            return Err(fault(to, "it did not make a key in time"));
        }
    };
    let output = there.read(&Read::SealedCookie { key }, LIMIT).await?;
    let sealed = Sealed::parse(&output.stdout)
        .filter(|_| output.code == Some(0))
        .ok_or_else(|| failed(from, "seal its cookie", &output))?;
    let service = service.clone();
    let verb = CookieVerb::Open { sealed, service };
    Ok(Cow::Owned(Change::Cookie { verb }))
}

/// What it printed is not told: it was to be something that only two hosts know.
fn failed(host: &HostName, what: &str, output: &Output) -> RemoteError {
    let why = output
        .stderr
        .lines()
        .next()
        .unwrap_or("it does not say why");
    fault(host, &format!("it could not {what}: {why}"))
}

fn fault(host: &HostName, words: &str) -> RemoteError {
    RemoteError {
        destination: Shown::new(host.as_str()),
        kind: FailureKind::Server,
        message: Shown::new(words),
    }
}
