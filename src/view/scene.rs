//! Owns what every part of the screen is drawn from: state, theme, time. Only shorthand for spans
//! of one role; no layout.

use super::glyphs::{Glyph, plain};
use super::theme::{Role, Theme};
use super::words::{self, Mark};
use crate::app::App;
use crate::model::balancer::ServerRow;
use crate::model::moment::Moment;
use crate::model::name::{HostName, NodeName};
use crate::model::node::{NodeState, NodeView};
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use std::collections::BTreeSet;

/// State, theme and time.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    /// The state.
    pub app: &'a App,
    /// Roles and signs.
    pub theme: &'a Theme,
    /// The moment the data is judged at: now, or when the screen was frozen.
    pub at: Moment,
    /// Now, for clocks and stopwatches.
    pub now: Moment,
    /// The members whose state a run under way explains.
    pub expected: BTreeSet<NodeName>,
}

impl<'a> Scene<'a> {
    /// Puts them together.
    pub fn new(app: &'a App, theme: &'a Theme, now: Moment) -> Self {
        Self {
            app,
            theme,
            at: app.shown_at(now),
            now,
            expected: app.expects(now),
        }
    }

    /// How `role` looks.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// How `role` looks in bold.
    pub fn bold(&self, role: Role) -> Style {
        self.theme.style(role).add_modifier(Modifier::BOLD)
    }

    /// The screen's own words in one role.
    pub fn span(&self, role: Role, words: impl AsRef<str>) -> Span<'static> {
        Span::styled(
            plain(words.as_ref(), self.theme.charset()),
            self.style(role),
        )
    }

    /// Text that is already in the right character set, in one role.
    pub fn span_raw(&self, role: Role, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(role))
    }

    /// A sign in one role.
    pub fn sign(&self, role: Role, glyph: Glyph) -> Span<'static> {
        Span::styled(self.theme.sign(glyph), self.style(role))
    }

    /// A state's sign and words.
    pub fn mark(&self, mark: &Mark) -> Vec<Span<'static>> {
        vec![
            self.sign(mark.sign_role(), mark.glyph),
            Span::raw(" "),
            self.span(mark.role, &mark.words),
        ]
    }

    /// A member's state, marked where a run of ours causes it.
    pub fn node_mark(&self, view: &NodeView<'_>) -> Mark {
        let mark = words::node(view);
        if view.state != NodeState::Running && self.expected.contains(&view.name) {
            mark.expected()
        } else {
            mark
        }
    }

    /// A server's status, marked where a run of ours causes it.
    pub fn server_mark(&self, on: &HostName, server: &ServerRow) -> Mark {
        let mark = words::server(server);
        let Some((node, _)) = self.app.model.member_behind(on, server) else {
            return mark;
        };
        let is_out = matches!(mark.glyph, Glyph::Broken | Glyph::Resting);
        if is_out && self.expected.contains(node) {
            return mark.expected();
        }
        mark
    }

    /// A figure, or the sign for none.
    pub fn figure(&self, text: Option<String>) -> Span<'static> {
        match text {
            Some(text) => {
                let zero = text.starts_with('0') && !text.contains('.');
                self.span(if zero { Role::Dim } else { Role::Text }, text)
            }
            None => self.sign(Role::Dim, Glyph::NoValue),
        }
    }

    /// A node's name without the part all nodes share. Never used in plans and confirmations.
    pub fn short<'n>(&self, node: &'n NodeName) -> &'n str {
        let members = self.app.model.members();
        let shared = members
            .first()
            .is_some_and(|first| members.iter().all(|m| m.name_part() == first.name_part()));
        if shared {
            node.host_part()
        } else {
            node.as_str()
        }
    }
}
