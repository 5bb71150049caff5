//! Proves the reading of keepalived's state and files, and what each way of failing is told as.

use super::{Keepalived, parse_state};
use crate::invocation::Read;
use crate::invocation::keepalived::FilePattern;
use crate::model::name::ServiceName;
use crate::model::observation::{FailureKind, Payload};
use crate::model::text::Shown;
use crate::model::vrrp::{Daemon, Link, Preempts, VrrpConfig, VrrpReport};
use crate::sources::Source;
use crate::sources::scripted::Script;
use proptest::prelude::*;
use rstest::rstest;
use std::time::Duration;

const MAIN: &str = "/etc/keepalived/keepalived.conf";
const STATE: &str = "LoadState=loaded\nActiveState=active\nSubState=running\nprocesses=2\n\
                     link=eth0 up\nlink=lo unknown\nlog=(VI_1) Entering MASTER STATE\nend\n";

fn state() -> Read {
    Read::KeepalivedState {
        service: ServiceName::keepalived(),
    }
}

fn files(of: &[&str]) -> Read {
    Read::KeepalivedFiles {
        of: of
            .iter()
            .map(|text| FilePattern::parse(text).unwrap())
            .collect(),
    }
}

/// What a host sends of its main file.
fn main_file(text: &str) -> String {
    format!("id rabbit-node1\nmain {MAIN}\n{}end\n", file(MAIN, text))
}

fn file(path: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("|{line}\n")).collect();
    format!("file {path}\n{}", lines.concat())
}

async fn report(script: Script) -> Result<VrrpReport, FailureKind> {
    let source = Keepalived::new(script.reach(), ServiceName::keepalived());
    match source.observe().await.outcome {
        Ok(Payload::Vrrp(report)) => Ok(report),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.kind),
    }
}

async fn config(text: &str) -> VrrpConfig {
    let script =
        Script::new()
            .answer(state(), 0, STATE, "")
            .answer(files(&[]), 0, &main_file(text), "");
    report(script).await.unwrap().config.unwrap()
}

#[tokio::test]
async fn every_instance_is_read_with_what_it_holds_and_tracks() {
    let config = config(
        "vrrp_script chk { script \"/bin/true\" \n weight 10 }\nvrrp_script hard { script x \n }\n\
         vrrp_instance VI_1 {\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 110\n\
         virtual_ipaddress {\n 192.168.0.200/24 dev eth0 label eth0:1\n }\n\
         virtual_ipaddress_excluded { fd00::200 }\n track_script {\n chk\n hard weight -5\n later\n }\n}\n\
         vrrp_script later { script x }\n\
         vrrp_instance VI_2\n{\n interface eth1\n nopreempt\n preempt_delay 4.12\n virtual_ipaddress { 192.168.0.201 192.168.0.202 }\n\
         unicast_peer {\n 192.168.0.14\n }\n}\nvrrp_sync_group G { group {\n VI_2\n } }\n",
    )
    .await;
    assert_eq!(config.gaps, []);
    let [first, second] = config.instances.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(first.name.raw(), "VI_1");
    assert_eq!((first.router_id, first.priority), (Some(51), Some(110)));
    assert_eq!(first.addresses.len(), 2);
    let checks: Vec<(&str, i32)> = first
        .checks
        .iter()
        .map(|c| (c.name.raw(), c.weight))
        .collect();
    assert_eq!(
        checks,
        [("chk", 10), ("hard", -5)],
        "what is defined later is not tracked"
    );
    assert_eq!(first.priorities(), Some((105, 120)));
    assert_eq!(second.preempts(), Preempts::Never);
    assert_eq!(second.preempt_delay, Duration::from_millis(4120));
    assert_eq!(first.preempts(), Preempts::AtOnce);
    assert_eq!(second.priority, Some(100), "keepalived's own default");
    assert_eq!(second.addresses.len(), 2);
    assert_eq!(second.peers.as_ref().map(Vec::len), Some(1));
    assert_eq!(second.group.as_ref().map(Shown::raw), Some("G"));
}

#[tokio::test]
async fn includes_are_followed_as_deep_as_they_go() {
    let instance = "vrrp_instance V {\n virtual_ipaddress { 10.0.0.9 }\n}\n";
    let (first, second) = (
        "/etc/keepalived/conf.d/1.conf",
        "/etc/keepalived/conf.d/sub/2.conf",
    );
    let script = Script::new()
        .answer(state(), 0, STATE, "")
        .answer(files(&[]), 0, &main_file("include conf.d/*.conf\n"), "")
        .answer(
            files(&["/etc/keepalived/conf.d/*.conf"]),
            0,
            &format!(
                "id x\npattern /etc/keepalived/conf.d/*.conf\n{}skipped /x\nend\n",
                file(first, "include sub/2.conf\n")
            ),
            "",
        )
        .answer(
            files(&[second]),
            0,
            &format!("id x\npattern {second}\n{}end\n", file(second, instance)),
            "",
        );
    let config = report(script).await.unwrap().config.unwrap();
    assert_eq!(config.gaps, []);
    assert!(config.holding("10.0.0.9".parse().unwrap()).is_some());
}

#[tokio::test]
async fn what_cannot_be_read_leaves_a_gap() {
    let config = config("include \"/a b\"\nvrrp_instance V {\n").await;
    assert_eq!(config.instances.len(), 1);
    assert_eq!(config.gaps.len(), 2, "{:?}", config.gaps);
}

/// keepalived may run all the same: what is known of it is still told.
#[rstest]
#[case(1, "", "sh: awk: not found", FailureKind::Server)]
#[case(
    0,
    "id x\nmain /etc/keepalived/keepalived.conf\nskipped /x\nend\n",
    "",
    FailureKind::Absent
)]
#[case(
    0,
    "id x\nmain /etc/keepalived/keepalived.conf\nfile /etc/keepalived/keepalived.conf\n|a\n",
    "",
    FailureKind::Server
)]
#[tokio::test]
async fn files_that_do_not_come_leave_the_state(
    #[case] code: i32,
    #[case] stdout: &str,
    #[case] stderr: &str,
    #[case] kind: FailureKind,
) {
    let script =
        Script::new()
            .answer(state(), 0, STATE, "")
            .answer(files(&[]), code, stdout, stderr);
    let report = report(script).await.unwrap();
    assert_eq!(report.daemon, Daemon::Active);
    assert_eq!(report.config.unwrap_err().kind, kind);
}

#[rstest]
#[case("loaded", "active", 2, Daemon::Active)]
#[case("loaded", "activating", 0, Daemon::Starting)]
#[case("loaded", "deactivating", 2, Daemon::Stopping)]
#[case("loaded", "inactive", 0, Daemon::Inactive)]
#[case("loaded", "failed", 0, Daemon::Failed)]
#[case("masked", "inactive", 0, Daemon::Inactive)]
#[case("not-found", "inactive", 0, Daemon::NotFound)]
#[case("not-found", "inactive", 2, Daemon::ByHand)]
#[case("loaded", "inactive", 1, Daemon::ByHand)]
#[case("loaded", "maintenance", 1, Daemon::Other(Shown::new("maintenance")))]
fn a_daemon_is_judged_by_service_and_processes(
    #[case] load: &str,
    #[case] active: &str,
    #[case] processes: usize,
    #[case] daemon: Daemon,
) {
    let text = format!(
        "LoadState={load}\nActiveState={active}\nSubState=x\nprocesses={processes}\n\
         link=eth0 down\nlink=tun0 unknown\nend\n"
    );
    let report = parse_state(&text).unwrap();
    assert_eq!(report.daemon, daemon);
    let links: Vec<(&str, Link)> = report.links.iter().map(|(n, l)| (n.raw(), *l)).collect();
    assert_eq!(links, [("eth0", Link::Down), ("tun0", Link::Up)]);
}

#[test]
fn a_state_that_is_not_whole_is_none() {
    assert_eq!(parse_state(&STATE.replace("end\n", "")), None);
    assert_eq!(parse_state(&STATE.replace("processes=2\n", "")), None);
    assert_eq!(parse_state(""), None);
}

proptest! {
    #[test]
    fn no_output_makes_the_parser_panic(text in "((link|log|processes|LoadState|file|main)[= ])?.{0,80}") {
        parse_state(&text);
    }
}
