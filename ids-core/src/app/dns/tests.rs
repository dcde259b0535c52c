use proptest::prelude::*;

use super::message::{EVENTS, Event, Message, Section};
use super::session::{Kind, Session};
use super::{fields, mdns, name};
use crate::app::harness::text;
use crate::app::parser::{Detail, Input, Parsed, Probe, Session as _};
use crate::field::{Dir, Dirs, Value};
use crate::time::Time;

/// A message in the making.
struct Build {
    bytes: Vec<u8>,
}

impl Build {
    fn new(id: u16, flags: u16, counts: [u16; 4]) -> Self {
        let words = [id, flags].into_iter().chain(counts);
        Self { bytes: words.flat_map(u16::to_be_bytes).collect() }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn name(mut self, name: &str) -> Self {
        self.bytes.extend(wire(name));
        self
    }

    fn question(self, name: &str, rrtype: u16) -> Self {
        self.name(name).raw(&rrtype.to_be_bytes()).raw(&[0, 1])
    }

    /// A record that belongs to the name at the start of the question section.
    fn record(self, rrtype: u16, ttl: u32, data: &[u8]) -> Self {
        let length = u16::try_from(data.len()).unwrap();
        let head = self.raw(&[0xc0, 12]).raw(&rrtype.to_be_bytes()).raw(&[0, 1]);
        head.raw(&ttl.to_be_bytes()).raw(&length.to_be_bytes()).raw(data)
    }
}

/// A name in labels.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap()).chain(label.bytes())).collect();
    bytes.push(0);
    bytes
}

fn query() -> Vec<u8> {
    Build::new(0x1234, 0x0100, [1, 0, 0, 0]).question("www.example.com", 1).bytes
}

/// Every kind of data that is read, in all sections.
fn response() -> Vec<u8> {
    let soa = [wire("ns.example"), wire("root.example"), (1..=5u32).flat_map(u32::to_be_bytes).collect()].concat();
    let srv = [&[0, 10, 0, 20, 0x13, 0xc4][..], &wire("sip.example")].concat();
    Build::new(0x1234, 0x8580, [1, 9, 2, 2])
        .question("www.example.com", 255)
        .record(1, 300, &[192, 0, 2, 1])
        .record(28, 300, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        .record(5, 60, &wire("alias.example"))
        .record(15, 60, &[&[0, 5][..], &wire("mail.example")].concat())
        .record(16, 60, b"\x03abc\x00\x02de")
        .record(10, 60, b"\xc5raw")
        .record(33, 60, &srv)
        .record(44, 60, &[4, 2, 0xab, 0xcd])
        .record(65, 60, &[0, 1, 0])
        .record(2, 60, &wire("ns.example"))
        .record(6, 60, &soa)
        .record(12, 60, &wire("ptr.example"))
        .raw(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 6, 0, 10, 0, 2, 0xbe, 0xef])
        .bytes
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn input(dir: Dir, data: &[u8]) -> Input<'_> {
    Input { dir, data, last: false, time: Time::ZERO, ports: (40000, 53) }
}

/// The one transaction that a datagram makes.
fn one(kind: Kind, dir: Dir, bytes: &[u8]) -> Session {
    let mut session = Session::new(kind, true);
    assert_eq!(session.parse(input(dir, bytes)), Parsed::Used { bytes: bytes.len(), need: 0 });
    assert_eq!(session.transactions(), 0..1);
    session
}

fn record(kind: Kind, dir: Dir, bytes: &[u8], detail: &Detail<'_>) -> String {
    let session = one(kind, dir, bytes);
    text(|out| session.transaction(0).unwrap().record(detail, out))
}

fn events(bytes: &[u8]) -> Vec<&'static str> {
    Message::read(bytes).events.iter().map(|event| EVENTS[usize::from(*event)]).collect()
}

#[test]
fn a_request_as_a_record() {
    let detail = Detail { tx_id: 7, ..Detail::default() };
    assert_eq!(
        record(Kind::Dns, Dir::ToServer, &query(), &detail),
        "version:3,type:'request',tx_id:7,id:4660,flags:'100',rd:true,opcode:0,rcode:'NOERROR',\
         queries:[{rrname:'www.example.com',rrtype:'A'}]"
    );
    assert_eq!(
        record(Kind::Dns, Dir::ToServer, &query(), &Detail { version: 2, ..detail }),
        "version:2,type:'query',id:4660,tx_id:7,rrname:'www.example.com',rrtype:'A',opcode:0"
    );
}

#[test]
fn a_response_as_a_record() {
    let out = record(Kind::Dns, Dir::ToClient, &response(), &Detail::default());
    let expected = [
        "version:3,type:'response',tx_id:0,id:4660,flags:'8580',qr:true,aa:true,rd:true,ra:true",
        "opcode:0,rcode:'NOERROR'",
        "queries:[{rrname:'www.example.com',rrtype:'ANY'}]",
        "answers:[{rrname:'www.example.com',rrtype:'A',ttl:300,rdata:'192.0.2.1'}",
        "{rrname:'www.example.com',rrtype:'AAAA',ttl:300,rdata:'2001:db8::1'}",
        "{rrname:'www.example.com',rrtype:'CNAME',ttl:60,rdata:'alias.example'}",
        "{rrname:'www.example.com',rrtype:'MX',ttl:60,rdata:'mail.example'}",
        "{rrname:'www.example.com',rrtype:'TXT',ttl:60,rdata:'abc'}",
        "{rrname:'www.example.com',rrtype:'TXT',ttl:60,rdata:''}",
        "{rrname:'www.example.com',rrtype:'TXT',ttl:60,rdata:'de'}",
        "{rrname:'www.example.com',rrtype:'NULL',ttl:60,rdata:'?raw'}",
        "{rrname:'www.example.com',rrtype:'SRV',ttl:60,srv:{priority:10,weight:20,port:5060,name:'sip.example'}}",
        "{rrname:'www.example.com',rrtype:'SSHFP',ttl:60,sshfp:{fingerprint:'ab:cd',algo:4,type:2}}",
        "{rrname:'www.example.com',rrtype:'HTTPS',ttl:60}]",
        "grouped:{A:['192.0.2.1'],AAAA:['2001:db8::1'],CNAME:['alias.example'],MX:['mail.example'],NULL:['?raw']",
        "SRV:[{priority:10,weight:20,port:5060,name:'sip.example'}],SSHFP:[{fingerprint:'ab:cd',algo:4,type:2}]",
        "TXT:['abc','','de']}",
        "authorities:[{rrname:'www.example.com',rrtype:'NS',ttl:60,rdata:'ns.example'}",
        "{rrname:'www.example.com',rrtype:'SOA',ttl:60,soa:{mname:'ns.example',rname:'root.example',serial:1,refresh:2,\
         retry:3,expire:4,minimum:5}}]",
        "additionals:[{rrname:'www.example.com',rrtype:'PTR',ttl:60,rdata:'ptr.example'}",
        "{rrname:'',rrtype:'OPT',opt:[{code:10,data:'beef'}]}]",
    ];
    assert_eq!(out, expected.join(","));
}

#[test]
fn formats_and_versions_of_a_response() {
    let mut detail = Detail { version: 2, ..Detail::default() };
    detail.dns_formats.detailed = false;
    let out = record(Kind::Dns, Dir::ToClient, &response(), &detail);
    assert!(out.starts_with("version:2,type:'answer',id:4660,flags:'8580',"), "{out}");
    assert!(out.contains("rrname:'www.example.com',rrtype:'ANY',rcode:'NOERROR',grouped:{"), "{out}");
    detail.dns_formats = crate::app::parser::DnsFormats { detailed: true, grouped: false };
    let out = record(Kind::Dns, Dir::ToClient, &response(), &detail);
    assert!(out.contains("answers:[") && !out.contains("grouped"), "{out}");
}

#[test]
fn a_multicast_response_as_a_record() {
    let bytes = Build::new(0, 0x8400, [0, 2, 0, 0])
        .name("a.local")
        .raw(&[0, 16, 0x80, 1, 0, 0, 0, 9, 0, 6])
        .raw(b"\x02x=\x02y=")
        .name("_http._tcp.local")
        .raw(&[0, 12, 0, 1, 0, 0, 0, 9, 0, 9])
        .name("b.local")
        .bytes;
    assert_eq!(
        record(Kind::Mdns, Dir::ToServer, &bytes, &Detail::default()),
        "type:'response',id:0,opcode:0,rcode:0,flags:['aa'],answers:[{rrname:'a.local',txt:['x=','y=']},\
         {rrname:'_http._tcp.local',ptr:'b.local'}]"
    );
    assert_eq!(mdns::PROTOCOL.probe.map(|p| (p.probe)(&bytes, Dir::ToServer, true)), Some(Probe::Yes(Dir::ToServer)));
}

#[test]
fn fields_of_both_directions() {
    let requests = one(Kind::Dns, Dir::ToServer, &query());
    let responses = one(Kind::Dns, Dir::ToClient, &response());
    let all = |session: &Session, name: &str, dir: Dir| -> Vec<String> {
        let tx = session.transaction(0).unwrap();
        let field = fields::DNS.iter().position(|field| field.info.name == name).unwrap();
        let mut scratch = Vec::new();
        let mut values = Vec::new();
        for instance in 0.. {
            match tx.field(field, dir, instance, &mut scratch) {
                Value::Bytes(bytes) => values.push(String::from_utf8_lossy(bytes).into_owned()),
                Value::Uint(number) => values.push(number.to_string()),
                Value::Absent => break,
                Value::Stream { .. } => unreachable!(),
            }
        }
        values
    };
    assert_eq!(all(&requests, "dns.query", Dir::ToServer), ["www.example.com"]);
    assert_eq!(all(&requests, "dns.queries.rrname", Dir::ToServer), ["www.example.com"]);
    assert_eq!(all(&requests, "dns.queries.rrname", Dir::ToClient), [""; 0]);
    assert_eq!(all(&requests, "dns.opcode", Dir::ToServer), ["0"]);
    assert_eq!(all(&requests, "dns.rrtype", Dir::ToServer), ["1"]);
    assert_eq!(all(&responses, "dns.answers.rrname", Dir::ToClient).len(), 9);
    assert_eq!(all(&responses, "dns.authorities.rrname", Dir::ToClient).len(), 2);
    assert_eq!(all(&responses, "dns.additionals.rrname", Dir::ToClient), ["www.example.com", ""]);
    assert_eq!(all(&responses, "dns.rrtype", Dir::ToClient).len(), 10);
    assert_eq!(all(&responses, "dns.rcode", Dir::ToClient), ["0"]);
    let names = all(&responses, "dns.response.rrname", Dir::ToClient);
    assert_eq!(names.len(), 1 + 13 + 5);
    assert_eq!(names[14..], ["alias.example", "mail.example", "ns.example", "ns.example", "ptr.example"]);
}

#[test]
fn events_tell_what_is_odd() {
    let label = [&[63u8][..], &[b'a'; 63]].concat();
    let long = Build::new(1, 0, [1, 0, 0, 0]).raw(&label.repeat(17)).raw(&[0, 0, 1, 0, 1]).bytes;
    let many = Build::new(1, 0, [1, 0, 0, 0]).raw(&b"\x01a".repeat(256)).raw(&[0, 0, 1, 0, 1]).bytes;
    let table: &[(&str, Vec<u8>, &[&str])] = &[
        ("a request", query(), &[]),
        ("a response", response(), &[]),
        ("no header", vec![0; 11], &["malformed_data"]),
        ("Z", Build::new(1, 0x0040, [1, 0, 0, 0]).question("a", 1).bytes, &["z_flag_set"]),
        ("authentic data and checking disabled", Build::new(1, 0x0030, [1, 0, 0, 0]).question("a", 1).bytes, &[]),
        ("an unassigned operation", Build::new(1, 0x4800, [1, 0, 0, 0]).question("a", 1).bytes, &["invalid_opcode"]),
        ("a stateful operation", Build::new(1, 0x3000, [0; 4]).bytes, &[]),
        ("a name of 1,087 bytes", long, &["name_too_long"]),
        ("256 labels", many, &["too_many_labels"]),
        ("a pointer to itself", Build::new(1, 0, [1, 0, 0, 0]).raw(&[0xc0, 12, 0, 1, 0, 1]).bytes, &["infinite_loop"]),
        (
            "a loop with a label in it",
            Build::new(1, 0, [1, 0, 0, 0]).raw(b"\x01a\xc0\x0c\0\x01\0\x01").bytes,
            &["too_many_labels"],
        ),
        ("a pointer outside", Build::new(1, 0, [1, 0, 0, 0]).raw(&[0xff, 0xff, 0, 1, 0, 1]).bytes, &["malformed_data"]),
        ("a reserved label", Build::new(1, 0, [1, 0, 0, 0]).raw(&[0x41, 0, 0, 1, 0, 1]).bytes, &["malformed_data"]),
        ("too few answers", Build::new(1, 0x8000, [1, 1, 0, 0]).question("a", 1).bytes, &["malformed_data"]),
        ("too few authorities", Build::new(1, 0x8000, [1, 0, 1, 0]).question("a", 1).bytes, &["invalid_authorities"]),
        ("too few additionals", Build::new(1, 0x8000, [1, 0, 0, 1]).question("a", 1).bytes, &["invalid_additionals"]),
    ];
    for (what, bytes, expected) in table {
        let mut found = events(bytes);
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn long_names_are_cut_and_flagged() {
    let label = [&[63u8][..], &[b'a'; 63]].concat();
    let bytes = Build::new(1, 0, [1, 0, 0, 0]).raw(&label.repeat(17)).raw(&[0, 0, 1, 0, 1]).bytes;
    let mut text = Vec::new();
    name::text(&bytes, 12, &mut text);
    assert_eq!(text.len(), name::MAX_TEXT);
    let out = record(Kind::Dns, Dir::ToServer, &bytes, &Detail::default());
    assert!(out.contains(",rrname_truncated:true,rrtype:'A'"), "{out}");
}

#[test]
fn messages_in_the_wrong_direction_are_told() {
    for (dir, bytes, event) in
        [(Dir::ToServer, response(), Event::NotRequest), (Dir::ToClient, query(), Event::NotResponse)]
    {
        assert_eq!(one(Kind::Dns, dir, &bytes).transaction(0).unwrap().events(), [event as u8]);
        assert_eq!(one(Kind::Mdns, dir, &bytes).transaction(0).unwrap().events(), [0u8; 0]);
        assert_eq!(one(Kind::Dns, dir.flip(), &bytes).transaction(0).unwrap().events(), [0u8; 0]);
    }
}

#[test]
fn every_truncation_reads_what_is_there() {
    let whole = response();
    let mut before = 0;
    for cut in 1..whole.len() {
        let message = Message::read(&whole[..cut]);
        assert_eq!(message.events.len(), 1, "{cut}");
        let now = message.questions.len() + message.records().len();
        assert!(now >= before, "{cut}");
        before = now;
        let names = [Section::Answers, Section::Authorities, Section::Additionals].map(|s| message.section(s).len());
        assert_eq!(names.iter().sum::<usize>(), message.records().len());
        record(Kind::Dns, Dir::ToClient, &whole[..cut], &Detail::default());
    }
    assert_eq!(before, 13);
    assert_eq!(Message::read(&whole).records().len(), 13);
}

#[test]
fn a_name_must_end_within_its_data() {
    let mut bytes = response();
    let alias = bytes.windows(7).position(|part| part == b"\x05alias\x07").unwrap();
    bytes[alias] = 63;
    let out = record(Kind::Dns, Dir::ToClient, &bytes, &Detail::default());
    assert!(out.contains("{rrname:'www.example.com',rrtype:'CNAME',ttl:60},"), "{out}");
}

#[test]
fn messages_are_recognised() {
    let probe = super::PROTOCOL.probe.unwrap().probe;
    let to_server = Probe::Yes(Dir::ToServer);
    let empty_response = Build::new(1, 0x8081, [0; 4]).bytes;
    let table: &[(&str, Vec<u8>, bool, Probe)] = &[
        ("a request", query(), true, to_server),
        ("a response", response(), true, Probe::Yes(Dir::ToClient)),
        ("a refusal without question", empty_response, true, Probe::Yes(Dir::ToClient)),
        ("a request without question", vec![0; 12], true, Probe::No),
        ("eleven bytes", query()[..11].to_vec(), true, Probe::No),
        ("SNMP", b"\x30\x40\x02\x01\x03\x30\x0f\x02\x03\x00\x91\xc8\x02\x02\x05\xdc".to_vec(), true, Probe::No),
        ("a request in a stream", framed(&query()), false, to_server),
        ("its length alone", framed(&query())[..2].to_vec(), false, Probe::Unsure),
        ("half its header", framed(&query())[..8].to_vec(), false, Probe::Unsure),
        ("half its name", framed(&query())[..20].to_vec(), false, Probe::Unsure),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), false, Probe::No),
        ("a length below the header's", b"\x00\x0b\x00\x01".to_vec(), false, Probe::No),
    ];
    for (what, bytes, udp, expected) in table {
        assert_eq!(probe(bytes, Dir::ToServer, *udp), *expected, "{what}");
    }
}

/// Feeds a stream the way the engine does: unused bytes come again with what follows.
fn feed(session: &mut Session, dir: Dir, pieces: &[&[u8]]) {
    let mut unused = Vec::new();
    for piece in pieces {
        unused.extend_from_slice(piece);
        loop {
            let Parsed::Used { bytes, need } = session.parse(input(dir, &unused)) else { panic!("gave up") };
            unused.drain(..bytes);
            assert!(need == 0 || need > unused.len());
            if bytes == 0 || unused.is_empty() {
                break;
            }
        }
    }
}

fn records(session: &Session) -> Vec<String> {
    let txs = session.transactions().map(|id| session.transaction(id).unwrap());
    txs.map(|tx| text(|out| tx.record(&Detail::default(), out))).collect()
}

fn ids(session: &Session) -> Vec<u16> {
    let id = |record: &String| record.split(",id:").nth(1)?.split(',').next()?.parse().ok();
    records(session).iter().map(|record| id(record).unwrap()).collect()
}

#[test]
fn a_gap_within_a_message_costs_that_message() {
    let message = |id| framed(&Build::new(id, 0x0100, [1, 0, 0, 0]).question("www.example.com", 1).bytes);
    let (first, second, third) = (message(1), message(2), message(3));
    let mut session = Session::new(Kind::Dns, false);
    feed(&mut session, Dir::ToServer, &[&first, &second[..10]]);
    // The unused ten bytes are gone too; the gap ends five bytes before the message does.
    let lost = second.len() - 10 - 5;
    assert_eq!(session.gap(Dir::ToServer, lost as u64), Parsed::Used { bytes: 0, need: 0 });
    feed(&mut session, Dir::ToServer, &[&second[second.len() - 5..], &third]);
    assert_eq!(ids(&session), [1, 3]);
}

#[test]
fn after_a_larger_gap_the_next_message_is_found() {
    let message = |id| framed(&Build::new(id, 0x0100, [1, 0, 0, 0]).question("www.example.com", 1).bytes);
    let mut session = Session::new(Kind::Dns, false);
    feed(&mut session, Dir::ToServer, &[&message(1)]);
    session.gap(Dir::ToServer, 500);
    feed(&mut session, Dir::ToServer, &[b"the tail of something else", &message(2), &message(3)]);
    assert_eq!(ids(&session), [1, 2, 3]);
    // The other direction is not disturbed.
    feed(&mut session, Dir::ToClient, &[&framed(&response())]);
    assert_eq!(session.transactions(), 0..4);
}

#[test]
fn open_transactions_are_bounded() {
    let message = framed(&query());
    let mut session = Session::new(Kind::Dns, false);
    let many = message.repeat(1000);
    let Parsed::Used { bytes, .. } = session.parse(input(Dir::ToServer, &many)) else { panic!("gave up") };
    assert_eq!(bytes, 256 * message.len(), "a batch at a time");
    let mut session = Session::new(Kind::Dns, true);
    for _ in 0..5000 {
        session.parse(input(Dir::ToServer, &query()));
    }
    assert_eq!(session.transactions(), 904..5000, "the oldest go");
    assert!(session.transaction(903).is_none());
    session.release(905);
    assert_eq!(session.transactions(), 904..5000);
    session.release(904);
    assert_eq!(session.transactions(), 906..5000);
    session.release(904);
}

#[test]
fn a_message_has_one_direction() {
    for dir in Dir::BOTH {
        let session = one(Kind::Dns, dir, &query());
        let tx = session.transaction(0).unwrap();
        assert_eq!(tx.dirs() == Dirs::ToServer, dir == Dir::ToServer);
        assert_eq!(tx.progress(dir), super::PROTOCOL.complete(dir));
    }
}

#[test]
fn what_cannot_be_read_is_not_recorded() {
    let recorded = |bytes: &[u8]| one(Kind::Dns, Dir::ToClient, bytes).transaction(0).unwrap().recorded();
    assert!(recorded(&response()));
    assert!(!recorded(&response()[..40]));
    assert!(!recorded(&Build::new(1, 0x8081, [0; 4]).bytes));
}

proptest! {
    /// Where TCP cuts a stream must not change what is read.
    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec((any::<u16>(), 0usize..3), 1..8),
        cuts in prop::collection::vec(1usize..60, 0..40),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(id, extra)| {
            let answers = u16::try_from(*extra).unwrap();
            let mut build = Build::new(*id, 0x8000, [1, answers, 0, 0]).question("www.example.com", 1);
            for _ in 0..*extra {
                build = build.record(1, 1, &[1, 2, 3, 4]);
            }
            framed(&build.bytes)
        }).collect();
        let mut whole = Session::new(Kind::Dns, false);
        feed(&mut whole, Dir::ToClient, &[&stream]);
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let mut cut = Session::new(Kind::Dns, false);
        feed(&mut cut, Dir::ToClient, &pieces);
        prop_assert_eq!(records(&whole), records(&cut));
        prop_assert_eq!(ids(&whole).len(), messages.len());
    }

    /// No bytes make reading, showing or looking fail, and what is read stays in bounds.
    #[test]
    fn any_bytes_can_be_read(
        flips in prop::collection::vec((0usize..400, any::<u8>()), 0..12),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = response();
        bytes.extend(tail);
        for (at, value) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for kind in [Kind::Dns, Kind::Mdns] {
            record(kind, Dir::ToClient, &bytes, &Detail::default());
            record(kind, Dir::ToClient, &bytes, &Detail { version: 2, ..Detail::default() });
            let session = one(kind, Dir::ToClient, &bytes);
            let tx = session.transaction(0).unwrap();
            let mut scratch = Vec::new();
            for field in 0..10 {
                for instance in 0..40 {
                    if let Value::Bytes(name) = tx.field(field, Dir::ToClient, instance, &mut scratch) {
                        prop_assert!(name.len() <= name::MAX_TEXT);
                    }
                }
            }
        }
    }
}
