//! Streaming JSON: keys and values straight into a buffer.

use std::net::IpAddr;

use ids_core::record::{Shape, Writer};

use crate::output::names;

/// Writes one JSON object.
#[derive(Debug)]
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    /// Whether something stands before, on this level.
    comma: bool,
    /// One bit for each open level, the innermost lowest: set for lists. Records nest a dozen levels deep at
    /// most.
    lists: u64,
}

impl<'a> Json<'a> {
    /// Begins an object.
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, comma: false, lists: 0 }
    }

    /// Ends the object.
    pub fn end(self) {
        self.out.push(b'}');
    }

    /// A text that is written by someone else, without quotes or escapes in it.
    pub fn verbatim(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    /// A text.
    pub fn str(&mut self, key: &str, value: &str) {
        self.text(key, value.as_bytes());
    }

    /// A text, if there is one.
    pub fn str_opt(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.str(key, value);
        }
    }

    /// Whatever can be shown and needs no escapes: addresses, numbers in special forms.
    pub fn display(&mut self, key: &str, value: impl std::fmt::Display) {
        use std::io::Write as _;
        self.verbatim(key, |out| write!(out, "{value}").expect("memory can be written to"));
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// An address: IPv6 with all its digits, as Suricata writes it.
    pub fn addr(&mut self, key: &str, addr: IpAddr) {
        self.verbatim(key, |out| names::addr(addr, out));
    }

    /// Bytes in base64 (RFC 4648 §4).
    pub fn base64(&mut self, key: &str, bytes: &[u8]) {
        use base64::Engine as _;
        self.verbatim(key, |out| {
            let start = out.len();
            out.resize(start + bytes.len().div_ceil(3) * 4, 0);
            let length = base64::engine::general_purpose::STANDARD
                .encode_slice(bytes, &mut out[start..])
                .expect("there is room for four letters for each three bytes");
            out.truncate(start + length);
        });
    }

    /// Bytes as hex digits.
    pub fn hex(&mut self, key: &str, bytes: &[u8]) {
        self.verbatim(key, |out| {
            for byte in bytes {
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        });
    }

    /// Bytes as text: what is neither printable ASCII nor a line end becomes a dot.
    pub fn printable(&mut self, key: &str, bytes: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        for &byte in bytes {
            let shown = if matches!(byte, 0x20..=0x7e | b'\r' | b'\n') { byte } else { b'.' };
            match ESCAPES[usize::from(shown)] {
                0 => self.out.push(shown),
                escape => self.out.extend([b'\\', escape]),
            }
        }
        self.out.push(b'"');
    }

    /// An object inside.
    pub fn object(&mut self, key: &str, content: impl FnOnce(&mut Self)) {
        self.open(key, Shape::Object);
        content(self);
        self.close();
    }

    /// A list inside.
    pub fn list(&mut self, key: &str, content: impl FnOnce(&mut Self)) {
        self.open(key, Shape::List);
        content(self);
        self.close();
    }

    fn key(&mut self, key: &str) {
        if std::mem::replace(&mut self.comma, true) {
            self.out.push(b',');
        }
        if self.lists & 1 == 0 {
            self.out.push(b'"');
            escape(self.out, key.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
    }
}

impl Writer for Json<'_> {
    fn text(&mut self, key: &str, value: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        escape(self.out, value);
        self.out.push(b'"');
    }

    fn uint(&mut self, key: &str, value: u64) {
        self.key(key);
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut left = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn int(&mut self, key: &str, value: i64) {
        if value >= 0 {
            return self.uint(key, value.unsigned_abs());
        }
        use std::io::Write as _;
        self.key(key);
        write!(self.out, "{value}").expect("memory can be written to");
    }

    fn float(&mut self, key: &str, value: f64) {
        // JSON has no infinities.
        if value.is_finite() {
            use std::io::Write as _;
            self.key(key);
            write!(self.out, "{value}").expect("memory can be written to");
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn open(&mut self, key: &str, shape: Shape) {
        self.key(key);
        let list = shape == Shape::List;
        self.out.push(if list { b'[' } else { b'{' });
        self.lists = self.lists << 1 | u64::from(list);
        self.comma = false;
    }

    fn close(&mut self) {
        self.out.push(if self.lists & 1 == 1 { b']' } else { b'}' });
        self.lists >>= 1;
        self.comma = true;
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The letter of the short escape of a byte; `u` if it has none but needs one; 0 if it needs none.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[0x0c] = b'f';
    table[b'\r' as usize] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends the content of a JSON string (RFC 8259 §7). Bytes that are not UTF-8 become `\xNN` in the text, as
/// in the established engine: `\\xc5` in JSON.
pub fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        escape_valid(out, chunk.valid().as_bytes());
        for byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\x");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

fn escape_valid(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = text.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0) {
        let (plain, rest) = text.split_at(at);
        out.extend_from_slice(plain);
        match ESCAPES[usize::from(rest[0])] {
            b'u' => {
                out.extend([b'\\', b'u', b'0', b'0', HEX[usize::from(rest[0] >> 4)], HEX[usize::from(rest[0] & 15)]])
            }
            escape => out.extend([b'\\', escape]),
        }
        text = &rest[1..];
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        for (bytes, want) in [
            (&b"plain"[..], "plain"),
            (b"say \"a\\b\"\n", r#"say \"a\\b\"\n"#),
            (b"VACKD\x03\xc5\xe9\x01", r"VACKD\u0003\\xc5\\xe9\u0001"),
            ("gr\u{fc}n \u{1f980}".as_bytes(), "gr\u{fc}n \u{1f980}"),
            (b"\xe2\x82", r"\\xe2\\x82"),
            (b"\x7f\x1f", "\u{7f}\\u001f"),
        ] {
            let mut out = Vec::new();
            escape(&mut out, bytes);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn whatever_is_written_is_json() {
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out);
        json.text("a\"", &(0..=255).collect::<Vec<u8>>());
        json.list("list", |json| {
            json.uint("", u64::MAX);
            json.int("", -5);
            json.object("", |json| json.flag("deep", true));
            json.list("", |_| {});
        });
        json.float("half", 0.5);
        json.float("nothing", f64::NAN);
        json.base64("base64", b"any carnal pleas");
        json.hex("hex", &[0, 0xfe]);
        json.printable("printable", b"a\t\"\\\xff\r\n");
        json.end();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["list"], serde_json::json!([u64::MAX, -5, {"deep": true}, []]));
        assert_eq!(value["half"], 0.5);
        assert_eq!(value.get("nothing"), None);
        assert_eq!(value["base64"], "YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(value["hex"], "00fe");
        assert_eq!(value["printable"], "a.\"\\.\r\n");
    }
}
