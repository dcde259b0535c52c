//! Header fields of a message (RFC 9110 §5), whatever form they came in.
//!
//! In: lines as they were sent, or names and values.  Out: values by name, joined where there are several; everything in
//! order. Bounded by who puts fields in.

/// The header fields of a message.
#[derive(Debug, Default)]
pub(in crate::app) struct Headers {
    /// The lines as they were sent, with their ends and the empty line.
    pub raw: Vec<u8>,
    /// Fields that are not as they were sent: unfolded, or without NUL bytes.
    pub mended: Vec<u8>,
    /// Where names and values are.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Field {
    /// Where the name is.
    pub name: Span,
    /// Where the value is.
    pub value: Span,
    /// Of the name in lower case.
    pub hash: u32,
    /// Whether one of the same name came before.
    pub repeated: bool,
    /// Whether the spans point into `mended`.
    pub mended: bool,
}

/// Positions in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::app) struct Span {
    /// Of the first byte.
    pub start: u32,
    /// Behind the last one.
    pub end: u32,
}

impl Span {
    pub(in crate::app) fn new(start: usize, len: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(start + len) }
    }

    pub(in crate::app) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl Headers {
    /// Adds a field that did not come as a line.
    pub(in crate::app) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.raw.len();
        for part in [name, b": ", value, b"\r\n"] {
            self.raw.extend_from_slice(part);
        }
        let hash = hash(name);
        let repeated =
            self.fields.iter().any(|field| field.hash == hash && self.name(field).eq_ignore_ascii_case(name));
        let (name, value) = (Span::new(start, name.len()), Span::new(start + name.len() + 2, value.len()));
        self.fields.push(Field { name, value, hash, repeated, mended: false });
    }

    /// The lines as they were sent.
    pub(in crate::app) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Names and values in order; the flag tells whether the name came before.
    pub(in crate::app) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], bool)> {
        self.fields.iter().map(|field| (self.name(field), self.value(field), field.repeated))
    }

    /// Number `index`, if there are as many.
    pub(in crate::app) fn nth(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(|field| (self.name(field), self.value(field)))
    }

    /// Value of the first field of this name.
    pub(in crate::app) fn get<'a>(&'a self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Values of all fields of this name.
    pub(in crate::app) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let hash = hash(name.as_bytes());
        self.fields
            .iter()
            .filter(move |field| field.hash == hash && self.name(field).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| self.value(field))
    }

    /// Value of this name; several are joined with `, ` (RFC 9110 §5.3). `scratch` is used only for that.
    pub(in crate::app) fn joined<'a>(&'a self, name: &str, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        scratch.clear();
        for value in [first, second].into_iter().chain(values) {
            if !scratch.is_empty() {
                scratch.extend_from_slice(b", ");
            }
            scratch.extend_from_slice(value);
        }
        Some(scratch)
    }

    /// Appends all values of this name to `out`, joined with `, `.
    pub(in crate::app) fn join_into(&self, name: &[u8], out: &mut Vec<u8>) {
        let hash = hash(name);
        let same = self.fields.iter().filter(|field| field.hash == hash && self.name(field).eq_ignore_ascii_case(name));
        for (number, field) in same.enumerate() {
            if number > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(self.value(field));
        }
    }

    pub(in crate::app) fn name(&self, field: &Field) -> &[u8] {
        field.name.of(if field.mended { &self.mended } else { &self.raw })
    }

    fn value(&self, field: &Field) -> &[u8] {
        field.value.of(if field.mended { &self.mended } else { &self.raw })
    }
}

/// FNV-1a of a name in lower case.
pub(in crate::app) fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}
