//! Owns a line of text being typed: the filter, the palette, a confirmation. Editing only; what the
//! text means is the owner's business.

use super::msg::KeyPress;
use crokey::key;
use tui_input::{Input, InputRequest};

/// A line of text with a cursor.
#[derive(Debug, Clone, Default)]
pub struct Field {
    input: Input,
}

/// What a key did to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The text or the cursor changed.
    Taken,
    /// The key means something else.
    Passed,
}

impl Field {
    /// A field that holds `text` already.
    pub fn new(text: &str) -> Self {
        Self {
            input: Input::new(text.to_owned()),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Columns before the cursor.
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// Edits by one key.
    pub fn key(&mut self, press: KeyPress) -> Edit {
        let request = match press.chord {
            key!(backspace) | key!(ctrl - h) => InputRequest::DeletePrevChar,
            key!(delete) => InputRequest::DeleteNextChar,
            key!(left) => InputRequest::GoToPrevChar,
            key!(right) => InputRequest::GoToNextChar,
            key!(home) | key!(ctrl - a) => InputRequest::GoToStart,
            key!(end) | key!(ctrl - e) => InputRequest::GoToEnd,
            key!(ctrl - w) => InputRequest::DeletePrevWord,
            key!(ctrl - u) => InputRequest::DeleteFromStart,
            key!(ctrl - k) => InputRequest::DeleteTillEnd,
            _ => match press.typed {
                Some(c) => InputRequest::InsertChar(c),
                None => return Edit::Passed,
            },
        };
        let _response = self.input.handle(request);
        Edit::Taken
    }

    /// Inserts pasted text, without what a line cannot hold.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            let _response = self.input.handle(InputRequest::InsertChar(c));
        }
    }
}
