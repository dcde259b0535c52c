//! Messages made for tests.

/// A message of a version and kind of exchange, with these payloads.
pub(crate) fn message(version: u8, exchange: u8, flags: u8, spis: [u8; 2], payloads: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (at, (_, content)) in payloads.iter().enumerate() {
        let next = payloads.get(at + 1).map_or(0, |next| next.0);
        body.extend(part(next, content));
    }
    let first = payloads.first().map_or(0, |first| first.0);
    let length = u32::try_from(28 + body.len()).unwrap();
    [
        &[spis[0]; 8][..],
        &[spis[1]; 8],
        &[first, version << 4, exchange, flags, 0, 0, 0, 0],
        &length.to_be_bytes(),
        &body,
    ]
    .concat()
}

/// Content with the head that payloads and their parts have.
pub(crate) fn part(next: u8, content: &[u8]) -> Vec<u8> {
    [&[next, 0][..], &u16::try_from(content.len() + 4).unwrap().to_be_bytes(), content].concat()
}

/// Version 1: an SA payload with one proposal of these transforms, each a list of attributes.
pub(crate) fn offer(transforms: &[&[(u8, u16)]]) -> Vec<u8> {
    let mut parts = Vec::new();
    for (at, attributes) in transforms.iter().enumerate() {
        let next = if at + 1 < transforms.len() { 3 } else { 0 };
        let mut content = vec![1, 1, 0, 0];
        attributes.iter().for_each(|(kind, value)| {
            content.extend([0x80, *kind]);
            content.extend(value.to_be_bytes());
        });
        parts.extend(part(next, &content));
    }
    let proposal = part(0, &[&[1, 1, 0, u8::try_from(transforms.len()).unwrap()][..], &parts].concat());
    [&[0, 0, 0, 1, 0, 0, 0, 1][..], &proposal].concat()
}

/// Version 2: a proposal for a protocol, of these transforms.
pub(crate) fn proposal(last: bool, protocol: u8, transforms: &[(u8, u16)]) -> Vec<u8> {
    let mut content = vec![1, protocol, 0, u8::try_from(transforms.len()).unwrap()];
    for (at, (kind, number)) in transforms.iter().enumerate() {
        let next = if at + 1 < transforms.len() { 3 } else { 0 };
        content.extend(part(next, &[&[*kind, 0][..], &number.to_be_bytes()].concat()));
    }
    part(if last { 0 } else { 2 }, &content)
}
