//! Owns the exit codes, as pure functions from results.

use crate::executor::event::RunOutcome;
use crate::findings::Severity;

/// Something went wrong before or beside the work itself: configuration, terminal, output.
pub const TROUBLE: u8 = 1;

/// The command line could not be understood (sysexits `EX_USAGE`).
pub const USAGE: u8 = 64;

/// The operator stopped the run.
pub const STOPPED: u8 = 1;

/// A check before the first step forbids the run.
pub const REFUSED: u8 = 2;

/// The name that confirms the run was not given, or another one was.
pub const NOT_CONFIRMED: u8 = 4;

/// Another run holds the cluster.
pub const LOCKED: u8 = 5;

/// It is not known how a run ended.
pub const UNKNOWN: u8 = 3;

/// `run`: 0 done, 1 failed or stopped, 2 refused, 3 not known.
pub fn run_code(outcome: &RunOutcome) -> u8 {
    match outcome {
        RunOutcome::Done => 0,
        RunOutcome::Failed { .. } => 1,
        RunOutcome::Interrupted { .. } => STOPPED,
        RunOutcome::Refused { .. } => REFUSED,
        RunOutcome::Unknown { .. } => UNKNOWN,
    }
}

/// `check`: 0 ok, 1 warning, 2 critical, 3 unknown (the convention of Nagios plugins).
pub fn check_code(worst: Option<Severity>) -> u8 {
    match worst {
        None | Some(Severity::Info) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Critical) => 2,
        Some(Severity::Unknown) => CHECK_UNKNOWN,
    }
}

/// `check` could not look at all.
pub const CHECK_UNKNOWN: u8 = 3;

#[cfg(test)]
mod tests {
    use super::check_code;
    use crate::findings::Severity;

    #[test]
    fn check_follows_the_nagios_convention() {
        assert_eq!(check_code(None), 0);
        assert_eq!(check_code(Some(Severity::Info)), 0);
        assert_eq!(check_code(Some(Severity::Warning)), 1);
        assert_eq!(check_code(Some(Severity::Critical)), 2);
        assert_eq!(check_code(Some(Severity::Unknown)), 3);
    }
}
