//! How messages to and from the kernel are put together (netlink(7), linux/netlink.h): headers, and attributes in them.
//!
//! In: bytes, or what is to be in them.  Out: the other one. Must not know: what any message means.

/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;

/// The type of a message that holds an error, or none: an acknowledgment.
pub const ERROR: u16 = 2;

/// `NLM_F_REQUEST`
const REQUEST: u16 = 1;
/// `NLM_F_ACK`: the kernel is to say how it went.
pub const ACKNOWLEDGE: u16 = 4;

/// Adds a request to a buffer. Its number is always the same: who asks waits for the answer before asking again.
pub fn message(buffer: &mut Vec<u8>, kind: u16, flags: u16, content: &[u8]) {
    let length = u32::try_from(HEADER + content.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_ne_bytes());
    buffer.extend_from_slice(&kind.to_ne_bytes());
    buffer.extend_from_slice(&(REQUEST | flags).to_ne_bytes());
    // Its number, and the sender's, which the kernel fills in.
    buffer.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    buffer.extend_from_slice(content);
}

/// The messages of a datagram, by type. One that is cut off ends it.
pub fn messages(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, ..] = *head;
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let content = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]), content))
    })
}

/// The attributes in a piece of a message, by type without its flags. One that is cut off ends it.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (&[l0, l1, k0, k1], _) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & 0x3fff, value))
    })
}

/// Adds an attribute to a message.
pub fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut content = Vec::new();
        attribute(&mut content, 7, b"odd");
        attribute(&mut content, 0x8008, b"even");
        let mut buffer = Vec::new();
        message(&mut buffer, 99, ACKNOWLEDGE, &content);
        let [(kind, found)] = messages(&buffer).collect::<Vec<_>>()[..] else { panic!("one message") };
        assert_eq!((kind, attributes(found).collect::<Vec<_>>()), (99, vec![(7, &b"odd"[..]), (8, b"even")]));
    }

    #[test]
    fn what_is_cut_off_or_claims_too_much_ends_it() {
        for bytes in [&[][..], &[3, 0, 1, 0], &[8, 0, 1, 0, 1, 2, 3], &[0, 0, 0, 0], &[255, 255, 1, 0, 0, 0, 0, 0]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
        }
        let mut message = vec![0; HEADER];
        message[0] = 200;
        assert_eq!(messages(&message).count(), 0);
        message[0] = 15;
        assert_eq!(messages(&message).count(), 0);
        message[0] = 16;
        assert_eq!(messages(&message).count(), 1);
    }
}
