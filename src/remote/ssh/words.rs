//! Owns the reading of what `ssh` writes when it cannot connect or loses a connection. Its exit
//! status is 255 for everything, so the words are all there is.

use crate::model::observation::FailureKind;

/// A mark in ssh's words, and the kind it stands for; the first that matches counts.
const MARKS: [(&str, FailureKind); 22] = [
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        FailureKind::HostKey,
    ),
    ("host key is known for", FailureKind::HostKey),
    ("Host key verification failed", FailureKind::HostKey),
    ("Permission denied (", FailureKind::Login),
    ("Too many authentication failures", FailureKind::Login),
    ("not responding", FailureKind::Timeout),
    ("timed out", FailureKind::Timeout),
    ("Connection refused", FailureKind::Refused),
    ("No route to host", FailureKind::Unreachable),
    ("Network is unreachable", FailureKind::Unreachable),
    ("Host is down", FailureKind::Unreachable),
    ("Could not resolve hostname", FailureKind::Unreachable),
    // The operator's own ssh set-up. It says nothing about the host, and waits for a person.
    ("Bad configuration option", FailureKind::Local),
    ("bad configuration options", FailureKind::Local),
    ("Bad owner or permissions", FailureKind::Local),
    ("Can't open user config file", FailureKind::Local),
    ("no argument after keyword", FailureKind::Local),
    ("Unsupported option", FailureKind::Local),
    ("Missing argument", FailureKind::Local),
    ("Connection reset", FailureKind::Lost),
    ("Connection closed", FailureKind::Lost),
    ("Broken pipe", FailureKind::Lost),
];

fn find(log: &str) -> Option<(FailureKind, String)> {
    let (mark, kind) = MARKS.iter().find(|(mark, _)| log.contains(mark))?;
    let line = log.lines().find(|line| line.contains(mark))?.trim();
    let line = line.strip_prefix("ssh: ").unwrap_or(line);
    Some((*kind, line.trim_matches('@').trim().to_owned()))
}

/// Why a connection could not be made.
pub(super) fn why_refused(log: &str) -> (FailureKind, String) {
    match find(log) {
        Some((FailureKind::HostKey, _)) => (FailureKind::HostKey, host_key(log)),
        Some((FailureKind::Login, line)) => {
            (FailureKind::Login, format!("the login was refused: {line}"))
        }
        Some((FailureKind::Local, line)) => {
            let text = format!("the ssh configuration on this host cannot be used: {line}");
            (FailureKind::Local, text)
        }
        Some(found) => found,
        None => {
            let last = log.lines().rfind(|line| !line.trim().is_empty());
            let text = last.unwrap_or("it ended without a word");
            (FailureKind::Lost, text.trim().to_owned())
        }
    }
}

/// Why a connection ended.
pub(super) fn why_lost(log: &str) -> (FailureKind, String) {
    match find(log) {
        Some((kind, line)) => (kind, format!("the connection was lost: {line}")),
        None => (FailureKind::Lost, "the connection was lost".to_owned()),
    }
}

fn host_key(log: &str) -> String {
    if log.contains("HAS CHANGED") {
        let place = log
            .lines()
            .find_map(|line| line.trim().strip_prefix("Offending "))
            .map(|rest| format!(" ({})", rest.trim()))
            .unwrap_or_default();
        format!(
            "the host key has changed{place}; nothing is sent to it until its new key is \
             verified and put into known_hosts"
        )
    } else {
        "the host key is unknown; nothing is sent to it until the key is verified and put into \
         known_hosts"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{why_lost, why_refused};
    use crate::model::observation::FailureKind as Kind;

    #[test]
    fn every_refusal_has_its_kind() {
        // The lines are those of OpenSSH 9.2.
        let cases = [
            (
                "ssh: connect to host h port 22: Connection refused\r\n",
                Kind::Refused,
            ),
            (
                "ssh: connect to host h port 22: Connection timed out",
                Kind::Timeout,
            ),
            ("Connection timed out during banner exchange", Kind::Timeout),
            (
                "ssh: connect to host h port 22: No route to host",
                Kind::Unreachable,
            ),
            (
                "ssh: Could not resolve hostname h: Name or service not known",
                Kind::Unreachable,
            ),
            (
                "root@h: Permission denied (publickey,password).",
                Kind::Login,
            ),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\n\
                 Host key verification failed.",
                Kind::HostKey,
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                Kind::Lost,
            ),
            ("something new", Kind::Lost),
            ("", Kind::Lost),
        ];
        for (log, kind) in cases {
            assert_eq!(why_refused(log).0, kind, "{log}");
        }
    }

    #[test]
    fn a_fault_of_the_own_ssh_set_up_is_told_and_says_nothing_about_the_host() {
        let cases = [
            "/x: line 1: Bad configuration option: foo\n/x: terminating, 1 bad configuration options",
            "Bad owner or permissions on /root/.ssh/config",
            "Can't open user config file /x: No such file or directory",
            "/x line 3: no argument after keyword \"port\"",
        ];
        for log in cases {
            let (kind, words) = why_refused(log);
            // `NotConfigured` would mean that no way was declared, which is no finding.
            assert_eq!(kind, Kind::Local, "{log}");
            assert!(!kind.proves_host_alive() && !kind.suggests_host_dead());
            let line = log.lines().next().unwrap_or_default();
            assert!(words.ends_with(line), "{words}");
            assert!(words.contains("ssh configuration on this host"), "{words}");
        }
    }

    #[test]
    fn a_changed_host_key_is_named_with_its_place() {
        let log = "@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\n\
                   Offending ED25519 key in /root/.ssh/known_hosts:3\n\
                   Host key verification failed.\n";
        let (kind, words) = why_refused(log);
        assert_eq!(kind, Kind::HostKey);
        assert!(
            words.contains("ED25519 key in /root/.ssh/known_hosts:3"),
            "{words}"
        );
    }

    #[test]
    fn a_dead_host_is_a_timeout() {
        let (kind, words) = why_lost("Timeout, server 192.168.0.12 not responding.\r\n");
        assert_eq!(kind, Kind::Timeout);
        assert_eq!(
            words,
            "the connection was lost: Timeout, server 192.168.0.12 not responding."
        );
    }
}
