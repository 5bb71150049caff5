//! Owns the commands that deal with the Erlang cookie of a host. None prints it, hands it over as
//! an argument, or writes it anywhere but into its own file: it travels sealed under a key that the
//! receiving host made for this one time, and whose other half never leaves that host.
//!
//! The scripts are constants. Each is one line, for the plans and journals that show it.

use super::Argv;
use crate::model::name::{HostName, ServiceName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `$f` is the cookie of the service: in the home of its user, where the packages put it.
macro_rules! cookie_file {
    () => {
        r#"f="$(getent passwd rabbitmq | cut -d : -f 6)/.erlang.cookie"; "#
    };
}

/// What may be known of the cookie: whose it is, whether anything overrides it, and a digest of
/// what the runtime takes of it under the salt given.
const DIGEST: &str = concat!(
    cookie_file!(),
    "command -v openssl > /dev/null && echo openssl; ",
    "grep -qsE '^[^#]*(ERLANG_COOKIE=|-setcookie)' /etc/rabbitmq/rabbitmq-env.conf /etc/default/rabbitmq-server && echo overridden; ",
    r#"[ -s "$f" ] || { echo none; exit 0; }; "#,
    r#"stat -c 'file %U %a %F' "$f"; "#,
    r#"printf 'digest '; { printf %s "$1"; tr -d '[:space:]' < "$f"; } | sha256sum | cut -d ' ' -f 1"#,
);

/// Makes the key, readable for root alone and in memory alone, and prints its public half.
const KEY: &str = concat!(
    "set -eu; umask 077; mkdir -p /run/rmqtop; rm -f /run/rmqtop/cookie.key; ",
    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out /run/rmqtop/cookie.key 2> /dev/null; ",
    "openssl pkey -in /run/rmqtop/cookie.key -pubout -outform DER | base64 -w 0",
);

/// Prints the cookie, sealed for whoever holds the other half of the key given.
const SEAL: &str = concat!(
    "set -eu; ",
    cookie_file!(),
    r#"printf %s "$1" | base64 -d | openssl pkeyutl -encrypt -pubin -keyform DER -inkey /dev/stdin -pkeyopt rsa_padding_mode:oaep -in "$f" | base64 -w 0"#,
);

/// Puts what was sealed in the place of the cookie, at one stroke; the old one stays beside it.
/// The service must be stopped: a runtime reads its cookie at its start, and never again.
const OPEN: &str = concat!(
    "set -eu; umask 077; ",
    cookie_file!(),
    r#"new="$f.rmqtop"; "#,
    r#"if systemctl is-active --quiet "$2" || pgrep -u rabbitmq beam > /dev/null; then echo "$2 or another runtime of the user rabbitmq runs" >&2; exit 70; fi; "#,
    r#"if [ -L "$f" ]; then echo 'the cookie is a symbolic link' >&2; exit 70; fi; "#,
    r#"printf %s "$1" | base64 -d | openssl pkeyutl -decrypt -inkey /run/rmqtop/cookie.key -pkeyopt rsa_padding_mode:oaep -out "$new"; "#,
    r#"rm -f /run/rmqtop/cookie.key; [ -s "$new" ]; "#,
    r#"chown rabbitmq:rabbitmq "$new"; chmod 400 "$new"; sync "$new"; "#,
    r#"if [ -e "$f" ]; then ln -f "$f" "$f.old"; fi; mv -f "$new" "$f""#,
);

fn script(text: &str, argument: &str) -> Argv {
    Argv::new("sh", ["-c", text, "rmqtop", argument])
}

/// Chance that makes digests useless to anybody who did not give it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Salt(String);

impl Salt {
    /// A new one.
    pub fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The hasher's keys are the only source of chance in std.
        let word = || RandomState::new().hash_one(0_u8);
        Self(format!("{:016x}{:016x}", word(), word()))
    }
}

impl Default for Salt {
    fn default() -> Self {
        Self::new()
    }
}

/// Base64 on one line, of a bounded length: an argument that needs no further thought.
fn is_base64(text: &str, bytes: std::ops::Range<usize>) -> bool {
    let word = text.trim_end_matches('=');
    bytes.contains(&text.len())
        && text.len() - word.len() <= 2
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/'))
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(String);

impl PublicKey {
    /// Takes what the host printed, if it can be a key.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        is_base64(text, 200..2000).then(|| Self(text.to_owned()))
    }
}

/// A cookie, sealed. Of no use without the key, and not shown all the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(String);

impl Sealed {
    /// Takes what the host printed, if it can be something sealed.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        is_base64(text, 200..2000).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// What is done to the cookie of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CookieVerb {
    /// Becomes that of another host. This stands in plans; before it is sent it is made an `Open`,
    /// with what the other host sealed.
    Take {
        /// Which host.
        from: HostName,
        /// The service that must be stopped where the cookie is taken to.
        #[serde(default = "ServiceName::rabbitmq_server")]
        service: ServiceName,
    },
    /// Makes the key under which the cookie travels. Part of a `Take`, never of a plan.
    #[serde(skip)]
    Key,
    /// Becomes what was sealed. Part of a `Take`, never of a plan.
    #[serde(skip)]
    Open {
        /// The cookie.
        sealed: Sealed,
        /// The service that must be stopped.
        service: ServiceName,
    },
}

impl CookieVerb {
    /// The command. That of a `Take` has a word in the place of what is sealed.
    pub(super) fn argv(&self) -> Argv {
        match self {
            Self::Take { from, service } => open(&format!("SEALED-BY-{from}"), service),
            Self::Key => Argv::new("sh", ["-c", KEY]),
            Self::Open { sealed, service } => open(&sealed.0, service),
        }
    }
}

fn open(sealed: &str, service: &ServiceName) -> Argv {
    Argv::new("sh", ["-c", OPEN, "rmqtop", sealed, service.as_str()])
}

pub(super) fn digest(salt: &Salt) -> Argv {
    script(DIGEST, &salt.0)
}

pub(super) fn seal(key: &PublicKey) -> Argv {
    script(SEAL, &key.0)
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, Salt, Sealed};

    #[test]
    fn only_base64_is_handed_on() {
        let key = format!("{}==", "Ab+/".repeat(60));
        assert!(PublicKey::parse(&format!("{key}\n")).is_some());
        for text in [
            "",
            "short",
            &"a b".repeat(100),
            &"$(id)".repeat(60),
            &"-".repeat(300),
        ] {
            assert_eq!(Sealed::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_sealed_is_not_shown() {
        let sealed = Sealed::parse(&"QUJD".repeat(100)).unwrap();
        assert_eq!(format!("{sealed:?}"), "Sealed(…)");
    }

    #[test]
    fn salts_differ() {
        assert_ne!(Salt::new(), Salt::new());
    }
}
