//! The console without a terminal: screens at every size as text, and keys through the real input,
//! update and draw.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(dead_code, reason = "not every test uses all of what tests share")]

#[path = "console/actions.rs"]
mod actions;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "console/flows.rs"]
mod flows;
#[path = "console/journal.rs"]
mod journal;
#[path = "support/plans.rs"]
mod plans;
#[path = "console/policies.rs"]
mod policies;
#[path = "console/random.rs"]
mod random;
#[path = "support/scene.rs"]
mod scene;
#[path = "console/screens.rs"]
mod screens;
#[path = "console/session.rs"]
mod session;
#[path = "support/stage.rs"]
mod stage;
#[path = "console/wall.rs"]
mod wall;
