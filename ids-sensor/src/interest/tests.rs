//! What configurations and rules come to, on headers of packets.

use ids_core::detect::compile::Loader;
use ids_core::detect::settings::Settings;
use ids_ebpf::headers::Headers;

use super::*;
use crate::config::{self, Config, node};

/// A configuration without any records.
const SILENT: &str = "decoder: {teredo: {enabled: no}, vxlan: {enabled: no}, geneve: {enabled: no}}";

fn wanted(yaml: &str, inline: bool, rules: &str) -> Wanted {
    let config = Config::from_tree(node::parse(yaml).expect(yaml), inline);
    let others = Others::of(&config, &config::core::engine(&config, inline));
    let parsed = ids_core::rules::parse(rules).rules.into_iter().map(|rule| (0, rule));
    let loaded = Loader::default().compile(parsed, &Settings::default()).unwrap();
    assert_eq!(loaded.rules.len(), rules.lines().count(), "{:?}", loaded.faults);
    Wanted::of(&loaded.rules, &others)
}

fn packet(proto: u8, src_port: u16, dst_port: u16) -> Headers {
    Headers { version: 4, proto, src_port, dst_port, ..Headers::EMPTY }
}

fn icmp(version: u8, proto: u8, icmp_type: u8) -> Headers {
    Headers { version, icmp_type, ..packet(proto, 0, 0) }
}

/// Packets by name: what the cases below say of each whether it is wanted.
fn packets() -> [(&'static str, Headers); 9] {
    [
        ("http", packet(6, 40000, 80)),
        ("http reply", packet(6, 80, 40000)),
        ("other tcp", packet(6, 40000, 22)),
        ("dns", packet(17, 40000, 53)),
        ("vxlan", packet(17, 40000, 4789)),
        ("udp-lite", packet(136, 40000, 53)),
        ("igmp", packet(2, 0, 0)),
        ("echo", icmp(4, 1, 8)),
        ("echo reply", icmp(4, 1, 0)),
    ]
}

fn names(wanted: &Wanted) -> Vec<&'static str> {
    packets().into_iter().filter(|(_, headers)| wanted.interest.wants(headers)).map(|(name, _)| name).collect()
}

const ALL_TCP: [&str; 3] = ["http", "http reply", "other tcp"];
const ALL_UDP: [&str; 3] = ["dns", "vxlan", "udp-lite"];

#[test]
fn rules_want_their_packets_and_those_of_the_same_flows() {
    let everything: Vec<&str> = packets().iter().map(|(name, _)| *name).collect();
    let cases = [
        ("", vec![]),
        ("alert tcp any any -> any 80 (sid:1;)", vec!["http", "http reply"]),
        ("alert tcp any 80 -> any 1024: (sid:1;)", vec!["http", "http reply"]),
        ("alert tcp 10.0.0.1 any -> any any (sid:1;)", ALL_TCP.to_vec()),
        ("alert tcp any any -> any !80 (sid:1;)", everything[..3].to_vec()),
        ("alert http any any -> any any (sid:1;)", ALL_TCP.to_vec()),
        ("alert udp any any -> any 53 (sid:1;)", vec!["dns", "udp-lite"]),
        ("alert udp any any -> any any (sid:1;)", ALL_UDP.to_vec()),
        ("alert ip any any -> any any (ip_proto:2; sid:1;)", vec!["igmp"]),
        ("alert ip any any -> any any (ip_proto:136; sid:1;)", vec!["udp-lite"]),
        ("alert icmp any any -> any any (itype:8; sid:1;)", vec!["echo", "echo reply"]),
        ("alert icmp any any -> any any (itype:13; sid:1;)", vec![]),
        ("alert icmp any any -> any any (itype:3; sid:1;)", everything.clone()),
        ("alert ip any any -> any any (sid:1;)", everything.clone()),
        ("alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:1;)", everything.clone()),
        ("pass ip any any -> any any (sid:1;)", vec![]),
    ];
    for (rule, expected) in cases {
        assert_eq!(names(&wanted(SILENT, false, rule)), expected, "{rule}");
    }
}

#[test]
fn records_and_settings_want_theirs() {
    let tcp_and_udp: Vec<&str> = packets()[..6].iter().map(|(name, _)| *name).collect();
    let everything: Vec<&str> = packets().iter().map(|(name, _)| *name).collect();
    let eve = |types: &str| format!("{SILENT}\noutputs: [{{eve-log: {{enabled: yes, types: [{types}]}}}}]");
    let cases = [
        (eve("alert, drop, stats"), false, vec![]),
        (eve("flow"), false, everything.clone()),
        (eve("http"), false, ALL_TCP.to_vec()),
        (eve("dns"), false, tcp_and_udp.clone()),
        (eve("anomaly"), false, tcp_and_udp.clone()),
        (eve("{anomaly: {types: {applayer: no, stream: yes}}}"), false, ALL_TCP.to_vec()),
        (eve("{anomaly: {types: {applayer: no, decode: yes}}}"), false, everything),
        (eve("{anomaly: {types: {applayer: no}}}"), false, vec![]),
        ("decoder: {teredo: {enabled: no}, geneve: {enabled: no}}".to_owned(), false, vec!["vxlan"]),
        (SILENT.to_owned(), true, tcp_and_udp),
        (format!("{SILENT}\nexception-policy: ignore"), true, ALL_TCP.to_vec()),
    ];
    for (yaml, inline, expected) in cases {
        assert_eq!(names(&wanted(&yaml, inline, "")), expected, "{yaml} {inline}");
    }
    let default = wanted(config::DEFAULT, false, "");
    assert_eq!(names(&default).len(), packets().len(), "by default there are flow records");
}

fn wanted_texts(rules: &str) -> Vec<String> {
    wanted(SILENT, false, rules).reports().iter().map(Report::text).collect()
}

#[test]
fn it_is_told_why() {
    let rules = "alert tcp any any -> any any (sid:7;)\nalert tcp any any -> any any (sid:8;)\n\
                 alert tcp any any -> any 80 (sid:9;)\nalert udp any any -> any [53,80:82] (sid:10;)";
    let wanted = wanted(&format!("{SILENT}\noutputs: [{{eve-log: {{types: [http]}}}}]"), false, rules);
    let texts: Vec<String> = wanted.reports().iter().map(Report::text).collect();
    assert_eq!(texts[0], "tcp: all is inspected because of http records (tcp), 2 rules, first: sid 7, 8");
    assert_eq!(texts[1], "udp: inspected is port 53, 80-82 because of the rule with sid 10; the rest is skipped");
    assert_eq!(texts[3], "icmp: is skipped");
    let unread = "tcp that is not read any more (beyond the depth, encrypted)";
    assert_eq!(texts[7], format!("{unread}: is skipped"), "addresses alone are looked at once");
    let keeps = |rule| wanted_texts(rule).remove(7);
    assert_eq!(keeps("alert tcp any any -> any any (content:\"a\"; sid:1;)"), format!("{unread}: is skipped"));
    let all = format!("{unread}: all is inspected because of the rule with sid 1");
    assert_eq!(keeps("alert tcp any any -> any any (ttl:1; sid:1;)"), all);
    let some = |what: &str| format!("{unread}: inspected is {what}; the rest is skipped");
    assert_eq!(
        keeps("alert tcp any any -> any any (content:\"a\"; depth:4; sid:1;)"),
        some("what carries data because of the rule with sid 1")
    );
    assert_eq!(
        keeps("alert tcp any any -> any any (content:\"abcd\"; depth:4; sid:1;)"),
        some("data that looks as rules on single packets want it (the rule with sid 1)")
    );
    assert_eq!(
        keeps("alert tcp any any -> any any (tcpv4-csum:invalid; sid:1;)"),
        some("wrong checksums (the rule with sid 1)")
    );
    assert_eq!(
        keeps("alert tcp any any -> any any (stream-event:pkt_retransmission; sid:1;)"),
        some("what is sent again (the rule with sid 1)")
    );
    assert_eq!(texts[5], "other IP: inspected is protocol 136 because of the rule with sid 10; the rest is skipped");
}

#[test]
fn either_is_what_one_of_them_wants() {
    let set = |rule| wanted(SILENT, false, rule).interest;
    let web = set("alert tcp any any -> any 80 (sid:1;)");
    let echo = set("alert icmp any any -> any any (itype:8; sid:1;)");
    let igmp = set("alert ip any any -> any any (ip_proto:2; sid:1;)");
    let udp = set("alert udp any any -> any any (sid:1;)");
    let sum = either(&either(&web, &echo), &either(&igmp, &udp));
    for (name, headers) in packets() {
        let any = [&web, &echo, &igmp, &udp].iter().any(|one| one.wants(&headers));
        assert_eq!(sum.wants(&headers), any, "{name}");
        assert!(everything().wants(&headers), "{name}");
    }
    assert_eq!(*either(&web, &web), *web);
    assert!(everything().wants_non_ip() && !sum.wants_non_ip());
}
