//! Names of record types and response codes (IANA "DNS Parameters", RFC 6895).

/// Record types by number, with the names that rules use; records show them in capitals.
#[rustfmt::skip]
pub(super) const RRTYPES: &[(&str, u64)] = &[
    ("a", 1), ("ns", 2), ("md", 3), ("mf", 4), ("cname", 5), ("soa", 6), ("mb", 7), ("mg", 8), ("mr", 9),
    ("null", 10), ("wks", 11), ("ptr", 12), ("hinfo", 13), ("minfo", 14), ("mx", 15), ("txt", 16), ("rp", 17),
    ("afsdb", 18), ("x25", 19), ("isdn", 20), ("rt", 21), ("nsap", 22), ("nsapptr", 23), ("sig", 24), ("key", 25),
    ("px", 26), ("gpos", 27), ("aaaa", 28), ("loc", 29), ("nxt", 30), ("srv", 33), ("atma", 34), ("naptr", 35),
    ("kx", 36), ("cert", 37), ("a6", 38), ("dname", 39), ("opt", 41), ("apl", 42), ("ds", 43), ("sshfp", 44),
    ("ipseckey", 45), ("rrsig", 46), ("nsec", 47), ("dnskey", 48), ("dhcid", 49), ("nsec3", 50), ("nsec3param", 51),
    ("tlsa", 52), ("hip", 55), ("cds", 59), ("cdnskey", 60), ("https", 65), ("spf", 99), ("tkey", 249), ("tsig", 250),
    ("maila", 254), ("any", 255), ("uri", 256),
];

/// Response codes by number, with the names that rules use; records show them in capitals. 16 is `badvers`
/// in OPT and `badsig` in TSIG (RFC 6895 §2.3); the first is what a message as a whole can have.
#[rustfmt::skip]
pub(super) const RCODES: &[(&str, u64)] = &[
    ("noerror", 0), ("formerr", 1), ("servfail", 2), ("nxdomain", 3), ("notimp", 4), ("refused", 5), ("yxdomain", 6),
    ("yxrrset", 7), ("nxrrset", 8), ("notauth", 9), ("notzone", 10), ("badvers", 16), ("badkey", 17), ("badtime", 18),
    ("badmode", 19), ("badname", 20), ("badalg", 21), ("badtrunc", 22),
];

/// Record types whose data is read.
pub(super) mod rrtype {
    pub(in super::super) const A: u16 = 1;
    pub(in super::super) const NS: u16 = 2;
    pub(in super::super) const CNAME: u16 = 5;
    pub(in super::super) const SOA: u16 = 6;
    pub(in super::super) const NULL: u16 = 10;
    pub(in super::super) const PTR: u16 = 12;
    pub(in super::super) const MX: u16 = 15;
    pub(in super::super) const TXT: u16 = 16;
    pub(in super::super) const AAAA: u16 = 28;
    pub(in super::super) const SRV: u16 = 33;
    pub(in super::super) const OPT: u16 = 41;
    pub(in super::super) const SSHFP: u16 = 44;
}

/// The name of a number in a table, or the number as text.
pub(super) fn name(table: &'static [(&'static str, u64)], number: u16) -> String {
    match table.iter().find(|(_, value)| *value == u64::from(number)) {
        Some((name, _)) => (*name).to_owned(),
        None => number.to_string(),
    }
}
