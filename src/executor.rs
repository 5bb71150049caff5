//! Owns the running of a plan: precheck, act, postcheck; events, journal, locks, cancellation.
//! The only holder of `remote::Operate`.

pub mod control;
pub mod definitions;
mod delivery;
pub mod event;
pub mod eyes;
pub mod follow;
pub mod hosts;
pub mod journal;
pub mod lock;
pub mod record;
pub mod remembered;
pub mod report;
pub mod resume;
pub mod run;
pub mod state;

use crate::model::name::HostName;
use crate::remote::Operate;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ways to change each host. A host that is missing cannot be changed.
pub type Hands = BTreeMap<HostName, Arc<dyn Operate>>;
