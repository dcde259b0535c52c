//! The `dns` object of records: version 3, where requests and responses look alike, and the older version 2.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::message::{Header, Message, Name, Record, Section, flag};
use super::name;
use super::rdata::{self, Data};
use super::tables::{self, RCODES, RRTYPES, rrtype};
use crate::app::parser::{Detail, DnsFormats};
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Types of answers that are shown in groups, in their order.
const GROUPED: &[(&str, u16)] = &[
    ("A", rrtype::A),
    ("AAAA", rrtype::AAAA),
    ("CNAME", rrtype::CNAME),
    ("MX", rrtype::MX),
    ("NS", rrtype::NS),
    ("NULL", rrtype::NULL),
    ("PTR", rrtype::PTR),
    ("SOA", rrtype::SOA),
    ("SRV", rrtype::SRV),
    ("SSHFP", rrtype::SSHFP),
    ("TXT", rrtype::TXT),
];

/// Entries of a list that are shown: compression makes a small message a large record.
const MAX_SHOWN: usize = 4096;

/// Flags that are shown by name.
const FLAGS: &[(&str, u16)] =
    &[("qr", flag::QR), ("aa", flag::AA), ("tc", flag::TC), ("rd", flag::RD), ("ra", flag::RA), ("z", flag::Z)];

/// Writes the content of the object.
pub(super) fn write(message: &Message, dir: Dir, detail: &Detail<'_>, out: &mut dyn Writer) {
    let mut object = Object { message, out, scratch: Vec::new() };
    let response = if message.header.is_some() { message.response() } else { dir == Dir::ToClient };
    match (detail.version, response) {
        (2, true) => object.v2_answer(detail),
        (2, false) => object.v2_query(detail),
        _ => object.v3(response, detail),
    }
}

/// A record on its way out.
struct Object<'a> {
    message: &'a Message,
    out: &'a mut dyn Writer,
    scratch: Vec<u8>,
}

impl Object<'_> {
    fn v3(&mut self, response: bool, detail: &Detail<'_>) {
        self.out.uint("version", 3);
        self.out.text("type", if response { b"response" } else { b"request" });
        self.out.uint("tx_id", detail.tx_id);
        if let Some(header) = self.message.header {
            self.header(header);
            self.out.uint("opcode", header.opcode().into());
            self.out.text("rcode", upper(RCODES, header.rcode()).as_bytes());
        }
        self.queries();
        self.sections(detail.dns_formats);
    }

    fn v2_query(&mut self, detail: &Detail<'_>) {
        self.out.uint("version", 2);
        self.out.text("type", b"query");
        if let Some(header) = self.message.header {
            self.out.uint("id", header.id.into());
            self.out.uint("tx_id", detail.tx_id);
            self.first_question();
            if header.has(flag::Z) {
                self.out.flag("z", true);
            }
            self.out.uint("opcode", header.opcode().into());
        }
    }

    fn v2_answer(&mut self, detail: &Detail<'_>) {
        self.out.uint("version", 2);
        self.out.text("type", b"answer");
        if let Some(header) = self.message.header {
            self.header(header);
            self.out.uint("opcode", header.opcode().into());
            self.first_question();
            self.out.text("rcode", upper(RCODES, header.rcode()).as_bytes());
        }
        self.sections(detail.dns_formats);
    }

    /// Number and flags.
    fn header(&mut self, header: Header) {
        self.out.uint("id", header.id.into());
        self.out.text("flags", format!("{:x}", header.flags).as_bytes());
        for (key, _) in FLAGS.iter().filter(|(_, flag)| header.has(*flag)) {
            self.out.flag(key, true);
        }
    }

    fn first_question(&mut self) {
        if let Some(question) = self.message.questions.first() {
            self.name("rrname", question.name);
            self.out.text("rrtype", upper(RRTYPES, question.rrtype).as_bytes());
        }
    }

    fn queries(&mut self) {
        if self.message.questions.is_empty() {
            return;
        }
        self.out.open("queries", Shape::List);
        for question in self.message.questions.iter().take(MAX_SHOWN) {
            self.out.open("", Shape::Object);
            self.name("rrname", question.name);
            self.cut("rrname_truncated", question.name);
            self.out.text("rrtype", upper(RRTYPES, question.rrtype).as_bytes());
            self.out.close();
        }
        self.out.close();
    }

    fn sections(&mut self, formats: DnsFormats) {
        let answers = self.message.section(Section::Answers);
        if !answers.is_empty() {
            if formats.detailed {
                self.list("answers", answers, Section::Answers);
            }
            if formats.grouped {
                self.grouped(answers);
            }
        }
        for (key, section) in [("authorities", Section::Authorities), ("additionals", Section::Additionals)] {
            let records = self.message.section(section);
            if !records.is_empty() {
                self.list(key, records, section);
            }
        }
    }

    /// One object per record, and per string of a TXT record.
    fn list(&mut self, key: &str, records: &[Record], section: Section) {
        self.out.open(key, Shape::List);
        for (record, string) in self.message.strings_apart(records).take(MAX_SHOWN) {
            self.out.open("", Shape::Object);
            self.name("rrname", record.name);
            if section == Section::Authorities {
                self.cut("rrname_truncated", record.name);
            }
            self.out.text("rrtype", upper(RRTYPES, record.rrtype).as_bytes());
            if !matches!(record.data, Data::Options(_)) {
                self.out.uint("ttl", record.ttl.into());
            }
            // Options belong to one pseudo-record, which is among the additional ones (RFC 6891 §6.1.1).
            if section == Section::Additionals || !matches!(record.data, Data::Options(_)) {
                self.data(record.data, string);
            }
            if let (Section::Authorities, Data::Host(name)) = (section, record.data) {
                self.cut("rdata_truncated", name);
            }
            self.out.close();
        }
        self.out.close();
    }

    /// Lists of data by type.
    fn grouped(&mut self, answers: &[Record]) {
        self.out.open("grouped", Shape::Object);
        for (group, rrtype) in GROUPED {
            let shown = |record: &Record| record.rrtype == *rrtype && record.data != Data::Other;
            if !answers.iter().any(shown) {
                continue;
            }
            self.out.open(group, Shape::List);
            for (record, string) in self.message.strings_apart(answers).filter(|row| shown(row.0)).take(MAX_SHOWN) {
                self.data(record.data, string);
            }
            self.out.close();
        }
        self.out.close();
    }

    /// The data of a record, or one string of it.
    fn data(&mut self, data: Data, string: Option<&[u8]>) {
        let bytes = &self.message.bytes;
        match data {
            Data::V4(octets) => self.out.text("rdata", Ipv4Addr::from(octets).to_string().as_bytes()),
            Data::V6(octets) => self.out.text("rdata", Ipv6Addr::from(octets).to_string().as_bytes()),
            Data::Host(name) => self.name("rdata", name),
            Data::Bytes(span) => self.out.text("rdata", span.of(bytes)),
            Data::Strings(_) => self.out.text("rdata", string.unwrap_or_default()),
            Data::Soa { mname, rname, numbers } => self.soa(mname, rname, numbers),
            Data::Srv { target, numbers } => self.srv(target, numbers),
            Data::Sshfp(span) => self.sshfp(span.of(bytes)),
            Data::Options(span) => self.options(span.of(bytes)),
            Data::Other => {}
        }
    }

    fn soa(&mut self, mname: Name, rname: Name, numbers: u16) {
        self.out.open("soa", Shape::Object);
        self.name("mname", mname);
        self.cut("mname_truncated", mname);
        self.name("rname", rname);
        let keys = ["serial", "refresh", "retry", "expire", "minimum"];
        for (key, number) in keys.into_iter().zip(rdata::soa_numbers(&self.message.bytes, numbers)) {
            self.out.uint(key, number.into());
        }
        self.out.close();
    }

    fn srv(&mut self, target: Name, numbers: u16) {
        self.out.open("srv", Shape::Object);
        let keys = ["priority", "weight", "port"];
        for (key, number) in keys.into_iter().zip(rdata::srv_numbers(&self.message.bytes, numbers)) {
            self.out.uint(key, number.into());
        }
        self.name("name", target);
        self.out.close();
    }

    fn sshfp(&mut self, data: &[u8]) {
        let [algo, kind, digest @ ..] = data else { return };
        self.out.open("sshfp", Shape::Object);
        self.out.text("fingerprint", hex(digest, ":").as_bytes());
        self.out.uint("algo", (*algo).into());
        self.out.uint("type", (*kind).into());
        self.out.close();
    }

    fn options(&mut self, data: &[u8]) {
        if rdata::options(data).next().is_none() {
            return;
        }
        self.out.open("opt", Shape::List);
        for (code, data) in rdata::options(data) {
            self.out.open("", Shape::Object);
            self.out.uint("code", code.into());
            self.out.text("data", hex(data, "").as_bytes());
            self.out.close();
        }
        self.out.close();
    }

    fn name(&mut self, key: &str, name: Name) {
        name::text(&self.message.bytes, usize::from(name.at), &mut self.scratch);
        self.out.text(key, &self.scratch);
    }

    fn cut(&mut self, key: &str, name: Name) {
        if name.cut {
            self.out.flag(key, true);
        }
    }
}

fn upper(table: &'static [(&'static str, u64)], number: u16) -> String {
    tables::name(table, number).to_ascii_uppercase()
}

fn hex(bytes: &[u8], separator: &str) -> String {
    let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(separator)
}
