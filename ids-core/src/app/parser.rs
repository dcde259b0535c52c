//! What an application protocol is: the row it has in the registry, and the two traits behind it.
//!
//! In: ordered bytes of one direction at a time ([`Input`]).  Out: transactions ([`Transaction`]), which
//! detection asks for fields and outputs ask for records.
//! A protocol must not know rules, detection, events or another protocol.

use std::ops::Range;

use super::config::{Config, Encrypted};
use super::expected::{Expected, Topic};
use super::file::File;
use super::frames::Spans;
use super::state::Facts;
use super::upgrade::Upgrade;
use crate::field::{Dir, Dirs, Info, Value};
use crate::record::Writer;
use crate::time::Time;

/// One application protocol, declared once.
pub struct Protocol {
    /// Name in records (`app_proto`), configuration and counters: `http`.
    pub name: &'static str,
    /// Names in rule headers and `app-layer-protocol`, the record name included where it is one.
    pub rule_names: &'static [&'static str],
    /// Whether it runs over TCP.
    pub tcp: bool,
    /// Whether it runs over UDP.
    pub udp: bool,
    /// Whether it is looked for where the configuration does not say.
    pub by_default: bool,
    /// Who may send first; data from the other side first is an oddity.
    pub opens: Dirs,
    /// How the first bytes give it away, without regard to ports.
    pub patterns: &'static [Pattern],
    /// Asked where no pattern decides.
    pub probe: Option<Probing>,
    /// Names of the states of a request and of a response, in order; progress counts through them and the
    /// last one is "complete".
    pub states: [&'static [&'static str]; 2],
    /// What can be seen of its transactions; the position is the field's number.
    pub fields: fn() -> Vec<&'static Info>,
    /// Names of its events (`app-layer-event:http.missing_host_header`); the position is the event's number.
    pub events: &'static [&'static str],
    /// Whether records write the names of its events in capital letters.
    pub capital_events: bool,
    /// `event_type` of the record written for each transaction; `None` if there is none.
    pub record: Option<&'static str>,
    /// Whether a flow is its one transaction, and so not counted as one besides.
    pub uncounted: bool,
    /// The kinds of frames that its sessions report, and all TCP data (`stream`) where it has frames and runs over TCP
    /// ([`frame`](super::frames::frame)); the position is the kind's number.
    pub frames: &'static [Info],
    /// Starts a session on a new flow; `None` if the protocol is recognised but not parsed.
    pub session: Option<Start>,
}

/// Starts a session. In: the configuration, and what is known of the flow.
pub type Start = fn(&Config, Facts) -> Box<dyn Session>;

impl Protocol {
    /// A protocol that is only named: what rows start from (`..Protocol::BARE`).
    pub const BARE: Self = Self {
        name: "",
        rule_names: &[],
        tcp: false,
        udp: false,
        by_default: true,
        opens: Dirs::Both,
        patterns: &[],
        probe: None,
        states: [&["request_started", "request_complete"], &["response_started", "response_complete"]],
        fields: Vec::new,
        events: &[],
        capital_events: false,
        record: None,
        uncounted: false,
        frames: &[],
        session: None,
    };

    /// The state that means "complete" in a direction.
    pub fn complete(&self, dir: Dir) -> u8 {
        let [request, response] = self.states;
        let states = if dir == Dir::ToServer { request } else { response };
        u8::try_from(states.len().saturating_sub(1)).unwrap_or(u8::MAX)
    }
}

/// Bytes that give a protocol away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Which side sends them.
    pub dir: Dir,
    /// The bytes.
    pub bytes: &'static [u8],
    /// First position where they may start.
    pub offset: u16,
    /// Position before which they must end.
    pub depth: u16,
    /// Whether case is ignored.
    pub nocase: bool,
}

/// How a protocol is recognised by looking at content.
#[derive(Clone, Copy, Debug)]
pub struct Probing {
    /// Server ports on which the probe is asked, which configuration can change; empty: on every port, whatever the
    /// configuration says. Once one direction of a flow is known to be the protocol, it is asked about the other one on any port.
    pub ports: &'static [u16],
    /// The probe. In: the first bytes of one direction, which, and whether over UDP.
    pub probe: fn(&[u8], Dir, bool) -> Probe,
}

/// What a probe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is this protocol, going in this direction (the flow is turned if that is not what was assumed).
    Yes(Dir),
    /// It is not.
    No,
    /// More bytes are needed.
    Unsure,
}

/// Ordered bytes for a parser.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Who sent them.
    pub dir: Dir,
    /// All bytes of this direction that were not yet used, oldest first; a datagram in UDP.
    pub data: &'a [u8],
    /// No more bytes will follow in this direction.
    pub last: bool,
    /// Time of the packet that made them available.
    pub time: Time,
    /// Source and destination port as seen in this direction.
    pub ports: (u16, u16),
}

/// What a parser did with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// So many bytes are used up. The rest is handed in again, with what follows, once there are at least
    /// `need` unused bytes in all (0: as soon as there is anything new).
    Used {
        /// How many bytes of the input are done with.
        bytes: usize,
        /// How many unused bytes it takes to get further; 1 where there are more, to pause ([`Parsed::pauses`]).
        need: usize,
    },
    /// This is not (or no longer) the protocol: hand nothing in again.
    Failed,
    /// The rest of the flow is of another protocol, to be found anew (`CONNECT`, `Upgrade`, STARTTLS); so
    /// many bytes are used up. The name is what is expected, where that is known.
    Switch {
        /// How many bytes of the input are done with.
        bytes: usize,
        /// Record name of the expected protocol.
        to: Option<&'static str>,
    },
}

impl Parsed {
    /// Whether the parser could go on with what it had, of so many bytes, but wants what it has read to be inspected and
    /// released before: it asked for no more bytes than are there.
    pub const fn pauses(self, bytes: usize) -> bool {
        matches!(self, Self::Used { bytes: used, need } if need > 0 && used + need <= bytes)
    }

    /// Everything is used up.
    pub const fn all(input: &Input<'_>) -> Self {
        Self::Used { bytes: input.data.len(), need: 0 }
    }
}

/// The protocol's state of one flow.
///
/// Transactions have numbers counted from 0. A session keeps one until it is told to release it, and limits
/// how many there are (the oldest are closed first, with an event).
pub trait Session: Send {
    /// Takes bytes. Must be incremental, tolerant and bounded; must not panic for any input.
    fn parse(&mut self, input: Input<'_>) -> Parsed;

    /// So many bytes of a direction were lost. The default gives up.
    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let _ = (dir, bytes);
        Parsed::Failed
    }

    /// Where it reports its frames; the default has none.
    fn spans(&mut self) -> Option<&mut Spans> {
        None
    }

    /// The connection was announced, and this is what it is about. Comes before any bytes; the default does not mind.
    fn about(&mut self, topic: &Topic) {
        let _ = topic;
    }

    /// How it came to the protocol that it [switched](Parsed::Switch) to; asked once, right after. The default has nothing to
    /// tell.
    fn upgrade(&mut self) -> Option<Upgrade> {
        None
    }

    /// The connection spoke another protocol before, and this is how it came to this one. Comes before any bytes; the
    /// default does not mind.
    fn upgraded(&mut self, upgrade: &Upgrade) {
        let _ = upgrade;
    }

    /// The bytes that come next in this direction are the last because what follows is not looked at. The default takes
    /// that for an end.
    fn cut(&mut self, dir: Dir) {
        let _ = dir;
    }

    /// A connection that the bytes taken last announce: asked after every piece. The default announces none.
    fn expects(&mut self) -> Option<Expected> {
        None
    }

    /// Numbers of the transactions that exist: from the oldest not released to one past the newest.
    fn transactions(&self) -> Range<u64>;

    /// One of them; `None` if it was released.
    fn transaction(&self, id: u64) -> Option<&dyn Transaction>;

    /// Bytes of bodies and the like before this point were inspected in this direction; what only inspection
    /// needs may go. The default keeps them.
    fn inspected(&mut self, id: u64, dir: Dir) {
        let _ = (id, dir);
    }

    /// What the configuration wants once both sides send what cannot be read; `None` until then.
    fn encrypted(&self) -> Option<Encrypted> {
        None
    }

    /// The files of a transaction that travel in a direction, oldest first: the engine takes their content. The default
    /// has none.
    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        let _ = (id, dir);
        &mut []
    }

    /// The transaction is inspected and logged: forget it.
    fn release(&mut self, id: u64);
}

/// One exchange: usually a request and its response.
pub trait Transaction {
    /// Field number `field`, in the order of [`Protocol::fields`]; see [`crate::field::Get`].
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a>;

    /// Which directions it has: a lone DNS message has one.
    fn dirs(&self) -> Dirs {
        Dirs::Both
    }

    /// How far a direction has come: a position in [`Protocol::states`]. It goes back where a direction begins anew, as
    /// after an interim response of HTTP.
    fn progress(&self, dir: Dir) -> u8;

    /// Changes whenever something that can be seen in this direction changed, so that nothing is inspected
    /// twice for nothing.
    fn revision(&self, dir: Dir) -> u32;

    /// Numbers of the events that happened, each once, in the order in which they first did; see
    /// [`Events`](super::events::Events).
    fn events(&self) -> &[u8];

    /// Whether numbers in its data begin with the lowest byte (`dce` in tests of numbers).
    fn little_endian(&self, dir: Dir) -> bool {
        let _ = dir;
        false
    }

    /// Files that travelled in this direction, oldest first.
    fn files(&self, dir: Dir) -> &[File] {
        let _ = dir;
        &[]
    }

    /// The certificates that a side has shown. The default has none.
    fn certificates(&self, dir: Dir) -> Option<Certificates<'_>> {
        let _ = dir;
        None
    }

    /// Whether everything that a record shows is there, so that it need not wait for the end.
    fn settled(&self) -> bool {
        false
    }

    /// Whether a record is written for it: not for something that could not be read.
    fn recorded(&self) -> bool {
        true
    }

    /// Writes the content of the protocol's object of the record. `detail` is what the outputs were
    /// configured to show.
    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer);

    /// Writes objects that stand beside the protocol's own, keys and all: `email` beside `smtp`. The default has none.
    fn record_beside(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        let _ = (detail, out);
    }
}

/// A chain of certificates (RFC 5280) as it was shown.
#[derive(Clone, Debug)]
pub struct Certificates<'a> {
    /// DER, the side's own first.
    pub chain: Vec<&'a [u8]>,
    /// When it was shown.
    pub time: Time,
    /// Of the first: whom it is for. Empty if it could not be read, as are the others.
    pub subject: &'a [u8],
    /// Who says so.
    pub issuer: &'a [u8],
    /// SHA-1 in hexadecimal, with colons.
    pub fingerprint: &'a str,
}

/// What a record is to show beyond the ordinary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail<'a> {
    /// The number of the transaction, for protocols that show it inside.
    pub tx_id: u64,
    /// The longer form (`extended: yes`).
    pub extended: bool,
    /// Header names, lower case, that are shown besides (`custom`).
    pub custom: &'a [String],
    /// Whether all headers of requests and of responses are shown (`dump-all-headers`).
    pub all_headers: [bool; 2],
    /// Passwords are left out.
    pub hide_passwords: bool,
    /// Bytes of long texts that are shown; as many as is usual if there is nothing.
    pub text_limit: Option<usize>,
    /// TLS: JA4 is shown in any case.
    pub ja4: bool,
    /// E-mail: the MD5 of the body is shown; that of the subject.
    pub mail_md5: [bool; 2],
    /// Old form of the record (`version: 2` for DNS).
    pub version: u8,
    /// DNS: answers one by one; grouped by type.
    pub dns_formats: DnsFormats,
}

/// The two ways DNS answers are shown; the default is both.
#[derive(Clone, Copy, Debug)]
pub struct DnsFormats {
    /// One object an answer.
    pub detailed: bool,
    /// Lists by type.
    pub grouped: bool,
}

impl Default for DnsFormats {
    fn default() -> Self {
        Self { detailed: true, grouped: true }
    }
}
