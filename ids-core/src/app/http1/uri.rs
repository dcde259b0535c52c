//! Request targets (RFC 9112 §3.2, RFC 3986): taken apart, and brought into the form that servers act on.
//!
//! In: the target as it was sent.  Out: host, port, path and query; and path with query as rules see them in
//! `http.uri`: percent-encoding undone, `\` and repeated `/` turned into one `/`, dot segments removed.

use super::line::{leading, split, starts_with};

/// A target taken apart; nothing is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Host with port, where the target names one.
    pub authority: Option<&'a [u8]>,
    /// Path; may be empty.
    pub path: &'a [u8],
    /// What follows the first `?`, without the fragment.
    pub query: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes a target apart; that of `CONNECT` is all authority, and a path there means nothing.
    pub(super) fn parse(raw: &'a [u8], connect: bool) -> Self {
        if connect {
            return Self { authority: Some(raw).filter(|raw| !raw.starts_with(b"/")), ..Self::default() };
        }
        let scheme = leading(raw, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        let (authority, rest) = match split(raw, scheme).1 {
            [b':', b'/', b'/', rest @ ..] if scheme > 0 => {
                let (authority, rest) = split(rest, leading(rest, |byte| !matches!(byte, b'/' | b'?' | b'#' | b'\\')));
                (Some(authority), rest)
            }
            _ => (None, raw),
        };
        let rest = split(rest, leading(rest, |byte| byte != b'#')).0;
        let (path, query) = split(rest, leading(rest, |byte| byte != b'?'));
        Self { authority, path, query: query.get(1..) }
    }
}

/// A host with its port, taken apart (RFC 3986 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// Host without user information, as it was sent; brackets of IPv6 addresses stay.
    pub host: &'a [u8],
    /// Text after the colon, if there is one.
    pub port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    /// Takes `user@host:port` apart.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let text = text.rsplit(|&byte| byte == b'@').next().unwrap_or(text);
        let bracket = text.iter().rposition(|&byte| byte == b']').map_or(0, |at| at + 1);
        let colon = split(text, bracket).1.iter().position(|&byte| byte == b':').map(|at| bracket + at);
        match colon {
            Some(colon) => {
                let (host, port) = split(text, colon);
                Self { host, port: port.get(1..) }
            }
            None => Self { host: text, port: None },
        }
    }

    /// The host in lower case, without a dot at the end.
    pub(super) fn normalized(&self) -> Vec<u8> {
        self.host.strip_suffix(b".").unwrap_or(self.host).to_ascii_lowercase()
    }

    /// The port, if it is one.
    pub(super) fn port_number(&self) -> Option<u16> {
        std::str::from_utf8(self.port?).ok()?.trim().parse().ok().filter(|&port| port != 0)
    }

    /// Whether the host could be a name or an address.
    pub(super) fn is_valid(&self) -> bool {
        let inner = self.host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
        match inner {
            Some(inner) => {
                !inner.is_empty() && inner.iter().all(|&byte| byte.is_ascii_hexdigit() || b":.%".contains(&byte))
            }
            None => {
                self.host.len() <= 255
                    && self.host.split(|&byte| byte == b'.').all(|label| label.len() <= 63)
                    && self.host.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        }
    }
}

/// How targets are decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoding {
    /// Paths are decoded twice.
    pub double_path: bool,
    /// Queries are decoded twice.
    pub double_query: bool,
}

/// Path and query as servers understand them. Out: the text, and whether the path is still percent-encoded
/// after it was decoded.
pub(super) fn normalize(target: &Target<'_>, how: Decoding) -> (Vec<u8>, bool) {
    let mut path = decode(target.path, true);
    let twice = is_encoded(&path);
    if how.double_path {
        path = decode(&path, true);
    }
    let mut out = remove_dots(&path);
    if let Some(query) = target.query {
        out.push(b'?');
        let mut query = decode(query, false);
        if how.double_query {
            query = decode(&query, false);
        }
        out.extend_from_slice(&query);
    }
    (out, twice)
}

/// Undoes `%XX` and `%uXXXX`; in a path all separators become one `/`.
fn decode(text: &[u8], path: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, after) = if first == b'%' { escape(tail).unwrap_or((first, tail)) } else { (first, tail) };
        rest = after;
        let separator = path && matches!(byte, b'/' | b'\\');
        match separator {
            true if out.last() == Some(&b'/') => {}
            true => out.push(b'/'),
            false => out.push(byte),
        }
    }
    out
}

/// The byte that an escape sequence after `%` stands for, and what follows it.
fn escape(tail: &[u8]) -> Option<(u8, &[u8])> {
    match tail {
        [b'u' | b'U', a, b, c, d, rest @ ..] => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let code = digit(a)? << 12 | digit(b)? << 8 | digit(c)? << 4 | digit(d)?;
            Some((best_fit(code), rest))
        }
        [a, b, rest @ ..] => {
            let code = char::from(*a).to_digit(16)? << 4 | char::from(*b).to_digit(16)?;
            Some((u8::try_from(code).ok()?, rest))
        }
        _ => None,
    }
}

/// The single byte that Windows takes a character for: itself, the plain form of a full-width one, or `?`.
fn best_fit(code: u32) -> u8 {
    let code = if (0xff01..=0xff5e).contains(&code) { code - 0xfee0 } else { code };
    u8::try_from(code).unwrap_or(b'?')
}

/// Whether a percent-encoded byte is in there.
fn is_encoded(text: &[u8]) -> bool {
    text.windows(3).any(|part| matches!(part, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Removes `.` and `..` segments (RFC 3986 §5.2.4).
fn remove_dots(path: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let absolute = path.first() == Some(&b'/');
    let body = if absolute { path.get(1..).unwrap_or_default() } else { path };
    let mut segments = body.split(|&byte| byte == b'/').peekable();
    if absolute {
        out.push(b'/');
    }
    while let Some(segment) = segments.next() {
        let more = segments.peek().is_some();
        match segment {
            b"." => {}
            b".." => {
                let end = out.len().saturating_sub(usize::from(out.last() == Some(&b'/')));
                let parent = split(&out, end).0.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
                out.truncate(parent.max(usize::from(absolute)));
            }
            _ => {
                out.extend_from_slice(segment);
                if more {
                    out.push(b'/');
                }
            }
        }
    }
    out
}

/// Methods of HTTP (RFC 9110 §9.3), PATCH and WebDAV with versioning (RFC 4918, 3253).
static METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"VERSION-CONTROL",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"CHECKIN",
    b"UPDATE",
    b"LABEL",
    b"REPORT",
    b"MKWORKSPACE",
    b"MKACTIVITY",
    b"BASELINE-CONTROL",
    b"MERGE",
];

/// Whether this is a method that servers know.
pub(super) fn is_method(text: &[u8]) -> bool {
    METHODS.contains(&text)
}

/// Whether `text` names a version of HTTP (RFC 9112 §2.3), with leniency: any case, leading zeros.
pub(super) fn is_http(text: &[u8]) -> bool {
    version(text).is_some()
}

/// Major and minor version of `HTTP/x.y`; `None` if it is not HTTP.
pub(super) fn version(text: &[u8]) -> Option<(u16, u16)> {
    let numbers = starts_with(text, b"HTTP/").then(|| std::str::from_utf8(split(text, 5).1).ok())??;
    let (major, minor) = numbers.split_once('.')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(raw: &str) -> String {
        let target = Target::parse(raw.as_bytes(), false);
        String::from_utf8_lossy(&normalize(&target, Decoding::default()).0).into_owned()
    }

    #[test]
    fn normalizing() {
        for (raw, expected) in [
            ("/", "/"),
            ("*", "*"),
            ("", ""),
            ("/a/b/../c/./d.html", "/a/c/d.html"),
            ("/../a/b/../../../c", "/c"),
            ("/../../images.gif", "/images.gif"),
            ("/%2e%2e/images.gif", "/images.gif"),
            ("/./././images.gif", "/images.gif"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("a/../../b", "b"),
            ("//a///b", "/a/b"),
            ("/a\\b%5cc%2fd", "/a/b/c/d"),
            ("/normalized%20uri", "/normalized uri"),
            ("/%u0041%uff42%u20ac%zz%4", "/Ab?%zz%4"),
            ("/p?x=%41%2f..//&y=a+b#frag", "/p?x=A/..//&y=a+b"),
            ("http://u:p@www.Example.com:8080/x/../y?q", "/y?q"),
            ("http://host", ""),
            ("/uri afterspace", "/uri afterspace"),
        ] {
            assert_eq!(normal(raw), expected, "{raw}");
        }
    }

    #[test]
    fn double_encoding() {
        let target = Target::parse(b"/evil%2527sqli?%2527", false);
        assert_eq!(normalize(&target, Decoding::default()), (b"/evil%27sqli?%27".to_vec(), true));
        let both = Decoding { double_path: true, double_query: true };
        assert_eq!(normalize(&target, both), (b"/evil'sqli?'".to_vec(), true));
        assert!(!normalize(&Target::parse(b"/a%27?%2527", false), Decoding::default()).1);
    }

    #[test]
    fn authorities() {
        type Row = (&'static str, &'static str, Option<u16>, bool);
        let rows: [Row; 9] = [
            ("www.Example.COM.", "www.example.com", None, true),
            ("a:80", "a", Some(80), true),
            ("u:p@a:80", "a", Some(80), true),
            ("[::1]:8000", "[::1]", Some(8000), true),
            ("[::1]", "[::1]", None, true),
            ("a:x", "a", None, true),
            ("a:99999", "a", None, true),
            ("{\"verbose\"", "{\"verbose\"", None, false),
            ("", "", None, true),
        ];
        for (text, host, port, valid) in rows {
            let found = Authority::parse(text.as_bytes());
            assert_eq!(found.normalized(), host.as_bytes(), "{text}");
            assert_eq!((found.port_number(), found.is_valid()), (port, valid), "{text}");
        }
        assert_eq!(Target::parse(b"a.example:443", true).authority, Some(&b"a.example:443"[..]));
    }

    #[test]
    fn versions() {
        for (text, expected) in [
            ("HTTP/1.1", Some((1, 1))),
            ("http/1.01", Some((1, 1))),
            ("HTTP/1.", None),
            ("HTTP", None),
            ("RTSP/1.0", None),
            ("HTTP/1.1foobar", None),
        ] {
            assert_eq!(version(text.as_bytes()), expected, "{text}");
        }
    }
}
