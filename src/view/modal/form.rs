//! Owns the face of a form: questions with their answers, what is wrong with one right below it,
//! and the command line that would ask for the same.

use super::super::Drawn;
use super::super::glyphs::Glyph;
use super::super::paint::{self, Focused};
use super::super::scene::Scene;
use super::super::text;
use super::super::theme::Role;
use super::{Lines, width};
use crate::app::modal::form::{Choice, Form, FormField, Input};
use crate::model::text::Shown;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Columns before an answer: the cursor's, and the labels'.
const MARGIN: u16 = 2;
const LABELS: u16 = 16;

/// Draws the form.
pub fn draw(buf: &mut Buffer, body: Rect, scene: &Scene<'_>, form: &Form) -> Drawn {
    let columns = width(body, 92);
    let room = usize::from(columns.saturating_sub(4));
    let (answers, focus) = answers(scene, form, room);
    let bottom = bottom(scene, form, room);
    let rows = u16::try_from(answers.len()).unwrap_or(u16::MAX);
    let below = u16::try_from(bottom.len()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(below).saturating_add(5);
    let at = paint::middle(body, columns, height);
    let inside = paint::frame(buf, at, scene, Role::Frame, title(scene, form));
    let words = text::cut_end(form.spec.words, room, scene.theme.sign(Glyph::Ellipsis));
    let known_as = form.spec.known_as.first().copied().unwrap_or_default();
    paint::left(
        buf,
        paint::line(inside, 0),
        vec![
            scene.span(Role::Dim, format!("{words}  ")),
            scene.span(Role::Info, known_as),
        ],
    );
    let list = Rect {
        height: inside.height.saturating_sub(below + 3),
        ..paint::below(inside, 2)
    };
    let cursor = put(buf, list, scene, (answers, focus));
    let lower = paint::below(inside, inside.height.saturating_sub(below));
    for (line, at) in bottom.into_iter().zip(paint::lines(lower)) {
        paint::left(buf, at, line);
    }
    Drawn {
        scroll_limit: 0,
        cursor,
    }
}

fn title(scene: &Scene<'_>, form: &Form) -> Vec<Span<'static>> {
    let mut title = vec![Span::styled(form.spec.name, scene.bold(Role::Title))];
    if let Some(node) = &form.node {
        title.push(Span::styled(format!(" {node}"), scene.bold(Role::Text)));
    }
    title
}

/// The line with the cursor, and the column of the cursor in it where it is a text's.
#[derive(Debug, Clone, Copy, Default)]
struct Focus {
    line: usize,
    column: Option<u16>,
}

/// Draws the answers, scrolled to where the cursor is; gives the place of the cursor.
fn put(
    buf: &mut Buffer,
    list: Rect,
    scene: &Scene<'_>,
    (lines, focus): (Lines, Focus),
) -> Option<(u16, u16)> {
    let height = usize::from(list.height);
    let first = super::super::table::first_shown(lines.len(), focus.line, height);
    let mut cursor = None;
    let shown = lines.into_iter().enumerate().skip(first);
    for ((number, line), at) in shown.zip(paint::lines(list)) {
        if number == focus.line {
            paint::select(buf, at, scene, Focused::Yes);
            let edge = at.right().saturating_sub(1);
            let place = |column: u16| (at.x.saturating_add(column).min(edge), at.y);
            cursor = focus.column.map(place);
        }
        let inner = Rect {
            x: at.x + MARGIN,
            width: at.width.saturating_sub(MARGIN),
            ..at
        };
        paint::fitted(buf, inner, scene, line);
    }
    cursor
}

fn answers(scene: &Scene<'_>, form: &Form, room: usize) -> (Lines, Focus) {
    let (at, row) = form.at();
    let mut lines: Lines = Vec::new();
    let mut focus = Focus::default();
    for (number, field) in form.fields.iter().enumerate() {
        if number == at {
            focus.line = lines.len() + row;
            if let Input::Text { field, .. } = &field.input {
                let before = u16::try_from(field.cursor()).unwrap_or(u16::MAX);
                focus.column = Some(MARGIN.saturating_add(LABELS).saturating_add(before));
            }
        }
        lines.extend(answer(scene, field, Focused::from(number == at)));
        if let Some(fault) = form.fault_of(field) {
            let columns = room.saturating_sub(usize::from(MARGIN + LABELS));
            for part in text::wrap(&fault, columns) {
                lines.push(vec![indent(), scene.span_raw(Role::Warn, part)]);
            }
        }
    }
    (lines, focus)
}

fn indent() -> Span<'static> {
    Span::raw(" ".repeat(usize::from(LABELS)))
}

/// The rows of one question.
fn answer(scene: &Scene<'_>, field: &FormField, focused: Focused) -> Lines {
    let role = match focused {
        Focused::Yes => Role::Text,
        Focused::No => Role::Dim,
    };
    let label = scene.span(
        role,
        format!("{:<w$}", field.label, w = usize::from(LABELS)),
    );
    match &field.input {
        Input::Text { field, .. } => {
            let typed = Shown::new(field.text());
            vec![vec![
                label,
                Span::styled(typed.as_str().to_owned(), scene.bold(Role::Text)),
            ]]
        }
        Input::Pick { choices, at } => {
            let mut line = vec![label];
            line.extend(picked(scene, (choices, *at), focused));
            vec![line]
        }
        Input::Marks { choices, marked } => {
            let lead = std::iter::once(label).chain(std::iter::repeat_with(indent));
            let rows = choices.iter().enumerate().zip(lead);
            rows.map(|((number, choice), lead)| {
                let (sign, role) = if marked.contains(&number) {
                    ("[x] ", Role::Text)
                } else {
                    ("[ ] ", Role::Dim)
                };
                vec![
                    lead,
                    scene.span(Role::Accent, sign),
                    scene.span_raw(role, choice.words.as_str()),
                    scene.span(Role::Dim, format!("  {}", choice.note)),
                ]
            })
            .collect()
        }
    }
}

/// `‹ rabbit@rabbit-node1 ›  running   2 of 3`.
fn picked(
    scene: &Scene<'_>,
    (choices, at): (&[Choice], usize),
    focused: Focused,
) -> Vec<Span<'static>> {
    let Some(choice) = choices.get(at) else {
        return vec![scene.span(Role::Warn, "there is nothing to choose from")];
    };
    let arrow = match focused {
        Focused::Yes => Role::Accent,
        Focused::No => Role::Faint,
    };
    let mut spans = vec![
        scene.span(arrow, "‹ "),
        Span::styled(choice.words.clone(), scene.bold(Role::Text)),
        scene.span(arrow, " ›"),
        scene.span(Role::Dim, format!("  {}", choice.note)),
    ];
    if choices.len() > 1 {
        let words = format!("   {} of {}", at + 1, choices.len());
        spans.push(scene.span(Role::Faint, words));
    }
    spans
}

/// What to know for the answer, the command line, and the keys.
fn bottom(scene: &Scene<'_>, form: &Form, room: usize) -> Lines {
    let (at, _) = form.at();
    let field = form.fields.get(at);
    let mut lines: Lines = Vec::new();
    let help = field.map_or("", |field| field.help);
    lines.extend(
        text::wrap(help, room)
            .into_iter()
            .map(|line| vec![scene.span(Role::Dim, line)]),
    );
    lines.push(Vec::new());
    lines.extend(outlook(scene, form, room));
    lines.push(Vec::new());
    let mut keys = vec!["enter shows the plan"];
    match field.map(|field| &field.input) {
        Some(Input::Pick { .. }) => keys.push("left/right choose"),
        Some(Input::Marks { .. }) => keys.push("space marks"),
        Some(Input::Text { .. }) | None => {}
    }
    if form.fields.iter().map(FormField::rows).sum::<usize>() > 1 {
        keys.push("up/down move");
    }
    keys.push("esc goes back");
    let words = keys.join("   ");
    lines.push(vec![scene.span(Role::Dim, words)]);
    lines
}

/// The command line that asks for the same, or what stands against it.
fn outlook(scene: &Scene<'_>, form: &Form, room: usize) -> Lines {
    let wrapped = |role: Role, words: &str| -> Lines {
        let lines = text::wrap(words, room).into_iter();
        lines.map(|line| vec![scene.span_raw(role, line)]).collect()
    };
    match scene.app.form_action(form, scene.at) {
        Ok(action) => wrapped(Role::Info, &format!("rmqtop run {action}")),
        Err(fault) if fault.key.is_none() => {
            wrapped(Role::Warn, &format!("not now: {}", fault.words))
        }
        // It stands below its field, or is not typed yet.
        Err(_) => vec![vec![scene.span(Role::Faint, "rmqtop run …")]],
    }
}
