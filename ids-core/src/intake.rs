//! The first stage: captured packets → decoded packets, tunnels taken apart and fragments put together.
//!
//! In: captured packets.  Out: each of them decoded, what is in its tunnels, and the datagram that it completes, in this
//! order.  Holds: fragments.

use crate::counters::Counters;
use crate::decode::{self, Captured};
use crate::defrag::{self, Defrag, Outcome};
use crate::packet::{Anomalies, Packet, Source};

/// The first stage of one worker.
#[derive(Debug)]
pub struct Intake {
    config: decode::Config,
    defrag: Defrag,
    /// Memory for datagrams that are put together, one for each that is being looked at.
    spare: Vec<Vec<u8>>,
}

impl Intake {
    /// Nothing is open.
    pub fn new(decode: decode::Config, defrag: defrag::Config) -> Self {
        Self { config: decode, defrag: Defrag::new(defrag), spare: Vec::new() }
    }

    /// Takes a captured packet; `emit` gets every packet that comes out of it.
    pub fn push(
        &mut self,
        captured: Captured<'_>,
        counters: &mut Counters,
        emit: &mut dyn FnMut(&mut Packet<'_>, &mut Counters),
    ) {
        let config = self.config.clone();
        decode::decode(captured, &config, counters, &mut |packet, counters| self.pass(packet, counters, emit));
    }

    /// Hands on a decoded packet, and the datagram that it completes.
    fn pass(
        &mut self,
        mut packet: Packet<'_>,
        counters: &mut Counters,
        emit: &mut dyn FnMut(&mut Packet<'_>, &mut Counters),
    ) {
        if packet.layers.fragment.is_none() {
            return emit(&mut packet, counters);
        }
        let mut whole = self.spare.pop().unwrap_or_default();
        let mut odd = Anomalies::new();
        let outcome = self.defrag.push(&packet, counters, &mut odd, &mut whole);
        for anomaly in odd {
            counters.anomaly(anomaly);
            packet.note(anomaly);
        }
        emit(&mut packet, counters);
        if outcome == Outcome::Complete {
            let config = self.config.clone();
            let start = Packet { bytes: &whole, source: Source::Defrag, anomalies: Anomalies::new(), ..packet };
            decode::resume(start, &config, counters, &mut |packet, counters| self.pass(packet, counters, emit));
        }
        self.spare.push(whole);
    }
}
