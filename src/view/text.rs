//! Owns cutting and wrapping of text by the columns it takes. Names are cut in the middle, where
//! they differ least; figures are never cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns `text` takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The first characters of `text` that fit `columns`.
fn head(text: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    text.take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= columns
    })
    .collect()
}

/// `text` in at most `columns`, its middle replaced by `mark` where it is too long.
pub fn cut_middle(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    if room == 0 {
        return head(mark.chars(), columns);
    }
    // The tail tells `rabbit-node1` from `rabbit-node2`, so it gets the odd column.
    let front = head(text.chars(), room / 2);
    let back = head(text.chars().rev(), room - width(&front));
    format!("{front}{mark}{}", back.chars().rev().collect::<String>())
}

/// `text` in at most `columns`, its end replaced by `mark` where it is too long. For sentences.
pub fn cut_end(text: &str, columns: usize, mark: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(mark));
    format!(
        "{}{}",
        head(text.chars(), room),
        head(mark.chars(), columns)
    )
}

/// `text` in lines of at most `columns`, broken at spaces; words that are too long are broken.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(&word) > columns && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > columns {
            let part = head(word.chars(), columns);
            if part.is_empty() {
                break;
            }
            word = word.chars().skip(part.chars().count()).collect();
            lines.push(part);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{cut_end, cut_middle, width, wrap};
    use proptest::prelude::*;

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(cut_middle("rabbit-node1", 20, "…"), "rabbit-node1");
        assert_eq!(cut_middle("orders.europe.paid", 11, "…"), "order….paid");
        assert_eq!(cut_middle("abc", 1, "…"), "…");
        assert_eq!(cut_middle("abc", 0, "…"), "");
    }

    #[test]
    fn sentences_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,60}", columns in 1usize..40) {
            prop_assert!(width(&cut_middle(&text, columns, "…")) <= columns);
            prop_assert!(width(&cut_end(&text, columns, "…")) <= columns);
            if columns >= 2 {
                for line in wrap(&text, columns) {
                    prop_assert!(width(&line) <= columns, "{line:?}");
                }
            }
        }
    }
}
