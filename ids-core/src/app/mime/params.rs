//! Parameters of header fields: `text/plain; name=value; name="value"` (RFC 2045 §5.1), also those in sections and with
//! character sets (RFC 2231).

use std::borrow::Cow;

/// Most sections of a parameter that are put together.
const MAX_SECTIONS: usize = 64;

/// What stands before the parameters.
pub(super) fn main(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// The value of a parameter, without regard to the case of its name. What is in sections or has a character set counts
/// more than what stands plain beside it: that is for readers that know no better (RFC 2231 §3).
pub(super) fn get<'a>(value: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let mut plain = None;
    let mut sections: Vec<(usize, Vec<u8>)> = Vec::new();
    for (key, text) in (Params { rest: value }) {
        let Some((own, kind)) = key.split_at_checked(name.len()) else { continue };
        if !own.eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        if kind.is_empty() {
            plain = plain.or(Some(text));
        } else if let Some((number, encoded)) = section(kind)
            && sections.len() < MAX_SECTIONS
            && sections.iter().all(|section| section.0 != number)
        {
            sections.push((number, if encoded { decoded(&text, number == 0) } else { text.into_owned() }));
        }
    }
    sections.sort_by_key(|section| section.0);
    if sections.is_empty() { plain } else { Some(sections.into_iter().flat_map(|section| section.1).collect()) }
}

/// What stands behind the name of a parameter: `*`, `*0`, `*0*`. Out: which section, and whether it is encoded.
fn section(kind: &[u8]) -> Option<(usize, bool)> {
    let kind = kind.strip_prefix(b"*")?;
    if kind.is_empty() {
        return Some((0, true));
    }
    let digits = kind.strip_suffix(b"*").unwrap_or(kind);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((number, digits.len() < kind.len()))
}

/// Undoes `charset'language'percent%20encoding`; only the first section has the first two (RFC 2231 §4.1).
fn decoded(text: &[u8], first: bool) -> Vec<u8> {
    let text = match text.splitn(3, |byte| *byte == b'\'').nth(2) {
        Some(rest) if first => rest,
        _ => text,
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match after {
            [high, low, behind @ ..] if *byte == b'%' => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = behind;
                }
                _ => out.push(*byte),
            },
            _ => out.push(*byte),
        }
    }
    out
}

/// Goes through the parameters: names and values.
struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = until(self.rest, b";").1.get(1..)?;
            let (name, after) = until(self.rest, b"=;");
            let Some(value) = after.strip_prefix(b"=") else { continue };
            let value = value.trim_ascii_start();
            let text = match value.strip_prefix(b"\"") {
                Some(quoted) => {
                    let (text, rest) = quoted_string(quoted);
                    self.rest = rest;
                    text
                }
                None => {
                    let (text, rest) = until(value, b";");
                    self.rest = rest;
                    Cow::Borrowed(text.trim_ascii())
                }
            };
            return Some((name.trim_ascii(), text));
        }
    }
}

/// Splits before the first of these bytes.
fn until<'a>(text: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = text.iter().position(|byte| ends.contains(byte)).unwrap_or(text.len());
    text.split_at(at)
}

/// What stands before the closing quote, backslashes undone, and what stands behind it. The quote may be missing.
fn quoted_string(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let (simple, rest) = until(text, b"\"\\");
    if !rest.starts_with(b"\\") {
        return (Cow::Borrowed(simple), rest.get(1..).unwrap_or_default());
    }
    let mut out = simple.to_vec();
    let mut rest = rest;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => break,
            b'\\' => {
                out.extend(after.first());
                rest = after.get(1..).unwrap_or_default();
            }
            byte => out.push(*byte),
        }
    }
    (Cow::Owned(out), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        for (value, expected) in [
            ("attachment; filename=a.exe", Some("a.exe")),
            ("attachment;FileName = \"a b.exe\" ; x=y", Some("a b.exe")),
            ("attachment; x=\"; filename=no\"; filename=yes", Some("yes")),
            ("attachment; filename=\"a\\\"b\\\\c\"", Some("a\"b\\c")),
            ("attachment; filename=\"open", Some("open")),
            ("attachment; filename=two words ;x", Some("two words")),
            ("attachment; filename; filename=second", Some("second")),
            ("a; filename*=utf-8'en'%e2%82%ac%zz.exe; filename=plain", Some("€%zz.exe")),
            ("a; filename*1=\"b;\"; filename*0=a; filename*2*=%2eexe", Some("ab;.exe")),
            ("a; filename*0*=''a%20; filename*1=b", Some("a b")),
            ("a; filename*x=no; filenames=no", None),
            ("attachment", None),
            ("", None),
        ] {
            let got = get(value.as_bytes(), "filename").map(|value| String::from_utf8_lossy(&value).into_owned());
            assert_eq!(got.as_deref(), expected, "{value}");
        }
        assert_eq!(main(b" Text/Plain ; a=b"), b"Text/Plain");
    }
}
