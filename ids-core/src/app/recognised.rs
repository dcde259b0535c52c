//! Protocols that are recognised but not parsed yet, and those that are only named.
//!
//! They give flows their `app_proto` and rules their `app-layer-protocol`. What gives a protocol away comes
//! from its specification, named at each row; what takes more than fixed bytes is a function in
//! `probes`. A protocol that gets a parser moves to its own folder and to
//! [`super::registry::PROTOCOLS`].

mod probes;

use super::parser::{Pattern, Probing, Protocol};
use crate::field::Dir::{self, ToClient, ToServer};
use crate::field::Dirs;

/// The rows.
pub static ROWS: &[Protocol] = &[
    // MS-RDPBCGR §2.2.1.1.
    Protocol {
        name: "rdp",
        rule_names: &["rdp"],
        tcp: true,
        opens: Dirs::ToServer,
        probe: Some(Probing { ports: &[], probe: probes::rdp }),
        ..Protocol::BARE
    },
    // RFC 6143 §7.1.1.
    Protocol {
        name: "rfb",
        rule_names: &["rfb"],
        tcp: true,
        opens: Dirs::ToClient,
        patterns: &[start(ToServer, b"RFB 00"), start(ToClient, b"RFB 00")],
        ..Protocol::BARE
    },
    // RFC 9051 §7.1.
    Protocol {
        name: "imap",
        rule_names: &["imap"],
        tcp: true,
        opens: Dirs::ToClient,
        patterns: &[word(ToClient, b"* OK "), word(ToClient, b"* PREAUTH ")],
        probe: Some(Probing { ports: &[143], probe: probes::imap }),
        ..Protocol::BARE
    },
    // RFC 8999 §5.1, RFC 9000 §17.2.
    Protocol {
        name: "quic",
        rule_names: &["quic"],
        udp: true,
        opens: Dirs::ToServer,
        probe: Some(Probing { ports: &[], probe: probes::quic }),
        ..Protocol::BARE
    },
    // RFC 854.
    Protocol {
        name: "telnet",
        rule_names: &["telnet"],
        tcp: true,
        probe: Some(Probing { ports: &[23], probe: probes::telnet }),
        ..Protocol::BARE
    },
    // RFC 5531 §9, RFC 1813.
    Protocol {
        name: "nfs",
        rule_names: &["nfs"],
        tcp: true,
        udp: true,
        opens: Dirs::ToServer,
        probe: Some(Probing { ports: &[2049], probe: probes::nfs }),
        ..Protocol::BARE
    },
    // Modbus Messaging on TCP/IP 1.0b §3.1.3.
    Protocol {
        name: "modbus",
        rule_names: &["modbus"],
        tcp: true,
        by_default: false,
        probe: Some(Probing { ports: &[502], probe: probes::modbus }),
        ..Protocol::BARE
    },
    // ODVA CIP volume 2, §2-3.
    Protocol {
        name: "enip",
        rule_names: &["enip"],
        tcp: true,
        udp: true,
        by_default: false,
        probe: Some(Probing { ports: &[44818], probe: probes::enip }),
        ..Protocol::BARE
    },
    // PostgreSQL manual, "Message Formats".
    Protocol {
        name: "pgsql",
        rule_names: &["pgsql"],
        tcp: true,
        by_default: false,
        opens: Dirs::ToServer,
        probe: Some(Probing { ports: &[5432], probe: probes::pgsql }),
        ..Protocol::BARE
    },
    // BEP 5; keys of a bencoded dictionary are sorted, so these come first.
    Protocol {
        name: "bittorrent-dht",
        rule_names: &["bittorrent-dht"],
        udp: true,
        patterns: &[
            start(ToServer, b"d1:ad2:id20:"),
            start(ToClient, b"d1:ad2:id20:"),
            start(ToServer, b"d1:rd2:id20:"),
            start(ToClient, b"d1:rd2:id20:"),
            start(ToServer, b"d1:eli20"),
            start(ToClient, b"d1:eli20"),
        ],
        ..Protocol::BARE
    },
    // Named only: announced by other protocols rather than recognised.
    Protocol { name: "doh2", rule_names: &["doh2", "dns"], tcp: true, ..Protocol::BARE },
];

/// Bytes that a direction begins with.
const fn start(dir: Dir, bytes: &'static [u8]) -> Pattern {
    Pattern { dir, bytes, offset: 0, depth: bytes.len() as u16, nocase: false }
}

/// A word that a direction begins with, in any case.
const fn word(dir: Dir, bytes: &'static [u8]) -> Pattern {
    Pattern { nocase: true, ..start(dir, bytes) }
}
