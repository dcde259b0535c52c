//! Ethernet frames for the tests.

use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpFragOffset, Ipv4Header, Ipv4Options, PacketBuilder};

pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 1];
pub(super) const SERVER: [u8; 4] = [192, 0, 2, 80];
pub(super) const PORT: u16 = 40000;

fn mac() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

fn written<T>(step: etherparse::PacketBuilderStep<T>, payload: &[u8]) -> Vec<u8>
where
    etherparse::PacketBuilderStep<T>: Write,
{
    step.bytes(payload)
}

trait Write {
    fn bytes(self, payload: &[u8]) -> Vec<u8>;
}

macro_rules! write {
    ($($header:ty)*) => {$(
        impl Write for etherparse::PacketBuilderStep<$header> {
            fn bytes(self, payload: &[u8]) -> Vec<u8> {
                let mut out = Vec::new();
                self.write(&mut out, payload).unwrap();
                out
            }
        }
    )*};
}

write!(etherparse::TcpHeader etherparse::UdpHeader etherparse::Icmpv4Header etherparse::Icmpv6Header);

/// A TCP segment from the client, with these flags (letters as in rules).
pub(super) fn tcp(flags: &str, payload: &[u8]) -> Vec<u8> {
    segment((CLIENT, PORT), (SERVER, 80), flags, payload)
}

/// A TCP segment.
pub(super) fn segment(src: ([u8; 4], u16), dst: ([u8; 4], u16), flags: &str, payload: &[u8]) -> Vec<u8> {
    let mut header = etherparse::TcpHeader::new(src.1, dst.1, 1000, 512);
    header.acknowledgment_number = 2000;
    header.fin = flags.contains('F');
    header.syn = flags.contains('S');
    header.rst = flags.contains('R');
    header.psh = flags.contains('P');
    header.ack = flags.contains('A');
    header.urg = flags.contains('U');
    header.ece = flags.contains('E');
    header.cwr = flags.contains('C');
    written(mac().ipv4(src.0, dst.0, 64).tcp_header(header), payload)
}

/// A SYN with options: maximum segment size and window scale.
pub(super) fn syn(mss: u16, shift: u8) -> Vec<u8> {
    let options =
        [etherparse::TcpOptionElement::MaximumSegmentSize(mss), etherparse::TcpOptionElement::WindowScale(shift)];
    let step = mac().ipv4(CLIENT, SERVER, 64).tcp(PORT, 80, 1000, 512).syn().options(&options).unwrap();
    written(step, &[])
}

/// A datagram from the client.
pub(super) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    written(mac().ipv4(CLIENT, SERVER, 64).udp(PORT, port), payload)
}

/// A datagram.
pub(super) fn datagram(src: ([u8; 4], u16), dst: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    written(mac().ipv4(src.0, dst.0, 64).udp(src.1, dst.1), payload)
}

/// A datagram over IPv6.
pub(super) fn udp6(payload: &[u8]) -> Vec<u8> {
    written(mac().ipv6([0x20; 16], [0x30; 16], 64).udp(PORT, 53), payload)
}

/// A TCP segment over IPv6.
pub(super) fn tcp6(payload: &[u8]) -> Vec<u8> {
    written(mac().ipv6([0x20; 16], [0x30; 16], 64).tcp(PORT, 80, 1000, 512).ack(7), payload)
}

/// An echo request.
pub(super) fn ping(id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
    let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id, seq });
    written(mac().ipv4(CLIENT, SERVER, 64).icmpv4(echo), payload)
}

/// An ICMPv6 message.
pub(super) fn icmp6(message: Icmpv6Type) -> Vec<u8> {
    written(mac().ipv6([0x20; 16], [0x30; 16], 64).icmpv6(message), &[])
}

/// A datagram whose IPv4 header is changed.
pub(super) fn ipv4(change: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
    let mut header = Ipv4Header::new(0, 64, etherparse::IpNumber::UDP, CLIENT, SERVER).unwrap();
    change(&mut header);
    header.header_checksum = header.calc_header_checksum();
    let step = mac().ip(etherparse::IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default()));
    written(step.udp(PORT, 53), b"data")
}

/// Options of IPv4 as bytes.
pub(super) fn options(bytes: &[u8]) -> Ipv4Options {
    Ipv4Options::try_from(bytes).unwrap()
}

/// Offset of a fragment in units of eight bytes.
pub(super) fn fragment(offset: u16) -> IpFragOffset {
    IpFragOffset::try_new(offset).unwrap()
}

/// The frame with VLAN tags put in, outermost first.
pub(super) fn tagged(frame: &[u8], ids: &[u16]) -> Vec<u8> {
    let (macs, rest) = frame.split_at(12);
    let mut out = macs.to_vec();
    for id in ids {
        out.extend([0x81, 0x00]);
        out.extend(id.to_be_bytes());
    }
    out.extend(rest);
    out
}

/// The frame with one byte changed, counted from the end.
pub(super) fn damaged(mut frame: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = frame.len() - from_end;
    frame[at] ^= 0x55;
    frame
}

/// A DNS message: flags, question, and perhaps the address that answers it.
pub(super) fn dns(flags: u16, name: &str, kind: u16, answer: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend(flags.to_be_bytes());
    out.extend([0, 1, 0, u8::from(answer.is_some()), 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    if let Some(address) = answer {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60, 0, 4]);
        out.extend(address);
    }
    out
}
