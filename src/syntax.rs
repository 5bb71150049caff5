//! Owns the parsers of configuration files: lossless, with positions, and pure. What a file means
//! to the cluster is said elsewhere.

pub mod haproxy;
pub mod keepalived;
