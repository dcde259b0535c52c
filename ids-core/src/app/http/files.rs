//! The file that the content of a message is: its name, and which part of it comes.

use super::Odd;
use super::body::Context;
use super::headers::Headers;
use super::multipart::parameter;
use super::range::{ContentRange, Partial};
use super::text::split;
use crate::app::file::File;

/// Longest file name that is kept.
const NAME_LIMIT: usize = 4096;

/// The file that the content of a request is, named by the path that it is for; `None` without a name.
pub(in crate::app) fn of_request(path: &[u8], at: &Context<'_>, odd: &mut impl FnMut(Odd)) -> Option<File> {
    (!path.is_empty()).then(|| File::new(name(path, odd), at.dir, at.care))
}

/// The file that the content of a response is, or a range of the one `begun`: named by the response or by the path that
/// was asked for. Without a name there is none. Out: the file, and what it is a range of.
pub(in crate::app) fn of_response(
    headers: &Headers,
    path: &[u8],
    begun: &mut Option<Box<Partial>>,
    at: &Context<'_>,
    odd: &mut impl FnMut(Odd),
) -> (Option<File>, Option<Box<Partial>>) {
    let said = headers.get("content-disposition").and_then(|value| parameter(value, b"filename"));
    let chosen = said.filter(|name| !name.is_empty()).unwrap_or(path);
    if chosen.is_empty() {
        return (None, None);
    }
    let mut file = File::new(name(chosen, odd), at.dir, at.care);
    let mut partial = None;
    match headers.get("content-range").map(ContentRange::parse) {
        Some(Some(range)) => {
            file.range = range.bytes;
            partial = Partial::take(begun, &file.name, &range, at);
        }
        Some(None) => odd(Odd::InvalidRange),
        None => {}
    }
    (Some(file), partial)
}

/// A file name, cut to what is kept.
fn name(name: &[u8], odd: &mut impl FnMut(Odd)) -> Vec<u8> {
    if name.len() > NAME_LIMIT {
        odd(Odd::LongFileName);
    }
    split(name, NAME_LIMIT).0.to_vec()
}
