//! Owns what is made from the types of the command line: `rmqtop man`, the pages of the manual, and
//! `rmqtop completions`.

use super::Cli;
use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for every command into this folder [default: the first page, to standard output]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Prints or writes the pages.
pub fn run(args: &ManArgs) -> anyhow::Result<u8> {
    let command = Cli::command();
    if let Some(dir) = &args.output {
        let write = || {
            fs::create_dir_all(dir)?;
            clap_mangen::generate_to(command, dir)
        };
        write().with_context(|| format!("failed to write the manual into {}", dir.display()))?;
    } else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        std::io::stdout().write_all(&page)?;
    }
    Ok(0)
}

/// Prints what `shell` needs to complete the command line.
pub fn completions(shell: Shell) -> anyhow::Result<u8> {
    // Written whole: the generator panics where its reader has gone.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rmqtop", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let dir = tempfile::tempdir().unwrap();
        let output = Some(dir.path().to_owned());
        run(&ManArgs { output }).unwrap();
        let mut command = Cli::command();
        command.build();
        let mut expected: BTreeSet<String> = BTreeSet::from(["rmqtop.1".to_owned()]);
        let commands = command.get_subcommands();
        for sub in commands.filter(|sub| sub.get_name() != "help") {
            let name = format!("rmqtop-{}.1", sub.get_name());
            let page = fs::read_to_string(dir.path().join(&name)).unwrap();
            for long in sub.get_arguments().filter_map(clap::Arg::get_long) {
                // A hyphen of an option is none at which a line may be broken.
                let option = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.contains(&option), "{name} does not name --{long}");
            }
            expected.insert(name);
        }
        let written = fs::read_dir(dir.path()).unwrap();
        let written: BTreeSet<String> = written
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let missing: Vec<_> = expected.difference(&written).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
