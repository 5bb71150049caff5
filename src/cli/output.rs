//! Owns writing to standard output and standard error: data to the one, words to the other, colour
//! only where wanted.

use super::{ColorChoice, Common};
use crate::findings::Severity;
use crate::invocation::quoted;
use anstyle::{AnsiColor, Style};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Standard output with a decision about colour.
#[derive(Debug)]
pub struct Out {
    colored: bool,
    /// What chose the configuration and the cluster, to be given again.
    chosen: String,
}

impl Out {
    /// Decides once: `NO_COLOR` (set and not empty) and a redirected output turn `auto` off.
    pub fn new(common: &Common) -> Self {
        let colored = match common.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
            }
        };
        let mut chosen = String::new();
        if let Some(file) = &common.config {
            chosen.push_str(" --config ");
            chosen.push_str(&quoted(&file.to_string_lossy()));
        }
        if let Some(name) = &common.cluster {
            chosen.push_str(" --cluster ");
            chosen.push_str(&quoted(name));
        }
        Self { colored, chosen }
    }

    /// A command of rmqtop to paste, on the same cluster of the same configuration.
    pub fn command(&self, words: impl Display) -> String {
        format!("rmqtop{} {words}", self.chosen)
    }

    /// Writes one line at once, so that a reader of a pipe sees it.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// `text` in `style`, if colours are on.
    pub fn paint(&self, style: Style, text: impl Display) -> String {
        if self.colored {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }

    /// A heading.
    pub fn bold(&self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// A label or unit.
    pub fn dim(&self, text: impl Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// A word in the colour of its severity.
    pub fn severity(&self, severity: Severity, text: impl Display) -> String {
        let color = match severity {
            Severity::Critical => AnsiColor::Red,
            Severity::Warning => AnsiColor::Yellow,
            Severity::Unknown => AnsiColor::Magenta,
            Severity::Info => AnsiColor::Cyan,
        };
        self.paint(Style::new().bold().fg_color(Some(color.into())), text)
    }
}

/// Says something to the operator, on standard error. A closed standard error is no reason to fail.
pub fn say(text: impl Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Says that something takes its time, where somebody looks on.
pub fn progress(text: impl Display) {
    if io::stderr().is_terminal() {
        say(text);
    }
}

/// An error with its causes, each said once: some name their cause themselves.
pub fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |words, cause| {
        let cause = cause.to_string();
        match (words.is_empty(), words.contains(&cause)) {
            (true, _) => cause,
            (false, true) => words,
            (false, false) => format!("{words}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    #[test]
    fn a_cause_is_said_once() {
        let inner = Err::<(), _>(anyhow::anyhow!("disk full"));
        let error = inner
            .context("write x: disk full")
            .context("nothing was sent")
            .unwrap_err();
        assert_eq!(super::chain(&error), "nothing was sent: write x: disk full");
    }
}
