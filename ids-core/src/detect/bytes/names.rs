//! The options that test bytes, as authors write them.

/// One option.
pub struct ByteOption {
    /// Its name.
    pub name: &'static str,
    /// How it is written; what stands in brackets may be left out.
    pub form: &'static str,
    /// One sentence for the documentation.
    pub doc: &'static str,
    /// Options of a rule that has it.
    pub example: &'static str,
}

/// The options that [`super::ChainBuilder::option`] takes, by name. It reads `uricontent` as well, as a `content` for
/// which the caller has to find the buffer first.
pub static OPTIONS: &[ByteOption] = &[
    row("absent", "absent[:or_else]", "The buffer is not there.", "http.referer; absent"),
    row(
        "base64_data",
        "base64_data",
        "What follows tests what the last `base64_decode` decoded.",
        "base64_decode:bytes 8,offset 4; base64_data; content:\"admin\"",
    ),
    row(
        "base64_decode",
        "base64_decode[:bytes N, offset N, relative]",
        "Base64 data stands here, and is decoded.",
        "content:\"Basic \"; base64_decode:bytes 16,relative; base64_data; content:\"root\"",
    ),
    row("bsize", "bsize:[<|>|<=|>=]N or A<>B", "The size of the buffer.", "http.uri; content:\"/\"; bsize:1"),
    row(
        "byte_extract",
        "byte_extract:BYTES,OFFSET,NAME[,relative][,ENDIAN][,string,BASE]…",
        "Takes a number out of the data and gives it a name.",
        "byte_extract:1,0,size; content:\"abc\"; offset:size",
    ),
    row(
        "byte_jump",
        "byte_jump:BYTES,OFFSET[,relative][,multiplier N][,from_end][,post_offset N]…",
        "Takes a number out of the data and goes on so many bytes further.",
        "content:\"abc\"; byte_jump:2,0,relative; content:\"def\"; distance:0",
    ),
    row(
        "byte_math",
        "byte_math:bytes N, offset N, oper +|-|*|/|<<|>>, rvalue N, result NAME[, relative]…",
        "Takes a number out of the data, calculates with it, and gives the result a name.",
        "byte_math:bytes 1, offset 0, oper +, rvalue 2, result size; content:\"abc\"; offset:size",
    ),
    row(
        "byte_test",
        "byte_test:BYTES,[!]OPERATOR,VALUE,OFFSET[,relative][,ENDIAN][,string,BASE]…",
        "Takes a number out of the data and compares it.",
        "byte_test:2,>,512,0",
    ),
    row("content", "content:[!]\"TEXT|HEX|\"", "These bytes are there.", "content:\"GET |2f|\""),
    row("depth", "depth:N", "The content before it ends within so many bytes of `offset`.", "content:\"abc\"; depth:8"),
    row(
        "distance",
        "distance:N",
        "The content before it begins at least so far behind the match before.",
        "content:\"abc\"; content:\"def\"; distance:4",
    ),
    row("endswith", "endswith", "The content before it ends the buffer.", "http.host; content:\".example\"; endswith"),
    row(
        "entropy",
        "entropy:value OPERATOR N[, bytes N][, offset N]",
        "How even the bytes are spread, in bits by byte.",
        "file.data; entropy:value >= 4",
    ),
    row(
        "fast_pattern",
        "fast_pattern[:only | :OFFSET,LENGTH]",
        "The content before it, or that part of it, finds the rule.",
        "content:\"abc\"; content:\"longer\"; content:\"rare\"; fast_pattern",
    ),
    row(
        "isdataat",
        "isdataat:[!]N[,relative]",
        "There are bytes up to this place.",
        "content:\"PASS \"; isdataat:50,relative",
    ),
    row("nocase", "nocase", "The case of letters of the content before it does not matter.", "content:\"abc\"; nocase"),
    row("offset", "offset:N", "The content before it begins at this byte or later.", "content:\"abc\"; offset:4"),
    row(
        "pcre",
        "pcre:[!]\"/REGEX/FLAGS\"[, flow:NAME]…",
        "A regular expression matches.",
        "content:\"id=\"; pcre:\"/id=[0-9]{8}/\"",
    ),
    row("rawbytes", "rawbytes", "Has no effect; old rules have it.", "content:\"abc\"; rawbytes"),
    row(
        "replace",
        "replace:\"TEXT|HEX|\"",
        "Inline, the content before it is overwritten with as many bytes.",
        "content:\"abc\"; replace:\"xyz\"",
    ),
    row("startswith", "startswith", "The content before it begins the buffer.", "http.uri; content:\"/a\"; startswith"),
    row(
        "within",
        "within:N",
        "The content before it ends within so many bytes behind the match before.",
        "content:\"abc\"; content:\"def\"; within:10",
    ),
];

const fn row(name: &'static str, form: &'static str, doc: &'static str, example: &'static str) -> ByteOption {
    ByteOption { name, form, doc, example }
}

/// Whether the option `name` is one of [`OPTIONS`].
pub fn is_option(name: &str) -> bool {
    OPTIONS.binary_search_by_key(&name, |row| row.name).is_ok()
}
