//! Payloads of flows that no rule has fired on yet: written when one does, so that the file shows what it fired on.
//!
//! A flow holds at most [`PER_FLOW`] bytes, of its first packets; all flows together [`ALL`]: beyond that nothing more is
//! held, and counted.

use std::collections::HashMap;

/// Bytes that one flow may hold.
const PER_FLOW: usize = 64 * 1024;

/// Bytes that all flows may hold together.
const ALL: usize = 64 << 20;

/// Records by flow.
#[derive(Debug, Default)]
pub(super) struct Held {
    flows: HashMap<u64, Vec<u8>>,
    size: usize,
    /// Packets for which there was no room.
    pub(super) refused: u64,
}

impl Held {
    /// Holds a packet of a flow; `write` appends its record. `length`: bytes that this takes, at most.
    pub(super) fn push(&mut self, flow: u64, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let held = self.flows.get(&flow).map_or(0, Vec::len);
        if held + length + PREFIX > PER_FLOW || self.size + length + PREFIX > ALL {
            self.refused += 1;
            return;
        }
        let records = self.flows.entry(flow).or_default();
        let start = records.len();
        records.extend_from_slice(&[0; PREFIX]);
        write(records);
        let written = records.len() - start;
        let length = u32::try_from(written - PREFIX).unwrap_or(0);
        records[start..start + PREFIX].copy_from_slice(&length.to_le_bytes());
        self.size += written;
    }

    /// Calls back with the records that a flow holds, in order, and forgets them.
    pub(super) fn release(&mut self, flow: u64, mut each: impl FnMut(&[u8])) {
        let Some(records) = self.flows.remove(&flow) else { return };
        self.size -= records.len();
        let mut rest = records.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<PREFIX>() {
            let (record, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            each(record);
            rest = after;
        }
    }

    /// Forgets what a flow holds.
    pub(super) fn forget(&mut self, flow: u64) {
        self.release(flow, |_| {});
    }
}

/// Bytes before each record: its length.
const PREFIX: usize = 4;
