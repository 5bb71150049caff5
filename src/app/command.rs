//! Owns the one command table: it feeds dispatch, footer, help and palette. A command that is not
//! in this table does not exist.

/// Something the operator can ask the console to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum Command {
    /// Opens the Overview.
    Overview,
    /// Opens the members.
    Nodes,
    /// Opens the policies.
    Policies,
    /// Opens the load balancers.
    Haproxy,
    /// Opens the virtual addresses.
    Vip,
    /// Opens the runs.
    Runs,
    /// Opens the action menu.
    Actions,
    /// Opens the details of what is selected.
    Open,
    /// Closes what is on top, or clears the filter.
    Back,
    /// Shows the run under way, or the last one.
    Run,
    /// Opens the palette.
    Palette,
    /// Edits the filter.
    Filter,
    /// Shows only what is not well.
    Faults,
    /// Copies the name of what is selected.
    Copy,
    /// Moves the focus between path and findings.
    NextList,
    /// Selects the row above.
    Up,
    /// Selects the row below.
    Down,
    /// Selects a screenful above.
    PageUp,
    /// Selects a screenful below.
    PageDown,
    /// Selects the first row.
    Top,
    /// Selects the last row.
    Bottom,
    /// Goes to the view before this one.
    LastView,
    /// Goes one view back.
    HistoryBack,
    /// Goes one view forward.
    HistoryForward,
    /// Freezes the screen, or lets it go on.
    Pause,
    /// Asks every source at once.
    PollNow,
    /// Opens the help.
    Help,
    /// Leaves.
    Quit,
    /// Stops the run under way, or leaves.
    Interrupt,
}

/// Where a command's chords work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// In panes only.
    Panes,
    /// In panes and in whatever is open above them.
    Everywhere,
}

/// Under which heading the help lists a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Group {
    /// Going to a view.
    Views,
    /// Doing something with what is selected.
    Selected,
    /// Moving.
    Moving,
    /// The console itself.
    Console,
}

impl Group {
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Views => "Views",
            Self::Selected => "The selected thing",
            Self::Moving => "Moving",
            Self::Console => "The console",
        }
    }
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandSpec {
    /// Which command.
    pub command: Command,
    /// Its name in the palette.
    pub name: &'static str,
    /// Default chords, in crokey's notation. The first is the one shown.
    pub chords: &'static [&'static str],
    /// Where the chords work.
    pub context: Context,
    /// Its heading in the help.
    pub group: Group,
    /// The word in the footer; `None`: not there.
    pub hint: Option<&'static str>,
    /// One sentence.
    pub doc: &'static str,
}

const fn spec(
    command: Command,
    name: &'static str,
    chords: &'static [&'static str],
    group: Group,
    doc: &'static str,
) -> CommandSpec {
    CommandSpec {
        command,
        name,
        chords,
        context: Context::Panes,
        group,
        hint: None,
        doc,
    }
}

impl CommandSpec {
    const fn everywhere(mut self) -> Self {
        self.context = Context::Everywhere;
        self
    }

    const fn hint(mut self, word: &'static str) -> Self {
        self.hint = Some(word);
        self
    }
}

/// Every command, in the order of the help.
#[rustfmt::skip]
pub static COMMANDS: &[CommandSpec] = &[
    spec(Command::Overview, "overview", &["1"], Group::Views, "The live path from the clients to the nodes, with the findings beside it."),
    spec(Command::Nodes, "nodes", &["2"], Group::Views, "Every member: state, memory, disk, descriptors."),
    spec(Command::Policies, "policies", &["5"], Group::Views, "Every policy: what it is for, on how many queues, and where chance decides."),
    spec(Command::Haproxy, "haproxy", &["6"], Group::Views, "Every load balancer side by side, server by server."),
    spec(Command::Vip, "vip", &["7"], Group::Views, "Who holds the virtual address, who could take over, and its moves."),
    spec(Command::Runs, "runs", &["9"], Group::Views, "Every run of this machine, of the console and of the command line: live, and from its journal."),
    spec(Command::LastView, "last-view", &["-"], Group::Views, "Goes to the view before this one, and back again."),
    spec(Command::HistoryBack, "back", &["["], Group::Views, "Goes one view back."),
    spec(Command::HistoryForward, "forward", &["]"], Group::Views, "Goes one view forward."),
    spec(Command::Palette, "palette", &[":"], Group::Console, "Finds a command or a runbook by its name.").hint("command"),
    spec(Command::Filter, "filter", &["/"], Group::Selected, "Shows only rows with this text; a leading ! shows the others, a leading -f takes letters with gaps.").hint("filter"),
    spec(Command::Help, "help", &["?", "f1"], Group::Console, "Lists every command with its keys.").hint("help"),
    spec(Command::Actions, "actions", &["a"], Group::Selected, "Lists what can be done to the selected node and to the cluster; typing finds it by name, or by what rabbitmqctl calls it. Nothing is done before its plan was shown and confirmed.").hint("actions"),
    spec(Command::Open, "details", &["enter", "d"], Group::Selected, "Opens everything known about the selected thing, with the evidence.").everywhere().hint("details"),
    spec(Command::Back, "close", &["esc"], Group::Selected, "Closes what is open, else clears the filter.").everywhere(),
    spec(Command::Faults, "faults", &["ctrl-z"], Group::Selected, "Shows only rows that are not well, or all again.").hint("faults"),
    spec(Command::Copy, "copy", &["c"], Group::Selected, "Copies the name of the selected thing to the clipboard, through the terminal (OSC 52)."),
    spec(Command::NextList, "next-list", &["tab", "backtab"], Group::Moving, "Moves between the path and the findings.").hint("path/findings"),
    spec(Command::Up, "up", &["k", "up"], Group::Moving, "Selects the row above.").everywhere(),
    spec(Command::Down, "down", &["j", "down"], Group::Moving, "Selects the row below.").everywhere(),
    spec(Command::PageUp, "page-up", &["pageup", "ctrl-b"], Group::Moving, "Selects a screenful above.").everywhere(),
    spec(Command::PageDown, "page-down", &["pagedown", "ctrl-f"], Group::Moving, "Selects a screenful below.").everywhere(),
    spec(Command::Top, "top", &["g", "home"], Group::Moving, "Selects the first row.").everywhere(),
    spec(Command::Bottom, "bottom", &["shift-g", "end"], Group::Moving, "Selects the last row.").everywhere(),
    spec(Command::Run, "run", &["shift-r"], Group::Console, "Shows the run under way, else the last one of this session."),
    spec(Command::PollNow, "poll", &["r"], Group::Console, "Asks every source at once."),
    spec(Command::Pause, "pause", &["p"], Group::Console, "Freezes the screen; nothing is asked until it goes on.").hint("pause"),
    spec(Command::Quit, "quit", &["q"], Group::Console, "Leaves the console.").hint("quit"),
    spec(Command::Interrupt, "interrupt", &["ctrl-c"], Group::Console, "While a run is under way: stops it after its step, the second time leaves it; otherwise leaves the console.").everywhere(),
];

/// A move within a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// One up.
    Up,
    /// One down.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the start.
    Top,
    /// To the end.
    Bottom,
}

/// The commands that move.
const MOTIONS: [(Command, Motion); 6] = [
    (Command::Up, Motion::Up),
    (Command::Down, Motion::Down),
    (Command::PageUp, Motion::PageUp),
    (Command::PageDown, Motion::PageDown),
    (Command::Top, Motion::Top),
    (Command::Bottom, Motion::Bottom),
];

impl Command {
    /// The move it is, if it is one.
    pub fn motion(self) -> Option<Motion> {
        MOTIONS
            .iter()
            .find(|(command, _)| *command == self)
            .map(|(_, motion)| *motion)
    }

    /// Its row in the table.
    pub fn spec(self) -> Option<&'static CommandSpec> {
        COMMANDS.iter().find(|spec| spec.command == self)
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, Command};
    use std::collections::BTreeSet;
    use strum::IntoEnumIterator;

    #[test]
    fn every_command_is_in_the_table_once_and_documented() {
        for command in Command::iter() {
            let rows: Vec<_> = COMMANDS.iter().filter(|s| s.command == command).collect();
            assert_eq!(rows.len(), 1, "{command:?}");
            assert!(
                rows[0].doc.ends_with('.') && rows[0].doc.len() > 10,
                "{command:?}"
            );
        }
    }

    #[test]
    fn names_are_unique_words_one_can_type() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
        }
    }

    #[test]
    fn every_command_is_bound_to_chords_that_parse_and_no_chord_twice() {
        let mut seen = BTreeSet::new();
        for spec in COMMANDS {
            assert!(
                !spec.chords.is_empty(),
                "{} is deliberately unbound by nobody",
                spec.name
            );
            for chord in spec.chords {
                assert!(crokey::parse(chord).is_ok(), "{chord}");
                assert!(seen.insert(*chord), "{chord} is bound twice");
            }
        }
    }
}
