//! Fields of protocols whose messages are datagrams.

use super::super::Step::{Answer, Ask, Listen};
use super::{Case, case};
use crate::app::dhcp::sample as dhcp;
use crate::app::ike::sample as ike;
use crate::app::ntp::sample as ntp;
use crate::app::snmp::sample as snmp;

pub(super) fn fields() -> Vec<Case> {
    let mut cases: Vec<Case> = SNMP_FIELDS.map(snmp_case).into();
    cases.extend(NTP_FIELDS.map(ntp_case));
    cases.extend(DHCP_FIELDS.map(dhcp_case));
    cases.extend(IKE_FIELDS.map(ike_case));
    cases
}

/// A rule on SNMP, on messages that differ in everything.
fn snmp_case(options: &str) -> Case {
    let hit = vec![
        Listen(161),
        Ask(snmp::message(0, "one", &snmp::trap(3))),
        Answer(snmp::secured(3, "one", Some(&snmp::content(2, 1)))),
    ];
    let miss = vec![
        Listen(161),
        Ask(snmp::message(1, "two", &snmp::content(0, 1))),
        Answer(snmp::message(1, "two", &snmp::content(1, 1))),
        Ask(snmp::message(1, "two", &snmp::trap(4))),
    ];
    case(&format!("alert snmp any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on NTP, on a question and an answer that differ from others in everything.
fn ntp_case(options: &str) -> Case {
    let sides = |version, modes: [u8; 2], stratum, reference| {
        let [ask, answer] = modes;
        vec![
            Listen(123),
            Ask(ntp::message(version, ask, stratum, reference)),
            Answer(ntp::message(version, answer, stratum, reference)),
        ]
    };
    let (hit, miss) = (sides(4, [3, 4], 1, b"GPS\0"), sides(3, [1, 2], 2, b"\x0a\0\0\x01"));
    case(&format!("alert ntp any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on DHCP, on acknowledgments that differ in all times.
fn dhcp_case(options: &str) -> Case {
    let answer = |times| vec![Listen(67), Ask(dhcp::message(1, &[53, 1, 3])), Answer(dhcp::acknowledgment(times))];
    let rule = format!("alert dhcp any any -> any any ({options}; sid:1;)");
    case(&rule, answer([100, 60, 80]), answer([10, 6, 8]))
}

/// A rule on IKE, on two negotiations that differ in everything.
fn ike_case(options: &str) -> Case {
    let sides = |spis: [u8; 2], kind, text: &[u8], cipher| {
        let payloads = |side: &[u8]| {
            let said = [side, text].concat();
            vec![(1, ike::offer(&[&[(1, cipher)]])), (4, said.clone()), (10, said.clone()), (13, said)]
        };
        vec![
            Listen(500),
            Ask(ike::message(1, kind, 0, [spis[0], 0], &payloads(b"c"))),
            Answer(ike::message(1, kind, 0, spis, &payloads(b"s"))),
        ]
    };
    let (hit, miss) = (sides([1, 2], 2, b"one", 7), sides([3, 4], 4, b"other", 5));
    case(&format!("alert ike any any -> any any ({options}; sid:1;)"), hit, miss)
}

const SNMP_FIELDS: [&str; 6] = [
    "snmp.version:3",
    "snmp.version:=1",
    "snmp.pdu_type:2",
    "snmp.trap_type:linkup",
    "snmp.community; content:\"one\"; bsize:3",
    "snmp.usm; content:\"one\"; bsize:3",
];

const NTP_FIELDS: [&str; 4] =
    ["ntp.version:4", "ntp.mode:server", "ntp.stratum:<2", "ntp.reference_id; content:\"GPS|00|\"; bsize:4"];

const DHCP_FIELDS: [&str; 3] = ["dhcp.leasetime:>99", "dhcp.renewal_time:50<>70", "dhcp.rebinding_time:80"];

const IKE_FIELDS: [&str; 10] = [
    "ike.init_spi; content:\"0101\"; startswith",
    "ike.resp_spi; content:\"0202\"; startswith",
    "ike.vendor; content:\"636f6e65\"; bsize:8",
    "ike.nonce_payload; content:\"cone\"; bsize:4",
    "ike.nonce_payload:to_client; content:\"sone\"; bsize:4",
    "ike.nonce_payload_length:4",
    "ike.key_exchange_payload; content:\"sone\"; bsize:4",
    "ike.key_exchange_payload_length:<5",
    "ike.exchtype:2",
    "ike.chosen_sa_attribute:alg_enc=7",
];
