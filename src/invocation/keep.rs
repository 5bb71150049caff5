//! Owns the commands by which a run keeps its hold on a host: the lock of the host, and the
//! transient unit in which a change outlives a lost connection. Where a script cannot be avoided
//! it is a constant, and what varies is handed to it as an argument.

use super::{Argv, Change};

/// Where locks and the output of detached commands stand on a host; root's own.
///
/// The lock is `flock`'s, so that it goes with its holder. The holder is this script, which ends
/// when its input ends or says nothing for fifteen seconds: a holder whose machine lost power
/// frees the host too, where `sshd` alone would keep the session for hours.
const HOLD: &str = r#"exec 2>&1
umask 077
mkdir -p /run/rmqtop || exit 73
exec 9>>/run/rmqtop/lock
flock -n 9
case $? in
0) ;;
1) echo held; cat /run/rmqtop/lock; exit 75 ;;
*) exit 69 ;;
esac
printf '%s\n' "$1" > /run/rmqtop/lock
echo taken
while [ "$(timeout 15 head -c 1)" = . ]; do :; done
: > /run/rmqtop/lock"#;

/// State of a unit, whether its command was begun, an empty line, and what it printed. 127 where
/// there are no units: systemd does not run there (`sd_booted(3)`), or there is no `systemctl`.
const STATE: &str = r#"[ -d /run/systemd/system ] || exit 127
systemctl show "$1.service" --property=LoadState --property=ActiveState \
    --property=ExecMainCode --property=ExecMainStatus || exit
[ ! -e "/run/rmqtop/$1.out" ] || echo Printed=yes
echo
if [ -r "/run/rmqtop/$1.out" ]; then head -c 65536 "/run/rmqtop/$1.out"; fi"#;

/// A unit that ended is kept until its result was fetched.
const CLEAR: &str = r#"systemctl stop "$1.service" 2>/dev/null
systemctl reset-failed "$1.service" 2>/dev/null
rm -f "/run/rmqtop/$1.out""#;

fn script(text: &str, argument: &str) -> Argv {
    Argv::new("sh", ["-c", text, "rmqtop", argument])
}

/// The lock of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLock {
    words: String,
}

impl HostLock {
    /// A lock that tells whoever meets it these words, on one line.
    pub fn new(words: &str) -> Self {
        Self {
            words: words.replace(['\n', '\r', '\0'], " "),
        }
    }

    /// Says `taken` and holds until its input ends; or says `held` and the holder's words.
    pub fn argv(&self) -> Argv {
        script(HOLD, &self.words)
    }
}

/// A transient unit of systemd that holds one sending of one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitName(String);

impl UnitName {
    /// The unit of the `nth` sending of a step of `run`.
    pub fn new(run: &str, step: usize, nth: usize) -> Self {
        let run: String = run
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        Self(format!("rmqtop-{run}-{}-{nth}", step + 1))
    }

    /// The name, without `.service`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Runs `change` in the unit and waits for its end. The unit neither ends with whoever waits
    /// nor goes away with its end: a `oneshot` is waited for by its start, and `RemainAfterExit`
    /// keeps its result.
    pub fn start(&self, change: &Change) -> Argv {
        let inner = change.argv();
        let mut argv = Argv::new(
            "systemd-run",
            [
                "--quiet",
                "--no-ask-password",
                &format!("--unit={}", self.0),
                "--uid=root",
                "--property=Type=oneshot",
                "--property=RemainAfterExit=yes",
                &format!("--property=StandardOutput=file:/run/rmqtop/{}.out", self.0),
                "--",
                &inner.program,
            ],
        );
        argv.args.extend(inner.args);
        argv
    }

    /// Tells what became of it.
    pub fn state(&self) -> Argv {
        script(STATE, &self.0)
    }

    /// Forgets it.
    pub fn clear(&self) -> Argv {
        script(CLEAR, &self.0)
    }
}

/// As whom commands that need it are run on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rights {
    /// As who logs in.
    #[default]
    Login,
    /// As root, through `sudo -n`, which never asks.
    Sudo,
}

impl Rights {
    /// The command with what these rights put in front of it.
    pub fn of(self, argv: Argv) -> Argv {
        match self {
            Self::Login => argv,
            Self::Sudo => sudo(&["-n", "--"], argv),
        }
    }

    /// Asks whether `argv` may be run, without running it; `None`: no asking is needed.
    pub fn asking(self, argv: Argv) -> Option<Argv> {
        match self {
            Self::Login => None,
            Self::Sudo => Some(sudo(&["-n", "-l", "--"], argv)),
        }
    }
}

fn sudo(options: &[&str], inner: Argv) -> Argv {
    let mut args: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
    args.push(inner.program);
    args.extend(inner.args);
    Argv {
        program: "sudo".to_owned(),
        args,
    }
}

#[cfg(test)]
mod tests {
    use super::{HostLock, Rights, UnitName};
    use crate::invocation::{Change, CtlVerb};
    use crate::model::name::NodeName;
    use std::time::Duration;

    fn stop() -> Change {
        Change::Ctl {
            node: NodeName::parse("rabbit@rabbit-node3").unwrap(),
            verb: CtlVerb::StopApp,
            limit: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_unit_holds_the_change_word_for_word() {
        let unit = UnitName::new("20261122-140231-7f3a", 0, 2);
        assert_eq!(unit.as_str(), "rmqtop-20261122-140231-7f3a-1-2");
        let argv = unit.start(&stop());
        let at = argv.args.iter().position(|arg| arg == "--").unwrap();
        assert_eq!(argv.args[at + 1], "rabbitmqctl");
        assert_eq!(argv.args[at + 2..], stop().argv().args);
    }

    #[test]
    fn sudo_never_asks_and_takes_no_option_from_the_command() {
        let line = Rights::Sudo.of(stop().argv()).to_string();
        assert_eq!(
            line,
            "sudo -n -- rabbitmqctl -n rabbit@rabbit-node3 -t 60 --silent stop_app"
        );
        assert_eq!(Rights::Login.of(stop().argv()), stop().argv());
        assert_eq!(Rights::Login.asking(stop().argv()), None);
        let asked = Rights::Sudo.asking(stop().argv()).unwrap().to_string();
        assert!(asked.starts_with("sudo -n -l -- rabbitmqctl "), "{asked}");
    }

    #[test]
    fn the_words_of_a_lock_are_one_argument_and_one_line() {
        let argv = HostLock::new("a'b\n$(id)").argv();
        assert_eq!(argv.args.last().unwrap(), "a'b $(id)");
        assert_eq!(argv.args.len(), 4);
    }
}
