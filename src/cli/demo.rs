//! Owns `rmqtop demo`: the console on the embedded cluster. Its runs and its journal stand in a
//! folder that goes with it.

use super::output::{Out, say};
use super::session::Session;
use super::{Common, console};
use crate::executor::event::RunId;
use crate::executor::journal;
use crate::executor::report::outcome_word;
use crate::executor::state::{StateDir, StatePlace};
use crate::remote;
use crate::sim::scenario::Scenario;
use crate::sim::stage::Simulation;
use crate::sim::world::{Release, Size};
use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::collections::BTreeSet;
use std::str::FromStr;
use strum::{IntoEnumIterator, VariantNames};
use tempfile::TempDir;

/// More queues than this would take minutes to make.
const MOST_QUEUES: u64 = 1_000_000;

/// Options of `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// What happens in it
    #[arg(long, value_name = "NAME", default_value = "healthy", value_parser = one_of::<Scenario>())]
    pub scenario: Scenario,
    /// Which RabbitMQ
    #[arg(long, default_value = "4.3", value_parser = one_of::<Release>())]
    pub release: Release,
    /// How many queues [default: as many as the scenario has]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_QUEUES))]
    pub queues: Option<u64>,
    /// The same number gives the same story
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print the scenarios, and the findings by which each is known
    #[arg(long)]
    pub list: bool,
}

/// Takes the words of `T`, and shows them in the help.
fn one_of<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>
        + VariantNames
        + Clone
        + Send
        + Sync
        + 'static,
{
    PossibleValuesParser::new(T::VARIANTS).try_map(|word| word.parse())
}

/// Plays the scenario until the console is closed.
pub async fn run(args: &DemoArgs, common: &Common, out: &Out) -> anyhow::Result<u8> {
    if args.list {
        out.line(&format!(
            "{:<20} {:<8} {:<11} WHAT HAPPENS",
            "SCENARIO", "KNOWN BY", "ALSO TRUE"
        ))?;
        for scenario in Scenario::iter() {
            out.line(&row(scenario, args.release))?;
        }
        return Ok(0);
    }
    let demo = Demo::begin(args).await?;
    let ended = |id: &RunId| say(format_args!("the run {id} ended with the demo"));
    let code = console::show(demo.session(), (common, None), &ended).await?;
    demo.tell();
    Ok(code)
}

fn row(scenario: Scenario, release: Release) -> String {
    let beside: BTreeSet<&str> = scenario.beside(release).iter().copied().collect();
    let beside = beside.into_iter().collect::<Vec<_>>().join(" ");
    let (mark, about) = (scenario.mark().unwrap_or("-"), scenario.about());
    format!(
        "{:<20} {mark:<8} {beside:<11} {about}",
        scenario.to_string()
    )
}

/// An embedded cluster with a folder of its own, for the console and for tests.
#[derive(Debug)]
pub struct Demo {
    /// The cluster.
    pub simulation: Simulation,
    home: TempDir,
}

impl Demo {
    /// Begins to play.
    ///
    /// # Errors
    ///
    /// If there is no room for temporary files, or no free port on loopback.
    pub async fn begin(args: &DemoArgs) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("rmqtop-demo-").tempdir();
        let home = home.context("cannot make a folder for the demo")?;
        let usual = args.scenario.size();
        let size = Size {
            queues: args
                .queues
                .map_or(usual.queues, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            ..usual
        };
        let world = args.scenario.world(args.release, size, args.seed);
        let simulation = Simulation::begin(world)
            .await
            .context("no free port on this machine")?;
        Ok(Self { simulation, home })
    }

    /// Says what was done, and how long clients were without service.
    fn tell(&self) {
        let runs = StateDir::at(self.home.path()).ok();
        let runs = runs.and_then(|state| journal::list(&state).ok());
        for (_, record) in runs.into_iter().flatten().rev() {
            if let Ok(record) = record {
                let end = record.outcome.as_ref().map_or("not finished", outcome_word);
                say(format_args!("{}: {end}", record.plan.action));
            }
        }
        let stage = &self.simulation.stage;
        let (clients, unserved) = stage.with(|world| (world.clients().len(), world.unserved()));
        if !unserved.is_zero() && clients > 0 {
            let each = unserved.as_secs_f64() / clients as f64;
            say(format_args!(
                "each of the {clients} clients was without service for {each:.1} s on average"
            ));
        }
    }

    /// The product's ways to it.
    pub fn session(&self) -> Session {
        let cluster = &self.simulation.cluster;
        let hands = remote::with_api(cluster, self.simulation.links.clone());
        Session::over(cluster, hands, StatePlace::At(self.home.path().to_owned()))
    }
}
