//! IPv4 options (RFC 791 §3.1, RFC 1108, RFC 2113, RFC 4782, CIPSO): whether they are well-formed.

use crate::anomaly::Anomaly;

/// End of the list.
const END: u8 = 0;
/// No operation.
const NOP: u8 = 1;

/// Notes what is wrong with options, in their order. `bytes` is what stands between the fixed header and the
/// payload.
pub fn check(bytes: &[u8], note: &mut impl FnMut(Anomaly)) {
    let mut rest = bytes;
    let mut seen = Seen::default();
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            END => return,
            NOP => rest = after,
            _ => {
                let Some(&length) = after.first() else { return note(Anomaly::Ipv4OptEolRequired) };
                let Some((option, next)) = rest.split_at_checked(usize::from(length)).filter(|_| length >= 2) else {
                    note(Anomaly::Ipv4OptInvalidLen);
                    // What is left is neither an option nor the padding that should be there.
                    return note(Anomaly::Ipv4OptPadRequired);
                };
                rest = next;
                if seen.before(kind) {
                    note(Anomaly::Ipv4OptDuplicate);
                }
                if let Some(anomaly) = wrong(kind, option) {
                    note(anomaly);
                }
            }
        }
    }
}

/// Which kinds were there already.
#[derive(Default)]
struct Seen([u128; 2]);

impl Seen {
    fn before(&mut self, kind: u8) -> bool {
        let bit = 1 << (kind & 0x7f);
        let [low, high] = &mut self.0;
        let set = if kind < 0x80 { low } else { high };
        let before = *set & bit != 0;
        *set |= bit;
        before
    }
}

/// What is wrong with one option, kind and length byte included.
fn wrong(kind: u8, option: &[u8]) -> Option<Anomaly> {
    let length = option.len();
    let bad_length = match kind {
        7 | 131 | 137 => length < 3, // record route, loose and strict source route
        68 => length < 4,            // timestamp
        130 | 133 => length < 3,     // security, extended security (RFC 1108 §2.2, §3.2)
        134 => length < 6,           // CIPSO: at least its domain
        136 | 148 => length != 4,    // stream id, router alert (RFC 2113)
        25 => length != 8,           // quick start (RFC 4782 §3.1)
        // Classes 1 and 3 are reserved.
        _ if kind & 0x20 != 0 => return Some(Anomaly::Ipv4OptInvalid),
        _ => return Some(Anomaly::Ipv4OptUnknown),
    };
    if bad_length {
        return Some(Anomaly::Ipv4OptInvalidLen);
    }
    let malformed = match (kind, option) {
        (7 | 131 | 137, [_, _, pointer, ..]) => bad_route(length, usize::from(*pointer)),
        (68, [_, _, pointer, flags, ..]) => *pointer < 5 || !matches!(flags & 0x0f, 0 | 1 | 3),
        (134, [_, _, _, _, _, _, tags @ ..]) => bad_tags(tags),
        _ => false,
    };
    malformed.then_some(Anomaly::Ipv4OptMalformed)
}

/// Routes are lists of addresses; the pointer counts from 1, the first address is at 4, and it stands past the
/// end when the list is full.
const fn bad_route(length: usize, pointer: usize) -> bool {
    !(length - 3).is_multiple_of(4) || pointer < 4 || !pointer.is_multiple_of(4) || pointer > length + 1
}

/// CIPSO tags: type and length, which counts both bytes and is at least 4 (FIPS 188 §4.6).
fn bad_tags(mut tags: &[u8]) -> bool {
    while !tags.is_empty() {
        match tags {
            [_, length, ..] if *length >= 4 => match tags.get(usize::from(*length)..) {
                Some(rest) => tags = rest,
                None => return true,
            },
            _ => return true,
        }
    }
    false
}
