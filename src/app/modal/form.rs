//! Owns a form: the questions of a runbook, being answered. Fields are data; what they are for is
//! the runbook table's business. What was typed stays while the form is on the way.

mod question;

pub use question::{Check, Choice, FormField, Input};

use super::super::App;
use super::super::command::Command;
use super::super::msg::KeyPress;
use super::super::runbooks::{Ground, RunbookSpec, Scope};
use super::is_deliberate;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crokey::key;

/// The field that asks for the node, where none was selected.
pub const NODE: &str = "node";

/// The questions of a runbook.
#[derive(Debug, Clone)]
pub struct Form {
    /// Whose.
    pub spec: &'static RunbookSpec,
    /// The node acted on; `None`: a field asks for it, or the cluster is acted on.
    pub node: Option<NodeName>,
    /// The questions, in order. Never empty.
    pub fields: Vec<FormField>,
    /// What stood against the last attempt to go on.
    pub objection: Option<Fault>,
    at: usize,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which field; `None`: the whole.
    pub key: Option<&'static str>,
    /// In words.
    pub words: String,
}

/// What a key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Nothing yet.
    Open,
    /// The operator goes back.
    Closed,
    /// The operator wants to see the plan.
    Submitted,
}

impl Fault {
    /// Of one field.
    pub fn new(key: &'static str, words: &str) -> Self {
        Self {
            key: Some(key),
            words: words.to_owned(),
        }
    }

    /// Of the whole.
    pub fn whole(words: String) -> Self {
        Self { key: None, words }
    }
}

impl Form {
    /// The questions of `spec`; `None` if it has none.
    pub fn of(spec: &'static RunbookSpec, ground: &Ground<'_>) -> Option<Self> {
        let form = Self::asking(spec, ground);
        (!form.fields.is_empty()).then_some(form)
    }

    /// The questions of `spec`, each at its usual answer.
    pub fn asking(spec: &'static RunbookSpec, ground: &Ground<'_>) -> Self {
        let node = ground.node.filter(|_| spec.scope == Scope::Node);
        let mut fields = (spec.asks)(ground);
        if spec.scope == Scope::Node && node.is_none() {
            let which = FormField::pick(NODE, "node", ground.nodes(None));
            fields.insert(0, which.help("the node that is acted on"));
        }
        Self {
            spec,
            node: node.cloned(),
            fields,
            objection: None,
            at: 0,
        }
    }

    /// Answers `key` with `value`.
    pub fn fill(&mut self, key: &str, value: &str) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.key == key) {
            field.fill(value);
        }
    }

    /// Takes over what was answered in `earlier`.
    pub fn recall(&mut self, earlier: &Self) {
        for field in &mut self.fields {
            if let Some(was) = earlier.fields.iter().find(|was| was.key == field.key) {
                field.recall(was);
            }
        }
    }

    fn field(&self, key: &str) -> Option<&FormField> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The answer to `key`: the text, or the value of the choice.
    pub fn value(&self, key: &str) -> &str {
        self.field(key).map_or("", FormField::value)
    }

    /// The node acted on.
    ///
    /// # Errors
    ///
    /// If none is known, or named.
    pub fn node(&self) -> Result<NodeName, Fault> {
        match &self.node {
            Some(node) => Ok(node.clone()),
            None => self
                .member(NODE)?
                .ok_or_else(|| Fault::new(NODE, "name the node that is acted on")),
        }
    }

    /// The member that `key` is answered with; `None`: any.
    ///
    /// # Errors
    ///
    /// If the answer is no node's name.
    pub fn member(&self, key: &'static str) -> Result<Option<NodeName>, Fault> {
        match self.value(key) {
            "" => Ok(None),
            name => named(key, name).map(Some),
        }
    }

    /// The members that `key` is answered with.
    ///
    /// # Errors
    ///
    /// As `member`.
    pub fn members(&self, key: &'static str) -> Result<Vec<NodeName>, Fault> {
        let values = self.field(key).into_iter().flat_map(FormField::values);
        values.map(|name| named(key, name)).collect()
    }

    /// Whether every choice of `key` is marked.
    pub fn is_all_marked(&self, key: &str) -> bool {
        matches!(
            self.field(key).map(|field| &field.input),
            Some(Input::Marks { choices, marked }) if marked.len() == choices.len()
        )
    }

    /// Where the cursor is: the field, and the row in it.
    pub fn at(&self) -> (usize, usize) {
        let mut row = self.at;
        for (number, field) in self.fields.iter().enumerate() {
            if row < field.rows() {
                return (number, row);
            }
            row -= field.rows();
        }
        (0, 0)
    }

    fn rows(&self) -> usize {
        self.fields.iter().map(FormField::rows).sum()
    }

    /// The first row of field `number`.
    fn first_row(&self, number: usize) -> usize {
        self.fields.iter().take(number).map(FormField::rows).sum()
    }

    /// What is wrong with what was typed into `field`, or was said against it.
    pub fn fault_of(&self, field: &FormField) -> Option<String> {
        let said = self.objection.as_ref();
        let said = said.filter(|fault| fault.key == Some(field.key));
        field
            .fault()
            .or_else(|| said.map(|fault| fault.words.clone()))
    }

    /// The first fault of what was typed.
    pub fn fault(&self) -> Option<Fault> {
        self.fields
            .iter()
            .find_map(|field| Some(Fault::new(field.key, &field.fault()?)))
    }

    /// Says what stands against going on, where it stands.
    pub(super) fn object(&mut self, fault: Fault) {
        let number = fault
            .key
            .and_then(|key| self.fields.iter().position(|field| field.key == key));
        if let Some(number) = number {
            self.at = self.first_row(number);
        }
        self.objection = Some(fault);
    }

    pub(super) fn paste(&mut self, text: &str) {
        let (number, _) = self.at();
        if let Some(Input::Text { field, .. }) =
            self.fields.get_mut(number).map(|field| &mut field.input)
        {
            field.paste(text);
            self.objection = None;
        }
    }

    pub(super) fn key(&mut self, press: KeyPress, moving: Option<Command>) -> Filled {
        let (number, row) = self.at();
        let last = self.rows().saturating_sub(1);
        match (moving, press.chord) {
            (Some(Command::Back), _) => return Filled::Closed,
            (Some(Command::Open), key!(enter)) if is_deliberate(press) => {
                return Filled::Submitted;
            }
            (Some(Command::Up), _) => self.at = self.at.saturating_sub(1),
            (Some(Command::Down), _) => self.at = (self.at + 1).min(last),
            (_, key!(tab)) => {
                let next = self.first_row(number + 1);
                self.at = if next > last { 0 } else { next };
            }
            // crokey writes shift-tab and this as the same key.
            (_, key!(backtab)) => {
                let before = number.checked_sub(1);
                let before = before.unwrap_or(self.fields.len().saturating_sub(1));
                self.at = self.first_row(before);
            }
            _ => {
                if let Some(field) = self.fields.get_mut(number) {
                    field.key(press, row);
                    self.objection = None;
                }
            }
        }
        Filled::Open
    }
}

fn named(key: &'static str, name: &str) -> Result<NodeName, Fault> {
    NodeName::parse(name).map_err(|error| Fault::new(key, &error.to_string()))
}

impl App {
    /// Opens the form of `spec`, with what was typed into it before; or asks for the plan at once
    /// where there is nothing to ask.
    pub(in crate::app) fn begin(
        &mut self,
        spec: &'static RunbookSpec,
        node: Option<&NodeName>,
        now: Moment,
    ) -> Vec<super::Effect> {
        let app = &*self;
        let mut form = Form::asking(spec, &Ground { app, node, now });
        let earlier = app.drafts.get(spec.name);
        if let Some(earlier) = earlier.filter(|earlier| earlier.node == form.node) {
            form.recall(earlier);
        }
        if form.fields.is_empty() {
            return self.submit(form, now);
        }
        self.modals.push(super::Modal::Form(Box::new(form)));
        Vec::new()
    }
}
