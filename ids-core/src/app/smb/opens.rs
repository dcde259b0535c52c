//! Open files and pipes: what goes through them.
//!
//! In: data with the message that brings it.  Out: transactions, one for what is read of a file and one for what is written;
//! of pipes one for each call.

use super::connection::Connection;
use super::header::Header;
use super::transfer::Transfer;
use super::tx::{Content, FileId, Tx};
use crate::app::rpc::packet::{self, is_call};
use crate::app::rpc::{Association, Call};
use crate::field::Dir;

/// Calls of a pipe that wait for more.
const MOST_CALLS: usize = 64;
/// Where results begin behind the header of a response (C706 §12.6.4.10).
const RESULTS: usize = 8;

/// An open file, folder or pipe.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) name: Vec<u8>,
    /// Whether calls go through it, once that is known.
    pub(super) pipe: Option<bool>,
    /// Transactions of what is written and of what is read.
    transfers: [Option<u64>; 2],
    /// Where the next ones go on, if those had to end while it was open.
    from: [u64; 2],
    calls: Calls,
}

impl Open {
    pub(super) fn new(name: Vec<u8>) -> Self {
        Self { name, ..Self::default() }
    }
}

/// Calls through a pipe.
#[derive(Debug, Default)]
struct Calls {
    association: Association,
    /// By direction.
    packets: [Packets; 2],
    /// Transactions of calls that are not complete.
    open: Vec<u64>,
}

impl Calls {
    fn packets(&mut self, dir: Dir) -> &mut Packets {
        let [client, server] = &mut self.packets;
        if dir == Dir::ToServer { client } else { server }
    }
}

/// Packets of one direction of a pipe.
#[derive(Debug, Default)]
struct Packets {
    /// The beginning of one that is not there as a whole.
    unused: Vec<u8>,
}

impl Packets {
    /// Takes the next bytes. `each` gets the header of every packet that is there as a whole, and what follows it.
    fn take(&mut self, bytes: &[u8], mut each: impl FnMut(&packet::Header, &[u8])) {
        self.unused.extend_from_slice(bytes);
        let mut rest = &self.unused[..];
        while let Some(header) = packet::Header::read(rest) {
            let Some((packet, behind)) = rest.split_at_checked(header.length) else { break };
            rest = behind;
            each(&header, packet.get(packet::HEADER..).unwrap_or_default());
        }
        // What is no packet is not waited for.
        let partial = rest.len() < packet::HEADER || packet::Header::read(rest).is_some();
        let used = self.unused.len() - if partial { rest.len() } else { 0 };
        self.unused.drain(..used);
    }
}

/// Data on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) header: Header,
    pub(super) file: FileId,
    /// Its place in the file.
    pub(super) at: u64,
    pub(super) length: usize,
}

/// Data that begins in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    pub(super) data: Data,
    /// Where in the message.
    pub(super) start: usize,
}

impl Connection {
    /// Remembers an open file. The one that has to go for it, or whose number it has, was not seen to be closed.
    pub(super) fn open(&mut self, file: FileId, open: Open) {
        if let Some(gone) = self.opens.insert(file, open) {
            self.end_open(&gone, false);
        }
    }

    /// The file that data is of; it may have been opened before anything was seen.
    fn opened(&mut self, file: FileId) -> Option<&mut Open> {
        if self.opens.get(&file).is_none() {
            self.open(file, Open::default());
        }
        self.opens.get_mut(&file)
    }

    /// Data begins.
    pub(super) fn begin_data(&mut self, dir: Dir, data: Data) {
        let known = data.header.tree.and_then(|tree| self.trees.get(&tree)).map(|tree| tree.pipes);
        if let Some(open) = self.opened(data.file) {
            open.pipe = open.pipe.or(known);
        }
        *self.flowing(dir) = Some((data, true));
    }

    /// It goes on.
    pub(super) fn data(&mut self, dir: Dir, bytes: &[u8]) {
        let Some((data, fresh)) = *self.flowing(dir) else { return };
        *self.flowing(dir) = Some((data, false));
        let Some(open) = self.opened(data.file) else { return };
        // A connection that was picked up late may not have told what the share holds.
        let pipe = *open
            .pipe
            .get_or_insert_with(|| packet::Header::read(bytes).is_some_and(|header| header.length <= data.length));
        if pipe {
            return self.through_pipe(dir, &data, bytes);
        }
        let Some(id) = self.transfer(dir, &data) else { return };
        let odd = self.with_transfer(id, dir, |transfer| {
            let odd = if fresh { transfer.begin(data.at) } else { None };
            transfer.append(bytes).or(odd)
        });
        odd.flatten().into_iter().for_each(|event| self.note(id, event));
    }

    /// So many bytes of it were lost.
    pub(super) fn data_lost(&mut self, dir: Dir, bytes: u64) {
        let Some((data, fresh)) = *self.flowing(dir) else { return };
        *self.flowing(dir) = Some((data, false));
        let Some(open) = self.opened(data.file) else { return };
        if *open.pipe.get_or_insert(false) {
            return open.calls.packets(dir).unused.clear();
        }
        let Some(id) = self.transfer(dir, &data) else { return };
        self.with_transfer(id, dir, |transfer| {
            if fresh {
                transfer.begin(data.at);
            }
            transfer.gap(bytes);
        });
    }

    /// Nothing more of it comes.
    pub(super) fn end_data(&mut self, dir: Dir) {
        *self.flowing(dir) = None;
    }

    /// Data that is there as a whole.
    pub(super) fn whole_data(&mut self, dir: Dir, data: Data, bytes: &[u8]) {
        self.begin_data(dir, data);
        self.data(dir, bytes);
        self.end_data(dir);
    }

    /// A file is closed: so are its transactions.
    pub(super) fn close(&mut self, file: FileId) {
        if let Some(open) = self.opens.remove(&file) {
            self.end_open(&open, true);
        }
    }

    /// Nothing more comes of a file or pipe: its transactions end.
    fn end_open(&mut self, open: &Open, whole: bool) {
        let transfers = open.transfers.iter().flatten();
        transfers.chain(&open.calls.open).for_each(|id| self.end(*id, whole));
    }

    /// Ends a transaction; if it is about a file that is open, the next one goes on behind what was in order.
    pub(super) fn interrupt(&mut self, id: u64) {
        if let Some(Content::Transfer { transfer, file, .. }) = self.txs.get(id).map(|tx| &tx.content)
            && let Some(open) = self.opens.get_mut(file)
        {
            for (known, from) in open.transfers.iter().zip(&mut open.from) {
                if *known == Some(id) {
                    *from = transfer.next();
                }
            }
        }
        self.end(id, false);
    }

    /// Nothing more comes of any file in a direction.
    pub(super) fn close_all(&mut self, dir: Dir) {
        let open = self.txs.numbers().filter(|id| self.txs.get(*id).is_some_and(|tx| tx.is_transfer(dir)));
        open.collect::<Vec<_>>().into_iter().for_each(|id| self.end(id, false));
    }

    /// The transaction of what is read or written of a file, begun if need be.
    fn transfer(&mut self, dir: Dir, data: &Data) -> Option<u64> {
        let open = self.opens.get(&data.file)?;
        let ([written, read], [written_from, read_from]) = (open.transfers, open.from);
        let (known, from) = if dir == Dir::ToServer { (written, written_from) } else { (read, read_from) };
        if let Some(id) = known.filter(|id| self.txs.get(*id).is_some_and(|tx| !tx.is_over())) {
            return Some(id);
        }
        let limits = if dir == Dir::ToServer { self.config.write_queue } else { self.config.read_queue };
        let mut transfer = Transfer::new(open.name.clone(), dir, &self.care, limits);
        transfer.skip(from);
        let tree = self.trees.get(&data.header.tree.unwrap_or_default());
        let share = tree.map(|tree| tree.name.clone()).unwrap_or_default();
        let content = Content::Transfer { transfer: Box::new(transfer), file: data.file, share };
        let id = self.push(Tx::new(&data.header, self.dialect.clone(), content));
        if let Some(open) = self.opens.get_mut(&data.file) {
            let [written, read] = &mut open.transfers;
            *(if dir == Dir::ToServer { written } else { read }) = Some(id);
        }
        if dir == Dir::ToClient
            && let Some(tx) = self.txs.get_mut(id)
        {
            tx.answered(&data.header);
        }
        Some(id)
    }

    fn with_transfer<T>(&mut self, id: u64, dir: Dir, act: impl FnOnce(&mut Transfer) -> T) -> Option<T> {
        let tx = self.txs.get_mut(id)?;
        tx.changed(dir);
        match &mut tx.content {
            Content::Transfer { transfer, .. } => Some(act(transfer)),
            _ => None,
        }
    }

    /// The writing of a file was answered.
    pub(super) fn written(&mut self, file: FileId, header: &Header) {
        let Some([Some(id), _]) = self.opens.get(&file).map(|open| open.transfers) else { return };
        if let Some(tx) = self.txs.get_mut(id) {
            tx.answered(header);
        }
    }

    /// Bytes go through a pipe: packets are taken once they are there as a whole.
    fn through_pipe(&mut self, dir: Dir, data: &Data, bytes: &[u8]) {
        let Some(open) = self.opens.get_mut(&data.file) else { return };
        let mut calls = std::mem::take(&mut open.calls);
        let mut packets = std::mem::take(calls.packets(dir));
        packets.take(bytes, |header, body| {
            if is_call(header.kind) {
                self.call(dir, data, header, body, &mut calls);
            }
        });
        *calls.packets(dir) = packets;
        if let Some(open) = self.opens.get_mut(&data.file) {
            open.calls = calls;
        }
    }

    fn call(&mut self, dir: Dir, data: &Data, header: &packet::Header, body: &[u8], calls: &mut Calls) {
        calls.open.retain(|id| self.txs.get(*id).is_some_and(|tx| !tx.is_over()));
        let awaits = |id: &&u64| matches!(self.txs.get(**id).map(|tx| &tx.content), Some(Content::Call(call)) if call.awaits(header));
        let known = calls.open.iter().find(awaits).copied();
        let id = match known {
            Some(id) => id,
            None => {
                let content = Content::Call(Box::new(Call::new(header.call, header.version)));
                let id = self.push(Tx::new(&data.header, self.dialect.clone(), content));
                if calls.open.len() >= MOST_CALLS {
                    calls.open.remove(0);
                }
                calls.open.push(id);
                id
            }
        };
        let Some(tx) = self.txs.get_mut(id) else { return };
        if dir == Dir::ToClient {
            tx.answered(&data.header);
        }
        let Content::Call(call) = &mut tx.content else { return };
        call.take(header, body, RESULTS, &mut calls.association);
        // A response whose request was not seen will not get one: pipes carry them in order.
        let done =
            [Dir::ToServer, Dir::ToClient].map(|dir| call.is_done(dir) || dir == Dir::ToServer && call.is_lost());
        for (dir, done) in Dir::BOTH.into_iter().zip(done) {
            if done { tx.finish(dir) } else { tx.changed(dir) }
        }
        if tx.is_over() {
            calls.open.retain(|open| *open != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::dcerpc::sample;

    #[test]
    fn packets_that_come_bit_by_bit_are_not_copied_each_time() {
        let packet = sample::packet(0, 3, 2, &[7; 5000]);
        let (mut packets, mut found, mut moved) = (Packets::default(), Vec::new(), 0);
        for byte in [&packet[..], &packet, b"none but sixteen"].concat().chunks(1) {
            let room = packets.unused.capacity();
            packets.take(byte, |header, body| found.push((header.call, body.len())));
            moved += usize::from(packets.unused.capacity() != room);
        }
        assert_eq!((found, packets.unused.len()), (vec![(2, 5000); 2], 0));
        assert!(moved < 16, "the bytes that wait were moved {moved} times");
    }
}
