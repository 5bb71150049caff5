//! Owns the way from terminal events to messages. Releases are nothing; repeats are marked as held.

use crate::app::msg::{KeyPress, Msg, Stroke, Turn};
use crate::view::header::tab_at;
use crokey::{KeyCombination, OneToThree};
use crossterm::event::{
    Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

/// Events that may wait for the loop.
const QUEUED: usize = 256;

/// The terminal's events, read in a task of their own. The loop asks for the next one at each
/// message of any kind, and crossterm's stream answers by spinning on a lock that its reader holds
/// (crossterm 0.29, `event::poll_internal`).
pub fn events<S>(mut terminal: S) -> impl Stream<Item = S::Item> + Unpin
where
    S: Stream<Item: Send> + Unpin + Send + 'static,
{
    let (sender, mut events) = mpsc::channel(QUEUED);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                () = sender.closed() => return,
                event = terminal.next() => event,
            };
            let Some(event) = event else { return };
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    stream::poll_fn(move |context| events.poll_recv(context))
}

/// What a terminal event means to the console; `None`: nothing.
pub fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => {
            let stroke = match key.kind {
                KeyEventKind::Press => Stroke::Fresh,
                KeyEventKind::Repeat => Stroke::Held,
                KeyEventKind::Release => return None,
            };
            Some(Msg::Key(press(key.into(), stroke)))
        }
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resized { width, height }),
        Event::Mouse(mouse) => mouse_message(mouse),
        Event::FocusGained | Event::FocusLost => None,
    }
}

/// A chord as it went down, in the one form the keymap knows. Terminals differ in whether `?` comes
/// with shift; for what is no letter the character itself says it all.
pub fn press(chord: KeyCombination, stroke: Stroke) -> KeyPress {
    let mut chord = chord.normalized();
    let plain = (chord.modifiers - KeyModifiers::SHIFT).is_empty();
    let typed = if let OneToThree::One(KeyCode::Char(c)) = chord.codes {
        (plain && !c.is_control()).then_some(c)
    } else {
        None
    };
    if typed.is_some_and(|c| !c.is_alphabetic()) {
        chord.modifiers.remove(KeyModifiers::SHIFT);
    }
    KeyPress {
        chord,
        typed,
        stroke,
    }
}

fn mouse_message(mouse: MouseEvent) -> Option<Msg> {
    match mouse.kind {
        MouseEventKind::ScrollUp => Some(Msg::Wheel(Turn::Up)),
        MouseEventKind::ScrollDown => Some(Msg::Wheel(Turn::Down)),
        MouseEventKind::Down(MouseButton::Left) => {
            tab_at(mouse.column, mouse.row).map(Msg::TabClicked)
        }
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{message, press};
    use crate::app::command::Command;
    use crate::app::focus::PaneId;
    use crate::app::keymap::Keymap;
    use crate::app::msg::{Msg, Stroke};
    use crokey::{KeyCombination, key};
    use crossterm::event::{
        Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
        MouseEventKind,
    };

    fn key(kind: KeyEventKind) -> Event {
        Event::Key(KeyEvent::new_with_kind(
            KeyCode::Char('y'),
            KeyModifiers::NONE,
            kind,
        ))
    }

    #[test]
    fn a_held_key_is_not_a_fresh_one_and_a_release_is_nothing() {
        let stroke = |event| match message(event) {
            Some(Msg::Key(press)) => Some(press.stroke),
            _ => None,
        };
        assert_eq!(stroke(key(KeyEventKind::Press)), Some(Stroke::Fresh));
        assert_eq!(stroke(key(KeyEventKind::Repeat)), Some(Stroke::Held));
        assert_eq!(stroke(key(KeyEventKind::Release)), None);
    }

    #[test]
    fn shifted_symbols_and_letters_are_found_however_the_terminal_reports_them() {
        let map = Keymap::default();
        let found = |c, modifiers| {
            let chord = KeyCombination::one_key(KeyCode::Char(c), modifiers);
            map.in_pane(press(chord, Stroke::Fresh).chord)
        };
        let (shift, none) = (KeyModifiers::SHIFT, KeyModifiers::NONE);
        assert_eq!(found('?', shift), Some(Command::Help));
        assert_eq!(found('?', none), Some(Command::Help));
        assert_eq!(found('G', none), Some(Command::Bottom));
        assert_eq!(found('G', shift), Some(Command::Bottom));
        assert_eq!(found('g', none), Some(Command::Top));
    }

    #[test]
    fn only_characters_type() {
        let typed = |chord| press(chord, Stroke::Fresh).typed;
        assert_eq!(typed(key!(a)), Some('a'));
        assert_eq!(typed(key!(shift - a)), Some('A'));
        assert_eq!(typed(key!(ctrl - a)), None);
        assert_eq!(typed(key!(enter)), None);
    }

    #[test]
    fn a_click_on_a_tab_opens_it() {
        let click = |column, row| {
            message(Event::Mouse(MouseEvent {
                kind: MouseEventKind::Down(MouseButton::Left),
                column,
                row,
                modifiers: KeyModifiers::NONE,
            }))
        };
        assert!(matches!(
            click(3, 1),
            Some(Msg::TabClicked(PaneId::Overview))
        ));
        assert!(matches!(click(16, 1), Some(Msg::TabClicked(PaneId::Nodes))));
        assert!(click(3, 5).is_none());
    }
}
