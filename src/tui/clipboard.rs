//! Owns the way to the operator's clipboard: the terminal is asked to fill it (OSC 52), so that it
//! works over SSH too. Writes nothing itself.

/// The sequence that asks a terminal to put `text` on its clipboard (xterm control sequences,
/// "Manipulate Selection Data").
pub fn osc52(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", base64(text.as_bytes()))
}

/// RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let sign = usize::try_from(index).ok().and_then(|at| SIGNS.get(at));
            out.push(match sign {
                Some(sign) if place <= chunk.len() => char::from(*sign),
                _ => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{base64, osc52};

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn it_is_base64() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }

    #[test]
    fn nothing_in_the_text_can_end_the_sequence() {
        let sequence = osc52("a\u{7}\u{1b}\\b");
        assert_eq!(sequence.matches('\u{7}').count(), 1);
        assert_eq!(sequence.matches('\u{1b}').count(), 1);
    }
}
