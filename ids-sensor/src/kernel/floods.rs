//! Limits on what one source may send, and who is over them.
//!
//! In: limits.  Out: sources with the packets that were over a limit. The kernel stage keeps the buckets.

use std::collections::HashMap as Known;
use std::net::IpAddr;

use aya::maps::{Array, HashMap, MapData};
use ids_ebpf::flood::{Bucket, Kind, Limit, Source};
use ids_ebpf::map;

use super::prefix::Prefix;
use super::{Error, decision, take};

/// The maps.
pub struct Floods {
    limits: Array<MapData, Limit>,
    sources: HashMap<MapData, Source, Bucket>,
    /// What was seen of each source before.
    known: Known<Source, u64>,
}

/// A source that was over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Who: an IPv4 host, or the first 64 bits of an IPv6 address.
    pub source: Prefix,
    /// Which limit.
    pub kind: Kind,
    /// Packets over it since it was looked at last.
    pub packets: u64,
}

impl Floods {
    pub(super) fn open(ebpf: &mut aya::Ebpf) -> Result<Self, Error> {
        Ok(Self {
            limits: take(ebpf, map::FLOOD_LIMITS)?,
            sources: take(ebpf, map::FLOOD_SOURCES)?,
            known: Known::new(),
        })
    }

    /// Puts limits in force, by [`Kind`].
    ///
    /// # Errors
    /// The map refuses.
    pub fn set(&mut self, limits: [Limit; 2]) -> Result<(), Error> {
        for kind in Kind::ALL {
            let limit = limits[kind as usize];
            self.limits.set(kind as u32, limit, 0).map_err(|error| Error::map(map::FLOOD_LIMITS, &error))?;
        }
        Ok(())
    }

    /// The limit on packets of a kind, if there is one.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn limit(&self, kind: Kind) -> Result<Option<Limit>, Error> {
        let limit = self.limits.get(&(kind as u32), 0).map_err(|error| Error::map(map::FLOOD_LIMITS, &error))?;
        Ok(Some(limit).filter(Limit::is_set))
    }

    /// The bucket of a source.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn bucket(&self, source: &Source) -> Result<Option<Bucket>, Error> {
        super::tables::there(map::FLOOD_SOURCES, self.sources.get(source, 0))
    }

    /// Who has been over a limit since this was asked last.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn since(&mut self) -> Result<Vec<Flood>, Error> {
        let (mut found, mut known) = (Vec::new(), Known::new());
        for entry in self.sources.iter() {
            let (source, bucket) = entry.map_err(|error| Error::map(map::FLOOD_SOURCES, &error))?;
            if bucket.over == 0 {
                continue;
            }
            known.insert(source, bucket.over);
            // A source that was forgotten and came back begins at 0 again.
            let before = self.known.get(&source).copied().filter(|before| *before <= bucket.over).unwrap_or(0);
            let kind = Kind::ALL.into_iter().find(|kind| *kind as u64 == source.kind);
            if let Some(kind) = kind
                && bucket.over > before
            {
                found.push(Flood { source: prefix(&source), kind, packets: bucket.over - before });
            }
        }
        self.known = known;
        Ok(found)
    }
}

/// Whom a bucket is for.
fn prefix(source: &Source) -> Prefix {
    const V4_MAPPED: u64 = 0xffff;
    let version = if source.addr.high == 0 && source.addr.low >> 32 == V4_MAPPED { 4 } else { 6 };
    match decision::address(version, source.addr) {
        addr @ IpAddr::V4(_) => Prefix::host(addr),
        addr @ IpAddr::V6(_) => Prefix::around(addr, 64),
    }
}
