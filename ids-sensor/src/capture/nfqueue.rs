//! Packets that wait in a netfilter queue for their verdict (linux/netfilter/nfnetlink_queue.h).
//!
//! In: the number of a queue, verdicts.  Out: packets from their IP header on. A rule of the packet filter sends packets
//! there; what it does where nobody listens is that rule's business (`bypass`).
//!
//! The crates for it give no way to wait for packets and something else at once, or write every packet back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{netlink, recv, send, socket_with, sockopt};

use crate::netlink::{ACKNOWLEDGE, ERROR, attribute, attributes, message, messages};

/// `NFNL_SUBSYS_QUEUE`, the upper byte of a type.
const QUEUE: u16 = 3 << 8;
const PACKET: u16 = QUEUE;
const VERDICT: u16 = QUEUE | 1;
const CONFIG: u16 = QUEUE | 2;
const VERDICT_BATCH: u16 = QUEUE | 3;

/// Attributes of a configuration (`enum nfqnl_attr_config`).
const CFG_COMMAND: u16 = 1;
const CFG_PARAMETERS: u16 = 2;
const CFG_LENGTH: u16 = 3;
const CFG_MASK: u16 = 4;
const CFG_FLAGS: u16 = 5;
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
const FAIL_OPEN: u32 = 1;

/// Attributes of packets and verdicts (`enum nfqnl_attr_type`).
const PACKET_HEADER: u16 = 1;
const VERDICT_HEADER: u16 = 2;
const MARK: u16 = 3;
const PAYLOAD: u16 = 10;

/// Bytes of `struct nfgenmsg`.
const GENERAL: usize = 4;

/// The largest IP packet, and room for what comes with it.
const BUFFER: usize = 0xffff + 4096;
/// What one packet in line takes of the socket's memory, about.
const PER_PACKET: usize = 2048;

/// What a queue is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its number.
    pub number: u16,
    /// Packets that may wait in it.
    pub length: u32,
    /// Packets that find it full pass; else they are dropped.
    pub fail_open: bool,
}

/// Why a queue cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else has it, which the kernel does not tell from missing rights.
    #[error(
        "queue {0} is taken by another program (`cat /proc/net/netfilter/nfnetlink_queue` lists all), or CAP_NET_ADMIN \
         is missing"
    )]
    Taken(u16),
    /// The kernel has no such thing.
    #[error("this kernel has no netfilter queues (`modprobe nfnetlink_queue`)")]
    Missing,
    /// It refuses for another reason.
    #[error("queue {number}: {step}: {source}")]
    Refused {
        /// Its number.
        number: u16,
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A packet that waits.
#[derive(Debug)]
pub struct Queued<'a> {
    /// Its number in the queue.
    pub id: u32,
    /// Its mark.
    pub mark: u32,
    /// Its bytes, from the IP header on.
    pub bytes: &'a mut [u8],
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nowhere.
    Drop,
    /// On.
    Accept,
    /// To another queue.
    Queue(u16),
    /// Through the rules of this hook once more.
    Repeat,
}

impl Way {
    /// Its number for the kernel (linux/netfilter.h).
    fn number(self) -> u32 {
        match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Queue(number) => 3 | u32::from(number) << 16,
            Self::Repeat => 4,
        }
    }
}

/// A queue that this process listens to. Ends with it.
#[derive(Debug)]
pub struct Queue {
    socket: OwnedFd,
    number: u16,
    buffer: Vec<u8>,
    content: Vec<u8>,
    request: Vec<u8>,
}

impl Queue {
    /// Listens to a queue.
    ///
    /// # Errors
    /// Somebody else does, missing rights (CAP_NET_ADMIN), or the kernel has none.
    pub fn open(options: Options) -> Result<Self, Error> {
        let Options { number, length, fail_open } = options;
        let refused = |step: &'static str| {
            move |source: rustix::io::Errno| Error::Refused { number, step, source: source.into() }
        };
        let family = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC);
        let socket = socket_with(family.0, family.1, family.2, Some(netlink::NETFILTER)).map_err(refused("socket"))?;
        let room = (length as usize).saturating_mul(PER_PACKET);
        sockopt::set_socket_recv_buffer_size_force(&socket, room).map_err(refused("room for packets"))?;
        let mut queue = Self { socket, number, buffer: vec![0; BUFFER], content: Vec::new(), request: Vec::new() };
        queue.configure(length, fail_open)?;
        Ok(queue)
    }

    /// Everything in one message: no packet comes in before all of it holds.
    fn configure(&mut self, length: u32, fail_open: bool) -> Result<(), Error> {
        self.begin();
        // The command, a reserved byte, a protocol family that is of no use any more.
        attribute(&mut self.content, CFG_COMMAND, &[BIND, 0, 0, 0]);
        let [a, b, c, d] = u32::from(u16::MAX).to_be_bytes();
        attribute(&mut self.content, CFG_PARAMETERS, &[a, b, c, d, COPY_PACKET]);
        attribute(&mut self.content, CFG_LENGTH, &length.to_be_bytes());
        let flags = if fail_open { FAIL_OPEN } else { 0 };
        attribute(&mut self.content, CFG_FLAGS, &flags.to_be_bytes());
        attribute(&mut self.content, CFG_MASK, &FAIL_OPEN.to_be_bytes());
        let number = self.number;
        let failed = |source: io::Error| match source.raw_os_error() {
            Some(libc::EBUSY | libc::EPERM) => Error::Taken(number),
            Some(libc::EINVAL | libc::EOPNOTSUPP) => Error::Missing,
            _ => Error::Refused { number, step: "listening", source },
        };
        self.send(CONFIG, ACKNOWLEDGE).map_err(failed)?;
        self.acknowledged().map_err(failed)
    }

    /// Waits for the kernel to say how it went. Packets that come in meanwhile go through their rules once more.
    fn acknowledged(&mut self) -> io::Result<()> {
        loop {
            let (length, _) = recv(&self.socket, &mut self.buffer[..], RecvFlags::empty())?;
            let mut early = None;
            for (kind, content) in messages(&self.buffer[..length]) {
                match (kind, content.first_chunk()) {
                    (ERROR, Some(code)) => {
                        let code = i32::from_ne_bytes(*code);
                        return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
                    }
                    _ => early = packet(content).map(|(id, ..)| id),
                }
            }
            if let Some(id) = early {
                self.settle(id, Way::Repeat, None, None)?;
            }
        }
    }

    /// Its number.
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Hands out the packets of the next message; `None` if there is none yet.
    ///
    /// # Errors
    /// The socket is of no more use.
    pub fn receive(&mut self, each: impl FnOnce(Queued<'_>)) -> io::Result<Option<()>> {
        let length = match recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => length,
            // The kernel has counted those that found no room.
            Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => return Ok(Some(())),
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // One packet a message, one message a datagram: so the kernel sends them.
        let found = messages(&self.buffer[..length]).find(|(kind, _)| *kind == PACKET);
        let Some((id, mark, bytes)) = found.and_then(|(_, content)| packet(content)) else { return Ok(Some(())) };
        let start = bytes.as_ptr().addr() - self.buffer.as_ptr().addr();
        let place = start..start + bytes.len();
        each(Queued { id, mark, bytes: &mut self.buffer[place] });
        Ok(Some(()))
    }

    /// Says where a packet goes; with another mark, or other bytes, if there are any.
    ///
    /// # Errors
    /// The kernel does not take it: the packet may be gone.
    pub fn settle(&mut self, id: u32, way: Way, mark: Option<u32>, bytes: Option<&[u8]>) -> io::Result<()> {
        self.verdict(id, way, mark);
        if let Some(bytes) = bytes {
            attribute(&mut self.content, PAYLOAD, bytes);
        }
        self.send(VERDICT, 0)
    }

    /// Says where this packet goes, and all that came before it and still wait.
    ///
    /// # Errors
    /// As there.
    pub fn settle_up_to(&mut self, id: u32, way: Way) -> io::Result<()> {
        self.verdict(id, way, None);
        self.send(VERDICT_BATCH, 0)
    }

    fn verdict(&mut self, id: u32, way: Way, mark: Option<u32>) {
        self.begin();
        let mut header = [0; 8];
        header[..4].copy_from_slice(&way.number().to_be_bytes());
        header[4..].copy_from_slice(&id.to_be_bytes());
        attribute(&mut self.content, VERDICT_HEADER, &header);
        if let Some(mark) = mark {
            attribute(&mut self.content, MARK, &mark.to_be_bytes());
        }
    }

    /// Begins a message: no protocol family, version 0, the queue.
    fn begin(&mut self) {
        self.content.clear();
        self.content.extend_from_slice(&[0, 0]);
        self.content.extend_from_slice(&self.number.to_be_bytes());
    }

    fn send(&mut self, kind: u16, flags: u16) -> io::Result<()> {
        self.request.clear();
        message(&mut self.request, kind, flags, &self.content);
        send(&self.socket, &self.request, SendFlags::empty())?;
        Ok(())
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Number, mark and bytes of a packet.
fn packet(content: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (mut id, mut mark, mut bytes) = (None, 0, None);
    let word = |value: &[u8]| value.first_chunk().copied().map(u32::from_be_bytes);
    for (kind, value) in attributes(content.get(GENERAL..)?) {
        match kind {
            PACKET_HEADER => id = word(value),
            MARK => mark = word(value).unwrap_or(0),
            PAYLOAD => bytes = Some(value),
            _ => {}
        }
    }
    Some((id?, mark, bytes.unwrap_or_default()))
}

/// Packets that a queue of this network namespace has lost since it was opened: it was full, or its socket was.
///
/// # Errors
/// The kernel does not say.
pub fn lost(number: u16) -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_queue")?;
    Ok(lost_in(&text, number))
}

/// Columns: number, listener, packets that wait, copy mode, copied bytes, lost as it was full, lost as its socket was.
fn lost_in(text: &str, number: u16) -> u64 {
    let rows = text.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect());
    let row = rows.into_iter().find(|row: &Vec<u64>| row.first() == Some(&number.into()));
    row.map_or(0, |row| row.iter().skip(5).take(2).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read() {
        let mut content = vec![2, 0, 0, 7];
        attribute(&mut content, PACKET_HEADER, &[0, 0, 1, 2, 8, 0, 2]);
        attribute(&mut content, MARK, &[0, 0, 0, 9]);
        assert_eq!(packet(&content), Some((0x102, 9, &b""[..])));
        attribute(&mut content, PAYLOAD, b"bytes");
        assert_eq!(packet(&content), Some((0x102, 9, &b"bytes"[..])));
        assert_eq!(packet(&content[..12]), None, "without its number it cannot be settled");
        assert_eq!(packet(&[]), None);
    }

    #[test]
    fn losses_are_those_of_the_queue() {
        let text =
            "    1  12345     0 2 65535     1     2      100  1\n    7  12345     3 2 65535    10    20      200  1\n";
        assert_eq!([1, 7, 8].map(|number| lost_in(text, number)), [3, 30, 0]);
    }
}
