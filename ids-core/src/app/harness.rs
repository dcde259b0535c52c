//! For tests of protocols: a session that is fed the way the engine does it, and what is seen of it as text.

use super::parser::{Detail, DnsFormats, Input, Parsed, Protocol, Session, Transaction};
use crate::field::{Dir, Value};
use crate::record::{Shape, Writer};
use crate::time::Time;

/// A session of a protocol over TCP, with one transaction in view.
pub(super) struct Feed<S> {
    protocol: &'static Protocol,
    pub(super) session: S,
    unused: [Vec<u8>; 2],
    pub(super) failed: bool,
}

impl<S: Session> Feed<S> {
    pub(super) fn new(protocol: &'static Protocol, session: S) -> Self {
        Self { protocol, session, unused: Default::default(), failed: false }
    }

    /// Bytes come; those that are not used come again with what follows.
    pub(super) fn push(&mut self, dir: Dir, bytes: &[u8]) {
        let unused = &mut self.unused[dir.index()];
        unused.extend_from_slice(bytes);
        if self.failed {
            return;
        }
        loop {
            match self.session.parse(input(dir, unused, false)) {
                Parsed::Used { bytes, need } => {
                    unused.drain(..bytes);
                    if need == 0 || need > unused.len() {
                        return;
                    }
                    assert_ne!(bytes, 0, "what is there is enough to get further");
                }
                Parsed::Failed => return self.failed = true,
                Parsed::Switch { .. } => panic!("nothing here switches"),
            }
        }
    }

    /// Bytes come in pieces of these lengths, which must not end before them.
    pub(super) fn push_cut(&mut self, dir: Dir, bytes: &[u8], cuts: &mut impl Iterator<Item = usize>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            self.push(dir, piece);
            rest = after;
        }
    }

    /// Bytes are lost.
    pub(super) fn gap(&mut self, dir: Dir, bytes: u64) {
        self.unused[dir.index()].clear();
        self.failed |= self.session.gap(dir, bytes) == Parsed::Failed;
    }

    /// The first transaction.
    pub(super) fn tx(&self) -> &dyn Transaction {
        self.session.transaction(0).unwrap()
    }

    /// What the record shows.
    pub(super) fn record(&self, detail: &Detail<'_>) -> String {
        text(|out| {
            self.tx().record(detail, out);
            self.tx().record_beside(detail, out);
        })
    }

    /// Names of the events.
    pub(super) fn events(&self) -> Vec<&'static str> {
        self.tx().events().iter().map(|event| self.protocol.events[usize::from(*event)]).collect()
    }

    /// All instances of a field.
    pub(super) fn values(&self, name: &str, dir: Dir) -> Vec<String> {
        let fields = (self.protocol.fields)();
        let field = fields.iter().position(|info| info.name == name).unwrap();
        let instances = if fields[field].multi { 9 } else { 1 };
        let mut scratch = Vec::new();
        (0..instances)
            .map_while(|instance| match self.tx().field(field, dir, instance, &mut scratch) {
                Value::Bytes(bytes) | Value::Stream { data: bytes, .. } => {
                    Some(String::from_utf8_lossy(bytes).into_owned())
                }
                Value::Uint(number) => Some(number.to_string()),
                Value::Absent => None,
            })
            .collect()
    }

    /// Looks at everything there is.
    pub(super) fn look(&self) {
        self.record(&EXTENDED);
        let fields = (self.protocol.fields)();
        let mut scratch = Vec::new();
        for tx in self.session.transactions().filter_map(|id| self.session.transaction(id)) {
            for ((field, info), dir) in fields.iter().enumerate().flat_map(|row| Dir::BOTH.map(|dir| (row, dir))) {
                let mut there = |instance| tx.field(field, dir, instance, &mut scratch) != Value::Absent;
                assert!(info.multi || !there(1), "{} is there once", info.name);
                assert!((0..9).any(|instance| !there(instance)) || !there(usize::MAX), "{} ends", info.name);
            }
        }
    }
}

/// Puts values in the place of bytes, where there are any.
pub(super) fn overwrite(bytes: &mut [u8], values: &[(usize, u8)]) {
    for (at, value) in values {
        if let Some(byte) = bytes.get_mut(*at) {
            *byte = *value;
        }
    }
}

/// Input a day after the beginning of time.
pub(super) fn input(dir: Dir, data: &[u8], last: bool) -> Input<'_> {
    Input { dir, data, last, time: Time::from_micros(86_400, 0), ports: (50_000, 443) }
}

/// The longer form of records.
pub(super) const EXTENDED: Detail<'_> = Detail {
    tx_id: 0,
    extended: true,
    custom: &[],
    all_headers: [false; 2],
    hide_passwords: false,
    text_limit: None,
    ja4: true,
    mail_md5: [true; 2],
    version: 3,
    dns_formats: DnsFormats { detailed: true, grouped: true },
};

/// What a record shows, on one line; bytes that are not UTF-8 as `?`.
pub(super) fn text(write: impl FnOnce(&mut dyn Writer)) -> String {
    let mut text = Text::default();
    write(&mut text);
    assert!(text.shapes.is_empty(), "what was opened is closed");
    text.out
}

#[derive(Default)]
struct Text {
    out: String,
    shapes: Vec<Shape>,
}

impl Text {
    fn value(&mut self, key: &str, value: &str) {
        if !self.out.is_empty() && !self.out.ends_with(['{', '[']) {
            self.out.push(',');
        }
        if self.shapes.last() != Some(&Shape::List) {
            self.out.push_str(&format!("{key}:"));
        }
        self.out.push_str(value);
    }
}

impl Writer for Text {
    fn text(&mut self, key: &str, value: &[u8]) {
        let chunks = value.utf8_chunks();
        let text: String =
            chunks.flat_map(|chunk| [chunk.valid(), if chunk.invalid().is_empty() { "" } else { "?" }]).collect();
        self.value(key, &format!("'{text}'"));
    }
    fn uint(&mut self, key: &str, value: u64) {
        self.value(key, &value.to_string());
    }
    fn int(&mut self, key: &str, value: i64) {
        self.value(key, &value.to_string());
    }
    fn float(&mut self, key: &str, value: f64) {
        self.value(key, &value.to_string());
    }
    fn flag(&mut self, key: &str, value: bool) {
        self.value(key, &value.to_string());
    }
    fn open(&mut self, key: &str, shape: Shape) {
        self.value(key, if shape == Shape::List { "[" } else { "{" });
        self.shapes.push(shape);
    }
    fn close(&mut self) {
        self.out.push(if self.shapes.pop() == Some(Shape::List) { ']' } else { '}' });
    }
}
