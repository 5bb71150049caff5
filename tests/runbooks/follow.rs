//! A run is followed by its journal while another process writes it: by the console's follower,
//! and by `rmqtop runs ID --follow`.

use crate::doubles::{Act, Ran, World, holder, restart};
use rmqtop::executor::event::RunOutcome;
use rmqtop::executor::follow::Follower;
use rmqtop::executor::lock::ClusterLock;
use rmqtop::executor::record::{Look, Writer};
use rmqtop::executor::state::StateDir;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A run that went well, and the lines of its journal.
async fn a_run() -> (Ran, Vec<String>) {
    let ran = restart(World::healthy([Act::works(), Act::works()])).await;
    let text = fs::read_to_string(path(&ran.state, &ran)).unwrap();
    let lines = text.split_inclusive('\n').map(str::to_owned).collect();
    (ran, lines)
}

fn path(state: &StateDir, ran: &Ran) -> PathBuf {
    state.runs().join(format!("{}.jsonl", ran.id))
}

fn one(look: Option<Look>) -> (Option<RunOutcome>, Writer, usize) {
    let kept = look.expect("there is news").kept;
    let [kept] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    let record = kept.record.as_ref().unwrap();
    let begun = record.steps.iter().filter(|step| step.started.is_some());
    (record.outcome.clone(), kept.writer, begun.count())
}

#[tokio::test(start_paused = true)]
async fn only_what_is_new_is_told() {
    let (ran, lines) = a_run().await;
    let path = path(&ran.state, &ran);
    let mut follower = Follower::new(ran.state.clone());
    assert_eq!(
        one(follower.look().unwrap()).0,
        Some(RunOutcome::Done),
        "all at first"
    );
    assert_eq!(follower.look().unwrap(), None, "nothing happened");

    fs::write(&path, lines[..2].concat()).unwrap();
    let seen = one(follower.look().unwrap());
    assert_eq!(seen, (None, Writer::Gone, 1), "nobody holds its lock");
    assert!(!follower.is_live());

    let cluster = &ran.record().plan.cluster;
    let lock = ClusterLock::take(&ran.state, cluster, &holder(&ran.id)).unwrap();
    assert_eq!(one(follower.look().unwrap()), (None, Writer::Lives, 1));
    assert!(follower.is_live());
    assert_eq!(follower.look().unwrap(), None);

    // Half a line is no news yet: the writer is in the middle of it.
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&lines[2].as_bytes()[..20]).unwrap();
    assert_eq!(one(follower.look().unwrap()), (None, Writer::Lives, 1));
    file.write_all(&lines[2].as_bytes()[20..]).unwrap();
    file.write_all(lines[3..].concat().as_bytes()).unwrap();
    let (outcome, writer, _) = one(follower.look().unwrap());
    assert_eq!((outcome, writer), (Some(RunOutcome::Done), Writer::Lives));
    drop(lock);
    assert_eq!(one(follower.look().unwrap()).1, Writer::Gone);
    assert_eq!(follower.look().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_told_as_one_and_hides_no_other() {
    let (ran, lines) = a_run().await;
    fs::write(
        ran.state.runs().join("20200101-000000-0000.jsonl"),
        lines[1..].concat(),
    )
    .unwrap();
    let look = Follower::new(ran.state.clone()).look().unwrap().unwrap();
    let faults = look.kept.iter().filter(|kept| kept.record.is_err());
    assert_eq!((look.kept.len(), faults.count()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_command_line_follows_until_the_end() {
    let (ran, lines) = a_run().await;
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(&home.path().join("rmqtop")).unwrap();
    let path = path(&state, &ran);
    fs::write(&path, lines[..3].concat()).unwrap();
    let cluster = &ran.record().plan.cluster;
    let lock = ClusterLock::take(&state, cluster, &holder(&ran.id)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rmqtop"))
        .args(["runs", &ran.id.to_string(), "--follow"])
        .env("XDG_STATE_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = told.next().unwrap().unwrap();
    assert!(first.contains("restart-app"), "{first}");
    let step = told.next().unwrap().unwrap();
    assert!(step.contains("step 1 of"), "{step}");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(lines[3..].concat().as_bytes()).unwrap();
    drop(lock);
    let rest: Vec<String> = told.map(Result::unwrap).collect();
    let last = rest.last().unwrap();
    assert!(last.contains("done: every step is confirmed"), "{last}");
    assert!(child.wait().unwrap().success());
}

#[tokio::test(start_paused = true)]
async fn the_command_line_says_when_its_process_was_ended() {
    let (ran, lines) = a_run().await;
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(&home.path().join("rmqtop")).unwrap();
    fs::write(path(&state, &ran), lines[..3].concat()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rmqtop"))
        .args(["runs", &ran.id.to_string(), "--follow"])
        .env("XDG_STATE_HOME", home.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.contains(&format!("rmqtop resume {}", ran.id)),
        "{words}"
    );
}
