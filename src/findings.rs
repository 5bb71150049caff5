//! Owns what is wrong, in words: one check per file, each gives id, severity, subject, a sentence,
//! evidence, ranked causes and the runbook that answers it. Pure functions over the model.

mod alarm;
mod balancer;
mod member;
mod partition;
mod placed;
mod queue;
mod server;
mod source;
mod unread;
mod vip;

use crate::model::Model;
use crate::model::moment::Moment;
use serde::{Deserialize, Serialize};

/// How bad it is. Ordered: the worst is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// It cannot be told whether something is wrong.
    Unknown,
    /// Redundancy or comfort is lost.
    Warning,
    /// Service or data is lost, or the next fault will lose it.
    Critical,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule id: `D1` … `D22` of the correlation rules, `N…`, `Q…`, `S…`, `V…` for plain states.
    pub id: String,
    /// How bad.
    pub severity: Severity,
    /// What it is about: a host, a node, a server, an address.
    pub subject: String,
    /// One sentence.
    pub title: String,
    /// What it rests on, one line each.
    pub evidence: Vec<String>,
    /// Likely causes, the likeliest first.
    pub causes: Vec<String>,
    /// The runbook that answers it.
    pub runbook: Option<String>,
    /// Whether a run under way causes it; such findings do not alarm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expected: bool,
}

/// A check looks at the whole model and reports what it finds.
type Check = fn(&Model, Moment) -> Vec<Finding>;

/// Every check; the place to add one.
const CHECKS: [Check; 10] = [
    member::check,
    alarm::check,
    partition::check,
    vip::check,
    balancer::check,
    server::check,
    placed::check,
    unread::check,
    queue::check,
    source::check,
];

/// Every finding of the model at this moment: worst first, then by rule and subject.
pub fn all(model: &Model, now: Moment) -> Vec<Finding> {
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(model, now)).collect();
    findings.sort_by(|a, b| (b.severity, &a.id, &a.subject).cmp(&(a.severity, &b.id, &b.subject)));
    findings
}

/// The worst severity, if anything was found.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings
        .iter()
        .filter(|finding| !finding.expected)
        .map(|finding| finding.severity)
        .max()
}

impl Finding {
    fn new(id: &str, severity: Severity, subject: &dyn ToString, title: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            severity,
            subject: subject.to_string(),
            title: title.into(),
            evidence: Vec::new(),
            causes: Vec::new(),
            runbook: None,
            expected: false,
        }
    }

    fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    fn causes(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.causes.extend(lines.into_iter().map(Into::into));
        self
    }

    fn answered_by(mut self, runbook: &str) -> Self {
        self.runbook = Some(runbook.to_owned());
        self
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}
