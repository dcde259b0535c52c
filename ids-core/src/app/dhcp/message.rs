//! A message: its bytes, and its options (RFC 2131 §2).

use super::PROTOCOL;
use super::fields::FIELDS;
use super::options::Options;
use super::record;
use crate::app::datagram;
use crate::app::parser::{Detail, Input, Protocol};
use crate::field::Field;
use crate::record::Writer;

/// Bytes before the options, with the cookie that tells them from what BOOTP has there (RFC 2131 §3).
const HEAD: usize = 240;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// Bytes of the client's hardware address.
const LONGEST_ADDRESS: usize = 16;

/// The options of what is a message.
pub(super) fn options_of(data: &[u8]) -> Option<&[u8]> {
    let (head, options) = data.split_at_checked(HEAD)?;
    (matches!(head, [1 | 2, ..]) && head.ends_with(&COOKIE)).then_some(options)
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    pub(super) options: Options,
}

impl Message {
    /// Whether a server sent it.
    pub(super) fn is_reply(&self) -> bool {
        self.bytes.first() == Some(&2)
    }

    /// The number by which a client knows what is for it.
    pub(super) fn id(&self) -> u32 {
        u32::from_be_bytes(self.word(4))
    }

    /// The address that the client has.
    pub(super) fn client(&self) -> [u8; 4] {
        self.word(12)
    }

    /// The address that the client gets.
    pub(super) fn assigned(&self) -> [u8; 4] {
        self.word(16)
    }

    /// The server to ask next.
    pub(super) fn next_server(&self) -> [u8; 4] {
        self.word(20)
    }

    /// Who passed the message on.
    pub(super) fn relay(&self) -> [u8; 4] {
        self.word(24)
    }

    /// Hardware address of the client.
    pub(super) fn hardware(&self) -> &[u8] {
        let length = self.bytes.get(2).map_or(0, |length| usize::from(*length).min(LONGEST_ADDRESS));
        self.bytes.get(28..28 + length).unwrap_or_default()
    }

    /// The content of an option, if it is there.
    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.bytes.get(self.options.place(code)?)
    }

    /// A number of four bytes in an option.
    pub(super) fn number(&self, code: u8) -> Option<u32> {
        self.option(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn word(&self, at: usize) -> [u8; 4] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
    }
}

impl datagram::Message for Message {
    type Flow = ();

    fn protocol() -> &'static Protocol {
        &PROTOCOL
    }

    fn fields() -> &'static [Field<Self>] {
        FIELDS
    }

    fn read((): &mut (), input: &Input<'_>) -> Option<Self> {
        let options = Options::read(options_of(input.data)?, HEAD);
        Some(Self { bytes: input.data.to_vec(), options })
    }

    fn events(&self) -> &[u8] {
        &self.options.events
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        record::write(self, detail.extended, out);
    }
}
