//! Owns what a plan rests on, as readable lines, and their digest: members with state, version
//! and type, the metadata store, who holds each VIP. No counters and no ages, which always move.

use super::plan::Plan;
use crate::model::Model;
use crate::model::moment::Moment;
use crate::model::name::HostName;
use crate::model::node::{NodeState, NodeView};
use crate::model::observation::SourceKind;
use std::collections::BTreeMap;

/// What must be looked at to take the basis again.
pub const NEEDS: [SourceKind; 3] = [
    SourceKind::Management,
    SourceKind::Services,
    SourceKind::Vip,
];

/// Between a line's subject and what is said of it.
const IS: &str = ": ";

/// What a plan made now rests on, one line per subject, in a stable order.
pub fn basis(model: &Model, now: Moment) -> Vec<String> {
    let store = model
        .capability(now)
        .store
        .map_or_else(|| "unknown".to_owned(), |store| store.to_string());
    let mut lines = vec![format!("metadata store{IS}{store}")];
    let mut members = model.nodes(now);
    members.sort_by(|a, b| a.name.cmp(&b.name));
    lines.extend(members.iter().map(member));
    for vip in model.vips(now) {
        // A holder that cannot be told is no basis; P10 warns about it.
        if vip.unknown.is_empty() {
            let holders: Vec<&str> = vip.holders.iter().map(HostName::as_str).collect();
            let held = if holders.is_empty() {
                "held by nobody".to_owned()
            } else {
                format!("held by {}", holders.join(" and "))
            };
            lines.push(format!("VIP {}{IS}{held}", vip.address));
        }
    }
    lines
}

/// The version and type of a member that does not run are only remembered, so they do not count.
fn member(view: &NodeView<'_>) -> String {
    let mut line = format!("{}{IS}{}", view.name, view.state.words());
    if view.state == NodeState::Running {
        if let Some(version) = view.version {
            line.push(' ');
            line.push_str(version.text.as_str());
        }
        if let Some(node_type) = view.node_type {
            line.push(' ');
            line.push_str(&node_type.to_string());
        }
        if view.draining == Some(true) {
            line.push_str(" draining");
        }
    }
    line
}

/// The digest of a basis.
pub fn of(basis: &[String]) -> String {
    digest(basis.join("\n").as_bytes())
}

/// What differs between what `plan` rests on and `model`, in words; empty if nothing does.
pub fn moved(plan: &Plan, model: &Model, now: Moment) -> Vec<String> {
    let fresh = basis(model, now);
    if of(&fresh) == plan.fingerprint {
        return Vec::new();
    }
    let (before, after) = (by_subject(&plan.basis), by_subject(&fresh));
    let mut words = Vec::new();
    for (subject, was) in &before {
        match after.get(subject) {
            Some(is) if is == was => {}
            Some(is) => words.push(format!("{subject} was {was}, now {is}")),
            // Not seen by this look; a member that is missing, however, is a change.
            None if subject.starts_with("VIP ") => {}
            None => words.push(format!("{subject} was {was}, now it is no member")),
        }
    }
    for (subject, is) in &after {
        if !before.contains_key(subject) && !subject.starts_with("VIP ") {
            words.push(format!("{subject} is new: {is}"));
        }
    }
    words
}

fn by_subject(lines: &[String]) -> BTreeMap<&str, &str> {
    lines
        .iter()
        .filter_map(|line| line.split_once(IS))
        .collect()
}

/// FNV-1a, 64 bits, as 16 hexadecimal digits.
///
/// The same on every machine and in every release, which the standard hashers do not promise.
/// It tells accidents apart, not forgeries: whoever can forge a plan can forge its digest too.
pub fn digest(bytes: &[u8]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::digest;

    /// Vectors of the FNV reference (isthe.com/chongo/tech/comp/fnv).
    #[test]
    fn the_digest_is_fnv_1a() {
        assert_eq!(digest(b""), "cbf29ce484222325");
        assert_eq!(digest(b"a"), "af63dc4c8601ec8c");
        assert_eq!(digest(b"foobar"), "85944171f73967e8");
    }
}
