//! A packet on its way to a capture file: its link type, then a record as it stands in the file.

use ids_core::packet::LinkType;
use ids_core::time::Time;

/// Bytes of a file's header.
pub(super) const FILE_HEADER: usize = 24;

/// Longest packet that readers need to expect.
const SNAPLEN: u32 = 262_144;

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Link type of the packet, by its number.
    pub(super) link: u32,
    /// Seconds and microseconds of its time.
    pub(super) time: (u32, u32),
    /// What is written: header of 16 bytes, and the packet.
    pub(super) bytes: &'a [u8],
}

/// Appends a packet.
pub(super) fn write(link: LinkType, time: Time, packet: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    // A pcap file counts seconds with 32 bits.
    let [seconds, micros] = [time.seconds(), time.subsec_micros()].map(|part| u32::try_from(part).unwrap_or(u32::MAX));
    for word in [link.number(), seconds, micros, length, length] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(packet);
}

/// Reads what [`write()`] wrote; `None` for anything else.
pub(super) fn read(bytes: &[u8]) -> Option<Record<'_>> {
    let (link, bytes) = bytes.split_first_chunk::<4>()?;
    let (seconds, rest) = bytes.split_first_chunk::<4>()?;
    let (micros, _) = rest.split_first_chunk::<4>()?;
    let time = (u32::from_le_bytes(*seconds), u32::from_le_bytes(*micros));
    Some(Record { link: u32::from_le_bytes(*link), time, bytes })
}

/// The header of a file of packets with this link type.
pub(super) fn file_header(link: u32) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    let words = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, SNAPLEN, link];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&u32::to_le_bytes(word));
    }
    header
}
