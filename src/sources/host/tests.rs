//! Proves the reading of host output, and what each way of failing is reported as.

use super::{Services, parse_runtimes};
use crate::invocation::Read;
use crate::model::host::UnitState;
use crate::model::inventory::ServiceNames;
use crate::model::name::NodeName;
use crate::model::observation::{FailureKind, Payload};
use crate::sources::Source;
use crate::sources::scripted::{Script, fixture};
use proptest::prelude::*;

fn units() -> Read {
    Read::UnitStates {
        of: ServiceNames::default(),
    }
}

/// As systemd prints it, shortened.
fn blocks(states: [&str; 2]) -> String {
    states
        .map(|state| format!("ActiveState={state}\n\n"))
        .concat()
}

/// Where the service is on its way up, its log says what it waits for.
#[tokio::test]
async fn the_log_is_read_where_a_start_goes_on_and_only_there() {
    let read = Read::StartLog {
        node: NodeName::parse("rabbit@h").unwrap(),
        service: ServiceNames::default().broker,
    };
    let script = Script::new()
        .answer(units(), 0, &blocks(["activating", "active"]), "")
        .answer(Read::Runtimes, 0, "", "")
        .answer(read, 0, "log=inconsistent_cluster\nrubbish\n", "");
    let Ok(Payload::Services(report)) = services(script).await else {
        panic!("no report");
    };
    assert_eq!(report.start_log.len(), 1);
    // A command that was not prepared would fail the test.
    let script = Script::new()
        .answer(units(), 0, &blocks(["inactive", "active"]), "")
        .answer(Read::Runtimes, 0, "", "");
    assert!(services(script).await.is_ok());
}

async fn services(script: Script) -> Result<Payload, FailureKind> {
    let reach = script.reach();
    let report = Services {
        reach,
        names: ServiceNames::default(),
        node: NodeName::parse("rabbit@h").ok(),
    }
    .observe()
    .await;
    report.outcome.map_err(|failure| failure.kind)
}

#[tokio::test]
async fn an_inactive_unit_is_no_error_and_a_missing_epmd_is_no_runtime() {
    let script = Script::new()
        .answer(units(), 0, &blocks(["inactive", "failed"]), "")
        .answer(
            Read::Runtimes,
            1,
            "",
            "epmd: Cannot connect to local epmd\n",
        );
    let Ok(Payload::Services(report)) = services(script).await else {
        panic!("no report");
    };
    assert_eq!(report.rabbitmq, Some(UnitState::Inactive));
    assert_eq!(report.haproxy, Some(UnitState::Failed));
    assert_eq!(report.runtimes, Some(Vec::new()));
}

#[tokio::test]
async fn epmd_that_cannot_be_asked_is_not_epmd_without_names() {
    let script = Script::new()
        .answer(units(), 0, &blocks(["active"; 2]), "")
        .fail(
            Read::Runtimes,
            FailureKind::Absent,
            "epmd: command not found",
        );
    let Ok(Payload::Services(report)) = services(script).await else {
        panic!("no report");
    };
    assert_eq!(report.runtimes, None);
    let script = Script::new()
        .answer(units(), 0, &blocks(["active"; 2]), "")
        .fail(Read::Runtimes, FailureKind::Lost, "the connection was lost");
    assert_eq!(services(script).await, Err(FailureKind::Lost));
}

#[tokio::test]
async fn no_word_from_systemd_is_a_failure() {
    let words = "System has not been booted with systemd as init system\n";
    let script = Script::new()
        .answer(units(), 1, "", words)
        .answer(Read::Runtimes, 0, "", "");
    assert_eq!(services(script).await, Err(FailureKind::Server));
}

#[tokio::test]
async fn the_units_asked_for_are_those_of_the_configuration() {
    let names = ServiceNames {
        broker: "rabbitmq-server@2".parse().unwrap(),
        haproxy: "lb.service".parse().unwrap(),
        ..ServiceNames::default()
    };
    let of = names.clone();
    let words = Read::UnitStates { of: names.clone() }.argv().args;
    assert!(
        words.ends_with(&["rabbitmq-server@2", "lb.service"].map(str::to_owned)),
        "{words:?}"
    );
    let script = Script::new()
        .answer(Read::UnitStates { of }, 0, &blocks(["active"; 2]), "")
        .answer(Read::Runtimes, 0, "", "");
    let reach = script.reach();
    let report = Services {
        reach,
        names,
        node: None,
    }
    .observe()
    .await;
    assert!(report.outcome.is_ok(), "{report:?}");
}

#[test]
fn runtimes_are_the_registered_names() {
    let text = "epmd: up and running on port 4369 with data:\nname rabbit at port 25672\n\
                name hop at port at port 1\n";
    let names: Vec<String> = parse_runtimes(text)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["rabbit", "hop at port"]);
}

#[tokio::test]
async fn a_host_without_ssh_says_so() {
    let mut reach = Script::new().reach();
    reach.link = None;
    let failure = Services {
        reach,
        names: ServiceNames::default(),
        node: None,
    }
    .observe()
    .await
    .outcome
    .unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotConfigured);
}

#[rstest::rstest]
#[tokio::test]
async fn recorded_hosts_say_what_runs(#[values("3.10", "4.0", "4.3")] release: &str) {
    let of = |situation: &str, file: &str| fixture(release, situation, file).unwrap();
    for (situation, node) in [
        ("healthy", "node1"),
        ("healthy", "node3"),
        ("app_stopped", "node3"),
        ("drained", "node3"),
    ] {
        // Recorded as `systemctl is-active` says it.
        let words = of(situation, &format!("{node}.units.txt"));
        let words = words.lines().map(|word| format!("ActiveState={word}\n\n"));
        let script = Script::new()
            .answer(units(), 0, &words.collect::<String>(), "")
            .answer(
                Read::Runtimes,
                0,
                &of(situation, &format!("{node}.epmd.txt")),
                "",
            );
        let Ok(Payload::Services(report)) = services(script).await else {
            panic!("no report");
        };
        // A stopped app leaves its service and its runtime up.
        assert_eq!(report.rabbitmq, Some(UnitState::Active));
        let runtimes = report.runtimes.unwrap();
        assert!(
            runtimes.iter().any(|name| name.raw() == "rabbit"),
            "{runtimes:?}"
        );
        let balancing = if node == "node1" {
            UnitState::Active
        } else {
            UnitState::Inactive
        };
        assert_eq!(report.haproxy, Some(balancing));
    }
    assert_eq!(fixture(release, "host_dead", "node3.units.txt"), None);
}

proptest! {
    #[test]
    fn no_output_makes_the_parsers_panic(text in ".{0,200}") {
        parse_runtimes(&text);
    }
}
