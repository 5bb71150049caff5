//! Owns the language of keepalived.conf (`lib/parser.c` of keepalived 2.2 to 2.4): tokens that
//! cover every byte of a file, and the statements keepalived itself would see after includes,
//! conditions, definitions and sequences.
//!
//! It reads no file: what includes ask for is told, and handed in by whoever can read it.

mod expand;
mod lexer;
#[cfg(test)]
mod tests;

pub use expand::{Include, read};
pub use lexer::{Token, TokenKind, lex};

use std::collections::BTreeMap;

/// The files that are known so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Absolute path of the main file.
    pub main: String,
    /// Text of each file, by absolute path.
    pub texts: BTreeMap<String, String>,
    /// Which files each pattern of an include stands for.
    pub matches: BTreeMap<String, Vec<String>>,
    /// What `@` conditions compare with: `--config-id`, else the host's name up to the first dot.
    pub id: String,
}

/// What keepalived would make of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Statements outside any block.
    pub body: Vec<Statement>,
    /// What could not be understood, in order.
    pub faults: Vec<Fault>,
    /// Includes whose files are not known yet.
    pub wanted: Vec<Include>,
}

/// A keyword with its values, and the block that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Words without quotes; the first is the keyword.
    pub words: Vec<String>,
    /// Where it stands.
    pub at: Place,
    /// Statements between the braces after it, if there are any.
    pub block: Option<Vec<Statement>>,
}

impl Statement {
    /// The keyword.
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The first value.
    pub fn value(&self) -> Option<&str> {
        self.words.get(1).map(String::as_str)
    }

    /// The statements of its block; none without one.
    pub fn inner(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Absolute path.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// Something that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Place,
    /// What, as a lower-case fragment.
    pub what: String,
}
