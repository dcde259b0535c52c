//! What is known of a connection: transactions, what is asked and not answered, shares, open files.
//!
//! In: what `smb1` and `smb2` read in messages.  Out: transactions.
//! Holds at most `max-tx` transactions; of the rest at most [`MOST`] of each kind, of which the oldest go first.

use smallvec::SmallVec;

use super::Config;
use super::events::Event;
use super::header::{Command, Exchange, Header};
use super::table::Table;
use super::tx::{Content, Dialect, FileId, Tx};
use crate::app::queue::Queue;
use crate::field::Dir;

/// Shares, open files and unanswered requests that are remembered, of each.
const MOST: usize = 1024;

/// A request that waits for its answer: commands with the transactions that they began.
pub(super) type Pending = SmallVec<[(Command, u64); 1]>;

/// An open file.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) name: Vec<u8>,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: Config,
    pub(super) txs: Queue<Tx>,
    pub(super) dialect: Dialect,
    /// A negotiation in SMB 1, which may be answered in SMB 2 (MS-SMB2 §3.3.5.3.1).
    pub(super) negotiating: Option<u64>,
    pending: Table<Exchange, Pending>,
    /// Whether a share holds named pipes.
    pub(super) trees: Table<u32, bool>,
    pub(super) opens: Table<FileId, Open>,
    /// There were more transactions at once than there may be.
    pub(super) overflowed: bool,
}

impl Connection {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            txs: Queue::default(),
            dialect: Dialect::Unknown,
            negotiating: None,
            pending: Table::new(MOST),
            trees: Table::new(MOST),
            opens: Table::new(MOST),
            overflowed: false,
        }
    }

    /// Begins a transaction, which is complete to the server. Out: its number.
    pub(super) fn begin(&mut self, header: &Header, content: Content) -> u64 {
        if self.txs.open() >= self.config.max_tx.max(1) {
            self.overflowed = true;
            let newest = self.txs.numbers().end.saturating_sub(1);
            self.note(newest, Event::TooManyTransactions);
            return newest;
        }
        let mut tx = Tx::new(header, self.dialect.clone(), content);
        tx.finish(Dir::ToServer);
        self.txs.push(tx)
    }

    /// Begins a transaction that ends with its answer. Out: its number.
    pub(super) fn ask(&mut self, header: &Header, content: Content) -> u64 {
        let id = self.begin(header, content);
        let mut pending = self.pending.remove(&header.exchange).unwrap_or_default();
        pending.push((header.command, id));
        self.pending.insert(header.exchange, pending);
        id
    }

    /// The transactions that this message answers.
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

    /// The name of an open file; empty if it is not known.
    pub(super) fn name_of(&self, file: FileId) -> Vec<u8> {
        self.opens.get(&file).map(|open| open.name.clone()).unwrap_or_default()
    }
}
