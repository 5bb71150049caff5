//! Owns the arithmetic of colours: contrast, lightness, and the nearest colour of a terminal that
//! has fewer. Knows roles only to choose among the sixteen colours whose look a terminal decides.

use super::Role;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// A colour as a theme file writes it: `"#rrggbb"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rgb(pub u8, pub u8, pub u8);

/// Why a text is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour; write it as #rrggbb")]
pub struct NotAColor(String);

impl TryFrom<String> for Rgb {
    type Error = NotAColor;

    fn try_from(text: String) -> Result<Self, NotAColor> {
        Self::hex(&text).ok_or(NotAColor(text))
    }
}

impl Rgb {
    fn hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        Some(Self(r, g, b))
    }

    /// The plain words that `named` knows.
    pub const WORDS: &str =
        "red, orange, yellow, green, cyan, blue, magenta, pink, gray, white or black";

    /// A colour as an operator writes it for a cluster: `#rrggbb` or a plain word.
    pub fn named(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "red" => Self(0xd9, 0x4a, 0x4a),
            "orange" => Self(0xd9, 0x83, 0x32),
            "yellow" => Self(0xd6, 0xb1, 0x3c),
            "green" => Self(0x4f, 0xa3, 0x63),
            "cyan" | "teal" => Self(0x3d, 0xa5, 0xa8),
            "blue" => Self(0x4a, 0x8f, 0xd9),
            "magenta" | "purple" => Self(0xa8, 0x6f, 0xd1),
            "pink" => Self(0xd9, 0x6c, 0xa4),
            "gray" | "grey" => Self(0x88, 0x93, 0xa1),
            "white" => Self(0xe6, 0xea, 0xf0),
            "black" => Self(0x2a, 0x30, 0x38),
            other => return Self::hex(other),
        })
    }

    /// Relative luminance, 0 to 1 (WCAG 2.1).
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio, 1 to 21 (WCAG 2.1).
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// CIE lightness, 0 to 100.
    pub fn lightness(self) -> f64 {
        let y = self.luminance();
        if y <= 0.008_856 {
            y * 903.3
        } else {
            116.0 * y.cbrt() - 16.0
        }
    }

    /// Near black or near white, whichever is easier to read on this colour.
    #[must_use]
    pub fn ink(self) -> Self {
        let (dark, light) = (Self(0x10, 0x14, 0x1a), Self(0xff, 0xff, 0xff));
        if self.contrast(dark) >= self.contrast(light) {
            dark
        } else {
            light
        }
    }

    fn distance(self, other: Self) -> u32 {
        let d = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        2 * d(self.0, other.0) + 4 * d(self.1, other.1) + 3 * d(self.2, other.2)
    }
}

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All.
    TrueColor,
    /// 256.
    Indexed,
    /// The sixteen whose look the terminal decides.
    Sixteen,
    /// None: weight and reversal only.
    None,
}

impl Depth {
    /// Reads the environment the way terminals announce themselves: `NO_COLOR` (no-color.org),
    /// `COLORTERM`, `TERM`.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        if env("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return Self::None;
        }
        let term = env("TERM").unwrap_or_default();
        let colorterm = env("COLORTERM").unwrap_or_default();
        if term == "dumb" {
            Self::None
        } else if colorterm == "truecolor" || colorterm == "24bit" || term.ends_with("-direct") {
            Self::TrueColor
        } else if term.contains("256color") {
            Self::Indexed
        } else {
            Self::Sixteen
        }
    }

    /// The nearest colour this terminal has; none where the terminal decides.
    pub fn color(self, rgb: Rgb) -> Option<Color> {
        match self {
            Self::TrueColor => Some(Color::Rgb(rgb.0, rgb.1, rgb.2)),
            Self::Indexed => Some(Color::Indexed(nearest_indexed(rgb))),
            Self::Sixteen => Some(nearest_of_sixteen(rgb)),
            Self::None => None,
        }
    }

    /// A ground: with sixteen colours the terminal keeps its own.
    pub fn ground(self, rgb: Rgb) -> Option<Color> {
        match self {
            Self::TrueColor | Self::Indexed => self.color(rgb),
            Self::Sixteen | Self::None => None,
        }
    }

    /// A role's ink. The sixteen colours are chosen by meaning and not by nearness, because every
    /// terminal gives them another look.
    pub(super) fn role_color(self, role: Role, rgb: Rgb) -> Option<Color> {
        match self {
            Self::TrueColor | Self::Indexed => self.color(rgb),
            Self::None => None,
            Self::Sixteen => match role {
                Role::Accent | Role::Title => Some(Color::Cyan),
                Role::Ok => Some(Color::Green),
                Role::Warn => Some(Color::Yellow),
                Role::Crit => Some(Color::LightRed),
                Role::Unknown => Some(Color::Magenta),
                Role::Expected | Role::Info => Some(Color::LightBlue),
                Role::Cluster => Some(Color::Blue),
                Role::Text | Role::Dim | Role::Faint | Role::Selection | Role::Frame => None,
            },
        }
    }

    /// What stands in for colour where there is little or none.
    pub(super) fn role_emphasis(self, role: Role) -> Style {
        let add = match (self, role) {
            (Self::Sixteen | Self::None, Role::Selection) => Modifier::REVERSED,
            (Self::Sixteen | Self::None, Role::Dim | Role::Faint | Role::Frame) => Modifier::DIM,
            (Self::None, Role::Crit) => Modifier::BOLD | Modifier::UNDERLINED,
            (Self::None, Role::Warn | Role::Accent | Role::Title | Role::Cluster) => Modifier::BOLD,
            (Self::None, Role::Unknown | Role::Expected) => Modifier::ITALIC,
            _ => Modifier::empty(),
        };
        Style::new().add_modifier(add)
    }
}

/// The levels of the 6x6x6 cube of 256-colour terminals.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_indexed(rgb: Rgb) -> u8 {
    let level = |channel: u8| -> (u8, u8) {
        CUBE.iter()
            .zip(0u8..)
            .min_by_key(|(level, _)| level.abs_diff(channel))
            .map_or((0, 0), |(level, index)| (*level, index))
    };
    let ((r, ri), (g, gi), (b, bi)) = (level(rgb.0), level(rgb.1), level(rgb.2));
    let cube = (Rgb(r, g, b), 16 + 36 * ri + 6 * gi + bi);
    let greys = (0u8..24).map(|step| {
        let grey = 8 + 10 * step;
        (Rgb(grey, grey, grey), 232 + step)
    });
    greys
        .chain([cube])
        .min_by_key(|(color, _)| color.distance(rgb))
        .map_or(7, |(_, index)| index)
}

fn nearest_of_sixteen(rgb: Rgb) -> Color {
    let sixteen = [
        (Rgb(0, 0, 0), Color::Black),
        (Rgb(205, 49, 49), Color::Red),
        (Rgb(13, 188, 121), Color::Green),
        (Rgb(205, 175, 40), Color::Yellow),
        (Rgb(60, 110, 220), Color::Blue),
        (Rgb(188, 63, 188), Color::Magenta),
        (Rgb(17, 168, 205), Color::Cyan),
        (Rgb(190, 190, 190), Color::Gray),
        (Rgb(102, 102, 102), Color::DarkGray),
        (Rgb(255, 255, 255), Color::White),
    ];
    sixteen
        .iter()
        .min_by_key(|(color, _)| color.distance(rgb))
        .map_or(Color::Reset, |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::{Depth, Rgb, nearest_indexed};

    #[test]
    fn contrast_is_that_of_the_standard() {
        let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
        assert!((black.contrast(white) - 21.0).abs() < 0.01);
        assert!((white.contrast(white) - 1.0).abs() < 0.01);
        // #767676 is the classic lightest grey that passes 4.5:1 on white.
        assert!((Rgb(0x76, 0x76, 0x76).contrast(white) - 4.54).abs() < 0.01);
    }

    #[test]
    fn the_environment_decides_how_many_colours() {
        let depth = |vars: &[(&str, &str)]| {
            Depth::detect(|name| {
                vars.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(depth(&[("TERM", "xterm-256color")]), Depth::Indexed);
        assert_eq!(
            depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]),
            Depth::TrueColor
        );
        assert_eq!(
            depth(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]),
            Depth::None
        );
        assert_eq!(
            depth(&[("NO_COLOR", ""), ("TERM", "linux")]),
            Depth::Sixteen
        );
        assert_eq!(depth(&[("TERM", "dumb")]), Depth::None);
    }

    #[test]
    fn greys_and_pure_colours_find_their_index() {
        assert_eq!(nearest_indexed(Rgb(255, 0, 0)), 196);
        assert_eq!(nearest_indexed(Rgb(8, 8, 8)), 232);
        assert_eq!(nearest_indexed(Rgb(255, 255, 255)), 231);
    }

    #[test]
    fn a_cluster_is_coloured_by_word_or_by_number() {
        assert!(Rgb::named("red").is_some());
        assert_eq!(Rgb::named("#102030"), Some(Rgb(16, 32, 48)));
        assert_eq!(Rgb::named("reddish"), None);
        assert_eq!(Rgb::named("#€45678"), None);
    }
}
