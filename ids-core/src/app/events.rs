//! What was odd about one transaction.
//!
//! In: numbers of events, as the parser meets them.  Out: each number once, in the order in which it came up first;
//! so a transaction tells an event once however often its cause is repeated, and holds no more of them than
//! its protocol has names. Must not know protocols.

use smallvec::SmallVec;

/// The events of one transaction: positions in [`Protocol::events`](super::parser::Protocol::events).
#[derive(Debug, Default)]
pub struct Events(SmallVec<[u8; 8]>);

impl Events {
    /// Notes an event, unless it was noted before.
    pub fn note(&mut self, number: u8) {
        if !self.contains(&number) {
            self.0.push(number);
        }
    }
}

impl std::ops::Deref for Events {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_in_the_order_of_its_first() {
        let mut events = Events::default();
        for number in [7, 3, 7, 0, 3, 255] {
            events.note(number);
        }
        assert_eq!(events[..], [7, 3, 0, 255]);
    }
}
