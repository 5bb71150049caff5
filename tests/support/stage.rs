//! Owns a console without a terminal: keys go through the real input, update and draw; what is
//! seen is a buffer. Knows no expected screen.

use super::scene::Scene;
use crokey::KeyCombination;
use jiff::tz::TimeZone;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use rmqtop::app::effect::Effect;
use rmqtop::app::msg::{Msg, Stroke};
use rmqtop::app::{App, Setup};
use rmqtop::guard::{Mode, ReadOnly};
use rmqtop::model::moment::Moment;
use rmqtop::model::observation::Observation;
use rmqtop::tui::input;
use rmqtop::view::glyphs::Charset;
use rmqtop::view::theme::Theme;
use rmqtop::view::theme::color::Depth;
use rmqtop::view::{Drawn, draw_on};
use std::time::Duration;

/// A console on a made-up cluster.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// The state.
    pub(crate) app: App,
    /// This moment.
    pub(crate) now: Moment,
    /// Colours and signs.
    pub(crate) theme: Theme,
}

impl Stage {
    /// A console that may change the cluster, two seconds after its last observation.
    pub(crate) fn on(cluster: &Scene) -> Self {
        Self::with(cluster, Mode::Operate)
    }

    /// A console that may only watch.
    pub(crate) fn watching(cluster: &Scene) -> Self {
        Self::with(cluster, Mode::Monitor(ReadOnly::Session))
    }

    /// A wall screen that shows each pane for this long.
    pub(crate) fn rotating(cluster: &Scene, every: Duration) -> Self {
        let mut stage = Self::watching(cluster);
        let setup = Setup {
            rotate: Some(every),
            ..stage.app.setup.clone()
        };
        stage.app = App::new(setup, cluster.model.inventory.clone());
        stage.shows(cluster);
        stage
    }

    fn with(cluster: &Scene, mode: Mode) -> Self {
        let setup = Setup {
            cluster: "prod".to_owned(),
            color: Some("red".to_owned()),
            mode,
            zone: TimeZone::UTC,
            rotate: None,
        };
        let wall = "2026-11-22T14:02:31Z".parse().unwrap();
        let elapsed = cluster.now.elapsed + Duration::from_secs(2);
        let mut stage = Self {
            app: App::new(setup, cluster.model.inventory.clone()),
            now: Moment::new(elapsed, wall),
            theme: Theme::embedded("dark", Depth::TrueColor, Charset::Unicode).unwrap(),
        };
        stage.shows(cluster);
        stage
    }

    /// The model becomes this cluster's.
    pub(crate) fn shows(&mut self, cluster: &Scene) {
        self.app.model = cluster.model.clone();
        self.sees(Vec::new());
    }

    /// Sources report.
    pub(crate) fn sees(&mut self, batch: Vec<Observation>) {
        self.app.update(Msg::Observed(batch), self.now);
    }

    /// Time passes.
    pub(crate) fn passes(&mut self, by: Duration) -> &mut Self {
        self.now = self.now.later(by);
        self
    }

    /// Something happens.
    pub(crate) fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    /// Keys are pressed, in crokey's notation, one after the other.
    pub(crate) fn press(&mut self, chords: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for chord in chords.split_whitespace() {
            let chord: KeyCombination = chord.parse().unwrap();
            let press = input::press(chord, Stroke::Fresh);
            effects.extend(self.update(Msg::Key(press)));
        }
        effects
    }

    /// Text is typed, key by key.
    pub(crate) fn types(&mut self, text: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for c in text.chars() {
            let chord = KeyCombination::from(crossterm::event::KeyCode::Char(c));
            let press = input::press(chord, Stroke::Fresh);
            effects.extend(self.update(Msg::Key(press)));
        }
        effects
    }

    /// The screen.
    pub(crate) fn draw(&mut self, width: u16, height: u16) -> Buffer {
        self.update(Msg::Resized { width, height });
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let drawn: Drawn = draw_on(&mut buf, area, &self.app, &self.theme, self.now);
        self.app.settle(drawn.scroll_limit);
        buf
    }

    /// The screen as text.
    pub(crate) fn text(&mut self, width: u16, height: u16) -> String {
        text(&self.draw(width, height))
    }
}

/// A buffer's rows.
pub(crate) fn rows(buf: &Buffer) -> Vec<String> {
    let width = usize::from(buf.area.width);
    buf.content
        .chunks(width)
        .map(|row| {
            let text: String = row.iter().map(Cell::symbol).collect();
            text.trim_end().to_owned()
        })
        .collect()
}

/// A buffer as text.
pub(crate) fn text(buf: &Buffer) -> String {
    let mut text = rows(buf).join("\n");
    text.push('\n');
    text
}

/// The first cell of the first place where `words` stand.
pub(crate) fn cell<'b>(buf: &'b Buffer, words: &str) -> &'b Cell {
    for (y, row) in rows(buf).iter().enumerate() {
        if let Some(at) = row.find(words) {
            let x = row[..at].chars().count();
            return &buf[(u16::try_from(x).unwrap(), u16::try_from(y).unwrap())];
        }
    }
    panic!("`{words}` is not on screen:\n{}", text(buf));
}
