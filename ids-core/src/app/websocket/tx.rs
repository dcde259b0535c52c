//! A message.

use super::fields::FIELDS;
use super::frame::{Head, flag, opcode};
use super::{Event, PROTOCOL};
use crate::app::events::Events;
use crate::app::kept::Kept;
use crate::app::parser::{Detail, Transaction};
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// A message, as far as it came.
#[derive(Debug)]
pub(super) struct Tx {
    pub dir: Dir,
    pub opcode: u8,
    /// Those of all its frames.
    pub flags: u8,
    /// That of its first frame.
    pub mask: Option<u32>,
    /// What it says, without mask and compression.
    pub payload: Kept,
    events: Events,
    over: bool,
    revision: u32,
}

impl Tx {
    /// A message that begins with this frame.
    pub(super) fn new(dir: Dir, head: Head) -> Self {
        Self {
            dir,
            opcode: head.opcode,
            flags: head.flags,
            mask: head.mask,
            payload: Kept::default(),
            events: Events::default(),
            over: false,
            revision: 0,
        }
    }

    /// It is compressed.
    pub(super) const fn is_compressed(&self) -> bool {
        self.flags & flag::COMPRESSED != 0
    }

    /// More of it came.
    pub(super) fn change(&mut self) {
        self.revision += 1;
    }

    pub(super) fn note(&mut self, event: Event) {
        self.change();
        self.events.note(event as u8);
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.change();
        self.payload.complete = true;
        self.over = true;
    }
}

impl Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        match FIELDS.get(field) {
            Some(field) if dir == self.dir && instance == 0 => (field.get)(self, dir, instance, scratch),
            _ => Value::Absent,
        }
    }

    fn dirs(&self) -> Dirs {
        self.dir.only()
    }

    fn progress(&self, dir: Dir) -> u8 {
        if self.over { PROTOCOL.complete(dir) } else { 0 }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        out.flag("fin", self.flags & flag::FIN != 0);
        if let Some(mask) = self.mask {
            out.uint("mask", mask.into());
        }
        match opcode::NAMES.iter().find(|(_, value)| *value == u64::from(self.opcode)) {
            Some((name, _)) => out.text("opcode", name.as_bytes()),
            None => out.text("opcode", self.opcode.to_string().as_bytes()),
        }
    }
}
