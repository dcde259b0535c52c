//! Timestamps of records: the second and its time zone are worked out once and kept.

use ids_core::time::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes times in the time zone of the process.
#[derive(Debug)]
pub struct Stamps {
    zone: TimeZone,
    second: Option<u64>,
    /// `2026-01-02T03:04:05.`
    date: String,
    /// `+0000`
    offset: String,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { zone: TimeZone::system(), second: None, date: String::new(), offset: String::new() }
    }
}

impl Stamps {
    /// Appends `2026-01-02T03:04:05.123456+0000`.
    pub fn iso(&mut self, out: &mut Vec<u8>, time: Time) {
        self.prepare(time.seconds(), "%Y-%m-%dT%H:%M:%S.");
        out.extend_from_slice(self.date.as_bytes());
        micros(out, time);
        out.extend_from_slice(self.offset.as_bytes());
    }

    /// Appends `01/02/2026-03:04:05.123456`, the form of fast.log.
    pub fn fast(&mut self, out: &mut Vec<u8>, time: Time) {
        self.prepare(time.seconds(), "%m/%d/%Y-%H:%M:%S.");
        out.extend_from_slice(self.date.as_bytes());
        micros(out, time);
    }

    fn prepare(&mut self, second: u64, form: &str) {
        if self.second == Some(second) {
            return;
        }
        let timestamp = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
        let zoned = timestamp.unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone());
        self.date = zoned.strftime(form).to_string();
        self.offset = zoned.strftime("%z").to_string();
        self.second = Some(second);
    }
}

fn micros(out: &mut Vec<u8>, time: Time) {
    let mut left = time.subsec_micros();
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let zone = |hours| TimeZone::fixed(jiff::tz::offset(hours));
        for (hours, nanos, iso) in [
            (0, 0, "1970-01-01T00:00:00.000000+0000"),
            (0, 1_767_323_045_123_456_789, "2026-01-02T03:04:05.123456+0000"),
            (-3, 1_767_323_045_000_000_000, "2026-01-02T00:04:05.000000-0300"),
            (0, 951_782_400_000_001_000, "2000-02-29T00:00:00.000001+0000"),
        ] {
            let mut stamps = Stamps { zone: zone(hours), ..Stamps::default() };
            let mut out = Vec::new();
            stamps.iso(&mut out, Time::from_nanos(nanos));
            assert_eq!(String::from_utf8(out).unwrap(), iso);
        }
        let mut stamps = Stamps { zone: zone(0), ..Stamps::default() };
        let mut out = Vec::new();
        stamps.fast(&mut out, Time::from_nanos(1_767_323_045_123_456_789));
        assert_eq!(out, b"01/02/2026-03:04:05.123456");
    }

    #[test]
    fn no_time_is_too_large() {
        let mut out = Vec::new();
        Stamps::default().iso(&mut out, Time::from_nanos(u64::MAX));
        assert!(out.starts_with(b"2554-"));
    }
}
