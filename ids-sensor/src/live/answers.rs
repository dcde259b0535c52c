//! The engine's own packets (resets, unreachables), where no port takes frames: they are sent as this machine's own, by its
//! routes, and reach hosts beyond an interface as well as this one (raw(7), ipv6(7)).
//!
//! In: frames of the engine, or packets without a link layer.  Out: what could not be sent. Each has a mark, by which this
//! sensor knows it where the packet filter hands it up.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

use ids_core::packet::LinkType;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with};

/// The mark of the engine's own packets (`SO_MARK`): no number that people would choose.
pub(super) const MARK: u32 = 0x1d5a_0001;

/// Raw sockets for packets with their headers.
pub(super) struct Answers {
    four: OwnedFd,
    /// A kernel may be without IPv6.
    six: Option<OwnedFd>,
    /// The interface that link-local addresses belong to; 0 is any.
    interface: u32,
}

impl Answers {
    /// # Errors
    /// Missing rights (CAP_NET_RAW, CAP_NET_ADMIN).
    pub(super) fn open(interface: u32) -> io::Result<Self> {
        let open = |family| {
            let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW))?;
            set_mark(&socket).map(|()| socket)
        };
        Ok(Self { four: open(AddressFamily::INET)?, six: open(AddressFamily::INET6).ok(), interface })
    }

    /// Sends a packet; whether the kernel took it.
    pub(super) fn send(&self, link: LinkType, frame: &[u8]) -> bool {
        let packet = if link == LinkType::Ethernet { network(frame) } else { Some(frame) };
        packet.and_then(|packet| self.send_packet(packet)).is_some()
    }

    /// Where it goes stands in its own header (RFC 791 §3.1, RFC 8200 §3).
    fn send_packet(&self, packet: &[u8]) -> Option<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match packet.first()? >> 4 {
            4 => {
                let to = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?);
                sendto(&self.four, packet, flags, &SocketAddrV4::new(to, 0)).ok()
            }
            6 => {
                let to = Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?);
                let scope = if to.is_unicast_link_local() { self.interface } else { 0 };
                sendto(self.six.as_ref()?, packet, flags, &SocketAddrV6::new(to, 0, 0, scope)).ok()
            }
            _ => None,
        }
    }
}

fn set_mark(socket: &OwnedFd) -> io::Result<()> {
    let mark = MARK;
    let value = (&raw const mark).cast::<c_void>();
    let length = size_of_val(&mark) as libc::socklen_t;
    // SAFETY: the value is as long as said, and lives until the call is over.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MARK, value, length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What is behind the Ethernet header and its VLAN tags (IEEE 802.1Q §9), if it is an IP packet.
fn network(frame: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        match frame.get(at..at + 2)? {
            [0x81 | 0x91, 0x00] | [0x88, 0xa8] => at += 4,
            [0x08, 0x00] | [0x86, 0xdd] => return frame.get(at + 2..),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_in_their_frames() {
        let frame = |types: &[u8]| [&[0; 12], types, b"packet"].concat();
        let packet = Some(&b"packet"[..]);
        for (name, types, want) in [
            ("IPv4", &[0x08, 0x00][..], packet),
            ("IPv6", &[0x86, 0xdd], packet),
            ("in a VLAN", &[0x81, 0x00, 0, 7, 0x08, 0x00], packet),
            ("in two", &[0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 8, 0x86, 0xdd], packet),
            ("ARP", &[0x08, 0x06], None),
            ("a tag alone", &[0x81, 0x00, 0, 7, 0x81, 0x00, 0, 7], None),
        ] {
            assert_eq!(network(&frame(types)), want, "{name}");
        }
        assert_eq!(network(&[0; 13]), None);
    }
}
