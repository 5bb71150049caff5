//! The journal's promise: whatever happens to the file, a reader gets a prefix of the truth or an
//! error.

use crate::doubles::{Act, Ran, World, restart};
use proptest::prelude::*;
use rmqtop::executor::event::{RunEvent, RunId};
use rmqtop::executor::journal::{self, Journal, JournalError, Tail};
use rmqtop::executor::state::StateDir;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

async fn a_run() -> (Ran, PathBuf, Vec<u8>) {
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let path = ran.state.runs().join(format!("{}.jsonl", ran.id));
    let bytes = fs::read(&path).unwrap();
    (ran, path, bytes)
}

#[tokio::test(start_paused = true)]
async fn cut_anywhere_it_is_a_prefix() {
    let (ran, path, bytes) = a_run().await;
    let truth = ran.journal();
    for length in 0..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let (events, tail) = journal::read(&ran.state, &ran.id).unwrap();
        assert_eq!(events[..], truth[..events.len()]);
        let lines = String::from_utf8_lossy(&bytes[..length])
            .matches('\n')
            .count();
        // The last line counts as soon as only its end is missing.
        assert!(events.len() == lines || events.len() == lines + 1);
        if length == bytes.len() || (length > 0 && bytes[length - 1] == b'\n') {
            assert_eq!((events.len(), tail), (lines, Tail::Whole));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lines_cannot_be_moved_left_out_doubled_or_taken_from_another_run() {
    let (ran, path, bytes) = a_run().await;
    let (_other, _, foreign) = a_run().await;
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let foreign = String::from_utf8(foreign).unwrap();
    let strange: Vec<&str> = foreign.split_inclusive('\n').collect();
    let damaged = |lines: Vec<&str>| {
        fs::write(&path, lines.concat()).unwrap();
        matches!(
            journal::read(&ran.state, &ran.id),
            Err(JournalError::Damaged { .. })
        )
    };
    for at in 0..lines.len() - 1 {
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        assert!(damaged(swapped), "swapped at {at}");
        let mut missing = lines.clone();
        missing.remove(at);
        assert!(damaged(missing), "missing {at}");
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        assert!(damaged(doubled), "doubled at {at}");
        let mut mixed = lines.clone();
        mixed[at + 1] = strange[at + 1];
        assert!(damaged(mixed), "foreign at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn flipped_bits_are_never_believed(places in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4)) {
        let (state, id, path, bytes, truth) = recorded();
        let mut bytes = bytes.clone();
        for (place, bit) in places {
            let at = place.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        fs::write(path, &bytes).unwrap();
        if let Ok((events, _)) = journal::read(state, id) {
            prop_assert_eq!(&events[..], &truth[..events.len()]);
        }
    }
}

type Recorded = (StateDir, RunId, PathBuf, Vec<u8>, Vec<RunEvent>);

/// One run for all cases of the property; they run one after the other.
fn recorded() -> &'static Recorded {
    static RUN: std::sync::OnceLock<(Ran, Recorded)> = std::sync::OnceLock::new();
    let made = RUN.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (ran, path, bytes) = runtime.block_on(a_run());
        let truth = ran.journal();
        let recorded = (ran.state.clone(), ran.id.clone(), path, bytes, truth);
        (ran, recorded)
    });
    &made.1
}

#[tokio::test(start_paused = true)]
async fn it_is_private_and_never_overwritten() {
    let (ran, path, _) = a_run().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert!(matches!(
        Journal::create(&ran.state, &ran.id),
        Err(JournalError::File { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn it_is_never_opened_through_a_link_that_someone_laid() {
    let (ran, _, _) = a_run().await;
    let id = RunId::parse("laid").unwrap();
    std::os::unix::fs::symlink("/dev/null", ran.state.runs().join("laid.jsonl")).unwrap();
    assert!(matches!(
        Journal::create(&ran.state, &id),
        Err(JournalError::File { .. })
    ));
}

#[test]
fn an_id_from_outside_is_no_path() {
    for bad in ["", "../x", "a/b", "a.b", "a b", "a\n"] {
        assert_eq!(RunId::parse(bad), None, "{bad:?}");
    }
    let id = RunId::new("2026-11-22T14:02:31Z".parse().unwrap());
    assert!(id.0.starts_with("20261122-140231-"), "{id}");
    assert_eq!(RunId::parse(&id.0), Some(id));
}

#[test]
fn a_damaged_journal_is_listed_as_such() {
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(home.path()).unwrap();
    fs::write(state.runs().join("20260101-000000-0000.jsonl"), "{}\n").unwrap();
    fs::write(state.runs().join("notes.txt"), "not a run").unwrap();
    let listed = journal::list(&state).unwrap();
    assert_eq!(listed.len(), 1);
    assert!(matches!(
        listed[0].1,
        Err(JournalError::Damaged { line: 1, .. })
    ));
    assert!(matches!(
        journal::record(&state, &RunId::parse("none").unwrap()),
        Err(JournalError::NoSuchRun { .. })
    ));
}

/// Stopped between its preparation and its first word, a run was none.
#[test]
fn a_run_that_never_began_leaves_no_journal() {
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(home.path()).unwrap();
    let run = RunId("20261122-140231-7f3a".to_owned());
    drop(Journal::create(&state, &run).unwrap());
    assert_eq!(fs::read_dir(state.runs()).unwrap().count(), 0);
}
