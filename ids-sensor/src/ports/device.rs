//! One interface, by the calls of netdevice(7) and ethtool (linux/ethtool.h).

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::Error;

const SIOCETHTOOL: libc::c_ulong = 0x8946;

const GET_DRIVER: u32 = 0x03;
const GET_STRINGS: u32 = 0x1b;
const GET_STRING_COUNT: u32 = 0x37;
const GET_FEATURES: u32 = 0x3a;
const SET_FEATURES: u32 = 0x3b;
const GET_CHANNELS: u32 = 0x3c;
const GET_HASHING: u32 = 0x46;
/// The set of strings that names features.
const FEATURE_NAMES: u32 = 4;
/// Bytes of each string.
const STRING: usize = 32;

/// How an interface spreads packets over its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hashing {
    /// A number of the constants below, or another.
    pub(super) function: u8,
    /// Source and destination are folded into one before they are hashed.
    pub(super) symmetric_input: bool,
    /// The key of the function.
    pub(super) key: Vec<u8>,
}

impl Hashing {
    /// `ETH_RSS_HASH_TOP`
    pub(super) const TOEPLITZ: u8 = 1;
    /// `ETH_RSS_HASH_XOR`
    pub(super) const XOR: u8 = 2;
}

/// One interface.
pub(super) struct Device<'a> {
    name: &'a str,
    socket: OwnedFd,
}

impl<'a> Device<'a> {
    pub(super) fn open(name: &'a str) -> Result<Self, Error> {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| Error::Device { interface: name.to_owned(), step: "socket", source: error.into() })?;
        if name.is_empty() || name.len() >= libc::IFNAMSIZ {
            return Err(Error::Missing(name.to_owned()));
        }
        let device = Self { name, socket };
        match device.flags() {
            Err(Error::Device { source, .. }) if source.raw_os_error() == Some(libc::ENODEV) => {
                Err(Error::Missing(name.to_owned()))
            }
            Err(error) => Err(error),
            Ok(_) => Ok(device),
        }
    }

    pub(super) fn is_up(&self) -> Result<bool, Error> {
        Ok(self.flags()? & libc::IFF_UP != 0)
    }

    pub(super) fn has_carrier(&self) -> Result<bool, Error> {
        Ok(self.flags()? & libc::IFF_RUNNING != 0)
    }

    pub(super) fn is_promiscuous(&self) -> Result<bool, Error> {
        Ok(self.flags()? & libc::IFF_PROMISC != 0)
    }

    pub(super) fn set_promiscuous(&self, on: bool) -> Result<(), Error> {
        let flags = self.flags()?;
        let flags = if on { flags | libc::IFF_PROMISC } else { flags & !libc::IFF_PROMISC };
        let mut request = self.request();
        // The flags of this call are 16 bits.
        request.ifr_ifru.ifru_flags = flags as libc::c_short;
        self.call(libc::SIOCSIFFLAGS, &mut request, "setting its flags")
    }

    pub(super) fn mtu(&self) -> Result<u32, Error> {
        let mut request = self.request();
        self.call(libc::SIOCGIFMTU, &mut request, "reading its MTU")?;
        // SAFETY: the kernel has filled in this member.
        Ok(u32::try_from(unsafe { request.ifr_ifru.ifru_mtu }).unwrap_or(0))
    }

    /// Whether the machine has an address there that others reach it by: link-local ones of IPv6 are on every port.
    pub(super) fn has_address(&self) -> Result<bool, Error> {
        match self.call(libc::SIOCGIFADDR, &mut self.request(), "reading its address") {
            Ok(()) => return Ok(true),
            Err(Error::Device { source, .. }) if source.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
            Err(error) => return Err(error),
        }
        match std::fs::read_to_string(INET6) {
            Ok(table) => Ok(has_address6(&table, self.name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => {
                Err(Error::Device { interface: self.name.to_owned(), step: "reading its IPv6 addresses", source })
            }
        }
    }

    /// Names of the features that are on.
    pub(super) fn features(&self) -> Result<Vec<String>, Error> {
        self.features_where(|[_, _, active, _]| active)
    }

    /// Names of the features that can be turned on and off.
    pub(super) fn changeable_features(&self) -> Result<Vec<String>, Error> {
        self.features_where(|[available, _, _, never_changed]| available & !never_changed)
    }

    /// Names of the features whose bit is set in what is made of four words: available, requested, active, never
    /// changed.
    fn features_where(&self, word_of: fn([u32; 4]) -> u32) -> Result<Vec<String>, Error> {
        let names = self.feature_names()?;
        let blocks = names.len().div_ceil(32);
        let mut data = vec![0; 2 + blocks * 4];
        data[..2].copy_from_slice(&[GET_FEATURES, word(blocks)]);
        self.ethtool(&mut data, "reading its features")?;
        let is_set = |at: usize| {
            let words = data[2 + at / 32 * 4..].first_chunk().copied().unwrap_or_default();
            word_of(words) >> (at % 32) & 1 != 0
        };
        Ok(names.into_iter().enumerate().filter(|(at, _)| is_set(*at)).map(|(_, name)| name).collect())
    }

    /// Turns features on or off. Those that the interface does not have are left out.
    pub(super) fn set_features(&self, features: &[&str], on: bool) -> Result<(), Error> {
        if features.is_empty() {
            return Ok(());
        }
        let names = self.feature_names()?;
        let blocks = names.len().div_ceil(32);
        let mut data = vec![0; 2 + blocks * 2];
        data[..2].copy_from_slice(&[SET_FEATURES, word(blocks)]);
        for (at, _) in names.iter().enumerate().filter(|(_, name)| features.contains(&name.as_str())) {
            // Two words per 32 features: which ones are meant, and what they shall be.
            let block = &mut data[2 + at / 32 * 2..];
            block[0] |= 1 << (at % 32);
            block[1] |= u32::from(on) << (at % 32);
        }
        self.ethtool(&mut data, "setting its features")
    }

    /// Receive queues in use. An interface that does not say has one.
    pub(super) fn queues(&self) -> Result<u32, Error> {
        let mut data = [GET_CHANNELS, 0, 0, 0, 0, 0, 0, 0, 0];
        match self.ethtool(&mut data, "reading its channels") {
            // Four maxima, then: receive, transmit, other, combined.
            Ok(()) => Ok((data[5] + data[8]).max(1)),
            Err(error) if is_unsupported(&error) => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// The name of its driver; empty if it does not say.
    pub(super) fn driver(&self) -> Result<String, Error> {
        // The command, six texts, and five counts (`struct ethtool_drvinfo`): the first text is the name.
        let mut data = [0; 49];
        data[0] = GET_DRIVER;
        match self.ethtool(&mut data, "reading its driver's name") {
            Ok(()) => {
                let bytes: Vec<u8> = data[1..9].iter().flat_map(|word| word.to_ne_bytes()).collect();
                Ok(c_text(&bytes))
            }
            Err(error) if is_unsupported(&error) => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// How it spreads packets over its queues; `None` if it does not say.
    pub(super) fn hashing(&self) -> Result<Option<Hashing>, Error> {
        let step = "reading how it spreads packets";
        // Command, context, entries of the table, bytes of the key, function, a reserved word; then table and key.
        let mut sizes = [GET_HASHING, 0, 0, 0, 0, 0];
        match self.ethtool(&mut sizes, step) {
            Ok(()) => {}
            Err(error) if is_unsupported(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        let [_, _, table, key, ..] = sizes;
        let mut data = vec![0; 6 + table as usize + key.div_ceil(4) as usize];
        data[..4].copy_from_slice(&[GET_HASHING, 0, table, key]);
        self.ethtool(&mut data, step)?;
        let [function, input, ..] = data[4].to_ne_bytes();
        let bytes = data[6 + table as usize..].iter().flat_map(|word| word.to_ne_bytes());
        // Linux 6.8 made a reserved byte say whether the input is folded: 1 exclusive or, 2 or besides.
        Ok(Some(Hashing { function, symmetric_input: input & 3 != 0, key: bytes.take(key as usize).collect() }))
    }

    fn feature_names(&self) -> Result<Vec<String>, Error> {
        let step = "reading the names of its features";
        // A command, a reserved word, a mask of 64 bits, and one count.
        let mut count = [GET_STRING_COUNT, 0, 1 << FEATURE_NAMES, 0, 0];
        self.ethtool(&mut count, step)?;
        let count = count[4] as usize;
        let mut data = vec![0; 3 + count * STRING / 4];
        data[..3].copy_from_slice(&[GET_STRINGS, FEATURE_NAMES, word(count)]);
        self.ethtool(&mut data, step)?;
        let bytes: Vec<u8> = data[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        Ok(bytes.chunks_exact(STRING).map(c_text).collect())
    }

    fn flags(&self) -> Result<libc::c_int, Error> {
        let mut request = self.request();
        self.call(libc::SIOCGIFFLAGS, &mut request, "reading its flags")?;
        // SAFETY: the kernel has filled in this member.
        Ok(libc::c_int::from(unsafe { request.ifr_ifru.ifru_flags }) & 0xffff)
    }

    /// `data` begins with the command and is as long as that command's structure says it is: all callers are above.
    fn ethtool(&self, data: &mut [u32], step: &'static str) -> Result<(), Error> {
        let mut request = self.request();
        request.ifr_ifru.ifru_data = data.as_mut_ptr().cast();
        self.call(SIOCETHTOOL, &mut request, step)
    }

    fn request(&self) -> libc::ifreq {
        // SAFETY: zeroes are a value of this plain structure.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(self.name.as_bytes()) {
            *to = *from as libc::c_char;
        }
        request
    }

    fn call(&self, command: libc::c_ulong, request: &mut libc::ifreq, step: &'static str) -> Result<(), Error> {
        // SAFETY: the structure is the one that all these commands take; memory it points to is set by `ethtool`.
        // The type of the command differs between C libraries, not its value.
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), command as _, request) };
        if result < 0 {
            return Err(Error::Device { interface: self.name.to_owned(), step, source: io::Error::last_os_error() });
        }
        Ok(())
    }
}

/// IPv6 addresses of this thread's network: address, index, length, scope, flags, name; absent without IPv6.
const INET6: &str = "/proc/thread-self/net/if_inet6";

/// Scope of a link-local address there (`IFA_LINK` of the kernel's net/if_inet6.h).
const LINK_LOCAL: &str = "20";

fn has_address6(table: &str, interface: &str) -> bool {
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, _, _, scope, _, name] if name == interface && scope != LINK_LOCAL)
    })
}

/// Text up to the first zero.
fn c_text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw.split(|byte| *byte == 0).next().unwrap_or(raw)).into_owned()
}

/// The driver has no answer to this question.
fn is_unsupported(error: &Error) -> bool {
    matches!(error, Error::Device { source, .. } if source.raw_os_error() == Some(libc::EOPNOTSUPP))
}

/// A count that fits: it came from 32 bits.
fn word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_do_not_count() {
        let table = "fe800000000000000000000000000001 02 40 20 80     eth0\n\
                     20010db8000000000000000000000001 03 40 00 80     eth1\n\
                     00000000000000000000000000000001 01 80 10 80       lo\n";
        for (interface, has) in [("eth0", false), ("eth1", true), ("eth", false), ("lo", true)] {
            assert_eq!(has_address6(table, interface), has, "{interface}");
        }
    }
}
