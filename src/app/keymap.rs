//! Owns the way from a chord to a command, built from the command table. Knows nothing of what a
//! command does.

use super::command::{COMMANDS, Command, Context};
use crokey::KeyCombination;
use std::collections::HashMap;

/// Chords and their commands.
#[derive(Debug, Clone)]
pub struct Keymap {
    commands: HashMap<KeyCombination, (Command, Context)>,
}

impl Default for Keymap {
    /// The chords of the command table.
    fn default() -> Self {
        let commands = COMMANDS
            .iter()
            .flat_map(|spec| spec.chords.iter().map(move |chord| (spec, chord)))
            .filter_map(|(spec, chord)| {
                let chord = crokey::parse(chord).ok()?.normalized();
                Some((chord, (spec.command, spec.context)))
            })
            .collect();
        Self { commands }
    }
}

impl Keymap {
    /// What `chord` means in a pane.
    pub fn in_pane(&self, chord: KeyCombination) -> Option<Command> {
        self.commands.get(&chord).map(|(command, _)| *command)
    }

    /// What `chord` means in something open above the panes.
    pub fn in_modal(&self, chord: KeyCombination) -> Option<Command> {
        self.commands
            .get(&chord)
            .filter(|(_, context)| *context == Context::Everywhere)
            .map(|(command, _)| *command)
    }
}

/// How a chord of the table is written on screen.
pub fn chord_words(chord: &str) -> String {
    match chord {
        "enter" => "↵".to_owned(),
        "up" => "↑".to_owned(),
        "down" => "↓".to_owned(),
        "pageup" => "PgUp".to_owned(),
        "pagedown" => "PgDn".to_owned(),
        other => match other.strip_prefix("shift-") {
            Some(letter) => letter.to_uppercase(),
            None => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Keymap;
    use crate::app::command::{COMMANDS, Command};
    use crokey::key;

    #[test]
    fn every_chord_of_the_table_leads_to_its_command() {
        let map = Keymap::default();
        for spec in COMMANDS {
            for chord in spec.chords {
                let chord = crokey::parse(chord).unwrap();
                assert_eq!(map.in_pane(chord), Some(spec.command), "{chord}");
            }
        }
    }

    #[test]
    fn only_what_works_everywhere_works_above_a_pane() {
        let map = Keymap::default();
        assert_eq!(map.in_modal(key!(esc)), Some(Command::Back));
        assert_eq!(map.in_modal(key!(a)), None);
    }
}
