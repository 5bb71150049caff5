//! Owns colours: the roles a theme sets, reading a theme file, and what becomes of it on terminals
//! with fewer colours. Everything else on the screen is derived from roles, here and only here.

pub mod color;

use super::glyphs::{Charset, Glyph};
use color::{Depth, Rgb};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What a piece of the screen is. The only names a theme sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Role {
    /// Names and facts.
    Text,
    /// Labels, units, what is normal.
    Dim,
    /// Connectors and rules.
    Faint,
    /// Focus, and who holds the virtual address.
    Accent,
    /// Well.
    Ok,
    /// Degraded.
    Warn,
    /// Down, lost, dangerous.
    Crit,
    /// It cannot be told.
    Unknown,
    /// Caused by a run under way.
    Expected,
    /// For information.
    Info,
    /// The selected row.
    Selection,
    /// Frames of what lies above a pane.
    Frame,
    /// Titles.
    Title,
    /// The cluster's own colour where the configuration gives none.
    Cluster,
}

/// A theme file. Strict, so that a slip of the pen is a located error and not a grey screen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    background: Rgb,
    roles: Roles,
    series: [Rgb; 8],
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    text: StyleSpec,
    dim: StyleSpec,
    faint: StyleSpec,
    accent: StyleSpec,
    ok: StyleSpec,
    warn: StyleSpec,
    crit: StyleSpec,
    unknown: StyleSpec,
    expected: StyleSpec,
    info: StyleSpec,
    selection: StyleSpec,
    frame: StyleSpec,
    title: StyleSpec,
    cluster: StyleSpec,
}

/// How one role looks. ratatui's own `Style` would accept unknown keys in silence.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StyleSpec {
    fg: Option<Rgb>,
    bg: Option<Rgb>,
    #[serde(default)]
    add: Vec<Emphasis>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Emphasis {
    Bold,
    Dim,
    Italic,
    Underline,
    Reverse,
}

impl Emphasis {
    fn modifier(self) -> Modifier {
        match self {
            Self::Bold => Modifier::BOLD,
            Self::Dim => Modifier::DIM,
            Self::Italic => Modifier::ITALIC,
            Self::Underline => Modifier::UNDERLINED,
            Self::Reverse => Modifier::REVERSED,
        }
    }
}

/// Why a theme cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// No embedded theme has this name.
    #[error("find a theme called `{name}`; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What exists.
        known: String,
    },
    /// The file does not say what a theme must say.
    #[error("read theme {name}: {source}")]
    Malformed {
        /// Which theme.
        name: String,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

/// The embedded themes: name and file.
pub const EMBEDDED: [(&str, &str); 6] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    ("mono", include_str!("../../themes/mono.toml")),
    ("nord", include_str!("../../themes/nord.toml")),
    ("gruvbox", include_str!("../../themes/gruvbox.toml")),
];

/// Roles, signs and colour depth of one session.
#[derive(Debug, Clone)]
pub struct Theme {
    file: ThemeFile,
    depth: Depth,
    charset: Charset,
}

impl Theme {
    /// The embedded theme of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn embedded(name: &str, depth: Depth, charset: Charset) -> Result<Self, ThemeError> {
        let text = EMBEDDED.iter().find(|(known, _)| *known == name);
        let Some((_, text)) = text else {
            let known: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
            return Err(ThemeError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        Self::parse(name, text, depth, charset)
    }

    /// A theme from the text of its file.
    ///
    /// # Errors
    /// The text is not a theme: a key is missing, unknown or no colour; the error says where.
    pub fn parse(
        name: &str,
        text: &str,
        depth: Depth,
        charset: Charset,
    ) -> Result<Self, ThemeError> {
        let file = toml::from_str(text).map_err(|source| ThemeError::Malformed {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self {
            file,
            depth,
            charset,
        })
    }

    fn spec(&self, role: Role) -> &StyleSpec {
        let roles = &self.file.roles;
        match role {
            Role::Text => &roles.text,
            Role::Dim => &roles.dim,
            Role::Faint => &roles.faint,
            Role::Accent => &roles.accent,
            Role::Ok => &roles.ok,
            Role::Warn => &roles.warn,
            Role::Crit => &roles.crit,
            Role::Unknown => &roles.unknown,
            Role::Expected => &roles.expected,
            Role::Info => &roles.info,
            Role::Selection => &roles.selection,
            Role::Frame => &roles.frame,
            Role::Title => &roles.title,
            Role::Cluster => &roles.cluster,
        }
    }

    /// How `role` looks on this terminal.
    pub fn style(&self, role: Role) -> Style {
        let spec = self.spec(role);
        let mut style = self.depth.role_emphasis(role);
        if let Some(fg) = spec.fg.and_then(|rgb| self.depth.role_color(role, rgb)) {
            style = style.fg(fg);
        }
        if let Some(bg) = spec.bg.and_then(|rgb| self.depth.ground(rgb)) {
            style = style.bg(bg);
        }
        spec.add
            .iter()
            .fold(style, |style, add| style.add_modifier(add.modifier()))
    }

    /// The whole screen's ground with plain text on it.
    pub fn ground(&self) -> Style {
        self.style(Role::Text).patch(self.ground_only())
    }

    /// The screen's ground alone.
    pub fn ground_only(&self) -> Style {
        let style = Style::new();
        match self.depth.ground(self.file.background) {
            Some(bg) => style.bg(bg),
            None => style,
        }
    }

    /// A value that is not what is so now: dim and slanted.
    pub fn stale(&self) -> Style {
        self.style(Role::Dim).add_modifier(Modifier::ITALIC)
    }

    /// One of the eight hues of charts.
    pub fn series(&self, index: usize) -> Style {
        let style = Style::new();
        let color = self.file.series.get(index % self.file.series.len());
        match color.and_then(|rgb| self.depth.color(*rgb)) {
            Some(fg) => style.fg(fg),
            None => style,
        }
    }

    /// A badge in the cluster's own colour, and the colour alone for rules.
    pub fn cluster(&self, color: Option<&str>) -> (Style, Style) {
        let themed = self.spec(Role::Cluster).fg;
        let Some(rgb) = color.and_then(Rgb::named).or(themed) else {
            let plain = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
            return (plain, Style::new());
        };
        match (self.depth.color(rgb), self.depth.color(rgb.ink())) {
            (Some(bg), Some(fg)) => (
                Style::new().bg(bg).fg(fg).add_modifier(Modifier::BOLD),
                Style::new().fg(bg),
            ),
            _ => (
                Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
                Style::new(),
            ),
        }
    }

    /// The sign for `glyph`.
    pub fn sign(&self, glyph: Glyph) -> &'static str {
        glyph.sign(self.charset)
    }

    /// Which signs are used.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The ground's colour, for pictures.
    pub fn background(&self) -> Color {
        let Rgb(r, g, b) = self.file.background;
        Color::Rgb(r, g, b)
    }

    #[cfg(test)]
    fn rgb(&self, role: Role) -> (Option<Rgb>, Option<Rgb>) {
        let spec = self.spec(role);
        (spec.fg, spec.bg)
    }
}

#[cfg(test)]
mod tests {
    use super::color::{Depth, Rgb};
    use super::{Charset, EMBEDDED, Role, Theme};
    use ratatui::style::{Color, Modifier};
    use strum::IntoEnumIterator;

    fn theme(name: &str, depth: Depth) -> Theme {
        Theme::embedded(name, depth, Charset::Unicode).unwrap()
    }

    const STATES: [Role; 5] = [
        Role::Ok,
        Role::Warn,
        Role::Crit,
        Role::Unknown,
        Role::Expected,
    ];

    #[test]
    fn every_theme_can_be_read_in_every_role() {
        for (name, _) in EMBEDDED {
            let theme = theme(name, Depth::TrueColor);
            let ground = theme.file.background;
            let selection = theme
                .rgb(Role::Selection)
                .1
                .expect("selection has a ground");
            for role in Role::iter() {
                let Some(ink) = theme.rgb(role).0 else {
                    continue;
                };
                let need = match role {
                    Role::Text | Role::Title => 7.0,
                    Role::Faint | Role::Frame | Role::Selection => 1.2,
                    Role::Dim
                    | Role::Accent
                    | Role::Ok
                    | Role::Warn
                    | Role::Crit
                    | Role::Unknown
                    | Role::Expected
                    | Role::Info
                    | Role::Cluster => 4.5,
                };
                let has = ink.contrast(ground);
                assert!(has >= need, "{name} {role}: {has:.2} of {need}");
                if need > 4.0 {
                    let has = ink.contrast(selection);
                    assert!(has >= 3.6, "{name} {role} selected: {has:.2}");
                }
            }
        }
    }

    #[test]
    fn states_differ_in_lightness_so_that_grey_still_reads() {
        for (name, _) in EMBEDDED {
            let theme = theme(name, Depth::TrueColor);
            let mut light: Vec<(f64, Role)> = STATES
                .iter()
                .map(|role| {
                    (
                        theme.rgb(*role).0.unwrap_or(Rgb(0, 0, 0)).lightness(),
                        *role,
                    )
                })
                .collect();
            light.sort_by(|a, b| a.0.total_cmp(&b.0));
            for pair in light.windows(2) {
                let apart = pair[1].0 - pair[0].0;
                assert!(apart >= 2.5, "{name}: {pair:?} are {apart:.1} apart");
            }
        }
    }

    #[test]
    fn without_colour_no_colour_is_sent_and_danger_still_stands_out() {
        for (name, _) in EMBEDDED {
            let theme = theme(name, Depth::None);
            for role in Role::iter() {
                let style = theme.style(role);
                assert_eq!((style.fg, style.bg), (None, None), "{name} {role}");
            }
            let crit = theme.style(Role::Crit).add_modifier;
            assert!(crit.contains(Modifier::BOLD), "{name}");
            assert!(
                theme
                    .style(Role::Selection)
                    .add_modifier
                    .contains(Modifier::REVERSED)
            );
            assert_ne!(theme.style(Role::Dim), theme.style(Role::Text));
        }
    }

    #[test]
    fn sixteen_colours_keep_the_states_apart() {
        for (name, _) in EMBEDDED {
            let theme = theme(name, Depth::Sixteen);
            let mut colors: Vec<Option<Color>> =
                STATES.iter().map(|role| theme.style(*role).fg).collect();
            colors.dedup();
            assert_eq!(colors.len(), STATES.len(), "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_located() {
        let text = EMBEDDED[0].1.replace("crit =", "crti =");
        let error = Theme::parse("mine", &text, Depth::TrueColor, Charset::Unicode).unwrap_err();
        assert!(error.to_string().contains("crti"), "{error}");
        let text = EMBEDDED[0].1.replace("fg =", "fgg =");
        assert!(Theme::parse("mine", &text, Depth::TrueColor, Charset::Unicode).is_err());
        let error = Theme::embedded("neon", Depth::TrueColor, Charset::Unicode).unwrap_err();
        assert!(error.to_string().contains("dark, light"), "{error}");
    }
}
