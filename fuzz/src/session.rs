//! Bytes through the session of an application protocol, cut at arbitrary places.

use ids_core::app::config::{Config, Hashes};
use ids_core::app::file::Wanted;
use ids_core::app::parser::{Detail, Input, Parsed, Protocol, Session};
use ids_core::app::registry;
use ids_core::app::state::Facts;
use ids_core::field::{Dir, Kind, NO_NUMBER, Value};
use ids_core::record::{Shape, Writer};
use ids_core::time::Time;

/// Instances of a field that are asked for.
const INSTANCES: usize = 256;

/// Everything there is to want of files.
const WANTED: Wanted =
    Wanted { hashes: Hashes { md5: true, sha1: true, sha256: true }, kind: true, content: true, all: true };

/// Drives the protocol of this name, if it is parsed. In: one byte of choices (bit 0: over UDP where it can be; bit 1:
/// transactions are released only at the end), then pieces: two bytes of direction (top bit), gap (next bit) and
/// length, and the bytes.
pub fn session(name: &str, data: &[u8]) {
    let protocol = registry::by_name(name).expect("a name from the registry").protocol();
    let (Some(start), Some((choices, mut rest))) = (protocol.session, data.split_first()) else { return };
    let udp = if protocol.tcp { protocol.udp && choices & 1 != 0 } else { true };
    let mut flow = Flow {
        protocol,
        session: start(&Config::default(), Facts { udp, files: WANTED, ..Facts::default() }),
        udp,
        keep: choices & 2 != 0,
        unused: Default::default(),
        need: [0; 2],
    };
    while let Some((head, after)) = rest.split_first_chunk::<2>() {
        let head = u16::from_be_bytes(*head);
        let length = usize::from(head & 0x3fff).min(after.len());
        let (bytes, next) = after.split_at(length);
        rest = next;
        let dir = if head & 0x8000 != 0 { Dir::ToClient } else { Dir::ToServer };
        let gap = !udp && head & 0x4000 != 0;
        let alive = if gap { flow.gap(dir, length as u64) } else { flow.bytes(dir, bytes, rest.is_empty()) };
        flow.look();
        if !alive {
            return;
        }
    }
}

struct Flow {
    protocol: &'static Protocol,
    session: Box<dyn Session>,
    udp: bool,
    keep: bool,
    unused: [Vec<u8>; 2],
    need: [usize; 2],
}

impl Flow {
    /// Hands bytes in, the unused ones before them first. Out: whether it goes on.
    fn bytes(&mut self, dir: Dir, bytes: &[u8], last: bool) -> bool {
        let mut unused = std::mem::take(&mut self.unused[dir.index()]);
        unused.extend_from_slice(bytes);
        if unused.len() < self.need[dir.index()] && !last {
            self.unused[dir.index()] = unused;
            return true;
        }
        let ports = if dir == Dir::ToServer { (50_000, 53) } else { (53, 50_000) };
        loop {
            let input = Input { dir, data: &unused, last: last && !self.udp, time: Time::ZERO, ports };
            let parsed = self.session.parse(input);
            match parsed {
                Parsed::Used { bytes, .. } if parsed.pauses(unused.len()) && !self.udp => {
                    assert_ne!(bytes, 0, "what is there is enough to get further");
                    unused.drain(..bytes);
                    self.look();
                }
                _ => return self.after(parsed, dir, unused),
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> bool {
        if bytes == 0 {
            return true;
        }
        self.unused[dir.index()].clear();
        self.need[dir.index()] = 0;
        let parsed = self.session.gap(dir, bytes);
        self.after(parsed, dir, Vec::new())
    }

    fn after(&mut self, parsed: Parsed, dir: Dir, mut unused: Vec<u8>) -> bool {
        match parsed {
            Parsed::Used { bytes, need } => {
                assert!(bytes <= unused.len(), "{bytes} of {} bytes used", unused.len());
                assert!(need == 0 || need > unused.len() - bytes, "{need} bytes needed, and there");
                if !self.udp {
                    unused.drain(..bytes);
                    self.unused[dir.index()] = unused;
                    self.need[dir.index()] = need;
                }
                true
            }
            Parsed::Switch { bytes, .. } => {
                assert!(bytes <= unused.len(), "{bytes} of {} bytes used", unused.len());
                false
            }
            Parsed::Failed => false,
        }
    }

    /// Looks at everything that can be seen of all transactions, and releases those that are complete.
    fn look(&mut self) {
        let range = self.session.transactions();
        assert!(range.start <= range.end);
        for id in range {
            let Some(tx) = self.session.transaction(id) else { continue };
            let progress = Dir::BOTH.map(|dir| tx.progress(dir));
            for dir in Dir::BOTH {
                assert!(progress[dir.index()] <= self.protocol.complete(dir));
                self.fields(id, dir);
                for file in tx.files(dir) {
                    let _ = format!("{file:?}");
                }
            }
            assert!(tx.events().iter().all(|event| usize::from(*event) < self.protocol.events.len()));
            if tx.recorded() {
                let mut out = Balance::default();
                tx.record(&Detail { tx_id: id, extended: true, all_headers: [true; 2], ..Detail::default() }, &mut out);
                assert!(out.open.is_empty(), "{} left open", out.open.len());
            }
            let complete = Dir::BOTH.iter().all(|dir| progress[dir.index()] == self.protocol.complete(*dir));
            if complete && !self.keep {
                for dir in Dir::BOTH {
                    self.session.inspected(id, dir);
                    self.session.files_mut(id, dir).iter_mut().for_each(|file| file.take(|_| ()));
                }
                self.session.release(id);
                assert!(self.session.transaction(id).is_none(), "released, and still there");
            }
        }
    }

    /// Every instance of every field that exists in a direction is of the kind that its row says.
    fn fields(&self, id: u64, dir: Dir) {
        let Some(tx) = self.session.transaction(id) else { return };
        let mut scratch = Vec::new();
        let fields = (self.protocol.fields)();
        for (number, info) in fields.iter().enumerate().filter(|(_, info)| info.dirs.contains(dir)) {
            for instance in 0..INSTANCES {
                scratch.clear();
                match (tx.field(number, dir, instance, &mut scratch), info.kind) {
                    (Value::Absent, _) => break,
                    (Value::Bytes(_), Kind::Bytes(_)) => {}
                    (Value::Stream { .. }, Kind::Bytes(kind)) => assert!(kind.streaming, "{}", info.name),
                    (Value::Uint(value), Kind::Uint { bits, .. }) => {
                        let none = info.multi && value == NO_NUMBER;
                        assert!(bits == 64 || none || value < 1 << bits, "{} is {value}", info.name);
                    }
                    (value, _) => panic!("{} is {value:?}", info.name),
                }
                assert!(info.multi || instance == 0, "{} has several instances", info.name);
            }
        }
    }
}

/// Takes a record, and sees that what is opened is closed.
#[derive(Default)]
struct Balance {
    open: Vec<Shape>,
}

impl Balance {
    fn key(&self, key: &str) {
        assert!(!key.is_empty() || self.open.last() == Some(&Shape::List), "a value without a key");
    }
}

impl Writer for Balance {
    fn text(&mut self, key: &str, _: &[u8]) {
        self.key(key);
    }

    fn uint(&mut self, key: &str, _: u64) {
        self.key(key);
    }

    fn int(&mut self, key: &str, _: i64) {
        self.key(key);
    }

    fn float(&mut self, key: &str, _: f64) {
        self.key(key);
    }

    fn flag(&mut self, key: &str, _: bool) {
        self.key(key);
    }

    fn open(&mut self, key: &str, shape: Shape) {
        self.key(key);
        self.open.push(shape);
    }

    fn close(&mut self) {
        self.open.pop().expect("something is open");
    }
}
