//! Owns what keepalived does before it looks at a keyword: includes, conditions, definitions and
//! sequences, line by line and in its order, then blocks.

mod tree;

use super::lexer::{Token, TokenKind, lex};
use super::{Config, Fault, Files, Place};
use std::collections::BTreeMap;
use tree::Tree;

/// Files within files, definitions within definitions: real ones need two or three.
const DEPTH: usize = 16;
/// Lines after all expansion; keepalived itself knows no limit.
const LINES: usize = 20_000;
/// Bytes of one line after expansion (`MAXBUF` of keepalived is less).
const LINE: usize = 16 << 10;

/// An include whose files are not known yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Include {
    /// Absolute path, or a pattern of such; without braces.
    pub pattern: String,
    /// Where it is asked for.
    pub at: Place,
}

/// What keepalived would see of these files.
pub fn read(files: &Files) -> Config {
    let mut reader = Reader {
        files,
        definitions: BTreeMap::new(),
        open: None,
        tree: Tree::default(),
        wanted: Vec::new(),
        lines: 0,
    };
    reader.file(&files.main, 0);
    let (body, faults) = reader.tree.end();
    Config {
        body,
        faults,
        wanted: reader.wanted,
    }
}

struct Reader<'f> {
    files: &'f Files,
    /// Lines of each definition; one, unless it goes on.
    definitions: BTreeMap<String, Vec<String>>,
    /// The definition that goes on in the next line.
    open: Option<String>,
    tree: Tree,
    wanted: Vec<Include>,
    lines: usize,
}

/// A line without comment, blanks around it, and the backslash that continues it.
struct Code {
    text: String,
    goes_on: bool,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, depth: usize) {
        let files = self.files;
        let Some(text) = files.texts.get(path) else {
            let at = Place {
                file: path.to_owned(),
                line: 1,
            };
            return self.fault(&at, "the file cannot be read");
        };
        let tokens = lex(text);
        let lines = tokens.split_inclusive(|token| token.kind == TokenKind::LineEnd);
        for (index, line) in lines.enumerate() {
            let at = Place {
                file: path.to_owned(),
                line: index + 1,
            };
            if line.iter().all(|token| token.kind == TokenKind::LineEnd) {
                self.open = None;
            } else {
                self.line(&decomment(line, text), &at, depth);
            }
        }
    }

    fn fault(&mut self, at: &Place, what: impl Into<String>) {
        self.tree.fault(Fault {
            at: at.clone(),
            what: what.into(),
        });
    }

    fn line(&mut self, code: &Code, at: &Place, depth: usize) {
        if self.lines == LINES || depth > DEPTH {
            return self.fault(at, "too much is included or expanded");
        }
        self.lines += 1;
        if let Some(name) = self.open.clone() {
            if code.text.is_empty() && !code.goes_on {
                return;
            }
            let lines = self.definitions.entry(name).or_default();
            if !code.text.is_empty() {
                lines.push(code.text.clone());
            }
            if !code.goes_on {
                self.open = None;
            }
            return;
        }
        let mut text = code.text.clone();
        let mut after = Vec::new();
        for _ in 0..DEPTH {
            match self.applies(&text) {
                Some(rest) => text = rest,
                None => return,
            }
            if self.define(&text, code) {
                return;
            }
            if text.starts_with("~SEQ") || text.starts_with("~LST") {
                return self.sequence(&text, at, depth);
            }
            match self.replace(&text, &mut after) {
                None => break,
                Some(longer) if longer.len() > LINE => {
                    return self.fault(at, "a definition grows without end");
                }
                Some(replaced) => text = decomment(&lex(&replaced), &replaced).text,
            }
        }
        if let Some(pattern) = included(&text) {
            self.include(pattern, at, depth);
        } else {
            self.tree.feed(&text, at);
        }
        for text in after.into_iter().rev() {
            let goes_on = false;
            self.line(&Code { text, goes_on }, at, depth + 1);
        }
    }

    /// The line without its condition; `None` where that does not hold. `@host` wants the
    /// configuration's id to be `host`, `@^host` wants it to be another.
    fn applies(&self, text: &str) -> Option<String> {
        let Some(condition) = text.strip_prefix('@') else {
            return Some(text.to_owned());
        };
        let (condition, wanted) = match condition.strip_prefix('^') {
            Some(rest) => (rest, false),
            None => (condition, true),
        };
        let (id, rest) = condition.split_once([' ', '\t'])?;
        ((id == self.files.id) == wanted).then(|| rest.trim_start_matches([' ', '\t']).to_owned())
    }

    /// Takes over `$NAME=TEXT`.
    fn define(&mut self, text: &str, code: &Code) -> bool {
        let Some((name, value)) = text.strip_prefix('$').and_then(|rest| rest.split_once('='))
        else {
            return false;
        };
        let name = name.trim_end_matches([' ', '\t']);
        if name_length(name) != name.len() || name.is_empty() {
            return false;
        }
        let value = value.trim_matches([' ', '\t']);
        let lines = if value.is_empty() && code.goes_on {
            Vec::new()
        } else {
            vec![value.to_owned()]
        };
        self.definitions.insert(name.to_owned(), lines);
        self.open = code.goes_on.then(|| name.to_owned());
        true
    }

    /// The line with what is defined put in; `None` where nothing is. The further lines of a
    /// definition of several go to `after`, the last one first.
    fn replace(&self, text: &str, after: &mut Vec<String>) -> Option<String> {
        let (mut out, mut rest, mut found) = (String::new(), text, false);
        while let Some((before, tail)) = rest.split_once('$') {
            out.push_str(before);
            let known = parameter(tail).and_then(|(name, length)| {
                let lines = self.definitions.get(name)?;
                let tail = tail.get(length..)?;
                (lines.len() <= 1 || tail.is_empty()).then_some((lines, tail))
            });
            rest = tail;
            if let Some((lines, tail)) = known {
                found = true;
                let mut lines = lines.iter();
                out.push_str(lines.next().map_or("", String::as_str));
                after.extend(lines.rev().cloned());
                rest = tail;
            } else {
                out.push('$');
            }
            if out.len() > LINE {
                break;
            }
        }
        out.push_str(rest);
        found.then_some(out)
    }

    /// `~SEQ(VAR, first, step, last) TEXT` and `~LST(VAR, a, b) TEXT` repeat a line.
    fn sequence(&mut self, text: &str, at: &Place, depth: usize) {
        let Some((var, values, rest)) = self.repeated(text) else {
            let short: String = text.chars().take(60).collect();
            return self.fault(at, format!("`{short}` is not understood"));
        };
        for value in values {
            self.definitions.insert(var.clone(), vec![value]);
            let code = Code {
                text: rest.clone(),
                goes_on: false,
            };
            self.line(&code, at, depth + 1);
        }
    }

    fn repeated(&self, text: &str) -> Option<(String, Vec<String>, String)> {
        let (head, rest) = text.split_once(')')?;
        let (kind, arguments) = head.split_once('(')?;
        let replaced = self.replace(arguments, &mut Vec::new());
        let arguments = replaced.as_deref().unwrap_or(arguments);
        let mut words = arguments.split(',').map(str::trim);
        let var = words
            .next()
            .filter(|var| !var.is_empty() && !var.starts_with('{'))?;
        let values = match kind.trim() {
            "~LST" => words.map(str::to_owned).collect(),
            kind @ ("~SEQ" | "~SEQx") => {
                let numbers: Option<Vec<i64>> = words.map(|word| word.parse().ok()).collect();
                let word = |number: i64| match kind {
                    "~SEQx" => format!("{number:x}"),
                    _ => number.to_string(),
                };
                numbered(&numbers?)?.into_iter().map(word).collect()
            }
            _ => return None,
        };
        Some((var.to_owned(), values, rest.trim_start().to_owned()))
    }

    fn include(&mut self, pattern: &str, at: &Place, depth: usize) {
        let folder = at.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let absolute = if pattern.starts_with('/') {
            pattern.to_owned()
        } else {
            format!("{folder}/{pattern}")
        };
        let files = self.files;
        for pattern in unbraced(&absolute) {
            match files.matches.get(&pattern) {
                None => self.wanted.push(Include {
                    pattern,
                    at: at.clone(),
                }),
                Some(paths) if paths.is_empty() && !pattern.contains(['*', '?', '[']) => {
                    self.fault(at, format!("{pattern} is included and does not exist"));
                }
                Some(paths) => {
                    for path in paths {
                        self.file(path, depth + 1);
                        if self.lines == LINES || depth > DEPTH {
                            return;
                        }
                    }
                }
            }
        }
    }
}

fn numbered(numbers: &[i64]) -> Option<Vec<i64>> {
    let (first, step, last) = match *numbers {
        [last] if last < 0 => (-1, -1, last),
        [last] => (1, if last < 1 { -1 } else { 1 }, last),
        [first, last] => (first, if first <= last { 1 } else { -1 }, last),
        [first, step, last] => (first, step, last),
        _ => return None,
    };
    if step == 0 || (first < last) != (step > 0) && first != last {
        return None;
    }
    let mut values = Vec::new();
    let mut at = first;
    while values.len() < LINES && if step > 0 { at <= last } else { at >= last } {
        values.push(at);
        at = at.checked_add(step)?;
    }
    Some(values)
}

/// What a line is without its comment.
fn decomment(line: &[Token], text: &str) -> Code {
    let mut code = String::new();
    let mut goes_on = false;
    for token in line {
        match token.kind {
            TokenKind::Comment | TokenKind::LineEnd => break,
            TokenKind::Continued => goes_on = true,
            TokenKind::Word
            | TokenKind::Space
            | TokenKind::Quoted
            | TokenKind::Open
            | TokenKind::Close => {
                code.push_str(token.text(text));
            }
        }
    }
    Code {
        text: code.trim_matches([' ', '\t']).to_owned(),
        goes_on,
    }
}

/// The pattern of an `include`, with or without the letter that says what is an error.
fn included(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("include")?;
    let rest = rest.strip_prefix(['r', 'm', 'w', 'b', 'a']).unwrap_or(rest);
    let pattern = rest.trim_start_matches([' ', '\t']);
    (pattern.len() < rest.len() && !pattern.is_empty()).then_some(pattern)
}

fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

/// The name after a dollar, and how far it and its braces reach. Without braces it must end at a
/// blank, a comma, a closing parenthesis or the end of the line.
fn parameter(tail: &str) -> Option<(&str, usize)> {
    if let Some(inner) = tail.strip_prefix('{') {
        let length = name_length(inner);
        return (length > 0 && inner.as_bytes().get(length) == Some(&b'}'))
            .then(|| inner.get(..length).map(|name| (name, length + 2)))?;
    }
    let length = name_length(tail);
    let ends = matches!(
        tail.as_bytes().get(length),
        None | Some(b' ' | b'\t' | b',' | b')')
    );
    (length > 0 && ends).then(|| tail.get(..length).map(|name| (name, length)))?
}

/// `a{b,c}` is `ab` and `ac` (`GLOB_BRACE`); no more than a handful of alternatives are followed.
fn unbraced(pattern: &str) -> Vec<String> {
    const ALTERNATIVES: usize = 32;
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(next) = open.pop() {
        let parts = next.split_once('{').and_then(|(head, rest)| {
            let (inner, tail) = rest.split_once('}')?;
            Some((head, inner, tail))
        });
        match parts {
            Some((head, inner, tail)) if open.len() + done.len() < ALTERNATIVES => {
                let each = inner.split(',').map(|part| format!("{head}{part}{tail}"));
                open.extend(each.rev());
            }
            _ => done.push(next),
        }
    }
    done
}
