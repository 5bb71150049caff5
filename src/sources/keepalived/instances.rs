//! Owns what keepalived's statements mean: VRRP instances, what they hold and what they track.

use crate::model::text::Shown;
use crate::model::vrrp::{Check, VrrpConfig, VrrpInstance};
use crate::syntax::keepalived::{Config, Statement};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// keepalived's own default (`VRRP_PRIO_DFL`).
const PRIORITY: u8 = 100;

/// The instances of a configuration, and what was not understood in it.
pub(super) fn of(config: &Config) -> VrrpConfig {
    let (mut known, mut groups) = (BTreeMap::new(), BTreeMap::new());
    let mut instances: Vec<VrrpInstance> = Vec::new();
    // In order: what an instance tracks must be defined before it (`vrrp_track.c`).
    for statement in &config.body {
        let name = statement.value().unwrap_or_default();
        match statement.keyword() {
            "vrrp_script" | "vrrp_track_process" | "vrrp_track_file" | "track_file" => {
                known.insert(name.to_owned(), weight_of(statement));
            }
            "vrrp_sync_group" => {
                let named = statement.inner().iter().filter(|s| s.keyword() == "group");
                for member in named.flat_map(Statement::inner).flat_map(|s| &s.words) {
                    groups.insert(member.clone(), Shown::new(name));
                }
            }
            "vrrp_instance" => instances.push(instance(statement, &known)),
            _ => {}
        }
    }
    for instance in &mut instances {
        instance.group = groups.get(instance.name.raw()).cloned();
    }
    let gaps = config.faults.iter().map(|fault| {
        let place = format!("{}:{}", fault.at.file, fault.at.line);
        Shown::new(&format!("{place}: {}", fault.what))
    });
    VrrpConfig {
        instances,
        gaps: gaps.collect(),
    }
}

fn weight_of(block: &Statement) -> i32 {
    let found = block.inner().iter().rfind(|s| s.keyword() == "weight");
    found
        .and_then(Statement::value)
        .and_then(weight)
        .unwrap_or(0)
}

/// Weights go no further than priorities do.
fn weight(word: &str) -> Option<i32> {
    let weight: i32 = word.parse().ok()?;
    Some(weight.clamp(-253, 253))
}

fn instance(statement: &Statement, known: &BTreeMap<String, i32>) -> VrrpInstance {
    let mut instance = VrrpInstance {
        name: Shown::new(statement.value().unwrap_or_default()),
        priority: Some(PRIORITY),
        ..VrrpInstance::default()
    };
    for setting in statement.inner() {
        let value = setting.value();
        match setting.keyword() {
            "state" => instance.initial_state = value.map(Shown::new),
            "interface" => instance.interface = value.map(Shown::new),
            "priority" => instance.priority = value.and_then(|word| word.parse().ok()),
            "virtual_router_id" => instance.router_id = value.and_then(|word| word.parse().ok()),
            "nopreempt" => instance.nopreempt = true,
            "preempt" => instance.nopreempt = false,
            "preempt_delay" => instance.preempt_delay = value.and_then(seconds).unwrap_or_default(),
            "dont_track_primary" => instance.ignores_link = true,
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                instance.addresses.extend(addresses(setting));
            }
            "unicast_peer" => {
                let peers = instance.peers.get_or_insert_default();
                peers.extend(addresses(setting));
            }
            "track_script" | "track_process" | "track_file" => {
                let tracked = setting.inner().iter();
                instance
                    .checks
                    .extend(tracked.filter_map(|s| check(s, known)));
            }
            "track_interface" => {
                let weighed = |s: &&Statement| s.words.iter().any(|word| word == "weight");
                let tracked = setting.inner().iter().filter(weighed);
                instance
                    .checks
                    .extend(tracked.filter_map(|s| check(s, known)));
            }
            _ => {}
        }
    }
    instance
}

/// `300`, `4.12`: keepalived takes 0 to 1000.
fn seconds(word: &str) -> Option<Duration> {
    let seconds: f64 = word.parse().ok()?;
    let is_taken = (0.0..=1000.0).contains(&seconds);
    is_taken.then(|| Duration::from_secs_f64(seconds))
}

/// The addresses of a block: the first word of each line, and all words of a line that names
/// nothing but addresses.
fn addresses(block: &Statement) -> impl Iterator<Item = IpAddr> {
    block.inner().iter().flat_map(|line| {
        let words = line.words.iter().map(|word| {
            let bare = word.split_once('/').map_or(word.as_str(), |(ip, _)| ip);
            bare.parse().ok()
        });
        words.map_while(|address: Option<IpAddr>| address)
    })
}

/// `name`, `name weight 10`: what it is tracked with here counts before what it was defined with.
/// What is not defined yet is not tracked at all.
fn check(line: &Statement, known: &BTreeMap<String, i32>) -> Option<Check> {
    let name = line.keyword();
    let own = line.words.iter().position(|word| word == "weight");
    let own = own.and_then(|at| weight(line.words.get(at + 1)?));
    let weight = match (own, known.get(name)) {
        (Some(own), _) => own,
        (None, Some(weight)) => *weight,
        (None, None) => return None,
    };
    Some(Check {
        name: Shown::new(name),
        weight,
    })
}
