//! One datagram: what is there of it, and how it is put together.

use super::overlap::Pieces;
use crate::host_policy::Policy;
use crate::packet::{Layers, Network, Packet};
use crate::time::Time;
use crate::verdict::Verdict;
use crate::wire::ipv6::Ipv6;
use crate::wire::ipv6_chain::{self, FragmentHeader};
use etherparse::checksum::Sum16BitWords;

/// One fragment as trackers take it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Where its data belongs, in bytes.
    pub(super) start: u32,
    /// Its data.
    pub(super) data: &'a [u8],
    /// Whether more fragments follow.
    pub(super) more: bool,
}

impl Part<'_> {
    /// Where its data ends.
    pub(super) fn end(&self) -> u32 {
        self.start.saturating_add(u32::try_from(self.data.len()).unwrap_or(u32::MAX))
    }
}

/// How far a datagram has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Something is missing.
    Open,
    /// It was put together, and this became of it.
    Done(Verdict),
}

/// One datagram.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) state: State,
    /// When it is given up.
    pub(super) deadline: Time,
    /// How many fragments were added.
    pub(super) fragments: usize,
    policy: Policy,
    pieces: Pieces,
    /// Length of the datagram's data, once the last fragment was there.
    total: Option<u32>,
    /// What stands before the data: link layer and network header of the first fragment.
    head: Option<Head>,
}

#[derive(Debug)]
struct Head {
    link: Layers,
    bytes: Vec<u8>,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It was added; whether it overlaps earlier ones.
    Kept { overlap: bool },
    /// It contradicts what is known of the length of the datagram; whether it overlaps earlier ones.
    Refused { overlap: bool },
}

impl Tracker {
    pub(super) fn new(policy: Policy, deadline: Time) -> Self {
        Self { state: State::Open, deadline, fragments: 0, policy, pieces: Pieces::default(), total: None, head: None }
    }

    /// Adds a fragment.
    pub(super) fn add(&mut self, packet: &Packet<'_>, part: &Part<'_>) -> Added {
        let fits = match self.total {
            Some(total) if part.more => part.end() <= total,
            Some(total) => part.end() == total,
            None => part.more || part.end() >= self.pieces.end(),
        };
        if !fits {
            return Added::Refused { overlap: self.pieces.overlaps(part.start, part.end()) };
        }
        if !part.more {
            self.total = Some(part.end());
        }
        if part.start == 0 && self.head.is_none() {
            self.head = head(packet);
        }
        self.fragments += 1;
        Added::Kept { overlap: self.pieces.insert(part.start, part.data, self.policy) }
    }

    /// Whether nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.total == Some(self.pieces.len()) && self.head.is_some()
    }

    /// The datagram behind its link layer, with the network header that it would have had unfragmented; `None`
    /// if it is longer than that can say. Frees what was held.
    pub(super) fn take(&mut self) -> Option<(Layers, Vec<u8>)> {
        let pieces = std::mem::take(&mut self.pieces);
        let Head { link, mut bytes } = self.head.take()?;
        let header = bytes.len().checked_sub(link.network_at as usize)?;
        bytes.reserve_exact(pieces.len() as usize);
        pieces.copy_to(&mut bytes);
        let network = bytes.get_mut(link.network_at as usize..)?;
        match link.network {
            Network::Ipv4 => finish_ipv4(network, header)?,
            _ => finish_ipv6(network)?,
        }
        Some((link, bytes))
    }

    /// Bytes of memory held, that of the table included.
    pub(super) fn memory(&self) -> usize {
        let head = self.head.as_ref().map_or(0, |head| head.bytes.capacity());
        size_of::<(super::Key, Self)>() + self.pieces.memory() + head
    }
}

/// What stands before the data of the first fragment; for IPv6 without its fragment header.
fn head(packet: &Packet<'_>) -> Option<Head> {
    let link = packet.layers;
    let at = link.network_at as usize;
    if link.network == Network::Ipv4 {
        let bytes = packet.bytes.get(..at + link.network_len as usize)?.to_vec();
        return Some(Head { link, bytes });
    }
    let FragmentHeader { at: header, named_at, .. } = fragment_header(packet)?;
    let mut bytes = packet.bytes.get(..at + Ipv6::LEN + header)?.to_vec();
    // The fragment header is gone: whoever named it names what it named.
    let name = at + named_at.map_or(6, |named| Ipv6::LEN + named);
    *bytes.get_mut(name)? = link.proto;
    Some(Head { link, bytes })
}

/// The fragment header of an IPv6 fragment.
pub(super) fn fragment_header(packet: &Packet<'_>) -> Option<FragmentHeader> {
    let ip = Ipv6::parse_quoted(packet.network_header()).ok()?;
    ipv6_chain::walk(ip.next_header(), ip.payload, &mut |_| {}).ok()?.fragment
}

/// Sets length, fragmentation fields and checksum (RFC 791 §3.1). `header` is the length of the header.
fn finish_ipv4(network: &mut [u8], header: usize) -> Option<()> {
    let length = u16::try_from(network.len()).ok()?;
    network.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
    network.get_mut(6..8)?.fill(0);
    network.get_mut(10..12)?.fill(0);
    let sum = Sum16BitWords::new().add_slice(network.get(..header)?).ones_complement();
    // The sum is in the order of memory already.
    network.get_mut(10..12)?.copy_from_slice(&sum.to_ne_bytes());
    Some(())
}

/// Sets the payload length (RFC 8200 §3).
fn finish_ipv6(network: &mut [u8]) -> Option<()> {
    let length = u16::try_from(network.len().checked_sub(Ipv6::LEN)?).ok()?;
    network.get_mut(4..6)?.copy_from_slice(&length.to_be_bytes());
    Some(())
}
