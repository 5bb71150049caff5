//! Owns every sign on the screen, each with its ASCII twin. One glyph has one meaning everywhere.

/// Which signs a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Everything.
    Unicode,
    /// Seven bits.
    Ascii,
}

/// A sign with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Glyph {
    /// Running, up, ok.
    Well,
    /// Degraded, going down, warning.
    Warning,
    /// Down, critical.
    Broken,
    /// Stopped on purpose, drained, in maintenance.
    Resting,
    /// Unknown or stale.
    Unknown,
    /// Caused by a run under way.
    Expected,
    /// Holds the virtual address.
    Holder,
    /// Pinned read-only.
    ReadOnly,
    /// For information.
    Info,
    /// A figure that is not known.
    NoValue,
    /// A selected row.
    Cursor,
    /// A branch of a tree.
    Branch,
    /// The last branch of a tree.
    LastBranch,
    /// A trunk passing by.
    Trunk,
    /// A horizontal rule.
    Rule,
    /// A vertical rule.
    Wall,
    /// An edge, whole.
    Edge,
    /// An edge, broken.
    BrokenEdge,
    /// An edge of which nothing is known.
    DoubtfulEdge,
    /// From one to the other.
    Arrow,
    /// Something was cut out here.
    Ellipsis,
    /// Separates words on one line.
    Dot,
    /// The enter key.
    Enter,
}

impl Glyph {
    /// The sign, and its ASCII twin.
    const fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Well => ("●", "*"),
            Self::Warning => ("▲", "!"),
            Self::Broken => ("✖", "x"),
            Self::Resting => ("◌", "o"),
            Self::Unknown => ("?", "?"),
            Self::Expected => ("◐", "~"),
            Self::Holder => ("◆", "#"),
            Self::ReadOnly => ("⊘", "RO"),
            Self::Info => ("·", "."),
            Self::NoValue => ("–", "-"),
            Self::Cursor => ("▌", ">"),
            Self::Branch => ("├─", "|-"),
            Self::LastBranch => ("└─", "`-"),
            Self::Trunk => ("│ ", "| "),
            Self::Rule => ("─", "-"),
            Self::Wall => ("│", "|"),
            Self::Edge => ("──", "--"),
            Self::BrokenEdge => ("╌╌✖", "--x"),
            Self::DoubtfulEdge => ("╌╌?", "--?"),
            Self::Arrow => ("→", "->"),
            Self::Ellipsis => ("…", "~"),
            Self::Dot => ("·", "-"),
            Self::Enter => ("↵", "enter"),
        }
    }

    /// The sign in this character set.
    pub const fn sign(self, charset: Charset) -> &'static str {
        match charset {
            Charset::Unicode => self.pair().0,
            Charset::Ascii => self.pair().1,
        }
    }
}

/// Every other sign the screen's own words use, for the ASCII set. Names from outside are not
/// touched: they are shown as they are.
pub fn plain(text: &str, charset: Charset) -> String {
    if charset == Charset::Unicode || text.is_ascii() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => out.push('~'),
            '–' | '─' | '╌' | '·' => out.push('-'),
            '│' => out.push('|'),
            '‹' => out.push('<'),
            '›' => out.push('>'),
            '→' => out.push_str("->"),
            '↵' => out.push_str("enter"),
            '↑' => out.push_str("up"),
            '↓' => out.push_str("down"),
            '▁'..='█' => out.push('#'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Charset, Glyph};
    use strum::IntoEnumIterator;

    #[test]
    fn every_sign_has_an_ascii_twin() {
        for glyph in Glyph::iter() {
            assert!(glyph.sign(Charset::Ascii).is_ascii(), "{glyph:?}");
        }
    }

    #[test]
    fn the_states_differ_in_both_sets() {
        let states = [
            Glyph::Well,
            Glyph::Warning,
            Glyph::Broken,
            Glyph::Resting,
            Glyph::Unknown,
            Glyph::Expected,
            Glyph::Holder,
        ];
        for charset in [Charset::Unicode, Charset::Ascii] {
            let mut signs: Vec<_> = states.iter().map(|g| g.sign(charset)).collect();
            signs.sort_unstable();
            signs.dedup();
            assert_eq!(signs.len(), states.len());
        }
    }
}
