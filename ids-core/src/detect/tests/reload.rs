//! What outlives an exchange of the rule set: everything that belongs to a rule that stays, and every name.

use std::sync::Arc;

use super::bench::{Bench, Step, settings};
use crate::detect::compile::Loader;
use crate::detect::header::Vars;
use crate::detect::rule_set::RuleSet;
use crate::detect::settings::Settings;

fn client(text: &str) -> Step {
    Step::Client(text.as_bytes().to_vec())
}

fn compile(loader: &mut Loader, text: &str) -> RuleSet {
    let parsed = crate::rules::parse(text);
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    let rules = loader.compile(parsed.rules.into_iter().map(|rule| (0, rule)), &settings()).unwrap().rules;
    assert_eq!(rules.len(), text.lines().count(), "all of them load");
    rules
}

/// The signatures that fire on `before` under one set, and on `after` under the next.
fn over(first: &str, before: &[Step], second: &str, after: &[Step]) -> (Vec<u32>, Vec<u32>) {
    let mut loader = Loader::default();
    let mut bench = Bench::new("");
    bench.rules = compile(&mut loader, first);
    let early = before.iter().flat_map(|step| bench.take(step)).collect();
    let mut rules = compile(&mut loader, second);
    rules.succeed(&bench.rules);
    bench.rules = rules;
    (early, after.iter().flat_map(|step| bench.take(step)).collect())
}

/// A rule on TCP payload.
fn tcp(sid: u32, options: &str) -> String {
    format!("alert tcp any any -> any any ({options}; sid:{sid};)\n")
}

#[test]
fn state_of_flows_and_hosts_stays() {
    let x = || client("xxx");
    let bit = |sid, what: &str| tcp(sid, &format!("content:\"xxx\"; {what}"));
    let limit = |rev: u32| {
        tcp(5, &format!("content:\"xxx\"; threshold:type limit, track by_src, count 1, seconds 60; rev:{rev}"))
    };
    let filter =
        |count: u32| tcp(6, &format!("content:\"xxx\"; threshold:type both, track by_flow, count {count}, seconds 60"));
    let other = tcp(9, "content:\"never\"");
    for (name, first, second, want) in [
        (
            "a flowbit, with other names before it",
            bit(1, "flowbits:set,seen"),
            format!("{}{}", bit(2, "flowbits:isset,seen"), bit(3, "flowbits:isset,zzz")),
            (vec![1], vec![2]),
        ),
        (
            "a flowint",
            bit(1, "flowint:nn,+,7"),
            format!("{}{}", bit(2, "flowint:mm,isset"), bit(3, "flowint:nn,==,7")),
            (vec![1], vec![3]),
        ),
        (
            "an xbit",
            bit(1, "xbits:set,seen,track ip_src,expire 60"),
            bit(2, "xbits:isset,seen,track ip_src"),
            (vec![1], vec![2]),
        ),
        ("a hostbit", bit(1, "hostbits:set,seen,src"), bit(2, "hostbits:isset,seen,src"), (vec![1], vec![2])),
        ("a captured variable", bit(1, "pcre:\"/(x+)/, flow:v\""), bit(2, "flowvar:v,\"xxx\""), (vec![1], vec![2])),
        (
            "the counter of a threshold, at another place",
            limit(1),
            format!("{}{}", bit(4, "noalert"), limit(1)),
            (vec![5], vec![]),
        ),
        ("but not that of a changed rule", limit(1), limit(2), (vec![5], vec![5])),
        ("the counter of a flow", filter(2), format!("{other}{}", filter(2)), (vec![], vec![6])),
    ] {
        assert_eq!(over(&first, &[x()], &second, &[x()]), want, "{name}");
    }
}

#[test]
fn transactions_neither_repeat_nor_forget() {
    let first = "alert http any any -> any any (http.uri; content:\"/a\"; sid:1;)\n\
        alert http any any -> any any (http.uri; content:\"/a\"; http.host; content:\"x\"; sid:2;)\n";
    let new = "alert http any any -> any any (http.method; content:\"GET\"; sid:3;)\n";
    let begun = [client("GET /a HTTP/1.1\r\n")];
    let rest = [client("Host: x\r\n\r\n")];
    for (name, second, want) in [
        ("the same rules", first.to_owned(), vec![2]),
        ("a new one before them", format!("{new}{first}"), vec![3, 2]),
        ("one is gone", first.lines().next().unwrap_or_default().to_owned(), vec![]),
        ("all are gone", String::new(), vec![]),
        ("a new revision is another rule", first.replace("sid:1;", "sid:1; rev:2;"), vec![1, 2]),
    ] {
        let (early, mut late) = over(first, &begun, &second, &rest);
        late.sort_unstable();
        let mut want = want;
        want.sort_unstable();
        assert_eq!((early, late), (vec![1], want), "{name}");
    }
}

#[test]
fn rules_that_are_tried_once_in_a_flow_are_tried_when_they_are_new() {
    let on = |sid: u32| {
        format!("alert ip any any -> 10.0.0.0/8 any (sid:{sid};)\nalert ip any any -> any any (sid:{};)\n", sid + 1)
    };
    let x = || client("xxx");
    let (early, late) = over(&on(1), &[x(), x()], &on(1), &[x()]);
    assert_eq!(late, [0; 0], "those that were tried are not tried again");
    assert!(!early.is_empty());
    let (_, late) = over(&on(1), &[x(), x()], &format!("{}{}", on(1), on(3)), &[x(), x()]);
    assert_eq!(late, early.iter().map(|sid| sid + 2).collect::<Vec<_>>(), "new ones are, once");
}

#[test]
fn what_did_not_change_is_shared() {
    let plain = tcp(1, "content:\"one\"");
    let buffer = "alert http any any -> any any (http.uri; to_lowercase; content:\"two\"; sid:2;)\n".to_owned();
    let set = "alert http any any -> any any (http.host; dataset:isset,names,type string; sid:3;)\n".to_owned();
    let mut loader = Loader::default();
    let first = compile(&mut loader, &[&plain[..], &buffer, &set].concat());
    // In another order, with another buffer before it, and with one rule that is new.
    let new = "alert http any any -> any any (http.method; content:\"GET\"; sid:4;)\n";
    let second = compile(&mut loader, &[new, &set, &buffer, &plain].concat());
    let rule = |rules: &RuleSet, sid| {
        let found = rules.rules.iter().find(|rule| rule.info.sid == sid);
        Arc::clone(found.expect("it was loaded"))
    };
    for (sid, shared) in [(1, true), (2, true), (3, false)] {
        assert_eq!(Arc::ptr_eq(&rule(&first, sid), &rule(&second, sid)), shared, "rule {sid}");
    }
    drop(first);
    let other = Settings { vars: Vars { ports: [("P".into(), "80".into())].into(), ..Vars::default() }, ..settings() };
    let parsed = crate::rules::parse(&plain).rules.into_iter().map(|rule| (0, rule));
    let third = loader.compile(parsed, &other).unwrap().rules;
    assert!(!Arc::ptr_eq(&rule(&second, 1), &rule(&third, 1)), "under other settings everything is compiled anew");
}

#[test]
fn rules_that_are_shared_match_as_before() {
    let get = client("GET /two HTTP/1.1\r\nHost: a\r\n\r\n");
    let uri = "alert http any any -> any any (http.uri; content:\"two\"; sid:2;)\n";
    let method = "alert http any any -> any any (http.method; content:\"GET\"; sid:1;)\n";
    let frame = "alert http1 any any -> any any (frame:request; content:\"two\"; sid:3;)\n";
    let fresh = || vec![Step::NewFlow, get.clone()];
    let (early, late) = over(&[frame, uri].concat(), &fresh(), &[method, uri].concat(), &fresh());
    assert_eq!(early, [3, 2], "{early:?}");
    assert_eq!(late, [1, 2]);
}
