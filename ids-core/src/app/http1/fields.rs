//! What rules can see of HTTP/1 transactions.

use super::line::{leading, split};
use super::tx::{Progress, Tx};
use crate::app::http::body::Body;
use crate::app::http::headers::Headers;
use crate::app::http::view::{self, Exchange, Table, after_headers, put_headers, text};
use crate::field::{Dir, Dirs, Field, Value};

/// The fields; the position is the number.
pub(super) static FIELDS: Table<Tx> = Table {
    shared: view::fields(),
    own: &[Field::bytes(
        "http.start",
        Dirs::Both,
        Progress::Headers as u8,
        |tx, dir, _, scratch| start(tx, dir, scratch),
        "Start line, header fields and the empty line after them.",
    )
    .aliases(&["http_start"])],
};

impl Exchange for Tx {
    const LINE: u8 = Progress::Line as u8;
    const HEADERS: u8 = Progress::Headers as u8;
    const BODY: u8 = Progress::Body as u8;

    fn method(&self) -> &[u8] {
        self.request.method()
    }

    fn uri(&self) -> &[u8] {
        match self.request.is_connect() && self.request.normalized.is_empty() {
            true => self.request.raw_target(),
            false => &self.request.normalized,
        }
    }

    /// Up to the first space.
    fn raw_uri(&self) -> &[u8] {
        let target = self.request.raw_target();
        split(target, leading(target, |byte| byte != b' ')).0
    }

    fn protocol(&self, dir: Dir) -> &[u8] {
        match dir {
            Dir::ToServer => self.request.protocol(),
            Dir::ToClient => self.response.protocol(),
        }
    }

    fn first_line<'a>(&'a self, dir: Dir, _: &'a mut Vec<u8>) -> &'a [u8] {
        &self.message(dir).line
    }

    fn status(&self) -> &[u8] {
        self.response.code()
    }

    fn reason(&self) -> Value<'_> {
        text(self.response.reason())
    }

    fn host(&self) -> &[u8] {
        &self.request.host
    }

    fn raw_host<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let headers = self.headers(Dir::ToServer);
        let host = self.has_headers(Dir::ToServer).then(|| headers.joined("host", scratch));
        host.flatten().unwrap_or_default()
    }

    fn headers(&self, dir: Dir) -> &Headers {
        &self.message(dir).headers
    }

    fn has_headers(&self, dir: Dir) -> bool {
        self.message(dir).progress >= Progress::Headers
    }

    fn body(&self, dir: Dir) -> &Body {
        &self.message(dir).body
    }
}

fn start<'a>(tx: &Tx, dir: Dir, scratch: &'a mut Vec<u8>) -> Value<'a> {
    scratch.clear();
    scratch.extend_from_slice(&tx.message(dir).line);
    scratch.extend_from_slice(b"\r\n");
    put_headers(tx, dir, true, scratch);
    scratch.extend_from_slice(b"\r\n");
    if tx.message(dir).line.is_empty() { Value::Absent } else { after_headers(tx, dir, scratch) }
}
