//! URLs in text (RFC 3986), wherever the bytes are cut.
//!
//! A URL is a scheme, a colon, two slashes but for `mailto`, and all that follows of what a URL may be made of.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Longest URL that is kept.
const LONGEST: usize = 2048;
/// Most URLs of a message that are kept.
const MOST: usize = 256;
/// Ends of paths of what Windows runs.
const PROGRAMS: [&str; 3] = ["exe", "scr", "com"];

/// A URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    bytes: Vec<u8>,
    /// Length of the scheme with what separates it.
    scheme: usize,
}

/// What a URL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Link {
    /// Something that runs.
    Program,
    /// An IPv4 address instead of a name.
    Ipv4,
    /// An IPv6 address instead of a name.
    Ipv6,
}

impl Url {
    /// It, with or without its scheme.
    pub(super) fn text(&self, scheme: bool) -> &[u8] {
        self.bytes.get(if scheme { 0 } else { self.scheme }..).unwrap_or_default()
    }

    /// Whether it leads to such a thing.
    pub(super) fn is(&self, link: Link) -> bool {
        let mut parts = self.text(false).splitn(2, |byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        match link {
            Link::Program => {
                let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
                let ending = path.rsplit(|byte| *byte == b'.').next().filter(|ending| ending.len() < path.len());
                ending.is_some_and(|ending| PROGRAMS.iter().any(|end| ending.eq_ignore_ascii_case(end.as_bytes())))
            }
            Link::Ipv4 => {
                let host = host.split(|byte| *byte == b':').next().unwrap_or_default();
                text(host).parse::<Ipv4Addr>().is_ok()
            }
            Link::Ipv6 => {
                let host = host.strip_prefix(b"[").and_then(|host| host.split(|byte| *byte == b']').next());
                host.is_some_and(|host| text(host).parse::<Ipv6Addr>().is_ok())
            }
        }
    }
}

/// Looks for URLs in text.
#[derive(Debug)]
pub(super) struct Finder {
    schemes: Arc<[Box<str>]>,
    /// What a scheme may have begun in, or the URL at hand.
    held: Vec<u8>,
    /// Length of the scheme of the URL that is held.
    within: Option<usize>,
    pub(super) found: Vec<Url>,
}

impl Finder {
    /// In: schemes, lower case.
    pub(super) fn new(schemes: &Arc<[Box<str>]>) -> Self {
        Self { schemes: Arc::clone(schemes), held: Vec::new(), within: None, found: Vec::new() }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            rest = match self.within {
                Some(scheme) => self.take(scheme, rest),
                None => self.search(rest),
            };
        }
    }

    /// The text is over.
    pub(super) fn finish(&mut self) {
        if let Some(scheme) = self.within.take() {
            self.keep(scheme);
        }
        self.held.clear();
    }

    /// Takes bytes of a URL. Out: what stands behind it.
    fn take<'a>(&mut self, scheme: usize, text: &'a [u8]) -> &'a [u8] {
        let end = text.iter().position(|byte| !is_part(*byte)).unwrap_or(text.len());
        let (part, rest) = text.split_at(end);
        let room = LONGEST.saturating_sub(self.held.len()).min(part.len());
        self.held.extend_from_slice(part.get(..room).unwrap_or_default());
        if !rest.is_empty() {
            self.within = None;
            self.keep(scheme);
            self.held.clear();
        }
        rest
    }

    /// Looks for a scheme. Out: what stands behind it.
    fn search<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let longest = self.schemes.iter().map(|scheme| scheme.len()).max().unwrap_or_default() + SLASHES.len();
        // Up to the next colon and the slashes behind it, byte by byte of those; else all of it.
        let end = match memchr::memchr(b':', text) {
            Some(colon) => colon + 1,
            None => text.len(),
        };
        let slashes = self.held.ends_with(b":") || self.held.ends_with(b":/");
        let end = if slashes { 1 } else { end };
        let (part, rest) = text.split_at(end.min(text.len()));
        let near = part.get(part.len().saturating_sub(longest)..).unwrap_or_default();
        self.held.extend_from_slice(near);
        let extra = self.held.len().saturating_sub(longest);
        self.held.drain(..extra);
        if let Some(length) = self.scheme() {
            let before = self.held.len().saturating_sub(length);
            self.held.drain(..before);
            self.within = Some(length);
        }
        rest
    }

    /// Whether what is held ends in a scheme and what separates it: its length with that.
    fn scheme(&self) -> Option<usize> {
        let ends = |scheme: &str| {
            let (name, gap) = match scheme {
                "mailto" => (self.held.strip_suffix(b":")?, 1),
                _ => (self.held.strip_suffix(SLASHES)?, SLASHES.len()),
            };
            let from = name.len().checked_sub(scheme.len())?;
            name.get(from..)?.eq_ignore_ascii_case(scheme.as_bytes()).then_some(scheme.len() + gap)
        };
        self.schemes.iter().filter_map(|scheme| ends(scheme)).max()
    }

    fn keep(&mut self, scheme: usize) {
        if self.held.len() > scheme && self.found.len() < MOST {
            self.found.push(Url { bytes: self.held.clone(), scheme });
        }
    }
}

/// What separates most schemes from what follows.
const SLASHES: &[u8] = b"://";

/// Whether a URL may have this in it (RFC 3986 §2), but for the quote that ends it in HTML.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_however_they_are_cut() {
        let schemes: Arc<[Box<str>]> = ["http", "https", "mailto"].map(Into::into).into();
        for (text, expected) in [
            ("see http://a.example/x?y=1#z for more", &["http://a.example/x?y=1#z"][..]),
            ("<a href='HTTPS://b.example'>http://c</a>", &["HTTPS://b.example", "http://c"]),
            ("mailto:a@b.example, ftp://no http:/no http//no http://", &["mailto:a@b.example,"]),
            ("http:http://x::http://", &["http://x::http://"]),
            ("xhttp://y", &["http://y"]),
            (": :// https", &[]),
        ] {
            for step in 1..text.len() + 1 {
                let mut finder = Finder::new(&schemes);
                text.as_bytes().chunks(step).for_each(|part| finder.feed(part));
                finder.finish();
                let found: Vec<_> = finder.found.iter().map(|url| String::from_utf8_lossy(url.text(true))).collect();
                assert_eq!(found, expected, "{text} {step}");
            }
        }
    }

    #[test]
    fn what_urls_lead_to() {
        for (text, links) in [
            ("http://a.example/b/setup.EXE?x.y", &[Link::Program][..]),
            ("http://a.exe/exe", &[]),
            ("http://u@192.0.2.1:80/x", &[Link::Ipv4]),
            ("http://192.0.2.1.example/", &[]),
            ("http://[2001:db8::1]/a.scr", &[Link::Program, Link::Ipv6]),
        ] {
            let url = Url { bytes: text.as_bytes().to_vec(), scheme: 7 };
            let all = [Link::Program, Link::Ipv4, Link::Ipv6];
            assert_eq!(all.into_iter().filter(|link| url.is(*link)).collect::<Vec<_>>(), links, "{text}");
        }
    }

    fn http() -> Arc<[Box<str>]> {
        ["http".into()].into()
    }

    #[test]
    fn there_are_limits() {
        let mut finder = Finder::new(&http());
        finder.feed("http://a ".repeat(1000).as_bytes());
        assert_eq!(finder.found.len(), MOST);
        let mut finder = Finder::new(&http());
        finder.feed(format!("http://{}", "a".repeat(5000)).as_bytes());
        finder.finish();
        assert_eq!(finder.found[0].text(true).len(), LONGEST);
    }
}
