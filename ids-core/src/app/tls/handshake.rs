//! Handshake messages (RFC 8446 §4, RFC 5246 §7.4): content of records → whole messages.
//!
//! A message may span records and a record may hold several messages. Only messages that are looked into are put
//! together, the others are passed over.

use arrayvec::ArrayVec;

/// Types of messages.
pub(super) mod message {
    pub(in super::super) const CLIENT_HELLO: u8 = 1;
    pub(in super::super) const SERVER_HELLO: u8 = 2;
    pub(in super::super) const HELLO_RETRY_REQUEST: u8 = 6;
    pub(in super::super) const CERTIFICATE: u8 = 11;
    pub(in super::super) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(in super::super) const CERTIFICATE_REQUEST: u8 = 13;
    pub(in super::super) const SERVER_HELLO_DONE: u8 = 14;
    pub(in super::super) const CLIENT_KEY_EXCHANGE: u8 = 16;

    /// Whether there is such a type (IANA, "TLS HandshakeType").
    pub(in super::super) const fn is_known(kind: u8) -> bool {
        matches!(kind, 0..=6 | 8 | 11..=16 | 20..=26 | 67 | 203 | 254)
    }

    /// Whether its content is looked into.
    pub(super) const fn is_read(kind: u8) -> bool {
        matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE)
    }
}

/// Bytes before the content: type and length.
const HEAD: usize = 4;
/// Longest content that is put together.
const LONGEST: usize = 256 * 1024;

/// Puts the messages of one direction together. Holds at most [`LONGEST`] bytes.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// Type and length of the message under way, as far as they came.
    head: ArrayVec<u8, HEAD>,
    /// Whether its content is put together.
    keep: bool,
    /// Bytes of its content that have not come.
    missing: usize,
    body: Vec<u8>,
    /// Some of the message was lost.
    torn: bool,
}

/// What came of some bytes.
#[derive(Debug)]
pub(super) enum Step {
    /// They are all part of a message under way.
    Wait,
    /// A message is complete: its type, and its content where that is looked into. So many bytes are used.
    Message(u8, Vec<u8>, usize),
    /// A message that is too long to be looked into begins. So many bytes are used.
    TooLong(usize),
    /// A message of a type that there is not begins. So many bytes are used.
    Unknown(usize),
}

impl Assembly {
    /// Takes content of records.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Step {
        let lacking = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(lacking).unwrap_or((bytes, &[]));
        self.head.extend(head.iter().copied());
        let [kind, a, b, c] = *self.head.as_slice() else { return Step::Wait };
        if lacking > 0 {
            self.missing = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            self.keep = message::is_read(kind) && self.missing <= LONGEST;
            if !message::is_known(kind) {
                return Step::Unknown(lacking);
            }
            if message::is_read(kind) && !self.keep {
                return Step::TooLong(lacking);
            }
        }
        let taken = self.missing.min(rest.len());
        if self.keep {
            self.body.extend_from_slice(rest.get(..taken).unwrap_or_default());
        }
        self.missing -= taken;
        if self.missing > 0 {
            return Step::Wait;
        }
        self.head.clear();
        Step::Message(kind, std::mem::take(&mut self.body), lacking + taken)
    }

    /// Some bytes were lost: the message under way is of no use, nor is what follows up to the start of another.
    pub(super) fn tear(&mut self) {
        *self = Self { torn: true, ..Self::default() };
    }

    /// A record of `length` bytes begins. Out: whether its content can be taken: after a loss only if it begins with
    /// a whole message.
    pub(super) fn resume(&mut self, begin: &[u8], length: usize) -> bool {
        if self.torn
            && let [kind, a, b, c, ..] = *begin
        {
            let whole = HEAD + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
            self.torn = !message::is_known(kind) || whole > length;
        }
        !self.torn
    }
}
