//! Header fields (RFC 5322 §2.2): lines → names and values.

use super::lines::Line;
use super::{Config, Oddity};

/// Longest name that fits an encoded line with its colon (RFC 2047 §2).
const LONGEST_NAME: usize = 75;
/// Most bytes of all header fields of a message that are kept.
const MOST_BYTES: usize = 64 * 1024;
/// Most header fields of a message that are kept.
const MOST_FIELDS: usize = 1024;

/// A header field: its name, and its value without white space around it. Folded lines are joined, and keep the white
/// space that they begin with (RFC 5322 §2.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Puts header fields together.
#[derive(Debug, Default)]
pub(super) struct Reader {
    field: Option<Field>,
}

/// What a line among headers is.
pub(super) enum Met {
    /// A field, or more of one; the field before it, if that is over.
    Field(Option<Field>),
    /// The empty line behind the last one.
    End,
    /// Nothing known.
    Unknown,
}

impl Reader {
    /// Takes a line.
    pub(super) fn line(&mut self, line: Line<'_>, config: &Config, odd: &mut dyn FnMut(Oddity)) -> Met {
        if !line.first || line.text.starts_with(b" ") || line.text.starts_with(b"\t") {
            return match &mut self.field {
                Some(field) => {
                    append(&mut field.value, line.text, config.header_depth, odd);
                    Met::Field(None)
                }
                None => Met::Unknown,
            };
        }
        if line.text.is_empty() {
            return Met::End;
        }
        let Some(colon) = memchr::memchr(b':', line.text) else { return Met::Unknown };
        let (name, value) = line.text.split_at(colon);
        let name = name.trim_ascii_end();
        if name.len() > LONGEST_NAME {
            odd(Oddity::LongHeaderName);
        }
        let mut field = Field { name: name.to_vec(), value: Vec::new() };
        let value = value.get(1..).unwrap_or_default().trim_ascii_start();
        append(&mut field.value, value, config.header_depth, odd);
        Met::Field(self.field.replace(field))
    }

    /// The last field, once there are no more.
    pub(super) fn take(&mut self) -> Option<Field> {
        self.field.take()
    }
}

fn append(value: &mut Vec<u8>, text: &[u8], depth: usize, odd: &mut dyn FnMut(Oddity)) {
    let room = depth.saturating_sub(value.len());
    if text.len() > room {
        odd(Oddity::LongHeaderValue);
    }
    value.extend_from_slice(text.get(..room).unwrap_or(text));
}

impl Field {
    /// Whether it has this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The header fields of a message.
#[derive(Debug, Default)]
pub(in crate::app) struct Headers {
    fields: Vec<Field>,
    bytes: usize,
}

impl Headers {
    /// Keeps a field, if there is room for it.
    pub(super) fn push(&mut self, mut field: Field) {
        field.value.truncate(field.value.trim_ascii_end().len());
        self.bytes += field.name.len() + field.value.len();
        if self.bytes <= MOST_BYTES && self.fields.len() < MOST_FIELDS {
            self.fields.push(field);
        }
    }

    /// The value of the first field of a name.
    pub(in crate::app) fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The values of all fields of a name.
    pub(in crate::app) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |field| field.is(name)).map(|field| field.value.as_slice())
    }
}

/// The addresses in a field with a list of them: split at commas that stand in no quotes, brackets or comments
/// (RFC 5322 §3.4).
pub(in crate::app) fn addresses(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut deep, mut escaped) = (false, 0_u32, false);
    let parts = value.split(move |byte| {
        let plain = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            b'<' | b'(' if !quoted => deep += 1,
            b'>' | b')' if !quoted => deep = deep.saturating_sub(1),
            b',' if !quoted && deep == 0 => return true,
            _ => {}
        }
        false
    });
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}
