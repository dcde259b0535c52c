//! What rules can see of a packet and its flow: one row each.
//!
//! In: a [`Scene`].  Out: a number, bytes, or a truth value, and how its keyword is written. Header values are
//! those of the innermost IP packet. Source: the IP, TCP, UDP, ICMP and flow keyword chapters of the Suricata 8
//! user guide.

mod checksum;
mod read;
mod syntax;

use super::header::Carriers;
use super::integer;
use super::scene::Scene;
use crate::field::Dir;
pub use syntax::{Predicate, Syntax};

/// One row.
pub struct PacketField {
    /// Name of the keyword.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// How its value is written.
    pub syntax: Syntax,
    /// How to get what is tested.
    pub read: Read,
    /// What carries packets that have it; a rule on it needs to look at no others.
    pub carriers: Carriers,
    /// One sentence for the documentation, with its source.
    pub doc: &'static str,
}

/// How to get what a row tests; `None` where the packet has no such thing.
pub enum Read {
    /// A number.
    Number(fn(&Scene<'_>) -> Option<u64>),
    /// Several numbers.
    Numbers(fn(&Scene<'_>, &mut Vec<u64>)),
    /// Bytes: a sticky buffer.
    Bytes(for<'a> fn(&Scene<'a>) -> Option<&'a [u8]>),
}

/// A test of a row in a rule.
pub struct PacketTest {
    /// The row.
    pub field: &'static PacketField,
    /// What it must be.
    pub predicate: Predicate,
}

impl std::fmt::Debug for PacketField {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

impl std::fmt::Debug for PacketTest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {:?}", self.field.name, self.predicate)
    }
}

impl PacketTest {
    /// Whether the packet passes. `scratch` is memory to work in.
    pub fn matches(&self, scene: &Scene<'_>, scratch: &mut Vec<u64>) -> bool {
        match (&self.field.read, &self.predicate) {
            (Read::Number(read), Predicate::Array(array)) => read(scene).is_some_and(|value| array.matches(&[value])),
            (Read::Number(read), predicate) => read(scene).is_some_and(|value| predicate.matches(value)),
            (Read::Numbers(read), predicate) => {
                scratch.clear();
                read(scene, scratch);
                match predicate {
                    Predicate::Array(array) => array.matches(scratch),
                    other => scratch.iter().any(|value| other.matches(*value)),
                }
            }
            (Read::Bytes(_), _) => false,
        }
    }
}

const ANY: Carriers = Carriers::ANY;
const TCP: Carriers = Carriers::TCP;
const ICMP: Carriers = Carriers::ICMP4.or(Carriers::ICMP6);

/// All rows.
pub static PACKET_FIELDS: &[PacketField] = &[
    number("ttl", Syntax::Integer(8), read::ttl, ANY, "TTL of IPv4 (RFC 791 §3.1) or hop limit of IPv6."),
    number("id", Syntax::Exact(16), read::ip_id, ANY, "Identification of IPv4 (RFC 791 §3.1)."),
    number("tos", Syntax::Tos, read::tos, ANY, "Type of service of IPv4 (RFC 791 §3.1)."),
    number("ip_proto", Syntax::IpProto, read::ip_proto, ANY, "IP protocol, by number or name."),
    number("l3_proto", Syntax::Names(L3_PROTOS), read::ip_version, ANY, "IP version."),
    number("sameip", Syntax::Flag, read::same_ip, ANY, "Source and destination address are the same."),
    numbers("ipopts", Syntax::Names(syntax::IP_OPTIONS), read::ip_options, "IPv4 option (RFC 791 §3.1)."),
    number("fragbits", Syntax::FragBits, read::frag_bits, ANY, "Fragmentation bits of IPv4 (RFC 791 §3.1)."),
    number("fragoffset", Syntax::Compared(16), read::frag_offset, ANY, "Fragment offset of IPv4, in units of 8 bytes."),
    number("dsize", Syntax::Integer(16), read::dsize, ANY, "Size of the packet's payload in bytes."),
    number("itype", Syntax::Integer(8), read::icmp_type, ICMP, "Type of ICMP or ICMPv6 (RFC 792, RFC 4443)."),
    number("icode", Syntax::Integer(8), read::icmp_code, ICMP, "Code of ICMP or ICMPv6 (RFC 792, RFC 4443)."),
    number("icmp_id", Syntax::Exact(16), read::icmp_id, ICMP, "Identifier of an echo and its like (RFC 792)."),
    number("icmp_seq", Syntax::Exact(16), read::icmp_seq, ICMP, "Sequence number of an echo and its like (RFC 792)."),
    number(
        "icmpv6.mtu",
        Syntax::Integer(32),
        read::icmp6_mtu,
        Carriers::ICMP6,
        "MTU of Packet Too Big (RFC 4443 §3.2).",
    ),
    number("tcp.flags", Syntax::TcpFlags, read::tcp_flags, TCP, "Flags of TCP (RFC 9293 §3.1, RFC 3168).")
        .also(&["flags"]),
    number("tcp.seq", Syntax::Exact(32), read::tcp_seq, TCP, "Sequence number of TCP (RFC 9293 §3.1).").also(&["seq"]),
    number("tcp.ack", Syntax::Exact(32), read::tcp_ack, TCP, "Acknowledgment number of TCP (RFC 9293 §3.1).")
        .also(&["ack"]),
    number("tcp.window", Syntax::Negatable(16), read::tcp_window, TCP, "Window of TCP, unscaled (RFC 9293 §3.1).")
        .also(&["window"]),
    number("tcp.mss", Syntax::Integer(16), read::tcp_mss, TCP, "Maximum segment size option of TCP (RFC 9293 §3.7.1)."),
    number("tcp.wscale", Syntax::Integer(8), read::tcp_wscale, TCP, "Window scale option of TCP (RFC 7323 §2)."),
    numbers("vlan.id", Syntax::Array(16), read::vlan_ids, "VLAN ids, outermost first (IEEE 802.1Q)."),
    number("vlan.layers", Syntax::Integer(8), read::vlan_layers, EVERY, "Number of VLAN tags (IEEE 802.1Q)."),
    number("flow.age", Syntax::Integer(32), read::flow_age, ANY, "Seconds since the first packet of the flow."),
    number("flow.pkts", Syntax::Sided(32, &PACKETS), read::packets_to_server, ANY, "Packets of the flow."),
    number("flow.bytes", Syntax::Sided(64, &BYTES), read::bytes_to_server, ANY, "Bytes of the flow."),
    number(
        "flow.pkts_toserver",
        Syntax::Integer(32),
        read::packets_to_server,
        ANY,
        "Packets of the flow to the server.",
    ),
    number(
        "flow.pkts_toclient",
        Syntax::Integer(32),
        read::packets_to_client,
        ANY,
        "Packets of the flow to the client.",
    ),
    number("flow.bytes_toserver", Syntax::Integer(64), read::bytes_to_server, ANY, "Bytes of the flow to the server."),
    number("flow.bytes_toclient", Syntax::Integer(64), read::bytes_to_client, ANY, "Bytes of the flow to the client."),
    checksum("ipv4-csum", checksum::ipv4, ANY, "Header checksum of IPv4 (RFC 791 §3.1)."),
    checksum("tcpv4-csum", checksum::tcp4, TCP, "Checksum of TCP over IPv4 (RFC 9293 §3.1)."),
    checksum("tcpv6-csum", checksum::tcp6, TCP, "Checksum of TCP over IPv6 (RFC 9293 §3.1)."),
    checksum("udpv4-csum", checksum::udp4, Carriers::UDP, "Checksum of UDP over IPv4 (RFC 768)."),
    checksum("udpv6-csum", checksum::udp6, Carriers::UDP, "Checksum of UDP over IPv6 (RFC 8200 §8.1)."),
    checksum("icmpv4-csum", checksum::icmp4, Carriers::ICMP4, "Checksum of ICMP (RFC 792)."),
    checksum("icmpv6-csum", checksum::icmp6, Carriers::ICMP6, "Checksum of ICMPv6 (RFC 4443 §2.3)."),
    bytes("ip.src", read::src, ANY, "Source address, 4 or 16 bytes."),
    bytes("ip.dst", read::dst, ANY, "Destination address, 4 or 16 bytes."),
    bytes("ipv4.hdr", read::ipv4_header, ANY, "IPv4 header with options (RFC 791 §3.1)."),
    bytes("ipv6.hdr", read::ipv6_header, ANY, "IPv6 header with extension headers (RFC 8200 §3)."),
    bytes("tcp.hdr", read::tcp_header, TCP, "TCP header with options (RFC 9293 §3.1)."),
    bytes("udp.hdr", read::udp_header, Carriers::UDP, "UDP header (RFC 768)."),
    bytes("icmpv4.hdr", read::icmp4_header, Carriers::ICMP4, "ICMP header (RFC 792)."),
    bytes("icmpv6.hdr", read::icmp6_header, Carriers::ICMP6, "ICMPv6 header (RFC 4443 §2.1)."),
];

const EVERY: Carriers = Carriers::ANY.or(Carriers::NONE);

/// `ipv4`, `ipv6`, with the version as the value.
const L3_PROTOS: &[(&str, u64)] = &[("ipv4", 4), ("ip4", 4), ("ipv6", 6), ("ip6", 6)];

/// The rows behind `flow.pkts:toclient,…` and its like, in the order of [`syntax::SIDES`].
pub(crate) static PACKETS: [PacketField; 3] = [
    side("flow.pkts", read::packets_to_server, None),
    side("flow.pkts", read::packets_to_client, None),
    side("flow.pkts", read::packets_to_server, Some(|scene, out| read::each_side(scene, out, |count| count.packets))),
];
pub(crate) static BYTES: [PacketField; 3] = [
    side("flow.bytes", read::bytes_to_server, None),
    side("flow.bytes", read::bytes_to_client, None),
    side("flow.bytes", read::bytes_to_server, Some(|scene, out| read::each_side(scene, out, |count| count.bytes))),
];

const fn side(
    name: &'static str,
    one: fn(&Scene<'_>) -> Option<u64>,
    each: Option<fn(&Scene<'_>, &mut Vec<u64>)>,
) -> PacketField {
    let read = match each {
        Some(each) => Read::Numbers(each),
        None => Read::Number(one),
    };
    PacketField { name, aliases: &[], syntax: Syntax::Integer(64), read, carriers: ANY, doc: "" }
}

const fn number(
    name: &'static str,
    syntax: Syntax,
    read: fn(&Scene<'_>) -> Option<u64>,
    carriers: Carriers,
    doc: &'static str,
) -> PacketField {
    PacketField { name, aliases: &[], syntax, read: Read::Number(read), carriers, doc }
}

const fn numbers(
    name: &'static str,
    syntax: Syntax,
    read: fn(&Scene<'_>, &mut Vec<u64>),
    doc: &'static str,
) -> PacketField {
    PacketField { name, aliases: &[], syntax, read: Read::Numbers(read), carriers: EVERY, doc }
}

const fn checksum(
    name: &'static str,
    read: fn(&Scene<'_>) -> Option<u64>,
    carriers: Carriers,
    doc: &'static str,
) -> PacketField {
    number(name, Syntax::Names(&[("valid", 1), ("invalid", 0)]), read, carriers, doc)
}

const fn bytes(
    name: &'static str,
    read: for<'a> fn(&Scene<'a>) -> Option<&'a [u8]>,
    carriers: Carriers,
    doc: &'static str,
) -> PacketField {
    PacketField { name, aliases: &[], syntax: Syntax::Buffer, read: Read::Bytes(read), carriers, doc }
}

impl PacketField {
    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }
}

/// `stream_size`: how many bytes one side has sent.
pub(crate) fn stream_size(scene: &Scene<'_>, dir: Dir) -> u64 {
    let [client, server] = scene.sizes;
    if dir == Dir::ToServer { client } else { server }
}

/// A number that must be exactly this.
pub(crate) const fn exactly(value: u64) -> integer::Test {
    integer::Test::Within(value, value)
}
