//! Owns the terminal's state: raw mode, alternate screen, bracketed paste, mouse. Whatever was
//! entered is left exactly once: on return, on error, on panic, on signals.

use anyhow::{Context, bail};
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{IsTerminal, Write, stdin, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now. A panic hook has no other way to know.
static ENTERED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Holds the terminal; gives it back when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Standard input or output is no terminal, or it refuses; then it is as it was.
    pub fn enter() -> anyhow::Result<Self> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            bail!(
                "the console needs a terminal on standard input and output; \
                 `rmqtop status`, `check` and `watch` work without one"
            );
        }
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                previous(panic);
            }));
        });
        ENTERED.store(true, Ordering::SeqCst);
        let guard = Self(());
        enable_raw_mode().context("switch the terminal to raw mode")?;
        crossterm::execute!(
            stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableMouseCapture,
            Hide
        )
        .context("enter the alternate screen")?;
        Ok(guard)
    }

    /// Whether the terminal is still ours: a panic elsewhere gives it back.
    pub fn is_intact(&self) -> bool {
        ENTERED.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back, once. Each part is undone even where another one fails: there is
/// nobody left to tell.
fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout();
    let _screen = crossterm::execute!(
        out,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _raw = disable_raw_mode();
    let _flushed = out.flush();
}
