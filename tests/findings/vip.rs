//! Proves the table "A VIP" row by row: what two hosts list and say of keepalived, and the verdict
//! with its cause.

use super::pair::{Pair, VIP, instance, ip, name, weighed};
use rmqtop::findings::{self, Severity};
use rmqtop::model::Model;
use rmqtop::model::host::{AddressReport, Dad, UnitState};
use rmqtop::model::inventory::HostEntry;
use rmqtop::model::moment::Moment;
use rmqtop::model::name::HostName;
use rmqtop::model::observation::{
    FailureKind, Observation, Payload, SourceFailure, SourceId, SourceKind,
};
use rmqtop::model::text::Shown;
use rmqtop::model::vip::VipVerdict;
use rmqtop::model::vrrp::{Daemon, Link, VrrpConfig, VrrpInstance, VrrpReport};
use rstest::rstest;
use std::time::Duration;

const OTHER: &str = "fd00::200";

#[test]
fn a_keepalived_outside_its_service_is_said_to_run() {
    let (model, now) = Pair::well().daemon(1, Daemon::ByHand).model();
    let vip = model.vip(ip(VIP), now);
    let line = "keepalived runs on lb2 outside its service";
    assert!(
        vip.evidence.contains(&line.to_owned()),
        "{:?}",
        vip.evidence
    );
}

#[rstest]
#[case::as_configured(Pair::well())]
#[case::started_by_hand(Pair::well().daemon(1, Daemon::ByHand))]
#[case::files_unreadable(Pair::well().report(1, |r| r.config = Err(SourceFailure::new(FailureKind::Server, "x"))))]
#[case::written_in_an_unknown_way(Pair::well().report(1, |r| r.config = Ok(VrrpConfig { instances: Vec::new(), gaps: vec![Shown::new("x")] })))]
#[case::no_longer_in_fault(
    Pair::well().config(1, |i| i.checks = weighed(0)).log(1, &["(VI_1) Entering FAULT STATE", "VRRP_Script(chk) succeeded", "(VI_1) Entering BACKUP STATE"])
)]
#[case::successful_on_reload(
    Pair::well().config(1, |i| i.checks = weighed(0)).log(1, &["VRRP_Script(chk) considered successful on reload"])
)]
#[case::nopreempt(Pair::well().held_by(&[1]).config(0, |i| i.nopreempt = true))]
#[case::moved_for_a_dead_haproxy({
    let mut pair = Pair::well().held_by(&[1]);
    pair.haproxy[0] = UnitState::Failed;
    pair
})]
#[case::on_the_others_loopback({
    let mut pair = Pair::well();
    pair.lists[1].push((VIP, "lo", Dad::Settled));
    pair
})]
fn all_is_well(#[case] pair: Pair) {
    assert_eq!(pair.verdict(), VipVerdict::Ok);
    assert_eq!(pair.finding(), None);
}

#[test]
fn two_instances_have_their_masters_on_two_hosts() {
    let mut pair = Pair::well();
    pair.vips.push(ip(OTHER));
    for host in 0..2 {
        let second = VrrpInstance {
            name: Shown::new("VI_2"),
            priority: Some([50, 100][host]),
            addresses: vec![ip(OTHER)],
            ..instance(host)
        };
        pair = pair.report(host, |report| {
            report.config.as_mut().unwrap().instances.push(second);
        });
    }
    pair.lists[1].push((OTHER, "eth0", Dad::Settled));
    let (model, now) = pair.model();
    let seen: Vec<_> = model
        .vips(now)
        .into_iter()
        .map(|vip| (vip.verdict, vip.holders, vip.expected))
        .collect();
    let at = |host| (VipVerdict::Ok, vec![name(host)], Some(name(host)));
    assert_eq!(seen, [at(0), at(1)]);
    assert!(findings::all(&model, now).is_empty());
}

#[rstest]
#[case::stopped(Pair::well().daemon(1, Daemon::Inactive), "keepalived is stopped on lb2")]
#[case::failed(Pair::well().daemon(1, Daemon::Failed), "keepalived is failed on lb2")]
#[case::starting(Pair::well().daemon(1, Daemon::Starting), "keepalived is starting on lb2")]
#[case::stopping(Pair::well().daemon(1, Daemon::Stopping), "keepalived is stopping on lb2")]
#[case::other_addresses(Pair::well().config(1, |i| i.addresses.clear()), "no VRRP instance on lb2 has 192.168.0.200")]
#[case::link_down(Pair::well().report(1, |r| { r.links.insert(Shown::new("eth0"), Link::Down); }), "eth0 is down on lb2, which puts VI_1 in FAULT")]
#[case::no_such_link(Pair::well().config(1, |i| i.interface = Some(Shown::new("ens3"))), "lb2 has no interface ens3, on which VI_1 is to run")]
#[case::duplicate({
    let mut pair = Pair::well();
    pair.lists[1].push((VIP, "eth0", Dad::Failed));
    pair
}, "on lb2 the address is dadfailed (another host has it)")]
#[case::check_failed(
    Pair::well().config(1, |i| i.checks = weighed(0)).log(1, &["VRRP_Script(chk) failed (exited with status 1)", "(VI_1) Entering FAULT STATE"]),
    "VI_1 is in FAULT on lb2: its check chk failed (\"VRRP_Script(chk) failed (exited with status 1)\")"
)]
#[case::check_failed_and_no_more_is_logged(
    Pair::well().config(1, |i| i.checks = weighed(0)).log(1, &["VRRP_Script(chk) timed_out"]),
    "VI_1 is in FAULT on lb2: its check chk failed (\"VRRP_Script(chk) timed_out\")"
)]
#[case::unsuccessful_on_reload(
    Pair::well().config(1, |i| i.checks = weighed(0)).log(1, &["(VI_1) Entering FAULT STATE", "VRRP_Script(chk) considered unsuccessful on reload"]),
    "VI_1 is in FAULT on lb2: its check chk failed (\"VRRP_Script(chk) considered unsuccessful on reload\")"
)]
#[case::in_fault(
    Pair::well().config(1, |i| i.checks = weighed(-10)).log(1, &["VRRP_Script(chk) failed (exited with status 1)", "(VI_1) Entering FAULT STATE"]),
    "VI_1 is in FAULT on lb2"
)]
fn nobody_could_take_over(#[case] pair: Pair, #[case] cause: &str) {
    assert_eq!(pair.verdict(), VipVerdict::NoStandby);
    let causes = vec![cause.to_owned()];
    assert_eq!(
        pair.finding(),
        Some(("V1".into(), Severity::Warning, causes))
    );
}

#[rstest]
#[case::all_stopped(Pair::well().daemon(0, Daemon::Inactive).daemon(1, Daemon::Failed), &["keepalived is stopped on lb1 and lb2"])]
#[case::active_everywhere(Pair::well(), &["cause not known; next: `journalctl -t Keepalived_vrrp` on lb1 and lb2"])]
#[case::starting(Pair::well().daemon(0, Daemon::Starting), &["keepalived is starting on lb1", "cause not known; next: `journalctl -t Keepalived_vrrp` on lb2"])]
#[case::nowhere(Pair::well().config(0, |i| i.addresses.clear()).config(1, |i| i.addresses.clear()), &["no VRRP instance of any host has 192.168.0.200"])]
#[case::links_down(
    Pair::well()
        .report(0, |r| { r.links.insert(Shown::new("eth0"), Link::Down); })
        .report(1, |r| { r.links.insert(Shown::new("eth0"), Link::Down); }),
    &["eth0 is down on lb1, which puts VI_1 in FAULT", "eth0 is down on lb2, which puts VI_1 in FAULT"]
)]
#[case::checks_fail(
    Pair::well()
        .config(0, |i| i.checks = weighed(0))
        .config(1, |i| i.checks = weighed(0))
        .log(0, &["VRRP_Script(chk) succeeded", "VRRP_Script(chk) failed (exited with status 1)", "(VI_1) Entering FAULT STATE"])
        .log(1, &["(VI_1) Entering FAULT STATE (init)"]),
    &[
        "VI_1 is in FAULT on lb1: its check chk failed (\"VRRP_Script(chk) failed (exited with status 1)\")",
        "VI_1 is in FAULT on lb2",
    ]
)]
#[case::removed_by_hand(
    Pair::well().log(0, &["(VI_1) Entering MASTER STATE"]).daemon(1, Daemon::Inactive),
    &["VI_1 is MASTER on lb1 without the address: someone removed it from eth0", "keepalived is stopped on lb2"]
)]
fn nobody_holds_it(#[case] pair: Pair, #[case] causes: &[&str]) {
    let pair = pair.held_by(&[]);
    assert_eq!(pair.verdict(), VipVerdict::None);
    let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
    assert_eq!(
        pair.finding(),
        Some(("D6".into(), Severity::Critical, causes))
    );
}

#[rstest]
#[case("eth0", Dad::Tentative, "tentative (not yet known to be free) on eth0")]
#[case("eth0", Dad::Failed, "dadfailed (another host has it) on eth0")]
#[case("lo", Dad::Settled, "a loopback address on lo")]
fn what_is_listed_and_not_usable_is_not_held(
    #[case] interface: &'static str,
    #[case] dad: Dad,
    #[case] why: &str,
) {
    let mut pair = Pair::well().held_by(&[]);
    pair.lists[0].push((VIP, interface, dad));
    let (model, now) = pair.model();
    let vip = model.vip(ip(VIP), now);
    assert_eq!(vip.verdict, VipVerdict::None);
    assert_eq!(vip.unusable, [(name(0), why.to_owned())]);
    let line = format!("lb1 lists the address and cannot use it: it is {why}");
    assert!(vip.evidence.contains(&line), "{:?}", vip.evidence);
}

#[rstest]
#[case::router_id(Pair::well().config(1, |i| i.router_id = Some(52)), &["virtual_router_id differs: 51 and 52"])]
#[case::one_unicast(
    Pair::well().config(0, |i| i.peers = Some(vec![ip("10.0.0.11")])),
    &["one host sends to unicast_peer, the other to multicast"]
)]
#[case::wrong_peer(
    Pair::well()
        .config(0, |i| i.peers = Some(vec![ip("10.0.0.99")]))
        .config(1, |i| i.peers = Some(vec![ip("10.0.0.10")])),
    &["unicast_peer on lb1 does not name lb2"]
)]
#[case::left_behind(
    Pair::well().daemon(1, Daemon::Inactive),
    &["lb2 has the address although keepalived is stopped there: it was added by hand, or left behind"]
)]
#[case::added_by_hand(
    Pair::well().config(1, |i| i.addresses.clear()),
    &["lb2 has the address although no VRRP instance there has it: it was added by hand"]
)]
#[case::not_known(
    Pair::well(),
    &["cause not known; next: see whether VRRP arrives (`tcpdump -ni any ip proto 112` on lb1 and lb2), and compare their authentication"]
)]
fn both_hold_it(#[case] pair: Pair, #[case] causes: &[&str]) {
    let pair = pair.held_by(&[0, 1]);
    assert_eq!(pair.verdict(), VipVerdict::Split);
    let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
    assert_eq!(
        pair.finding(),
        Some(("D18".into(), Severity::Critical, causes))
    );
}

#[rstest]
#[case::no_check(Pair::well(), "VI_1 on lb1 tracks no check of HAProxy")]
#[case::weight_too_small(
    Pair::well().config(0, |i| i.checks = weighed(-50)),
    "with every check failed lb1 still has priority 50, not below 50: the weights (chk -50) are too small"
)]
#[case::weight_that_moves_it(
    Pair::well().config(0, |i| i.checks = weighed(-51)),
    "cause not known; next: `journalctl -t Keepalived_vrrp` on lb1 and lb2"
)]
#[case::check_that_faults(Pair::well().config(0, |i| i.checks = weighed(0)), "cause not known; next: `journalctl -t Keepalived_vrrp` on lb1 and lb2")]
#[case::backup_waits(
    Pair::well().config(0, |i| i.checks = weighed(-51)).config(1, |i| i.nopreempt = true),
    "nopreempt keeps lb2 from taking it back"
)]
fn it_stays_where_haproxy_is_down(#[case] mut pair: Pair, #[case] cause: &str) {
    pair.haproxy[0] = UnitState::Failed;
    assert_eq!(pair.verdict(), VipVerdict::WrongHolder);
    let causes = vec![cause.to_owned()];
    assert_eq!(
        pair.finding(),
        Some(("V2".into(), Severity::Warning, causes))
    );
}

#[test]
fn a_better_host_that_preempts_should_have_it() {
    let pair = Pair::well().held_by(&[1]);
    assert_eq!(pair.verdict(), VipVerdict::WrongHolder);
    let pair = pair.config(1, |i| i.checks = weighed(60));
    assert_eq!(pair.verdict(), VipVerdict::Ok, "110 is above 100");
}

const IF_WELL: &str = "by priority it belongs on lb1 if its checks pass";

/// The second host holds it, and the first has the higher priority as long as its check passes.
fn less_if_failed() -> Pair {
    Pair::well()
        .held_by(&[1])
        .config(0, |i| i.checks = weighed(-60))
}

#[rstest]
#[case::not_known(less_if_failed(), VipVerdict::Ok, Some(IF_WELL))]
#[case::passes(
    less_if_failed().log(0, &["VRRP_Script(chk) succeeded"]),
    VipVerdict::WrongHolder,
    Some("lb1 has priority 100, above 50 of lb2, and preempts")
)]
#[case::fails(less_if_failed().log(0, &["VRRP_Script(chk) failed (exited with status 1)"]), VipVerdict::Ok, None)]
#[case::holder_may_have_more(
    Pair::well().held_by(&[1]).config(0, |i| i.priority = Some(200)).config(1, |i| i.checks = weighed(60)),
    VipVerdict::WrongHolder,
    Some("lb1 has priority 200, above 50 to 110 of lb2, and preempts")
)]
#[case::waits(
    Pair::well().held_by(&[1]).config(0, |i| i.preempt_delay = Duration::from_secs(300)),
    VipVerdict::Ok,
    Some("by priority it belongs on lb1, which takes it back after its preempt_delay of 300 s")
)]
#[case::waits_in_vain(
    Pair::well().held_by(&[1]).config(0, |i| {
        i.preempt_delay = Duration::from_secs(300);
        i.initial_state = Some(Shown::new("MASTER"));
    }),
    VipVerdict::WrongHolder,
    Some("lb1 has priority 100, above 50 of lb2, and preempts")
)]
#[case::nopreempt(
    Pair::well().held_by(&[1]).config(0, |i| i.nopreempt = true),
    VipVerdict::Ok,
    Some("by priority it belongs on lb1, which does not take it back (nopreempt)")
)]
fn a_priority_counts_as_far_as_it_is_known(
    #[case] pair: Pair,
    #[case] verdict: VipVerdict,
    #[case] why: Option<&str>,
) {
    let (model, now) = pair.model();
    let vip = model.vip(ip(VIP), now);
    assert_eq!(vip.verdict, verdict, "{:?}", vip.evidence);
    let said = vip.evidence.iter().find(|line| line.contains("priority"));
    assert_eq!(said.map(String::as_str), why);
}

/// The second host could take over; of a third it is not known.
#[rstest]
#[case::where_it_is_not(Some(AddressReport::default()), VipVerdict::Ok)]
#[case::which_may_hold_it_too(None, VipVerdict::Unknown)]
fn doubt_of_a_third_host_hides_no_known_standby(
    #[case] addresses: Option<AddressReport>,
    #[case] verdict: VipVerdict,
) {
    let pair = Pair::well();
    let (mut model, now) = pair.model();
    let third = HostName::parse("lb3").unwrap();
    let entry = HostEntry {
        name: third.clone(),
        machine: third.clone(),
        ..model.inventory.hosts[1].clone()
    };
    model.inventory.hosts.push(entry);
    let absent = VrrpReport {
        daemon: Daemon::NotFound,
        ..pair.vrrp[1].clone().unwrap()
    };
    let vrrp = (SourceKind::Keepalived, Payload::Vrrp(absent));
    let addresses = addresses.map(|report| (SourceKind::Vip, Payload::Addresses(report)));
    for (kind, payload) in [vrrp].into_iter().chain(addresses) {
        model.apply(Observation {
            source: SourceId::new(kind, third.clone()),
            at: now,
            took: Duration::ZERO,
            outcome: Ok(payload),
        });
    }
    let vip = model.vip(ip(VIP), now);
    assert_eq!(vip.verdict, verdict, "{:?}", vip.evidence);
    assert_eq!(vip.standbys, [name(1)]);
}

#[rstest]
#[case::no_such_service(
    Pair::well().daemon(1, Daemon::NotFound),
    "keepalived of lb2 has another name (set services.keepalived), or is not installed there"
)]
#[case::no_ssh({
    let mut pair = Pair::well();
    pair.mute.push(1);
    pair
}, "lb2 cannot be asked over SSH")]
fn doubt_is_no_fault(#[case] pair: Pair, #[case] cause: &str) {
    assert_eq!(pair.verdict(), VipVerdict::Unknown);
    let causes = vec![cause.to_owned()];
    assert_eq!(
        pair.finding(),
        Some(("V3".into(), Severity::Unknown, causes))
    );
}

/// Nothing of the second host answers this machine.
fn silent() -> (Model, Moment) {
    let (mut model, now) = Pair::well().model();
    for kind in [
        SourceKind::Vip,
        SourceKind::Services,
        SourceKind::Keepalived,
    ] {
        model.apply(Observation {
            source: SourceId::new(kind, name(1)),
            at: now,
            took: Duration::ZERO,
            outcome: Err(SourceFailure::new(FailureKind::Timeout, "no answer")),
        });
    }
    (model, now)
}

/// The way from here to it may be cut, and not the way between the two.
#[test]
fn a_host_that_is_silent_from_here_only_may_take_over() {
    let (model, now) = silent();
    let vip = model.vip(ip(VIP), now);
    assert_eq!(vip.verdict, VipVerdict::Unknown);
    let line = "lb2 does not answer from here: whether it could take over is not known";
    assert!(
        vip.evidence.contains(&line.to_owned()),
        "{:?}",
        vip.evidence
    );
}

#[test]
fn a_host_that_its_peers_miss_too_cannot_take_over() {
    let mut cluster = super::healthy();
    cluster.others_see_stopped(1).host_silent(1);
    let vip = cluster.model.vips(cluster.now).remove(0);
    assert_eq!(vip.verdict, VipVerdict::NoStandby);
    let line = "rabbit-node2 does not answer, and its peers miss it too: it cannot take over";
    assert!(
        vip.evidence.contains(&line.to_owned()),
        "{:?}",
        vip.evidence
    );
    // Before their runtimes give up on it they cannot say so, but they wait for somebody.
    let mut cluster = super::healthy();
    cluster.host_silent(1);
    for number in [0, 2] {
        let mut own = super::view(number, super::VERSION, &[]);
        own.nodes.retain(|row| row.name == super::node(number));
        own.scope = rmqtop::model::broker::ViewScope::Itself;
        cluster.sees(number, Payload::Broker(own));
    }
    let vip = cluster.model.vips(cluster.now).remove(0);
    assert_eq!(vip.verdict, VipVerdict::NoStandby);
}

fn shaken(model: &mut Model, at: Moment) {
    model.apply(Observation {
        source: SourceId::new(SourceKind::Canary, HostName::parse("vip").unwrap()),
        at,
        took: Duration::ZERO,
        outcome: Ok(Payload::Canary(rmqtop::model::host::CanaryReport {
            target: Shown::new("vip"),
            took: Duration::ZERO,
            cluster_name: None,
        })),
    });
}

/// No declared host lists it, and clients are served: a host that is not declared, or a router.
#[test]
fn a_vip_that_serves_clients_is_not_lost() {
    let pair = Pair::well().held_by(&[]);
    let (mut model, now) = pair.model();
    shaken(&mut model, now);
    let found = findings::all(&model, now);
    let vip = found.iter().find(|finding| finding.subject == VIP).unwrap();
    assert_eq!((vip.id.as_str(), vip.severity), ("D6", Severity::Warning));
    assert_eq!(
        vip.title,
        "no declared host holds the VIP 192.168.0.200, yet something serves clients there"
    );
}

/// The handshake was made while it was held.
#[test]
fn a_handshake_from_before_the_vip_was_lost_counts_for_nothing() {
    let (mut model, now) = Pair::well().model();
    shaken(&mut model, now);
    let lost = now.later(Duration::from_secs(2));
    let (kind, outcome) = Pair::well().held_by(&[]).says(0).remove(0);
    model.apply(Observation {
        source: SourceId::new(kind, name(0)),
        at: lost,
        took: Duration::ZERO,
        outcome,
    });
    let found = findings::all(&model, lost.later(Duration::from_secs(1)));
    let vip = found.iter().find(|finding| finding.subject == VIP).unwrap();
    assert_eq!((vip.id.as_str(), vip.severity), ("D6", Severity::Critical));
}

/// Without SSH the holder is not known; what clients meet at the address is.
#[rstest]
#[case(Ok(()), Severity::Info)]
#[case(Err(FailureKind::Timeout), Severity::Critical)]
#[case(Err(FailureKind::Unauthorized), Severity::Unknown)]
fn a_handshake_through_it_is_weighed(
    #[case] met: Result<(), FailureKind>,
    #[case] severity: Severity,
) {
    let mut pair = Pair::well();
    pair.mute = vec![0, 1];
    let (mut model, now) = pair.model();
    let outcome = match met {
        Ok(()) => Ok(Payload::Canary(rmqtop::model::host::CanaryReport {
            target: Shown::new("vip"),
            took: Duration::ZERO,
            cluster_name: None,
        })),
        Err(kind) => Err(SourceFailure::new(kind, "it failed")),
    };
    let answers = Observation {
        source: SourceId::new(SourceKind::Haproxy, name(0)),
        at: now,
        took: Duration::ZERO,
        outcome: Ok(Payload::Balancer(
            rmqtop::model::balancer::BalancerReport::default(),
        )),
    };
    model.apply(answers);
    model.apply(Observation {
        source: SourceId::new(SourceKind::Canary, HostName::parse("vip").unwrap()),
        at: now,
        took: Duration::ZERO,
        outcome,
    });
    let found = findings::all(&model, now);
    let vip = found.iter().find(|finding| finding.subject == VIP).unwrap();
    assert_eq!((vip.id.as_str(), vip.severity), ("V3", severity), "{vip:?}");
}
