//! TCP options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 2385, RFC 5925, RFC 7413): whether they are well-formed.

use crate::anomaly::Anomaly;

/// Notes what is wrong with options, in their order. `bytes` is what stands between the fixed header and the
/// payload.
pub fn check(bytes: &[u8], note: &mut impl FnMut(Anomaly)) {
    let mut rest = bytes;
    let mut seen = 0u64;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => return,
            1 => rest = after,
            _ => {
                let length = after.first().map_or(0, |length| usize::from(*length));
                let Some((_, next)) = rest.split_at_checked(length).filter(|_| length >= 2) else {
                    return note(Anomaly::TcpOptInvalidLen);
                };
                rest = next;
                if !length_fits(kind, length) {
                    note(Anomaly::TcpOptInvalidLen);
                } else if once(kind) {
                    if seen & 1 << kind != 0 {
                        note(Anomaly::TcpOptDuplicate);
                    }
                    seen |= 1 << kind;
                }
            }
        }
    }
}

/// Whether an option of this kind may be this long, kind and length byte included.
const fn length_fits(kind: u8, length: usize) -> bool {
    match kind {
        2 => length == 4,                                                               // maximum segment size
        3 => length == 3,                                                               // window scale
        4 => length == 2,                             // selective acknowledgment permitted
        5 => matches!(length, 2 | 10 | 18 | 26 | 34), // selective acknowledgment; of nothing is harmless
        8 => length == 10,                            // timestamps
        19 => length == 18,                           // MD5 signature
        29 => length >= 4,                            // authentication
        34 => length == 2 || (length >= 6 && length <= 18 && length.is_multiple_of(2)), // fast open cookie
        _ => true,
    }
}

/// Options that make sense once only.
const fn once(kind: u8) -> bool {
    matches!(kind, 2 | 3 | 4 | 5 | 8 | 19 | 29 | 34)
}
