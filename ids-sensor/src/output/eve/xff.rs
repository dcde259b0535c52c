//! `xff`: the address that a proxy puts into a header of the request stands for the client's.

use std::net::IpAddr;

use ids_core::app::parser::{Detail, Transaction};
use ids_core::field::Dir;

use super::probe;
use crate::config::eve::Xff;

/// Which address of a record is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// `src_ip`
    Source(IpAddr),
    /// `dest_ip`
    Destination(IpAddr),
}

/// The address behind the proxy. A proxy of the servers appends, so the last address is the one it saw; a
/// proxy of the clients is trusted with the first one.
pub fn find(tx: &dyn Transaction, xff: &Xff) -> Option<IpAddr> {
    let detail = Detail { all_headers: [true, false], extended: true, ..Detail::default() };
    let (mut named, mut found) = (false, None);
    probe::texts(tx, &detail, &mut |key, value| match key {
        "name" => named = value.eq_ignore_ascii_case(xff.header.as_bytes()),
        "value" if named && found.is_none() => found = addr(value, xff.reverse),
        _ => {}
    });
    found
}

/// The client's side of a record of a packet going this way.
pub fn replace(addr: IpAddr, dir: Option<Dir>) -> Replace {
    match dir {
        Some(Dir::ToClient) => Replace::Destination(addr),
        _ => Replace::Source(addr),
    }
}

/// `10.1.1.1, 10.2.2.2`; an IPv4 address may carry a port.
fn addr(value: &[u8], last: bool) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?;
    let mut addrs = text.split(',').map(str::trim);
    let text = if last { addrs.next_back() } else { addrs.next() }?;
    let bare = text.trim_start_matches('[').split(']').next().unwrap_or(text);
    bare.parse().ok().or_else(|| bare.split_once(':').and_then(|(addr, _)| addr.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_header() {
        for (value, last, want) in [
            ("10.1.1.1, 10.2.2.2, 10.3.3.3", true, Some("10.3.3.3")),
            ("10.1.1.1, 10.2.2.2, 10.3.3.3", false, Some("10.1.1.1")),
            (" 2001:db8::1 ", true, Some("2001:db8::1")),
            ("[2001:db8::1]:443", true, Some("2001:db8::1")),
            ("10.1.1.1:8080", true, Some("10.1.1.1")),
            ("unknown", true, None),
            ("", false, None),
        ] {
            assert_eq!(addr(value.as_bytes(), last), want.map(|text| text.parse().unwrap()), "{value}");
        }
    }
}
