//! Picks a face and maps the outcome to an exit code; nothing else.

use clap::Parser;
use rmqtop::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(cli::run(cli)),
        Err(error) => ExitCode::from(cli::usage(&error)),
    }
}
