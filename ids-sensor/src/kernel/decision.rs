//! What the kernel stage would decide on a packet now: its own decision ([`ids_ebpf::decide`]), on what stands in the
//! maps.
//!
//! In: headers, a port's configuration, the maps.  Out: the outcome, of a packet that has nothing odd about it and no data
//! that rules ask for. Nothing is counted.

use std::net::IpAddr;

use ids_ebpf::Outcome;
use ids_ebpf::block::HostBlock;
use ids_ebpf::config::PortConfig;
use ids_ebpf::decide;
use ids_ebpf::flood::{Bucket, Kind, Limit, Source};
use ids_ebpf::flow::{Addr, FlowBlock, FlowKey, Released};
use ids_ebpf::headers::Headers;
use ids_ebpf::interest::Interest;
use ids_ebpf::shared::Shared;

use super::clock::Monotonic;
use super::prefix::Prefix;
use super::{Error, Tables};

/// The outcome of a packet with these headers.
///
/// # Errors
/// A map cannot be read.
pub fn of(tables: &Tables, headers: &Headers, config: &PortConfig) -> Result<Outcome, Error> {
    let key = FlowKey::of(headers, config).0;
    let end = |addr: Addr| -> Result<End, Error> {
        let host = Prefix::host(address(headers.version, addr));
        let allowed = tables.allowed()?.into_iter().any(|allowed| allowed.contains(host));
        Ok(End { addr, allowed, block: tables.longest(host)?.map(Shared::new) })
    };
    let copy = Copy {
        now: Monotonic::now().0,
        ends: [end(headers.src)?, end(headers.dst)?],
        limits: [tables.floods.limit(Kind::Syn)?, tables.floods.limit(Kind::Udp)?],
        bucket: match Kind::of(headers) {
            Some(kind) => tables.floods.bucket(&Source::of(headers, kind))?.map(Shared::new),
            None => None,
        },
        flow: tables.flows.block_of(&key)?.map(Shared::new),
        released: tables.flows.release_of(&key)?.map(plain).map(Shared::new),
        interest: tables.interest(),
    };
    Ok(decide::decide(&[][..], headers, 0, config, &copy))
}

/// A release as it is for a packet of which nothing is known but its headers.
fn plain(released: Released) -> Released {
    Released { watched: released.watched & !(Released::TRACKED | Released::CHECKED), ..released }
}

/// An address as the rest of the sensor writes it.
pub fn address(version: u8, addr: Addr) -> IpAddr {
    if version == 4 { addr.v4_bytes().into() } else { addr.bytes().into() }
}

/// An address as the maps write it.
pub fn addr(address: IpAddr) -> Addr {
    match address {
        IpAddr::V4(v4) => Addr::v4(v4.octets()),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            // The halves of 128 bits.
            Addr { high: (bits >> 64) as u64, low: bits as u64 }
        }
    }
}

/// What the maps say about one packet, copied.
struct Copy<'t> {
    now: u64,
    ends: [End; 2],
    limits: [Option<Limit>; 2],
    bucket: Option<Shared<Bucket>>,
    flow: Option<Shared<FlowBlock>>,
    released: Option<Shared<Released>>,
    interest: Option<&'t Interest>,
}

/// What they say about one of its addresses.
struct End {
    addr: Addr,
    allowed: bool,
    block: Option<Shared<HostBlock>>,
}

impl Copy<'_> {
    fn end(&self, addr: Addr) -> Option<&End> {
        self.ends.iter().find(|end| end.addr == addr)
    }
}

impl decide::Tables for Copy<'_> {
    fn now(&self) -> u64 {
        self.now
    }

    fn tick(&self) -> u64 {
        self.now
    }

    fn allowed(&self, _: u8, addr: Addr) -> bool {
        self.end(addr).is_some_and(|end| end.allowed)
    }

    fn host(&self, _: u8, addr: Addr) -> Option<&Shared<HostBlock>> {
        self.end(addr)?.block.as_ref()
    }

    fn limit(&self, kind: Kind) -> Option<Limit> {
        self.limits[kind as usize]
    }

    fn bucket(&self, _: &Source, _: &Limit) -> Option<&Shared<Bucket>> {
        self.bucket.as_ref()
    }

    fn over_limit(&self, _: Kind, _: u64) {}

    fn flow(&self, _: &FlowKey) -> Option<&Shared<FlowBlock>> {
        self.flow.as_ref()
    }

    fn released(&self, _: &FlowKey) -> Option<&Shared<Released>> {
        self.released.as_ref()
    }

    fn interest(&self) -> Option<&Interest> {
        self.interest
    }
}
