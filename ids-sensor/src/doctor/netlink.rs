//! Questions to the kernel over netlink(7): which interfaces there are, which XDP program sits on them, and what their
//! drivers can do with XDP.
//!
//! In: numbers of interfaces.  Out: attributes, read. Sources: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h,
//! linux/genetlink.h, and the specification of the `netdev` family (Documentation/netlink/specs/netdev.yaml).
//! Must not know: what the answers are good for.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{netlink, recv, send, socket_with};

use crate::netlink::{ERROR, attribute, attributes, message, messages};

/// Bytes of `struct genlmsghdr`.
const GENERIC_HEADER: usize = 4;
/// Bytes of `struct ifinfomsg`.
const LINK_HEADER: usize = 16;

const NLMSG_DONE: u16 = 3;
const NLM_F_DUMP: u16 = 0x300;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;

/// `NETLINK_ROUTE` is 0: no protocol at all.
const ROUTE: Option<Protocol> = None;
const GENERIC: Option<Protocol> = Some(netlink::GENERIC);

const RTM_GETLINK: u16 = 18;
const ARPHRD_ETHER: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;

/// What a driver can do with XDP: bits of `enum netdev_xdp_act`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct XdpFeatures(pub(super) u64);

impl XdpFeatures {
    /// Runs programs, which may let pass, drop and send back.
    pub(super) const BASIC: u64 = 1;
    /// Programs may redirect, also to AF_XDP sockets.
    pub(super) const REDIRECT: u64 = 2;
    /// Sends frames that others redirect to it.
    pub(super) const XMIT: u64 = 4;
    /// AF_XDP sockets without copying.
    pub(super) const ZERO_COPY: u64 = 8;
    /// Frames in several buffers.
    pub(super) const SEVERAL_BUFFERS: u64 = 32;

    /// Whether all these bits are set.
    pub(super) const fn has(self, bits: u64) -> bool {
        self.0 & bits == bits
    }
}

/// One interface, as the kernel lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number.
    pub(super) index: u32,
    /// Its name.
    pub(super) name: String,
    /// It speaks Ethernet.
    pub(super) ethernet: bool,
    /// It is up.
    pub(super) up: bool,
    /// The number of the XDP program on it; 0 where several sit, one for each mode.
    pub(super) program: Option<u32>,
}

/// All interfaces of this network namespace.
pub(super) fn links() -> io::Result<Vec<Link>> {
    let answers = ask(ROUTE, RTM_GETLINK, NLM_F_DUMP, &[0; LINK_HEADER])?;
    Ok(answers.iter().filter_map(|answer| link(answer)).collect())
}

fn link(answer: &[u8]) -> Option<Link> {
    let (head, rest) = answer.split_first_chunk::<LINK_HEADER>()?;
    let [_, _, kind_low, kind_high, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *head;
    let mut link = Link {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        ethernet: u16::from_ne_bytes([kind_low, kind_high]) == ARPHRD_ETHER,
        up: u32::from_ne_bytes([f0, f1, f2, f3]) & libc::IFF_UP.cast_unsigned() != 0,
        ..Link::default()
    };
    for (kind, value) in attributes(rest) {
        match kind {
            IFLA_IFNAME => link.name = text(value),
            IFLA_XDP => link.program = program(value),
            _ => {}
        }
    }
    Some(link)
}

fn program(xdp: &[u8]) -> Option<u32> {
    let find = |wanted| attributes(xdp).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let attached = find(IFLA_XDP_ATTACHED).and_then(|value| value.first()).is_some_and(|mode| *mode != 0);
    attached.then(|| find(IFLA_XDP_PROG_ID).and_then(u32_of).unwrap_or(0))
}

/// What the driver of an interface says it can do; `None` if the kernel has no such family (before 6.3).
pub(super) fn xdp_features(index: u32) -> io::Result<Option<XdpFeatures>> {
    let mut request = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
    attribute(&mut request, CTRL_ATTR_FAMILY_NAME, b"netdev\0");
    let family = match ask(GENERIC, GENL_ID_CTRL, 0, &request) {
        Ok(answers) => answers.iter().find_map(|answer| find(answer, CTRL_ATTR_FAMILY_ID, u16_of)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => None,
        Err(error) => return Err(error),
    };
    let Some(family) = family else { return Ok(None) };
    let mut request = vec![NETDEV_CMD_DEV_GET, 1, 0, 0];
    attribute(&mut request, NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes());
    let answers = ask(GENERIC, family, 0, &request)?;
    Ok(answers.iter().find_map(|answer| find(answer, NETDEV_A_DEV_XDP_FEATURES, u64_of)).map(XdpFeatures))
}

/// The value of an attribute of a generic message.
fn find<T>(answer: &[u8], wanted: u16, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    attributes(answer.get(GENERIC_HEADER..)?).find(|(kind, _)| *kind == wanted).and_then(|(_, value)| read(value))
}

/// Sends one request and reads its answers: their contents without the headers.
fn ask(protocol: Option<Protocol>, kind: u16, flags: u16, content: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    let mut request = Vec::with_capacity(content.len());
    message(&mut request, kind, flags, content);
    send(&socket, &request, SendFlags::empty())?;
    answers(&socket, flags & NLM_F_DUMP != 0)
}

/// Reads until the kernel says that this was all; of a plain request, one message.
fn answers(socket: &OwnedFd, dump: bool) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    // The kernel gives at most 32 KiB at a time (linux/netlink.h, NLMSG_GOODSIZE and its dumps).
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (length, _) = recv(socket, &mut buffer[..], RecvFlags::empty())?;
        for (kind, content) in messages(&buffer[..length]) {
            match kind {
                NLMSG_DONE => return Ok(found),
                ERROR => {
                    let code = u32_of(content).unwrap_or_default().cast_signed();
                    return if code == 0 { Ok(found) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
                _ => found.push(content.to_vec()),
            }
        }
        if !dump {
            return Ok(found);
        }
    }
}

fn u16_of(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_ne_bytes)
}

fn u64_of(value: &[u8]) -> Option<u64> {
    value.first_chunk().copied().map(u64::from_ne_bytes)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|byte| *byte == 0).next().unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut content = vec![0; GENERIC_HEADER];
        attribute(&mut content, CTRL_ATTR_FAMILY_NAME, b"netdev\0");
        attribute(&mut content, CTRL_ATTR_FAMILY_ID, &[7, 1]);
        assert_eq!(content.len(), 4 + 12 + 8);
        assert_eq!(find(&content, CTRL_ATTR_FAMILY_ID, u16_of), Some(u16::from_ne_bytes([7, 1])));
        assert_eq!(find(&content, CTRL_ATTR_FAMILY_NAME, |value| Some(text(value))).as_deref(), Some("netdev"));
        assert_eq!(find(&content, 99, u16_of), None);
    }

    #[test]
    fn a_link_with_a_program() {
        let mut answer = vec![0; LINK_HEADER];
        answer[2..4].copy_from_slice(&ARPHRD_ETHER.to_ne_bytes());
        answer[4..8].copy_from_slice(&5u32.to_ne_bytes());
        answer[8..12].copy_from_slice(&1u32.to_ne_bytes());
        attribute(&mut answer, IFLA_IFNAME, b"eth1\0");
        let mut xdp = Vec::new();
        attribute(&mut xdp, IFLA_XDP_ATTACHED, &[1]);
        attribute(&mut xdp, IFLA_XDP_PROG_ID, &42u32.to_ne_bytes());
        attribute(&mut answer, IFLA_XDP | 0x8000, &xdp);
        let want = Link { index: 5, name: "eth1".to_owned(), ethernet: true, up: true, program: Some(42) };
        assert_eq!(link(&answer), Some(want));
    }
}
