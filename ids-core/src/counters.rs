//! Counters: a plain array per worker, one declared row each.

use crate::anomaly::{self, Anomaly};
use crate::exception::{Exception, Trouble};
use crate::verdict::DropReason;

macro_rules! counters {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// One counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Counter { $(#[doc = $doc] $variant,)* }

        /// Name in the `stats` tree and meaning of every counter, in the order of their numbers.
        pub const ROWS: &[(Counter, &str, &str)] = &[$((Counter::$variant, $name, $doc),)*];
    };
}

counters! {
    DecoderPkts = "decoder.pkts", "Packets captured and decoded; what came out of tunnels and fragments is not counted again.";
    DecoderBytes = "decoder.bytes", "Their bytes.";
    DecoderInvalid = "decoder.invalid", "Packets that could not be decoded.";
    DecoderIpv4 = "decoder.ipv4", "IPv4 packets.";
    DecoderIpv6 = "decoder.ipv6", "IPv6 packets.";
    DecoderEthernet = "decoder.ethernet", "Ethernet frames.";
    DecoderArp = "decoder.arp", "ARP packets.";
    DecoderUnknownEthertype = "decoder.unknown_ethertype", "Frames of a type that is not decoded.";
    DecoderChdlc = "decoder.chdlc", "Cisco HDLC packets.";
    DecoderRaw = "decoder.raw", "Packets without a link layer.";
    DecoderNull = "decoder.null", "BSD loopback packets.";
    DecoderSll = "decoder.sll", "Linux cooked packets.";
    DecoderSll2 = "decoder.sll2", "Linux cooked packets, version 2.";
    DecoderTcp = "decoder.tcp", "TCP packets.";
    DecoderUdp = "decoder.udp", "UDP packets.";
    DecoderSctp = "decoder.sctp", "SCTP packets.";
    DecoderEsp = "decoder.esp", "ESP packets.";
    DecoderIcmpv4 = "decoder.icmpv4", "ICMP packets.";
    DecoderIcmpv6 = "decoder.icmpv6", "ICMPv6 packets.";
    DecoderPpp = "decoder.ppp", "PPP packets.";
    DecoderPppoe = "decoder.pppoe", "PPPoE packets.";
    DecoderGeneve = "decoder.geneve", "GENEVE packets.";
    DecoderGre = "decoder.gre", "GRE packets.";
    DecoderVlan = "decoder.vlan", "Frames with a VLAN tag.";
    DecoderVlanQinq = "decoder.vlan_qinq", "Frames with two VLAN tags.";
    DecoderVlanQinqinq = "decoder.vlan_qinqinq", "Frames with three VLAN tags.";
    DecoderVxlan = "decoder.vxlan", "VXLAN packets.";
    DecoderVntag = "decoder.vntag", "VN-tagged frames.";
    DecoderIeee8021ah = "decoder.ieee8021ah", "802.1ah frames.";
    DecoderTeredo = "decoder.teredo", "Teredo packets.";
    DecoderIpv4InIpv4 = "decoder.ipv4_in_ipv4", "IPv4 in IPv4.";
    DecoderIpv6InIpv4 = "decoder.ipv6_in_ipv4", "IPv6 in IPv4.";
    DecoderIpv4InIpv6 = "decoder.ipv4_in_ipv6", "IPv4 in IPv6.";
    DecoderIpv6InIpv6 = "decoder.ipv6_in_ipv6", "IPv6 in IPv6.";
    DecoderMpls = "decoder.mpls", "MPLS packets.";
    DecoderErspan = "decoder.erspan", "ERSPAN packets.";
    DecoderNsh = "decoder.nsh", "NSH packets.";
    DecoderMaxPktSize = "decoder.max_pkt_size", "Largest packet, in bytes.";
    DecoderTooManyLayers = "decoder.too_many_layers", "Packets with more layers than are decoded.";
    DefragIpv4Fragments = "defrag.ipv4.fragments", "IPv4 fragments.";
    DefragIpv4Reassembled = "defrag.ipv4.reassembled", "IPv4 datagrams put together.";
    DefragIpv4Timeouts = "defrag.ipv4.timeouts", "IPv4 datagrams given up.";
    DefragIpv6Fragments = "defrag.ipv6.fragments", "IPv6 fragments.";
    DefragIpv6Reassembled = "defrag.ipv6.reassembled", "IPv6 datagrams put together.";
    DefragIpv6Timeouts = "defrag.ipv6.timeouts", "IPv6 datagrams given up.";
    DefragMemuse = "defrag.memuse", "Bytes that fragments hold.";
    DefragMemcap = "defrag.memcap", "Fragments refused because of the memory cap.";
    DefragMaxTrackers = "defrag.max_trackers_reached", "Fragments refused because too many datagrams were open.";
    DefragMaxFrags = "defrag.max_frags_reached", "Fragments refused because too many were held.";
    FlowTotal = "flow.total", "Flows.";
    FlowActive = "flow.active", "Flows open now.";
    FlowTcp = "flow.tcp", "TCP flows.";
    FlowUdp = "flow.udp", "UDP flows.";
    FlowIcmpv4 = "flow.icmpv4", "ICMP flows.";
    FlowIcmpv6 = "flow.icmpv6", "ICMPv6 flows.";
    FlowTcpReuse = "flow.tcp_reuse", "Connections that took over the ports of an ended one.";
    FlowMemcap = "flow.memcap", "Flows refused or ended early because the table was full.";
    FlowMemuse = "flow.memuse", "Bytes that the flow table holds.";
    FlowEndNew = "flow.end.state.new", "Flows that ended before both sides were heard, or the handshake was over.";
    FlowEndEstablished = "flow.end.state.established", "Flows that ended established.";
    FlowEndClosed = "flow.end.state.closed", "Flows that ended closed.";
    FlowEndBypassed = "flow.end.state.local_bypassed", "Flows that ended bypassed.";
    FlowBypassedPkts = "flow_bypassed.local_pkts", "Packets of bypassed flows.";
    FlowBypassedBytes = "flow_bypassed.local_bytes", "Their bytes.";
    TcpSyn = "tcp.syn", "SYN packets.";
    TcpSynack = "tcp.synack", "SYN-ACK packets.";
    TcpRst = "tcp.rst", "RST packets.";
    TcpUrg = "tcp.urg", "TCP packets with the URG flag.";
    TcpUrgentOobData = "tcp.urgent_oob_data", "Urgent bytes taken out of band.";
    TcpAckUnseenData = "tcp.ack_unseen_data", "Acknowledgments of data that was not seen.";
    TcpSessions = "tcp.sessions", "TCP sessions.";
    TcpActiveSessions = "tcp.active_sessions", "TCP sessions open now.";
    TcpSsnMemcapDrop = "tcp.ssn_memcap_drop", "Sessions refused because of the memory cap.";
    TcpInvalidChecksum = "tcp.invalid_checksum", "TCP packets with a wrong checksum.";
    TcpMidstreamPickups = "tcp.midstream_pickups", "Sessions picked up after their start.";
    TcpReassemblyGap = "tcp.reassembly_gap", "Gaps in streams.";
    TcpReassemblyMemuse = "tcp.reassembly_memuse", "Bytes that reassembly holds.";
    TcpSegmentMemcapDrop = "tcp.segment_memcap_drop", "Segments not kept because of the memory cap.";
    TcpStreamDepthReached = "tcp.stream_depth_reached", "Streams that reached the depth.";
    TcpOverlap = "tcp.overlap", "Segments that overlap earlier ones.";
    TcpOverlapDiffData = "tcp.overlap_diff_data", "Overlaps whose bytes differ.";
    TcpMemuse = "tcp.memuse", "Bytes that TCP sessions hold.";
    MemcapPressure = "memcap.pressure", "Percent of the memory that may be used: the highest of flows, TCP sessions and reassembly.";
    MemcapPressureMax = "memcap.pressure_max", "The highest so far.";
    DetectAlert = "detect.alert", "Alerts.";
    DetectAlertQueueOverflow = "detect.alert_queue_overflow", "Alerts lost because one packet had too many.";
    DetectAlertsSuppressed = "detect.alerts_suppressed", "Alerts held back by thresholds and suppressions.";
    DetectDatasetMemcap = "detect.dataset_memcap", "Values not added to a dataset because it was full.";
    DetectFramesLost = "detect.frames_lost", "Frames of protocols that went before they were done with, because there were too many.";
    DetectFrameBytesLost = "detect.frame_bytes_lost", "Bytes of frames that went before rules saw them, because there were too many.";
    DetectRegexLimit = "detect.regex_limit", "Regular expressions that hit their step limit.";
    IpsAccepted = "ips.accepted", "Packets let through.";
    IpsBlocked = "ips.blocked", "Packets dropped.";
    IpsRejected = "ips.rejected", "Packets rejected.";
    IpsReplaced = "ips.replaced", "Packets rewritten.";
}

/// Of these the largest of all workers' counts; others are added up.
const LARGEST: [Counter; 3] = [Counter::DecoderMaxPktSize, Counter::MemcapPressure, Counter::MemcapPressureMax];

/// The counters of one worker.
#[derive(Clone, Debug)]
pub struct Counters {
    rows: [u64; ROWS.len()],
    anomalies: [u64; anomaly::ALL.len()],
    drops: [u64; DropReason::ALL.len()],
    /// The policy for each kind of trouble, and how often it was applied.
    exceptions: [(Exception, u64); Trouble::ALL.len()],
    /// Protocols, by record name over their transport.
    pub protocols: Vec<(&'static str, ProtocolCounts)>,
}

/// What is counted of a protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolCounts {
    /// Flows that were found to speak it.
    pub flows: u64,
    /// Transactions.
    pub transactions: u64,
    /// Flows whose parser gave up because bytes were missing.
    pub gap_errors: u64,
    /// Flows whose parser gave up on what it read.
    pub parser_errors: u64,
}

impl ProtocolCounts {
    fn add(&mut self, more: Self) {
        self.flows = self.flows.wrapping_add(more.flows);
        self.transactions = self.transactions.wrapping_add(more.transactions);
        self.gap_errors = self.gap_errors.wrapping_add(more.gap_errors);
        self.parser_errors = self.parser_errors.wrapping_add(more.parser_errors);
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            rows: [0; ROWS.len()],
            anomalies: [0; anomaly::ALL.len()],
            drops: [0; DropReason::ALL.len()],
            exceptions: [(Exception::Ignore, 0); Trouble::ALL.len()],
            protocols: Vec::new(),
        }
    }
}

impl Counters {
    /// Counts one.
    pub fn count(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts several.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        if let Some(cell) = self.rows.get_mut(counter as usize) {
            *cell = cell.wrapping_add(amount);
        }
    }

    /// Sets a counter that shows a level.
    pub fn set(&mut self, counter: Counter, value: u64) {
        if let Some(cell) = self.rows.get_mut(counter as usize) {
            *cell = value;
        }
    }

    /// Sets a counter that shows the largest value so far.
    pub fn largest(&mut self, counter: Counter, value: u64) {
        if let Some(cell) = self.rows.get_mut(counter as usize) {
            *cell = value.max(*cell);
        }
    }

    /// Counts an anomaly.
    pub fn anomaly(&mut self, anomaly: Anomaly) {
        if let Some(cell) = self.anomalies.get_mut(anomaly as usize) {
            *cell = cell.wrapping_add(1);
        }
    }

    /// Counts a dropped packet.
    pub fn dropped(&mut self, reason: DropReason) {
        if let Some(cell) = self.drops.get_mut(reason as usize) {
            *cell = cell.wrapping_add(1);
        }
    }

    /// Says which exception policy is in force.
    pub fn set_policy(&mut self, trouble: Trouble, policy: Exception) {
        if let Some(cell) = self.exceptions.get_mut(trouble as usize) {
            cell.0 = policy;
        }
    }

    /// Counts that an exception policy was applied.
    pub fn exception(&mut self, trouble: Trouble) {
        if let Some(cell) = self.exceptions.get_mut(trouble as usize) {
            cell.1 = cell.1.wrapping_add(1);
        }
    }

    /// The exception policies in force other than `ignore`, and how often each was applied.
    pub fn exceptions(&self) -> impl Iterator<Item = (Trouble, Exception, u64)> {
        let rows = Trouble::ALL.into_iter().zip(self.exceptions);
        rows.filter(|(_, (policy, _))| *policy != Exception::Ignore)
            .map(|(trouble, (policy, count))| (trouble, policy, count))
    }

    /// Adds to what is counted of a protocol, by the name it is counted under.
    pub fn protocol(&mut self, name: &'static str, more: ProtocolCounts) {
        match self.protocols.iter_mut().find(|row| row.0 == name) {
            Some((_, counts)) => counts.add(more),
            None => self.protocols.push((name, more)),
        }
    }

    /// The value of a counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.rows.get(counter as usize).copied().unwrap_or_default()
    }

    /// How often an anomaly was seen.
    pub fn anomalies(&self, anomaly: Anomaly) -> u64 {
        self.anomalies.get(anomaly as usize).copied().unwrap_or_default()
    }

    /// How many packets were dropped for a reason.
    pub fn drops(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or_default()
    }

    /// Adds the counters of another worker; levels too, since each worker holds a part
    /// of the whole.
    pub fn merge(&mut self, other: &Self) {
        let largest = LARGEST.map(|counter| (counter, self.get(counter).max(other.get(counter))));
        for (mine, theirs) in self.rows.iter_mut().zip(other.rows) {
            *mine = mine.wrapping_add(theirs);
        }
        for (mine, theirs) in self.anomalies.iter_mut().zip(other.anomalies) {
            *mine = mine.wrapping_add(theirs);
        }
        for (mine, theirs) in self.drops.iter_mut().zip(other.drops) {
            *mine = mine.wrapping_add(theirs);
        }
        for (mine, (policy, count)) in self.exceptions.iter_mut().zip(other.exceptions) {
            *mine = (if mine.0 == Exception::Ignore { policy } else { mine.0 }, mine.1.wrapping_add(count));
        }
        largest.into_iter().for_each(|(counter, value)| self.set(counter, value));
        for &(name, counts) in &other.protocols {
            self.protocol(name, counts);
        }
    }
}
