//! Owns the discovery of a cluster from one of its hosts or management APIs: what is on each host,
//! what belongs together, and the entry of the configuration that says so. Reads only: it holds
//! `Observe`. What it could not learn it says, with the reason.

mod api;
pub mod balancer;
pub mod cluster;
pub mod entry;
pub mod found;
mod host;
pub mod target;

pub use cluster::find;
pub use found::Found;
pub use target::Target;
