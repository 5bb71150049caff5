//! Owns text built line by line, for the written forms of plans and runs. Knows nothing of them.

use std::fmt::{Display, Write};

/// Text built line by line.
#[derive(Debug, Default)]
pub(crate) struct Written(String);

impl Written {
    pub(crate) fn line(&mut self, line: impl Display) {
        // Writing to a string does not fail.
        writeln!(self.0, "{line}").ok();
    }

    pub(crate) fn blank(&mut self) {
        self.0.push('\n');
    }

    /// A shell comment stays one, whatever names it holds.
    pub(crate) fn comment(&mut self, words: &str) {
        let flat: String = words
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.line(format_args!("# {flat}"));
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
