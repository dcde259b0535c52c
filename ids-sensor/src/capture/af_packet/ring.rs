//! The socket, and the ring of blocks that the kernel fills.
//!
//! A block belongs to the kernel or to us, as its status word says. The kernel hands one over when it is full or has
//! waited for long enough; it goes back once all its packets were looked at. Source: packet(7),
//! Documentation/networking/packet_mmap.rst.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use ids_core::time::Time;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::checksum;

/// Bytes of a block: several times the largest packet, which is one that a network card would still have cut.
const BLOCK: usize = 1 << 18;
/// Blocks of a ring: 16 MiB.
const BLOCKS: usize = 64;
/// Only has to divide a block: packets lie one behind the other.
const FRAME: usize = 2048;
/// Bytes of a VLAN tag; so much room is left in front of each packet.
const TAG: usize = 4;

/// Bytes of a block's head.
const HEAD: usize = size_of::<libc::tpacket_block_desc>();

/// What a socket is to give.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The interface.
    pub interface: u32,
    /// What goes out of it comes in again, and is left out.
    pub loopback: bool,
    /// Sockets of the same group share packets, both directions of a flow to the same one; the kernel then puts fragments
    /// together before it shares them out, since they cannot be told apart else.
    pub group: Option<u16>,
    /// A socket filter program: of packets that it returns 0 for there are no copies.
    pub filter: Option<BorrowedFd<'a>>,
    /// Milliseconds that a packet may wait for others to come with.
    pub patience: u32,
}

/// Why a socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("packet socket: {step}: {source}")]
pub struct Error {
    step: &'static str,
    source: io::Error,
}

/// Names the step in an error.
fn step<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> Error {
    move |source| Error { step, source: source.into() }
}

/// A packet, in the ring's memory.
#[derive(Debug)]
pub struct Captured<'a> {
    /// When the kernel saw it.
    pub time: Time,
    /// Its bytes from the Ethernet header on, a stripped VLAN tag put back.
    pub bytes: &'a mut [u8],
    /// This machine sent it.
    pub outgoing: bool,
}

/// What the kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets for this socket, lost ones included.
    pub packets: u64,
    /// Lost, because all blocks were full.
    pub lost: u64,
}

/// A packet socket with its ring.
#[derive(Debug)]
pub struct Socket {
    socket: OwnedFd,
    memory: NonNull<u8>,
    /// The block that comes next.
    next: usize,
    statistics: Statistics,
}

// SAFETY: the memory belongs to this value, and is only reached through it.
unsafe impl Send for Socket {}

impl Socket {
    /// Listens on an interface.
    ///
    /// # Errors
    /// Missing rights (CAP_NET_RAW), no such interface, no memory.
    pub fn open(options: &Options<'_>) -> Result<Self, Error> {
        // Without a protocol nothing comes in before the interface is chosen.
        let socket =
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None).map_err(step("socket"))?;
        if let Some(filter) = options.filter {
            set_of(&socket, libc::SOL_SOCKET, libc::SO_ATTACH_BPF, &filter.as_raw_fd()).map_err(step("filter"))?;
        }
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as u32)).map_err(step("version"))?;
        set(&socket, libc::PACKET_RESERVE, &(TAG as u32)).map_err(step("room for a tag"))?;
        if options.loopback {
            set(&socket, libc::PACKET_IGNORE_OUTGOING, &1u32).map_err(step("ignoring what goes out"))?;
        }
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: FRAME as u32,
            tp_frame_nr: (BLOCK / FRAME * BLOCKS) as u32,
            tp_retire_blk_tov: options.patience,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::PACKET_RX_RING, &request).map_err(step("ring"))?;
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping, at no given place.
        let memory = unsafe { mmap(std::ptr::null_mut(), BLOCK * BLOCKS, access, flags, &socket, 0) };
        let memory = memory.map_err(step("mapping the ring"))?;
        let memory = NonNull::new(memory.cast()).ok_or_else(|| step("mapping the ring")(io::ErrorKind::OutOfMemory))?;
        let socket = Self { socket, memory, next: 0, statistics: Statistics::default() };
        socket.bind(options.interface).map_err(step("binding"))?;
        if let Some(group) = options.group {
            let kind = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
            set(&socket.socket, libc::PACKET_FANOUT, &(u32::from(group) | kind << 16)).map_err(step("fanout"))?;
        }
        Ok(socket)
    }

    fn bind(&self, interface: u32) -> io::Result<()> {
        // SAFETY: zeroes are a value of this plain structure.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = interface.cast_signed();
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is as long as said, and lives until the call is over.
        let result = unsafe { libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), length) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Hands out the packets of the next block, if the kernel has handed one over; how many there were.
    pub fn receive(&mut self, mut each: impl FnMut(Captured<'_>)) -> usize {
        // SAFETY: `next` is a block of the mapping, which is aligned to pages.
        let block = unsafe { self.memory.add(self.next * BLOCK) };
        let head = block.cast::<libc::tpacket_block_desc>();
        // SAFETY: the status is a word of its own, which both sides change as a whole.
        let status = unsafe { AtomicU32::from_ptr(&raw mut (*head.as_ptr()).hdr.bh1.block_status) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return 0;
        }
        // SAFETY: the block is ours now; the kernel has written its head.
        let (count, first) = unsafe {
            let head = &raw const (*head.as_ptr()).hdr.bh1;
            ((*head).num_pkts as usize, (*head).offset_to_first_pkt as usize)
        };
        // SAFETY: what is behind the head of the block is ours until its status is given back below, and nobody else
        // here has a part of it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(block.add(HEAD).as_ptr(), BLOCK - HEAD) };
        let seen = walk(bytes, first.saturating_sub(HEAD), count, &mut each);
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % BLOCKS;
        seen
    }

    /// What the kernel counted since the socket was opened.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn statistics(&mut self) -> io::Result<Statistics> {
        // SAFETY: zeroes are a value of this plain structure.
        let mut now: libc::tpacket_stats_v3 = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&now) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes into the structure.
        let result = unsafe {
            let (fd, value) = (self.socket.as_raw_fd(), (&raw mut now).cast::<c_void>());
            libc::getsockopt(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &raw mut length)
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        // Reading sets the kernel's counters back.
        self.statistics.packets += u64::from(now.tp_packets);
        self.statistics.lost += u64::from(now.tp_drops);
        Ok(self.statistics)
    }
}

/// Walks through the packets of a block: `count` of them, the first at `first`. One that does not lie inside of the
/// block ends it.
fn walk(block: &mut [u8], first: usize, count: usize, each: &mut impl FnMut(Captured<'_>)) -> usize {
    let mut at = first;
    for seen in 0..count {
        let Some(head) = block.get(at..).and_then(|rest| rest.first_chunk()).map(Head::read) else { return seen };
        let Some(frame) = place(block, at, &head) else { return seen };
        if head.status & libc::TP_STATUS_CSUMNOTREADY != 0 {
            checksum::complete(frame);
        }
        let time = Time::from_nanos(u64::from(head.seconds) * 1_000_000_000 + u64::from(head.nanos));
        each(Captured { time, bytes: frame, outgoing: head.outgoing });
        at += head.next;
    }
    count
}

/// The bytes of a packet. A VLAN tag that was stripped is put back: both addresses move into the room in front.
fn place<'b>(block: &'b mut [u8], at: usize, head: &Head) -> Option<&'b mut [u8]> {
    const ADDRESSES: usize = 12;
    let start = at.checked_add(head.mac)?;
    let end = start.checked_add(head.length)?;
    if head.status & libc::TP_STATUS_VLAN_VALID == 0 || head.length < ADDRESSES {
        return block.get_mut(start..end);
    }
    let kind = if head.status & libc::TP_STATUS_VLAN_TPID_VALID == 0 { 0x8100 } else { head.tag_kind };
    let frame = block.get_mut(start.checked_sub(TAG)?..end)?;
    frame.copy_within(TAG..TAG + ADDRESSES, 0);
    frame.get_mut(ADDRESSES..ADDRESSES + 2)?.copy_from_slice(&kind.to_be_bytes());
    frame.get_mut(ADDRESSES + 2..ADDRESSES + TAG)?.copy_from_slice(&head.tag.to_be_bytes());
    Some(frame)
}

/// What is of use of `struct tpacket3_hdr`, and of the address behind it.
struct Head {
    next: usize,
    seconds: u32,
    nanos: u32,
    length: usize,
    status: u32,
    mac: usize,
    tag: u16,
    tag_kind: u16,
    outgoing: bool,
}

/// Where the packet's address begins (`struct sockaddr_ll`): behind `struct tpacket3_hdr`.
const ADDRESS: usize = 48;
/// Where in there it says which way the packet goes (`sll_pkttype`).
const KIND: usize = 10;

impl Head {
    fn read(bytes: &[u8; ADDRESS + KIND + 1]) -> Self {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Self {
            next: word(0) as usize,
            seconds: word(4),
            nanos: word(8),
            length: word(12) as usize,
            status: word(20),
            mac: usize::from(half(24)),
            // The tag is 16 bits wide in a field of 32.
            tag: word(32) as u16,
            tag_kind: half(36),
            outgoing: bytes[ADDRESS + KIND] == libc::PACKET_OUTGOING,
        }
    }
}

/// Sets an option of the socket.
fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    set_of(socket, libc::SOL_PACKET, option, value)
}

/// Sets an option of one of its levels.
fn set_of<T>(socket: &OwnedFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    let value = std::ptr::from_ref(value).cast::<c_void>();
    // SAFETY: the value is as long as said, and lives until the call is over.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: mapped by `open`, and no part of it is lent out. It can only fail for a wrong length.
        let _ = unsafe { munmap(self.memory.as_ptr().cast::<c_void>(), BLOCK * BLOCKS) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with one packet at 48: its head, and its bytes 64 further on.
    fn block(status: u32, bytes: &[u8], length: u32) -> Vec<u8> {
        let mut block = vec![0xee; 256];
        let head = [0u32, 7, 9, length, length, status];
        for (at, word) in head.into_iter().enumerate() {
            block[48 + at * 4..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        block[48 + 24..][..2].copy_from_slice(&64u16.to_ne_bytes());
        block[48 + 32..][..4].copy_from_slice(&5u32.to_ne_bytes());
        block[48 + 36..][..2].copy_from_slice(&0x88a8u16.to_ne_bytes());
        block[48 + 64..][..bytes.len()].copy_from_slice(bytes);
        block
    }

    #[test]
    fn packets_come_out_with_their_tags() {
        let frame = *b"ddddddssssss\x08\x00payload";
        let tagged = |kind: &[u8]| [b"ddddddssssss", kind, b"\x00\x05\x08\x00payload"].concat();
        let plain = libc::TP_STATUS_USER;
        let vlan = libc::TP_STATUS_VLAN_VALID;
        for (status, want) in [
            (plain, frame.to_vec()),
            (plain | vlan, tagged(b"\x81\x00")),
            (plain | vlan | libc::TP_STATUS_VLAN_TPID_VALID, tagged(b"\x88\xa8")),
        ] {
            let mut seen = Vec::new();
            let mut block = block(status, &frame, frame.len() as u32);
            let count = walk(&mut block, 48, 1, &mut |captured| seen.push((captured.time, captured.bytes.to_vec())));
            assert_eq!((count, seen), (1, vec![(Time::from_nanos(7_000_000_009), want)]), "{status}");
        }
    }

    #[test]
    fn what_does_not_lie_in_its_block_ends_it() {
        let frame = [1; 20];
        for (name, first, length) in [("a long packet", 48, 1000), ("a far packet", 250, 20), ("far away", 9999, 20)] {
            let mut block = block(libc::TP_STATUS_USER, &frame, length);
            assert_eq!(walk(&mut block, first, 1, &mut |_| panic!("{name}")), 0, "{name}");
        }
    }
}
