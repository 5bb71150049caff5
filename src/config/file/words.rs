//! Owns what the configuration file's reading needs of words: a string or a list of them, and
//! serde's errors turned into sentences. Knows no key of the file.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;

/// Turns serde's words into a sentence with the nearest known key.
pub(super) fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if !message.starts_with("unknown field") {
        return message.lines().next().unwrap_or(message).to_owned();
    }
    let Some(unknown) = quoted.next() else {
        return message.to_owned();
    };
    if unknown == "password" {
        return "a password is never written here; use password_env, password_file or \
                password_command"
            .to_owned();
    }
    let known: Vec<&str> = quoted.collect();
    let near = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(unknown, key), key))
        .filter(|(distance, key)| *distance <= 3.min(key.len().max(2) / 2 + 1))
        .min();
    match near {
        Some((_, key)) => format!("unknown key `{unknown}`; did you mean `{key}`?"),
        None => format!(
            "unknown key `{unknown}`; known keys here: {}",
            known.join(", ")
        ),
    }
}

/// A string or a list of strings.
#[derive(Debug, Clone)]
pub(super) struct OneOrMany(pub(super) Vec<String>);

impl OneOrMany {
    /// A list is an argv; one string is split at white space, never given to a shell.
    pub(super) fn into_argv(self) -> Vec<String> {
        match self.0.as_slice() {
            [line] => line.split_whitespace().map(str::to_owned).collect(),
            _ => self.0,
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    values.push(text);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Words)
    }
}
