//! Packets made for tests.

/// A packet in the clear.
pub(crate) fn packet(kind: u8, content: &[u8]) -> Vec<u8> {
    let padding = [0; 4];
    let length = u32::try_from(2 + content.len() + padding.len()).unwrap();
    [&length.to_be_bytes()[..], &[4, kind], content, &padding].concat()
}

/// A key exchange message with this key exchange algorithm; of the others there is one each way.
pub(crate) fn exchange(kex: &str) -> Vec<u8> {
    let lists = [kex, "host", "enc", "enc-back", "mac", "mac-back", "none", "none-back"];
    let lists = lists.map(|list| [&u32::try_from(list.len()).unwrap().to_be_bytes()[..], list.as_bytes()].concat());
    packet(20, &[&[7; 16][..], &lists.concat(), &[0; 13]].concat())
}
