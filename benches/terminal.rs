//! Measures what the console costs on a machine: the time from start to its first frame, and the
//! processor it uses while nothing happens, both beside `top` (and `htop` where it is installed)
//! in the same run. Prints figures and judges nothing; `tests/lab/measure` runs it on the lab.

use anyhow::{Context, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

const ROWS: NonZeroU16 = NonZeroU16::new(50).unwrap();
const COLS: NonZeroU16 = NonZeroU16::new(200).unwrap();
const SIZE: PtySize = PtySize {
    rows: ROWS.get(),
    cols: COLS.get(),
    pixel_width: 0,
    pixel_height: 0,
};
const STARTS: usize = 20;
/// Frames and figures settle before the idle time is counted.
const SETTLE: Duration = Duration::from_secs(10);
const FRAME_LIMIT: Duration = Duration::from_secs(10);

/// A program, and the text that its first whole frame holds.
struct Subject {
    name: &'static str,
    argv: Vec<String>,
    sentinel: &'static str,
}

/// A program in a pseudo-terminal whose output is read as it comes.
struct Running {
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    started: Instant,
    // Closing it would hang up the program.
    _master: Box<dyn MasterPty + Send>,
    input: Box<dyn Write + Send>,
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(binary) = args.next() else {
        // `cargo bench` and `cargo test --all-targets` run every bench, without a cluster.
        return say("nothing to measure: tests/lab/measure names a binary and a cluster");
    };
    let config = args
        .next()
        .context("usage: terminal BINARY CONFIG IDLE-SECONDS")?;
    let idle = Duration::from_secs(args.next().context("no IDLE-SECONDS")?.parse()?);
    let subjects = subjects(&binary, &config);
    say("start to first frame, 200x50, alternating:")?;
    let mut starts: Vec<Vec<Duration>> = subjects.iter().map(|_| Vec::new()).collect();
    for _ in 0..STARTS {
        for (subject, times) in subjects.iter().zip(&mut starts) {
            times.push(first_frame(subject)?);
        }
    }
    for (subject, times) in subjects.iter().zip(&mut starts) {
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3;
        say(&format!(
            "  {:16} median {:6.1} ms   max of {STARTS} {:6.1} ms",
            subject.name,
            at(STARTS / 2),
            at(STARTS - 1)
        ))?;
    }
    say(&format!(
        "processor while idle for {} s, side by side:",
        idle.as_secs()
    ))?;
    measure_idle(&subjects, idle)
}

fn subjects(binary: &str, config: &str) -> Vec<Subject> {
    let words = |line: &[&str]| line.iter().map(|word| (*word).to_owned()).collect();
    let mut subjects = vec![
        Subject {
            name: "rmqtop",
            argv: words(&[binary, "--config", config, "monitor"]),
            sentinel: "Overview",
        },
        Subject {
            name: "top",
            argv: words(&["top", "-d", "2"]),
            sentinel: "PID",
        },
    ];
    let on_path = |program: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
    };
    if on_path("htop") {
        subjects.push(Subject {
            name: "htop",
            argv: words(&["htop", "-d", "20"]),
            sentinel: "PID",
        });
    }
    subjects
}

impl Running {
    fn start(subject: &Subject) -> anyhow::Result<Self> {
        let pty = native_pty_system().openpty(SIZE)?;
        let mut command =
            CommandBuilder::from_argv(subject.argv.iter().map(std::ffi::OsString::from).collect());
        command.env("TERM", "xterm-256color");
        let mut reader = pty.master.try_clone_reader()?;
        let input = pty.master.take_writer()?;
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender
                    .send(buffer.iter().take(count).copied().collect())
                    .is_err()
                {
                    return;
                }
            }
        });
        let started = Instant::now();
        let child = pty.slave.spawn_command(command)?;
        Ok(Self {
            child,
            output,
            started,
            _master: pty.master,
            input,
        })
    }

    /// Feeds output to a terminal until it shows the text.
    fn wait_for(&mut self, subject: &Subject) -> anyhow::Result<Duration> {
        let mut screen = vt100::Parser::new(ROWS, COLS, 0);
        loop {
            let left = FRAME_LIMIT.saturating_sub(self.started.elapsed());
            let bytes = match self.output.recv_timeout(left) {
                Ok(bytes) => bytes,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => bail!(
                    "{} does not show `{}`; its screen:\n{}",
                    subject.name,
                    subject.sentinel,
                    screen.screen().contents()
                ),
            };
            let elapsed = self.started.elapsed();
            screen.process(&bytes);
            if screen.screen().contents().contains(subject.sentinel) {
                return Ok(elapsed);
            }
        }
    }

    /// Takes all output for a while, as a terminal does.
    fn drain_until(&self, end: Instant) {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(_bytes) if !left.is_zero() => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn quit(mut self) -> anyhow::Result<()> {
        // A program that ended by itself has closed its terminal already.
        drop(self.input.write_all(b"q"));
        drop(self.input.flush());
        let end = Instant::now() + FRAME_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > end {
                self.child.kill()?;
                bail!("it does not quit by q");
            }
            self.drain_until(Instant::now() + Duration::from_millis(5));
        }
        Ok(())
    }
}

fn first_frame(subject: &Subject) -> anyhow::Result<Duration> {
    let mut running = Running::start(subject)?;
    let elapsed = running.wait_for(subject)?;
    running.quit()?;
    Ok(elapsed)
}

fn measure_idle(subjects: &[Subject], idle: Duration) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for subject in subjects {
        let mut running = Running::start(subject)?;
        running.wait_for(subject)?;
        all.push(running);
    }
    drain_all(&all, Instant::now() + SETTLE);
    let before: Vec<u64> = all.iter().map(ticks).collect::<anyhow::Result<_>>()?;
    drain_all(&all, Instant::now() + idle);
    for ((subject, running), before) in subjects.iter().zip(&all).zip(before) {
        // USER_HZ is 100 on every Linux.
        let seconds = (ticks(running)? - before) as f64 / 100.0;
        let share = seconds / idle.as_secs_f64() * 100.0;
        say(&format!("  {:16} {share:.2} % of a core", subject.name))?;
    }
    all.into_iter().try_for_each(Running::quit)
}

fn drain_all(all: &[Running], end: Instant) {
    while Instant::now() < end {
        for running in all {
            let slice = Instant::now() + Duration::from_millis(100);
            running.drain_until(slice.min(end));
        }
    }
}

/// Processor time of the program itself, in ticks; not of the `ssh` processes it started, which
/// `tests/lab/measure` does not count either.
fn ticks(running: &Running) -> anyhow::Result<u64> {
    let pid = running.child.process_id().context("it has no process id")?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} ended"))?;
    let (_, rest) = stat.rsplit_once(')').context("an odd /proc/PID/stat")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (next(), next());
    Ok(user.context("no user time")? + system.context("no system time")?)
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}
