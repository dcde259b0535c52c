//! Every name that may stand in a rule, and what it means.
//!
//! Made from the tables once: [`KEYWORDS`], the tests of bytes, transforms, packet fields, and the fields that
//! protocols declare. What is in none of them but in the language is known by name alone.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::keywords::{KEYWORDS, Keyword, NOT_YET};
use super::packet_fields::{PACKET_FIELDS, PacketField};
use super::{bytes, similar, transforms};
use crate::app::registry::{self, ProtoId};
use crate::field::{Dirs, Info};

/// What a name means.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// A keyword with its own logic.
    Keyword(&'static Keyword),
    /// A test of bytes, or what modifies one.
    Test,
    /// A transform.
    Transform,
    /// Something of a packet.
    Packet(&'static PacketField),
    /// A field of transactions.
    Field(FieldId),
    /// The old form of one, after a content.
    Modifier(FieldId),
    /// In the language, but not evaluated yet.
    NotYet,
}

/// Number of a field name in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FieldId(u16);

/// Where a protocol has a field or a kind of frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Having {
    pub(super) proto: ProtoId,
    /// Its number there.
    pub(super) number: usize,
    /// Progress at which it is final there, for requests and responses.
    pub(super) ready: [u8; 2],
}

/// A field or a kind of frame, with the protocols that have it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) info: &'static Info,
    pub(super) fields: SmallVec<[Having; 2]>,
    /// Where any of them has it.
    pub(super) dirs: Dirs,
    /// It is a kind of frame.
    pub(super) frame: bool,
}

impl Known {
    /// Where those of the protocols that are `wanted` have it.
    pub(super) fn dirs_in(&self, wanted: impl Fn(ProtoId) -> bool) -> Dirs {
        if self.dirs == self.info.dirs {
            return self.dirs;
        }
        let rows = self.fields.iter().filter(|row| wanted(row.proto));
        let dirs = rows.filter_map(|row| Some((row.proto.protocol().fields)().get(row.number)?.dirs));
        dirs.reduce(|a, b| if a == b { a } else { Dirs::Both }).unwrap_or(self.dirs)
    }
}

/// All names.
#[derive(Default)]
pub(super) struct Catalog {
    names: HashMap<&'static str, Meaning, ahash::RandomState>,
    /// Kinds of frames, which have names of their own.
    frames: HashMap<&'static str, FieldId, ahash::RandomState>,
    fields: Vec<Known>,
}

impl Catalog {
    /// Gathers all tables.
    pub(super) fn new() -> Self {
        let mut catalog = Self::default();
        for name in NOT_YET.iter().chain(transforms::NOT_YET) {
            catalog.names.insert(name, Meaning::NotYet);
        }
        for (proto, row) in registry::all() {
            for (number, info) in (row.fields)().into_iter().enumerate() {
                catalog.add(proto, number, info);
            }
            for (kind, info) in row.frames.iter().enumerate() {
                let id = catalog.push(proto, kind, info, true);
                catalog.frames.insert(info.name, id);
            }
        }
        for field in PACKET_FIELDS {
            for name in field.aliases.iter().chain([&field.name]) {
                catalog.names.insert(name, Meaning::Packet(field));
            }
        }
        catalog.names.extend(transforms::TRANSFORMS.iter().map(|row| (row.name, Meaning::Transform)));
        catalog.names.extend(bytes::OPTIONS.iter().map(|row| (row.name, Meaning::Test)));
        for keyword in KEYWORDS {
            for name in keyword.aliases.iter().chain([&keyword.name]) {
                catalog.names.insert(name, Meaning::Keyword(keyword));
            }
        }
        catalog
    }

    fn add(&mut self, proto: ProtoId, number: usize, info: &'static Info) {
        if let Some(Meaning::Field(id)) = self.names.get(info.name).copied()
            && let Some(known) = self.fields.get_mut(usize::from(id.0))
        {
            known.fields.push(Having { proto, number, ready: info.ready });
            if known.dirs != info.dirs {
                known.dirs = Dirs::Both;
            }
            return;
        }
        let id = self.push(proto, number, info, false);
        for name in info.aliases.iter().chain([&info.name]) {
            self.names.insert(name, Meaning::Field(id));
        }
        if let Some(modifier) = info.modifier {
            self.names.insert(modifier, Meaning::Modifier(id));
        }
    }

    fn push(&mut self, proto: ProtoId, number: usize, info: &'static Info, frame: bool) -> FieldId {
        let id = FieldId(u16::try_from(self.fields.len()).unwrap_or(u16::MAX));
        let fields = SmallVec::from_slice(&[Having { proto, number, ready: info.ready }]);
        self.fields.push(Known { info, fields, dirs: info.dirs, frame });
        id
    }

    /// The kind of frame of this name, which has that of its protocol before the dot.
    pub(super) fn frame_named(&self, name: &str) -> Option<FieldId> {
        self.frames.get(name).copied()
    }

    /// What a name means; `None`: nothing.
    pub(super) fn find(&self, name: &str) -> Option<Meaning> {
        self.names.get(name).copied()
    }

    /// The field of this name.
    pub(super) fn field_named(&self, name: &str) -> Option<FieldId> {
        match self.find(name) {
            Some(Meaning::Field(id) | Meaning::Modifier(id)) => Some(id),
            _ => None,
        }
    }

    /// A field by number.
    pub(super) fn field(&self, id: FieldId) -> Option<&Known> {
        self.fields.get(usize::from(id.0))
    }

    /// The name most like this one, of those that are evaluated.
    pub(super) fn nearest(&self, name: &str) -> Option<&'static str> {
        let known = self.names.iter().filter(|(_, meaning)| !matches!(meaning, Meaning::NotYet));
        similar::nearest(name, known.map(|(known, _)| *known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_find_their_like() {
        let catalog = Catalog::new();
        assert_eq!(catalog.nearest("contnt"), Some("content"));
        assert_eq!(catalog.nearest("flowbit"), Some("flowbits"));
        assert_eq!(catalog.nearest("xyzzy-nothing-like-it"), None);
    }
}
