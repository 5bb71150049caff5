//! The binary in a pseudo-terminal: it starts, follows a resize, and whatever ends it (a key, a
//! signal, a panic), the terminal is as it was before.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rmqtop::app::modal::confirm::ARMS_AFTER;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Far beyond what a busy machine needs.
const LIMIT: Duration = Duration::from_secs(60);
/// Leaves the alternate screen (xterm control sequences).
const LEAVE: &[u8] = b"\x1b[?1049l";
/// Shows the cursor.
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";
/// Set in a child that is this test program again.
const CHILD: &str = "RMQTOP_TERMINAL_TEST_CHILD";

/// A cluster of one broker that does not listen.
fn config(folder: &Path) -> String {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let path = folder.join("config.toml");
    let text = format!(
        "[clusters.quay]\nread_only = true\n\
         [clusters.quay.management]\nusername = \"u\"\npassword_command = \"echo x\"\nport = {port}\n\
         [[clusters.quay.hosts]]\nname = \"here\"\naddress = \"127.0.0.1\"\nnode = \"rabbit@here\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A program in a pseudo-terminal, with the screen it draws.
struct Seat {
    master: Box<dyn MasterPty + Send>,
    input: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    raw: Vec<u8>,
    screen: vt100::Parser,
    settings: String,
}

impl Seat {
    fn start(command: CommandBuilder, rows: u16, cols: u16) -> Self {
        let pty = native_pty_system().openpty(size(rows, cols)).unwrap();
        let settings = format!("{:?}", pty.master.get_termios());
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let input = pty.master.take_writer().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender
                    .send(buffer.get(..count).unwrap_or_default().to_vec())
                    .is_err()
                {
                    return;
                }
            }
        });
        let screen = parser(rows, cols);
        // The slave stays open here, so that its settings can be read after the child's end.
        std::mem::forget(pty.slave);
        Self {
            master: pty.master,
            input,
            child,
            output,
            raw: Vec::new(),
            screen,
            settings,
        }
    }

    fn console(config: &str, rows: u16, cols: u16) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rmqtop"));
        command.args(["--config", config]);
        command.env("TERM", "xterm-256color");
        Self::start(command, rows, cols)
    }

    /// Feeds the screen until it shows `text`.
    fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Feeds the screen until it shows `text` no more.
    fn wait_gone(&mut self, text: &str) {
        self.wait_until(text, |screen| !screen.contains(text));
    }

    fn wait_until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + LIMIT;
        while !holds(&self.screen.screen().contents()) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!(
                    "waited for `{what}` on:\n{}",
                    self.screen.screen().contents()
                );
            };
            self.screen.process(&bytes);
            self.raw.extend(bytes);
        }
    }

    /// Feeds the screen for this long: a confirmation takes no key before it could be read.
    fn look_on(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Ok(bytes) = self.output.recv_timeout(left) {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
            }
        }
    }

    fn type_keys(&mut self, keys: &[u8]) {
        self.input.write_all(keys).unwrap();
        self.input.flush().unwrap();
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        self.screen = parser(rows, cols);
        self.master.resize(size(rows, cols)).unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for the end, then holds the terminal against what it was. Gives the exit code.
    fn ended_cleanly(mut self) -> u32 {
        let end = Instant::now() + LIMIT;
        let status = loop {
            // Reading goes on, or a full pipe would keep the child from ending.
            while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(20)) {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < end,
                "it does not end on:\n{}",
                self.screen.screen().contents()
            );
        };
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.raw.extend(bytes);
        }
        let has = |needle: &[u8]| {
            self.raw
                .windows(needle.len())
                .filter(|w| *w == needle)
                .count()
        };
        assert_eq!(has(LEAVE), 1, "the alternate screen is left exactly once");
        assert!(has(SHOW_CURSOR) >= 1, "the cursor is shown again");
        assert_eq!(
            format!("{:?}", self.master.get_termios()),
            self.settings,
            "the line settings"
        );
        status.exit_code()
    }
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn parser(rows: u16, cols: u16) -> vt100::Parser {
    let side = |n: u16| NonZeroU16::new(n).unwrap();
    vt100::Parser::new(side(rows), side(cols), 0)
}

#[test]
fn it_starts_follows_a_resize_and_quits() {
    let folder = tempfile::tempdir().unwrap();
    let mut seat = Seat::console(&config(folder.path()), 24, 80);
    seat.wait_for("quay");
    seat.wait_for("1 Overview");
    seat.resize(50, 200);
    seat.wait_for("READ-ONLY");
    seat.resize(20, 60);
    seat.wait_for("quay");
    seat.type_keys(b"2");
    seat.wait_for("Nodes");
    seat.type_keys(b"q");
    assert_eq!(seat.ended_cleanly(), 0);
}

#[test]
fn a_broker_that_refuses_is_named_and_the_console_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut seat = Seat::console(&config(folder.path()), 50, 200);
    seat.wait_for("refused");
    seat.type_keys(b"?");
    seat.wait_for("Help");
    seat.type_keys(b"\x1b");
    seat.wait_gone("Help");
    seat.type_keys(b"\x03");
    assert_eq!(seat.ended_cleanly(), 0);
}

/// Who starts it without the password is asked for it, and what is typed is shown nowhere.
#[test]
fn a_missing_password_is_asked_for_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(
        "password_command = \"echo x\"",
        "password_env = \"NOT_SET_ANYWHERE\"",
    );
    std::fs::write(&path, text).unwrap();
    let mut seat = Seat::console(&path, 50, 200);
    seat.wait_for("password of u on quay (NOT_SET_ANYWHERE is not set): ");
    // The echo is turned off right after the question.
    seat.look_on(Duration::from_millis(300));
    seat.type_keys(b"canary-7f3a\n");
    seat.wait_for("1 Overview");
    seat.wait_for("refused");
    let shown = String::from_utf8_lossy(&seat.raw).into_owned();
    assert!(!shown.contains("canary-7f3a"), "{shown}");
    seat.type_keys(b"q");
    assert_eq!(seat.ended_cleanly(), 0);
}

#[test]
fn signals_give_the_terminal_back() {
    for name in ["TERM", "HUP", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut seat = Seat::console(&config(folder.path()), 24, 80);
        seat.wait_for("1 Overview");
        seat.signal(name);
        seat.ended_cleanly();
    }
}

/// The embedded cluster by keys alone: a runbook to its end, and nothing is left behind.
#[test]
fn the_demo_runs_a_runbook_by_keys_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rmqtop"));
    command.args(["demo", "--release", "4.0"]);
    command.env("TERM", "xterm-256color");
    for name in ["HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, home.path());
    }
    let mut seat = Seat::start(command, 44, 120);
    seat.wait_for("nothing is wrong");
    seat.wait_for("DEMO");
    seat.type_keys(b"2");
    seat.wait_for("DISK FREE");
    seat.type_keys(b"\x1b[B\x1b[Ba");
    seat.wait_for("Actions on rabbit@rabbit-node3");
    seat.type_keys(b"\r");
    seat.wait_for("Type the node, rabbit@rabbit-node3");
    seat.look_on(ARMS_AFTER * 2);
    seat.type_keys(b"rabbit@rabbit-node3");
    seat.wait_for("rabbit-node3: rabbit@rabbit-node3");
    seat.type_keys(b"\r");
    seat.wait_for("done after");
    seat.type_keys(b"\x1b");
    seat.wait_gone("done after");
    seat.type_keys(b"q");
    seat.wait_for("restart-app rabbit@rabbit-node3: done");
    assert_eq!(seat.ended_cleanly(), 0);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_panics", "--nocapture"]);
    command.env(CHILD, "panic");
    command.env("RUST_BACKTRACE", "0");
    let mut seat = Seat::start(command, 24, 80);
    seat.wait_for("a fault for the test");
    assert_ne!(seat.ended_cleanly(), 0);
}

/// Not a test by itself: what the test above starts in a terminal of its own.
#[test]
fn child_that_panics() {
    if std::env::var_os(CHILD).is_some() {
        let _guard = rmqtop::tui::terminal::Guard::enter().unwrap();
        panic!("a fault for the test");
    }
}

#[test]
fn without_a_terminal_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rmqtop"))
        .args(["--config", &config(folder.path())])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.contains("needs a terminal") && words.contains("rmqtop status"),
        "{words}"
    );
    assert!(output.stdout.is_empty());
}
