//! Transforms: what is done to a buffer before the tests that follow see it.
//!
//! In: the option of a rule, later the bytes of the buffer.  Out: a [`Transform`], later other bytes.
//! A transform holds its arguments only and works on any bytes; it must not know which buffer they come from.
//! A new one is a row in [`TRANSFORMS`] and a file here. Source: the transformation chapter of the Suricata 8 user
//! guide.

mod case;
mod digest;
mod domain;
mod dotprefix;
mod from_base64;
mod headers;
mod inflate;
mod pcrexform;
mod url_decode;
mod whitespace;
mod xor;

use std::sync::Arc;

use super::bytes::base64::{Mode, Region};
use super::bytes::pcre::Regex;
use super::bytes::text::Part;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// One kind of transform.
pub struct Row {
    /// Name of the keyword.
    pub name: &'static str,
    /// One sentence for the documentation.
    pub doc: &'static str,
    /// How it is written; what stands in brackets may be left out.
    pub form: &'static str,
    /// It with a value, and a content that may be left of it: an example for the documentation.
    pub example: &'static str,
    pub(super) finds: &'static str,
    parse: fn(&Opt) -> Result<Args, Diagnostic>,
    apply: fn(&Args, &[u8], &mut Vec<u8>),
    /// Whether a result can hold these bytes, in any case if the flag says so.
    can_yield: fn(&[u8], bool) -> bool,
}

/// What a transform was told.
#[derive(Clone, Debug)]
enum Args {
    None,
    Key(Arc<[u8]>),
    Base64(Region, Mode),
    MaxSize(usize),
    Regex(Arc<Regex>),
}

/// A transform of a rule.
#[derive(Clone)]
pub struct Transform {
    row: &'static Row,
    args: Args,
}

/// All transforms, by name.
pub static TRANSFORMS: &[Row] = &[
    Row {
        name: "compress_whitespace",
        doc: "Each run of white space becomes one space.",
        form: "compress_whitespace",
        example: "compress_whitespace",
        finds: "\"abc\"",
        parse: nothing,
        apply: whitespace::compress,
        can_yield: whitespace::is_compressed,
    },
    Row {
        name: "domain",
        doc: "The registrable part of a host name, by the Public Suffix List.",
        form: "domain",
        example: "domain",
        finds: "\"example.com\"",
        parse: nothing,
        apply: domain::registrable,
        can_yield: anything,
    },
    Row {
        name: "dotprefix",
        doc: "A dot is put in front.",
        form: "dotprefix",
        example: "dotprefix",
        finds: "\"abc\"",
        parse: nothing,
        apply: dotprefix::apply,
        can_yield: anything,
    },
    Row {
        name: "from_base64",
        doc: "Base64 is decoded.",
        form: "from_base64[: bytes N, offset N, mode MODE]",
        example: "from_base64:offset 4",
        finds: "\"abc\"",
        parse: from_base64::parse,
        apply: from_base64::apply,
        can_yield: anything,
    },
    Row {
        name: "gunzip",
        doc: "gzip data is unpacked.",
        form: "gunzip[:max-size N]",
        example: "gunzip",
        finds: "\"abc\"",
        parse: inflate::parse,
        apply: inflate::gunzip,
        can_yield: anything,
    },
    Row {
        name: "header_lowercase",
        doc: "Names of headers become lower case.",
        form: "header_lowercase",
        example: "header_lowercase",
        finds: "\"abc\"",
        parse: nothing,
        apply: headers::lowercase_names,
        can_yield: anything,
    },
    Row {
        name: "pcrexform",
        doc: "What the first group of a regular expression captures.",
        form: "pcrexform:\"REGEX\"",
        example: "pcrexform:\"/(\\w+)\"",
        finds: "\"abc\"",
        parse: pcrexform::parse,
        apply: pcrexform::apply,
        can_yield: anything,
    },
    Row {
        name: "strip_pseudo_headers",
        doc: "Lines that start with a colon go away.",
        form: "strip_pseudo_headers",
        example: "strip_pseudo_headers",
        finds: "\"abc\"",
        parse: nothing,
        apply: headers::strip_pseudo,
        can_yield: anything,
    },
    Row {
        name: "strip_whitespace",
        doc: "White space goes away.",
        form: "strip_whitespace",
        example: "strip_whitespace",
        finds: "\"abc\"",
        parse: nothing,
        apply: whitespace::strip,
        can_yield: whitespace::is_stripped,
    },
    Row {
        name: "tld",
        doc: "The public suffix of a host name, by the Public Suffix List.",
        form: "tld",
        example: "tld",
        finds: "\"co.uk\"",
        parse: nothing,
        apply: domain::suffix,
        can_yield: anything,
    },
    Row {
        name: "to_lowercase",
        doc: "ASCII letters become lower case.",
        form: "to_lowercase",
        example: "to_lowercase",
        finds: "\"abc\"",
        parse: nothing,
        apply: case::lower,
        can_yield: case::is_lower,
    },
    Row {
        name: "to_md5",
        doc: "The MD5 digest, 16 bytes.",
        form: "to_md5",
        example: "to_md5",
        finds: "\"|00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f|\"",
        parse: nothing,
        apply: digest::md5,
        can_yield: digest::fits_md5,
    },
    Row {
        name: "to_sha1",
        doc: "The SHA-1 digest, 20 bytes.",
        form: "to_sha1",
        example: "to_sha1",
        finds: "\"|00 01 02 03|\"",
        parse: nothing,
        apply: digest::sha1,
        can_yield: digest::fits_sha1,
    },
    Row {
        name: "to_sha256",
        doc: "The SHA-256 digest, 32 bytes.",
        form: "to_sha256",
        example: "to_sha256",
        finds: "\"|00 01 02 03|\"",
        parse: nothing,
        apply: digest::sha256,
        can_yield: digest::fits_sha256,
    },
    Row {
        name: "to_uppercase",
        doc: "ASCII letters become upper case.",
        form: "to_uppercase",
        example: "to_uppercase",
        finds: "\"ABC\"",
        parse: nothing,
        apply: case::upper,
        can_yield: case::is_upper,
    },
    Row {
        name: "url_decode",
        doc: "`%HH` becomes the byte, `+` a space.",
        form: "url_decode",
        example: "url_decode",
        finds: "\"abc\"",
        parse: nothing,
        apply: url_decode::apply,
        can_yield: anything,
    },
    Row {
        name: "xor",
        doc: "Every byte is combined with a repeated key.",
        form: "xor:\"HEX\"",
        example: "xor:\"0d0ac8ff\"",
        finds: "\"abc\"",
        parse: xor::parse,
        apply: xor::apply,
        can_yield: anything,
    },
    Row {
        name: "zlib_deflate",
        doc: "zlib data is unpacked.",
        form: "zlib_deflate[:max-size N]",
        example: "zlib_deflate",
        finds: "\"abc\"",
        parse: inflate::parse,
        apply: inflate::zlib,
        can_yield: anything,
    },
];

/// Transforms of the language that this engine has not.
pub const NOT_YET: &[&str] = &["luaxform"];

/// Whether `name` is a transform, supported or not.
pub fn is_transform(name: &str) -> bool {
    TRANSFORMS.iter().any(|row| row.name == name) || NOT_YET.contains(&name)
}

/// Reads an option that [`is_transform`].
pub fn parse(opt: &Opt) -> Result<Transform, Diagnostic> {
    let name = opt.name.text.as_str();
    if let Some(row) = TRANSFORMS.iter().find(|row| row.name == name) {
        return Ok(Transform { row, args: (row.parse)(opt)? });
    }
    let (code, what) = if NOT_YET.contains(&name) {
        (Code::NotSupported, "is not supported yet")
    } else {
        (Code::UnknownKeyword, "is no transform")
    };
    Err(Diagnostic::error(code, opt.name.span.clone(), format!("`{name}` {what}")))
}

impl Transform {
    /// Name of the keyword.
    pub fn name(&self) -> &'static str {
        self.row.name
    }

    /// In: the bytes as they are. Out: what becomes of them, in place of what `out` held.
    pub fn apply(&self, input: &[u8], out: &mut Vec<u8>) {
        out.clear();
        (self.row.apply)(&self.args, input, out);
    }

    /// Whether the content `bytes` can be found in any result; `nocase`: whatever its case.
    pub fn can_yield(&self, bytes: &[u8], nocase: bool) -> bool {
        (self.row.can_yield)(bytes, nocase)
    }

    /// Whether both do the same to any bytes, so that one result serves both.
    pub fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self.row, other.row)
            && match (&self.args, &other.args) {
                (Args::None, Args::None) => true,
                (Args::Key(a), Args::Key(b)) => a == b,
                (Args::Base64(a, x), Args::Base64(b, y)) => (a, x) == (b, y),
                (Args::MaxSize(a), Args::MaxSize(b)) => a == b,
                (Args::Regex(a), Args::Regex(b)) => a.is_same(b),
                _ => false,
            }
    }
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple(self.row.name).field(&self.args).finish()
    }
}

/// For transforms that take no value.
fn nothing(opt: &Opt) -> Result<Args, Diagnostic> {
    Part::none(opt)?;
    Ok(Args::None)
}

fn anything(_: &[u8], _: bool) -> bool {
    true
}

#[cfg(test)]
mod tests;
