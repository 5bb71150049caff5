//! Owns how much of a list was seen, and sums of which a summand may be missing. What is not seen
//! is counted: it is never taken for nothing.

use super::text::Shown;

/// A list with its three counts: what there is, what this user is shown, what was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// How many there are in the whole cluster, whoever may see them.
    pub exist: Option<u64>,
    /// How many the answer says that this user may see.
    pub total: Option<u64>,
    /// Those that were read and understood.
    pub rows: Vec<T>,
    /// Rows that could not be understood.
    pub skipped_rows: usize,
    /// Who asked.
    pub user: Option<Shown>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            exist: None,
            total: None,
            rows: Vec::new(),
            skipped_rows: 0,
            user: None,
        }
    }
}

impl<T> Page<T> {
    /// Whether these are all there are.
    pub fn is_whole(&self) -> bool {
        self.gap("rows").is_none()
    }

    /// Why these are not all `things` there are, with counts; `None` if they are. The one place
    /// that decides it.
    pub fn gap(&self, things: &str) -> Option<String> {
        let listed = self.rows.len() as u64;
        let read = listed + self.skipped_rows as u64;
        let all = self.exist.max(self.total);
        let of_all = all.map_or_else(|| "?".to_owned(), |all| all.to_string());
        match (self.total, self.exist) {
            (None, _) => Some(format!("how many {things} there are is not known")),
            (Some(total), _) if total > read => {
                Some(format!("{listed} of {of_all} {things} could be listed"))
            }
            (Some(_), Some(exist)) if exist > read => {
                let user = self.user.as_ref().map_or("this user", Shown::as_str);
                Some(format!(
                    "{listed} of {exist} {things} are visible to {user}"
                ))
            }
            (Some(_), _) if self.skipped_rows > 0 => {
                Some(format!("{listed} of {of_all} {things} could be read"))
            }
            (Some(_), None) => Some(format!(
                "{listed} {things} could be listed; whether there are more is not known"
            )),
            (Some(_), Some(_)) => None,
        }
    }
}

/// A sum of which some summands may be unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    known: u64,
    summands: usize,
    missing: usize,
}

impl Tally {
    /// The sum, if every summand is known.
    pub fn whole(self) -> Option<u64> {
        (self.missing == 0).then_some(self.known)
    }

    /// `3 messages`, `at least 3 messages`, or `an unknown number of messages`.
    pub fn of(self, thing: &str) -> String {
        let s = if self.known == 1 { "" } else { "s" };
        if self.missing == 0 {
            format!("{} {thing}{s}", self.known)
        } else if self.missing == self.summands {
            format!("an unknown number of {thing}s")
        } else {
            format!("at least {} {thing}{s}", self.known)
        }
    }
}

impl FromIterator<Option<u64>> for Tally {
    fn from_iter<I: IntoIterator<Item = Option<u64>>>(summands: I) -> Self {
        let mut tally = Self::default();
        for summand in summands {
            tally += summand;
        }
        tally
    }
}

impl std::ops::AddAssign<Option<u64>> for Tally {
    fn add_assign(&mut self, summand: Option<u64>) {
        self.summands += 1;
        match summand {
            Some(known) => self.known = self.known.saturating_add(known),
            None => self.missing += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Tally};
    use crate::model::text::Shown;
    use rstest::rstest;

    fn page(exist: Option<u64>, total: Option<u64>, rows: usize, skipped: usize) -> Page<()> {
        Page {
            exist,
            total,
            rows: vec![(); rows],
            skipped_rows: skipped,
            user: Some(Shown::new("mon")),
        }
    }

    #[rstest]
    #[case(page(Some(2), Some(2), 2, 0), None)]
    #[case(page(Some(0), Some(0), 0, 0), None)]
    // A queue that was deleted between the count and the list.
    #[case(page(Some(1), Some(2), 2, 0), None)]
    #[case(
        page(Some(812), Some(0), 0, 0),
        Some("0 of 812 queues are visible to mon")
    )]
    #[case(
        page(Some(812), Some(812), 500, 0),
        Some("500 of 812 queues could be listed")
    )]
    #[case(page(Some(3), Some(3), 2, 1), Some("2 of 3 queues could be read"))]
    #[case(
        page(Some(3), None, 2, 0),
        Some("how many queues there are is not known")
    )]
    #[case(
        page(None, Some(2), 2, 0),
        Some("2 queues could be listed; whether there are more is not known")
    )]
    fn a_list_is_whole_only_if_its_counts_agree(#[case] page: Page<()>, #[case] gap: Option<&str>) {
        assert_eq!(page.gap("queues").as_deref(), gap);
        assert_eq!(page.is_whole(), gap.is_none());
    }

    #[rstest]
    #[case(&[], "0 messages", Some(0))]
    #[case(&[Some(1)], "1 message", Some(1))]
    #[case(&[Some(3), None], "at least 3 messages", None)]
    #[case(&[None, Some(0)], "at least 0 messages", None)]
    #[case(&[None], "an unknown number of messages", None)]
    fn a_sum_says_what_it_lacks(
        #[case] summands: &[Option<u64>],
        #[case] words: &str,
        #[case] whole: Option<u64>,
    ) {
        let tally: Tally = summands.iter().copied().collect();
        assert_eq!(
            (tally.of("message").as_str(), tally.whole()),
            (words, whole)
        );
    }
}
