//! Multicast DNS (RFC 6762): the same messages, sent to everybody on port 5353.
//!
//! A conversation has no server: requests and responses all travel from whoever sends them.

use super::message::{Message, Name, Record, Section, flag};
use super::rdata::{self, Data};
use super::session::{Kind, Session};
use super::tables::{self, RRTYPES};
use super::{fields, message, name};
use crate::app::frames::frame;
use crate::app::parser::{Probe, Probing, Protocol};
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Multicast DNS.
pub static PROTOCOL: Protocol = Protocol {
    name: "mdns",
    rule_names: &["mdns"],
    udp: true,
    probe: Some(Probing { ports: &[5353], probe }),
    fields: || fields::MDNS.iter().map(|field| &field.info).collect(),
    events: message::EVENTS,
    record: Some("mdns"),
    frames: &[frame("mdns.pdu", "A message of multicast DNS (RFC 6762 §18).")],
    session: Some(|_, facts| Box::new(Session::new(Kind::Mdns, facts.udp))),
    ..Protocol::BARE
};

fn probe(data: &[u8], dir: Dir, udp: bool) -> Probe {
    match message::plausible(data, udp) {
        Probe::Yes(_) => Probe::Yes(dir),
        answer => answer,
    }
}

/// Flags by name.
const FLAGS: &[(&str, u16)] = &[
    ("aa", flag::AA),
    ("tc", flag::TC),
    ("rd", flag::RD),
    ("ra", flag::RA),
    ("z", flag::Z),
    ("ad", flag::AD),
    ("cd", flag::CD),
];

/// Writes the content of the `mdns` object.
pub(super) fn record(message: &Message, out: &mut dyn Writer) {
    let mut scratch = Vec::new();
    out.text("type", if message.response() { b"response" } else { b"request" });
    if let Some(header) = message.header {
        out.uint("id", header.id.into());
        out.uint("opcode", header.opcode().into());
        out.uint("rcode", header.rcode().into());
        if FLAGS.iter().any(|(_, flag)| header.has(*flag)) {
            out.open("flags", Shape::List);
            for (name, _) in FLAGS.iter().filter(|(_, flag)| header.has(*flag)) {
                out.text("", name.as_bytes());
            }
            out.close();
        }
    }
    if !message.questions.is_empty() {
        out.open("queries", Shape::List);
        for question in &message.questions {
            out.open("", Shape::Object);
            owner(message, question.name, &mut scratch, out);
            out.text("rrtype", tables::name(RRTYPES, question.rrtype).as_bytes());
            out.close();
        }
        out.close();
    }
    let sections =
        [("answers", Section::Answers), ("authorities", Section::Authorities), ("additionals", Section::Additionals)];
    for (key, section) in sections {
        let records = message.section(section);
        if !records.is_empty() {
            out.open(key, Shape::List);
            for record in records {
                answer(message, record, section, &mut scratch, out);
            }
            out.close();
        }
    }
}

/// One record; those of the authority section show their name alone.
fn answer(message: &Message, record: &Record, section: Section, scratch: &mut Vec<u8>, out: &mut dyn Writer) {
    out.open("", Shape::Object);
    owner(message, record.name, scratch, out);
    match record.data {
        _ if section == Section::Authorities => {}
        Data::Host(host) if record.rrtype == tables::rrtype::PTR => {
            name::text(&message.bytes, usize::from(host.at), scratch);
            out.text("ptr", scratch);
        }
        Data::Strings(span) if rdata::strings(span.of(&message.bytes)).next().is_some() => {
            out.open("txt", Shape::List);
            for string in rdata::strings(span.of(&message.bytes)) {
                out.text("", string);
            }
            out.close();
        }
        _ => {}
    }
    out.close();
}

fn owner(message: &Message, name: Name, scratch: &mut Vec<u8>, out: &mut dyn Writer) {
    name::text(&message.bytes, usize::from(name.at), scratch);
    out.text("rrname", scratch);
    if name.cut {
        out.flag("rrname_truncated", true);
    }
}
