//! Scripted hands and eyes on one cluster: what a command does to it and what the caller hears
//! are set apart, because that is where runs go wrong.

mod audit;
mod drive;
mod ends;
mod hands;
mod trial;
mod world;

pub(crate) use drive::{
    act, confirmed, execute, holder, plan, restart, restart_with, resume, unheld,
};
pub(crate) use ends::{Ran, Resumed};
pub(crate) use trial::{commands, faulted, overtaken, twice};
pub(crate) use world::{Act, Happening, Reply, World};

use rmqtop::model::moment::Moment;
use std::sync::OnceLock;
use tokio::time::Instant;

/// A moment on the runtime's clock, which tests can pause.
pub(crate) fn clock() -> Moment {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    Moment::ORIGIN.later(Instant::now().saturating_duration_since(start))
}
