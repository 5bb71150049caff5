//! Names the commit from which a release was built, for `rmqtop --version`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut words = env!("CARGO_PKG_VERSION").to_owned();
    // What is built while it is written is not built anew for each commit.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo::rerun-if-changed={log}");
        }
        if let Some(commit) = git(&["log", "-1", "--format=%h, %cs"]) {
            words = format!("{words} ({commit})");
        }
    }
    println!("cargo::rustc-env=RMQTOP_VERSION={words}");
}

/// What git says of the folder of this package; `None` where there is no git, or no repository.
fn git(args: &[&str]) -> Option<String> {
    let said = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    (said.status.success() && !text.is_empty()).then(|| text.trim().to_owned())
}
