//! One socket: the frames of one queue of one interface, in and out.
//!
//! The circle of a frame: free → fill ring → the kernel puts a packet into it → receive ring → here → transmit
//! ring of this or another socket → completion ring → free.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::sockopt;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem, XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING,
    XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpDesc, XdpDescOptions, XdpMmapOffsets, XdpOptionsFlags,
    XdpStatistics, XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::busy_poll::BusyPoll;
use super::ring::{Consumer, Producer};
use super::umem::{Frame, Piece, Umem};

/// A packet whose last piece is still to come.
#[derive(Debug)]
enum Open {
    /// What there is of it, and the number of its last frame.
    Packet(Piece, u32),
    /// A piece of it was none of ours: it comes to nothing.
    Broken,
}

/// Why a socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel may not keep that much memory for this process.
    #[error(
        "the kernel may not lock {0} MiB of packet buffers for this process; it takes CAP_IPC_LOCK, or \
             `ulimit -l` (LimitMEMLOCK= of a service) above that"
    )]
    Memlock(u64),
    /// The interface has no such queue.
    #[error("the interface has no queue {0}")]
    NoQueue(u32),
    /// Another socket has the queue.
    #[error("queue {0} belongs to another AF_XDP socket")]
    Busy(u32),
    /// Something else.
    #[error("{step}: {source}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Names the step in an error.
fn step<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::Io { step, source: source.into() }
}

/// A socket bound to one queue of one interface.
pub struct Socket {
    socket: OwnedFd,
    queue: u32,
    zero_copy: bool,
    receive: Consumer<XdpDesc>,
    transmit: Producer<XdpDesc>,
    fill: Producer<u64>,
    completion: Consumer<u64>,
    open: Option<Open>,
    /// Addresses the kernel gave back without having them.
    foreign: u64,
}

impl Socket {
    /// Binds a socket to a queue: the first of a memory, or another one that shares the memory of `first`.
    /// `size` is the number of entries of each ring, a power of two. Zero copy where the driver has it.
    ///
    /// # Errors
    /// Missing rights (CAP_NET_RAW), no such queue, somebody else has it, or the memory may not be locked.
    pub fn open(umem: &Umem, first: Option<&Self>, interface: u32, queue: u32, size: u32) -> Result<Self, Error> {
        let socket =
            socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None).map_err(step("socket"))?;
        let fd = socket.as_fd();
        if first.is_none() {
            register(fd, umem)?;
        }
        sockopt::set_xdp_umem_fill_ring_size(fd, size).map_err(step("fill ring"))?;
        sockopt::set_xdp_umem_completion_ring_size(fd, size).map_err(step("completion ring"))?;
        sockopt::set_xdp_rx_ring_size(fd, size).map_err(step("receive ring"))?;
        sockopt::set_xdp_tx_ring_size(fd, size).map_err(step("transmit ring"))?;
        let XdpMmapOffsets { rx, tx, fr, cr, .. } = sockopt::xdp_mmap_offsets(fd).map_err(step("ring offsets"))?;
        let receive = Consumer::map(fd, XDP_PGOFF_RX_RING, &rx, size).map_err(step("mapping the receive ring"))?;
        let transmit = Producer::map(fd, XDP_PGOFF_TX_RING, &tx, size).map_err(step("mapping the transmit ring"))?;
        let fill = Producer::map(fd, XDP_UMEM_PGOFF_FILL_RING, &fr, size).map_err(step("mapping the fill ring"))?;
        let completion = Consumer::map(fd, XDP_UMEM_PGOFF_COMPLETION_RING, &cr, size)
            .map_err(step("mapping the completion ring"))?;
        bind_to(fd, first, (interface, queue), umem.several())?;
        let zero_copy =
            sockopt::xdp_options(fd).is_ok_and(|options| options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY));
        Ok(Self { socket, queue, zero_copy, receive, transmit, fill, completion, open: None, foreign: 0 })
    }

    /// Its queue.
    pub const fn queue(&self) -> u32 {
        self.queue
    }

    /// Whether the driver writes into the memory itself.
    pub const fn zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Gives free frames to the kernel to receive into, as many as its ring takes.
    pub fn refill(&mut self, umem: &mut Umem) {
        let mut room = self.fill.free();
        while room > 0
            && let Some(frame) = umem.take()
        {
            let address = umem.lend(frame, 0);
            // There is room for it: counted above.
            let _ = self.fill.push(address);
            room -= 1;
        }
        self.fill.publish();
        if self.fill.needs_wakeup() {
            self.look();
        }
    }

    /// Has the queue polled by this thread from now on, which has to [look](Self::look) itself.
    ///
    /// # Errors
    /// Missing rights (CAP_NET_ADMIN), or Linux before 5.11.
    pub fn poll_busily(&self, how: &BusyPoll) -> Result<(), Error> {
        how.prefer(self.socket.as_fd()).map_err(step("busy polling"))
    }

    /// Has the driver bring what has come in.
    pub fn look(&self) {
        // There is no data to receive by this call, and nothing that could fail matters.
        let _ = recv(&self.socket, &mut [0u8; 0][..], RecvFlags::DONTWAIT);
    }

    /// Takes packets that came in, of at most `most` frames.
    pub fn receive(&mut self, umem: &mut Umem, most: usize, into: &mut Vec<Piece>) {
        for _ in 0..most {
            let Some(entry) = self.receive.pop() else { break };
            let piece = umem.back(entry.addr).map(|(frame, offset)| Piece { frame, offset, length: entry.len });
            let more = entry.options.contains(XdpDescOptions::XDP_PKT_CONTD);
            match self.gather(umem, piece) {
                open if more => self.open = Some(open),
                Open::Packet(packet, _) => into.push(packet),
                Open::Broken => {}
            }
        }
        self.receive.release();
    }

    /// What the packet under way has become with another piece of it.
    fn gather(&mut self, umem: &mut Umem, piece: Option<Piece>) -> Open {
        self.foreign += u64::from(piece.is_none());
        match (self.open.take(), piece) {
            (None, Some(piece)) => {
                let number = piece.frame.number();
                Open::Packet(piece, number)
            }
            (Some(Open::Packet(packet, last)), Some(piece)) => {
                let last = umem.link(last, piece);
                Open::Packet(packet, last)
            }
            (open, piece) => {
                let begun = match open {
                    Some(Open::Packet(packet, _)) => Some(packet),
                    _ => None,
                };
                begun.into_iter().chain(piece).for_each(|piece| umem.put(piece.frame));
                Open::Broken
            }
        }
    }

    /// Frames that wait to be received.
    pub fn waiting(&self) -> u32 {
        self.receive.waiting()
    }

    /// Puts a packet into the line of those to send; its frame comes back if the line is full.
    ///
    /// # Errors
    /// The frame, if there is no room.
    pub fn send(&mut self, umem: &mut Umem, packet: Piece) -> Result<(), Frame> {
        if self.transmit.free() < umem.pieces(&packet) {
            return Err(packet.frame);
        }
        let mut next = Some(packet);
        while let Some(Piece { frame, offset, length }) = next {
            next = umem.unlink(&frame);
            let options = if next.is_some() { XdpDescOptions::XDP_PKT_CONTD } else { XdpDescOptions::empty() };
            // There is room for it: asked above.
            let _ = self.transmit.push(XdpDesc { addr: umem.lend(frame, offset), len: length, options });
        }
        Ok(())
    }

    /// Makes the kernel send what is in line, and takes back what it has sent. Without zero copy the kernel sends
    /// some 32 frames per call, so it is asked as often as there is something left, within reason.
    ///
    /// # Errors
    /// What the kernel says beyond "later": the interface is down or gone.
    pub fn flush(&mut self, umem: &mut Umem) -> io::Result<()> {
        self.transmit.publish();
        let mut result = Ok(());
        for _ in 0..=self.transmit.waiting() / 16 {
            if self.transmit.waiting() == 0 || !self.transmit.needs_wakeup() {
                break;
            }
            match send(&self.socket, &[], SendFlags::DONTWAIT) {
                Ok(_) => {}
                Err(error) if later(error) => {}
                Err(error) => {
                    result = Err(error.into());
                    break;
                }
            }
        }
        while let Some(address) = self.completion.pop() {
            match umem.back(address) {
                Some((frame, _)) => umem.put(frame),
                None => self.foreign += 1,
            }
        }
        self.completion.release();
        result
    }

    /// Frames in line that the kernel has not sent yet.
    pub fn unsent(&self) -> u32 {
        self.transmit.waiting()
    }

    /// What the kernel lost on this socket, and why.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn statistics(&self) -> io::Result<XdpStatistics> {
        Ok(sockopt::xdp_statistics(&self.socket)?)
    }

    /// Addresses the kernel gave back without having them.
    pub const fn foreign(&self) -> u64 {
        self.foreign
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The kernel is busy, or has sent its share for this call.
fn later(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(error, Errno::AGAIN | Errno::BUSY | Errno::NOBUFS | Errno::INTR)
}

/// Registers the memory; the limit on locked memory is raised as far as it may.
fn register(socket: BorrowedFd<'_>, umem: &Umem) -> Result<(), Error> {
    let memory = XdpUmemReg {
        addr: umem.address(),
        len: umem.length(),
        chunk_size: umem.frame_size(),
        headroom: 0,
        flags: XdpUmemRegFlags::empty(),
        tx_metadata_len: 0,
    };
    match sockopt::set_xdp_umem_reg(socket, memory) {
        Err(rustix::io::Errno::NOBUFS) => {}
        other => return other.map_err(step("registering packet memory")),
    }
    let raise = |most: Option<u64>| setrlimit(Resource::Memlock, Rlimit { current: most, maximum: most });
    // No limit at all takes CAP_SYS_RESOURCE; up to the hard limit anybody may go.
    if raise(None).is_err() && raise(getrlimit(Resource::Memlock).maximum).is_err() {
        return Err(Error::Memlock(umem.length().div_ceil(1 << 20)));
    }
    sockopt::set_xdp_umem_reg(socket, memory).map_err(|error| match error {
        rustix::io::Errno::NOBUFS => Error::Memlock(umem.length().div_ceil(1 << 20)),
        error => step("registering packet memory")(error),
    })
}

/// `several`: packets may lie in several frames; sockets that share memory do as the first of them.
fn bind_to(
    socket: BorrowedFd<'_>,
    first: Option<&Socket>,
    (interface, queue): (u32, u32),
    several: bool,
) -> Result<(), Error> {
    let pieces = if several { SocketAddrXdpFlags::XDP_USE_SG } else { SocketAddrXdpFlags::empty() };
    let bound = match first {
        // Neither COPY nor ZEROCOPY: the kernel takes the better one that the driver has.
        None => bind(socket, &SocketAddrXdp::new(SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP | pieces, interface, queue)),
        Some(first) => {
            let addr = SocketAddrXdp::new(SocketAddrXdpFlags::XDP_SHARED_UMEM, interface, queue);
            bind(socket, &SocketAddrXdpWithSharedUmem { addr, shared_umem_fd: first.as_fd() })
        }
    };
    bound.map_err(|error| match error {
        rustix::io::Errno::INVAL => Error::NoQueue(queue),
        rustix::io::Errno::BUSY => Error::Busy(queue),
        error => step("binding the socket")(error),
    })
}
