//! Rules on frames.

use super::bench::Step::{self, Answer, Ask, Client, Lost, Server};
use super::bench::{load, settings};
use super::fired;
use super::frames::dns;
use crate::app::tls::sample;
use crate::rules::diagnostic::{Code, Severity};

fn client(text: &str) -> Step {
    Client(text.as_bytes().to_vec())
}

fn server(text: &str) -> Step {
    Server(text.as_bytes().to_vec())
}

/// What fires on an exchange over HTTP in pieces.
fn http(options: &str, pieces: &[&str]) -> Vec<u32> {
    let rule = format!("alert http any any -> any any ({options}; sid:1;)");
    let mut steps = vec![client("GET / HTTP/1.1\r\nHost: a\r\n\r\n")];
    steps.extend(pieces.iter().map(|piece| server(piece)));
    fired(&rule, &steps)
}

#[test]
fn frames_of_http() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";
    let whole = &[HEAD, "abc", "def"][..];
    let two = &[HEAD, "abcdef", HEAD, "abcdef"][..];
    for (name, options, pieces, want) in [
        ("a content", "frame:http1.response; content:\"bcd\"", whole, 1),
        ("it is not there", "frame:http1.response; content:\"bce\"", whole, 0),
        ("the short form", "frame:response; content:\"bcd\"", whole, 1),
        ("the start", "frame:http1.response; content:\"HTTP/1.1\"; startswith", whole, 1),
        ("not the start", "frame:http1.response; content:\"abc\"; startswith", whole, 0),
        ("the end", "frame:http1.response; content:\"def\"; endswith", whole, 1),
        ("the end of what came so far", "frame:http1.response; content:\"abc\"; endswith", whole, 0),
        ("the length", "frame:http1.response; content:\"abc\"; bsize:44", whole, 1),
        ("the length of what came so far", "frame:http1.response; content:\"abc\"; bsize:41", whole, 0),
        ("without a pattern", "frame:http1.response; bsize:44", whole, 1),
        ("nothing of it", "frame:http1.response; content:!\"xyz\"; content:\"abc\"", whole, 1),
        ("nothing of it, known at the end", "frame:http1.response; content:!\"def\"; content:\"abc\"", whole, 0),
        ("the other direction", "frame:http1.request; content:\"abc\"", whole, 0),
        ("the other direction by flow", "flow:to_server; frame:http1.response; content:\"abc\"", whole, 0),
        ("not in the stream", "frame:http1.stream; content:\"|0d 0a 0d|abc\"", whole, 0),
        ("the stream", "frame:http1.stream; content:\"|0d 0a|abc\"", whole, 1),
        ("a transform", "frame:http1.response; to_uppercase; content:\"ABCDEF\"", whole, 1),
        (
            "with and without",
            "frame:http1.response; content:\"abc\"; frame:http1.response; to_uppercase; content:\"DEF\"",
            whole,
            1,
        ),
        ("once per frame", "frame:http1.response; content:\"abcd\"", two, 2),
        ("the stream is one", "frame:http1.stream; content:\"abcd\"", two, 1),
        ("payload besides", "frame:http1.response; content:\"abc\"; pkt_data; content:\"def\"", whole, 1),
        ("state", "frame:http1.response; content:\"abcd\"; flowbits:isnotset,x; flowbits:set,x", two, 1),
    ] {
        let got = http(options, pieces).len();
        assert_eq!(got, want, "{name}: {options}");
    }
}

#[test]
fn frames_with_holes() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n";
    for (name, options, want) in [
        ("before the hole", "content:\"abc\"", 1),
        ("between holes", "content:\"def\"", 1),
        ("after them", "content:\"ghi\"", 1),
        ("across one", "content:\"abcd\"", 0),
        ("the end", "content:\"ghi\"; endswith", 1),
        ("an end that is none", "content:\"def\"; endswith", 0),
        ("the place counts what is missing", "content:\"ghi\"; offset:50; depth:3", 1),
        ("nothing of it", "content:!\"xyz\"; content:\"ghi\"", 1),
        ("nothing of it, before", "content:!\"abc\"; content:\"ghi\"", 0),
        ("nothing of it, between", "content:!\"def\"; content:\"ghi\"", 0),
        ("the length", "content:\"ghi\"; bsize:53", 1),
    ] {
        let rule = format!("alert http any any -> any any (frame:http1.response; {options}; sid:1;)");
        let request = client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let steps = [request, server(HEAD), server("abc"), Lost(2), server("def"), Lost(3), server("ghi")];
        assert_eq!(fired(&rule, &steps).len(), want, "{name}: {options}");
    }
}

#[test]
fn frames_of_dns() {
    let message = dns(0x0120, "suricata.example", 1, None);
    let rule = "alert dns any any -> any any (flow:to_server; frame:dns.pdu; content:\"|01 20 00 01|\"; offset:2; \
        content:\"suricata\"; offset:13; sid:1;)";
    assert_eq!(fired(rule, &[Ask(message.clone())]), [1]);
    let asked = Ask(dns(0x0100, "a.example", 1, None));
    assert!(fired(rule, &[asked, Answer(message.clone())]).is_empty(), "the other direction");
    assert_eq!(fired(rule, &[Ask(message.clone()), Ask(message.clone())]), [1, 1], "each datagram is one");
}

#[test]
fn frames_of_tls() {
    let hello = sample::record(22, 0x0301, &sample::client_hello(0x0303, 1, &sample::server_name("one.example")));
    let opened = vec![Client(hello.clone()), Server(sample::record(21, 0x0303, &[2, 40]))];
    let encrypted = |length| Server(sample::record(23, 0x0303, &vec![0xee; length]));
    let beat = Client(sample::record(24, 0x0303, &[1, 0, 2, b'o', b'k']));
    let then = |more: Vec<Step>| [opened.clone(), more].concat();
    // A hello in the old form: one cipher, and a challenge of 16 bytes.
    let old = [&[0x80, 28, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x2f][..], &[7; 16]].concat();
    let halves = hello.split_at(9);
    let halves = vec![Client(halves.0.to_vec()), Client(halves.1.to_vec())];
    for (name, options, steps, want) in [
        ("a record", "frame:tls.pdu; content:\"|16 03 01|\"; startswith; content:\"one.example\"", then(vec![]), 1),
        ("in two pieces", "frame:tls.pdu; content:\"|16 03 01|\"; startswith; content:\"one.example\"", halves, 1),
        ("its header", "frame:tls.hdr; content:\"|16 03 01|\"; bsize:5", then(vec![]), 1),
        ("its header has no content", "frame:tls.hdr; content:\"one\"", then(vec![]), 0),
        ("its content", "frame:tls.data; content:\"|01 00|\"; startswith; content:\"one\"", then(vec![]), 1),
        ("its content has no header", "frame:tls.data; content:\"|16 03 01|\"; startswith", then(vec![]), 0),
        ("an alert", "frame:tls.alert; content:\"|02 28|\"; bsize:2", then(vec![]), 1),
        ("no alert", "frame:tls.alert; content:\"one\"", then(vec![]), 0),
        ("a heartbeat", "frame:tls.heartbeat; content:\"|01 00 02|ok\"; bsize:5", then(vec![beat]), 1),
        ("no heartbeat", "frame:tls.heartbeat; content:\"|02 28|\"", then(vec![]), 0),
        ("each one", "frame:tls.pdu; content:\"|17 03 03|\"; startswith", then(vec![encrypted(9), encrypted(7)]), 2),
        ("the server's", "flow:to_server; frame:tls.pdu; content:\"|17|\"; startswith", then(vec![encrypted(9)]), 0),
        ("an old record", "frame:tls.ssl2.pdu; content:\"|80 1c 01|\"; bsize:30", vec![Client(old.clone())], 1),
        ("its header", "frame:tls.ssl2.hdr; content:\"|80 1c|\"; bsize:2", vec![Client(old)], 1),
        ("a new one is none", "frame:tls.ssl2.hdr; content:\"|16|\"", then(vec![]), 0),
    ] {
        let rule = format!("alert tls any any -> any any ({options}; sid:1;)");
        assert_eq!(fired(&rule, &steps).len(), want, "{name}: {options}");
    }
}

#[test]
fn frames_that_do_not_go() {
    for (name, rule, want) in [
        ("not parsed yet", "alert nfs any any -> any any (frame:rpc.hdr; content:\"a\"; sid:1;)", Code::NotSupported),
        (
            "not parsed yet, named",
            "alert tcp any any -> any any (frame:nfs.rpc.pdu; content:\"a\"; sid:1;)",
            Code::NotSupported,
        ),
        ("another name", "alert http any any -> any any (frame:http1.header; content:\"a\"; sid:1;)", Code::BadValue),
        ("no protocol", "alert tcp any any -> any any (frame:pdu; content:\"a\"; sid:1;)", Code::BadValue),
        (
            "another protocol",
            "alert dns any any -> any any (frame:http1.request; content:\"a\"; sid:1;)",
            Code::WrongProtocol,
        ),
        ("no ports", "alert icmp any any -> any any (frame:dns.pdu; content:\"a\"; sid:1;)", Code::WrongProtocol),
        (
            "a stream over UDP",
            "alert udp any any -> any any (frame:dns.stream; content:\"a\"; sid:1;)",
            Code::WrongProtocol,
        ),
        ("nothing looks at it", "alert tcp any any -> any any (frame:http1.request; sid:1;)", Code::NoContext),
        (
            "two kinds",
            "alert tcp any any -> any any (frame:http1.request; content:\"a\"; frame:http1.stream; content:\"b\"; sid:1;)",
            Code::NotSupported,
        ),
        (
            "a transaction besides",
            "alert tcp any any -> any any (frame:http1.request; content:\"a\"; http.uri; content:\"b\"; sid:1;)",
            Code::NotSupported,
        ),
    ] {
        let loaded = load(rule, &settings());
        let mut errors = loaded.faults.iter().filter(|row| row.1.diagnostic.severity == Severity::Error);
        assert_eq!(errors.next().map(|row| row.1.diagnostic.code), Some(want), "{name}: {rule}");
    }
}
