//! EtherTypes that are decoded (IEEE 802 numbers, IANA).

/// IPv4.
pub const IPV4: u16 = 0x0800;
/// ARP.
pub const ARP: u16 = 0x0806;
/// Transparent Ethernet bridging: an Ethernet frame (GRE, GENEVE).
pub const BRIDGE: u16 = 0x6558;
/// 802.1Q tag.
pub const VLAN: u16 = 0x8100;
/// 802.1ad service tag.
pub const QINQ: u16 = 0x88a8;
/// Service tag before 802.1ad.
pub const QINQ_OLD: u16 = 0x9100;
/// IPv6.
pub const IPV6: u16 = 0x86dd;
/// PPP (in GRE version 1, RFC 2637).
pub const PPP: u16 = 0x880b;
/// MPLS, unicast.
pub const MPLS: u16 = 0x8847;
/// MPLS, multicast.
pub const MPLS_MULTICAST: u16 = 0x8848;
/// PPPoE discovery.
pub const PPPOE_DISCOVERY: u16 = 0x8863;
/// PPPoE session.
pub const PPPOE_SESSION: u16 = 0x8864;
/// ERSPAN types I and II (in GRE).
pub const ERSPAN: u16 = 0x88be;
/// 802.1ah (provider backbone bridging).
pub const PBB: u16 = 0x88e7;
/// Cisco FabricPath ("data center Ethernet").
pub const DCE: u16 = 0x8903;
/// VN-Tag.
pub const VNTAG: u16 = 0x8926;
/// Network service header.
pub const NSH: u16 = 0x894f;
