//! Odd traffic, by name: what decoders and the TCP engine find wrong with a packet.
//!
//! One row per anomaly. Rules name them (`decode-event:ipv4.trunc_pkt`, `stream-event:est_invalid_ack`),
//! `anomaly` records and counters show them (`decoder.ipv4.trunc_pkt`, `stream.est_invalid_ack`).
//! Odd traffic is data, not an error: whoever finds it notes it on the packet and goes on as far as it makes
//! sense.

/// Declares the enum and its name table from one list.
macro_rules! anomalies {
    ($($layer:ident { $($variant:ident = $name:literal,)* })*) => {
        /// One kind of oddity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "the name in the table below is the documentation")]
        pub enum Anomaly { $($($variant,)*)* }

        /// All of them, in the order of their numbers.
        pub const ALL: &[Anomaly] = &[$($(Anomaly::$variant,)*)*];

        const NAMES: &[(Layer, &str)] = &[$($((Layer::$layer, $name),)*)*];
    };
}

/// Who finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Decoding and defragmentation (`decode-event`).
    Decoder,
    /// TCP sessions and reassembly (`stream-event`).
    Stream,
}

impl Layer {
    /// The prefix of the full name.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Stream => "stream",
        }
    }
}

impl Anomaly {
    /// Which layer finds it.
    pub fn layer(self) -> Layer {
        NAMES.get(self as usize).map_or(Layer::Decoder, |row| row.0)
    }

    /// The name rules use, without the layer's prefix: `ipv4.trunc_pkt`.
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |row| row.1)
    }

    /// Whether a packet could not be decoded because of it (`decoder.invalid`); the others are unusual, but
    /// did not keep anything from being decoded.
    pub fn is_malformed(self) -> bool {
        self.layer() == Layer::Decoder && !UNUSUAL.contains(&self)
    }

    /// Whether a TCP segment has it for nothing but sending again what was sent before.
    pub fn is_of_repeats(self) -> bool {
        REPEATS.contains(&self)
    }

    /// The anomaly of this name, as rules write it.
    pub fn find(layer: Layer, name: &str) -> Option<Self> {
        let name = RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        let at = NAMES.iter().position(|row| row.0 == layer && row.1 == name)?;
        ALL.get(at).copied()
    }
}

/// Old spellings that rules still use.
const RENAMED: &[(&str, &str)] = &[
    ("est_synack_resend_with_different_ack", "est_synack_resend_with_diff_ack"),
    ("3whs_synack_resend_with_different_ack", "3whs_synack_resend_with_diff_ack"),
];

/// Anomalies of segments that send something again, in an established connection.
const REPEATS: &[Anomaly] =
    &[Anomaly::StreamEstPktBeforeLastAck, Anomaly::StreamPktRetransmission, Anomaly::StreamPktSpuriousRetransmission];

/// Decoder anomalies of packets that were decoded nonetheless.
const UNUSUAL: &[Anomaly] = &[
    Anomaly::EthernetUnknownEthertype,
    Anomaly::GeneveUnknownPayloadType,
    Anomaly::Icmpv4UnknownType,
    Anomaly::Icmpv4UnknownCode,
    Anomaly::Icmpv4Ipv4TruncPkt,
    Anomaly::Icmpv4Ipv4UnknownVer,
    Anomaly::Icmpv6UnknownType,
    Anomaly::Icmpv6UnknownCode,
    Anomaly::Icmpv6Ipv6UnknownVersion,
    Anomaly::Icmpv6Ipv6TruncPkt,
    Anomaly::Icmpv6MldMessageWithInvalidHl,
    Anomaly::Icmpv6UnassignedType,
    Anomaly::Icmpv6ExperimentationType,
    Anomaly::Ipv4OptPadRequired,
    Anomaly::Ipv4OptEolRequired,
    Anomaly::Ipv4OptDuplicate,
    Anomaly::Ipv4OptUnknown,
    Anomaly::Ipv4Icmpv6,
    Anomaly::Ipv4FragOverlap,
    Anomaly::Ipv4FragIgnored,
    Anomaly::Ipv6ExthdrDuplFh,
    Anomaly::Ipv6ExthdrUselessFh,
    Anomaly::Ipv6ExthdrDuplRh,
    Anomaly::Ipv6ExthdrDuplHh,
    Anomaly::Ipv6ExthdrDuplDh,
    Anomaly::Ipv6ExthdrDuplAh,
    Anomaly::Ipv6ExthdrDuplEh,
    Anomaly::Ipv6ExthdrAhResNotNull,
    Anomaly::Ipv6HopoptsUnknownOpt,
    Anomaly::Ipv6HopoptsOnlyPadding,
    Anomaly::Ipv6DstoptsUnknownOpt,
    Anomaly::Ipv6DstoptsOnlyPadding,
    Anomaly::Ipv6RhType0,
    Anomaly::Ipv6ZeroLenPadn,
    Anomaly::Ipv6FhNonZeroReservedField,
    Anomaly::Ipv6DataAfterNoneHeader,
    Anomaly::Ipv6UnknownNextHeader,
    Anomaly::Ipv6Icmpv4,
    Anomaly::Ipv6FragOverlap,
    Anomaly::Ipv6FragIgnored,
    Anomaly::PppUnsupProto,
    Anomaly::TcpOptDuplicate,
    Anomaly::VxlanUnknownPayloadType,
];

anomalies! {
    Decoder {
        TooManyLayers = "too_many_layers",
        AfpacketTruncPkt = "afpacket.trunc_pkt",
        ArpPktTooSmall = "arp.pkt_too_small",
        ArpUnsupportedHardware = "arp.unsupported_hardware",
        ArpUnsupportedProtocol = "arp.unsupported_protocol",
        ArpInvalidPkt = "arp.invalid_pkt",
        ArpInvalidHardwareSize = "arp.invalid_hardware_size",
        ArpInvalidProtocolSize = "arp.invalid_protocol_size",
        ArpUnsupportedOpcode = "arp.unsupported_opcode",
        ChdlcPktTooSmall = "chdlc.pkt_too_small",
        DcePktTooSmall = "dce.pkt_too_small",
        ErspanHeaderTooSmall = "erspan.header_too_small",
        ErspanUnsupportedVersion = "erspan.unsupported_version",
        ErspanTooManyVlanLayers = "erspan.too_many_vlan_layers",
        EspPktTooSmall = "esp.pkt_too_small",
        EthernetPktTooSmall = "ethernet.pkt_too_small",
        EthernetUnknownEthertype = "ethernet.unknown_ethertype",
        GeneveUnknownPayloadType = "geneve.unknown_payload_type",
        GrePktTooSmall = "gre.pkt_too_small",
        GreWrongVersion = "gre.wrong_version",
        GreVersion0Recur = "gre.version0_recur",
        GreVersion0Flags = "gre.version0_flags",
        GreVersion0HdrTooBig = "gre.version0_hdr_too_big",
        GreVersion0MalformedSreHdr = "gre.version0_malformed_sre_hdr",
        GreVersion1Chksum = "gre.version1_chksum",
        GreVersion1Route = "gre.version1_route",
        GreVersion1Ssr = "gre.version1_ssr",
        GreVersion1Recur = "gre.version1_recur",
        GreVersion1Flags = "gre.version1_flags",
        GreVersion1NoKey = "gre.version1_no_key",
        GreVersion1WrongProtocol = "gre.version1_wrong_protocol",
        GreVersion1MalformedSreHdr = "gre.version1_malformed_sre_hdr",
        GreVersion1HdrTooBig = "gre.version1_hdr_too_big",
        Icmpv4PktTooSmall = "icmpv4.pkt_too_small",
        Icmpv4UnknownType = "icmpv4.unknown_type",
        Icmpv4UnknownCode = "icmpv4.unknown_code",
        Icmpv4Ipv4TruncPkt = "icmpv4.ipv4_trunc_pkt",
        Icmpv4Ipv4UnknownVer = "icmpv4.ipv4_unknown_ver",
        Icmpv6UnknownType = "icmpv6.unknown_type",
        Icmpv6UnknownCode = "icmpv6.unknown_code",
        Icmpv6PktTooSmall = "icmpv6.pkt_too_small",
        Icmpv6Ipv6UnknownVersion = "icmpv6.ipv6_unknown_version",
        Icmpv6Ipv6TruncPkt = "icmpv6.ipv6_trunc_pkt",
        Icmpv6MldMessageWithInvalidHl = "icmpv6.mld_message_with_invalid_hl",
        Icmpv6UnassignedType = "icmpv6.unassigned_type",
        Icmpv6ExperimentationType = "icmpv6.experimentation_type",
        Ieee8021ahHeaderTooSmall = "ieee8021ah.header_too_small",
        IprawInvalidIpVersion = "ipraw.invalid_ip_version",
        Ipv4PktTooSmall = "ipv4.pkt_too_small",
        Ipv4HlenTooSmall = "ipv4.hlen_too_small",
        Ipv4IplenSmallerThanHlen = "ipv4.iplen_smaller_than_hlen",
        Ipv4TruncPkt = "ipv4.trunc_pkt",
        Ipv4OptInvalid = "ipv4.opt_invalid",
        Ipv4OptInvalidLen = "ipv4.opt_invalid_len",
        Ipv4OptMalformed = "ipv4.opt_malformed",
        Ipv4OptPadRequired = "ipv4.opt_pad_required",
        Ipv4OptEolRequired = "ipv4.opt_eol_required",
        Ipv4OptDuplicate = "ipv4.opt_duplicate",
        Ipv4OptUnknown = "ipv4.opt_unknown",
        Ipv4WrongIpVersion = "ipv4.wrong_ip_version",
        Ipv4Icmpv6 = "ipv4.icmpv6",
        Ipv4FragPktTooLarge = "ipv4.frag_pkt_too_large",
        Ipv4FragOverlap = "ipv4.frag_overlap",
        Ipv4FragIgnored = "ipv4.frag_ignored",
        Ipv6PktTooSmall = "ipv6.pkt_too_small",
        Ipv6TruncPkt = "ipv6.trunc_pkt",
        Ipv6TruncExthdr = "ipv6.trunc_exthdr",
        Ipv6ExthdrDuplFh = "ipv6.exthdr_dupl_fh",
        Ipv6ExthdrUselessFh = "ipv6.exthdr_useless_fh",
        Ipv6ExthdrDuplRh = "ipv6.exthdr_dupl_rh",
        Ipv6ExthdrDuplHh = "ipv6.exthdr_dupl_hh",
        Ipv6ExthdrDuplDh = "ipv6.exthdr_dupl_dh",
        Ipv6ExthdrDuplAh = "ipv6.exthdr_dupl_ah",
        Ipv6ExthdrDuplEh = "ipv6.exthdr_dupl_eh",
        Ipv6ExthdrInvalidOptlen = "ipv6.exthdr_invalid_optlen",
        Ipv6WrongIpVersion = "ipv6.wrong_ip_version",
        Ipv6ExthdrAhResNotNull = "ipv6.exthdr_ah_res_not_null",
        Ipv6HopoptsUnknownOpt = "ipv6.hopopts_unknown_opt",
        Ipv6HopoptsOnlyPadding = "ipv6.hopopts_only_padding",
        Ipv6DstoptsUnknownOpt = "ipv6.dstopts_unknown_opt",
        Ipv6DstoptsOnlyPadding = "ipv6.dstopts_only_padding",
        Ipv6RhType0 = "ipv6.rh_type_0",
        Ipv6ZeroLenPadn = "ipv6.zero_len_padn",
        Ipv6FhNonZeroReservedField = "ipv6.fh_non_zero_reserved_field",
        Ipv6DataAfterNoneHeader = "ipv6.data_after_none_header",
        Ipv6UnknownNextHeader = "ipv6.unknown_next_header",
        Ipv6Icmpv4 = "ipv6.icmpv4",
        Ipv6FragPktTooLarge = "ipv6.frag_pkt_too_large",
        Ipv6FragOverlap = "ipv6.frag_overlap",
        Ipv6FragInvalidLength = "ipv6.frag_invalid_length",
        Ipv6FragIgnored = "ipv6.frag_ignored",
        Ipv6Ipv4InIpv6TooSmall = "ipv6.ipv4_in_ipv6_too_small",
        Ipv6Ipv4InIpv6WrongVersion = "ipv6.ipv4_in_ipv6_wrong_version",
        Ipv6Ipv6InIpv6TooSmall = "ipv6.ipv6_in_ipv6_too_small",
        Ipv6Ipv6InIpv6WrongVersion = "ipv6.ipv6_in_ipv6_wrong_version",
        LtnullPktTooSmall = "ltnull.pkt_too_small",
        LtnullUnsupportedType = "ltnull.unsupported_type",
        MplsHeaderTooSmall = "mpls.header_too_small",
        MplsPktTooSmall = "mpls.pkt_too_small",
        MplsBadLabelRouterAlert = "mpls.bad_label_router_alert",
        MplsBadLabelImplicitNull = "mpls.bad_label_implicit_null",
        MplsBadLabelReserved = "mpls.bad_label_reserved",
        MplsUnknownPayloadType = "mpls.unknown_payload_type",
        NshHeaderTooSmall = "nsh.header_too_small",
        NshUnsupportedVersion = "nsh.unsupported_version",
        NshBadHeaderLength = "nsh.bad_header_length",
        NshReservedType = "nsh.reserved_type",
        NshUnsupportedType = "nsh.unsupported_type",
        NshUnknownPayload = "nsh.unknown_payload",
        PppPktTooSmall = "ppp.pkt_too_small",
        PppVjuPktTooSmall = "ppp.vju_pkt_too_small",
        PppIp4PktTooSmall = "ppp.ip4_pkt_too_small",
        PppIp6PktTooSmall = "ppp.ip6_pkt_too_small",
        PppWrongType = "ppp.wrong_type",
        PppUnsupProto = "ppp.unsup_proto",
        PppoePktTooSmall = "pppoe.pkt_too_small",
        PppoeWrongCode = "pppoe.wrong_code",
        PppoeMalformedTags = "pppoe.malformed_tags",
        SctpPktTooSmall = "sctp.pkt_too_small",
        SllPktTooSmall = "sll.pkt_too_small",
        Sll2PktTooSmall = "sll2.pkt_too_small",
        TcpPktTooSmall = "tcp.pkt_too_small",
        TcpHlenTooSmall = "tcp.hlen_too_small",
        TcpInvalidOptlen = "tcp.invalid_optlen",
        TcpOptInvalidLen = "tcp.opt_invalid_len",
        TcpOptDuplicate = "tcp.opt_duplicate",
        UdpPktTooSmall = "udp.pkt_too_small",
        UdpHlenTooSmall = "udp.hlen_too_small",
        UdpHlenInvalid = "udp.hlen_invalid",
        UdpLenInvalid = "udp.len_invalid",
        VlanHeaderTooSmall = "vlan.header_too_small",
        VlanUnknownType = "vlan.unknown_type",
        VlanTooManyLayers = "vlan.too_many_layers",
        VntagHeaderTooSmall = "vntag.header_too_small",
        VntagUnknownType = "vntag.unknown_type",
        VxlanUnknownPayloadType = "vxlan.unknown_payload_type",
    }
    Stream {
        StreamHandshakeAckInWrongDir = "3whs_ack_in_wrong_dir",
        StreamHandshakeAsyncWrongSeq = "3whs_async_wrong_seq",
        StreamHandshakeRightSeqWrongAckEvasion = "3whs_right_seq_wrong_ack_evasion",
        StreamHandshakeSynackInWrongDirection = "3whs_synack_in_wrong_direction",
        StreamHandshakeSynackResendWithDiffAck = "3whs_synack_resend_with_diff_ack",
        StreamHandshakeSynackResendWithDiffSeq = "3whs_synack_resend_with_diff_seq",
        StreamHandshakeSynackToserverOnSynRecv = "3whs_synack_toserver_on_syn_recv",
        StreamHandshakeSynackWithWrongAck = "3whs_synack_with_wrong_ack",
        StreamHandshakeSynackFlood = "3whs_synack_flood",
        StreamHandshakeSynackTfoDataIgnored = "3whs_synack_tfo_data_ignored",
        StreamHandshakeSynResendDiffSeqOnSynRecv = "3whs_syn_resend_diff_seq_on_syn_recv",
        StreamHandshakeSynToclientOnSynRecv = "3whs_syn_toclient_on_syn_recv",
        StreamHandshakeSynFlood = "3whs_syn_flood",
        StreamHandshakeWrongSeqWrongAck = "3whs_wrong_seq_wrong_ack",
        StreamHandshakeAckDataInject = "3whs_ack_data_inject",
        StreamFourWaySynackWithWrongAck = "4whs_synack_with_wrong_ack",
        StreamFourWaySynackWithWrongSyn = "4whs_synack_with_wrong_syn",
        StreamFourWayWrongSeq = "4whs_wrong_seq",
        StreamFourWayInvalidAck = "4whs_invalid_ack",
        StreamClosewaitAckOutOfWindow = "closewait_ack_out_of_window",
        StreamClosewaitFinOutOfWindow = "closewait_fin_out_of_window",
        StreamClosewaitPktBeforeLastAck = "closewait_pkt_before_last_ack",
        StreamClosewaitInvalidAck = "closewait_invalid_ack",
        StreamClosingAckWrongSeq = "closing_ack_wrong_seq",
        StreamClosingInvalidAck = "closing_invalid_ack",
        StreamEstPacketOutOfWindow = "est_packet_out_of_window",
        StreamEstPktBeforeLastAck = "est_pkt_before_last_ack",
        StreamEstSynackResend = "est_synack_resend",
        StreamEstSynackResendWithDiffAck = "est_synack_resend_with_diff_ack",
        StreamEstSynackResendWithDiffSeq = "est_synack_resend_with_diff_seq",
        StreamEstSynackToserver = "est_synack_toserver",
        StreamEstSynResend = "est_syn_resend",
        StreamEstSynResendDiffSeq = "est_syn_resend_diff_seq",
        StreamEstSynToclient = "est_syn_toclient",
        StreamEstInvalidAck = "est_invalid_ack",
        StreamEstAckZwpData = "est_ack_zwp_data",
        StreamFinInvalidAck = "fin_invalid_ack",
        StreamFin1AckWrongSeq = "fin1_ack_wrong_seq",
        StreamFin1FinWrongSeq = "fin1_fin_wrong_seq",
        StreamFin1InvalidAck = "fin1_invalid_ack",
        StreamFin2AckWrongSeq = "fin2_ack_wrong_seq",
        StreamFin2FinWrongSeq = "fin2_fin_wrong_seq",
        StreamFin2InvalidAck = "fin2_invalid_ack",
        StreamFinButNoSession = "fin_but_no_session",
        StreamFinOutOfWindow = "fin_out_of_window",
        StreamFinSyn = "fin_syn",
        StreamLastackAckWrongSeq = "lastack_ack_wrong_seq",
        StreamLastackInvalidAck = "lastack_invalid_ack",
        StreamRstButNoSession = "rst_but_no_session",
        StreamTimewaitAckWrongSeq = "timewait_ack_wrong_seq",
        StreamTimewaitInvalidAck = "timewait_invalid_ack",
        StreamShutdownSynResend = "shutdown_syn_resend",
        StreamPktInvalidTimestamp = "pkt_invalid_timestamp",
        StreamPktInvalidAck = "pkt_invalid_ack",
        StreamPktBrokenAck = "pkt_broken_ack",
        StreamRstInvalidAck = "rst_invalid_ack",
        StreamRstWithData = "rst_with_data",
        StreamPktRetransmission = "pkt_retransmission",
        StreamPktSpuriousRetransmission = "pkt_spurious_retransmission",
        StreamPktBadWindowUpdate = "pkt_bad_window_update",
        StreamSuspectedRstInject = "suspected_rst_inject",
        StreamWrongThread = "wrong_thread",
        StreamReassemblySegmentBeforeBaseSeq = "reassembly_segment_before_base_seq",
        StreamReassemblyNoSegment = "reassembly_no_segment",
        StreamReassemblySeqGap = "reassembly_seq_gap",
        StreamReassemblyOverlapDifferentData = "reassembly_overlap_different_data",
        StreamReassemblyDepthReached = "reassembly_depth_reached",
        StreamReassemblyInsertMemcap = "reassembly_insert_memcap",
        StreamReassemblyInsertLimit = "reassembly_insert_limit",
        StreamReassemblyInsertInvalid = "reassembly_insert_invalid",
        StreamReassemblyUrgentOobLimitReached = "reassembly_urgent_oob_limit_reached",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for &anomaly in ALL {
            assert_eq!(Anomaly::find(anomaly.layer(), anomaly.name()), Some(anomaly));
        }
    }
}
