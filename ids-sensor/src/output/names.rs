//! Names that records use for numbers.

use std::io::Write as _;
use std::net::IpAddr;

/// An address as the established engine writes it: IPv6 as eight groups of four digits, nothing left out.
pub fn addr(addr: IpAddr, out: &mut Vec<u8>) {
    match addr {
        IpAddr::V4(addr) => write!(out, "{addr}").expect("memory can be written to"),
        IpAddr::V6(addr) => {
            for (at, group) in addr.segments().iter().enumerate() {
                let colon = if at == 0 { "" } else { ":" };
                write!(out, "{colon}{group:04x}").expect("memory can be written to");
            }
        }
    }
}

/// The `proto` of records: names of the IANA protocol registry as the established engine writes them, else three
/// digits.
pub fn proto(number: u8, out: &mut Vec<u8>) {
    match PROTOCOLS.binary_search_by_key(&number, |row| row.0) {
        Ok(at) => out.extend_from_slice(PROTOCOLS[at].1.as_bytes()),
        Err(_) => out.extend_from_slice(format!("{number:03}").as_bytes()),
    }
}

const PROTOCOLS: &[(u8, &str)] = &[
    (0, "HOPOPT"),
    (1, "ICMP"),
    (2, "IGMP"),
    (3, "GGP"),
    (4, "IP-in-IP"),
    (5, "ST"),
    (6, "TCP"),
    (8, "EGP"),
    (9, "IGP"),
    (17, "UDP"),
    (33, "DCCP"),
    (41, "IPv6"),
    (43, "IPv6-Route"),
    (44, "IPv6-Frag"),
    (46, "RSVP"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "IPv6-ICMP"),
    (59, "IPv6-NoNxt"),
    (60, "IPv6-Opts"),
    (88, "EIGRP"),
    (89, "OSPF"),
    (94, "IPIP"),
    (103, "PIM"),
    (108, "IPComp"),
    (112, "VRRP"),
    (115, "L2TP"),
    (132, "SCTP"),
    (136, "UDPLite"),
    (137, "MPLS-in-IP"),
];

/// The `linktype_name` of `packet_info`, as libpcap names link types.
pub fn link_type(number: u32) -> &'static str {
    match number {
        0 | 108 => "NULL",
        1 => "EN10MB",
        9 => "PPP",
        12 | 101 => "RAW",
        50 => "PPP_SERIAL",
        104 => "C_HDLC",
        113 => "LINUX_SLL",
        228 => "IPv4",
        229 => "IPv6",
        276 => "LINUX_SLL2",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_in_order_and_found() {
        assert!(PROTOCOLS.is_sorted_by_key(|row| row.0));
        for (number, want) in [(6, "TCP"), (58, "IPv6-ICMP"), (255, "255"), (7, "007")] {
            let mut out = Vec::new();
            proto(number, &mut out);
            assert_eq!(out, want.as_bytes());
        }
    }
}
