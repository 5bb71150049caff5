//! Owns the one conversion of text from outside into text a terminal may show.
//!
//! Broker, load balancer and host output can carry terminal escapes (a queue name may hold any
//! byte but CR and LF). Nothing here draws; nothing else in the crate escapes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// Text from outside, safe to show: control, bidirectional and zero-width characters appear as
/// visible escapes. The original is kept for JSON output and for naming the object again.
#[derive(Clone, Default)]
pub struct Shown {
    text: Box<str>,
    /// Present only where showing changed something, so ordinary names are stored once.
    raw: Option<Box<str>>,
}

impl Shown {
    /// Converts text from outside. Idempotent on its own output.
    pub fn new(raw: &str) -> Self {
        if raw.chars().any(must_escape) {
            let mut text = String::with_capacity(raw.len() + 8);
            for c in raw.chars() {
                if must_escape(c) {
                    text.push_str(&visible(c));
                } else {
                    text.push(c);
                }
            }
            Self {
                text: text.into(),
                raw: Some(raw.into()),
            }
        } else {
            Self {
                text: raw.into(),
                raw: None,
            }
        }
    }

    /// What may be drawn.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the other side said, byte for byte. Never draw it.
    pub fn raw(&self) -> &str {
        self.raw.as_deref().unwrap_or(&self.text)
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Shows multi-line output: the line ends survive, everything else is escaped.
pub fn shown_lines(raw: &str) -> Vec<Shown> {
    let lines = raw.lines().map(|line| line.replace('\t', "  "));
    lines.map(|line| Shown::new(&line)).collect()
}

fn visible(c: char) -> String {
    let code = u32::from(c);
    if code < 0x100 {
        format!("\\x{code:02x}")
    } else {
        format!("\\u{{{code:x}}}")
    }
}

/// C0, DEL, C1, and the characters that reorder or hide text (Unicode bidi controls, zero-width
/// and separator characters, tags).
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl From<&str> for Shown {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for Shown {}

impl PartialOrd for Shown {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Shown {
    fn cmp(&self, other: &Self) -> Ordering {
        self.raw().cmp(other.raw())
    }
}

impl std::hash::Hash for Shown {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.raw().hash(state);
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.raw())
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;
    use proptest::prelude::*;

    #[test]
    fn escapes_become_visible_and_the_original_is_kept() {
        let name = Shown::new("a\u{1b}]52;c;x\u{7}\u{202e}b\u{9b}");
        assert_eq!(name.as_str(), "a\\x1b]52;c;x\\x07\\u{202e}b\\x9b");
        assert_eq!(name.raw(), "a\u{1b}]52;c;x\u{7}\u{202e}b\u{9b}");
        assert_eq!(Shown::new("orders.paid").to_string(), "orders.paid");
    }

    proptest! {
        #[test]
        fn shown_text_holds_no_control_and_showing_twice_changes_nothing(raw in ".*") {
            let once = Shown::new(&raw);
            prop_assert!(!once.as_str().chars().any(super::must_escape));
            let twice = Shown::new(once.as_str());
            prop_assert_eq!(twice.as_str(), once.as_str());
            prop_assert_eq!(once.raw(), raw.as_str());
        }
    }
}
