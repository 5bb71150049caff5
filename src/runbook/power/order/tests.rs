//! Who stopped last, for every way in which three members can go down.

use super::{Account, Order, compared, of, of_journal};
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::shutdown::{NodeFiles, Patience, StopRecord, WholeStop};
use crate::runbook::plan::Verdict;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

fn node(letter: char) -> NodeName {
    NodeName::parse(&format!("rabbit@{letter}")).unwrap()
}

fn nodes(letters: &str) -> Vec<NodeName> {
    letters.chars().map(node).collect()
}

/// `"a abc"`: a saw a, b and c run when it stopped.
fn files(texts: &[&str]) -> Vec<(NodeName, NodeFiles)> {
    let read = |text: &&str| {
        let (name, ran) = text.split_once(' ').unwrap();
        let files = NodeFiles {
            ran: Some(nodes(ran)),
            ..NodeFiles::default()
        };
        (node(name.chars().next().unwrap()), files)
    };
    texts.iter().map(read).collect()
}

fn accounts(files: &[(NodeName, NodeFiles)]) -> Vec<Account<'_>> {
    let account = |(node, files)| Account { node, files };
    files
        .iter()
        .map(|(node, files)| account((node, files)))
        .collect()
}

fn judged(texts: &[&str], lost: &str) -> Order {
    let files = files(texts);
    of(&accounts(&files), &nodes(lost).into_iter().collect())
}

fn waves(texts: &[&str]) -> Order {
    Order::Known(texts.iter().map(|wave| nodes(wave)).collect())
}

#[test]
fn the_one_that_stopped_last_starts_first() {
    assert_eq!(
        judged(&["a abc", "b bc", "c c"], ""),
        waves(&["c", "b", "a"])
    );
    assert_eq!(
        judged(&["a a", "b abc", "c ac"], ""),
        waves(&["a", "c", "b"])
    );
    assert_eq!(judged(&["a a"], ""), waves(&["a"]));
}

#[test]
fn members_that_lost_power_together_start_together() {
    assert_eq!(judged(&["a abc", "b abc", "c abc"], ""), waves(&["abc"]));
    assert_eq!(judged(&["a abc", "b bc", "c bc"], ""), waves(&["bc", "a"]));
}

#[test]
fn two_that_each_were_alone_are_not_put_into_an_order() {
    assert!(matches!(judged(&["a a", "b b"], ""), Order::Untold(_)));
    assert!(matches!(
        judged(&["a abc", "b b", "c c"], ""),
        Order::Untold(_)
    ));
}

#[test]
fn a_lost_member_blocks_only_those_that_saw_it_to_the_end() {
    let blocked = Order::Blocked {
        lost: nodes("c"),
        newest: nodes("b"),
    };
    assert_eq!(judged(&["a abc", "b bc"], "c"), blocked);
    assert_eq!(judged(&["a abc", "b b"], "c"), waves(&["b", "a"]));
    let both = Order::Blocked {
        lost: nodes("bc"),
        newest: nodes("a"),
    };
    assert_eq!(judged(&["a abc"], "bc"), both);
}

#[test]
fn one_that_is_told_to_start_waits_for_nobody() {
    let mut files = files(&["a abc", "b bc"]);
    files[1].1.patience = Patience::Forced;
    let lost: BTreeSet<NodeName> = nodes("c").into_iter().collect();
    assert_eq!(of(&accounts(&files), &lost), waves(&["b", "a"]));
    // Told so although another ran longer: then two would each go by their own data.
    files[1].1.patience = Patience::Waits;
    files[0].1.patience = Patience::Forced;
    files[1].1.ran = Some(nodes("b"));
    assert!(matches!(of(&accounts(&files), &lost), Order::Untold(_)));
}

#[test]
fn one_that_left_no_word_is_not_guessed_at() {
    let mut files = files(&["a abc", "b b"]);
    files[0].1.ran = None;
    let order = of(&accounts(&files), &BTreeSet::new());
    assert!(matches!(order, Order::Untold(_)));
}

fn record(stopped: &str) -> StopRecord {
    let at = Timestamp::UNIX_EPOCH;
    StopRecord {
        run: "19700101-000000-0001".to_owned(),
        who: "me@here".to_owned(),
        planned: WholeStop::default(),
        stopped: nodes(stopped).into_iter().map(|node| (node, at)).collect(),
    }
}

#[test]
fn the_discs_count_where_the_journal_says_otherwise() {
    let mut files = files(&["a abc", "b bc", "c c"]);
    let known = |files: &[(NodeName, NodeFiles)], stopped| {
        let waves: Vec<Vec<NodeName>> = ["c", "b", "a"].iter().map(|w| nodes(w)).collect();
        let now = Moment::ORIGIN.later(Duration::from_secs(600));
        compared(&record(stopped), &waves, &accounts(files), now)
    };
    assert_eq!(known(&files, "abc").0, Verdict::Passed);
    let (verdict, words) = known(&files, "cba");
    assert_eq!(verdict, Verdict::Warning);
    assert!(words[0].contains("the discs count"), "{words:?}");
    // The same order, but its host says that it stopped ten minutes later.
    files[2].1.ended = Some(Duration::from_secs(5));
    let (verdict, words) = known(&files, "abc");
    assert_eq!(verdict, Verdict::Warning);
    assert!(words[0].contains("another stop"), "{words:?}");
}

#[test]
fn the_journal_is_only_used_where_it_tells_of_all() {
    let (a, b, c) = (node('a'), node('b'), node('c'));
    let known = of_journal(&record("abc"), &[&a, &b, &c]).unwrap();
    assert_eq!(Order::Known(known), waves(&["c", "b", "a"]));
    assert_eq!(of_journal(&record("ab"), &[&a, &b, &c]), None);
}
