//! Owns the tolerant reading of JSON: every field may be missing, null, empty, of another type, or
//! a number written as text, and costs only itself. A row that is no object is counted.

use crate::model::name::NodeName;
use crate::model::observation::{FailureKind, SourceFailure};
use crate::model::text::Shown;
use crate::sources::client::Answer;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A field as it came.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// Reads a field as exactly this type, or not at all.
pub(super) fn exactly<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A text that says something.
pub(super) fn string(raw: Raw<'_>) -> Option<String> {
    exactly::<String>(raw).filter(|text| !text.is_empty() && text != "undefined")
}

/// A text that says something, safe to show.
pub(super) fn text(raw: Raw<'_>) -> Option<Shown> {
    string(raw).map(|text| Shown::new(&text))
}

/// A finite number, also where it is written as text.
pub(super) fn float(raw: Raw<'_>) -> Option<f64> {
    exactly::<f64>(raw)
        .or_else(|| string(raw)?.trim().parse().ok())
        .filter(|number| number.is_finite())
}

/// A count; a fraction is rounded, anything below zero is no count.
pub(super) fn count(raw: Raw<'_>) -> Option<u64> {
    exactly::<u64>(raw)
        .or_else(|| string(raw)?.trim().parse().ok())
        .or_else(|| {
            let number = float(raw).filter(|number| *number >= 0.0)?;
            format!("{number:.0}").parse().ok()
        })
}

/// True or false, also where it is written as text.
pub(super) fn flag(raw: Raw<'_>) -> Option<bool> {
    exactly::<bool>(raw).or_else(|| string(raw)?.parse().ok())
}

/// A usable node name.
pub(super) fn node(raw: Raw<'_>) -> Option<NodeName> {
    NodeName::parse(&exactly::<String>(raw)?).ok()
}

/// Usable node names; nothing where there is no list.
pub(super) fn nodes(raw: Raw<'_>) -> Vec<NodeName> {
    let list: Vec<&RawValue> = exactly(raw).unwrap_or_default();
    list.into_iter()
        .filter_map(|name| node(Some(name)))
        .collect()
}

/// An object, or its defaults where it is `[]`, `""` or null.
pub(super) fn object<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    exactly(raw.filter(|raw| is_object(raw.get()))).unwrap_or_default()
}

/// A whole answer as one object.
pub(super) fn whole<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, SourceFailure> {
    if answer.body.trim_start().starts_with('[') {
        let text = format!("{}: expected an object: {}", answer.subject, start(answer));
        return Err(SourceFailure::new(FailureKind::Malformed, text));
    }
    parse(answer)
}

/// Whether JSON is an object. A list would be read as one too: its items as the fields, by place.
fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, SourceFailure> {
    serde_json::from_str(&answer.body).map_err(|error| not_json(answer, &error))
}

/// Rows of a list, whether it came as a page or as a bare array.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) total: Option<u64>,
    pub(super) rows: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    items: Raw<'a>,
    #[serde(borrow, default)]
    total_count: Raw<'a>,
}

pub(super) fn rows(answer: &Answer) -> Result<Rows<'_>, SourceFailure> {
    if answer.body.trim_start().starts_with('[') {
        let rows: Vec<&RawValue> = parse(answer)?;
        let total = Some(rows.len() as u64);
        return Ok(Rows { total, rows });
    }
    let page: Page<'_> = whole(answer)?;
    let rows = exactly(page.items).ok_or_else(|| {
        let text = format!("{}: a page without rows", answer.subject);
        SourceFailure::new(FailureKind::Malformed, text)
    })?;
    Ok(Rows {
        total: count(page.total_count),
        rows,
    })
}

impl<'a> Rows<'a> {
    /// Reads each row; gives those understood and the number of those that were not.
    pub(super) fn read<W, T>(&self, understand: impl Fn(&W) -> Option<T>) -> (Vec<T>, usize)
    where
        W: Deserialize<'a>,
    {
        let understood: Vec<T> = self
            .rows
            .iter()
            .filter(|row| is_object(row.get()))
            .filter_map(|row| understand(&exactly(Some(row))?))
            .collect();
        let skipped = self.rows.len() - understood.len();
        (understood, skipped)
    }
}

fn not_json(answer: &Answer, error: &serde_json::Error) -> SourceFailure {
    let words = if answer.body.trim().is_empty() {
        "an empty answer".to_owned()
    } else if error.is_eof() {
        "the JSON breaks off".to_owned()
    } else {
        format!("not the JSON expected ({error}): {}", start(answer))
    };
    SourceFailure::new(
        FailureKind::Malformed,
        format!("{}: {words}", answer.subject),
    )
}

/// The first characters of an answer, to tell what it was.
fn start(answer: &Answer) -> String {
    answer.body.trim_start().chars().take(40).collect()
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow, default)]
    reason: Raw<'a>,
    #[serde(borrow, default)]
    error: Raw<'a>,
}

/// The broker's own words for a failure, at most 200 characters.
pub(super) fn reason(answer: &Answer) -> Option<String> {
    let refusal: Refusal<'_> = serde_json::from_str(&answer.body).ok()?;
    let words = string(refusal.reason).or_else(|| string(refusal.error))?;
    Some(words.chars().take(200).collect())
}
