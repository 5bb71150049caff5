//! Owns the embedded cluster of `rmqtop demo` and of fast tests: the article's cluster as a small
//! state machine (`world`), which serves the management API and HAProxy's statistics on loopback and
//! answers the typed commands in process. The product never asks whether it looks at this one.

mod api;
mod door;
mod http;
pub mod scenario;
mod shell;
pub mod stage;
mod stats;
pub mod world;
