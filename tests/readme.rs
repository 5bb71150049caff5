//! The README's tables are the program's own, its commands are there, and it stays short.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::CommandFactory;
use rmqtop::cli::Cli;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");

/// The lines of a section, by its heading.
fn section(heading: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The first cell of every row.
fn first_cells(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|line| line.trim_start_matches("| ").split(" | ").next().unwrap())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn it_is_short() {
    assert!(README.lines().count() <= 250, "{}", README.lines().count());
}

#[test]
fn every_runbook_has_a_row_and_every_row_a_runbook() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let known: BTreeSet<&str> = run.get_subcommands().map(clap::Command::get_name).collect();
    let told: BTreeSet<&str> = first_cells(section("Runbooks"))
        .flat_map(quoted)
        .map(|words| words.split(' ').next().unwrap())
        .collect();
    assert_eq!(told, known);
}

/// `"N1"` in the sources of the findings.
fn ids(text: &str) -> impl Iterator<Item = String> {
    let is_id = |word: &&str| {
        let mut chars = word.chars();
        let first = chars.next();
        let rest = chars.as_str();
        first.is_some_and(|c| "DSVHNQ".contains(c))
            && !rest.is_empty()
            && rest.chars().all(|c| c.is_ascii_digit())
    };
    text.split('"').filter(is_id).map(str::to_owned)
}

fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_finding_has_its_words_and_no_other_is_named() {
    let mut text = String::new();
    sources(Path::new("src/findings"), &mut text);
    let known: BTreeSet<String> = ids(&text).collect();
    let mut told = BTreeSet::new();
    for row in section("What it finds")
        .lines()
        .filter(|line| line.starts_with("| "))
    {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let ids: Vec<&str> = cells[0].split(", ").collect();
        if !ids[0].ends_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if ids.len() > 1 {
            assert_eq!(
                ids.len(),
                cells[1].split("; ").count(),
                "a phrase for each of {ids:?}"
            );
        }
        told.extend(ids.into_iter().map(str::to_owned));
    }
    assert_eq!(told, known);
}

#[test]
fn every_key_is_one_of_the_console_and_none_is_missing() {
    let known: BTreeSet<&str> = rmqtop::app::command::COMMANDS
        .iter()
        .flat_map(|spec| spec.chords)
        .copied()
        .collect();
    let table = section("Use");
    let told: BTreeSet<&str> = first_cells(table).flat_map(quoted).collect();
    let strange: Vec<_> = told.difference(&known).collect();
    assert!(strange.is_empty(), "no key of the console: {strange:?}");
    // The same again under another name.
    let twins = [
        "f1", "backtab", "up", "down", "ctrl-b", "ctrl-f", "home", "end",
    ];
    let missing: Vec<_> = known
        .difference(&told)
        .filter(|key| !twins.contains(key))
        .collect();
    assert!(
        missing.is_empty(),
        "keys that the README does not name: {missing:?}"
    );
}

/// Commands of the README that are not run here, and why.
const NOT_RUN: [(&str, &str); 12] = [
    (
        "cargo run --release -- demo",
        "a console; the tests of the demo and of the terminal run it",
    ),
    ("./tests/run", "it runs this test"),
    (
        "cargo run --release -- demo --scenario node-down",
        "a console",
    ),
    (
        "cargo run --release -- demo --scenario incident",
        "a console",
    ),
    (
        "tests/lab/open",
        "it needs root and a terminal; the end-to-end tests use the same lab",
    ),
    (
        "tests/lab/lab ssh rabbit-node3 rabbitmqctl stop_app",
        "the end-to-end tests do it",
    ),
    (
        "tests/lab/lab kill rabbit-node2",
        "the end-to-end tests do it",
    ),
    (
        "cargo install --path . --locked",
        "a build of several minutes",
    ),
    ("tests/package", "tests/run does it"),
    (
        "rmqtop init root@192.168.0.12",
        "the end-to-end tests do it",
    ),
    ("rmqtop init --example", "run below, by another name"),
    (
        "cargo run --release -- demo --list",
        "run below, by another name",
    ),
];

#[test]
fn every_command_is_run_or_has_a_reason_not_to_be() {
    let blocks = README.split("\n```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("\n```").next().unwrap().lines());
    let told: BTreeSet<&str> = lines
        .map(|line| line.split(" #").next().unwrap().trim())
        .collect();
    let known: BTreeSet<&str> = NOT_RUN.iter().map(|(command, _)| *command).collect();
    assert_eq!(told, known);
    for words in [
        &["init", "--example"][..],
        &["demo", "--list"],
        &["man"],
        &["--version"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rmqtop"))
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}");
        assert!(!output.stdout.is_empty(), "{words:?}");
    }
}

/// The commands of the table of uses are those that there are.
#[test]
fn every_subcommand_is_named() {
    let command = Cli::command();
    let table = section("Use").split("```").nth(1).unwrap();
    for sub in command.get_subcommands().map(clap::Command::get_name) {
        assert!(table.contains(sub), "{sub}");
    }
}

/// The entry to write by hand is one.
#[test]
fn the_configuration_is_one() {
    let text = section("Configure").split("```toml\n").nth(1).unwrap();
    let text = text.split("```").next().unwrap();
    rmqtop::config::file::parse(Path::new("/etc/rmqtop.toml"), text).unwrap();
}
