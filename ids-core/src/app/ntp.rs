//! NTP versions 1 to 4 (RFC 5905), with its control and private messages.
//!
//! In: datagrams.  Out: one transaction per message.

use super::datagram::{self, Session};
use super::events::Events;
use super::parser::{Detail, Input, Probe, Probing, Protocol};
use crate::field::Dirs::Both;
use crate::field::{Dir, Field, Value};
use crate::record::Writer;

/// NTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    rule_names: &["ntp"],
    udp: true,
    probe: Some(Probing { ports: &[123], probe }),
    fields: || FIELDS.iter().map(|field| &field.info).collect(),
    events: EVENTS,
    record: Some("ntp"),
    session: Some(|_, _| Box::new(Session::<Message>::default())),
    ..Protocol::BARE
};

/// Names of the events; the position is the number.
const EVENTS: &[&str] = &["malformed_data", "unsolicited_response"];
const MALFORMED_DATA: u8 = 0;
/// A server answers more often than it was asked.
const UNSOLICITED_RESPONSE: u8 = 1;

/// What a message is for (RFC 5905 §7.3).
const MODES: &[(&str, u64)] = &[
    ("reserved", 0),
    ("symmetric_active", 1),
    ("symmetric_passive", 2),
    ("client", CLIENT as u64),
    ("server", SERVER as u64),
    ("broadcast", 5),
    ("control", CONTROL as u64),
    ("private", PRIVATE as u64),
];
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;

/// A message is complete at once.
const COMPLETE: u8 = 1;

type Row = Field<Message>;

/// The fields; the position is the number.
static FIELDS: &[Row] = &[
    Row::uint(
        "ntp.version",
        8,
        Both,
        COMPLETE,
        |message, _, _, _| number(message.head.map(|head| head.version)),
        "Version of a message (RFC 5905 §7.3).",
    ),
    Row::uint(
        "ntp.mode",
        8,
        Both,
        COMPLETE,
        |message, _, _, _| number(message.head.map(|head| head.mode)),
        "What a message is for (RFC 5905 §7.3).",
    )
    .names(MODES),
    Row::uint(
        "ntp.stratum",
        8,
        Both,
        COMPLETE,
        |message, _, _, _| number(message.time.map(|time| time.stratum)),
        "How far the sender is from a clock: 1 if it has one itself (RFC 5905 §7.3).",
    ),
    Row::bytes(
        "ntp.reference_id",
        Both,
        COMPLETE,
        |message, _, _, _| match &message.time {
            Some(time) => Value::Bytes(&time.reference),
            None => Value::Absent,
        },
        "What the sender has its time from: four letters, or an address (RFC 5905 §7.3).",
    ),
];

fn number(value: Option<u8>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Uint(value.into()))
}

/// Version 1 to 4 and a mode; a whole message.
fn probe(data: &[u8], dir: Dir, _: bool) -> Probe {
    let whole = Head::of(data).is_some_and(|head| head.mode != 0 && data.len() >= head.shortest());
    if whole { Probe::Yes(dir) } else { Probe::No }
}

/// The first byte.
#[derive(Clone, Copy, Debug)]
struct Head {
    version: u8,
    mode: u8,
}

impl Head {
    fn of(data: &[u8]) -> Option<Self> {
        let first = data.first()?;
        let head = Self { version: first >> 3 & 7, mode: first & 7 };
        (1..=4).contains(&head.version).then_some(head)
    }

    /// Bytes of a message: control messages are those of RFC 9327 §2, private ones are not specified.
    const fn shortest(self) -> usize {
        match self.mode {
            CONTROL => 12,
            PRIVATE => 8,
            _ => 48,
        }
    }
}

/// What a message about time tells of its sender.
#[derive(Clone, Copy, Debug)]
struct Time {
    stratum: u8,
    reference: [u8; 4],
}

impl Time {
    fn of(data: &[u8]) -> Option<Self> {
        let [_, stratum, ..] = *data else { return None };
        Some(Self { stratum, reference: *data.get(12..)?.first_chunk()? })
    }
}

/// A message, as far as it could be read.
#[derive(Debug, Default)]
struct Message {
    head: Option<Head>,
    time: Option<Time>,
    events: Events,
}

impl datagram::Message for Message {
    /// Questions that are not answered.
    type Flow = u32;

    fn protocol() -> &'static Protocol {
        &PROTOCOL
    }

    fn fields() -> &'static [Field<Self>] {
        FIELDS
    }

    fn read(asked: &mut u32, input: &Input<'_>) -> Option<Self> {
        let mut message = Self::default();
        let Some(head) = Head::of(input.data).filter(|head| input.data.len() >= head.shortest()) else {
            message.events.note(MALFORMED_DATA);
            return Some(message);
        };
        message.head = Some(head);
        message.time = Time::of(input.data).filter(|_| !matches!(head.mode, CONTROL | PRIVATE));
        match (head.mode, asked.checked_sub(1)) {
            (CLIENT, _) => *asked = asked.saturating_add(1),
            (SERVER, Some(left)) => *asked = left,
            (SERVER, None) => message.events.note(UNSOLICITED_RESPONSE),
            _ => {}
        }
        Some(message)
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn recorded(&self) -> bool {
        self.head.is_some()
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        if let Some(head) = self.head {
            out.uint("version", head.version.into());
            out.uint("mode", head.mode.into());
        }
        if let Some(time) = self.time {
            out.uint("stratum", time.stratum.into());
            let [a, b, c, d] = time.reference;
            out.text("reference_id", format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}").as_bytes());
        }
    }
}

/// Messages made for tests.
#[cfg(test)]
pub(crate) mod sample {
    /// A message of this version and mode about time.
    pub(crate) fn message(version: u8, mode: u8, stratum: u8, reference: &[u8; 4]) -> Vec<u8> {
        let mut message = vec![0; 48];
        message[0] = version << 3 | mode;
        message[1] = stratum;
        message[12..16].copy_from_slice(reference);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::sample::message;
    use super::*;
    use crate::app::datagram::tests::seen;
    use crate::field::Dir::{ToClient, ToServer};

    #[test]
    fn messages_are_shown() {
        let seen = seen::<Message>(&[
            (ToServer, message(4, 3, 0, &[0; 4])),
            (ToClient, message(4, 4, 1, b"GPS\0")),
            (ToServer, vec![0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ]);
        let shown = [
            "version:4,mode:3,stratum:0,reference_id:'00:00:00:00'",
            "version:4,mode:4,stratum:1,reference_id:'47:50:53:00'",
            "version:2,mode:6",
        ];
        assert_eq!((seen.records, seen.events), (shown.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn what_is_odd_is_named() {
        let (ask, answer) = (|| (ToServer, message(4, 3, 0, &[0; 4])), || (ToClient, message(4, 4, 1, &[0; 4])));
        for (name, datagrams, events) in [
            ("cut", vec![(ToServer, message(4, 3, 0, &[0; 4])[..47].to_vec())], vec!["malformed_data"]),
            ("version 0", vec![(ToServer, message(0, 3, 0, &[0; 4]))], vec!["malformed_data"]),
            ("nothing", vec![(ToServer, vec![])], vec!["malformed_data"]),
            ("asked twice", vec![ask(), ask(), answer(), answer()], vec![]),
            ("answered twice", vec![ask(), answer(), answer()], vec!["unsolicited_response"]),
            ("not asked", vec![answer()], vec!["unsolicited_response"]),
        ] {
            assert_eq!(seen::<Message>(&datagrams).events, events, "{name}");
        }
    }
}
