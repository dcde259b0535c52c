//! Exchanges written as text → packets: what signatures are tried on without a capture.
//!
//! In: YAML, a list of [`Case`]s.  Out: Ethernet frames with their times, as a client and a server would have sent
//! them.  Must not know rules or the engine.

use std::time::Duration;

use etherparse::{IcmpEchoHeader, Icmpv4Type, PacketBuilder, PacketBuilderStep, TcpHeader};
use ids_core::time::Time;
use serde::Deserialize;

/// One exchange, and what is expected of the signatures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub case: String,
    /// Over what: `tcp` (with handshake and close), `udp` or `icmp`.
    #[serde(default)]
    pub over: Over,
    /// Port of the server; 80 over TCP and 53 over UDP if left out.
    pub port: Option<u16>,
    /// Who sends what, in order.
    pub exchange: Vec<Step>,
    /// How often the whole exchange happens, each time as a new flow, a tenth of a second apart.
    #[serde(default = "once")]
    pub times: u32,
    /// Signatures that must fire.
    #[serde(default)]
    pub fires: Vec<u32>,
    /// Signatures that must not fire. Signatures in neither list are not looked at.
    #[serde(default)]
    pub silent: Vec<u32>,
}

const fn once() -> u32 {
    1
}

/// The transport of an exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// TCP, whole connections.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// ICMP for IPv4.
    Icmp,
}

/// One thing that somebody sends. Exactly one of the keys is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Text from the client, as it is.
    client: Option<String>,
    /// Text from the server, as it is.
    server: Option<String>,
    /// Bytes from the client, as hexadecimal digits; white space is ignored.
    client_hex: Option<String>,
    /// Bytes from the server.
    server_hex: Option<String>,
    /// An HTTP request: lines up to an empty one, then the body. Line ends become CRLF, and Content-Length is
    /// added where a body needs it.
    request: Option<String>,
    /// An HTTP response, likewise.
    response: Option<String>,
    /// A DNS query: `name TYPE`.
    query: Option<String>,
    /// A DNS answer to the query before it: `NOERROR address` or another code without address.
    answer: Option<String>,
    /// A lone TCP segment with these flags, outside of any connection: letters of `FSRPAU`, or empty.
    flags: Option<String>,
    /// An ICMP message: type, code, and size of its data in bytes.
    icmp: Option<(u8, u8, usize)>,
}

/// Why an exchange cannot be turned into packets.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A step with no key, or more than one.
    #[error(
        "step {0} of the exchange must have exactly one key: client, server, client_hex, server_hex, request, \
         response, query, answer, flags or icmp"
    )]
    OneKey(usize),
    /// Digits that are no bytes.
    #[error("step {0}: `{1}` is not hexadecimal")]
    Hex(usize, String),
    /// A DNS step that cannot be read.
    #[error("step {0}: `{1}` is not `name TYPE` with type A, AAAA, TXT, MX, NS, NULL, CNAME or AXFR")]
    Query(usize, String),
    /// An answer that cannot be read, or has no query before it.
    #[error("step {0}: `{1}` is not an answer: write `NOERROR 192.0.2.1`, or a code such as `NXDOMAIN`, after a query")]
    Answer(usize, String),
    /// A letter that is no TCP flag.
    #[error("step {0}: `{1}` is not a TCP flag (F S R P A U)")]
    Flag(usize, char),
    /// A step that does not go with the transport.
    #[error("step {0} does not go with `over: {1:?}`")]
    Transport(usize, Over),
}

/// What a step comes to.
enum Sent {
    Client(Vec<u8>),
    Server(Vec<u8>),
    Flags(u8),
    Icmp(u8, u8, usize),
}

impl Case {
    /// The frames of the whole case, oldest first. Client addresses are in 192.0.2.0/24 and 10.0.0.0/8 is not used.
    pub fn frames(&self) -> Result<Vec<(Time, Vec<u8>)>, ExchangeError> {
        let mut steps = Vec::new();
        let mut question = None;
        for (at, step) in self.exchange.iter().enumerate() {
            steps.push(step.sent(at + 1, &mut question)?);
        }
        let mut wire = Wire::default();
        for round in 0..self.times {
            wire.flow(self.server_port(), round);
            match self.over {
                Over::Tcp => wire.tcp(&steps, self.over)?,
                Over::Udp | Over::Icmp => wire.datagrams(&steps, self.over)?,
            }
            wire.wait(Duration::from_millis(100));
        }
        Ok(wire.frames)
    }

    fn server_port(&self) -> u16 {
        self.port.unwrap_or(match self.over {
            Over::Tcp => 80,
            Over::Udp | Over::Icmp => 53,
        })
    }
}

impl Step {
    fn sent(&self, at: usize, question: &mut Option<Vec<u8>>) -> Result<Sent, ExchangeError> {
        let mut found = Vec::new();
        found.extend(self.client.as_ref().map(|text| Ok(Sent::Client(text.clone().into_bytes()))));
        found.extend(self.server.as_ref().map(|text| Ok(Sent::Server(text.clone().into_bytes()))));
        found.extend(self.client_hex.as_ref().map(|text| unhex(at, text).map(Sent::Client)));
        found.extend(self.server_hex.as_ref().map(|text| unhex(at, text).map(Sent::Server)));
        found.extend(self.request.as_ref().map(|text| Ok(Sent::Client(http(text)))));
        found.extend(self.response.as_ref().map(|text| Ok(Sent::Server(http(text)))));
        found.extend(self.query.as_ref().map(|text| {
            let bytes = dns_query(at, text)?;
            *question = Some(bytes.clone());
            Ok(Sent::Client(bytes))
        }));
        found.extend(self.answer.as_ref().map(|text| dns_answer(at, text, question.as_deref()).map(Sent::Server)));
        found.extend(self.flags.as_ref().map(|text| flags(at, text).map(Sent::Flags)));
        found.extend(self.icmp.map(|(kind, code, size)| Ok(Sent::Icmp(kind, code, size))));
        if found.len() == 1 { found.remove(0) } else { Err(ExchangeError::OneKey(at)) }
    }
}

fn unhex(at: usize, text: &str) -> Result<Vec<u8>, ExchangeError> {
    let digits: Vec<char> = text.chars().filter(|char| !char.is_whitespace()).collect();
    let wrong = || ExchangeError::Hex(at, text.to_owned());
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok().filter(|_| pair.len() == 2))
        .collect::<Option<_>>()
        .ok_or_else(wrong)
}

/// Lines → an HTTP message.
fn http(text: &str) -> Vec<u8> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
    let body = body.strip_suffix('\n').unwrap_or(body);
    let mut message = head.trim_end_matches('\n').replace('\n', "\r\n");
    let lower = head.to_ascii_lowercase();
    if !body.is_empty() && !lower.contains("content-length:") && !lower.contains("transfer-encoding:") {
        message.push_str(&format!("\r\nContent-Length: {}", body.len()));
    } else if body.is_empty() && head.starts_with("HTTP/") && !lower.contains("content-length:") {
        message.push_str("\r\nContent-Length: 0");
    }
    message.push_str("\r\n\r\n");
    message.push_str(body);
    message.into_bytes()
}

/// `name TYPE` → a DNS query with id 0x1234 and recursion desired.
fn dns_query(at: usize, text: &str) -> Result<Vec<u8>, ExchangeError> {
    let wrong = || ExchangeError::Query(at, text.to_owned());
    let (name, kind) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let kind: u16 = match kind.trim() {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "NULL" => 10,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "AXFR" => 252,
        _ => return Err(wrong()),
    };
    let mut bytes = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).ok().filter(|length| *length < 64).ok_or_else(wrong)?);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&1u16.to_be_bytes());
    Ok(bytes)
}

/// `CODE [address]` → the answer to `question`.
fn dns_answer(at: usize, text: &str, question: Option<&[u8]>) -> Result<Vec<u8>, ExchangeError> {
    let wrong = || ExchangeError::Answer(at, text.to_owned());
    let mut bytes = question.ok_or_else(wrong)?.to_vec();
    let (code, address) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let code: u8 = match code {
        "NOERROR" => 0,
        "FORMERR" => 1,
        "SERVFAIL" => 2,
        "NXDOMAIN" => 3,
        "REFUSED" => 5,
        _ => return Err(wrong()),
    };
    bytes[2] = 0x81;
    bytes[3] = 0x80 | code;
    if !address.is_empty() {
        let address: std::net::Ipv4Addr = address.trim().parse().map_err(|_| wrong())?;
        bytes[7] = 1;
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        bytes.extend_from_slice(&address.octets());
    }
    Ok(bytes)
}

/// Letters → TCP flag bits.
fn flags(at: usize, text: &str) -> Result<u8, ExchangeError> {
    text.chars().try_fold(0, |bits, letter| {
        let bit = "FSRPAU".find(letter.to_ascii_uppercase()).ok_or(ExchangeError::Flag(at, letter))?;
        Ok(bits | 1 << bit)
    })
}

const CLIENT: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 1], [192, 0, 2, 10]);
const SERVER: ([u8; 6], [u8; 4]) = ([2, 0, 0, 0, 0, 2], [198, 51, 100, 20]);
/// Largest piece of a TCP segment, in bytes.
const SEGMENT: usize = 1400;

/// The frames so far, and where both ends of the current flow are.
struct Wire {
    frames: Vec<(Time, Vec<u8>)>,
    now: Time,
    ports: (u16, u16),
    /// Next sequence number of client and server.
    next: [u32; 2],
}

impl Default for Wire {
    fn default() -> Self {
        // 2026-01-01T00:00:00Z: every run makes the same packets.
        Self { frames: Vec::new(), now: Time::from_micros(1_767_225_600, 0), ports: (0, 0), next: [0; 2] }
    }
}

impl Wire {
    fn flow(&mut self, server: u16, round: u32) {
        self.ports = (40_000 + (round % 20_000) as u16, server);
        self.next = [1_000, 2_000_000];
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    fn push(&mut self, frame: Vec<u8>) {
        self.wait(Duration::from_millis(1));
        self.frames.push((self.now, frame));
    }

    fn ip(from_client: bool) -> PacketBuilderStep<etherparse::IpHeaders> {
        let (from, to) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        PacketBuilder::ethernet2(from.0, to.0).ipv4(from.1, to.1, 64)
    }

    /// A whole connection: handshake, the steps with an acknowledgment each, and the end. Lone segments come
    /// without any of that.
    fn tcp(&mut self, steps: &[Sent], over: Over) -> Result<(), ExchangeError> {
        if let [Sent::Flags(_), ..] = steps {
            for (at, step) in steps.iter().enumerate() {
                let Sent::Flags(bits) = step else { return Err(ExchangeError::Transport(at + 1, over)) };
                self.segment(true, *bits, &[]);
            }
            return Ok(());
        }
        const FIN: u8 = 1;
        const SYN: u8 = 2;
        const PSH: u8 = 8;
        const ACK: u8 = 16;
        self.segment(true, SYN, &[]);
        self.segment(false, SYN | ACK, &[]);
        self.segment(true, ACK, &[]);
        for (at, step) in steps.iter().enumerate() {
            let (from_client, bytes) = match step {
                Sent::Client(bytes) => (true, bytes),
                Sent::Server(bytes) => (false, bytes),
                Sent::Flags(_) | Sent::Icmp(..) => return Err(ExchangeError::Transport(at + 1, over)),
            };
            for piece in bytes.chunks(SEGMENT) {
                self.segment(from_client, PSH | ACK, piece);
                self.segment(!from_client, ACK, &[]);
            }
        }
        self.segment(true, FIN | ACK, &[]);
        self.segment(false, FIN | ACK, &[]);
        self.segment(true, ACK, &[]);
        Ok(())
    }

    fn segment(&mut self, from_client: bool, bits: u8, payload: &[u8]) {
        let (mine, theirs) = if from_client { (0, 1) } else { (1, 0) };
        let (from, to) = if from_client { self.ports } else { (self.ports.1, self.ports.0) };
        let mut header = TcpHeader::new(from, to, self.next[mine], 64_240);
        header.fin = bits & 1 != 0;
        header.syn = bits & 2 != 0;
        header.rst = bits & 4 != 0;
        header.psh = bits & 8 != 0;
        header.ack = bits & 16 != 0;
        header.urg = bits & 32 != 0;
        if header.ack {
            header.acknowledgment_number = self.next[theirs];
        }
        let used = payload.len() as u32 + u32::from(header.syn) + u32::from(header.fin);
        self.next[mine] = self.next[mine].wrapping_add(used);
        let builder = Self::ip(from_client).tcp_header(header);
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut frame, payload).expect("a piece of at most SEGMENT bytes fits an IPv4 packet");
        self.push(frame);
    }

    fn datagrams(&mut self, steps: &[Sent], over: Over) -> Result<(), ExchangeError> {
        for (at, step) in steps.iter().enumerate() {
            let wrong = ExchangeError::Transport(at + 1, over);
            let mut frame = Vec::new();
            let written = match (step, over) {
                (Sent::Client(bytes), Over::Udp) => {
                    Self::ip(true).udp(self.ports.0, self.ports.1).write(&mut frame, bytes)
                }
                (Sent::Server(bytes), Over::Udp) => {
                    Self::ip(false).udp(self.ports.1, self.ports.0).write(&mut frame, bytes)
                }
                (&Sent::Icmp(kind, code, size), Over::Icmp) => {
                    Self::ip(true).icmpv4(icmp(kind, code)).write(&mut frame, &vec![b'x'; size])
                }
                _ => return Err(wrong),
            };
            written.map_err(|_| wrong)?;
            self.push(frame);
        }
        Ok(())
    }
}

fn icmp(kind: u8, code: u8) -> Icmpv4Type {
    match (kind, code) {
        (8, 0) => Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 }),
        _ => Icmpv4Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: [0; 4] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_messages_get_their_line_ends_and_length() {
        assert_eq!(http("GET / HTTP/1.1\nHost: a\n"), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(http("POST / HTTP/1.1\n\nab\n"), b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
        assert_eq!(http("HTTP/1.1 404 No\n"), b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn a_connection_is_whole() {
        let text = "- case: x\n  exchange:\n    - client: abc\n    - server: d\n";
        let cases: Vec<Case> = serde_yaml::from_str(text).unwrap();
        let frames = cases[0].frames().unwrap();
        // Handshake, two steps with their acknowledgments, the end.
        assert_eq!(frames.len(), 3 + 4 + 3);
        assert!(frames.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(frames[3].1.ends_with(b"abc"));
    }

    #[test]
    fn mistakes_are_told() {
        for (step, message) in [
            ("client: a\n      server: b", "step 1 of the exchange must have exactly one key"),
            ("client_hex: 0g", "step 1: `0g` is not hexadecimal"),
            ("query: example", "step 1: `example` is not `name TYPE`"),
            ("icmp: [8, 0, 1]", "step 1 does not go with"),
        ] {
            let cases: Vec<Case> = serde_yaml::from_str(&format!("- case: x\n  exchange:\n    - {step}\n")).unwrap();
            let error = cases[0].frames().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
