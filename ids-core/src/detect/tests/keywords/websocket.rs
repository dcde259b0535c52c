//! Fields of WebSocket.

use super::super::Step::{self, Client};
use super::{Case, case, client, server};
use crate::app::websocket::sample;

/// Rules with these options fire on one message and not on another.
const FIELDS: [&str; 4] = [
    "websocket.payload; content:\"said one\"; bsize:8",
    "websocket.opcode:ping",
    "websocket.flags:fin,!comp",
    "websocket.mask:0x01020304",
];

pub(super) fn fields() -> Vec<Case> {
    let talk = |first, mask, payload: &[u8]| -> Vec<Step> {
        let begun = [client(sample::REQUEST), server(sample::RESPONSE)];
        begun.into_iter().chain([Client(sample::frame(first, Some(mask), payload)), server("\u{8}\0")]).collect()
    };
    let rule = |options: &str| format!("alert websocket any any -> any any (flow:to_server; {options}; sid:1;)");
    let cases = |options: &&str| {
        case(&rule(options), talk(0x89, [1, 2, 3, 4], b"said one"), talk(0xc1, [1, 2, 3, 5], b"\x03\x00"))
    };
    FIELDS.iter().map(cases).collect()
}
