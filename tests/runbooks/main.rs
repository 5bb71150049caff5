//! The engine as a whole: plans, permits, runs with a fault at every step, the journal.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the variants it is about"
)]

#[cfg(test)]
mod caught_up;
#[cfg(test)]
#[path = "../support/cluster.rs"]
mod cluster;
#[cfg(test)]
mod confirm;
#[cfg(test)]
mod disc;
#[cfg(test)]
mod doubles;
#[cfg(test)]
mod effects;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod meanwhile;
#[cfg(test)]
mod members;
#[cfg(test)]
mod membership;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod power;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod printed;
#[cfg(test)]
mod quorum;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod returned;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod spare;
