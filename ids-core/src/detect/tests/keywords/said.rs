//! What has no part in whether a rule matches: what is seen of each such keyword, and what without it.

use super::super::bench::{Bench, load, settings};
use super::super::frames::udp;
use super::{Step, client, server, without};
use crate::app::tls::sample;
use crate::detect::bytes::Scratch;
use crate::detect::fast_pattern;
use crate::detect::rule::RuleInfo;
use crate::detect::rule_set::RuleId;
use crate::field::Dir::ToClient;

/// A keyword, the action and options of a rule with it, where to look, and what is seen there with and without it.
type Row = (&'static str, &'static str, &'static str, fn(&str) -> String, &'static str, &'static str);

const ALERT: &str = "alert udp";
const HTTP: &str = "alert http";

const SAID: &[Row] = &[
    ("alert", "pass udp", "content:\"x\"; alert", told, "[1]", "[]"),
    ("classtype", ALERT, "classtype:bad-unknown", class, "bad-unknown, Potentially Bad Traffic, 2", ", , 3"),
    ("config", HTTP, "http.uri; content:\"/\"; config:logging disable, type tx, scope tx", unrecorded, "[0]", "[]"),
    ("fast_pattern", ALERT, "content:\"abc\"; fast_pattern; content:\"longer\"", finds, "abc", "longer"),
    ("filestore", HTTP, "http.uri; content:\"/\"; filestore:response,flow", stored, "[1]", "[]"),
    ("gid", ALERT, "gid:3", |rules| info(rules).gid.to_string(), "3", "1"),
    ("metadata", ALERT, "metadata:key value, tag x", metadata, "key=value tag=x", ""),
    ("msg", ALERT, "msg:\"a\\; b\"", |rules| info(rules).msg, "a; b", ""),
    ("noalert", ALERT, "content:\"x\"; noalert", told, "[]", "[1]"),
    ("prefilter", ALERT, "content:\"abc\"; prefilter; content:\"longer\"", finds, "abc", "longer"),
    ("priority", ALERT, "classtype:bad-unknown; priority:4", |rules| info(rules).priority.to_string(), "4", "2"),
    ("rawbytes", ALERT, "content:\"abc\"; rawbytes", faults, "[Obsolete]", "[]"),
    ("reference", ALERT, "reference:url,a.example", |rules| info(rules).references.join(" "), "http://a.example", ""),
    ("replace", ALERT, "content:\"foo\"; replace:\"bar\"", replaced, "1 bar", ""),
    ("requires", ALERT, "requires:feature nothing", loaded, "0", "1"),
    ("requires", ALERT, "requires:version >= 8.0.0, keyword flowbits, feature true", loaded, "1", "1"),
    ("rev", ALERT, "rev:2", |rules| info(rules).rev.to_string(), "2", "0"),
    ("sid", ALERT, "msg:\"a\"", faults, "[]", "[MissingSid]"),
    ("tag", ALERT, "content:\"x\"; tag:session", shown, "true", "false"),
    ("tls.store", "alert tls", "tls.sni; content:\"one\"; tls.store", kept, "[(Some(0), ToServer)]", "[]"),
    ("target", ALERT, "target:src_ip", |rules| format!("{:?}", info(rules).target), "Some(Source)", "None"),
];

/// Whether the keyword is one of these.
pub(super) fn is_said(name: &str) -> bool {
    SAID.iter().any(|row| row.0 == name)
}

#[test]
fn each_says_what_it_is_there_for() {
    for (name, action, options, look, with, silent) in SAID {
        let rule = format!("{action} any any -> any any ({options}; sid:1;)");
        assert_eq!(look(&rule), *with, "{rule}");
        assert_eq!(look(&without(&rule, name)), *silent, "{rule} without {name}");
    }
}

fn info(rules: &str) -> RuleInfo {
    load(rules, &settings()).rules.headers().next().unwrap().0.clone()
}

fn class(rules: &str) -> String {
    let info = info(rules);
    format!("{}, {}, {}", info.classtype, info.category, info.priority)
}

fn metadata(rules: &str) -> String {
    let pairs: Vec<_> = info(rules).metadata.pairs().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(" ")
}

fn loaded(rules: &str) -> String {
    load(rules, &settings()).rules.len().to_string()
}

fn faults(rules: &str) -> String {
    let faults = load(rules, &settings()).faults;
    format!("{:?}", faults.iter().map(|fault| fault.1.diagnostic.code).collect::<Vec<_>>())
}

fn told(rules: &str) -> String {
    format!("{:?}", Bench::new(rules).take(&Step::Frame(udp(9, b"x"))))
}

/// Whether the packet after the one that matches is shown.
fn shown(rules: &str) -> String {
    let mut bench = Bench::new(rules);
    bench.take(&Step::Frame(udp(9, b"x")));
    bench.take(&Step::Frame(udp(9, b"y")));
    bench.hits.tagged().to_string()
}

/// The transactions that no record is wanted of.
fn unrecorded(rules: &str) -> String {
    let mut bench = Bench::new(rules);
    bench.take(&client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    format!("{:?}", bench.hits.unrecorded())
}

/// The rules that want the files of the server stored.
fn stored(rules: &str) -> String {
    let mut bench = Bench::new(rules);
    bench.take(&client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    bench.take(&server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
    format!("{:?}", bench.state.stores(ToClient).collect::<Vec<_>>())
}

/// The transactions and sides whose certificates are stored.
fn kept(rules: &str) -> String {
    let mut bench = Bench::new(rules);
    let hello = sample::client_hello(0x0303, 1, &sample::server_name("one.example"));
    bench.take(&Step::Client(sample::record(22, 0x0301, &hello)));
    format!("{:?}", bench.hits.certificates())
}

/// The content that finds the rule.
fn finds(rules: &str) -> String {
    let rules = load(rules, &settings()).rules;
    let chosen = fast_pattern::choose(rules.rule(RuleId::new(0)).unwrap(), &|_| 0).unwrap();
    chosen.info.chopped().escape_ascii().to_string()
}

/// What a match wants overwritten, and where.
fn replaced(rules: &str) -> String {
    let rules = load(rules, &settings()).rules;
    let mut scratch = Scratch::new();
    let chain = rules.rule(RuleId::new(0)).unwrap().payload.as_ref().unwrap();
    chain.matches(b"-foo"[..].into(), &mut scratch);
    let written = scratch.replacements().map(|what| format!("{} {}", what.at, what.bytes.escape_ascii()));
    written.collect::<Vec<_>>().join(" ")
}
