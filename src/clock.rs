//! Owns the only reading of the clock. `model`, `findings`, `runbook`, `app` and `view` never call
//! it: they are handed a `Moment`.

use crate::model::moment::Moment;
use jiff::Timestamp;
use std::sync::OnceLock;
use std::time::Instant;

static START: OnceLock<Instant> = OnceLock::new();

/// This moment on both clocks. The monotonic one counts from the first call.
pub fn now() -> Moment {
    let start = *START.get_or_init(Instant::now);
    Moment::new(start.elapsed(), Timestamp::now())
}
