//! Packets made for tests.

/// A packet of a connection, lowest byte first.
pub(crate) fn packet(kind: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    out.extend(u16::try_from(16 + body.len()).unwrap().to_le_bytes());
    out.extend([0; 2]);
    out.extend(call.to_le_bytes());
    out.extend(body);
    out
}

/// BIND of an interface with this first byte and major version, as context 3, and its answer.
pub(crate) fn bind(call: u32, interface: u8, version: u16, result: u16) -> [Vec<u8>; 2] {
    let mut offer = vec![0; 8];
    offer.extend([1, 0, 0, 0, 3, 0, 1, 0]);
    offer.extend([interface, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 8, 9, 10, 11, 12, 13, 14, 15]);
    offer.extend(version.to_le_bytes());
    offer.extend([0; 22]);
    let mut answer = vec![0; 8];
    answer.extend([4, 0, b'1', b'3', b'5', 0, 0, 0, 1, 0, 0, 0]);
    answer.extend(result.to_le_bytes());
    answer.extend([0; 22]);
    [packet(11, 3, call, &offer), packet(12, 3, call, &answer)]
}

/// What stands between the header of a request or response of context 3 and its arguments.
pub(crate) fn head(operation: u16, stub: &[u8]) -> Vec<u8> {
    let [low, high] = operation.to_le_bytes();
    [&[0, 0, 0, 0, 3, 0, low, high][..], stub].concat()
}

/// A datagram, lowest byte first.
pub(crate) fn datagram(kind: u8, number: u32, operation: u16, stub: &[u8]) -> Vec<u8> {
    let mut out = vec![4, kind, 0, 0, 0x10, 0, 0, 0];
    out.extend([0; 16]);
    out.extend([1, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 8, 9, 10, 11, 12, 13, 14, 15]);
    out.extend([0xaa; 16]);
    out.extend([0; 4]);
    out.extend(7_u32.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(operation.to_le_bytes());
    out.extend([0xff; 4]);
    out.extend(u16::try_from(stub.len()).unwrap().to_le_bytes());
    out.extend([0; 4]);
    out.extend(stub);
    out
}
