//! What rules can see of a message.

use super::message::{Header, Name, Section};
use super::name;
use super::session::Tx;
use super::tables::{RCODES, RRTYPES};
use crate::field::Dirs::{Both, ToClient, ToServer};
use crate::field::{Dir, Field, Value};

/// A message is complete at once.
const COMPLETE: u8 = 1;

/// Fields of DNS.
pub(super) static DNS: &[Field<Tx>] = &[
    Field::bytes("dns.query", ToServer, COMPLETE, questions, "A name asked for in a request (RFC 1035 §4.1.2).")
        .aliases(&["dns_query"])
        .multi(),
    Field::bytes("dns.queries.rrname", Both, COMPLETE, questions, "A name in the question section (RFC 1035 §4.1.2).")
        .aliases(&["dns.query.name"])
        .multi(),
    Field::bytes("dns.answers.rrname", Both, COMPLETE, answers, "The name of an answer (RFC 1035 §4.1.3).")
        .aliases(&["dns.answer.name"])
        .multi(),
    Field::bytes(
        "dns.authorities.rrname",
        Both,
        COMPLETE,
        authorities,
        "The name of a record in the authority section (RFC 1035 §4.1.3).",
    )
    .multi(),
    Field::bytes(
        "dns.additionals.rrname",
        Both,
        COMPLETE,
        additionals,
        "The name of a record in the additional section (RFC 1035 §4.1.3).",
    )
    .multi(),
    Field::bytes(
        "dns.response.rrname",
        ToClient,
        COMPLETE,
        names,
        "Any name in a response: of all sections, and hosts in the data of CNAME, MX, NS, PTR and SOA (RFC 1035 §3.3).",
    )
    .multi(),
    Field::uint("dns.opcode", 8, Both, COMPLETE, opcode, "The kind of query (RFC 1035 §4.1.1)."),
    Field::uint("dns.rcode", 16, Both, COMPLETE, rcode, "The response code in the header (RFC 1035 §4.1.1).")
        .names(RCODES),
    Field::uint("dns.rrtype", 16, Both, COMPLETE, rrtypes, "The type of a question or an answer (RFC 1035 §3.2.2).")
        .names(RRTYPES)
        .multi(),
];

/// Fields of multicast DNS.
pub(super) static MDNS: &[Field<Tx>] = &[
    Field::bytes("mdns.queries.rrname", Both, COMPLETE, questions, "A name in the question section (RFC 6762 §18).")
        .multi(),
    Field::bytes("mdns.answers.rrname", Both, COMPLETE, answers, "The name of an answer (RFC 6762 §18).").multi(),
    Field::bytes(
        "mdns.authorities.rrname",
        Both,
        COMPLETE,
        authorities,
        "The name of a record in the authority section (RFC 6762 §18).",
    )
    .multi(),
    Field::bytes(
        "mdns.additionals.rrname",
        Both,
        COMPLETE,
        additionals,
        "The name of a record in the additional section (RFC 6762 §18).",
    )
    .multi(),
    Field::bytes(
        "mdns.response.rrname",
        Both,
        COMPLETE,
        names,
        "Any name in a response: of all sections, and hosts in the data of records (RFC 6762 §6).",
    )
    .multi(),
];

fn questions<'a>(tx: &'a Tx, _: Dir, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    text(tx, tx.message.questions.get(n).map(|question| question.name), scratch)
}

fn answers<'a>(tx: &'a Tx, _: Dir, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    owner(tx, Section::Answers, n, scratch)
}

fn authorities<'a>(tx: &'a Tx, _: Dir, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    owner(tx, Section::Authorities, n, scratch)
}

fn additionals<'a>(tx: &'a Tx, _: Dir, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    owner(tx, Section::Additionals, n, scratch)
}

/// The names of all questions, then of all records, then the hosts in data; none in requests.
fn names<'a>(tx: &'a Tx, _: Dir, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let message = &tx.message;
    if !message.response() {
        return Value::Absent;
    }
    let (questions, records) = (message.questions.len(), message.records().len());
    let name = match n {
        n if n < questions => message.questions.get(n).map(|question| question.name),
        n if n < questions + records => message.records().get(n - questions).map(|record| record.name),
        n => message.hosts.get(n - questions - records).copied(),
    };
    text(tx, name, scratch)
}

fn opcode<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    header(tx, n, |header| header.opcode().into())
}

fn rcode<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    header(tx, n, |header| header.rcode().into())
}

/// The types of all questions, then of all answers.
fn rrtypes<'a>(tx: &'a Tx, _: Dir, n: usize, _: &'a mut Vec<u8>) -> Value<'a> {
    let (questions, answers) = (&tx.message.questions, tx.message.section(Section::Answers));
    let rrtype = match n.checked_sub(questions.len()) {
        None => questions.get(n).map(|question| question.rrtype),
        Some(n) => answers.get(n).map(|answer| answer.rrtype),
    };
    rrtype.map_or(Value::Absent, |rrtype| Value::Uint(rrtype.into()))
}

fn owner<'a>(tx: &Tx, section: Section, n: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
    text(tx, tx.message.section(section).get(n).map(|record| record.name), scratch)
}

fn text<'a>(tx: &Tx, name: Option<Name>, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let Some(name) = name else { return Value::Absent };
    name::text(&tx.message.bytes, usize::from(name.at), scratch);
    Value::Bytes(scratch)
}

fn header(tx: &Tx, n: usize, get: fn(Header) -> u64) -> Value<'static> {
    match tx.message.header {
        Some(header) if n == 0 => Value::Uint(get(header)),
        _ => Value::Absent,
    }
}
