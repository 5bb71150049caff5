//! Owns the tokens of one file. Together they are the file, byte for byte.

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Its text in the file it was read from.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Blanks and tabs.
    Space,
    /// A word without quotes.
    Word,
    /// A word between double quotes, with them; without the second one where the line ends first.
    Quoted,
    /// `{`.
    Open,
    /// `}`.
    Close,
    /// From `!` or `#` to the end of the line: both begin a comment also inside a word.
    Comment,
    /// A backslash that ends a line: the definition goes on.
    Continued,
    /// The end of a line.
    LineEnd,
}

/// Splits a file into its tokens.
pub fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest);
        let end = at + length.max(1);
        tokens.push(Token {
            kind,
            start: at,
            end,
        });
        at = end;
    }
    tokens
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// The token at the beginning of `rest`, and its length.
fn next(rest: &str) -> (TokenKind, usize) {
    let up_to = |stop: fn(char) -> bool| rest.find(stop).unwrap_or(rest.len());
    if let Some(length) = line_end(rest) {
        return (TokenKind::LineEnd, length);
    }
    match rest.as_bytes().first() {
        Some(b' ' | b'\t') => (TokenKind::Space, up_to(|c| !is_blank(c))),
        Some(b'!' | b'#') => (TokenKind::Comment, end_of_line(rest)),
        Some(b'{') => (TokenKind::Open, 1),
        Some(b'}') => (TokenKind::Close, 1),
        Some(b'"') => {
            let line = end_of_line(rest);
            let close = rest.get(1..line).and_then(|inner| inner.find('"'));
            (TokenKind::Quoted, close.map_or(line, |at| at + 2))
        }
        Some(b'\\') if rest.get(1..).is_some_and(ends_here) => (TokenKind::Continued, 1),
        _ => (TokenKind::Word, word(rest)),
    }
}

/// The length of the line end at the beginning of `rest`, if there is one. A carriage return is
/// one only before a line feed, as in files of other systems, or at the very end.
fn line_end(rest: &str) -> Option<usize> {
    let returns = rest.len() - rest.trim_start_matches('\r').len();
    match rest.as_bytes().get(returns) {
        Some(b'\n') => Some(returns + 1),
        None if returns > 0 => Some(returns),
        _ => None,
    }
}

fn ends_here(rest: &str) -> bool {
    let rest = rest.trim_start_matches(is_blank);
    rest.is_empty() || line_end(rest).is_some()
}

fn end_of_line(rest: &str) -> usize {
    let line = rest.find('\n').unwrap_or(rest.len());
    rest.get(..line)
        .map_or(line, |line| line.trim_end_matches('\r').len())
}

/// The length of a word: up to a blank, a quote, a comment, a brace that is no part of `${NAME}`,
/// or the end of the line. A backslash takes the character after it along.
fn word(rest: &str) -> usize {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let here = rest.get(at..).unwrap_or_default();
        match c {
            '\\' if at > 0 && ends_here(here.get(1..).unwrap_or_default()) => return at,
            '\\' => {
                chars.next_if(|(_, c)| !matches!(c, '\n' | '\r'));
            }
            '$' => {
                for _ in 1..parameter(here) {
                    chars.next();
                }
            }
            _ if is_blank(c) || matches!(c, '"' | '!' | '#' | '{' | '}') => return at,
            _ if line_end(here).is_some() => return at,
            _ => {}
        }
    }
    rest.len()
}

/// The length of `${NAME}` or `${NAME 1 2}` at the beginning of `rest`, in bytes and characters
/// alike; 1 for any other dollar.
fn parameter(rest: &str) -> usize {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || is_blank(c);
    rest.strip_prefix("${")
        .and_then(|inner| {
            let length = inner.find(|c| !name(c))?;
            (length > 0 && inner.as_bytes().get(length) == Some(&b'}')).then_some(length + 3)
        })
        .unwrap_or(1)
}
