//! All application protocols, by number and by name.
//!
//! Two lists make up one numbering: the protocols that are parsed ([`PROTOCOLS`]), and those that are only
//! recognised or named ([`super::recognised`]). A protocol moves from the second to the first once it has a
//! session.

use super::dcerpc;
use super::dhcp;
use super::dnp3;
use super::dns;
use super::ftp;
use super::http1;
use super::http2;
use super::ike;
use super::krb5;
use super::ldap;
use super::mqtt;
use super::ntp;
use super::parser::Protocol;
use super::pop3;
use super::recognised;
use super::sip;
use super::smb;
use super::smtp;
use super::snmp;
use super::ssh;
use super::tftp;
use super::tls;
use super::websocket;

/// Protocols that are parsed. A new one is one line here.
pub static PROTOCOLS: &[&Protocol] = &[
    &http1::PROTOCOL,
    &http2::PROTOCOL,
    &dns::PROTOCOL,
    &dns::mdns::PROTOCOL,
    &tls::PROTOCOL,
    &ssh::PROTOCOL,
    &mqtt::PROTOCOL,
    &krb5::PROTOCOL,
    &ldap::PROTOCOL,
    &snmp::PROTOCOL,
    &dhcp::PROTOCOL,
    &ntp::PROTOCOL,
    &tftp::PROTOCOL,
    &ike::PROTOCOL,
    &smb::PROTOCOL,
    &dcerpc::PROTOCOL,
    &smtp::PROTOCOL,
    &ftp::PROTOCOL,
    &ftp::data::PROTOCOL,
    &sip::PROTOCOL,
    &pop3::PROTOCOL,
    &websocket::PROTOCOL,
    &dnp3::PROTOCOL,
];

/// Number of a protocol: its position among all rows. Only this module makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtoId(u8);

impl ProtoId {
    /// The position, for tables with one entry per protocol.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its row.
    pub fn protocol(self) -> &'static Protocol {
        rows().nth(self.index()).expect("ids are made from positions of rows")
    }

    /// Its record name.
    pub fn name(self) -> &'static str {
        self.protocol().name
    }
}

/// How much is known of a protocol: decides what rules on it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has transactions, fields and events.
    Parsed,
    /// Flows are recognised (`app-layer-protocol`, headers), but not parsed yet.
    Recognised,
    /// The name is known, nothing else yet.
    Named,
}

/// All rows with their numbers.
pub fn all() -> impl Iterator<Item = (ProtoId, &'static Protocol)> {
    (0..=u8::MAX).map(ProtoId).zip(rows())
}

/// The protocol with this record name (`app_proto`, configuration).
pub fn by_name(name: &str) -> Option<ProtoId> {
    all().find(|(_, row)| row.name == name).map(|(id, _)| id)
}

/// The protocols that a name in a rule means: `http` is two. Empty: there is no such name.
pub fn by_rule_name(name: &str) -> impl Iterator<Item = ProtoId> {
    all().filter(move |(_, row)| row.rule_names.contains(&name)).map(|(id, _)| id)
}

/// Every name that a rule may have for application protocols; several times where it means several.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|(_, row)| row.rule_names.iter().copied())
}

/// How much is known of a protocol.
pub fn support(id: ProtoId) -> Support {
    let row = id.protocol();
    if row.session.is_some() {
        Support::Parsed
    } else if row.patterns.is_empty() && row.probe.is_none() {
        Support::Named
    } else {
        Support::Recognised
    }
}

/// The name under which flows and transactions of a protocol are counted: with the transport where there
/// are two (`dns_udp`).
pub fn counter(id: ProtoId, udp: bool) -> &'static str {
    let name = id.name();
    match COUNTED_APART.iter().find(|row| row.0 == name) {
        Some((_, _, over_udp)) if udp => over_udp,
        Some((_, over_tcp, _)) => over_tcp,
        None => name,
    }
}

/// The name under which flows are counted whose protocol was not found.
pub const fn counter_failed(udp: bool) -> &'static str {
    if udp { "failed_udp" } else { "failed_tcp" }
}

/// Protocols over both transports, with the names of their counters over TCP and UDP.
const COUNTED_APART: &[(&str, &str, &str)] = &[
    ("dcerpc", "dcerpc_tcp", "dcerpc_udp"),
    ("dns", "dns_tcp", "dns_udp"),
    ("enip", "enip_tcp", "enip_udp"),
    ("krb5", "krb5_tcp", "krb5_udp"),
    ("ldap", "ldap_tcp", "ldap_udp"),
    ("nfs", "nfs_tcp", "nfs_udp"),
    ("sip", "sip_tcp", "sip_udp"),
];

fn rows() -> impl Iterator<Item = &'static Protocol> {
    PROTOCOLS.iter().copied().chain(recognised::ROWS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::app::frames;
    use crate::field::Kind;

    /// Every name that the rule language has for application protocols.
    const RULE_NAMES: &str = "bittorrent-dht dcerpc dhcp dnp3 dns doh2 enip ftp ftp-data http2 ike imap krb5 ldap \
        mdns modbus mqtt nfs ntp pgsql pop3 quic rdp rfb sip smb smtp snmp ssh telnet tftp tls websocket";

    #[test]
    fn names_are_unique_and_found_again() {
        let mut seen = HashSet::new();
        for (id, row) in all() {
            assert!(seen.insert(row.name), "{}", row.name);
            assert_eq!(by_name(row.name), Some(id));
            assert_eq!(id.name(), row.name);
            for name in row.rule_names {
                assert!(by_rule_name(name).any(|found| found == id), "{name}");
            }
        }
        assert!(seen.len() < usize::from(u8::MAX));
    }

    #[test]
    fn every_name_of_the_rule_language_is_known() {
        for name in RULE_NAMES.split_whitespace() {
            assert!(by_rule_name(name).next().is_some(), "{name}");
        }
        for refused in ["ssl", "ikev2", "irc", "jabber", "msn", "any", "tcp"] {
            assert!(by_rule_name(refused).next().is_none(), "{refused}");
        }
    }

    #[test]
    fn fields_are_documented_and_unique() {
        for (_, row) in all() {
            let mut seen = HashSet::new();
            for field in (row.fields)() {
                for name in field.aliases.iter().chain([&field.name]) {
                    assert!(seen.insert(*name), "{name}");
                }
                assert!(field.doc.ends_with('.') && field.doc.len() > 10, "{}: {}", field.name, field.doc);
                if let Kind::Uint { bits, names, .. } = field.kind {
                    assert!(matches!(bits, 8 | 16 | 32 | 64), "{}", field.name);
                    assert!(names.iter().all(|(_, value)| bits == 64 || *value < 1 << bits), "{}", field.name);
                }
                for (ready, states) in field.ready.iter().zip(row.states) {
                    assert!(usize::from(*ready) < states.len(), "{}", field.name);
                }
            }
        }
    }

    #[test]
    fn events_patterns_and_records_make_sense() {
        for (id, row) in all() {
            let events: HashSet<_> = row.events.iter().collect();
            assert_eq!(events.len(), row.events.len(), "{}", row.name);
            for pattern in row.patterns {
                let end = usize::from(pattern.offset) + pattern.bytes.len();
                assert!(!pattern.bytes.is_empty() && end <= usize::from(pattern.depth), "{}", row.name);
                assert!(pattern.depth <= 64, "{}: patterns are for the first bytes", row.name);
            }
            assert!(row.tcp || row.udp || support(id) == Support::Named, "{}", row.name);
            assert!(row.record.is_none() || row.session.is_some(), "{}", row.name);
            assert!(row.states.iter().all(|states| states.len() >= 2), "{}", row.name);
        }
    }

    #[test]
    fn frames_are_named_after_their_protocol() {
        for (id, row) in all() {
            assert!(row.frames.is_empty() || row.session.is_some(), "{}", row.name);
            let names: HashSet<_> = row.frames.iter().map(|info| info.name).collect();
            assert_eq!(names.len(), row.frames.len(), "{}", row.name);
            let streams = row.frames.iter().filter(|info| frames::is_stream(info)).count();
            assert_eq!(streams, usize::from(row.tcp && !row.frames.is_empty()), "{}", row.name);
            for info in row.frames {
                let (proto, _) = info.name.split_once('.').expect(info.name);
                assert!(row.rule_names.contains(&proto), "{}", info.name);
                assert!(info.doc.ends_with('.') && info.doc.len() > 10, "{}", info.name);
                let mut wanted = frames::Wanted::default();
                wanted.add(id, info);
                assert_ne!(wanted, frames::Wanted::default(), "{}", info.name);
            }
        }
    }

    #[test]
    fn protocols_over_both_transports_are_counted_apart() {
        for (id, row) in all() {
            assert_eq!(counter(id, true) != counter(id, false), row.tcp && row.udp, "{}", row.name);
        }
        for (name, ..) in COUNTED_APART {
            assert!(by_name(name).is_some(), "{name}");
        }
    }
}
