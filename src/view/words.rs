//! Owns the one mapping from a state to its sign, role and words, so that the same state looks the
//! same in every pane. Words over codes: `refused (L4CON)`.

use super::glyphs::Glyph;
use super::theme::Role;
use crate::executor::event::{RunOutcome, StepOutcome};
use crate::findings::{Finding, Severity};
use crate::model::balancer::{ServerRow, ServerStatus};
use crate::model::host::UnitState;
use crate::model::node::{NodeState, NodeView};
use crate::model::policy::usage::Standing;
use crate::model::vip::VipVerdict;
use crate::model::vrrp::Daemon;
use crate::runbook::plan::Verdict;

/// How a state is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The sign.
    pub glyph: Glyph,
    /// The role of the words.
    pub role: Role,
    /// The words.
    pub words: String,
}

impl Mark {
    fn new(glyph: Glyph, role: Role, words: impl Into<String>) -> Self {
        Self {
            glyph,
            role,
            words: words.into(),
        }
    }

    /// The same, caused by a run of ours.
    #[must_use]
    pub fn expected(self) -> Self {
        Self::new(Glyph::Expected, Role::Expected, self.words)
    }

    /// What is well keeps its words quiet; only its sign has a colour.
    pub fn sign_role(&self) -> Role {
        if self.glyph == Glyph::Well {
            Role::Ok
        } else {
            self.role
        }
    }
}

/// A member's state.
pub fn node(view: &NodeView<'_>) -> Mark {
    if view.state == NodeState::Running && view.draining == Some(true) {
        return Mark::new(Glyph::Resting, Role::Warn, "in maintenance");
    }
    let words = view.state.words();
    match view.state {
        NodeState::Running => Mark::new(Glyph::Well, Role::Dim, words),
        NodeState::AppStopped
        | NodeState::Down
        | NodeState::Unreachable
        | NodeState::NotRunning
        | NodeState::Restarting
        | NodeState::Hung => Mark::new(Glyph::Broken, Role::Crit, words),
        NodeState::Starting => Mark::new(Glyph::Warning, Role::Warn, words),
        NodeState::Unknown => Mark::new(Glyph::Unknown, Role::Unknown, words),
    }
}

/// A server's status, short enough for a column; by whom it is kept out stands in `check`.
pub fn server(server: &ServerRow) -> Mark {
    let status = &server.status;
    let word = status.short();
    match status {
        ServerStatus::Up(_) | ServerStatus::NoCheck if server.weight == Some(0) => {
            Mark::new(Glyph::Resting, Role::Warn, "weight 0")
        }
        ServerStatus::Up(None) => Mark::new(Glyph::Well, Role::Dim, word),
        ServerStatus::Up(Some(_)) => Mark::new(Glyph::Warning, Role::Warn, status.to_string()),
        ServerStatus::Down(_) => Mark::new(Glyph::Broken, Role::Crit, status.to_string()),
        ServerStatus::DownByAgent => Mark::new(Glyph::Broken, Role::Crit, word),
        ServerStatus::NoLb(_)
        | ServerStatus::Drain(_)
        | ServerStatus::DrainByAgent
        | ServerStatus::Maint
        | ServerStatus::MaintByResolution
        | ServerStatus::MaintVia(_) => Mark::new(Glyph::Resting, Role::Warn, word),
        ServerStatus::NoCheck => Mark::new(Glyph::Warning, Role::Warn, word),
        ServerStatus::Other(_) => Mark::new(Glyph::Unknown, Role::Unknown, word),
    }
}

/// The last check of a server in words, with HAProxy's code behind them. Codes: HAProxy
/// management guide 9.1, `check_status`.
pub fn check(server: &ServerRow) -> Option<String> {
    let status = &server.status;
    if let ServerStatus::MaintVia(tracked) = status {
        return Some(format!("via {tracked}"));
    }
    if *status == ServerStatus::MaintByResolution {
        return Some("unresolved (DNS)".to_owned());
    }
    if matches!(
        status,
        ServerStatus::DownByAgent | ServerStatus::DrainByAgent
    ) {
        return Some("its agent (agent)".to_owned());
    }
    let code = server.check_status.as_ref()?;
    // A code in progress is written with a leading star.
    let bare = code
        .as_str()
        .trim_start_matches("* ")
        .trim_start_matches('*');
    let words = match bare {
        "" => return None,
        "L4OK" | "L6OK" | "L7OK" | "PROCOK" => "ok",
        "L4CON" => connect_words(server),
        "L4TOUT" | "L6TOUT" | "L7TOUT" | "PROCTOUT" => "no answer",
        "L6RSP" | "L7RSP" => "bad answer",
        "L7OKC" => "ok, on condition",
        "L7STS" => "wrong status",
        "PROCERR" => "check failed",
        "SOCKERR" => "socket error",
        "INI" => "not checked yet",
        "UNK" => "unknown",
        other => return Some(other.to_owned()),
    };
    Some(format!("{words} ({bare})"))
}

/// `L4CON` covers every way a connection can fail; only the text tells which.
fn connect_words(server: &ServerRow) -> &'static str {
    let text = server
        .check_text
        .as_ref()
        .map(|t| t.as_str().to_lowercase());
    match text {
        Some(text) if text.contains("route") || text.contains("unreachable") => "no route",
        Some(text) if text.contains("refused") => "refused",
        _ => "no connection",
    }
}

/// A virtual address's verdict.
pub fn vip(verdict: VipVerdict) -> Mark {
    match verdict {
        VipVerdict::Ok => Mark::new(Glyph::Well, Role::Dim, "ok"),
        VipVerdict::None => Mark::new(Glyph::Broken, Role::Crit, "nobody holds it"),
        VipVerdict::Split => Mark::new(Glyph::Broken, Role::Crit, "held twice"),
        VipVerdict::WrongHolder => Mark::new(Glyph::Warning, Role::Warn, "wrong holder"),
        VipVerdict::NoStandby => Mark::new(Glyph::Warning, Role::Warn, "no standby"),
        VipVerdict::Unknown => Mark::new(Glyph::Unknown, Role::Unknown, "unknown"),
    }
}

/// A finding's severity.
pub fn finding(finding: &Finding) -> Mark {
    let words = &finding.title;
    if finding.expected {
        return Mark::new(Glyph::Expected, Role::Expected, words);
    }
    match finding.severity {
        Severity::Critical => Mark::new(Glyph::Broken, Role::Crit, words),
        Severity::Warning => Mark::new(Glyph::Warning, Role::Warn, words),
        Severity::Unknown => Mark::new(Glyph::Unknown, Role::Unknown, words),
        Severity::Info => Mark::new(Glyph::Info, Role::Info, words),
    }
}

/// A service, by systemd's word.
pub fn unit(unit: Option<&UnitState>) -> Mark {
    match unit {
        None => Mark::new(Glyph::Unknown, Role::Unknown, "unknown"),
        Some(unit @ (UnitState::Active | UnitState::Reloading)) => {
            Mark::new(Glyph::Well, Role::Dim, unit.word())
        }
        Some(unit @ (UnitState::Activating | UnitState::Deactivating)) => {
            Mark::new(Glyph::Warning, Role::Warn, unit.word())
        }
        Some(unit @ (UnitState::Inactive | UnitState::Failed)) => {
            Mark::new(Glyph::Broken, Role::Crit, unit.word())
        }
        Some(unit @ UnitState::Other(_)) => Mark::new(Glyph::Unknown, Role::Unknown, unit.word()),
    }
}

/// keepalived on a host.
pub fn daemon(daemon: Option<&Daemon>) -> Mark {
    let Some(daemon) = daemon else {
        return Mark::new(Glyph::Unknown, Role::Unknown, "unknown");
    };
    let (glyph, role) = match daemon {
        Daemon::Active => (Glyph::Well, Role::Dim),
        Daemon::ByHand | Daemon::Starting | Daemon::Stopping => (Glyph::Warning, Role::Warn),
        Daemon::Inactive | Daemon::Failed => (Glyph::Broken, Role::Crit),
        Daemon::NotFound | Daemon::Other(_) => (Glyph::Unknown, Role::Unknown),
    };
    Mark::new(glyph, role, daemon.word())
}

/// What came out of a preflight check.
pub fn verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Passed => Mark::new(Glyph::Well, Role::Dim, "passed"),
        Verdict::Failed => Mark::new(Glyph::Broken, Role::Crit, "failed"),
        Verdict::CannotTell => Mark::new(Glyph::Unknown, Role::Unknown, "cannot tell"),
        Verdict::NotApplicable => Mark::new(Glyph::Resting, Role::Dim, "does not apply"),
        Verdict::Warning => Mark::new(Glyph::Warning, Role::Warn, "warning"),
    }
}

/// How a run ended, in one word.
pub fn run(outcome: &RunOutcome) -> Mark {
    match outcome {
        RunOutcome::Done => Mark::new(Glyph::Well, Role::Dim, "done"),
        RunOutcome::Failed { .. } => Mark::new(Glyph::Broken, Role::Crit, "failed"),
        RunOutcome::Unknown { .. } => Mark::new(Glyph::Unknown, Role::Unknown, "unknown"),
        RunOutcome::Interrupted { .. } => Mark::new(Glyph::Warning, Role::Warn, "stopped"),
        RunOutcome::Refused { .. } => Mark::new(Glyph::Resting, Role::Dim, "refused"),
    }
}

/// What there is to say of a policy.
pub fn standing(standing: &Standing) -> Mark {
    let words = standing.words();
    match standing {
        Standing::Well => Mark::new(Glyph::Well, Role::Dim, words),
        Standing::Chance(_) | Standing::NoEffect(_) => Mark::new(Glyph::Warning, Role::Warn, words),
        Standing::Beaten(_) => Mark::new(Glyph::Resting, Role::Warn, words),
        Standing::Idle => Mark::new(Glyph::Info, Role::Dim, words),
    }
}

/// How a step ended.
pub fn outcome(outcome: &StepOutcome) -> Mark {
    match outcome {
        StepOutcome::Done { .. } => Mark::new(Glyph::Well, Role::Ok, "done"),
        StepOutcome::AlreadySo { .. } => Mark::new(Glyph::Well, Role::Dim, "already so"),
        StepOutcome::Failed { .. } => Mark::new(Glyph::Broken, Role::Crit, "failed"),
        StepOutcome::Unknown { .. } => Mark::new(Glyph::Unknown, Role::Unknown, "unknown"),
        StepOutcome::NotRun { .. } => Mark::new(Glyph::Resting, Role::Dim, "not run"),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::model::balancer::{ServerRow, ServerStatus};

    #[test]
    fn a_check_is_told_in_words_with_its_code_behind() {
        let row = |code: &str, text: &str| ServerRow {
            check_status: Some(code.into()),
            check_text: Some(text.into()),
            ..ServerRow::default()
        };
        let cases = [
            ("L4OK", "", "ok (L4OK)"),
            ("* L4OK", "", "ok (L4OK)"),
            ("L4CON", "Connection refused", "refused (L4CON)"),
            ("L4CON", "No route to host", "no route (L4CON)"),
            ("L4TOUT", "", "no answer (L4TOUT)"),
            ("NEWCODE", "", "NEWCODE"),
        ];
        for (code, text, words) in cases {
            assert_eq!(check(&row(code, text)).as_deref(), Some(words), "{code}");
        }
        assert_eq!(check(&ServerRow::default()), None);
        let kept_out = [
            ("MAINT (resolution)", "unresolved (DNS)"),
            ("MAINT (via px/a)", "via px/a"),
            ("DOWN (agent)", "its agent (agent)"),
        ];
        for (status, words) in kept_out {
            let server = ServerRow {
                status: ServerStatus::parse(status),
                ..row("L4OK", "")
            };
            assert_eq!(check(&server).as_deref(), Some(words));
        }
    }
}
