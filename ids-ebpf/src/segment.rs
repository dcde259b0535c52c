//! What a TCP segment says, and whether it arrived as it was sent; which data of TCP and UDP is looked at. Read only where
//! somebody asks: of released flows.
//!
//! Sources: RFC 9293 §3.1; checksums: RFC 1071, RFC 8200 §8.1; timestamps: RFC 7323 §3.2.

use crate::flow::{Dir, Released};
use crate::headers::{Bytes, TIMESTAMPS};
use crate::interest::Interest;
use crate::shared::Shared;
use crate::sieve::{Look, Part};

/// Where a segment of TCP or a datagram of UDP lies in its frame. Of a whole packet ([`Class::Whole`](crate::headers::Class::Whole)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where the header of IP begins.
    pub ip: u16,
    /// Where that of TCP or UDP does.
    pub at: u16,
    /// Its length.
    pub header: u16,
    /// Bytes of TCP or UDP, header and data.
    pub length: u16,
}

impl Place {
    /// There is none.
    pub const NOWHERE: Self = Self { ip: 0, at: 0, header: 0, length: 0 };

    /// Where its data begins in the frame.
    #[inline(always)]
    pub const fn data_at(self) -> usize {
        self.at as usize + self.header as usize
    }

    /// Bytes of data.
    #[inline(always)]
    pub const fn data(self) -> usize {
        (self.length as usize).saturating_sub(self.header as usize)
    }
}

/// Whether a segment of a released flow is to be inspected for its size and first bytes, or because it does not continue the
/// connection as it should; if not, it is taken into account. Without an `interest` all data is.
#[inline(always)]
pub fn odd(
    frame: &(impl Bytes + ?Sized),
    place: Place,
    flow: &Shared<Released>,
    dir: Dir,
    interest: Option<&Interest>,
) -> bool {
    let Some(segment) = Segment::read(frame, place) else { return true };
    if segment.data > 0 {
        let classes = flow.look(dir).classes;
        if classes != 0 && sifts(frame, place, classes, interest) {
            return true;
        }
    }
    !flow.follow(dir, &segment)
}

/// Whether data is to be inspected for its size and first bytes. Without an `interest` all is, and so is none.
#[inline(always)]
pub fn sifts(frame: &(impl Bytes + ?Sized), place: Place, classes: u64, interest: Option<&Interest>) -> bool {
    let sifts = |interest: &Interest| interest.sieve.sifts(classes, frame, place.data_at(), place.data());
    place.data() == 0 || interest.is_none_or(sifts)
}

/// Whether a packet has what rules look for somewhere in a part of its data.
#[inline(always)]
pub fn finds(
    frame: &(impl Bytes + ?Sized),
    place: Place,
    (look, part): (&Look, Part),
    interest: Option<&Interest>,
) -> bool {
    let finds = |interest: &Interest| interest.sieve.finds(look, part, frame, place.data_at(), place.data());
    interest.is_none_or(finds)
}

/// The numbers of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number of its first byte.
    pub seq: u32,
    /// What it acknowledges.
    pub ack: u32,
    /// Its window, unscaled.
    pub window: u16,
    /// Whether it has a timestamp.
    pub stamped: bool,
    /// The timestamp.
    pub stamp: u32,
    /// Bytes of data.
    pub data: u32,
}

impl Segment {
    /// Reads a segment; `None` if there is none.
    #[inline(always)]
    pub fn read(frame: &(impl Bytes + ?Sized), place: Place) -> Option<Self> {
        let at = usize::from(place.at);
        let seq = u32::from_be_bytes(frame.at(at + 4)?);
        let ack = u32::from_be_bytes(frame.at(at + 8)?);
        let window = u16::from_be_bytes(frame.at(at + 14)?);
        let mut segment = Self {
            seq,
            ack,
            window,
            stamped: false,
            stamp: 0,
            // The difference of two numbers of 16 bits.
            data: place.data() as u32,
        };
        // Timestamps come first, or there are none: nothing else is a whole packet.
        if place.header >= 32 && u32::from_be_bytes(frame.at(at + 20)?) == TIMESTAMPS.0 {
            segment.stamp = u32::from_be_bytes(frame.at(at + 24)?);
            segment.stamped = true;
        }
        Some(segment)
    }
}

/// Whether the checksums of IPv4 and TCP fit; `false` also where that cannot be told.
#[inline(always)]
pub fn checksums_fit(frame: &(impl Bytes + ?Sized), place: Place) -> bool {
    let ip = usize::from(place.ip);
    let Some([first, _]) = frame.at(ip) else { return false };
    let addresses = if first >> 4 == 4 {
        // A whole packet has no options of IPv4.
        if frame.sum::<20>(ip).is_none_or(|sum| fold(sum) != ALL) {
            return false;
        }
        frame.sum::<8>(ip + 12)
    } else {
        frame.sum::<32>(ip + 8)
    };
    let (Some(addresses), Some(sum)) = (addresses, sum(frame, usize::from(place.at), usize::from(place.length))) else {
        return false;
    };
    let rest = u64::from(place.length.to_be()) + u64::from(TCP.to_be());
    fold(sum + addresses + rest) == ALL
}

/// Its number as an IP protocol.
const TCP: u16 = 6;

/// What bytes that contain their own checksum add up to: all ones.
const ALL: u16 = 0xffff;

/// Segments of this length and more are not checked: an XDP program without fragments sees no longer frame.
const LONG: usize = 4096;

/// The sum of so many bytes of a frame, as words of 16 bits in the machine's order.
#[inline(always)]
fn sum(frame: &(impl Bytes + ?Sized), at: usize, length: usize) -> Option<u64> {
    if length >= LONG {
        return None;
    }
    let rest = Rest { end: at + length, length };
    let mut total = rest.sum::<2048>(frame)? + rest.sum::<1024>(frame)? + rest.sum::<512>(frame)?;
    total += rest.sum::<256>(frame)? + rest.sum::<128>(frame)? + rest.sum::<64>(frame)? + rest.sum::<32>(frame)?;
    total += rest.sum::<16>(frame)? + rest.sum::<8>(frame)? + rest.sum::<4>(frame)?;
    Some(total + rest.odd(frame)?)
}

/// Bytes up to an end, in pieces of a power of two, the largest first. Places go by the end, so that to the kernel's verifier
/// it does not matter which pieces come before.
#[derive(Clone, Copy)]
struct Rest {
    end: usize,
    length: usize,
}

impl Rest {
    /// The sum of the piece of this size, if there is one.
    #[inline(always)]
    fn sum<const N: usize>(self, frame: &(impl Bytes + ?Sized)) -> Option<u64> {
        if self.length & N == 0 {
            return Some(0);
        }
        frame.sum::<N>(self.end.wrapping_sub(self.length & (2 * N - 1)))
    }

    /// The sum of the last bytes, three at most.
    #[inline(always)]
    fn odd(self, frame: &(impl Bytes + ?Sized)) -> Option<u64> {
        let word = |a, b| u64::from(u16::from_ne_bytes([a, b]));
        let left = self.length & 3;
        // The compiler is not to know that this is so far from the end: it would compare something else with the frame's end
        // than what is read, which is all that the verifier goes by. A single byte it does not take a bound of at all.
        let at = core::hint::black_box(self.end.wrapping_sub(if left < 2 { 2 } else { left }));
        Some(match left {
            0 => 0,
            1 => {
                let [_, a] = frame.at(at)?;
                word(a, 0)
            }
            2 => {
                let [a, b] = frame.at(at)?;
                word(a, b)
            }
            _ => {
                let [a, b, c] = frame.at(at)?;
                word(a, b) + word(c, 0)
            }
        })
    }
}

/// The sum of the words of 16 bits in a sum, with the carries added (RFC 1071 §1).
#[inline(always)]
const fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::headers::Headers;

    /// A segment over IPv4 or IPv6, its checksums right.
    fn frame(version: u8, stamped: bool, data: &[u8]) -> Vec<u8> {
        let mut tcp = std::vec![0x0f, 0xa0, 0, 80, 0, 0, 1, 2, 0, 0, 3, 4, 0x50, 0x10, 0x12, 0x34, 0, 0, 0, 0];
        if stamped {
            tcp[12] = 0x80;
            tcp.extend([1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]);
        }
        tcp.extend(data);
        let length = tcp.len() as u16;
        let mut frame = std::vec![2; 12];
        let addresses = if version == 4 {
            frame.extend([8, 0, 0x45, 0]);
            frame.extend((length + 20).to_be_bytes());
            frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 168, 255, 254]);
            let sum = !fold(plain(&frame[14..34]));
            frame[24..26].copy_from_slice(&sum.to_ne_bytes());
            26..34
        } else {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([6, 64]);
            frame.extend((0..32).map(|at| at * 7));
            22..54
        };
        let pseudo = plain(&frame[addresses]) + u64::from(length.to_be()) + u64::from(6u16.to_be());
        let sum = !fold(pseudo + plain(&tcp));
        tcp[16..18].copy_from_slice(&sum.to_ne_bytes());
        frame.extend(tcp);
        frame
    }

    /// The sum, word by word.
    fn plain(bytes: &[u8]) -> u64 {
        let word = |pair: &[u8]| u16::from_ne_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]);
        bytes.chunks(2).map(|pair| u64::from(word(pair))).sum()
    }

    #[test]
    fn numbers_are_read() {
        let plain = Segment { seq: 0x102, ack: 0x304, window: 0x1234, ..Segment::default() };
        let cases = [
            (4, false, 0, 54, plain),
            (4, true, 5, 66, Segment { stamped: true, stamp: 7, data: 5, ..plain }),
            (6, false, 1, 74, Segment { data: 1, ..plain }),
        ];
        for (version, stamped, data, data_at, want) in cases {
            let mut frame = frame(version, stamped, &std::vec![1; data]);
            // What pads a short frame is not its data.
            frame.extend([9; 6]);
            let headers = Headers::parse(&*frame);
            assert_eq!(headers.place.data_at(), data_at, "{version} {stamped}");
            assert_eq!(Segment::read(&*frame, headers.place), Some(want), "{version} {stamped}");
        }
    }

    #[test]
    fn a_wrong_bit_anywhere_is_found() {
        for (version, length) in
            [4, 6].into_iter().flat_map(|version| [0, 1, 2, 3, 4, 63, 64, 65, 1447].map(|n| (version, n)))
        {
            let data: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            let frame = frame(version, length % 2 == 0, &data);
            let headers = Headers::parse(&*frame);
            assert!(checksums_fit(&*frame, headers.place), "{version} {length}");
            for at in 14..frame.len() {
                let mut wrong = frame.clone();
                wrong[at] ^= 0x10;
                // Of IPv6 the pseudo header has addresses, length and protocol alone; the latter two are read already.
                let covered = version == 4 || at >= 22;
                assert_eq!(checksums_fit(&*wrong, headers.place), !covered, "{at}");
            }
        }
    }
}
