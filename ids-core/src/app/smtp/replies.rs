//! Which reply answers which command: they come in the same order (RFC 5321 §4.2, RFC 2920).

use std::collections::VecDeque;

/// Commands without a reply that are remembered.
const MOST: usize = 1024;

/// What a reply is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// EHLO or HELO.
    Hello,
    /// MAIL.
    Mail,
    /// DATA.
    Data,
    /// The end of a message.
    Message,
    /// STARTTLS.
    StartTls,
    /// AUTH, or a line of it.
    Auth,
    /// QUIT.
    Quit,
    /// Another command.
    Other,
}

/// Commands that wait for their replies.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// With the transactions they belong to.
    queue: VecDeque<(Asked, u64)>,
    /// Commands or replies were lost: what comes may be to another one.
    lost: bool,
}

impl Waiting {
    pub(super) fn push(&mut self, asked: Asked, tx: u64) {
        if self.queue.len() == MOST {
            self.lost = true;
            self.queue.pop_front();
        }
        self.queue.push_back((asked, tx));
    }

    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<(Asked, u64)> {
        self.queue.pop_front()
    }

    /// The transaction of the oldest.
    pub(super) fn first(&self) -> Option<u64> {
        self.queue.front().map(|waiting| waiting.1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether one of them is this.
    pub(super) fn holds(&self, asked: Asked) -> bool {
        self.queue.iter().any(|waiting| waiting.0 == asked)
    }

    /// It is not known any more what is answered.
    pub(super) fn lose(&mut self) {
        self.queue.clear();
        self.lost = true;
    }

    pub(super) const fn is_lost(&self) -> bool {
        self.lost
    }
}
