//! Owns one question of a form with its answer: a line of text, one of several, any of several.

use super::super::super::field::{Edit, Field};
use super::super::super::msg::KeyPress;
use crokey::key;
use std::collections::BTreeSet;

/// Judges a text as it is typed: what is wrong with it, in words.
pub type Check = fn(&str) -> Result<(), String>;

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct FormField {
    /// Unique in the form; the option's name on the command line where there is one.
    pub key: &'static str,
    /// What stands before the answer; at most 14 characters.
    pub label: &'static str,
    /// What to know for the answer, in one line.
    pub help: &'static str,
    /// The answer.
    pub input: Input,
}

/// An answer, of one of three kinds.
#[derive(Debug, Clone)]
pub enum Input {
    /// A line of text.
    Text {
        /// What was typed.
        field: Field,
        /// Whether it will do.
        check: Check,
    },
    /// One of several.
    Pick {
        /// Of these.
        choices: Vec<Choice>,
        /// Which.
        at: usize,
    },
    /// Any of several.
    Marks {
        /// Of these.
        choices: Vec<Choice>,
        /// Which.
        marked: BTreeSet<usize>,
    },
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the answer is then.
    pub value: String,
    /// What is shown.
    pub words: String,
    /// What is known about it.
    pub note: String,
}

impl Choice {
    /// Something to choose, with nothing to know about it.
    pub fn new(value: &str, words: &str) -> Self {
        Self {
            value: value.to_owned(),
            words: words.to_owned(),
            note: String::new(),
        }
    }

    /// With what is known about it.
    #[must_use]
    pub fn noted(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }
}

impl FormField {
    fn new(key: &'static str, label: &'static str, input: Input) -> Self {
        Self {
            key,
            label,
            help: "",
            input,
        }
    }

    /// A line of text, empty at first.
    pub fn text(key: &'static str, label: &'static str, check: Check) -> Self {
        let field = Field::default();
        Self::new(key, label, Input::Text { field, check })
    }

    /// One of these, the first at first.
    pub fn pick(key: &'static str, label: &'static str, choices: Vec<Choice>) -> Self {
        Self::new(key, label, Input::Pick { choices, at: 0 })
    }

    /// Any of these, none at first.
    pub fn marks(key: &'static str, label: &'static str, choices: Vec<Choice>) -> Self {
        let marked = BTreeSet::new();
        Self::new(key, label, Input::Marks { choices, marked })
    }

    /// With what to know for the answer.
    #[must_use]
    pub fn help(mut self, words: &'static str) -> Self {
        self.help = words;
        self
    }

    /// Answered with `value` already; a choice that does not exist changes nothing.
    #[must_use]
    pub fn holding(mut self, value: &str) -> Self {
        self.fill(value);
        self
    }

    /// With everything marked.
    #[must_use]
    pub fn all_marked(mut self) -> Self {
        if let Input::Marks { choices, marked } = &mut self.input {
            *marked = (0..choices.len()).collect();
        }
        self
    }

    pub(super) fn fill(&mut self, value: &str) {
        match &mut self.input {
            Input::Text { field, .. } => *field = Field::new(value),
            Input::Pick { choices, at } => {
                *at = place(choices, value).unwrap_or(*at);
            }
            Input::Marks { choices, marked } => marked.extend(place(choices, value)),
        }
    }

    /// Takes over the answer of `earlier`, as far as it can still be given.
    pub(super) fn recall(&mut self, earlier: &Self) {
        match (&mut self.input, &earlier.input) {
            (Input::Text { field, .. }, Input::Text { field: typed, .. }) => {
                *field = typed.clone();
            }
            (Input::Pick { choices, at }, Input::Pick { .. }) => {
                *at = place(choices, earlier.value()).unwrap_or(*at);
            }
            (Input::Marks { choices, marked }, Input::Marks { .. }) => {
                let values = earlier.values();
                *marked = values.filter_map(|value| place(choices, value)).collect();
            }
            _ => {}
        }
    }

    /// The text, or the value of the choice; of several marks, the first.
    pub fn value(&self) -> &str {
        match &self.input {
            Input::Text { field, .. } => field.text(),
            Input::Pick { choices, at } => choices.get(*at).map_or("", |c| &c.value),
            Input::Marks { .. } => self.values().next().unwrap_or_default(),
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        let (choices, marked) = match &self.input {
            Input::Marks { choices, marked } => (choices.as_slice(), Some(marked)),
            Input::Text { .. } | Input::Pick { .. } => (&[][..], None),
        };
        let places = marked.into_iter().flatten();
        places.filter_map(|at| Some(choices.get(*at)?.value.as_str()))
    }

    /// What is wrong with what was typed; an empty line is not judged before it is sent.
    pub(super) fn fault(&self) -> Option<String> {
        match &self.input {
            Input::Text { field, check } if !field.text().is_empty() => check(field.text()).err(),
            Input::Text { .. } | Input::Pick { .. } | Input::Marks { .. } => None,
        }
    }

    /// Rows it takes on the screen, each a place for the cursor.
    pub fn rows(&self) -> usize {
        match &self.input {
            Input::Text { .. } | Input::Pick { .. } => 1,
            Input::Marks { choices, .. } => choices.len().max(1),
        }
    }

    pub(super) fn key(&mut self, press: KeyPress, row: usize) {
        match &mut self.input {
            Input::Text { field, .. } => {
                let _edit: Edit = field.key(press);
            }
            Input::Pick { choices, at } => {
                let last = choices.len().saturating_sub(1);
                match press.chord {
                    key!(left) => *at = at.checked_sub(1).unwrap_or(last),
                    chord if [key!(right), key!(space)].contains(&chord) => {
                        *at = if *at == last { 0 } else { *at + 1 };
                    }
                    _ => {}
                }
            }
            Input::Marks { choices, marked } => {
                if press.chord == key!(space) && row < choices.len() && !marked.remove(&row) {
                    marked.insert(row);
                }
            }
        }
    }
}

fn place(choices: &[Choice], value: &str) -> Option<usize> {
    choices.iter().position(|choice| choice.value == value)
}
