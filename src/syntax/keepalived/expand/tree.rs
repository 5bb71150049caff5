//! Owns the making of blocks: a brace belongs to the statement before it, wherever it stands.

use super::super::lexer::{TokenKind, lex};
use super::super::{Fault, Place, Statement};

/// Blocks within blocks; keepalived's own go four deep.
const NESTING: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Statements outside any block.
    body: Vec<Statement>,
    /// The blocks that are open, the outermost first; each with the statement it belongs to.
    open: Vec<Statement>,
    faults: Vec<Fault>,
}

impl Tree {
    pub(super) fn fault(&mut self, fault: Fault) {
        // One that goes on for ever is told once.
        if self
            .faults
            .last()
            .is_none_or(|last| last.what != fault.what)
        {
            self.faults.push(fault);
        }
    }

    fn level(&mut self) -> &mut Vec<Statement> {
        match self.open.last_mut() {
            Some(owner) => owner.block.get_or_insert_default(),
            None => &mut self.body,
        }
    }

    /// Takes a line in which nothing is left to be replaced.
    pub(super) fn feed(&mut self, line: &str, at: &Place) {
        let mut words = Vec::new();
        for token in lex(line) {
            let text = token.text(line);
            match token.kind {
                // An escaped comment is none.
                TokenKind::Word => words.push(text.replace("\\#", "#").replace("\\!", "!")),
                TokenKind::Quoted => {
                    let text = text.strip_prefix('"').unwrap_or(text);
                    if !text.ends_with('"') {
                        self.complain(at, "a quote is not closed");
                    }
                    words.push(text.strip_suffix('"').unwrap_or(text).to_owned());
                }
                TokenKind::Open => {
                    self.statement(&mut words, at);
                    self.enter(at);
                }
                TokenKind::Close => {
                    self.statement(&mut words, at);
                    self.leave(at);
                }
                TokenKind::Space
                | TokenKind::Comment
                | TokenKind::Continued
                | TokenKind::LineEnd => {}
            }
        }
        self.statement(&mut words, at);
    }

    fn complain(&mut self, at: &Place, what: &str) {
        self.fault(Fault {
            at: at.clone(),
            what: what.to_owned(),
        });
    }

    fn statement(&mut self, words: &mut Vec<String>, at: &Place) {
        if words.is_empty() {
            return;
        }
        let statement = Statement {
            words: std::mem::take(words),
            at: at.clone(),
            block: None,
        };
        self.level().push(statement);
    }

    fn enter(&mut self, at: &Place) {
        if self.open.len() == NESTING {
            return self.complain(at, "too many blocks within blocks");
        }
        let owner = self.level().pop_if(|last| last.block.is_none());
        if owner.is_none() {
            self.complain(at, "`{` belongs to no keyword");
        }
        let mut owner = owner.unwrap_or_else(|| Statement {
            words: Vec::new(),
            at: at.clone(),
            block: None,
        });
        owner.block = Some(Vec::new());
        self.open.push(owner);
    }

    fn leave(&mut self, at: &Place) {
        match self.open.pop() {
            Some(done) => self.level().push(done),
            None => self.complain(at, "`}` closes nothing"),
        }
    }

    /// Everything, with what was left open closed.
    pub(super) fn end(mut self) -> (Vec<Statement>, Vec<Fault>) {
        while let Some(owner) = self.open.pop() {
            self.complain(&owner.at.clone(), "the block is not closed");
            self.level().push(owner);
        }
        (self.body, self.faults)
    }
}
