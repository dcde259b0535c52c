//! What rules can see of a transaction, and records can show.
//!
//! A protocol declares one row per thing that can be seen ([`Field`]); rule keywords, prefilter buffers,
//! documentation and the generic tests come from those rows. Detection asks a transaction for field *n* and
//! gets a [`Value`]; it never learns the protocol's types.

/// Direction of travel within a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dir {
    /// From the client to the server.
    ToServer = 0,
    /// From the server to the client.
    ToClient = 1,
}

impl Dir {
    /// Both, the request side first.
    pub const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    /// The other one.
    #[must_use]
    pub const fn flip(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// The word in records and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToServer => "to_server",
            Self::ToClient => "to_client",
        }
    }

    /// 0 for the request side, 1 for the response side.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// It alone.
    pub const fn only(self) -> Dirs {
        match self {
            Self::ToServer => Dirs::ToServer,
            Self::ToClient => Dirs::ToClient,
        }
    }

    /// What is kept of it, of a pair with the request side first.
    pub const fn of<T>(self, sides: &mut [T; 2]) -> &mut T {
        let [request, response] = sides;
        match self {
            Self::ToServer => request,
            Self::ToClient => response,
        }
    }
}

/// The directions a field exists in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dirs {
    /// Requests only.
    ToServer,
    /// Responses only.
    ToClient,
    /// Both; what is seen depends on the direction asked for.
    Both,
}

impl Dirs {
    /// Whether a field of these directions can be seen in `dir`.
    pub const fn contains(self, dir: Dir) -> bool {
        match self {
            Self::Both => true,
            Self::ToServer => matches!(dir, Dir::ToServer),
            Self::ToClient => matches!(dir, Dir::ToClient),
        }
    }
}

/// What a transaction answers when asked for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Not there (yet, or at all: the transaction's progress tells which).
    Absent,
    /// Bytes, whole.
    Bytes(&'a [u8]),
    /// Part of something that grows: a body or a file.
    Stream {
        /// The bytes kept so far, oldest first.
        data: &'a [u8],
        /// Position of `data[0]` in the whole.
        offset: u64,
        /// Whether the end was reached (or the limit of what is kept): nothing will follow.
        complete: bool,
    },
    /// A number.
    Uint(u64),
}

/// An instance of a number of 32 bits or less that is not there, where others behind it are: it passes no test.
pub const NO_NUMBER: u64 = u64::MAX;

/// What kind of values a field has.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Bytes: a sticky buffer in rules.
    Bytes(BytesKind),
    /// An unsigned integer of so many bits, compared in the generic integer syntax.
    Uint {
        /// 8, 16, 32 or 64.
        bits: u8,
        /// Names that stand for values, snake case; empty where only numbers are taken.
        names: &'static [(&'static str, u64)],
        /// How rules write what it is compared with.
        notation: Notation,
    },
}

/// How rules write what a number is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// As an integer: `>5`, `1-9`.
    Integer,
    /// As an integer of one of several, and which: `>5`, `5,all`, `5,0`, `5,-1`.
    Indexed,
    /// As a list of names of which one must apply, or none: `[!]a,b` or `[!]a b`. Names are bits, and more of them may come up
    /// while the transaction goes on.
    AnyOf,
    /// As a date or a range of dates: `>2026-01-31`; see [`date`].
    Date,
    /// As one of its names, in any case, once in a rule.
    Name,
    /// As two numbers of one byte each, which make up one of two: `22,1`.
    Pair,
    /// As numbers and ranges, ends included, of which one must apply: `1,5-9`.
    Ranges,
    /// As the name of an attribute and what it must be: `alg_enc=7`. The number of the name stands above 32 bits of the
    /// value.
    Attribute,
    /// Not at all: the keyword alone asks for 1.
    Flag,
    /// As one of its names, which is that of the upper 32 bits, and what the lower ones are compared with, if anything:
    /// `name>5`.
    Keyed,
    /// As a list of names of bits, which must be set, or clear behind a `!`; or as an integer.
    Flags,
}

/// A time as the number of a field that rules compare with dates. In: seconds since 1970, negative before. Numbers are in
/// the order of times.
pub const fn date(seconds: i64) -> u64 {
    seconds.cast_unsigned() ^ 1 << 63
}

/// What is special about a buffer.
#[derive(Clone, Copy, Debug)]
pub struct BytesKind {
    /// Rank among the buffers of a rule when its fast pattern is chosen; lower is better.
    pub rank: u8,
    /// The buffer holds no capital letters: `nocase` and patterns with capitals are refused.
    pub lowercase: bool,
    /// It grows while the transaction goes on ([`Value::Stream`]).
    pub streaming: bool,
}

impl BytesKind {
    /// An ordinary buffer.
    pub const PLAIN: Self = Self { rank: 2, lowercase: false, streaming: false };
    /// A body.
    pub const STREAMING: Self = Self { streaming: true, ..Self::PLAIN };
}

/// Looks a field up in a transaction of type `T`.
///
/// In: the transaction, the direction, which instance (0 for fields that have one), and scratch memory for
/// values that must be put together; the value may borrow from either. Out: [`Value::Absent`] past the last
/// instance.
pub type Get<T> = for<'a> fn(&'a T, Dir, usize, &'a mut Vec<u8>) -> Value<'a>;

/// One thing that can be seen of a transaction of type `T`.
pub struct Field<T> {
    /// What everybody needs to know of it.
    pub info: Info,
    /// How to get it.
    pub get: Get<T>,
}

/// A field without its access function: all that rules, documentation and tests need.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Name of the keyword: `http.uri`.
    pub name: &'static str,
    /// Other names of the sticky buffer: `http.uri.normalized`.
    pub aliases: &'static [&'static str],
    /// The old content modifier that means this buffer: `http_uri`.
    pub modifier: Option<&'static str>,
    /// What values it has.
    pub kind: Kind,
    /// Where it exists.
    pub dirs: Dirs,
    /// Progress at which it is final, for requests and responses (see the protocol's states).
    pub ready: [u8; 2],
    /// Whether there may be several instances, each tried on its own.
    pub multi: bool,
    /// Whether it shows both sides of a transaction, whichever direction is looked at: a rule on such fields alone fires
    /// once. Numbers may come to those that are there until the transaction is complete.
    pub exchange: bool,
    /// Whether more may come until the direction is complete: instances behind those that are there, or a number that rises.
    pub grows: bool,
    /// One sentence for the documentation, with its source.
    pub doc: &'static str,
}

impl Info {
    /// Its rank among the buffers of a rule when the fast pattern is chosen; lower is better.
    pub const fn rank(&self) -> u8 {
        match self.kind {
            Kind::Bytes(kind) => kind.rank,
            Kind::Uint { .. } => BytesKind::PLAIN.rank,
        }
    }
}

impl<T> Field<T> {
    /// A buffer that is final at progress `ready` of its direction.
    pub const fn bytes(name: &'static str, dirs: Dirs, ready: u8, get: Get<T>, doc: &'static str) -> Self {
        Self {
            info: Info {
                name,
                aliases: &[],
                modifier: None,
                kind: Kind::Bytes(BytesKind::PLAIN),
                dirs,
                ready: [ready; 2],
                multi: false,
                exchange: false,
                grows: false,
                doc,
            },
            get,
        }
    }

    /// An integer of `bits` bits that is final at progress `ready`.
    pub const fn uint(name: &'static str, bits: u8, dirs: Dirs, ready: u8, get: Get<T>, doc: &'static str) -> Self {
        let mut field = Self::bytes(name, dirs, ready, get, doc);
        field.info.kind = Kind::Uint { bits, names: &[], notation: Notation::Integer };
        field
    }

    /// With names that stand for values.
    #[must_use]
    pub const fn names(mut self, table: &'static [(&'static str, u64)]) -> Self {
        if let Kind::Uint { names, .. } = &mut self.info.kind {
            *names = table;
        }
        self
    }

    /// Written in a way of its own in rules.
    #[must_use]
    pub const fn notation(mut self, way: Notation) -> Self {
        if let Kind::Uint { notation, .. } = &mut self.info.kind {
            *notation = way;
        }
        self
    }

    /// With other names.
    #[must_use]
    pub const fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.info.aliases = names;
        self
    }

    /// With the old content modifier that means it.
    #[must_use]
    pub const fn modifier(mut self, name: &'static str) -> Self {
        self.info.modifier = Some(name);
        self
    }

    /// With several instances.
    #[must_use]
    pub const fn multi(mut self) -> Self {
        self.info.multi = true;
        self
    }

    /// Showing both sides, whichever direction is looked at.
    #[must_use]
    pub const fn exchange(mut self) -> Self {
        self.info.exchange = true;
        self
    }

    /// With more to come until the direction is complete.
    #[must_use]
    pub const fn growing(mut self) -> Self {
        self.info.grows = true;
        self
    }

    /// As a special kind of buffer.
    #[must_use]
    pub const fn kind(mut self, kind: BytesKind) -> Self {
        self.info.kind = Kind::Bytes(kind);
        self
    }

    /// Final at different progress in requests and responses.
    #[must_use]
    pub const fn ready(mut self, request: u8, response: u8) -> Self {
        self.info.ready = [request, response];
        self
    }
}
