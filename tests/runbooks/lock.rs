//! One run per cluster and machine.

use crate::doubles::holder;
use rmqtop::executor::event::RunId;
use rmqtop::executor::lock::{ClusterLock, LockError};
use rmqtop::executor::state::StateDir;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn state() -> (tempfile::TempDir, StateDir) {
    let home = tempfile::tempdir().unwrap();
    let state = StateDir::at(home.path()).unwrap();
    (home, state)
}

#[tokio::test]
async fn the_second_hears_who_the_first_is() {
    let (_home, state) = state();
    let mine = holder(&RunId("20261122-140231-7f3a".to_owned()));
    let lock = ClusterLock::take(&state, "prod", &mine).unwrap();
    let refused = ClusterLock::take(&state, "prod", &mine).unwrap_err();
    let words = refused.to_string();
    assert!(
        words.starts_with("lock prod: ops@desk runs restart-app rabbit@rabbit-node3 since "),
        "{words}"
    );
    assert!(words.contains("run 20261122-140231-7f3a"), "{words}");
    ClusterLock::take(&state, "staging", &mine).unwrap();
    drop(lock);
    ClusterLock::take(&state, "prod", &mine).unwrap();
}

/// Names of clusters are free text; two never share a file, and none leaves the directory.
#[tokio::test]
async fn each_name_has_its_own_lock() {
    let (_home, state) = state();
    let mine = holder(&RunId("x".to_owned()));
    let names = ["a b", "a_b", "../../etc/x", "é", "", "A_b"];
    let held: Vec<ClusterLock> = names
        .iter()
        .map(|name| ClusterLock::take(&state, name, &mine).unwrap())
        .collect();
    assert_eq!(fs::read_dir(state.locks()).unwrap().count(), held.len());
}

#[tokio::test]
async fn a_holder_that_dies_frees_it() {
    let (_home, state) = state();
    let mine = holder(&RunId("x".to_owned()));
    drop(ClusterLock::take(&state, "prod", &mine).unwrap());
    let file = fs::read_dir(state.locks())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let mut other = Command::new("flock")
        .arg("--no-fork")
        .arg(file.path())
        .args(["sh", "-c", "echo held; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(other.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "held\n");
    assert!(matches!(
        ClusterLock::take(&state, "prod", &mine),
        Err(LockError::Held { holder: None, .. })
    ));
    other.kill().unwrap();
    other.wait().unwrap();
    ClusterLock::take(&state, "prod", &mine).unwrap();
}

/// The words of a holder that was killed stay behind, and its process id may be another's by now.
#[tokio::test]
async fn words_without_a_lock_are_nobody_s() {
    let (_home, state) = state();
    let mine = holder(&RunId("20261122-140231-7f3a".to_owned()));
    let lock = ClusterLock::take(&state, "prod", &mine).unwrap();
    assert_eq!(ClusterLock::holder(&state, "prod"), Some(mine.clone()));
    let file = fs::read_dir(state.locks())
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let words = fs::read(file.path()).unwrap();
    drop(lock);
    // This very process lives.
    fs::write(file.path(), words).unwrap();
    assert_eq!(ClusterLock::holder(&state, "prod"), None);
    ClusterLock::take(&state, "prod", &mine).unwrap();
}

/// Who only asks keeps nobody from taking it.
#[tokio::test]
async fn asking_is_in_nobody_s_way() {
    let (_home, state) = state();
    let mine = holder(&RunId("x".to_owned()));
    let over = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(order) {
                    ClusterLock::holder(&state, "prod");
                }
            });
        }
        let taken: Vec<bool> = (0..500)
            .map(|_| ClusterLock::take(&state, "prod", &mine).is_ok())
            .collect();
        over.store(true, order);
        assert!(taken.iter().all(|taken| *taken));
    });
}

/// Many at once: exactly one gets it.
#[tokio::test]
async fn of_many_exactly_one_gets_it() {
    let (_home, state) = state();
    let mine = holder(&RunId("x".to_owned()));
    for _ in 0..20 {
        let taken: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| ClusterLock::take(&state, "prod", &mine)))
                .collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|one| one.is_ok()).count(), 1);
    }
}
