//! Rules on transactions: what is remembered from one packet to the next.

use super::bench::Bench;
use super::frames::dns;
use super::{Step, fired};

fn client(text: &str) -> Step {
    Step::Client(text.as_bytes().to_vec())
}

fn server(text: &str) -> Step {
    Step::Server(text.as_bytes().to_vec())
}

#[test]
fn a_rule_fires_once_per_transaction() {
    let rule = "alert http any any -> any any (http.uri; content:\"/a\"; sid:1;)";
    let steps = [
        client("GET /a HTTP/1.1\r\n"),
        client("Host: x\r\n\r\n"),
        server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        client("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"),
        client("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    assert_eq!(fired(rule, &steps), [1, 1]);
}

#[test]
fn pipelined_requests_are_each_seen() {
    let rule = "alert http any any -> any any (http.uri; content:\"/a\"; sid:1;)";
    let both = "GET /a1 HTTP/1.1\r\nHost: x\r\n\r\nGET /a2 HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut bench = Bench::new(rule);
    let mut told = bench.take(&client(both));
    told.extend(bench.take(&client("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")));
    assert_eq!(told, [1, 1]);
}

#[test]
fn a_body_matches_across_chunks_and_as_soon_as_it_can() {
    let rule = "alert http any any -> any any (http.response_body; content:\"needle\"; content:\"thread\"; distance:1; sid:1;)";
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    let mut bench = Bench::new(rule);
    bench.take(&client("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    let told: Vec<_> = [&format!("{head}a nee"), "dle and a th", "read, and more", "thread"]
        .iter()
        .map(|text| bench.take(&server(text)).len())
        .collect();
    assert_eq!(told, [0, 0, 1, 0]);
}

#[test]
fn negated_contents_are_decided_at_the_end_of_a_body() {
    let rule = "alert http any any -> any any (http.request_body; content:!\"bad\"; bsize:>3; sid:1;)";
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n";
    assert_eq!(fired(rule, &[client(&format!("{head}abc")), client("def")]), [1]);
    assert_eq!(fired(rule, &[client(&format!("{head}abc")), client("bad")]), [0; 0]);
    assert_eq!(fired(rule, &[client(&format!("{head}abc"))]), [0; 0], "more may come");
}

#[test]
fn request_and_response_of_one_transaction() {
    let rule = "alert http any any => any any (http.uri; content:\"/a\"; http.stat_code; content:\"200\"; sid:1;)";
    let request = |uri: &str| client(&format!("GET {uri} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let response = |code: &str| server(&format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(fired(rule, &[request("/a"), response("200")]), [1]);
    assert_eq!(fired(rule, &[request("/a"), response("404")]), [0; 0]);
    assert_eq!(fired(rule, &[request("/b"), response("200")]), [0; 0]);
    assert_eq!(fired(rule, &[request("/a"), response("404"), request("/b"), response("200")]), [0; 0]);
}

#[test]
fn each_block_of_a_repeated_buffer_may_match_another_instance() {
    let rule = "alert http any any -> any any (http.request_header; content:\"one: 1\"; nocase; \
        http.request_header; content:\"two: 2\"; nocase; sid:1;)";
    let request = |headers: &str| client(&format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n"));
    assert_eq!(fired(rule, &[request("Two: 2\r\nOne: 1")]), [1]);
    assert_eq!(fired(rule, &[request("Two: 1\r\nOne: 1")]), [0; 0]);
}

#[test]
fn absent_buffers() {
    let request = |headers: &str| client(&format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
    let rule = "alert http any any -> any any (http.user_agent; absent; sid:1;)";
    assert_eq!(fired(rule, &[request("")]), [1]);
    assert_eq!(fired(rule, &[request("User-Agent: a\r\n")]), [0; 0]);
    let or_else = "alert http any any -> any any (http.user_agent; absent:or_else; content:!\"good\"; sid:1;)";
    assert_eq!(fired(or_else, &[request("")]), [1]);
    assert_eq!(fired(or_else, &[request("User-Agent: bad\r\n")]), [1]);
    assert_eq!(fired(or_else, &[request("User-Agent: good\r\n")]), [0; 0]);
}

#[test]
fn bits_that_are_set_between_request_and_response() {
    let rules = "alert http any any -> any any (http.uri; content:\"/a\"; flowbits:set,seen; noalert; sid:1;)\n\
        alert http any any -> any any (flowbits:isset,seen; http.stat_code; content:\"200\"; sid:2;)\n";
    let steps = |uri: &str| {
        [
            client(&format!("GET {uri} HTTP/1.1\r\nHost: x\r\n\r\n")),
            server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ]
    };
    assert_eq!(fired(rules, &steps("/a")), [2]);
    assert_eq!(fired(rules, &steps("/b")), [0; 0]);
}

#[test]
fn transforms_are_seen_by_tests_and_patterns() {
    let cases = [
        ("dns.query; dotprefix; content:\".a.example\"; endswith", "www.a.example", "wwwa.example"),
        ("dns.query; to_uppercase; content:\"A.EXAMPLE\"", "a.example", "b.example"),
        ("dns.query; content:\"a.ex\"; to_uppercase; content:\"A.EX\"", "a.example", "b.example"),
    ];
    for (options, hit, miss) in cases {
        let rule = format!("alert dns any any -> any any ({options}; sid:1;)");
        let ask = |name: &str| [Step::Ask(dns(0x0100, name, 1, None))];
        assert_eq!(fired(&rule, &ask(hit)), [1], "{options}");
        assert_eq!(fired(&rule, &ask(miss)), [0; 0], "{options}");
    }
}

#[test]
fn raw_payload_and_buffers_in_one_rule() {
    let rule = "alert dns any any -> any any (content:\"|00 01 00 01|\"; dns.query; content:\"a.example\"; sid:1;)";
    assert_eq!(fired(rule, &[Step::Ask(dns(0x0100, "a.example", 1, None))]), [1]);
    assert_eq!(fired(rule, &[Step::Ask(dns(0x0100, "a.example", 28, None))]), [0; 0]);
}
