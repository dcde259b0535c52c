//! Sets of values in rules: what they change, when they are asked, what alerts show.

use super::Step::{self, Answer, Ask, Client, NewFlow, Server};
use super::bench::{Bench, load, settings};
use super::fired;
use super::frames::dns;
use crate::rules::diagnostic::Code;

fn query(name: &str) -> Step {
    Ask(dns(0x0100, name, 1, None))
}

fn request(text: &str) -> Step {
    Client(text.as_bytes().to_vec())
}

#[test]
fn a_value_is_new_once_and_again_after_it_was_taken_out() {
    let rules = "alert dns any any -> any any (dns.query; content:\"set\"; dataset:set,seen,type string; sid:1;)\n\
        alert dns any any -> any any (dns.query; content:\"set\"; dataset:isset,seen; sid:2;)\n\
        alert dns any any -> any any (dns.query; content:\"gone\"; dotprefix; dataset:unset,other,type string; sid:3;)\n\
        alert dns any any -> any any (dns.query; dotprefix; content:\"put\"; dataset:set,other; sid:4;)";
    let names = ["set", "set", "reset", "gone", "gone", "put.gone", "put.gone"];
    let steps = names.iter().flat_map(|name| [query(name), NewFlow]).collect::<Vec<_>>();
    let mut bench = Bench::new(rules);
    let found: Vec<Vec<u32>> = steps.iter().map(|step| bench.take(step)).collect();
    let found: Vec<_> = found.into_iter().step_by(2).collect();
    assert_eq!(found, [vec![1, 2], vec![2], vec![1, 2], vec![], vec![], vec![4], vec![3, 4]]);
}

#[test]
fn the_first_time_is_told_once() {
    let rules = "alert dns any any -> any any \
        (dns.query; to_md5; dataset:isnotset,seen,type md5,state seen.csv; dataset:set,seen; sid:1;)";
    let steps = [query("a.example"), NewFlow, query("a.example"), NewFlow, query("b.example")];
    assert_eq!(fired(rules, &steps), [1, 1]);
}

#[test]
fn a_set_is_asked_only_when_the_other_tests_of_the_buffer_have_passed() {
    let rules = "alert dns any any -> any any (dns.query; dataset:set,seen,type string; content:\"one\"; sid:1;)\n\
        alert dns any any -> any any (dns.query; dataset:isset,seen; sid:2;)";
    assert_eq!(fired(rules, &[query("two.example"), NewFlow, query("one.example")]), [1, 2]);
}

#[test]
fn addresses_are_those_of_the_direction_that_is_inspected() {
    let rules = "alert http any any -> any any (http.method; content:\"GET\"; ip.src; \
        dataset:isset,listed,type ip,load addresses.json,format json,value_key ip,context_key who; sid:1;)\n\
        alert http any any -> any any (http.method; content:\"GET\"; ip.dst; dataset:isset,listed; sid:2;)";
    let mut bench = Bench::new(rules);
    assert_eq!(bench.take(&request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), [1]);
    let rule = bench.hits.alerts()[0].rule;
    let (key, object) = &bench.hits.findings(rule).unwrap().objects()[0];
    assert_eq!((&**key, &**object), ("who", r#"{"ip":"10.0.0.1","why":"listed"}"#));
}

#[test]
fn a_growing_body_is_looked_up_whole() {
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let rules =
        "alert http any any -> any any (http.response_body; to_sha256; dataset:set,bodies,type sha256,save x; sid:1;)";
    let mut bench = Bench::new(rules);
    bench.take(&request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(bench.take(&Server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".to_vec())), Vec::<u32>::new());
    assert_eq!(bench.take(&Server(b"lo".to_vec())), [1]);
    assert_eq!(bench.rules.datasets()[0].dump(), format!("{digest}\n"));
}

#[test]
fn a_value_that_does_not_fit_is_counted() {
    let rules = "alert dns any any -> any any (dns.query; dataset:set,small,type string,memcap 140; sid:1;)";
    let mut bench = Bench::new(rules);
    let steps =
        [query("one.example"), Answer(Vec::new()), NewFlow, query("two.example"), NewFlow, query("three.example")];
    assert_eq!(steps.iter().flat_map(|step| bench.take(step)).collect::<Vec<_>>(), [1]);
    bench.detector.count(&mut bench.counters);
    assert_eq!(bench.counters.get(crate::counters::Counter::DetectDatasetMemcap), 2);
}

#[test]
fn mistakes_are_told() {
    for (option, code) in [
        ("http.host; dataset:isset", Code::BadValue),
        ("http.host; dataset:put,a,type string", Code::BadValue),
        ("http.host; dataset:isset,a b,type string", Code::BadValue),
        ("http.host; dataset:isset,a", Code::BadFile),
        ("http.host; dataset:isset,a,type text", Code::BadValue),
        ("http.host; dataset:isset,a,type string,type string", Code::Repeated),
        ("http.host; dataset:isset,a,type string,key x", Code::BadValue),
        ("http.host; dataset:isset,a,type string,load none.csv", Code::BadFile),
        ("http.host; dataset:isset,a,type string,load hosts.csv,state x", Code::Conflict),
        ("http.host; dataset:isset,a,type string,load hosts.csv,context_key x", Code::BadValue),
        ("http.host; dataset:isset,a,type string,load x,format xml", Code::BadValue),
        ("http.host; dataset:isset,a,type string,load x,format json,value_key a", Code::BadValue),
        ("http.host; dataset:isset,a,type string,load x,format json,context_key a", Code::BadValue),
        (
            "http.host; dataset:isset,a,type string,load x,format ndjson,context_key a,value_key b,array_key c",
            Code::BadValue,
        ),
        ("http.host; dataset:set,a,type ip,load addresses.json,format json,value_key ip,context_key a", Code::BadValue),
        ("http.host; dataset:isset,a,type string,memcap 1mb-2mb", Code::BadValue),
        ("http.host; datarep:a,>,65536,type string", Code::BadValue),
        ("http.host; datarep:a,!,1,type string", Code::BadValue),
        ("http.host; datarep:a,>,1,type string,load hosts.csv", Code::BadFile),
        ("dataset:isset,a,type string,load hosts.csv", Code::NoContext),
        ("content:\"x\"; http_header; dataset:isset,a,type string,load hosts.csv", Code::NoContext),
    ] {
        let rule = format!("alert http any any -> any any ({option}; sid:1;)");
        let loaded = load(&rule, &settings());
        // A buffer that nothing looks at any more is a mistake that follows.
        let first = loaded.faults.first().map(|(_, fault)| fault.diagnostic.code);
        assert_eq!((first, loaded.rules.len()), (Some(code), 0), "{option}");
    }
}
