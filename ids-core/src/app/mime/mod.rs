//! Messages (RFC 5322) and what they are made of (MIME: RFC 2045, 2046), as real mailers and attackers write them.
//!
//! In: the bytes of a message as they come, gaps, the end.  Out: its header fields, the files in it, the URLs in its text.
//!
//! The parts in the order bytes meet them: `lines` finds lines, `message` tells headers from content and parts from each
//! other, `header` and `params` read fields, `transfer` undoes encodings, `urls` looks for links; `files` follows what is
//! attached; `seen` and `record` show it. Nothing is held but unfinished lines, what header fields
//! say, and of files what rules look at.
//!
//! A message has no length and no grammar that all keep: what any mailer would make sense of is taken that way, with an
//! [`Oddity`] where it is odd. Must not know how the message travels.

mod files;
mod header;
mod lines;
mod message;
mod params;
pub(super) mod record;
pub(super) mod seen;
#[cfg(test)]
mod tests;
mod transfer;
mod urls;

use std::sync::Arc;

pub(super) use header::{Headers, addresses};
pub(super) use message::{Message, Status};
pub(super) use urls::Link;

use super::file::Care;
use crate::field::Dir;

/// Settings (`mime` and `inspected-tracker` of `app-layer.protocols.smtp`).
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether messages are taken apart at all (`decode-mime`).
    pub decode: bool,
    /// Whether base64 is undone (`decode-base64`).
    pub base64: bool,
    /// Whether quoted-printable is undone (`decode-quoted-printable`).
    pub quoted_printable: bool,
    /// Bytes of a header field that are kept (`header-value-depth`).
    pub header_depth: usize,
    /// Whether URLs are looked for in text (`extract-urls`).
    pub urls: bool,
    /// Schemes of URLs that are looked for, lower case (`extract-urls-schemes`).
    pub url_schemes: Arc<[Box<str>]>,
    /// Whether URLs are shown with their scheme (`log-url-scheme`).
    pub shows_scheme: bool,
    /// Whether the MD5 of the body is made (`body-md5`).
    pub body_md5: bool,
    /// Bytes of a file that rules look at (`content-limit`); 0 means all.
    pub content_limit: u64,
    /// Bytes of a file that must be there before rules look at it, and that stay after inspection
    /// (`content-inspect-min-size`).
    pub inspect_minimum: usize,
    /// Bytes that stay after inspection (`content-inspect-window`); the larger of both counts.
    pub inspect_window: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decode: true,
            base64: true,
            quoted_printable: true,
            header_depth: 2000,
            urls: true,
            url_schemes: Arc::new(["http".into()]),
            shows_scheme: false,
            body_md5: false,
            content_limit: 100_000,
            inspect_minimum: 32_768,
            inspect_window: 4096,
        }
    }
}

/// What a message needs to know to take bytes.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) care: &'a Care,
    /// Who sends it.
    pub(super) dir: Dir,
}

/// What can be odd about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// A line among the headers is none; a multipart has no boundary; parts lie in each other too deep.
    Malformed,
    /// Something that is not base64 where there should be nothing else.
    InvalidBase64,
    /// An equals sign in quoted-printable with neither a number nor the end of the line behind it.
    InvalidQuotedPrintable,
    /// A line of more than 998 bytes (RFC 5322 §2.1.1).
    LongLine,
    /// An encoded line of more than 76 bytes (RFC 2045 §6.7, §6.8).
    LongEncodedLine,
    /// The name of a header field does not fit a line of 76 bytes.
    LongHeaderName,
    /// A header field is longer than what is kept of it.
    LongHeaderValue,
    /// A boundary of more than 70 bytes (RFC 2046 §5.1.1).
    LongBoundary,
    /// The name of a file is longer than what is kept of it.
    LongFilename,
}
