//! Rules, and what is told of them.

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
