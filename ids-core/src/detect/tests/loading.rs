//! Mistakes in rules: which, and where they are marked.

use super::bench::{load, settings};
use crate::detect::compile::Loader;
use crate::rules::diagnostic::{Code, Severity};

/// The mistakes of a rule: severity, code, and the marked text.
fn faults(rule: &str) -> Vec<(Severity, Code, String)> {
    let loaded = load(rule, &settings());
    let faults = loaded.faults.into_iter().map(|(_, fault)| fault);
    faults
        .map(|fault| {
            let marked = fault.text.get(fault.diagnostic.span.clone()).unwrap_or("?").to_owned();
            (fault.diagnostic.severity, fault.diagnostic.code, marked)
        })
        .collect()
}

#[test]
fn errors() {
    let cases = [
        ("log tcp any any -> any any (sid:1;)", Code::UnknownAction, "log"),
        ("accept tcp any any -> any any (sid:1;)", Code::NotSupported, "accept"),
        ("config:flow tcp any any -> any any (sid:1;)", Code::BadValue, "flow"),
        (
            "config ip any any -> any any (config:logging disable, type tx; sid:1;)",
            Code::BadValue,
            "logging disable, type tx",
        ),
        ("config ip any any -> any any (config:logging enable, type tx, scope tx; sid:1;)", Code::BadValue, "enable"),
        (
            "config ip any any -> any any (config:logging disable, type tx, scope packet; sid:1;)",
            Code::BadValue,
            "packet",
        ),
        (
            "config ip any any -> any any (config:tracking disable, type flow, scope flow; sid:1;)",
            Code::NotSupported,
            "tracking",
        ),
        ("config ip any any -> any any (config:flying disable, type tx, scope tx; sid:1;)", Code::BadValue, "flying"),
        ("drop:tx tcp any any -> any any (sid:1;)", Code::BadValue, "tx"),
        ("alert:flow tcp any any -> any any (sid:1;)", Code::UnexpectedValue, "flow"),
        ("alert irc any any -> any any (sid:1;)", Code::UnknownProtocol, "irc"),
        ("alert tcp $NOBODY any -> any any (sid:1;)", Code::UnknownVariable, "$NOBODY"),
        ("alert tcp any any -> any 99999 (sid:1;)", Code::BadPort, "99999"),
        ("alert tcp any any -> any any (msg:\"x\";)", Code::MissingSid, "alert tcp any any -> any any (msg:\"x\";)"),
        ("alert tcp any any -> any any (sid:0;)", Code::BadValue, "0"),
        ("alert tcp any any -> any any (contnt:\"x\"; sid:1;)", Code::UnknownKeyword, "contnt"),
        ("alert tcp any any -> any any (frame:nfs.rpc.data; sid:1;)", Code::NotSupported, "nfs.rpc.data"),
        ("alert smb any any -> any any (smb.version:1; smb.version:2; sid:1;)", Code::Repeated, "smb.version:2"),
        ("alert tcp any any -> any any (dcerpc.opnum:>3; sid:1;)", Code::BadValue, ">3"),
        ("alert tcp any any -> any any (dcerpc.iface:1234; sid:1;)", Code::BadValue, "1234"),
        (
            "alert tcp any any -> any any (dce_iface:33221101-5544-7766-0809-0a0b0c0d0e0f,all; sid:1;)",
            Code::BadValue,
            "all",
        ),
        ("alert dns any any -> any any (dce_stub_data; content:\"0\"; sid:1;)", Code::WrongProtocol, "dce_stub_data"),
        ("alert tcp any any -> any any (tag:flow; sid:1;)", Code::BadValue, "flow"),
        ("alert tcp any any -> any any (tag:session,9; sid:1;)", Code::BadValue, "session,9"),
        ("alert tcp any any -> any any (tag:session,0,packets; sid:1;)", Code::BadValue, "0"),
        ("alert tcp any any -> any any (tag:session,9,packets,src; sid:1;)", Code::BadValue, "session,9,packets,src"),
        ("alert tcp any any -> any any (tag:host,9,minutes; sid:1;)", Code::BadValue, "minutes"),
        ("alert tcp any any -> any any (tag:host,9,packets,both; sid:1;)", Code::BadValue, "both"),
        ("alert tcp any any -> any any (msg; sid:1;)", Code::MissingValue, "msg"),
        ("alert tcp any any -> any any (noalert:1; sid:1;)", Code::UnexpectedValue, "noalert:1"),
        ("alert tcp any any -> any any (msg:\"a\"; msg:\"b\"; sid:1;)", Code::Repeated, "msg:\"b\""),
        ("alert tcp any any -> any any (nocase; sid:1;)", Code::NoContext, "nocase"),
        ("alert tcp any any -> any any (http_uri; sid:1;)", Code::NoContext, "http_uri"),
        ("alert http any any -> any any (http.uri; sid:1;)", Code::NoContext, "http.uri"),
        ("alert tcp any any -> any any (to_lowercase; content:\"a\"; sid:1;)", Code::NoContext, "to_lowercase"),
        ("alert tcp any any -> any any (flow:to_server,to_client; sid:1;)", Code::Conflict, "to_client"),
        (
            "alert http any any -> any any (flow:to_client; http.uri; content:\"a\"; sid:1;)",
            Code::WrongDirection,
            "http.uri",
        ),
        (
            "alert http any any => any any (http.uri; content:\"a\"; sid:1;)",
            Code::WrongDirection,
            "alert http any any => any any (http.uri; content:\"a\"; sid:1;)",
        ),
        ("alert dns any any -> any any (http.uri; content:\"a\"; sid:1;)", Code::WrongProtocol, "http.uri"),
        ("alert udp any any -> any any (tcp.flags:S; sid:1;)", Code::WrongProtocol, "tcp.flags:S"),
        ("alert tcp any any -> any any (dsize:3; content:\"four\"; sid:1;)", Code::Impossible, "dsize:3"),
        ("alert tcp any any -> any any (decode-event:no.such; sid:1;)", Code::UnknownName, "no.such"),
        ("alert http:nowhere any any -> any any (sid:1;)", Code::BadHook, "nowhere"),
        ("alert http any any -> any any (filemd5:missing; sid:1;)", Code::BadFile, "missing"),
        ("alert tcp any any -> any any (app-layer-protocol:!unknown; sid:1;)", Code::Conflict, "unknown"),
        ("alert tcp any any -> any any (flowint:x,+,1; sid:1;)", Code::BadValue, "x"),
        ("alert tcp any any -> any any (xbits:set,a,track nobody; sid:1;)", Code::BadValue, "nobody"),
        (
            "alert tcp any any -> any any (threshold:type limit, track by_src, count 1; sid:1;)",
            Code::BadValue,
            "type limit, track by_src, count 1",
        ),
        (
            "alert tcp any any -> any any (threshold:type backoff, track by_src, count 1, multiplier 2; sid:1;)",
            Code::BadValue,
            "by_src",
        ),
    ];
    let mut wrong = Vec::new();
    for (rule, code, marked) in cases {
        let found = faults(rule);
        if !found.contains(&(Severity::Error, code, marked.to_owned())) {
            wrong.push(format!("{rule}\n  expected {code:?} at `{marked}`, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn warnings_do_not_keep_a_rule_from_loading() {
    let cases = [
        ("alert tcp any any -> any any (classtype:nothing; sid:1;)", Code::UnknownName, "nothing"),
        ("alert tcp any any -> any any (reference:nothing,1; sid:1;)", Code::UnknownName, "nothing"),
        ("alert tcp any any -> any any (flowbits:isset,never; sid:1;)", Code::NeverSet, "never"),
        ("alert http any any -> any any (app-layer-event:http.nothing; sid:1;)", Code::UnknownName, "http.nothing"),
        ("alert tcp any any -> any any (xbits:isset,no,track ip_src; sid:1;)", Code::NeverSet, "no"),
        ("alert tcp any any -> any any (ttl:<5; ttl:>10; sid:1;)", Code::Impossible, "ttl:>10"),
        ("alert tcp any any -> any any (flags:S; tcp.mss:9; tcp.mss:<9; sid:1;)", Code::Impossible, "tcp.mss:<9"),
        (
            "alert http any any -> any any (http.uri; content:\"abcd\"; urilen:<4; sid:1;)",
            Code::Impossible,
            "urilen:<4",
        ),
        ("alert http any any -> any any (urilen:<4; urilen:>9; sid:1;)", Code::Impossible, "urilen:>9"),
        (
            "alert tcp any any -> any any (content:\"abc\"; content:!\"B\"; nocase; sid:1;)",
            Code::Impossible,
            "content:!\"B\"",
        ),
    ];
    for (rule, code, marked) in cases {
        assert_eq!(faults(rule), [(Severity::Warning, code, marked.to_owned())], "{rule}");
        assert_eq!(load(rule, &settings()).rules.len(), 1, "{rule}");
    }
}

#[test]
fn flowbits_that_are_set_and_not_set_at_once() {
    let rules = "alert tcp any any -> any any (content:\"a\"; flowbits:set,a; sid:1;)\n\
        alert tcp any any -> any any (flowbits:isset,a|b; flowbits:isnotset,a; sid:2;)\n\
        alert tcp any any -> any any (flowbits:isset,a; flowbits:isnotset,a; sid:3;)\n";
    let loaded = load(rules, &settings());
    let told: Vec<_> = loaded.faults.iter().map(|(_, fault)| (fault.origin.line(), fault.diagnostic.code)).collect();
    assert_eq!(told, [(3, Code::Impossible)]);
}

#[test]
fn what_nearly_contradicts_itself_gets_no_warning() {
    for options in [
        "ttl:>5; ttl:<10",
        "vlan.id:<5; vlan.id:>10",
        "content:\"abc\"; content:!\"B\"",
        "content:\"abc\"; nocase; content:!\"b\"",
        "content:\"abc\"; content:!\"bc\"; distance:0",
        "content:\"abc\"; content:!\"bc\"; offset:2",
        "http.uri; content:\"abcd\"; urilen:4",
        "http.uri; url_decode; content:\"abcd\"; urilen:<4",
    ] {
        assert_eq!(faults(&format!("alert tcp any any -> any any ({options}; sid:1;)")), [], "{options}");
    }
}

#[test]
fn only_a_thorough_loader_speaks_of_rules_without_a_fast_pattern() {
    let told = |loader: Loader, options: &str| {
        let parsed = crate::rules::parse(&format!("alert tcp any any -> any any ({options}; sid:1;)"));
        let mut loader = loader;
        let loaded = loader.compile(parsed.rules.into_iter().map(|rule| (0, rule)), &settings()).unwrap();
        loaded.faults.iter().any(|(_, fault)| fault.diagnostic.code == Code::Noisy)
    };
    for (options, noisy) in [
        ("pcre:\"/abc/\"", true),
        ("content:!\"abc\"", true),
        ("content:\"a\"", true),
        ("http.uri; bsize:>9", true),
        ("http.uri; bsize:>70", false),
        ("http.uri; bsize:>70; pcre:\"/abc/\"", false),
        ("http.uri; pcre:\"/abc/\"; bsize:>70", true),
        ("content:\"abc\"; pcre:\"/abc/\"", false),
        ("http.uri; content:\"abc\"", false),
        ("flags:S", false),
        ("decode-event:tcp.pkt_too_small", false),
    ] {
        assert_eq!(told(Loader::thorough(), options), noisy, "{options}");
        assert!(!told(Loader::default(), options), "{options}");
    }
}

#[test]
fn a_bad_rule_does_not_hurt_the_others() {
    let rules = "alert tcp any any -> any any (sid:1;)\nalert tcp any any -> any any (nonsense; sid:2;)\n\
        alert tcp any any -> any any (sid:3;)\n";
    let loaded = load(rules, &settings());
    assert_eq!((loaded.rules.len(), loaded.faults.len()), (2, 1));
    assert_eq!(loaded.faults[0].1.origin.line(), 2);
}

#[test]
fn of_equal_sids_the_higher_rev_counts() {
    let rule = |rev: u32, msg: &str| format!("alert tcp any any -> any any (msg:\"{msg}\"; sid:1; rev:{rev};)\n");
    let msg = |rules: &str| {
        let loaded = load(rules, &settings());
        let told = loaded.rules.headers().map(|row| row.0.msg.clone()).collect::<Vec<_>>();
        (told, loaded.faults.iter().map(|fault| fault.1.diagnostic.code).collect::<Vec<_>>())
    };
    assert_eq!(msg(&(rule(1, "a") + &rule(2, "b"))), (vec!["b".to_owned()], vec![Code::DuplicateSid]));
    assert_eq!(msg(&(rule(1, "a") + &rule(1, "b"))), (vec!["a".to_owned()], vec![Code::DuplicateSid]));
}

#[test]
fn rules_that_require_what_is_not_there_are_passed_over() {
    let rules = "alert tcp any any -> any any (requires: feature nothing; sid:1;)\n\
        alert tcp any any -> any any (requires: version >= 99; nonsense; sid:2;)\n\
        alert tcp any any -> any any (requires: something else; sid:3;)\n\
        alert tcp any any -> any any (requires: keyword content; sid:4;)\n";
    let loaded = load(rules, &settings());
    assert_eq!((loaded.rules.len(), loaded.skipped, loaded.faults.len()), (1, 3, 0));
}

#[test]
fn what_is_not_known_gets_a_hint() {
    for (rule, wanted) in [
        ("alert tcp any any -> any any (contnt:\"x\"; sid:1;)", "did you mean `content`?"),
        ("alert htp any any -> any any (sid:1;)", "did you mean `http`?"),
        ("alert tpc any any -> any any (sid:1;)", "did you mean `tcp`?"),
        ("alert tcp any any -> any any (app-layer-protocol:htpp; sid:1;)", "did you mean `http`?"),
        ("alert tcp any any -> any any (xyzzy-nothing-like-it; sid:1;)", Code::UnknownKeyword.help()),
        ("alert foo any any -> any any (sid:1;)", Code::UnknownProtocol.help()),
        ("alert nfs any any -> any any (nfs.version:3; sid:1;)", Code::NotSupported.help()),
    ] {
        let loaded = load(rule, &settings());
        let helps: Vec<_> = loaded.faults.iter().map(|(_, fault)| fault.diagnostic.help.as_str()).collect();
        assert_eq!(helps, [wanted], "{rule}");
    }
}

#[test]
fn what_alerts_tell_of_a_rule() {
    let rule = "drop tcp any any -> any any (msg:\"a\\; b\"; sid:7; gid:3; rev:2; classtype:bad-unknown; \
        reference:url,a.example/x; metadata:tag one, tag two, empty, empty no more,; target:dest_ip;)";
    let loaded = load(rule, &settings());
    let info = loaded.rules.headers().next().unwrap().0.clone();
    assert_eq!((info.sid, info.gid, info.rev, info.priority), (7, 3, 2, 2));
    assert_eq!((info.msg.as_str(), info.category.as_str()), ("a; b", "Potentially Bad Traffic"));
    assert_eq!(info.references, ["http://a.example/x"]);
    assert_eq!(info.metadata.pairs().collect::<Vec<_>>(), [("tag", "one"), ("tag", "two"), ("empty", "no more")]);
    assert_eq!(info.raw, rule);
}
