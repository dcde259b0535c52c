//! The fragments of one datagram.

use crate::host_policy::Policy;
use crate::packet::{Fragment, Packet};
use crate::time::Time;

/// Longest datagram, in bytes (RFC 791: the length field).
const LONGEST: u32 = 65_535;
/// Fragments of one datagram that are kept: the smallest useful ones hold eight bytes.
const MOST: usize = 8192;
/// Bytes of one datagram that are kept, overlaps included.
const HOLD: u64 = 4 * LONGEST as u64;

/// One datagram in pieces.
#[derive(Debug)]
pub(super) struct Tracker {
    policy: Policy,
    opened: Time,
    /// In order of arrival.
    pieces: Vec<Piece>,
    /// Everything before the data of the first fragment: link layer and network header.
    head: Option<Head>,
    /// Where the data ends, once the last fragment was seen.
    end: Option<u32>,
    /// What is covered, as ranges in order that do not touch.
    covered: Vec<(u32, u32)>,
    held: u64,
}

#[derive(Debug)]
struct Piece {
    start: u32,
    data: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u32 {
        // At most LONGEST each.
        self.start + self.data.len() as u32
    }
}

/// The start of the packet that held the first fragment.
#[derive(Debug)]
struct Head {
    bytes: Vec<u8>,
    network_at: usize,
    network_len: usize,
    proto: u8,
}

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    Taken {
        overlaps: bool,
    },
    /// It reaches beyond the longest datagram.
    TooLarge,
    TooMany,
    /// It holds no data.
    Empty,
}

impl Tracker {
    pub(super) const fn new(policy: Policy, opened: Time) -> Self {
        Self { policy, opened, pieces: Vec::new(), head: None, end: None, covered: Vec::new(), held: 0 }
    }

    pub(super) const fn opened(&self) -> Time {
        self.opened
    }

    /// Bytes it holds.
    pub(super) const fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn add(&mut self, packet: &Packet<'_>, fragment: Fragment) -> Added {
        let mut data = packet.network_payload();
        if fragment.more {
            // All but the last hold whole units of eight bytes.
            data = data.get(..data.len() / 8 * 8).unwrap_or_default();
        }
        let Ok(length) = u32::try_from(data.len()) else { return Added::TooLarge };
        let (start, end) = (fragment.offset, fragment.offset + length);
        if end + packet.layers.network_len > LONGEST {
            return Added::TooLarge;
        }
        if length == 0 {
            return Added::Empty;
        }
        if self.pieces.len() >= MOST || self.held + u64::from(length) > HOLD {
            return Added::TooMany;
        }
        if !fragment.more && self.end.is_none() {
            self.end = Some(end);
        }
        if start == 0 && self.head.is_none() {
            self.head = Head::of(packet);
        }
        let overlaps = self.cover(start, end);
        self.held += u64::from(length);
        self.pieces.push(Piece { start, data: data.to_vec() });
        Added::Taken { overlaps }
    }

    /// Adds a range to what is covered; whether part of it was covered before.
    fn cover(&mut self, mut start: u32, mut end: u32) -> bool {
        let first = self.covered.partition_point(|range| range.1 < start);
        let mut last = first;
        let mut overlaps = false;
        while let Some(&(from, to)) = self.covered.get(last).filter(|range| range.0 <= end) {
            overlaps |= from < end && start < to;
            (start, end) = (start.min(from), end.max(to));
            last += 1;
        }
        self.covered.splice(first..last, [(start, end)]);
        overlaps
    }

    /// Whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        let covered = matches!((self.covered.first(), self.end), (Some(&(0, to)), Some(end)) if to >= end);
        covered && self.head.is_some()
    }

    /// Puts the datagram together: link layer, network header as if it had never been in pieces, data.
    pub(super) fn assemble(&self, v4: bool, whole: &mut Vec<u8>) -> Option<()> {
        let (head, end) = (self.head.as_ref()?, self.end?);
        whole.clear();
        whole.extend_from_slice(head.bytes.get(..head.network_at)?);
        let header = head.bytes.get(head.network_at..)?;
        if v4 {
            whole.extend_from_slice(header);
            let ip = whole.get_mut(head.network_at..)?;
            let total = u16::try_from(u32::try_from(head.network_len).ok()? + end).ok()?;
            ip.get_mut(2..4)?.copy_from_slice(&total.to_be_bytes());
            ip.get_mut(6..8)?.fill(0);
            ip.get_mut(10..12)?.fill(0);
            let sum = crate::checksum::sum(ip);
            ip.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
        } else {
            // Without the fragment header; the header before it names what followed it.
            let kept = header.get(..head.network_len.checked_sub(8)?)?;
            whole.extend_from_slice(kept);
            let at = next_header_field(kept)?;
            let ip = whole.get_mut(head.network_at..)?;
            *ip.get_mut(at)? = head.proto;
            let payload = u16::try_from(u32::try_from(kept.len()).ok()? - 40 + end).ok()?;
            ip.get_mut(4..6)?.copy_from_slice(&payload.to_be_bytes());
        }
        self.data(end, whole);
        Some(())
    }

    /// Appends the data, each byte from the fragment that the receiver would keep.
    fn data(&self, end: u32, whole: &mut Vec<u8>) {
        let start = whole.len();
        whole.resize(start + end as usize, 0);
        let Some(out) = whole.get_mut(start..) else { return };
        /// Belongs to nobody yet.
        const NOBODY: u16 = u16::MAX;
        let mut owner = vec![NOBODY; out.len()];
        for (index, piece) in (0u16..).zip(&self.pieces) {
            let range = piece.start as usize..(piece.end().min(end) as usize).max(piece.start as usize);
            let places = owner.get_mut(range.clone()).unwrap_or_default();
            let bytes = out.get_mut(range).unwrap_or_default();
            for ((place, byte), new) in places.iter_mut().zip(bytes).zip(&piece.data) {
                let earlier = self.pieces.get(usize::from(*place)).filter(|_| *place != NOBODY);
                if earlier.is_none_or(|earlier| self.later_wins(earlier, piece)) {
                    (*place, *byte) = (index, *new);
                }
            }
        }
    }

    /// Whether the later of two fragments takes the bytes both hold (J. Novak, "Target-Based Fragmentation
    /// Reassembly", 2005).
    fn later_wins(&self, earlier: &Piece, later: &Piece) -> bool {
        match self.policy {
            Policy::Bsd | Policy::Irix | Policy::Hpux10 => later.start < earlier.start,
            Policy::BsdRight => later.start >= earlier.start,
            Policy::Linux | Policy::OldLinux => later.start <= earlier.start,
            Policy::First | Policy::Hpux11 | Policy::Macos | Policy::OldSolaris => false,
            Policy::Last => true,
            Policy::Windows | Policy::Windows2k3 | Policy::Vista => {
                later.start < earlier.start && later.end() > earlier.end()
            }
            Policy::Solaris => later.start < earlier.start && later.end() >= earlier.end(),
        }
    }
}

impl Head {
    fn of(packet: &Packet<'_>) -> Option<Self> {
        let layers = &packet.layers;
        let end = layers.network_at + layers.network_len;
        Some(Self {
            bytes: packet.bytes.get(..end as usize)?.to_vec(),
            network_at: layers.network_at as usize,
            network_len: layers.network_len as usize,
            proto: layers.proto,
        })
    }
}

/// Where the last header of an IPv6 chain says what follows it: in the fixed header, or in the last extension.
fn next_header_field(header: &[u8]) -> Option<usize> {
    let (mut field, mut at) = (6, 40);
    while at < header.len() {
        let units = usize::from(*header.get(at + 1)?);
        let length = if *header.get(field)? == 51 { (units + 2) * 4 } else { (units + 1) * 8 };
        (field, at) = (at, at + length);
    }
    Some(field)
}
