//! Blocks carried out in userspace, on packets that come by no program: the same decision, on the same maps.
//!
//! In: packets from their IP header on.  Out: whether a block drops them. While nothing is blocked, no map is asked. Hits
//! are not counted in the maps, and limits on sources are not kept: only the kernel can do that in place.

use aya::maps::lpm_trie::Key;
use aya::maps::{HashMap, IterableMap as _, LpmTrie, Map, MapData, MapError};
use ids_ebpf::Outcome;
use ids_ebpf::block::HostBlock;
use ids_ebpf::config::PortConfig;
use ids_ebpf::decide;
use ids_ebpf::flood::{Bucket, Kind, Limit, Source};
use ids_ebpf::flow::{Addr, FlowBlock, FlowKey, Released};
use ids_ebpf::headers::{Bytes, Headers};
use ids_ebpf::interest::Interest;
use ids_ebpf::map::{self, Table};
use ids_ebpf::shared::Shared;

use super::clock::Monotonic;
use super::in_use::InUse;
use super::tables::{Flows, reopened, there};
use super::{Error, Tables, again};

/// One thread's view of the maps.
pub struct Lookup {
    allow4: LpmTrie<MapData, [u8; 4], u32>,
    allow6: LpmTrie<MapData, [u8; 16], u32>,
    hosts4: HashMap<MapData, [u8; 4], HostBlock>,
    block4: LpmTrie<MapData, [u8; 4], HostBlock>,
    block6: LpmTrie<MapData, [u8; 16], HostBlock>,
    flows: Flows,
    in_use: InUse,
    config: PortConfig,
    /// Something may be blocked.
    any: bool,
}

impl Lookup {
    /// A view for packets of ports that behave so.
    ///
    /// # Errors
    /// No more file descriptors.
    pub fn new(tables: &Tables, config: PortConfig) -> Result<Self, Error> {
        let (flows, in_use) = (tables.flows.again()?, tables.flows.in_use.again()?);
        let mut lookup = Self {
            allow4: trie(map::ALLOW4, tables.allow4.map())?,
            allow6: trie(map::ALLOW6, tables.allow6.map())?,
            hosts4: reopened(map::HOSTS4, &tables.hosts4)?,
            block4: trie(map::BLOCK4, tables.block4.map())?,
            block6: trie(map::BLOCK6, tables.block6.map())?,
            flows,
            in_use,
            config,
            any: false,
        };
        lookup.refresh()?;
        Ok(lookup)
    }

    /// Looks again whether anything is blocked at all.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn refresh(&mut self) -> Result<(), Error> {
        self.any = self.in_use.any(&[Table::Hosts4, Table::Block4, Table::Block6, Table::BlockedFlows])?;
        Ok(())
    }

    /// The block that drops a packet, as an outcome; `None` if none does.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn block_of(&self, packet: &[u8]) -> Result<Option<Outcome>, Error> {
        if !self.any {
            return Ok(None);
        }
        let headers = Headers::parse(&Framed(packet));
        let host = |addr| self.host(headers.version, addr);
        let found = Found {
            lookup: self,
            hosts: [(headers.src, host(headers.src)?), (headers.dst, host(headers.dst)?)],
            flow: self.flows.block_of(&FlowKey::of(&headers, &self.config).0)?.map(Shared::new),
        };
        let outcome = decide::decide(packet, &headers, packet.len() as u64, &self.config, &found);
        Ok(matches!(outcome, Outcome::DropHost | Outcome::DropFlow).then_some(outcome))
    }

    fn host(&self, version: u8, addr: Addr) -> Result<Option<Shared<HostBlock>>, Error> {
        let found = match version {
            4 => match there(map::HOSTS4, self.hosts4.get(&addr.v4_bytes(), 0))? {
                None => there(map::BLOCK4, self.block4.get(&Key::new(32, addr.v4_bytes()), 0))?,
                found => found,
            },
            6 => there(map::BLOCK6, self.block6.get(&Key::new(128, addr.bytes()), 0))?,
            _ => None,
        };
        Ok(found.map(Shared::new))
    }
}

fn trie<K: aya::Pod, V: aya::Pod>(name: &'static str, map: &MapData) -> Result<LpmTrie<MapData, K, V>, Error> {
    let failed = |error: MapError| Error::map(name, &error);
    LpmTrie::try_from(Map::LpmTrie(again(name, map)?)).map_err(failed)
}

/// A packet behind an Ethernet header that says what it is (IEEE 802.3 §3.2.6).
struct Framed<'a>(&'a [u8]);

/// Bytes of the header.
const ETHERNET: usize = 14;

impl Bytes for Framed<'_> {
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset >= ETHERNET {
            return self.0.get(offset - ETHERNET..)?.first_chunk().copied();
        }
        let kind: [u8; 2] = if self.0.first()? >> 4 == 6 { [0x86, 0xdd] } else { [0x08, 0x00] };
        // Of the header nobody asks for anything else.
        kind.first_chunk().filter(|_| offset == ETHERNET - 2).copied()
    }

    fn length(&self) -> usize {
        self.0.len() + ETHERNET
    }
}

/// What the maps hold on one packet.
struct Found<'a> {
    lookup: &'a Lookup,
    hosts: [(Addr, Option<Shared<HostBlock>>); 2],
    flow: Option<Shared<FlowBlock>>,
}

impl decide::Tables for Found<'_> {
    fn now(&self) -> u64 {
        Monotonic::now().0
    }

    fn tick(&self) -> u64 {
        self.now()
    }

    /// Rarely asked: only where there is a block. What cannot be read shields nobody.
    fn allowed(&self, version: u8, addr: Addr) -> bool {
        match version {
            4 => self.lookup.allow4.get(&Key::new(32, addr.v4_bytes()), 0).is_ok(),
            _ => self.lookup.allow6.get(&Key::new(128, addr.bytes()), 0).is_ok(),
        }
    }

    fn host(&self, _: u8, addr: Addr) -> Option<&Shared<HostBlock>> {
        self.hosts.iter().find(|(known, _)| *known == addr)?.1.as_ref()
    }

    fn limit(&self, _: Kind) -> Option<Limit> {
        None
    }

    fn bucket(&self, _: &Source, _: &Limit) -> Option<&Shared<Bucket>> {
        None
    }

    fn over_limit(&self, _: Kind, _: u64) {}

    fn flow(&self, _: &FlowKey) -> Option<&Shared<FlowBlock>> {
        self.flow.as_ref()
    }

    fn released(&self, _: &FlowKey) -> Option<&Shared<Released>> {
        None
    }

    fn interest(&self) -> Option<&Interest> {
        None
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use ids_ebpf::headers::Class;

    use super::*;

    #[test]
    fn packets_without_a_link_layer_are_read_as_with_one() {
        let mut four = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2).write(&mut four, b"four").unwrap();
        let mut six = Vec::new();
        PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(3, 4, 5, 6).write(&mut six, b"six").unwrap();
        for (packet, version, ports) in [(&four, 4, (1, 2)), (&six, 6, (3, 4))] {
            let headers = Headers::parse(&Framed(packet));
            assert_eq!((headers.class, headers.version), (Class::Whole, version));
            assert_eq!((headers.src_port, headers.dst_port), ports);
            let cut = Headers::parse(&Framed(&packet[..10]));
            assert_eq!(cut.class, Class::Malformed);
        }
        assert_eq!(Headers::parse(&Framed(&[])).class, Class::Malformed);
    }
}
