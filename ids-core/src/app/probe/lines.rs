//! What recognising protocols of lines has in common: commands of clients, replies of servers.

/// Whether a line begins with one of these words, in any case, followed by a space or the line's end.
pub(in crate::app) fn command(data: &[u8], words: &[&str]) -> bool {
    let word = data.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
    word.len() < data.len() && words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// The first line holds a word, in any case.
pub(in crate::app) fn line_holds(data: &[u8], word: &[u8]) -> bool {
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// A reply with a code that a server opens with; undecided while it is not there.
pub(in crate::app) fn reply(data: &[u8], codes: &[&[u8]]) -> Option<bool> {
    let code = data.get(..4)?;
    let (digits, after) = code.split_at(3);
    Some(codes.contains(&digits) && matches!(after, b" " | b"-"))
}
