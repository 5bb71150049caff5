//! Owns how long to wait after failures: growing, capped, with jitter so that many waiters do not
//! return at once. Pure but for the roll of the dice.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure.
    pub base: Duration,
    /// Longest wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row: it doubles up to the cap, then `roll` (0 to 1)
    /// takes up to a quarter off. Never shrinks with more failures for the same roll.
    pub fn wait(&self, failures: u32, roll: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let full = self.base.saturating_mul(1 << doublings).min(self.cap);
        full.mul_f64(1.0 - roll.clamp(0.0, 1.0) / 4.0)
    }
}

/// A number in 0 to 1 that differs from call to call; good enough to spread waits.
pub fn roll() -> f64 {
    // The hasher's keys are the only source of chance in std.
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, roll};
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn waits_never_shrink_and_never_pass_the_cap(
            base in 1_u64..10_000, cap in 1_u64..100_000, failures in 0_u32..100, roll in 0.0..1.0_f64,
        ) {
            let backoff = Backoff {
                base: Duration::from_millis(base),
                cap: Duration::from_millis(cap),
            };
            let wait = backoff.wait(failures, roll);
            prop_assert!(wait <= backoff.cap);
            prop_assert!(wait >= backoff.base.min(backoff.cap).mul_f64(0.749));
            prop_assert!(backoff.wait(failures + 1, roll) >= wait);
        }
    }

    #[test]
    fn rolls_stay_in_range_and_differ() {
        let rolls: Vec<f64> = (0..50).map(|_| roll()).collect();
        assert!(rolls.iter().all(|roll| (0.0..=1.0).contains(roll)));
        assert!(rolls.iter().any(|roll| (roll - rolls[0]).abs() > 0.01));
    }
}
