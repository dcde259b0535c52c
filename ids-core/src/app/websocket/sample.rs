//! Frames made for tests.

/// A frame; with a mask as clients send it.
pub(crate) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let length = match payload.len() {
        short @ 0..126 => vec![bit | short as u8],
        long => [&[bit | 126], &u16::try_from(long).unwrap().to_be_bytes()[..]].concat(),
    };
    let key = mask.unwrap_or_default();
    let masked: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let shown: &[u8] = if mask.is_some() { &key } else { &[] };
    [&[first], &length[..], shown, &masked].concat()
}

/// A request to change from HTTP/1.1.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// The answer that does.
pub(crate) const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
