//! The kernel stage, fed by hand: the loaded program on no interface, run on one packet at a time (`BPF_PROG_RUN`).
//!
//! In: packets, releases.  Out: whether the program keeps a packet in the kernel, and what it counted of a flow.
//! Packet time stands in for the kernel's clock, by which a released flow is over that was silent for too long: where
//! packet time says so, the entry is marked as over before the program looks.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use aya::programs::{TestRun, TestRunOptions};
use ids_core::flow::{Carried, Key, Watch};
use ids_core::packet::{LinkType, PacketIn};
use ids_core::stream::Pace;
use ids_core::time::Time;
use ids_ebpf::Outcome;
use ids_ebpf::config::PortConfig;
use ids_ebpf::flow::{FlowKey, Released};
use ids_ebpf::headers::{Class, Headers};
use ids_ebpf::interest::Interest;
use ids_ebpf::outcome::{Count, Way};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{Error, port_config};
use crate::kernel::clock::Monotonic;
use crate::kernel::tables::flow_key;
use crate::kernel::{Frames, Pins, Port, Sizes, Tables};
use crate::live::{carried, released};

/// Sizes of frames that the kernel runs an XDP program on that has no fragments: an Ethernet header and what an MTU
/// allows that XDP can have.
const SIZES: std::ops::RangeInclusive<usize> = 14..=3512;

/// A mistake in the terms of releases, for the test of the proof itself.
pub type Mistake = fn(&mut Released);

/// A released flow.
struct Held {
    /// Time of its latest packet.
    last: Time,
    /// The largest packet time when that came.
    heard: Time,
    idle: Duration,
}

/// The program and its maps.
pub struct Stage {
    /// Keeps the maps of both together.
    _pins: Pins,
    port: Port,
    tables: Tables,
    /// The map of sockets keeps no reference to this one.
    _socket: OwnedFd,
    config: PortConfig,
    mistake: Mistake,
    /// The largest packet time so far.
    clock: Time,
    released: HashMap<FlowKey, Held>,
    /// Packets that it was run on, by outcome.
    pub(super) counts: [Count; Outcome::ALL.len()],
    /// Packets that it cannot be run on here: no Ethernet, or a size that the kernel does not take by hand.
    pub(super) not_run: Count,
    /// Flows that were released.
    pub(super) releases: u64,
}

impl Stage {
    /// Loads the program, with a worker's socket behind it that nobody reads. `mistake` changes the terms of releases.
    ///
    /// # Errors
    /// Missing rights, or no such kernel.
    pub fn new(interest: &Interest, track_vlan: bool, mistake: Mistake) -> Result<Self, Error> {
        let pins = Pins::private()?;
        let mut tables = Tables::open(&pins, Sizes::default())?;
        tables.set_interest(interest)?;
        let mut port = Port::load(&pins, Sizes::default(), "lo", Frames::OneBuffer)?;
        let config = port_config(track_vlan);
        port.configure(config)?;
        port.heartbeat()?.beat(0, Monotonic::now())?;
        let socket = socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .map_err(|error| Error::Run(error.to_string()))?;
        port.set_socket(0, socket.as_fd())?;
        let counts = [Count::default(); Outcome::ALL.len()];
        let (clock, released, not_run, releases) = (Time::ZERO, HashMap::new(), Count::default(), 0);
        Ok(Self {
            _pins: pins,
            port,
            tables,
            _socket: socket,
            config,
            mistake,
            clock,
            released,
            counts,
            not_run,
            releases,
        })
    }

    /// Whether a packet stays in the kernel. `clock` is the largest packet time so far.
    ///
    /// # Errors
    /// The program cannot be run, or a map refuses.
    pub fn keeps(&mut self, packet: &PacketIn<'_>, clock: Time) -> Result<bool, Error> {
        self.clock = clock;
        let length = packet.bytes.len() as u64;
        if packet.link != LinkType::Ethernet {
            self.not_run.add(length);
            return Ok(false);
        }
        let headers = Headers::parse(&*packet.bytes);
        let (key, _) = FlowKey::of(&headers, &self.config);
        if !SIZES.contains(&packet.bytes.len()) {
            self.not_run.add(length);
            // It is handed up, as what the program does not understand.
            self.tables.flows.expire_release(&key)?;
            return Ok(false);
        }
        let held = self.released.get_mut(&key).filter(|_| headers.class == Class::Whole);
        if held.as_ref().is_some_and(|held| clock.since(held.heard) > held.idle) {
            self.tables.flows.expire_release(&key)?;
        }
        let before = self.port.stats()?;
        let options = TestRunOptions { data_in: Some(packet.bytes), repeat: 1, ..TestRunOptions::new() };
        self.port.program()?.test_run(options).map_err(|error| Error::Run(error.to_string()))?;
        let after = self.port.stats()?;
        let decided = Outcome::ALL.into_iter().find(|one| after.of(*one).packets != before.of(*one).packets);
        let outcome = decided.ok_or_else(|| Error::Run("no outcome was counted".to_owned()))?;
        self.counts[outcome as usize].add(length);
        if let Some(held) = held.filter(|_| outcome == Outcome::FastReleased) {
            held.last = held.last.max(packet.time);
            held.heard = clock;
        }
        Ok(outcome.way() != Way::Inspect)
    }

    /// Lets a flow stay in the kernel.
    ///
    /// # Errors
    /// The map refuses.
    pub fn release(&mut self, key: &Key, idle: Duration, watch: &Watch, pace: Option<[Pace; 2]>) -> Result<(), Error> {
        let Some((key, low)) = self.key(key) else { return Ok(()) };
        let mut terms = released(watch, pace, low);
        (self.mistake)(&mut terms);
        // Its silence is measured in packet time.
        self.tables.flows.release(&key, Duration::ZERO, &terms)?;
        self.releases += 1;
        self.released.insert(key, Held { last: Time::ZERO, heard: self.clock, idle });
        Ok(())
    }

    /// Takes a flow back; what it has carried.
    ///
    /// # Errors
    /// The map refuses.
    pub fn recall(&mut self, key: &Key) -> Result<Option<Carried>, Error> {
        let Some((key, low)) = self.key(key) else { return Ok(None) };
        let (Some(held), Some(released)) = (self.released.remove(&key), self.tables.flows.recall(&key)?) else {
            return Ok(None);
        };
        let carried = carried(&released, low, Time::ZERO, Monotonic::default());
        let any = carried.last.is_some();
        Ok(Some(Carried { last: any.then_some(held.last), heard: any.then_some(held.heard), ..carried }))
    }

    /// Whether the program has found something among the packets of a released flow.
    ///
    /// # Errors
    /// The map refuses.
    pub fn is_reopened(&self, key: &Key) -> Result<bool, Error> {
        let Some((key, _)) = self.key(key) else { return Ok(false) };
        Ok(self.tables.flows.release_of(&key)?.is_some_and(|released| released.reopened != 0))
    }

    /// Forgets all releases: another capture begins.
    ///
    /// # Errors
    /// The map refuses.
    pub fn forget_flows(&mut self) -> Result<(), Error> {
        self.released.clear();
        Ok(self.tables.flows.recall_all()?)
    }

    fn key(&self, key: &Key) -> Option<(FlowKey, ids_ebpf::flow::Dir)> {
        let key = if self.config.tracks_vlan() { *key } else { Key { vlan: [0; 3], ..*key } };
        flow_key(&key, self.config.pair)
    }
}
