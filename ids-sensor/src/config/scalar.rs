//! What scalars mean: truth values, sizes, spans of time, ports.
//!
//! In: text as it was written.  Out: a value, or `None` if it is none.

use std::time::Duration;

/// `yes`, `true`, `on`, `1` and their opposites, in any case.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" | "enabled" => Some(true),
        "no" | "false" | "off" | "0" | "disabled" => Some(false),
        _ => None,
    }
}

/// A number of bytes: `4096`, `64mb`, `1 GiB`, `1.5kb`. Units are powers of 1024, as in the established engine.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1_u64,
        "kb" | "kib" | "k" => 1 << 10,
        "mb" | "mib" | "m" => 1 << 20,
        "gb" | "gib" | "g" => 1 << 30,
        "tb" | "tib" | "t" => 1 << 40,
        _ => return None,
    };
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(factor),
        Some((whole, fraction)) => {
            let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
            let digits = u32::try_from(fraction.len()).ok().filter(|&n| (1..=9).contains(&n))?;
            let part = fraction.parse::<u64>().ok()?.checked_mul(factor)? / 10_u64.pow(digits);
            whole.checked_mul(factor)?.checked_add(part)
        }
    }
}

/// A span of time: `30` (seconds), `500ms`, `10s`, `5m`, `2h`, `7d`, `2w`; `minute`, `hour`, `day`.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number = if number.is_empty() && !unit.is_empty() { 1 } else { number.parse::<u64>().ok()? };
    let seconds = match unit.trim() {
        "ms" => return Some(Duration::from_millis(number)),
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Ports: `53`, `139, 445`, `[5060, 5061]`, `8000:8010`, in the order written. At most 65,536 in all.
pub fn ports(text: &str) -> Option<Vec<u16>> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let mut ports = Vec::new();
    for word in inner.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
        match word.split_once([':', '-']) {
            None => ports.push(word.parse().ok()?),
            Some((low, high)) => ports.extend(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?),
        }
        if ports.len() > 65_536 {
            return None;
        }
    }
    Some(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values() {
        for (text, want) in [
            ("yes", Some(true)),
            ("TRUE", Some(true)),
            ("on", Some(true)),
            ("no", Some(false)),
            ("Off", Some(false)),
            ("false", Some(false)),
            ("maybe", None),
            ("", None),
        ] {
            assert_eq!(boolean(text), want, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, want) in [
            ("4096", Some(4096)),
            ("64mb", Some(64 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("100 KiB", Some(100 << 10)),
            ("1.5kb", Some(1536)),
            ("0.25 mb", Some(256 << 10)),
            ("64 apples", None),
            ("", None),
            ("-1", None),
            ("99999999999999999999", None),
            ("99999999tb", None),
        ] {
            assert_eq!(bytes(text), want, "{text}");
        }
    }

    #[test]
    fn spans_of_time() {
        for (text, want) in [
            ("30", Some(30_000)),
            ("500ms", Some(500)),
            ("5m", Some(300_000)),
            ("hour", Some(3_600_000)),
            ("1d", Some(86_400_000)),
            ("2w", Some(1_209_600_000)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(duration(text), want.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn port_lists() {
        for (text, want) in [
            ("53", Some(vec![53])),
            ("139, 445", Some(vec![139, 445])),
            ("[5060, 5061]", Some(vec![5060, 5061])),
            ("10:12", Some(vec![10, 11, 12])),
            ("", Some(vec![])),
            ("65536", None),
            ("http", None),
        ] {
            assert_eq!(ports(text), want, "{text}");
        }
    }
}
