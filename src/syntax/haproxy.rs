//! Owns the language of haproxy.cfg (`parse_line` in `src/tools.c` of HAProxy 2.6 to 3.2): the words
//! of every line with their places, comments, and the sections that lines belong to. What a word
//! means is said elsewhere; no environment is looked at.

use std::ops::Range;

/// A word as HAProxy takes it: quotes and escapes are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where it stands in the file, in bytes, with its quotes.
    pub at: Range<usize>,
    /// Whether it holds an environment variable, which is left as it is written.
    pub expands: bool,
}

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Its words; none where it is a comment.
    pub words: Vec<Word>,
    /// Where its comment stands, with the `#`.
    pub comment: Option<Range<usize>>,
    /// A quote that is not closed: HAProxy refuses the file.
    pub is_open: bool,
}

impl Line {
    /// The text of its word at `index`, from 0.
    pub fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(|word| word.text.as_str())
    }

    /// The first word.
    pub fn keyword(&self) -> &str {
        self.word(0).unwrap_or_default()
    }

    /// The value behind `keyword`, wherever that stands in the line.
    pub fn value_of(&self, keyword: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word.text == keyword)?;
        self.word(at + 1)
    }

    /// Whether one of its words is `text`.
    pub fn has(&self, text: &str) -> bool {
        self.words.iter().any(|word| word.text == text)
    }
}

/// A section with the lines in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its first line: what it is, and what it is called.
    pub head: Line,
    /// The lines below.
    pub lines: Vec<Line>,
}

impl Section {
    /// `global`, `defaults`, `listen`, …
    pub fn kind(&self) -> &str {
        self.head.keyword()
    }

    /// What it is called; a `defaults` may have no name.
    pub fn name(&self) -> Option<&str> {
        self.head.word(1)
    }

    /// Its lines with this keyword.
    pub fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines
            .iter()
            .filter(move |line| line.keyword() == keyword)
    }
}

/// What opens a section (`cfg_register_section` in HAProxy's sources).
const SECTIONS: [&str; 19] = [
    "acme",
    "backend",
    "cache",
    "crt-store",
    "defaults",
    "fcgi-app",
    "frontend",
    "global",
    "http-errors",
    "listen",
    "log-forward",
    "log-profile",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

/// The lines of a file, without the empty ones.
pub fn lex(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let content = raw.trim_end_matches(['\n', '\r']);
        let line = Lexer::new(content, start).line(index + 1);
        if !line.words.is_empty() || line.comment.is_some() {
            lines.push(line);
        }
        start += raw.len();
    }
    lines
}

/// The sections of a file. What stands before the first one is left out.
pub fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in lex(text) {
        if SECTIONS.contains(&line.keyword()) {
            sections.push(Section {
                head: line,
                lines: Vec::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    start: usize,
    len: usize,
    line: Line,
    word: Option<Word>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, start: usize) -> Self {
        Self {
            rest: text.char_indices().peekable(),
            start,
            len: text.len(),
            line: Line {
                number: 0,
                words: Vec::new(),
                comment: None,
                is_open: false,
            },
            word: None,
        }
    }

    fn line(mut self, number: usize) -> Line {
        self.line.number = number;
        while let Some((at, c)) = self.rest.next() {
            match c {
                ' ' | '\t' => self.end_word(at),
                '#' => {
                    self.end_word(at);
                    self.line.comment = Some(self.start + at..self.start + self.len);
                    return self.line;
                }
                '\'' => self.strong(at),
                '"' => self.weak(at),
                '\\' => {
                    let escaped = self.escaped();
                    self.push(at, escaped);
                }
                c => self.push(at, c),
            }
        }
        self.end_word(self.len);
        self.line
    }

    fn push(&mut self, at: usize, c: char) {
        self.open_word(at).text.push(c);
    }

    fn open_word(&mut self, at: usize) -> &mut Word {
        let at = self.start + at;
        self.word.get_or_insert_with(|| Word {
            text: String::new(),
            at: at..at,
            expands: false,
        })
    }

    fn end_word(&mut self, at: usize) {
        if let Some(mut word) = self.word.take() {
            word.at.end = self.start + at;
            self.line.words.push(word);
        }
    }

    /// Behind a backslash: itself, or what the letter stands for.
    fn escaped(&mut self) -> char {
        match self.rest.next() {
            Some((_, 'n')) => '\n',
            Some((_, 'r')) => '\r',
            Some((_, 't')) => '\t',
            Some((_, c)) => c,
            None => '\\',
        }
    }

    fn strong(&mut self, at: usize) {
        self.open_word(at);
        while let Some((inner, c)) = self.rest.next() {
            if c == '\'' {
                return;
            }
            self.push(inner, c);
        }
        self.line.is_open = true;
    }

    /// Only here HAProxy looks for variables.
    fn weak(&mut self, at: usize) {
        self.open_word(at);
        while let Some((inner, c)) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => {
                    let escaped = self.escaped();
                    self.push(inner, escaped);
                }
                c => {
                    let word = self.open_word(inner);
                    word.expands |= c == '$';
                    word.text.push(c);
                }
            }
        }
        self.line.is_open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{lex, sections};
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let lines = lex(text);
        lines
            .into_iter()
            .flat_map(|line| line.words)
            .map(|word| word.text)
            .collect()
    }

    /// HAProxy 3.2.26 told each of these words alike (`.notice WORD`, `haproxy -c`).
    #[test]
    fn words_are_those_that_haproxy_takes() {
        let rows: [(&str, &[&str]); 9] = [
            (
                "  server a 10.0.0.1:5672 check",
                &["server", "a", "10.0.0.1:5672", "check"],
            ),
            ("mode tcp # not http", &["mode", "tcp"]),
            ("mode tcp#x", &["mode", "tcp"]),
            (r"log-tag a\ b", &["log-tag", "a b"]),
            (r"log-tag a\#b", &["log-tag", "a#b"]),
            (r#"log-tag "a b" c"#, &["log-tag", "a b", "c"]),
            (r#"log-tag x"a b"'c "d'"#, &["log-tag", r#"xa bc "d"#]),
            (r#"log-tag "a\"b""#, &["log-tag", r#"a"b"#]),
            ("\t\r\n", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn variables_are_found_between_double_quotes_only() {
        let expands = |text: &str| lex(text)[0].words[1].expands;
        assert!(expands(r#"bind "${HOST}:80""#));
        assert!(!expands("bind '${HOST}:80'"));
        assert!(lex(r#"bind "x"#)[0].is_open);
    }

    #[test]
    fn lines_belong_to_the_section_above_them() {
        let text = "# head\nglobal\n  maxconn 10\nlisten mq\n  bind :5671\n  server a b:1\n";
        let found = sections(text);
        let shape: Vec<(&str, Option<&str>, usize)> = found
            .iter()
            .map(|it| (it.kind(), it.name(), it.lines.len()))
            .collect();
        assert_eq!(shape, [("global", None, 1), ("listen", Some("mq"), 2)]);
        assert_eq!(found[1].lines[1].number, 6);
    }

    proptest! {
        /// Every word and comment stands where it says, in order, and nothing but blanks between.
        #[test]
        fn places_cover_the_file(text in "([a-z\"'#\\\\ \t${}:.é]{0,20}\n){0,5}") {
            let mut covered = 0;
            for line in lex(&text) {
                let words = line.words.iter().map(|word| word.at.clone());
                for at in words.chain(line.comment.clone()) {
                    prop_assert!(at.start >= covered);
                    let between = text.get(covered..at.start).unwrap();
                    prop_assert!(between.chars().all(|c| " \t\r\n".contains(c)), "{between:?}");
                    covered = at.end;
                }
            }
            let left = text.get(covered..).unwrap();
            prop_assert!(left.chars().all(|c| " \t\r\n".contains(c)), "{left:?}");
        }
    }
}
