//! Which addresses belong to this machine, or are what it cannot do without: its own, gateways, name servers.
//!
//! In: tables of the kernel (proc(5): `fib_trie`, `if_inet6`, `route`, `ipv6_route`) and resolv.conf(5).

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::{Allowed, Cause};
use crate::kernel::Prefix;

/// `RTF_GATEWAY` of linux/route.h.
const RTF_GATEWAY: u32 = 2;

/// What reads a table.
type Read = fn(&str) -> Vec<Prefix>;

/// Where to look, why what is found there is allowed, and how it is read. The network tables are those of the
/// network namespace that this thread is in. A resolver on this machine itself asks others, whom its own file names.
const TABLES: [(&str, Cause, Read); 6] = [
    ("/proc/thread-self/net/fib_trie", Cause::Own, own4),
    ("/proc/thread-self/net/if_inet6", Cause::Own, own6),
    ("/proc/thread-self/net/route", Cause::Gateway, gateways4),
    ("/proc/thread-self/net/ipv6_route", Cause::Gateway, gateways6),
    ("/etc/resolv.conf", Cause::Resolver, resolvers),
    ("/run/systemd/resolve/resolv.conf", Cause::Resolver, resolvers),
];

/// All of them, and what could not be read. A table that is not there is an empty one.
pub(super) fn read() -> (Vec<Allowed>, Vec<String>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (path, cause, read) in TABLES {
        match fs::read_to_string(Path::new(path)) {
            Ok(text) => found.extend(read(&text).into_iter().map(|prefix| Allowed { prefix, cause })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => problems.push(format!("{path}: {error}")),
        }
    }
    (found, problems)
}

/// `fib_trie`: a line `|-- 10.0.0.1` and below it `/32 host LOCAL` for an address of this machine.
fn own4(text: &str) -> Vec<Prefix> {
    let (mut found, mut address) = (Vec::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.parse::<Ipv4Addr>().ok();
        } else if let Some(length) = line.strip_suffix(" host LOCAL").and_then(|rest| rest.strip_prefix('/')) {
            let length = length.parse().ok();
            found.extend(address.zip(length).map(|(address, length)| Prefix::around(address.into(), length)));
        }
    }
    found
}

/// `if_inet6`: the address in hexadecimal is the first word of a line.
fn own6(text: &str) -> Vec<Prefix> {
    text.lines().filter_map(|line| hex6(line.split_whitespace().next()?)).map(Prefix::host).collect()
}

/// `route`: gateway and flags are the third and fourth word, the address as the machine keeps it in memory.
fn gateways4(text: &str) -> Vec<Prefix> {
    let gateway = |line: &str| {
        let mut words = line.split_whitespace().skip(2);
        let (gateway, flags) = (words.next()?, words.next()?);
        let gateway = u32::from_str_radix(gateway, 16).ok()?;
        let flags = u32::from_str_radix(flags, 16).ok()?;
        (flags & RTF_GATEWAY != 0).then(|| Prefix::host(Ipv4Addr::from(gateway.to_ne_bytes()).into()))
    };
    text.lines().filter_map(gateway).collect()
}

/// `ipv6_route`: next hop and flags are the fifth and ninth word.
fn gateways6(text: &str) -> Vec<Prefix> {
    let gateway = |line: &str| {
        let mut words = line.split_whitespace().skip(4);
        let gateway = hex6(words.next()?)?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & RTF_GATEWAY != 0).then(|| Prefix::host(gateway))
    };
    text.lines().filter_map(gateway).collect()
}

/// `nameserver` lines; an address may name its interface behind a `%`.
fn resolvers(text: &str) -> Vec<Prefix> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        address.split('%').next()?.parse::<IpAddr>().ok()
    };
    text.lines().filter_map(server).map(Prefix::host).collect()
}

fn hex6(text: &str) -> Option<IpAddr> {
    (text.len() == 32)
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
        .map(|bits| Ipv6Addr::from_bits(bits).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                    |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 192.0.2.5\n        /32 host LOCAL\n     \
                    |-- 192.0.2.255\n        /32 link BROADCAST\n";
        let inet6 = "fe80000000000000020000fffe000002 02 40 20 80 eth0\n\
                     00000000000000000000000000000001 01 80 10 80 lo\n";
        let loopback = u32::from_ne_bytes([192, 0, 2, 1]);
        let route = format!(
            "Iface\tDestination\tGateway\tFlags\tRefCnt\neth0\t00000000\t{loopback:08X}\t0003\t0\neth0\t000200C0\t00000000\t0001\t0\n"
        );
        let route6 = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                      fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n\
                      20010db8000000000000000000000000 40 00000000000000000000000000000000 00 \
                      00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n";
        let resolv = "# nameserver 9.9.9.9\nsearch example\nnameserver 192.0.2.53\nnameserver fe80::53%eth0\n";
        for (read, text, want) in [
            (own4 as Read, trie, &["127.0.0.0/8", "192.0.2.5"][..]),
            (own6, inet6, &["fe80::200:ff:fe00:2", "::1"]),
            (gateways4, &route, &["192.0.2.1"]),
            (gateways6, route6, &["fe80::1"]),
            (resolvers, resolv, &["192.0.2.53", "fe80::53"]),
            (own4, "", &[]),
            (gateways6, "not a table\n", &[]),
        ] {
            let found: Vec<String> = read(text).iter().map(ToString::to_string).collect();
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn the_loopback_addresses_are_found_here() {
        let (found, problems) = read();
        assert_eq!(problems, Vec::<String>::new());
        let loopback = Prefix::host(Ipv4Addr::LOCALHOST.into());
        assert!(found.iter().any(|one| one.cause == Cause::Own && one.prefix.contains(loopback)), "{found:?}");
    }
}
