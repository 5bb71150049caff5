//! Owns what a host tells of its Erlang cookie: never the cookie, and nothing that may be printed.
//! The cookies of two hosts can be compared, and that is all.

use std::fmt;

/// A digest of a cookie under a salt that lives no longer than this process: equal for equal
/// cookies, of no use to anybody else. Neither shown nor kept.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieDigest(Box<str>);

impl CookieDigest {
    /// Takes 64 hexadecimal digits, as `sha256sum` prints them.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digest = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        is_digest.then(|| Self(text.into()))
    }
}

impl fmt::Debug for CookieDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieDigest(…)")
    }
}

/// The cookie of a host's service, as far as it may be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieReport {
    /// To compare it by; `None`: there is no cookie yet.
    pub digest: Option<CookieDigest>,
    /// Whether it is its owner's alone, and its owner is `rabbitmq`. A runtime refuses to start on
    /// one that others can read.
    pub is_private: bool,
    /// What keeps it from being given to, or taken from, another host.
    pub obstacles: Vec<Obstacle>,
}

/// What keeps a host's cookie from being moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The configuration names a cookie of its own, so that the file does not count.
    Overridden,
    /// There is no `openssl`, with which a cookie is sealed on its way.
    NoOpenssl,
}

impl Obstacle {
    /// In words, as the end of a sentence about a host.
    pub fn words(self) -> &'static str {
        match self {
            Self::Overridden => {
                "has a configuration that names a cookie of its own, so that the file does not count"
            }
            Self::NoOpenssl => "has no openssl to seal the cookie with",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CookieDigest;

    #[test]
    fn a_digest_is_never_shown() {
        let digest = CookieDigest::parse(&"0a".repeat(32)).unwrap();
        assert_eq!(format!("{digest:?}"), "CookieDigest(…)");
        assert_eq!(CookieDigest::parse("MYSECRETCOOKIE"), None);
    }
}
