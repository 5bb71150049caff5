//! Owns what a policy's pattern matches, as far as it can be told here. Brokers use PCRE on the
//! bytes of a name (`rabbit_policy:matches`), which knows more than the engine used here: what only
//! a broker can judge is said to be so, and never guessed.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::ErrorKind;
use regex_syntax::ast::parse::Parser;

/// Names that no pattern picks by accident: what matches all of them and the empty name matches
/// everything.
const STRANGERS: [&[u8]; 4] = [b"a", b"amq.gen-Xy_0", b"/ 7%", b"\x01\xff"];

/// Operators in character classes that mean something else to PCRE.
const CLASS_OPERATORS: [&str; 3] = ["&&", "--", "~~"];

/// What can be told of a pattern.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// It can be judged here.
    Known(Box<Regex>),
    /// It may be a pattern; only a broker can tell.
    Beyond(String),
    /// No engine takes it.
    Invalid(PatternFault),
}

/// Why a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern is not a regular expression: {words} at character {at}")]
pub struct PatternFault {
    /// What is wrong.
    pub words: String,
    /// Where it begins, from 1.
    pub at: usize,
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        if let Err(error) = Parser::new().parse(text) {
            let at = error.span().start.column;
            let words = error.kind().to_string();
            let next = text.chars().nth(at.saturating_sub(1));
            return if is_wrong_everywhere(error.kind(), next) {
                Self::Invalid(PatternFault { words, at })
            } else {
                Self::Beyond(format!("{words} at character {at}"))
            };
        }
        if let Some(operator) = CLASS_OPERATORS.iter().find(|word| text.contains(**word))
            && text.contains('[')
        {
            return Self::Beyond(format!("`{operator}` in a character class"));
        }
        match RegexBuilder::new(text).unicode(false).build() {
            Ok(regex) => Self::Known(Box::new(regex)),
            Err(_too_large_or_unicode) => {
                Self::Beyond("it is too large, or names classes of Unicode".to_owned())
            }
        }
    }

    /// Whether it matches a name, byte for byte; `None` where that cannot be told here.
    pub fn matches(&self, raw: &str) -> Option<bool> {
        match self {
            Self::Known(regex) => Some(regex.is_match(raw.as_bytes())),
            Self::Beyond(_) | Self::Invalid(_) => None,
        }
    }

    /// Whether it matches every name; `None` where that cannot be told here.
    pub fn matches_everything(&self) -> Option<bool> {
        match self {
            Self::Known(regex) => {
                Some(regex.is_match(b"") && STRANGERS.iter().all(|name| regex.is_match(name)))
            }
            Self::Beyond(_) | Self::Invalid(_) => None,
        }
    }
}

/// Faults in which this engine and PCRE agree. Much else that this one refuses is fine with PCRE.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of the other crate is open"
)]
fn is_wrong_everywhere(kind: &ErrorKind, next: Option<char>) -> bool {
    match kind {
        ErrorKind::ClassRangeInvalid
        | ErrorKind::ClassUnclosed
        | ErrorKind::EscapeUnexpectedEof
        | ErrorKind::GroupUnclosed
        | ErrorKind::GroupUnopened => true,
        // PCRE takes a brace that counts nothing for itself.
        ErrorKind::RepetitionMissing => next != Some('{'),
        _ => false,
    }
}

/// Characters, from 1, at which a dot stands alone: it matches any character, and is often meant
/// as a dot.
pub fn lone_dots(pattern: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut escaped, mut in_class) = (false, false);
    let mut chars = pattern.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class && !matches!(next, Some('*' | '+' | '?' | '{')) => {
                found.push(at + 1);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Pattern, lone_dots};

    fn matches(pattern: &str, name: &str) -> Option<bool> {
        Pattern::new(pattern).matches(name)
    }

    #[test]
    fn the_patterns_of_the_article_match_as_a_broker_matches() {
        assert_eq!(matches("^", "orders"), Some(true));
        assert_eq!(matches("^ha.", "ha-orders"), Some(true));
        assert_eq!(matches("^ha.", "ha"), Some(false));
        assert_eq!(matches("^ha\\.", "ha-orders"), Some(false));
        assert_eq!(Pattern::new("^").matches_everything(), Some(true));
        assert_eq!(Pattern::new(".*").matches_everything(), Some(true));
        assert_eq!(Pattern::new("^$").matches_everything(), Some(false));
        assert_eq!(Pattern::new("^ha.").matches_everything(), Some(false));
    }

    #[test]
    fn what_no_engine_takes_is_told_where_it_breaks() {
        for (pattern, at) in [
            ("^ha(", 4),
            ("[a", 1),
            ("a)", 2),
            ("*a", 1),
            ("[z-a]", 2),
            ("a\\", 2),
        ] {
            let Pattern::Invalid(fault) = Pattern::new(pattern) else {
                panic!("{pattern} is taken");
            };
            assert_eq!(fault.at, at, "{pattern}: {fault}");
        }
    }

    #[test]
    fn what_only_a_broker_can_judge_is_not_guessed() {
        for pattern in ["^(?!amq\\.).*", "(a)\\1", "a{", "{", "\\Qa.b\\E", "[a&&b]"] {
            let read = Pattern::new(pattern);
            assert!(matches!(read, Pattern::Beyond(_)), "{pattern}: {read:?}");
            assert_eq!(read.matches("a"), None);
        }
    }

    #[test]
    fn names_are_bytes() {
        assert_eq!(matches("^.$", "ä"), Some(false));
        assert_eq!(matches("^..$", "ä"), Some(true));
    }

    #[test]
    fn a_dot_that_stands_alone_is_found() {
        assert_eq!(lone_dots("^ha."), [4]);
        assert_eq!(lone_dots("^a.b.c"), [3, 5]);
        assert!(lone_dots("^.*$").is_empty());
        assert!(lone_dots("^a\\.b[.]").is_empty());
    }
}
