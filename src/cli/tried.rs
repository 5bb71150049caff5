//! Owns the checks of a plan that are tried out on the hosts, because no look tells: whether `sudo`
//! allows its commands, and whether HAProxy's sockets take any. Changes nothing.

use super::session::Session;
use crate::invocation::{Change, Read};
use crate::model::name::HostName;
use crate::remote::outcome::Output;
use crate::runbook::plan::{Plan, Preflight, Refusal, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a socket may take to answer, the way to its host included.
const SOCKET_LIMIT: Duration = Duration::from_secs(6);

/// What was tried, in words.
#[derive(Debug, Default)]
struct Tried {
    allowed: Vec<String>,
    refused: Vec<String>,
}

impl Tried {
    /// Notes the check in `plan`, if anything was tried.
    ///
    /// # Errors
    ///
    /// The refusal, if anything was refused.
    fn note(
        self,
        plan: &mut Plan,
        (id, title): (&str, &str),
        instead: &str,
    ) -> Result<(), Refusal> {
        if self.allowed.is_empty() && self.refused.is_empty() {
            return Ok(());
        }
        let verdict = if self.refused.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        plan.preflight.push(Preflight {
            id: id.to_owned(),
            title: title.to_owned(),
            verdict,
            evidence: self.refused.iter().chain(&self.allowed).cloned().collect(),
        });
        match self.refused.into_iter().next() {
            None => Ok(()),
            Some(reason) => Err(Refusal {
                action: plan.action.to_string(),
                reason,
                preflight: plan.preflight.clone(),
                may_pass: false,
                instead: Some(instead.to_owned()),
            }),
        }
    }
}

impl Session {
    /// Adds the check that every host would let us run the plan's commands, where `sudo` has a
    /// say in it.
    ///
    /// # Errors
    ///
    /// A refusal if one would not.
    pub(super) async fn check_rights(&self, plan: &mut Plan) -> Result<(), Refusal> {
        let mut tried = Tried::default();
        for step in &plan.steps {
            let (Some(change), Some(hand)) = (&step.change, self.hands.get(&step.host)) else {
                continue;
            };
            if !self.cluster.sudo.contains(&step.host) {
                continue;
            }
            let line = hand.line(change);
            match (hand.refusal(change).await, change) {
                (Some(words), _) => tried.refused.push(format!("{} refuses {words}", step.host)),
                // The request goes out from here; only the host's lock needs root there.
                (None, change) if !change.is_command() => {
                    let words = format!("{} allows its lock to be taken", step.host);
                    tried.allowed.push(words);
                }
                (None, _) => tried.allowed.push(format!("{} allows `{line}`", step.host)),
            }
        }
        let check = ("P20", "sudo allows every command without a password");
        let instead = "allow it there without a password (NOPASSWD in sudoers), together with `sh` \
                       and `systemd-run`; or log in as root";
        tried.note(plan, check, instead)
    }

    /// Tries every `HAProxy` which the plan tells something: a socket that gives statistics need not
    /// take commands.
    pub(super) async fn try_sockets(&self, plan: &Plan) -> Sockets {
        let told = plan.steps.iter().filter_map(|step| match &step.change {
            Some(Change::Haproxy(set)) => Some((step.host.clone(), set.socket.clone())),
            _ => None,
        });
        let told: BTreeSet<(HostName, _)> = told.collect();
        let mut sockets = Sockets::default();
        for (host, socket) in told {
            let Some(hand) = self.hands.get(&host) else {
                continue;
            };
            let read = Read::HaproxyLevel {
                socket: socket.as_str().to_owned(),
            };
            let answer = match hand.read(&read, SOCKET_LIMIT).await {
                Ok(output) => takes_commands(&output),
                Err(error) => Err(error.to_string()),
            };
            match answer {
                Ok(words) => sockets.good.push(format!("{socket} on {host} {words}")),
                Err(why) => {
                    sockets.deaf.insert(host, why);
                }
            }
        }
        sockets
    }
}

/// What came of trying the sockets of `HAProxy`.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Those that take commands, in words.
    good: Vec<String>,
    /// Why the others do not, by host.
    pub(super) deaf: BTreeMap<HostName, String>,
}

impl Sockets {
    /// Notes the check in `plan`, if anything was tried. Advisory: whoever is not told notices by its
    /// own checks, and a dead member must be forgotten without it, too.
    pub(super) fn note(self, plan: &mut Plan) {
        if self.good.is_empty() && self.deaf.is_empty() {
            return;
        }
        let verdict = if self.deaf.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Warning
        };
        let bad = self.deaf.iter().map(|(host, why)| {
            format!(
                "HAProxy on {host} takes no commands ({why}), and is not told: it keeps sending clients there until its own checks notice; it takes some with `level admin` for its socket in haproxy.cfg, and socat on the host"
            )
        });
        plan.preflight.push(Preflight {
            id: "P21".to_owned(),
            title: "HAProxy takes commands over its socket".to_owned(),
            verdict,
            evidence: bad.chain(self.good.iter().cloned()).collect(),
        });
    }
}

/// Reads the answer to `show cli level` (`HAProxy` management guide, 9.3).
fn takes_commands(output: &Output) -> Result<String, String> {
    let line = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    let said = line(&output.stdout);
    match (output.code, said.as_str()) {
        (Some(0), "admin") => Ok("takes commands (level admin)".to_owned()),
        (Some(0), "operator" | "user") => Err(format!("its level is {said}, not admin")),
        (Some(0), "") => Err("it does not answer".to_owned()),
        // Releases before 1.9 do not know the question.
        (Some(0), _) => Ok("answers, and does not say its level".to_owned()),
        (_, _) => Err(line(&output.stderr)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Sockets, takes_commands};
    use crate::action::Action;
    use crate::model::name::HostName;
    use crate::remote::outcome::Output;
    use crate::runbook::plan::{Plan, Verdict};
    use rstest::rstest;

    #[rstest]
    #[case(0, "admin\n\n", "", true)]
    #[case(0, "operator\n\n", "", false)]
    #[case(0, "user\n", "", false)]
    #[case(0, "Unknown command: 'show cli level'\n", "", true)]
    #[case(0, "", "", false)]
    #[case(1, "", "socat: E connect: Permission denied\n", false)]
    fn only_an_admin_sets_servers(
        #[case] code: i32,
        #[case] stdout: &str,
        #[case] stderr: &str,
        #[case] takes: bool,
    ) {
        let output = Output {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        assert_eq!(takes_commands(&output).is_ok(), takes);
    }

    /// A socket of another level is named, and forbids nothing.
    #[test]
    fn a_deaf_socket_is_a_warning() {
        let mut plan = plan();
        Sockets::default().note(&mut plan);
        assert!(plan.preflight.is_empty());
        let host = HostName::parse("lb1").unwrap();
        let sockets = Sockets {
            good: vec!["/run/x.sock on lb2 takes commands (level admin)".to_owned()],
            deaf: [(host, "its level is user, not admin".to_owned())].into(),
        };
        sockets.note(&mut plan);
        let check = &plan.preflight[0];
        assert_eq!(
            (check.id.as_str(), check.verdict),
            ("P21", Verdict::Warning)
        );
        assert!(check.evidence[0].contains("lb1"), "{check:?}");
        assert!(check.evidence[0].contains("keeps sending clients"));
        assert_eq!(check.evidence.len(), 2);
    }

    fn plan() -> Plan {
        Plan {
            action: Action::Rebalance,
            cluster: "prod".to_owned(),
            fingerprint: String::new(),
            basis: Vec::new(),
            preflight: Vec::new(),
            blast_radius: Vec::new(),
            steps: Vec::new(),
            stop: None,
            definitions: Vec::new(),
        }
    }
}
