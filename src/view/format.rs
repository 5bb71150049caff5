//! Owns how figures are written: three significant figures, the unit glued on, a fixed width for
//! each kind, so that a figure that grows never pushes its neighbours.

use std::time::Duration;

/// Widest text of `count`: `999G`, `1.23k`.
pub const COUNT_WIDTH: u16 = 5;
/// Widest text of `rate`: `1.23k/s`.
pub const RATE_WIDTH: u16 = 7;
/// Widest text of `bytes`: `1.23 GB`, `1023 MB` does not occur.
pub const BYTES_WIDTH: u16 = 7;
/// Widest text of `age`: `59m 59s` does not occur, `23h 59m` does.
pub const AGE_WIDTH: u16 = 7;

/// Three significant figures of a value from 0 up to, not including, 1000.
fn three(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Divides by `step` until it fits three figures; gives the text and how often it was divided.
fn scaled(mut value: f64, step: f64, units: usize) -> (String, usize) {
    let mut power = 0;
    while value >= 999.5 && power + 1 < units {
        value /= step;
        power += 1;
    }
    (three(value), power)
}

fn unit<'a>(units: &[&'a str], power: usize) -> &'a str {
    units.get(power).copied().unwrap_or_default()
}

/// A count: `0`, `999`, `1.23k`, `12.3M`.
pub fn count(value: u64) -> String {
    if value < 1000 {
        return value.to_string();
    }
    let units = ["", "k", "M", "G", "T", "P", "E"];
    let (text, power) = scaled(value as f64, 1000.0, units.len());
    format!("{text}{}", unit(&units, power))
}

/// Something per second: `0/s`, `0.25/s`, `12.0/s`, `1.23k/s`.
pub fn rate(per_second: f64) -> String {
    if per_second <= 0.0 || !per_second.is_finite() {
        return "0/s".to_owned();
    }
    let units = ["", "k", "M", "G", "T"];
    let (text, power) = scaled(per_second, 1000.0, units.len());
    format!("{text}{}/s", unit(&units, power))
}

/// A size in decimal units, as RabbitMQ writes its own: `0 B`, `412 MB`, `1.23 GB`.
pub fn bytes(value: u64) -> String {
    if value < 1000 {
        return format!("{value} B");
    }
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (text, power) = scaled(value as f64, 1000.0, units.len());
    format!("{text} {}", unit(&units, power))
}

/// A span of time in its two largest units: `0s`, `38s`, `1m 5s`, `3h 20m`, `3d 4h`, `412d`.
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, large_unit: char, small: u64, small_unit: char| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit} {small}{small_unit}")
        }
    };
    if minutes == 0 {
        format!("{seconds}s")
    } else if hours == 0 {
        two(minutes, 'm', seconds % 60, 's')
    } else if days == 0 {
        two(hours, 'h', minutes % 60, 'm')
    } else if days < 100 {
        two(days, 'd', hours % 24, 'h')
    } else {
        format!("{days}d")
    }
}

/// A span of time in its largest unit: `38s`, `1m`, `3h`, `3d`.
pub fn short_age(span: Duration) -> String {
    let text = age(span);
    text.split_once(' ')
        .map_or(text.clone(), |(large, _)| large.to_owned())
}

/// A span while one waits: tenths below ten seconds, so that it is seen to move.
pub fn stopwatch(span: Duration) -> String {
    if span < Duration::from_secs(10) {
        format!("{:.1}s", span.as_secs_f64())
    } else {
        age(span)
    }
}

/// A share in percent: `0%`, `7%`, `100%`; `None` where the whole is zero.
pub fn share(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| format!("{:.0}%", part as f64 * 100.0 / whole as f64))
}

#[cfg(test)]
mod tests {
    use super::{
        AGE_WIDTH, BYTES_WIDTH, COUNT_WIDTH, RATE_WIDTH, age, bytes, count, rate, share, short_age,
        stopwatch,
    };
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn counts_keep_three_figures_across_every_border() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00k"),
            (1234, "1.23k"),
            (9994, "9.99k"),
            (9996, "10.0k"),
            (99_949, "99.9k"),
            (99_951, "100k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (u64::MAX, "18.4E"),
        ];
        for (value, text) in cases {
            assert_eq!(count(value), text, "{value}");
        }
    }

    #[test]
    fn bytes_and_rates_carry_their_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(412_000_000), "412 MB");
        assert_eq!(bytes(1_234_567_890), "1.23 GB");
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(0.25), "0.25/s");
        assert_eq!(rate(1234.0), "1.23k/s");
        assert_eq!(rate(f64::NAN), "0/s");
    }

    #[test]
    fn ages_show_two_units() {
        let cases = [
            (0, "0s"),
            (38, "38s"),
            (60, "1m"),
            (65, "1m 5s"),
            (3600, "1h"),
            (86_399, "23h 59m"),
            (86_400 * 3 + 3600 * 4, "3d 4h"),
            (86_400 * 412, "412d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
        assert_eq!(short_age(Duration::from_secs(65)), "1m");
        assert_eq!(stopwatch(Duration::from_millis(1240)), "1.2s");
        assert_eq!(stopwatch(Duration::from_secs(61)), "1m 1s");
    }

    #[test]
    fn a_share_of_nothing_is_not_a_number() {
        assert_eq!(share(1, 0), None);
        assert_eq!(share(1, 2).as_deref(), Some("50%"));
    }

    proptest! {
        #[test]
        fn nothing_is_ever_wider_than_its_column(value: u64, per_second in 0.0..1e14f64) {
            prop_assert!(count(value).len() <= usize::from(COUNT_WIDTH));
            prop_assert!(bytes(value).len() <= usize::from(BYTES_WIDTH));
            prop_assert!(rate(per_second).len() <= usize::from(RATE_WIDTH));
            let span = Duration::from_secs(value % (86_400 * 365 * 100));
            prop_assert!(age(span).len() <= usize::from(AGE_WIDTH));
        }
    }
}
