//! Owns what is wrong, in words: one check per file, each gives id, severity, subject, a sentence,
//! evidence, ranked causes and the runbook that answers it. Pure functions over the model.

mod alarm;
mod balancer;
mod fold;
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
    /// Rules of the findings that follow from this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
    /// What it follows from; such findings stand under their root and do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence_of: Option<Root>,
}

/// A finding that others follow from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Root {
    /// Its rule.
    pub id: String,
    /// Its subject.
    pub subject: String,
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

/// Every finding of the model at this moment: worst first, each with its consequences right below.
pub fn all(model: &Model, now: Moment) -> Vec<Finding> {
    let found = CHECKS.iter().flat_map(|check| check(model, now));
    let findings = found.map(Finding::says_each_once).collect();
    fold::fold(model, findings, now)
}

/// The worst severity, if anything was found.
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings
        .iter()
        .filter(|finding| !finding.expected && finding.consequence_of.is_none())
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
            consequences: Vec::new(),
            consequence_of: None,
        }
    }

    fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }

    /// What a longer line of evidence, or a cause, says is not said again.
    fn says_each_once(mut self) -> Self {
        let lines = std::mem::take(&mut self.evidence);
        let is_told = |(at, line): (usize, &String)| {
            let mut others = lines.iter().enumerate();
            self.causes.iter().any(|cause| cause.contains(line))
                || others.any(|(other, longer)| {
                    other != at && longer.contains(line) && (longer != line || other < at)
                })
        };
        let told: Vec<bool> = lines.iter().enumerate().map(is_told).collect();
        let kept = lines.into_iter().zip(told).filter(|(_, told)| !told);
        self.evidence = kept.map(|(line, _)| line).collect();
        self
    }

    fn causes(mut self, lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.causes.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Follows from the finding of this rule on `subject`, if there is one.
    fn follows(mut self, id: &str, subject: &dyn ToString) -> Self {
        self.consequence_of = Some(Root {
            id: id.to_owned(),
            subject: subject.to_string(),
        });
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
