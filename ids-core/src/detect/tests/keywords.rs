//! Every keyword, option, transform and field: a rule that fires, and a near miss that does not.

mod bytes;
mod calls;
mod datagrams;
mod ftp;
mod http2;
mod mail;
mod said;
mod sessions;
mod websocket;

use etherparse::Icmpv6Type;

use super::Step::{Answer, Ask, Client, Frame, NewFlow, Odd, Server, Wait};
use super::bench::{load, settings};
use super::frames::{self, damaged, dns, icmp6, ipv4, ping, syn, tagged, tcp, tcp6, udp, udp6};
use super::{Step, fired};
use crate::anomaly::Anomaly;
use crate::app::registry::PROTOCOLS;
use crate::app::tls::sample::{self, ONE, TWO};
use crate::detect::bytes::OPTIONS;
use crate::detect::keywords::KEYWORDS;
use crate::detect::packet_fields::PACKET_FIELDS;
use crate::detect::transforms::TRANSFORMS;
use crate::rules::diagnostic::Severity;

/// Rules of which number 1 must fire on the first steps and not on the others.
struct Case {
    rules: String,
    hit: Vec<Step>,
    miss: Vec<Step>,
}

fn case(rules: &str, hit: Vec<Step>, miss: Vec<Step>) -> Case {
    Case { rules: rules.to_owned(), hit, miss }
}

/// A rule on packets of any kind with this option.
fn packet(option: &str, hit: Vec<u8>, miss: Vec<u8>) -> Case {
    case(&format!("alert ip any any -> any any ({option}; sid:1;)"), vec![Frame(hit)], vec![Frame(miss)])
}

/// A rule on HTTP with these options, on two exchanges that differ in everything.
fn http(options: &str) -> Case {
    let hit = vec![client(REQUEST), server(RESPONSE)];
    let miss = vec![client(OTHER_REQUEST), server(OTHER_RESPONSE)];
    case(&format!("alert http any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on DNS, on an exchange about `www.one.example` and one about `www.two.example`.
fn dns_case(options: &str) -> Case {
    let exchange = |name: &str, kind, address, code: u16| {
        vec![Ask(dns(0x0100, name, kind, None)), Answer(dns(0x8180 | code, name, kind, Some(address)))]
    };
    let hit = exchange("www.one.example", 1, [1, 1, 1, 1], 0);
    let miss = exchange("www.two.example", 28, [2, 2, 2, 2], 3);
    case(&format!("alert dns any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on multicast DNS.
fn mdns_case(field: &str) -> Case {
    let with = |name: &str| vec![Step::Cast(mdns_message(name))];
    let rule = format!("alert mdns any any -> any any ({field}; content:\"one.local\"; sid:1;)");
    case(&rule, with("one.local"), with("two.local"))
}

/// A message with the name in all four sections.
fn mdns_message(name: &str) -> Vec<u8> {
    let mut out = vec![0, 0, 0x84, 0, 0, 1, 0, 1, 0, 1, 0, 1];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    for _ in 0..3 {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4]);
    }
    out
}

/// A rule on TLS, on a handshake that is about `one.example` and one about `two.example`, which differ in everything.
fn tls_case(options: &str) -> Case {
    let hello = |version, random, name: &str| {
        let extensions = [sample::server_name(name), sample::alpn(name), sample::usual()].concat();
        Client(sample::record(22, 0x0301, &sample::client_hello(version, random, &extensions)))
    };
    let flight =
        |version, random, name: &str, chain: &[Vec<u8>]| Server(sample::server_flight(version, random, name, chain));
    let hit = vec![hello(0x0303, 1, "one.example"), flight(0x0303, 2, "one.example", &[ONE.der(), TWO.der()])];
    let miss = vec![hello(0x0301, 3, "two"), flight(0x0301, 4, "two", &[TWO.der()])];
    case(&format!("alert tls any any -> any any ({options}; sid:1;)"), hit, miss)
}

fn client(text: &str) -> Step {
    Client(text.as_bytes().to_vec())
}

fn server(text: &str) -> Step {
    Server(text.as_bytes().to_vec())
}

const REQUEST: &str = "POST /up/a.php?x=1 HTTP/1.1\r\nHost: One.example\r\nUser-Agent: agent-a\r\nAccept: text/a\r\n\
    Accept-Encoding: enc-a\r\nAccept-Language: lang-a\r\nReferer: http://ref-a/\r\nConnection: conn-a\r\n\
    Content-Type: type/a\r\nCookie: k=a\r\nContent-Length: 5\r\n\r\nhello";
const RESPONSE: &str = "HTTP/1.1 201 Created-a\r\nServer: server-a\r\nLocation: /loc-a\r\nSet-Cookie: s=a\r\n\
    Content-Type: rtype/a\r\nContent-Disposition: attachment; filename=\"file.exe\"\r\nContent-Length: 6\r\n\r\nresp-a";
const OTHER_REQUEST: &str = "GET /b HTTP/1.0\r\nHost: Two.example\r\nUser-Agent: agent-b\r\nAccept: text/b\r\n\
    Accept-Encoding: enc-b\r\nAccept-Language: lang-b\r\nReferer: http://ref-b/\r\nConnection: keep-alive\r\n\
    Content-Type: type/b\r\nCookie: k=b\r\nContent-Length: 3\r\n\r\nbbb";
const OTHER_RESPONSE: &str = "HTTP/1.0 404 Missing-b\r\nServer: server-b\r\nLocation: /loc-b\r\nSet-Cookie: s=b\r\n\
    Content-Type: rtype/b\r\nContent-Length: 4\r\n\r\nresp";

fn packet_fields() -> Vec<Case> {
    let ack = |change: fn(&mut [u8])| {
        let mut frame = tcp("A", b"x");
        change(&mut frame[34..]);
        frame
    };
    vec![
        packet("ttl:<64", ipv4(|ip| ip.time_to_live = 63), ipv4(|ip| ip.time_to_live = 64)),
        packet("id:7", ipv4(|ip| ip.identification = 7), ipv4(|ip| ip.identification = 8)),
        packet("tos:!x20", ipv4(|_| ()), damaged_tos(0x20)),
        packet("ip_proto:udp", udp(53, b"x"), tcp("A", b"x")),
        packet("l3_proto:ipv6", udp6(b"x"), udp(53, b"x")),
        packet("sameip", ipv4(|ip| ip.destination = ip.source), ipv4(|_| ())),
        packet("ipopts:rr", ipv4(|ip| ip.options = frames::options(&[7, 7, 4, 0, 0, 0, 0, 0])), ipv4(|_| ())),
        packet("fragbits:D", ipv4(|ip| ip.dont_fragment = true), ipv4(|ip| ip.dont_fragment = false)),
        packet(
            "fragoffset:>1",
            ipv4(|ip| ip.fragment_offset = frames::fragment(2)),
            ipv4(|ip| ip.fragment_offset = frames::fragment(1)),
        ),
        packet("dsize:3", udp(53, b"abc"), udp(53, b"abcd")),
        packet("itype:8", ping(1, 1, b""), icmp6(Icmpv6Type::PacketTooBig { mtu: 1280 })),
        packet("icode:>0", damaged(ping(1, 1, b""), 7), ping(1, 1, b"")),
        packet("icmp_id:513", ping(513, 1, b""), ping(514, 1, b"")),
        packet("icmp_seq:2", ping(1, 2, b""), ping(1, 3, b"")),
        packet(
            "icmpv6.mtu:<1281",
            icmp6(Icmpv6Type::PacketTooBig { mtu: 1280 }),
            icmp6(Icmpv6Type::PacketTooBig { mtu: 1281 }),
        ),
        packet("tcp.flags:S", tcp("S", b""), tcp("SA", b"")),
        packet("tcp.seq:1000", tcp("A", b"x"), ack(|tcp| tcp[7] ^= 1)),
        packet("tcp.ack:2000", tcp("A", b"x"), ack(|tcp| tcp[11] ^= 1)),
        packet("tcp.window:!513", tcp("A", b"x"), ack(|tcp| tcp[15] ^= 1)),
        packet("tcp.mss:1460", syn(1460, 7), syn(536, 7)),
        packet("tcp.wscale:>6", syn(1460, 7), syn(1460, 6)),
        packet("vlan.id:100,0", tagged(&udp(53, b"x"), &[100, 200]), tagged(&udp(53, b"x"), &[200, 100])),
        packet("vlan.layers:2", tagged(&udp(53, b"x"), &[1, 2]), tagged(&udp(53, b"x"), &[1])),
        case(
            "alert udp any any -> any any (flow.age:>9; sid:1;)",
            vec![Ask(b"x".to_vec()), Wait(10), Ask(b"x".to_vec())],
            vec![Ask(b"x".to_vec()), Wait(9), Ask(b"x".to_vec())],
        ),
        counted("flow.pkts:toserver,2", 2),
        counted("flow.pkts:either,2", 2),
        counted("flow.pkts_toserver:2", 2),
        counted("flow.bytes:toserver,>80", 2),
        counted("flow.bytes_toserver:>80", 2),
        answered("flow.pkts_toclient:1"),
        answered("flow.bytes_toclient:>0"),
        packet("ipv4-csum:invalid", bad_ip_checksum(), udp(53, b"x")),
        packet("tcpv4-csum:invalid", damaged(tcp("A", b"x"), 1), tcp("A", b"x")),
        packet("tcpv6-csum:invalid", damaged(tcp6(b"x"), 1), tcp6(b"x")),
        packet("udpv4-csum:invalid", damaged(udp(53, b"x"), 1), udp(53, b"x")),
        packet("udpv6-csum:valid", udp6(b"x"), damaged(udp6(b"x"), 1)),
        packet("icmpv4-csum:invalid", damaged(ping(1, 1, b"x"), 1), ping(1, 1, b"x")),
        packet("icmpv6-csum:invalid", damaged(router_solicitation(), 1), router_solicitation()),
        packet("ip.src; content:\"|0a 00 00 01|\"; bsize:4", udp(53, b"x"), udp6(b"x")),
        packet("ip.dst; content:\"|c0 00 02 50|\"", udp(53, b"x"), ipv4(|ip| ip.destination = [1; 4])),
        packet("ipv4.hdr; content:\"|07|\"; offset:8; depth:1", ipv4(|ip| ip.time_to_live = 7), ipv4(|_| ())),
        packet("ipv6.hdr; content:\"|11|\"; offset:6; depth:1", udp6(b"x"), tcp6(b"x")),
        packet("tcp.hdr; content:\"|02 04|\"; offset:20", syn(1460, 7), tcp("S", b"")),
        packet("udp.hdr; content:\"|00 35|\"; offset:2; depth:2", udp(53, b"x"), udp(54, b"x")),
        packet("icmpv4.hdr; content:\"|08 00|\"; startswith", ping(1, 1, b""), damaged(ping(1, 1, b""), 7)),
        packet(
            "icmpv6.hdr; content:\"|02|\"; startswith",
            icmp6(Icmpv6Type::PacketTooBig { mtu: 1280 }),
            router_solicitation(),
        ),
    ]
}

/// A test that the second packet to the server passes and the first does not.
fn counted(option: &str, packets: usize) -> Case {
    let some = |count| (0..count).map(|_| Ask(b"x".to_vec())).collect();
    case(&format!("alert udp any any -> any any ({option}; sid:1;)"), some(packets), some(packets - 1))
}

/// A test that an answered packet passes.
fn answered(option: &str) -> Case {
    let rule = format!("alert udp any any -> any any ({option}; sid:1;)");
    case(&rule, vec![Ask(b"x".to_vec()), Answer(b"x".to_vec())], vec![Ask(b"x".to_vec())])
}

fn damaged_tos(tos: u8) -> Vec<u8> {
    let mut frame = ipv4(|_| ());
    frame[15] = tos;
    frame
}

fn bad_ip_checksum() -> Vec<u8> {
    let mut frame = udp(53, b"x");
    frame[24] ^= 0x55;
    frame
}

fn router_solicitation() -> Vec<u8> {
    icmp6(Icmpv6Type::Unknown { type_u8: 133, code_u8: 0, bytes5to8: [0; 4] })
}

fn keywords() -> Vec<Case> {
    let two = |first: &str, second: &str| format!("{first}\n{second}\n");
    let payload = |text: &str| vec![Frame(udp(9, text.as_bytes()))];
    let twice = || vec![Frame(udp(9, b"x")), Frame(udp(9, b"x"))];
    vec![
        case(
            "alert http any any -> any any (app-layer-event:http.missing_host_header; sid:1;)",
            vec![client("GET / HTTP/1.1\r\n\r\n")],
            vec![client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
        ),
        case(
            "alert tcp any any -> any any (app-layer-protocol:http; sid:1;)",
            vec![client(REQUEST)],
            vec![client("SSH-2.0-x\r\n")],
        ),
        case(
            "alert http any any -> any any (app-layer-state:>request_line; sid:1;)",
            vec![client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")],
            vec![client("GET / HTTP/1.1\r\nHo")],
        ),
        case(
            "alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:1;)",
            vec![Frame(tcp("A", b"abcdef")[..50].to_vec())],
            vec![Frame(tcp("A", b"abcdef"))],
        ),
        case(
            "alert pkthdr any any -> any any (engine-event:decoder.ipv4.pkt_too_small; sid:1;)",
            vec![Frame(tcp("A", b"abcdef")[..20].to_vec())],
            vec![Frame(tcp("A", b"abcdef"))],
        ),
        case(
            "alert udp any any -> any any (content:\"x\"; detection_filter:track by_src, count 1, seconds 60; sid:1;)",
            twice(),
            payload("x"),
        ),
        case(
            "alert udp any any -> any any (content:\"x\"; threshold:type threshold, track by_rule, count 2, seconds 9; sid:1;)",
            twice(),
            vec![Frame(udp(9, b"x")), Wait(10), Frame(udp(9, b"x"))],
        ),
        http("frame:http1.request; content:\"hello\"; endswith"),
        case(
            "alert udp any any -> any any (flow:to_client; content:\"x\"; sid:1;)",
            vec![Ask(b"q".to_vec()), Answer(b"x".to_vec())],
            vec![Ask(b"x".to_vec())],
        ),
        case(
            &two(
                "alert udp any any -> any any (content:\"a\"; flowbits:set,bit; flowbits:noalert; sid:2;)",
                "alert udp any any -> any any (content:\"b\"; flowbits:isset,bit|other; sid:1;)",
            ),
            vec![Ask(b"a".to_vec()), Ask(b"b".to_vec())],
            vec![Ask(b"a".to_vec()), NewFlow, Ask(b"b".to_vec())],
        ),
        case(
            &two(
                "alert udp any any -> any any (content:\"a\"; flowint:count,+,1; noalert; sid:2;)",
                "alert udp any any -> any any (content:\"b\"; flowint:count,==,2; sid:1;)",
            ),
            vec![Ask(b"a".to_vec()), Ask(b"a".to_vec()), Ask(b"b".to_vec())],
            vec![Ask(b"a".to_vec()), Ask(b"b".to_vec())],
        ),
        case(
            &two(
                "alert udp any any -> any any (pcre:\"/user=(\\w+)/, flow:name\"; noalert; sid:2;)",
                "alert udp any any -> any any (content:\"check\"; flowvar:name,\"root\"; sid:1;)",
            ),
            vec![Ask(b"user=root".to_vec()), Ask(b"check".to_vec())],
            vec![Ask(b"user=guest".to_vec()), Ask(b"check".to_vec())],
        ),
        case(
            &two(
                "drop udp any any -> any any (pcre:\"/user=(\\w+)/, pkt:name\"; noalert; sid:2;)",
                "alert udp any any -> any any (content:\"user\"; pktvar:name,\"root\"; sid:1;)",
            ),
            payload("user=root"),
            payload("user=guest"),
        ),
        case(
            &two(
                "alert udp any any -> any any (content:\"a\"; hostbits:set,bit,src; noalert; sid:2;)",
                "alert udp any any -> any any (content:\"b\"; hostbits:isset,bit,src; sid:1;)",
            ),
            vec![Ask(b"a".to_vec()), NewFlow, Ask(b"b".to_vec())],
            vec![Answer(b"a".to_vec()), NewFlow, Ask(b"b".to_vec())],
        ),
        case(
            &two(
                "alert udp any any -> any any (content:\"a\"; xbits:set,bit,track ip_pair,expire 5; noalert; sid:2;)",
                "alert udp any any -> any any (content:\"b\"; xbits:isset,bit,track ip_pair; sid:1;)",
            ),
            vec![Answer(b"a".to_vec()), NewFlow, Wait(4), Ask(b"b".to_vec())],
            vec![Answer(b"a".to_vec()), NewFlow, Wait(5), Ask(b"b".to_vec())],
        ),
        case(
            "alert tcp any any -> any any (stream_size:client,>,3; content:\"x\"; sid:1;)",
            vec![client("abcx")],
            vec![client("abx")],
        ),
        case(
            "alert tcp any any -> any any (stream-event:est_invalid_ack; sid:1;)",
            vec![Odd(Anomaly::StreamEstInvalidAck)],
            vec![Odd(Anomaly::StreamEstSynResend)],
        ),
        case(
            "alert ip any any -> any any (ttl:<65; prefilter; content:\"x\"; pkt_data; content:\"y\"; sid:1;)",
            payload("xy"),
            payload("x"),
        ),
        http("http.host; content:\"one\"; pkt_data; content:\"hello\""),
        http("http.host; content:\"one\"; config:logging disable, type tx, scope tx"),
        http("uricontent:\"/up/a.php\""),
        http("urilen:>10"),
        http("fileext:\"exe\""),
        http("filename:\"FILE.e\""),
        http("filesize:to_client,6"),
        http("filemagic:\"IN -A\""),
        http("http.host; content:\"one\"; filestore:response,tx"),
        http("filemd5:md5.list"),
        http("filesha1:sha1.list"),
        http("filesha256:sha256.list"),
        packet("geoip:dst,DE", udp(53, b"x"), udp6(b"x")),
        packet("iprep:dst,bad,>,19", udp(53, b"x"), udp6(b"x")),
        tls_case("tls.fingerprint:\"FE:26:0D:\""),
        tls_case("tls.issuerdn:\"CN=CA of one\""),
        tls_case("tls.subject:\"CN=one.example\""),
        http("http.host; content:\"example\"; dataset:isset,hosts,type string,load hosts.csv"),
        http("http.host; content:\"example\"; datarep:scores,>,100,load scores.csv,type string"),
    ]
}

fn bypassing() -> Case {
    let rules = "alert udp any any -> any any (content:\"a\"; noalert; bypass; sid:2;)\n\
        alert udp any any -> any any (content:\"b\"; sid:1;)\n";
    case(rules, vec![Ask(b"ab".to_vec())], vec![Ask(b"a".to_vec()), Ask(b"b".to_vec())])
}

fn fields() -> Vec<Case> {
    let http_fields = [
        ("http.method", "POST"),
        ("http.uri", "/up/a.php"),
        ("http.uri.raw", "a.php?x=1"),
        ("http.request_line", "POST /up"),
        ("http.response_line", "201 Created"),
        ("http.stat_code", "201"),
        ("http.stat_msg", "Created-a"),
        ("http.host", "one.example"),
        ("http.host.raw", "One.example"),
        ("http.user_agent", "agent-a"),
        ("http.cookie", "k=a"),
        ("http.header", "Referer: http://ref-a"),
        ("http.header.raw", "Cookie: k=a"),
        ("http.header_names", "|0d 0a|Content-Disposition|0d 0a|"),
        ("http.request_header", "user-agent: agent-a"),
        ("http.response_header", "server: server-a"),
        ("http.accept", "text/a"),
        ("http.accept_enc", "enc-a"),
        ("http.accept_lang", "lang-a"),
        ("http.referer", "ref-a"),
        ("http.connection", "conn-a"),
        ("http.content_type", "rtype/a"),
        ("http.content_len", "6"),
        ("http.location", "/loc-a"),
        ("http.server", "server-a"),
        ("http.start", "POST /up"),
        ("http.protocol", "HTTP/1.1"),
        ("http.request_body", "hello"),
        ("http.response_body", "resp-a"),
        ("file.data", "resp-a"),
        ("file.name", "file.exe"),
        ("file.magic", "ends in -a"),
    ];
    let nocase = |name: &str| if name.ends_with("_header") { "; nocase" } else { "" };
    // The text stands in the payload as well: what tells the buffer from it is what is not in it, or its size.
    let alone = |name: &str| match name {
        "http.header" | "http.header.raw" => "content:!\"POST\"",
        "http.start" | "http.header_names" => "content:!\"hello\"",
        _ => "bsize:<40",
    };
    let options = |name, text| format!("{name}; content:\"{text}\"{}; {}", nocase(name), alone(name));
    let mut cases: Vec<Case> = http_fields.iter().map(|(name, text)| http(&options(name, text))).collect();
    let names = ["dns.query", "dns.queries.rrname", "dns.answers.rrname", "dns.response.rrname"];
    cases.extend(names.map(|name| dns_case(&format!("{name}; content:\"www.one\"; startswith"))));
    cases.push(dns_case("dns.rcode:noerror; flow:to_client"));
    cases.push(dns_case("dns.rrtype:a; flow:to_client"));
    cases.push(case(
        "alert dns any any -> any any (dns.opcode:!0; sid:1;)",
        vec![Ask(dns(0x2100, "a.example", 1, None))],
        vec![Ask(dns(0x0100, "a.example", 1, None))],
    ));
    for name in ["dns.authorities.rrname", "dns.additionals.rrname"] {
        let with = |name| vec![Ask(dns(0x0100, "a.example", 1, None)), Answer(mdns_message(name))];
        let rule = format!("alert dns any any -> any any ({name}; content:\"one.local\"; sid:1;)");
        cases.push(case(&rule, with("one.local"), with("two.local")));
    }
    cases.extend(tls_fields());
    cases.extend(sessions::fields());
    cases.extend(datagrams::fields());
    cases.extend(ftp::fields());
    cases.extend(calls::fields());
    cases.extend(http2::fields());
    cases.extend(websocket::fields());
    cases.extend(mail::fields());
    let sections = ["queries", "answers", "authorities", "additionals", "response"];
    cases.extend(sections.map(|section| mdns_case(&format!("mdns.{section}.rrname"))));
    cases
}

fn tls_fields() -> Vec<Case> {
    let state = "alert tls any any -> any any (flow:to_client; ssl_state:server_hello; sid:1;)";
    let hello = || Client(sample::record(22, 0x0301, &sample::client_hello(0x0303, 1, &[])));
    let answer = |kind| Server(sample::record(22, 0x0303, &sample::message(kind, &[0; 4])));
    let buffers = [
        "tls.sni; content:\"one.example\"; bsize:11",
        "tls.alpn:to_client; content:\"one.example\"; bsize:11",
        "tls.cert_subject; content:\"CN=one.example\"",
        "tls.cert_issuer; content:\"CN=CA of one\"",
        "tls.cert_serial; content:\"12:AB\"; bsize:5",
        "tls.cert_fingerprint; content:\"fe:26:0d\"; startswith",
        "tls.subjectaltname; content:\"www.one\"; startswith",
        "tls.certs; content:\"|30|\"; startswith; content:\"www.one\"",
        "tls.cert_chain_len:>1",
        "tls.random; content:\"|02 02|\"; startswith",
        "tls.random_time; content:\"|01 01 01 01|\"; bsize:4",
        "tls.random_bytes; content:\"|01 01|\"; bsize:28",
        "tls.version:1.2",
        "ssl_version:tls1.2,tls1.3",
        "tls_cert_notbefore:>1969",
        "tls_cert_notafter:2199<>2201",
        "tls_cert_valid",
        "ja3.string; content:\"771,49195-47,\"; startswith",
        "ja3.hash; content:\"a2da8b58285ec40a588b9bea15c9cc91\"",
        "ja3s.string; content:\"771,49195,16\"",
        "ja3s.hash; content:\"73c5401bc2544038f608637524b63c6a\"",
        "ja4.hash; content:\"t12d\"; startswith",
    ];
    let mut cases: Vec<Case> = buffers.iter().map(|options| tls_case(options)).collect();
    let expired = tls_case("tls_cert_expired");
    cases.push(Case { hit: expired.miss, miss: expired.hit, ..expired });
    cases.push(case(state, vec![hello(), answer(2)], vec![hello(), answer(14)]));
    cases
}

fn all() -> Vec<Case> {
    packet_fields().into_iter().chain(keywords()).chain([bypassing()]).chain(fields()).chain(bytes::all()).collect()
}

#[test]
fn each_fires_and_each_near_miss_does_not() {
    let mut wrong = Vec::new();
    for Case { rules, hit, miss } in all() {
        if !fired(&rules, &hit).contains(&1) {
            wrong.push(format!("silent: {rules}"));
        }
        if fired(&rules, &miss).contains(&1) {
            wrong.push(format!("fires on the near miss: {rules}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules without the options of this name.
fn without(rules: &str, name: &str) -> String {
    let mut parsed = crate::rules::parse(rules).rules;
    parsed.iter_mut().for_each(|rule| rule.options.retain(|opt| opt.name.text != name));
    parsed.iter().map(|rule| format!("{rule}\n")).collect()
}

/// Whether the option of this name makes the case: without it the rules load as well, but answer otherwise.
fn turns_on(case: &Case, name: &str) -> bool {
    let rules = without(&case.rules, name);
    let faults = load(&rules, &settings()).faults;
    faults.iter().all(|fault| fault.1.diagnostic.severity != Severity::Error)
        && (!fired(&rules, &case.hit).contains(&1) || fired(&rules, &case.miss).contains(&1))
}

#[test]
fn there_is_a_case_for_each_keyword_and_field() {
    let cases: Vec<_> = all().into_iter().map(|case| (names(&case), case)).collect();
    let keywords = KEYWORDS.iter().map(|row| row.name).chain(OPTIONS.iter().map(|row| row.name));
    let transforms = TRANSFORMS.iter().map(|row| row.name);
    let packet = PACKET_FIELDS.iter().map(|row| row.name);
    let fields = PROTOCOLS.iter().flat_map(|row| (row.fields)()).map(|info| info.name);
    // That the name stands in a case says little: the answers could differ on account of another option.
    let covered = |name: &str| {
        let mut with = cases.iter().filter(|(names, _)| names.iter().any(|other| other == name));
        said::is_said(name) || with.any(|(_, case)| turns_on(case, name))
    };
    let missing: Vec<_> =
        keywords.chain(transforms).chain(packet).chain(fields).filter(|name| !covered(name)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

/// The names of all options of the case's rules.
fn names(case: &Case) -> Vec<String> {
    let rules = crate::rules::parse(&case.rules).rules;
    rules.into_iter().flat_map(|rule| rule.options).map(|opt| opt.name.text).collect()
}
