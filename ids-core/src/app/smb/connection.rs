//! What is known of a connection: transactions, what is asked and not answered, shares, open files.
//!
//! In: what `smb1` and `smb2` read in messages.  Out: transactions.
//! Holds at most `max-tx` transactions that are not complete; of the rest at most [`MOST`] of each kind, of which the oldest
//! go first.

use std::ops::Range;

use smallvec::SmallVec;

use super::Config;
use super::events::Event;
use super::header::{Command, Exchange, Header};
use super::opens::{Data, Open};
use super::table::Table;
use super::tx::{Content, Dialect, FileId, Tx};
use crate::app::file::Care;
use crate::app::queue::Queue;
use crate::field::Dir;

/// Shares, open files and unanswered requests that are remembered, of each.
const MOST: usize = 1024;

/// Commands of the same number that may wait for their answer: a message has no more.
const MOST_OF_ONE: usize = 64;

/// A request that waits for its answer: its commands.
pub(super) type Pending = SmallVec<[Asked; 1]>;

/// A command that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) command: Command,
    /// The transaction that it began.
    pub(super) tx: Option<u64>,
    /// The file that it is about, and the place in it.
    pub(super) file: Option<(FileId, u64)>,
}

/// A share that is used.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) name: Vec<u8>,
    /// It holds named pipes.
    pub(super) pipes: bool,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: Config,
    pub(super) care: Care,
    pub(super) txs: Queue<Tx>,
    /// All transactions before this one are complete.
    oldest: u64,
    pub(super) dialect: Dialect,
    /// A negotiation in SMB 1, which may be answered in SMB 2 (MS-SMB2 §3.3.5.3.1).
    pub(super) negotiating: Option<u64>,
    pending: Table<Exchange, Pending>,
    pub(super) trees: Table<u32, Share>,
    pub(super) opens: Table<FileId, Open>,
    /// The file that was opened last: chains go on with it.
    pub(super) opened: Option<FileId>,
    /// Most bytes of a READ and of a WRITE that the server takes.
    pub(super) sizes: Option<(u32, u32)>,
    /// Data on its way, by direction, and whether none of it came yet.
    flowing: [Option<(Data, bool)>; 2],
}

impl Connection {
    pub(super) fn new(config: Config, care: Care) -> Self {
        Self {
            config,
            care,
            txs: Queue::default(),
            oldest: 0,
            dialect: Dialect::Unknown,
            negotiating: None,
            pending: Table::new(MOST),
            trees: Table::new(MOST),
            opens: Table::new(MOST),
            opened: None,
            sizes: None,
            flowing: [None; 2],
        }
    }

    /// Data on its way in a direction.
    pub(super) fn flowing(&mut self, dir: Dir) -> &mut Option<(Data, bool)> {
        let [client, server] = &mut self.flowing;
        if dir == Dir::ToServer { client } else { server }
    }

    /// Adds a transaction. Where too many are open the oldest ends, and where that does not help it goes; the new one
    /// tells, as rules may be done with the old one. Out: its number.
    pub(super) fn push(&mut self, mut tx: Tx) -> u64 {
        let max = self.config.max_tx.max(1);
        if self.txs.open() >= 2 * max {
            self.txs.release(self.txs.numbers().start);
        }
        if self.txs.open() >= max {
            self.end_oldest();
            tx.note(Event::TooManyTransactions);
        }
        self.txs.push(tx)
    }

    /// Ends the oldest transaction that is not complete, if there is one.
    fn end_oldest(&mut self) {
        let Range { start, end } = self.txs.numbers();
        let open = |id: &u64| self.txs.get(*id).is_some_and(|tx| !tx.is_over());
        let oldest = (self.oldest.max(start)..end).find(open);
        self.oldest = oldest.unwrap_or(end);
        if let Some(id) = oldest {
            self.interrupt(id);
        }
    }

    /// Ends a transaction. `whole`: the file that it is about was closed.
    pub(super) fn end(&mut self, id: u64, whole: bool) {
        let Some(tx) = self.txs.get_mut(id) else { return };
        if let Content::Transfer { transfer, .. } = &mut tx.content {
            transfer.end(whole);
        }
        Dir::BOTH.into_iter().for_each(|dir| tx.finish(dir));
    }

    /// Begins a transaction, which is complete to the server. Out: its number.
    pub(super) fn begin(&mut self, header: &Header, content: Content) -> u64 {
        let mut tx = Tx::new(header, self.dialect.clone(), content);
        tx.finish(Dir::ToServer);
        self.push(tx)
    }

    /// A command waits for its answer.
    pub(super) fn expect(&mut self, header: &Header, asked: Asked) {
        let mut pending = self.pending.remove(&header.exchange).unwrap_or_default();
        if pending.len() >= MOST_OF_ONE {
            pending.remove(0);
        }
        pending.push(asked);
        self.pending.insert(header.exchange, pending);
    }

    /// The commands that this message answers.
    pub(super) fn asked(&mut self, exchange: Exchange) -> Option<Pending> {
        self.pending.remove(&exchange)
    }

    /// These still wait for an answer.
    pub(super) fn ask_again(&mut self, exchange: Exchange, pending: Pending) {
        if !pending.is_empty() {
            self.pending.insert(exchange, pending);
        }
    }

    /// Ends the transaction that an answer is to; `read` takes what the answer says, and tells why it could not be read.
    pub(super) fn answer(
        &mut self,
        id: u64,
        header: &Header,
        read: impl FnOnce(&mut Self, &mut Content) -> Result<(), Event>,
    ) {
        let Some(tx) = self.txs.get_mut(id) else { return };
        tx.answered(header);
        let mut content = std::mem::replace(&mut tx.content, Content::Other);
        let whole = read(self, &mut content);
        let dialect = self.dialect.clone();
        let Some(tx) = self.txs.get_mut(id) else { return };
        (tx.content, tx.dialect) = (content, dialect);
        if let Err(event) = whole {
            tx.note(event);
        }
        tx.finish(Dir::ToClient);
    }

    /// Tells that something is odd about a transaction.
    pub(super) fn note(&mut self, id: u64, event: Event) {
        if let Some(tx) = self.txs.get_mut(id) {
            tx.note(event);
        }
    }

    /// Tells that something is odd about the connection: with the newest transaction, or with one that holds nothing else.
    pub(super) fn odd(&mut self, header: Option<&Header>, event: Event) {
        if let Some(newest) = self.txs.iter_mut().next_back() {
            newest.note(event);
        } else if let Some(header) = header {
            let id = self.begin(header, Content::Other);
            self.note(id, event);
        }
    }

    /// Whether more is read at once than the server or the configuration allows.
    pub(super) fn reads_too_much(&self, length: u64) -> bool {
        exceeds(length, self.config.max_read_size, self.sizes.map(|sizes| sizes.0))
    }

    /// Whether more is written at once than the server or the configuration allows.
    pub(super) fn writes_too_much(&self, length: u64) -> bool {
        exceeds(length, self.config.max_write_size, self.sizes.map(|sizes| sizes.1))
    }

    /// The name of an open file; empty if it is not known.
    pub(super) fn name_of(&self, file: FileId) -> Vec<u8> {
        self.opens.get(&file).map(|open| open.name.clone()).unwrap_or_default()
    }
}

/// Whether a length is above either limit; 0: there is none.
fn exceeds(length: u64, configured: u64, agreed: Option<u32>) -> bool {
    let above = |limit: u64| limit != 0 && length > limit;
    above(configured) || above(agreed.unwrap_or_default().into())
}
