//! Reads the source and fails where an arrow of the house runs the wrong way: which room may use
//! which other room and which outside crates, how long files may be, and how they begin.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A room, and what of the crate and of the outside it may use. Its own modules always.
struct Room {
    name: &'static str,
    rooms: &'static [&'static str],
    outside: &'static [&'static str],
}

/// Crates and functions that mean I/O, drawing, or reading the clock.
const WATCHED: [&str; 16] = [
    "tokio::",
    "tokio_util::",
    "reqwest::",
    "openssh::",
    "lapin::",
    "ratatui::",
    "crossterm::",
    "csv::",
    "secrecy::",
    "anyhow::",
    "clap::",
    "std::fs",
    "std::process",
    "std::env",
    "Instant::now",
    "Timestamp::now",
];

const ANY: &[&str] = &["*"];

/// The table of the house. `model::name` and `model::text` are words, not state, so rooms that
/// may not see the model may still name a node.
const ROOMS: &[Room] = &[
    Room {
        name: "model",
        rooms: &[],
        outside: &[],
    },
    Room {
        name: "clock",
        rooms: &["model::moment"],
        outside: &["Instant::now", "Timestamp::now"],
    },
    Room {
        name: "core_dump",
        rooms: &[],
        outside: &["std::fs"],
    },
    Room {
        name: "findings",
        rooms: &["model"],
        outside: &[],
    },
    Room {
        name: "config",
        rooms: &["model::inventory", "model::name", "model::text"],
        outside: &["std::fs", "std::process", "std::env", "secrecy::"],
    },
    Room {
        name: "invocation",
        rooms: &[
            "model::name",
            "model::policy",
            "model::inventory",
            "model::broker::NodeType",
        ],
        outside: &["secrecy::"],
    },
    Room {
        name: "action",
        rooms: &["model", "invocation"],
        outside: &[],
    },
    Room {
        name: "runbook",
        rooms: &["model", "invocation", "action"],
        outside: &[],
    },
    Room {
        name: "guard",
        rooms: &["action", "runbook::plan", "config::AccessRule"],
        outside: &[],
    },
    Room {
        name: "remote",
        rooms: &[
            "invocation",
            "guard",
            "clock",
            "config",
            "model::name",
            "model::text",
            "model::inventory",
            "model::observation::FailureKind",
            "model::observation::{FailureKind",
        ],
        outside: &[
            "tokio::",
            "tokio_util::",
            "openssh::",
            "reqwest::",
            "secrecy::",
            "std::fs",
            "std::process",
            "std::env",
            "Instant::now",
        ],
    },
    Room {
        name: "syntax",
        rooms: &[],
        outside: &[],
    },
    Room {
        name: "sources",
        rooms: &["model", "invocation", "remote", "config", "clock", "syntax"],
        outside: &[
            "tokio::",
            "tokio_util::",
            "reqwest::",
            "lapin::",
            "csv::",
            "secrecy::",
            "std::fs",
            "std::process",
            "std::env",
            "Instant::now",
        ],
    },
    // It finds what is to be configured: reads only, like the sources.
    Room {
        name: "discover",
        rooms: &[
            "model",
            "invocation",
            "remote",
            "config",
            "syntax",
            "sources",
        ],
        outside: &["tokio::", "reqwest::", "secrecy::"],
    },
    Room {
        name: "executor",
        rooms: &[
            "model",
            "invocation",
            "action",
            "runbook",
            "guard",
            "remote",
            "sources",
            "clock",
        ],
        outside: &[
            "tokio::",
            "tokio_util::",
            "std::fs",
            "std::process",
            "std::env",
            "Instant::now",
        ],
    },
    Room {
        name: "app",
        rooms: &[
            "model",
            "findings",
            "action",
            "runbook",
            "guard",
            "executor::event",
            "executor::record",
        ],
        // Key events only; the terminal itself belongs to `tui`.
        outside: &["crossterm::"],
    },
    Room {
        name: "view",
        rooms: &[
            "app",
            "model",
            "findings",
            "action",
            "runbook",
            "guard",
            "executor::event",
            "executor::record",
        ],
        outside: &["ratatui::"],
    },
    Room {
        name: "sim",
        rooms: &["model", "invocation", "remote", "guard::Permit", "config"],
        outside: &["tokio::", "Instant::now"],
    },
    Room {
        name: "tui",
        rooms: ANY,
        outside: ANY,
    },
    Room {
        name: "cli",
        rooms: ANY,
        outside: ANY,
    },
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// The room of a file: its first folder, or its stem at the top.
fn room_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Code without comments and without its test module, which stands last by custom.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines = body
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Paths into the crate, each as long as it is written: `crate::model::name::NodeName`.
fn crate_paths(code: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '{');
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .map(|(at, word)| {
            code[at + word.len()..]
                .chars()
                .take_while(|c| part(*c))
                .collect()
        })
        .collect()
}

#[test]
fn every_arrow_runs_the_right_way() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let name = room_of(&path);
        if matches!(name.as_str(), "main" | "lib") {
            continue;
        }
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            faults.push(format!(
                "{}: room `{name}` is not in the table",
                path.display()
            ));
            continue;
        };
        let code = code(&text);
        for used in crate_paths(&code) {
            let own = used == name || used.starts_with(&format!("{name}::"));
            let allowed = room.rooms == ANY
                || room.rooms.iter().any(|r| {
                    used == *r
                        || used.starts_with(&format!("{r}::"))
                        || used.starts_with(*r) && r.contains('{')
                });
            if !own && !allowed {
                faults.push(format!(
                    "{}: `{name}` must not use crate::{used}",
                    path.display()
                ));
            }
        }
        for word in WATCHED {
            let used = code.match_indices(word).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                    || word.ends_with("::now")
            });
            if used && room.outside != ANY && !room.outside.contains(&word) {
                faults.push(format!("{}: `{name}` must not use {word}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The core of the simulator is handed the time and does nothing itself, or it could not be played
/// twice.
#[test]
fn the_simulated_world_is_pure() {
    for (path, text) in sources() {
        let pure = [
            "sim/world",
            "sim/api",
            "sim/shell",
            "sim/stats",
            "sim/scenario",
        ];
        if pure
            .iter()
            .any(|part| path.to_string_lossy().starts_with(part))
        {
            for word in ["tokio::", "Instant::now", "crate::remote", "crate::config"] {
                assert!(
                    !code(&text).contains(word),
                    "{} uses {word}",
                    path.display()
                );
            }
        }
    }
}

/// Nobody but the demo knows that there is one.
#[test]
fn only_the_demo_uses_the_simulator() {
    for (path, text) in sources() {
        let is_its = room_of(&path) == "sim" || path == Path::new("cli/demo.rs");
        assert!(
            is_its || !code(&text).contains("crate::sim"),
            "{} uses the simulator",
            path.display()
        );
    }
}

#[test]
fn only_the_guard_makes_a_permit() {
    for (path, text) in sources() {
        if room_of(&path) != "guard" {
            assert!(
                !code(&text).contains("Permit {"),
                "{} makes a Permit",
                path.display()
            );
        }
    }
}

#[test]
fn no_remote_command_goes_through_a_shell() {
    for (path, text) in sources() {
        for word in [".raw_arg(", ".raw_args(", ".raw_command(", ".shell("] {
            assert!(
                !code(&text).contains(word),
                "{} uses {word}",
                path.display()
            );
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_own() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > 500 {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{}: does not say what it owns", path.display()));
        }
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            faults.push(format!("{}: foo.rs and foo/, no mod.rs", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
