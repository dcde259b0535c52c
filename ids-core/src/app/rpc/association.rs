//! What two sides agreed on: which interfaces calls may be of.

use super::packet::Interface;

/// Interfaces that are remembered; the oldest go first.
const MOST: usize = 256;

/// The interfaces of one connection or pipe.
#[derive(Debug, Default)]
pub(in crate::app) struct Association {
    interfaces: Vec<Interface>,
}

impl Association {
    /// A client offers interfaces.
    pub(super) fn offer(&mut self, offered: &[Interface]) {
        for interface in offered {
            self.interfaces.retain(|known| known.context != interface.context);
            self.interfaces.push(interface.clone());
        }
        let over = self.interfaces.len().saturating_sub(MOST);
        self.interfaces.drain(..over);
    }

    /// The server answered.
    pub(super) fn answer(&mut self, answered: &[Interface]) {
        for interface in answered {
            if let Some(known) = self.interfaces.iter_mut().find(|known| known.context == interface.context) {
                known.answer = interface.answer;
            }
        }
    }

    /// The interface that calls of this context are of, unless the server refused it.
    pub(super) fn interface(&self, context: u16) -> Option<&Interface> {
        let taken = |interface: &&Interface| interface.answer.is_none_or(|(result, _)| result == 0);
        self.interfaces.iter().find(|known| known.context == context).filter(taken)
    }
}
