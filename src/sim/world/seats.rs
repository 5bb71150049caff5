//! Owns a small set of members, each by its place in the list of hosts.

/// Some of the members. Sixteen at most, so that a hundred thousand queues stay small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seats(u16);

impl Seats {
    /// The first so many.
    pub fn first(count: usize) -> Self {
        (0..count).collect()
    }

    /// This one alone.
    pub fn only(at: usize) -> Self {
        [at].into_iter().collect()
    }

    /// Whether `at` is among them.
    pub fn has(self, at: usize) -> bool {
        self.0 & bit(at) != 0
    }

    /// Takes `at` in.
    pub fn add(&mut self, at: usize) {
        self.0 |= bit(at);
    }

    /// Takes `at` out.
    pub fn remove(&mut self, at: usize) {
        self.0 &= !bit(at);
    }

    /// Those in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those here and not there.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..16).filter(move |at| self.has(*at))
    }

    /// Whether `some` are more than half of these.
    pub fn is_majority(self, some: Self) -> bool {
        self.and(some).len() * 2 > self.len()
    }
}

fn bit(at: usize) -> u16 {
    u32::try_from(at)
        .ok()
        .and_then(|at| 1_u16.checked_shl(at))
        .unwrap_or(0)
}

impl FromIterator<usize> for Seats {
    fn from_iter<I: IntoIterator<Item = usize>>(all: I) -> Self {
        let mut seats = Self::default();
        all.into_iter().for_each(|at| seats.add(at));
        seats
    }
}
