//! The options of a message (RFC 2132).

use std::ops::Range;

use crate::app::cursor::Cursor;
use crate::app::events::Events;

/// Codes of the options that are looked at.
pub(super) mod code {
    pub(in crate::app::dhcp) const SUBNET_MASK: u8 = 1;
    pub(in crate::app::dhcp) const ROUTERS: u8 = 3;
    pub(in crate::app::dhcp) const DNS_SERVERS: u8 = 6;
    pub(in crate::app::dhcp) const HOSTNAME: u8 = 12;
    pub(in crate::app::dhcp) const REQUESTED: u8 = 50;
    pub(in crate::app::dhcp) const LEASE_TIME: u8 = 51;
    pub(in crate::app::dhcp) const KIND: u8 = 53;
    pub(in crate::app::dhcp) const PARAMETERS: u8 = 55;
    pub(in crate::app::dhcp) const RENEWAL_TIME: u8 = 58;
    pub(in crate::app::dhcp) const REBINDING_TIME: u8 = 59;
    pub(in crate::app::dhcp) const VENDOR_CLASS: u8 = 60;
    pub(in crate::app::dhcp) const CLIENT_ID: u8 = 61;
    pub(super) const PAD: u8 = 0;
    pub(super) const END: u8 = 255;
}

/// Names of the events; the position is the number.
pub(super) const EVENTS: &[&str] = &["malformed_options", "truncated_options"];
/// An option has not the size that it must have.
const MALFORMED: u8 = 0;
/// The message ends before the options do.
const TRUNCATED: u8 = 1;

/// Where the options of a message lie.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Codes with the places of what belongs to them, in order.
    places: Vec<(u8, Range<usize>)>,
    pub(super) events: Events,
}

impl Options {
    /// Walks through the options, which begin at `at` of the message. What is there of them is kept where they are odd.
    pub(super) fn read(data: &[u8], at: usize) -> Self {
        let mut options = Self::default();
        let mut rest = Cursor::big(data);
        loop {
            match rest.u8() {
                Some(code::PAD) => {}
                Some(code::END) => return options,
                Some(code) => match rest.vector8() {
                    Some(content) => {
                        let end = at + data.len() - rest.rest().len();
                        options.add(code, end - content.rest().len()..end);
                    }
                    None => break,
                },
                None => break,
            }
        }
        options.events.note(TRUNCATED);
        options
    }

    fn add(&mut self, code: u8, place: Range<usize>) {
        if !fits(code, place.len()) {
            self.events.note(MALFORMED);
        }
        // Of several the first counts.
        if self.place(code).is_none() {
            self.places.push((code, place));
        }
    }

    /// Where the content of an option lies.
    pub(super) fn place(&self, code: u8) -> Option<Range<usize>> {
        self.places.iter().find(|row| row.0 == code).map(|row| row.1.clone())
    }
}

/// Whether an option can have this size (RFC 2132).
const fn fits(code: u8, size: usize) -> bool {
    match code {
        code::KIND => size == 1,
        code::SUBNET_MASK | code::REQUESTED | code::LEASE_TIME | code::RENEWAL_TIME | code::REBINDING_TIME => size == 4,
        code::ROUTERS | code::DNS_SERVERS => size > 0 && size.is_multiple_of(4),
        _ => true,
    }
}
