//! What was read of a connection: its one transaction.

use super::banner::Banner;
use super::events::Event;
use super::fields::FIELDS;
use super::kex::Hassh;
use crate::app::events::Events;
use crate::app::parser::{self, Detail};
use crate::field::{Dir, Value};
use crate::record::{Shape, Writer};

/// How far a direction has come: positions in the protocol's lists of states.
pub(super) mod progress {
    /// The line with the version is longer than it may be, and not over yet.
    pub(in super::super) const BANNER_WAIT_EOL: u8 = 1;
    /// It was read.
    pub(in super::super) const BANNER_DONE: u8 = 2;
    /// From here on nothing can be read.
    pub(in super::super) const FINISHED: u8 = 3;
}

/// What one side said.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) banner: Option<Banner>,
    pub(super) hassh: Option<Hassh>,
    pub(super) progress: u8,
    revision: u32,
}

/// The connection before it is encrypted.
#[derive(Debug, Default)]
pub(super) struct Tx {
    sides: [Side; 2],
    events: Events,
}

impl Tx {
    pub(super) const fn side(&self, dir: Dir) -> &Side {
        let [client, server] = &self.sides;
        match dir {
            Dir::ToServer => client,
            Dir::ToClient => server,
        }
    }

    /// A side, to change.
    pub(super) fn change(&mut self, dir: Dir) -> &mut Side {
        let [client, server] = &mut self.sides;
        let side = if dir == Dir::ToServer { client } else { server };
        side.revision += 1;
        side
    }

    pub(super) fn reach(&mut self, dir: Dir, progress: u8) {
        let side = self.change(dir);
        side.progress = side.progress.max(progress);
    }

    pub(super) fn note(&mut self, dir: Dir, event: Event) {
        self.change(dir);
        self.events.note(event as u8);
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|_| instance == 0);
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, dir: Dir) -> u8 {
        self.side(dir).progress
    }

    fn revision(&self, dir: Dir) -> u32 {
        self.side(dir).revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    /// Not without a side that said who it is.
    fn recorded(&self) -> bool {
        self.sides.iter().any(|side| side.banner.is_some())
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        for (name, side) in ["client", "server"].iter().zip(&self.sides) {
            let Some(banner) = &side.banner else { continue };
            out.open(name, Shape::Object);
            out.text("proto_version", &banner.proto);
            out.text("software_version", &banner.software);
            if let Some(hassh) = &side.hassh {
                out.open("hassh", Shape::Object);
                out.text("hash", hassh.hash.as_bytes());
                out.text("string", &hassh.string);
                out.close();
            }
            out.close();
        }
    }
}
