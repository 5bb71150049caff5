//! Owns the command line: its types (whose doc comments are the help text), the choice of a
//! cluster, and one file per subcommand. The only room that prints.

pub mod check;
pub mod console;
pub mod demo;
pub mod init;
pub mod man;
pub mod outcome;
pub mod output;
pub mod plan;
pub mod report;
pub mod resume;
pub mod run;
pub mod runbook;
pub mod runs;
pub mod select;
pub mod session;
pub mod start;
pub mod status;
pub mod tried;
pub mod watch;

use crate::config::Cluster;
use crate::guard::{Mode, Wish};
use clap::{Args, Parser, Subcommand, ValueEnum};
use output::Out;
use std::path::PathBuf;
use std::time::Duration;

/// A terminal console for a highly available RabbitMQ cluster: brokers, the HAProxy pair in front
/// of them, and the keepalived VIP in front of those.
#[derive(Debug, Parser)]
#[command(name = "rmqtop", version = env!("RMQTOP_VERSION"), max_term_width = 100)]
pub struct Cli {
    /// What to do; without a command, the console
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
pub struct Common {
    /// Configuration file [default: rmqtop/config.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Cluster of the configuration [default: its default_cluster]
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// When to colour; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Watch only: nothing can be changed in this session
    #[arg(long, global = true, conflicts_with = "write")]
    pub read_only: bool,
    /// Colours of the console: dark, light, high-contrast, mono, nord, gruvbox, or a file
    #[arg(long, global = true, value_name = "THEME", default_value = "dark")]
    pub theme: String,
    /// Only ASCII signs in the console
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Allow changes, unless the cluster's configuration forbids them [default]
    #[arg(long, global = true)]
    pub write: bool,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// If standard output is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The console, read-only for the whole session
    Monitor(MonitorArgs),
    /// The console on an embedded cluster; nothing outside this process is touched
    Demo(demo::DemoArgs),
    /// Find a cluster from one of its hosts, and write it into the configuration; changes nothing there
    Init(init::InitArgs),
    /// One snapshot of everything: nodes, load balancers, VIP, sources, findings
    Status(status::StatusArgs),
    /// Findings only; exit 0 ok, 1 warning, 2 critical, 3 unknown
    Check(check::CheckArgs),
    /// A stream of what changes: VIP moves, states, findings opened and closed
    Watch(watch::WatchArgs),
    /// What a runbook would do: its checks, steps and blast radius; changes nothing
    Plan(plan::PlanArgs),
    /// Do a runbook: with --execute, and confirmed; without, the same as plan
    Run(run::RunArgs),
    /// The journal: every run, or one in full
    Runs(runs::RunsArgs),
    /// Go on with an interrupted run: shows what is left; with --execute, and confirmed, does it
    Resume(resume::ResumeArgs),
    /// Close an interrupted run for good; sends nothing
    Abandon(resume::AbandonArgs),
    /// Shell completions on standard output
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// The manual: its first page on standard output, or all pages into a folder
    Man(man::ManArgs),
}

/// Options of `monitor`.
#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// For a wall screen: show each pane in turn for this long (20s, 2m); a key keeps one for a turn more
    #[arg(long, value_name = "DURATION", value_parser = turn)]
    pub rotate: Option<Duration>,
}

/// How long a pane is shown: long enough to be read.
fn turn(text: &str) -> Result<Duration, String> {
    let least = Duration::from_secs(1);
    let read = text.parse::<jiff::SignedDuration>();
    let read = read.ok().and_then(|read| Duration::try_from(read).ok());
    match read {
        Some(turn) if turn >= least => Ok(turn),
        Some(_) => Err("a pane is shown for at least 1s".to_owned()),
        None => Err("this is no duration; write it as 20s or 2m".to_owned()),
    }
}

/// Runs the command to its end and gives the exit code.
pub fn run(cli: Cli) -> u8 {
    if let Err(error) = crate::core_dump::forbid() {
        output::say(format_args!("rmqtop: failed to forbid core dumps: {error}"));
    }
    let on_error = match &cli.command {
        Some(Command::Check(_)) => outcome::CHECK_UNKNOWN,
        _ => outcome::TROUBLE,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from);
    let result = runtime.and_then(|runtime| runtime.block_on(beside_the_sources(dispatch(cli))));
    match result {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => 0,
        Err(error) => {
            output::say(format_args!("rmqtop: {}", output::chain(&error)));
            on_error
        }
    }
}

/// Runs `command` on the threads that drive all other tasks. The thread that starts the runtime
/// drives nothing: each answer and each timer would have to wake it.
async fn beside_the_sources(
    command: impl Future<Output = anyhow::Result<u8>> + Send + 'static,
) -> anyhow::Result<u8> {
    match tokio::spawn(command).await {
        Ok(result) => result,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<u8> {
    let out = Out::new(&cli.common);
    match cli.command {
        Some(Command::Status(args)) => {
            status::run(&select::cluster_to_ask(&cli.common)?, &args, &out).await
        }
        Some(Command::Check(args)) => {
            check::run(&select::cluster_to_ask(&cli.common)?, &args, &out).await
        }
        Some(Command::Watch(args)) => {
            watch::run(&select::cluster_to_ask(&cli.common)?, &args, &out).await
        }
        Some(Command::Plan(args)) => {
            plan::run(&select::cluster_to_ask(&cli.common)?, &args, &out).await
        }
        Some(Command::Run(args)) => {
            let cluster = select::cluster_to_ask(&cli.common)?;
            run::run(&cluster, &mode(&cli.common, &cluster), &args, &out).await
        }
        Some(Command::Runs(args)) => runs::run(&cli.common, &args, &out).await,
        Some(Command::Resume(args)) => Box::pin(resume::resume(&cli.common, &args, &out)).await,
        Some(Command::Abandon(args)) => resume::abandon(&cli.common, &args, &out),
        Some(Command::Completions { shell }) => man::completions(shell),
        Some(Command::Man(args)) => man::run(&args),
        Some(Command::Init(args)) => init::run(&args, &cli.common).await,
        Some(Command::Demo(args)) => demo::run(&args, &cli.common, &out).await,
        Some(Command::Monitor(args)) => {
            let common = Common {
                read_only: true,
                ..cli.common
            };
            console::run(&select::cluster_to_ask(&common)?, &common, args.rotate).await
        }
        None => console::run(&select::cluster_to_ask(&cli.common)?, &cli.common, None).await,
    }
}

/// What this session may do on this cluster.
fn mode(common: &Common, cluster: &Cluster) -> Mode {
    let wish = if common.read_only {
        Wish::Watch
    } else {
        Wish::Operate
    };
    Mode::of(wish, cluster.access, &cluster.name)
}

/// Prints a usage error or the help and gives the exit code: 0 for help, 3 for `check` (so that a
/// monitoring system does not take a typing error for a broken cluster), else 64 (sysexits).
pub fn usage(error: &clap::Error) -> u8 {
    drop(error.print());
    match error.exit_code() {
        0 => 0,
        _ if std::env::args_os().any(|arg| arg == "check") => outcome::CHECK_UNKNOWN,
        _ => outcome::USAGE,
    }
}

/// `rmqtop status | head` is no trouble.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
