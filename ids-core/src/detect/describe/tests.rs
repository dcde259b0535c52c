//! Rules, and what is told of them.

use crate::detect::describe::Grouping;
use crate::detect::settings::Settings;
use crate::detect::tests::bench::load;
use crate::record::{Shape, Writer};

/// Writes `key:value`, objects in braces and lists in brackets.
#[derive(Default)]
struct Plain {
    out: String,
    open: Vec<char>,
}

impl Plain {
    fn put(&mut self, key: &str, value: &str) {
        if !self.out.is_empty() && !self.out.ends_with(['{', '[']) {
            self.out.push(' ');
        }
        if !key.is_empty() {
            self.out += key;
            self.out.push(':');
        }
        self.out += value;
    }
}

impl Writer for Plain {
    fn text(&mut self, key: &str, value: &[u8]) {
        self.put(key, &String::from_utf8_lossy(value));
    }

    fn uint(&mut self, key: &str, value: u64) {
        self.put(key, &value.to_string());
    }

    fn int(&mut self, key: &str, value: i64) {
        self.put(key, &value.to_string());
    }

    fn float(&mut self, key: &str, value: f64) {
        self.put(key, &value.to_string());
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.put(key, if value { "yes" } else { "no" });
    }

    fn open(&mut self, key: &str, shape: Shape) {
        let (open, close) = if shape == Shape::Object { ("{", '}') } else { ("[", ']') };
        self.put(key, open);
        self.open.push(close);
    }

    fn close(&mut self) {
        self.out.push(self.open.pop().expect("calls balance"));
    }
}

fn described(rules: &str) -> Vec<String> {
    let loaded = load(rules, &Settings::default());
    assert_eq!(loaded.rules.len(), rules.lines().count(), "{rules}: {:?}", loaded.faults);
    let set = loaded.rules;
    set.ids()
        .map(|id| {
            let mut out = Plain::default();
            set.describe(id, &mut out);
            assert_eq!(out.open, [], "{rules}: calls balance");
            out.out
        })
        .collect()
}

#[test]
fn what_rules_ask_is_told() {
    for (header, options, told) in [
        ("tcp", "content:\"abc\";", "type:stream"),
        ("tcp", "content:\"abc\"; startswith;", "type:pkt_stream"),
        ("tcp", "", "type:ip_only"),
        ("http", "", "type:app_layer"),
        ("http", "http.uri; content:\"abc\";", "type:app_tx"),
        ("tcp", "app-layer-protocol:!http;", "type:pd_only"),
        ("tcp", "ttl:123;", "type:pkt"),
        ("tcp", "ttl:123;", "requirements:[real_pkt]"),
        ("pkthdr", "decode-event:ipv4.trunc_pkt;", "type:de_only"),
        ("tcp", "dsize:0;", "requirements:[no_payload]"),
        ("tcp", "dsize:>0;", "requirements:[payload] "),
        ("tcp", "dsize:!0;", "requirements:[payload real_pkt]"),
        ("tcp", "dsize:>21;", "dsize:{gt:21}"),
        ("tcp", "dsize:>=21;", "dsize:{gte:21}"),
        ("tcp", "dsize:<22;", "dsize:{lt:22}"),
        ("tcp", "dsize:<=22;", "dsize:{lte:22}"),
        ("tcp", "dsize:19-22;", "dsize:{range:{min:19 max:22}}"),
        ("tcp", "dsize:!19-22;", "dsize:{negated_range:{min:19 max:22}}"),
        ("tcp", "flow.age:&0xc0=0x80;", "flow_age:{bitmask:{mask:192 value:128}}"),
        ("tcp", "window:!1024;", "name:tcp.window window:{size:1024 negated:yes}"),
        ("ip", "ipopts:rr;", "ipopts:{option:rr}"),
        ("ip", "ipopts:any;", "ipopts:{option:any}"),
        ("tcp", "flowbits:set,a; noalert;", "postmatch:{matches:[{name:flowbits flowbits:{cmd:set names:[a]}}]}"),
        ("tcp", "flowbits:isnotset,a|b;", "flowbits:{cmd:isnotset names:[a b] operator:or}"),
        ("tcp", "content:\"a b\"; nocase; content:\"c\"; distance:2;", "mpm:{buffer:payload pattern:a|20|b length:3"),
        ("tcp", "content:\"a b\"; content:\"c\"; distance:2;", "distance:2 is_mpm:no"),
        ("tcp", "content:\"abc\"; distance:2;", "offset:2 is_mpm:yes"),
        ("tcp", "content:\"abc\"; within:9;", "notes:['within' option"),
        ("tcp", "content:\"abc\"; isdataat:!1,relative;", "ends_with:yes"),
        ("tcp", "content:\"abc\"; isdataat:!2,relative;", "name:isdataat"),
        ("tcp", "content:\"abc\"; pcre:\"/d/iR\";", "pcre:{relative:yes relative_next:no nocase:yes negated:no}"),
        (
            "tcp",
            "content:\"abc\"; byte_jump:1,2,relative,align;",
            "byte_jump:{nbytes:1 offset:2 flags:[relative align]",
        ),
        ("tcp", "stream_size:server,<,9; prefilter; content:\"abc\";", "prefilter:{buffer:packet name:stream_size}"),
        ("http", "http.uri; absent:or_else; content:!\"a\";", "name:absent absent:{or_else:yes}"),
        ("http", "http.method; content:\"GET\";", "name:http_method direction:toserver is_mpm:yes app_proto:http"),
    ] {
        let rule = format!("alert {header} any any -> any any ({options} sid:1;)");
        let [one] = &*described(&rule) else { panic!("{rule}: one rule") };
        assert!(one.contains(told), "{rule}\n{told}\n{one}");
    }
}

#[test]
fn bits_that_come_late_are_told() {
    let set = "alert http any any -> any any (http.uri; content:\"a\"; flowbits:set,x; sid:7;)\n";
    for (rule, told) in [
        ("tcp any any -> any any (flowbits:isset,x; sid:8;)", true),
        ("tcp any any -> any any (flowbits:isnotset,x; sid:8;)", false),
        ("http any any -> any any (http.uri; content:\"b\"; flowbits:isset,x; sid:8;)", false),
    ] {
        let all = described(&format!("{set}alert {rule}"));
        let late = "state_modifying_rules:{sids:[7] names:[x]}";
        assert_eq!(all.iter().any(|one| one.contains(late)), told, "{rule}");
    }
}

/// The groups of these rules to a server over TCP: ports, number and rules.
fn groups(rules: &str, most: usize) -> Vec<String> {
    let rules = load(rules, &Settings::default()).rules;
    let mut out = Plain::default();
    rules.describe_groups(&Grouping { most: [most, most], ..Grouping::default() }, &mut out);
    let tcp = out.out.split_once("udp:").unwrap().0;
    let to_server = tcp.split_once("toclient:").unwrap().0;
    let plain = to_server.replace("sig_id:", "").replace(['{', '}', '[', ']'], " ").replace("port2:", "");
    let groups = plain.split("port:").skip(1).map(|group| group.replace("rulegroup:", "").replace("rules:", ""));
    groups.map(|group| group.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn ports_are_cut_where_other_rules_begin() {
    let rule = |ports: &str, sid: u32| {
        format!("alert tcp any any -> any {ports} (flow:to_server; content:\"abc\"; sid:{sid};)\n")
    };
    let all = |rows: &[(&str, u32)]| rows.iter().map(|(ports, sid)| rule(ports, *sid)).collect::<String>();
    let (any, web, file) = (("any", 1), ("80", 2), ("445", 3));
    for (name, rules, most, want) in [
        ("one", all(&[web]), 9, &["80 80 id:0 2"][..]),
        ("all ports", all(&[any]), 9, &["0 65535 id:0 1"]),
        ("neighbours", all(&[("[2010,2011]", 1)]), 9, &["2010 2011 id:0 1"]),
        ("apart, but the same rules", all(&[("[587,25]", 1)]), 9, &["25 25 id:0 1", "587 587 id:0 1"]),
        ("overlaps", all(&[("1:20", 1), ("15:40", 2)]), 9, &["15 20 id:0 1 2", "1 14 id:1 1", "21 40 id:2 2"]),
        (
            "the ends",
            all(&[("0:9", 1), ("0", 2), ("65535", 3)]),
            9,
            &["0 0 id:0 1 2", "1 9 id:1 1", "65535 65535 id:2 3"],
        ),
        (
            "ports that come first",
            all(&[file, ("81:82", 1), ("82", 2)]),
            9,
            &["445 445 id:0 3", "82 82 id:1 1 2", "81 81 id:2 1"],
        ),
        (
            "the others together",
            all(&[("1", 1), ("2", 2), ("3", 3)]),
            2,
            &["1 1 id:0 1", "2 2 id:1 2", "0 65535 id:2 3"],
        ),
        (
            "no ports",
            "alert ip any any -> any any (sid:1;)\nalert udp any any -> any 5 (ttl:1; sid:2;)".to_owned(),
            9,
            &[],
        ),
        (
            "the other direction",
            "alert tcp any 80 -> any any (flow:to_client; content:\"abc\"; sid:1;)".to_owned(),
            9,
            &[],
        ),
        (
            "either direction",
            "alert tcp any 5 <> any 7 (content:\"abc\"; sid:1;)".to_owned(),
            9,
            &["5 5 id:0 1", "7 7 id:0 1"],
        ),
    ] {
        assert_eq!(groups(&rules, most), want, "{name}");
    }
}
