//! Messages made for tests.

/// A message: 1 from a client, 2 from a server; its options without the end.
pub(crate) fn message(operation: u8, options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[..8].copy_from_slice(&[operation, 1, 6, 0, 0, 0, 0, 42]);
    message[12..28].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4]);
    message[28..34].copy_from_slice(&[0x54, 0xee, 0x75, 1, 2, 3]);
    [&message, &[0x63, 0x82, 0x53, 0x63][..], options, &[255]].concat()
}

/// An acknowledgment with these times, of a lease, of renewal and of rebinding.
pub(crate) fn acknowledgment([lease, renewal, rebinding]: [u8; 3]) -> Vec<u8> {
    message(2, &[53, 1, 5, 51, 4, 0, 0, 0, lease, 58, 4, 0, 0, 0, renewal, 59, 4, 0, 0, 0, rebinding])
}
