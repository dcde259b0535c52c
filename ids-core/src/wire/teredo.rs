//! Teredo encapsulation (RFC 4380 §5.1.1): IPv6 in UDP behind optional indications.

/// Where the IPv6 packet starts in the payload of a UDP packet; `None` if this is not Teredo. There is no
/// header to tell it by, so the IPv6 packet must fill the rest exactly.
pub fn ipv6_at(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Authentication encapsulation: two lengths, id, value, nonce (8), confirmation (1).
    if let [0, 1, id, auth, ..] = bytes {
        at += 4 + usize::from(*id) + usize::from(*auth) + 9;
    }
    // Origin indication: port and address.
    if let Some([0, 0, ..]) = bytes.get(at..) {
        at += 8;
    }
    let (head, payload) = bytes.get(at..)?.split_first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
    (head[0] >> 4 == 6 && payload.len() == length).then_some(at)
}
