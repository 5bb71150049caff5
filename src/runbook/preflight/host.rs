//! Owns the checks of what stands on the hosts: P13 cookies, P14 names, and those of R7 and R17
//! before data or a cookie is touched.

use super::{Check, Judged, Target};
use crate::model::Model;
use crate::model::broker::NodeStatus;
use crate::model::data::DataState;
use crate::model::freshness_limit;
use crate::model::moment::Moment;
use crate::model::name::NodeName;
use crate::model::node::NodeState;
use crate::model::observation::SourceKind;
use crate::model::text::Shown;
use crate::runbook::plan::{Probe, Verdict};
use crate::runbook::probe::{ProbeAnswer, host};

/// P13: two nodes speak to each other only under one cookie. Where the files cannot be read, P16
/// still tries it out.
pub const COOKIE: Check = Check {
    id: "P13",
    title: "both hosts have the same Erlang cookie",
    judge: cookie,
};

/// P14: each knows the other by name.
pub const NAMES: Check = Check {
    id: "P14",
    title: "both hosts find each other by name",
    judge: names,
};

/// P13 for the runbook that makes it so.
pub const COOKIE_CAN_MOVE: Check = Check {
    id: "R17",
    title: "the cookie can be sealed there and opened here",
    judge: cookie_can_move,
};

/// R7: nobody counts on its data any more.
pub const STRANGER: Check = Check {
    id: "R7",
    title: "it is no member of any cluster but its own",
    judge: stranger,
};

/// R7: what is moved is the data of this node, and nothing else.
pub const DATA: Check = Check {
    id: "R7",
    title: "its data is a plain directory of its own",
    judge: data,
};

/// A member whose data is not where it was starts blank, alone, under the name of a member.
pub const DATA_THERE: Check = Check {
    id: "R8",
    title: "its data is where it starts",
    judge: data_there,
};

fn cookie(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let Some(via) = target.via else {
        return Judged::one(Verdict::NotApplicable, "no other member takes part");
    };
    let node = target.node;
    let probe = Probe::CookieShared {
        node: node.clone(),
        with: via.clone(),
    };
    match probe.evaluate(model, now) {
        ProbeAnswer::Holds(words) => Judged::one(Verdict::Passed, words),
        ProbeAnswer::Not(words) => {
            Judged::one(Verdict::Failed, words).instead(format!("align it: cookie-align {node}"))
        }
        ProbeAnswer::CannotTell(words) => Judged::one(
            Verdict::Warning,
            format!("they could not be compared: {words}"),
        ),
    }
}

fn names(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let Some(via) = target.via else {
        return Judged::one(Verdict::NotApplicable, "no other member takes part");
    };
    let (mut good, mut bad, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (by, of) in [(target.node, via), (via, target.node)] {
        match found(model, by, of, now) {
            Ok(Ok(words)) => good.push(words),
            Ok(Err(words)) => bad.push(words),
            Err(words) => unknown.push(words),
        }
    }
    // The runtimes themselves reach each other: getent may show another of a host's names or
    // addresses.
    let is_tried = (super::HANDSHAKE.judge)(model, target, now).verdict == Verdict::Passed;
    if !bad.is_empty() && is_tried {
        Judged::new(Verdict::Warning, [bad, good, unknown].concat())
    } else if !bad.is_empty() {
        Judged::new(Verdict::Failed, [bad, good, unknown].concat())
            .instead("put every node's name and address into /etc/hosts on every host")
    } else if !unknown.is_empty() {
        Judged::new(Verdict::Warning, [unknown, good].concat())
    } else {
        Judged::new(Verdict::Passed, good)
    }
}

/// Whether the host of `by` finds that of `of` where it is declared to be; `Err`: it cannot be told.
fn found(
    model: &Model,
    by: &NodeName,
    of: &NodeName,
    now: Moment,
) -> Result<Result<String, String>, String> {
    let entries = (model.inventory.host_of(by), model.inventory.host_of(of));
    let (Some(here), Some(there)) = entries else {
        return Err(format!("the hosts of {by} and {of} are not both declared"));
    };
    let limit = freshness_limit(SourceKind::Names);
    let reading = model.names.get(&here.name);
    let Some(report) = reading.and_then(|reading| reading.current(now, limit)) else {
        let why = reading
            .and_then(|reading| reading.failure())
            .map_or_else(|| "it was not asked".to_owned(), ToString::to_string);
        return Err(format!(
            "whether {} finds {of} is not known: {why}",
            here.name
        ));
    };
    let name = of.host_part();
    let addresses = report.found.iter().filter(|(found, _)| found.raw() == name);
    let addresses: Vec<_> = addresses.map(|(_, address)| *address).collect();
    Ok(match addresses.first() {
        None => Err(format!("{} does not find the name {name}", here.name)),
        Some(first) => {
            let declared = &there.addresses;
            if declared.is_empty() || addresses.iter().any(|found| declared.contains(found)) {
                Ok(format!("{} finds {name} at {first}", here.name))
            } else {
                let known: Vec<String> = declared.iter().map(ToString::to_string).collect();
                Err(format!(
                    "{} finds {name} at {first}, the configuration has it at {}",
                    here.name,
                    known.join(" and ")
                ))
            }
        }
    })
}

fn cookie_can_move(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let Some(via) = target.via else {
        return Judged::one(
            Verdict::CannotTell,
            "no host to take the cookie from is known",
        );
    };
    let node = target.node;
    let (own, other) = match (
        host::cookie(model, node, now),
        host::cookie(model, via, now),
    ) {
        (Ok(own), Ok(other)) => (own, other),
        (Err(words), _) | (_, Err(words)) => return Judged::one(Verdict::CannotTell, words),
    };
    let mut faults = Vec::new();
    if other.digest.is_none() {
        faults.push(format!("there is no cookie on the host of {via}"));
    }
    for (name, report) in [(node, own), (via, other)] {
        let words = report.obstacles.iter().map(|obstacle| obstacle.words());
        faults.extend(words.map(|words| format!("the host of {name} {words}")));
    }
    if faults.is_empty() {
        let words =
            "openssl is there, and nothing overrides the file; the value is neither shown nor kept";
        Judged::one(Verdict::Passed, words)
    } else {
        Judged::new(Verdict::Failed, faults).instead("put that right on the host first")
    }
}

fn stranger(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let node = target.node;
    let own = &target.host.name;
    let (mut lists, mut denies) = (Vec::new(), Vec::new());
    for (host, report) in model.views(now).filter(|(host, _)| *host != own) {
        match report.lists(node) {
            Some(true) => lists.push(format!("{host} lists {node} as a member")),
            Some(false) => denies.push(format!("{host} does not list {node}")),
            None => {}
        }
    }
    let limit = freshness_limit(SourceKind::NodeStatus);
    let status = model.statuses.get(own);
    let status = status.and_then(|reading| reading.current(now, limit));
    let mates = status.into_iter().flat_map(NodeStatus::members);
    for mate in mates.filter(|mate| *mate != node) {
        // Who does not list it has forgotten it, whatever it believes.
        if model.lists(mate, node, now) == Some(false) {
            continue;
        }
        // What it believes itself counts while it runs: it may belong to another cluster.
        if status.is_some_and(|status| status.running.contains(node)) {
            lists.push(format!("{node} itself runs as a member with {mate}"));
        }
    }
    if !lists.is_empty() {
        Judged::new(Verdict::Failed, lists)
            .instead(format!("take it out first: leave {node}, or forget {node}"))
    } else if denies.is_empty() {
        Judged::one(
            Verdict::CannotTell,
            format!("no member says whether {node} is one"),
        )
        .instead("bring a member up first")
    } else {
        Judged::new(Verdict::Passed, denies)
    }
}

fn data_there(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let node = target.node;
    if target.state != NodeState::Down {
        let why = "it is not down: nothing is read from its disc";
        return Judged::one(Verdict::NotApplicable, why);
    }
    let report = match host::data(model, node, now) {
        Ok(report) => report,
        Err(words) => return Judged::one(Verdict::Warning, words),
    };
    let dir = &report.dir;
    if report
        .holds
        .iter()
        .any(|name| name.as_str() == node.as_str())
    {
        let holds = format!("{dir} holds the data of {node}");
        if model.is_member(node, now) == Some(false) {
            // It dies of inconsistent_cluster at each start, and systemd starts it again.
            let words = format!(
                "{holds}, which the members do not count as one of theirs: with that it would not start"
            );
            return Judged::one(Verdict::Failed, words)
                .instead(format!("rejoin {node}, which moves its data aside"));
        }
        return Judged::one(Verdict::Passed, holds);
    }
    let blank = format!("{dir} ({}) holds no data of {node}", report.by);
    match model.is_member(node, now) {
        Some(true) => Judged::one(
            Verdict::Failed,
            format!("{blank}, which is a member: it would start blank, apart from its cluster"),
        )
        .instead(format!(
            "mount what belongs there; if its data is lost for good: forget {node}, then start-node and join"
        )),
        Some(false) => Judged::one(
            Verdict::Passed,
            format!("{blank}, which is no member: it starts blank"),
        ),
        None => Judged::one(
            Verdict::Warning,
            format!("{blank}: it starts blank; that it is no member nobody says"),
        ),
    }
}

fn data(model: &Model, target: Target<'_>, now: Moment) -> Judged {
    let node = target.node;
    let report = match host::data(model, node, now) {
        Ok(report) => report,
        Err(words) => {
            return Judged::one(Verdict::CannotTell, words)
                .instead("find its data directory and move it by hand, with the service stopped");
        }
    };
    let place = format!("{} ({})", report.dir, report.by);
    let strange: Vec<&str> = report
        .holds
        .iter()
        .map(Shown::as_str)
        .filter(|name| name.contains('@') && !name.starts_with(node.as_str()))
        .collect();
    match report.state {
        DataState::Absent | DataState::Empty => Judged::one(
            Verdict::Passed,
            format!("{place} is {}", host::words(report.state)),
        ),
        DataState::Directory if strange.is_empty() => Judged::one(
            Verdict::Passed,
            format!(
                "{place} is a plain directory with {} entries",
                report.holds.len()
            ),
        ),
        DataState::Directory => Judged::one(
            Verdict::Failed,
            format!("{place} holds data of another node: {}", strange.join(", ")),
        )
        .instead("move what belongs to the node by hand, with the service stopped"),
        DataState::Link | DataState::Mount | DataState::Other => Judged::one(
            Verdict::Failed,
            format!("{place} is {}", host::words(report.state)),
        )
        .instead("move what is in it by hand, with the service stopped"),
    }
}
