//! `frame` records, and the object that alerts of rules on frames have.

use std::io::Write as _;

use ids_core::app::frames::short;
use ids_core::event::{Frame, FrameRef};
use ids_core::field::Dir;
use ids_core::record::Writer;

use super::common::{self, Head};
use super::json::Json;
use crate::config::eve as config;

/// Writes one frame.
pub fn write(
    event: &FrameRef<'_>,
    options: &config::Frame,
    head: &mut Head<'_>,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    head.record("frame", &event.context, out, |json, _| {
        common::app_proto(event.context.app, json);
        let stream = event.context.proto == Some(TCP);
        object(&event.frame, stream, options.payload_limit, scratch, json);
    });
}

/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Protocols whose frames count transactions from 1.
const FROM_ONE: &[&str] = &["ldap"];

/// The `frame` object; places in datagrams say nothing. At most `limit` bytes are shown.
pub fn object(frame: &Frame<'_>, stream: bool, limit: usize, scratch: &mut Vec<u8>, json: &mut Json<'_>) {
    let place = frame.place;
    payload(frame, limit, scratch);
    json.object("frame", |json| {
        json.str_opt("type", frame.info().map(short));
        json.uint("id", place.id);
        json.str("direction", if place.dir == Dir::ToServer { "toserver" } else { "toclient" });
        if stream {
            json.uint("stream_offset", place.start);
        }
        if let Some(length) = place.length {
            json.uint("length", length);
        }
        json.flag("complete", frame.complete());
        json.base64("payload", scratch);
        json.printable("payload_printable", scratch);
        if let Some(tx) = place.tx {
            json.uint("tx_id", tx + u64::from(FROM_ONE.contains(&place.proto.name())));
        }
    });
}

/// The bytes that are kept, with a note where some are missing.
fn payload(frame: &Frame<'_>, limit: usize, out: &mut Vec<u8>) {
    out.clear();
    let mut at = 0;
    for part in frame.parts() {
        if part.offset > at {
            // Writing to memory cannot fail.
            let _ = write!(out, "[{} bytes missing]", part.offset - at);
        }
        let room = limit.saturating_sub(out.len()).min(part.data.len());
        out.extend_from_slice(&part.data[..room]);
        at = part.offset + part.data.len() as u64;
        if out.len() >= limit {
            break;
        }
    }
    if frame.size() > at {
        let _ = write!(out, "[{} bytes missing]", frame.size() - at);
    }
    out.truncate(limit);
}

#[cfg(test)]
mod tests {
    use ids_core::app::App;
    use ids_core::app::config::Config;
    use ids_core::app::frames::Wanted;
    use ids_core::app::parser::Input;
    use ids_core::app::state::{Facts, Findings, State};
    use ids_core::time::Time;
    use serde_json::{Value, json};

    use super::*;

    /// The object of a frame of the client, which sends this; a second time after so many lost bytes.
    fn shown(data: &[u8], lost: u64, id: u64, limit: usize, stream: bool) -> Value {
        let app = App::new(Config::default());
        let mut state: State<(), ()> = State::default();
        state.want(Wanted::ALL);
        let dir = Dir::ToServer;
        for _ in 0..=u64::from(lost > 0) {
            let input = Input { dir, data, last: false, time: Time::ZERO, ports: (40000, 80) };
            state.data(&app, input, Facts::default(), &mut Findings::default());
            state.gap(dir, lost, &mut Findings::default());
        }
        let mut out = Vec::new();
        let mut json = Json::begin(&mut out);
        object(&state.frame(dir, id).expect("it is there"), stream, limit, &mut Vec::new(), &mut json);
        json.end();
        serde_json::from_slice::<Value>(&out).expect("JSON")["frame"].take()
    }

    #[test]
    fn objects() {
        let get = b"GET / HTTP/1.0\r\n\r\n";
        let request = json!({
            "type": "request", "id": 2, "direction": "toserver", "stream_offset": 0, "length": 18, "complete": true,
            "payload": "R0VUIC8gSFRUUC8xLjANCg0K", "payload_printable": "GET / HTTP/1.0\r\n\r\n", "tx_id": 0,
        });
        assert_eq!(shown(get, 0, 2, 100, true), request);
        let stream = shown(get, 0, 1, 100, true);
        assert_eq!((&stream["type"], &stream["complete"]), (&json!("stream"), &json!(false)));
        assert!(stream.get("length").is_none() && stream.get("tx_id").is_none());
        assert!(shown(get, 0, 2, 100, false).get("stream_offset").is_none());
    }

    #[test]
    fn payloads_are_cut_and_say_what_is_missing() {
        let get = b"GET / HTTP/1.0\r\n\r\n";
        for (limit, want) in [
            (1, "G"),
            (18, "GET / HTTP/1.0\r\n\r\n"),
            (20, "GET / HTTP/1.0\r\n\r\n[5"),
            (100, "GET / HTTP/1.0\r\n\r\n[5 bytes missing]GET / HTTP/1.0\r\n\r\n[5 bytes missing]"),
        ] {
            let got = shown(get, 5, 1, limit, true);
            assert_eq!(got["payload_printable"], want, "{limit}");
        }
    }
}
