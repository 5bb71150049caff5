//! Owns that no core of this process is written: what it holds in memory are passwords.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Forbids cores, of this process and of all that it starts.
///
/// # Errors
///
/// If the system does not let it.
pub fn forbid() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none)?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_kernel_is_told() {
        super::forbid().unwrap();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{core:?}");
    }
}
