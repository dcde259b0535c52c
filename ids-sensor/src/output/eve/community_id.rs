//! Community id, version 1: a hash of a flow's ends that other tools compute the same way.
//!
//! Source: the "Community ID flow hashing" specification (Corelight).

use std::net::IpAddr;

use base64::Engine as _;
use ids_core::field::Dir;
use ids_core::flow::{Endpoint, Flow};
use sha1::{Digest, Sha1};

/// `1:` and the hash in base64.
pub fn of(flow: &Flow, seed: u16) -> String {
    let icmp = flow.icmp[Dir::ToServer.index()].or(flow.icmp[Dir::ToClient.index()]);
    compute(flow.client, flow.server, flow.proto, icmp, seed)
}

fn compute(src: Endpoint, dst: Endpoint, proto: u8, icmp: Option<(u8, u8)>, seed: u16) -> String {
    let (ports, one_way) = match (proto, icmp) {
        (1 | 58, Some((kind, code))) => icmp_ports(proto, kind, code),
        _ => ((src.port, dst.port), false),
    };
    let with_ports = matches!(proto, 1 | 6 | 17 | 58 | 132);
    let (src, dst) = ((src.addr, ports.0), (dst.addr, ports.1));
    let (low, high) = if one_way || src <= dst { (src, dst) } else { (dst, src) };
    let mut hash = Sha1::new();
    hash.update(seed.to_be_bytes());
    for addr in [low.0, high.0] {
        match addr {
            IpAddr::V4(addr) => hash.update(addr.octets()),
            IpAddr::V6(addr) => hash.update(addr.octets()),
        }
    }
    hash.update([proto, 0]);
    if with_ports {
        hash.update(low.1.to_be_bytes());
        hash.update(high.1.to_be_bytes());
    }
    format!("1:{}", base64::engine::general_purpose::STANDARD.encode(hash.finalize()))
}

/// Type and the type of the answer stand in for ports; where there is no answer, type and code, and the
/// direction counts.
fn icmp_ports(proto: u8, kind: u8, code: u8) -> ((u16, u16), bool) {
    const V4: &[(u8, u8)] =
        &[(8, 0), (0, 8), (13, 14), (14, 13), (15, 16), (16, 15), (10, 9), (9, 10), (17, 18), (18, 17)];
    const V6: &[(u8, u8)] = &[
        (128, 129),
        (129, 128),
        (133, 134),
        (134, 133),
        (135, 136),
        (136, 135),
        (130, 131),
        (131, 130),
        (139, 140),
        (140, 139),
        (144, 145),
        (145, 144),
    ];
    let pairs = if proto == 1 { V4 } else { V6 };
    match pairs.iter().find(|(from, _)| *from == kind) {
        Some((_, answer)) => ((u16::from(kind), u16::from(*answer)), false),
        None => ((u16::from(kind), u16::from(code)), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the baseline of the specification's reference implementation.
    #[test]
    fn published_values() {
        let end = |addr: &str, port| Endpoint { addr: addr.parse().unwrap(), port };
        for (src, dst, proto, icmp, seed, want) in [
            (end("128.232.110.120", 34855), end("66.35.250.204", 80), 6, None, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (end("66.35.250.204", 80), end("128.232.110.120", 34855), 6, None, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (end("128.232.110.120", 34855), end("66.35.250.204", 80), 6, None, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
            (end("192.168.1.52", 54585), end("8.8.8.8", 53), 17, None, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            (end("192.168.0.89", 0), end("192.168.0.1", 0), 1, Some((8, 0)), 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            (end("192.168.170.8", 7), end("192.168.170.56", 80), 132, None, 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
        ] {
            assert_eq!(compute(src, dst, proto, icmp, seed), want, "{src:?}");
        }
    }
}
