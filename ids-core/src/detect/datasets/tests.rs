use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::detect::settings::Files;

/// The values of a file: keys, and what stands with them as text.
fn values(content: &str, kind: Kind, format: &Format, scored: bool) -> Result<Vec<(Vec<u8>, String)>, String> {
    let mut found = Vec::new();
    read(content.as_bytes(), kind, format, scored, &mut |key, value| {
        let with = match value {
            Value::Plain => String::new(),
            Value::Score(score) => score.to_string(),
            Value::Context(text) => text.to_string(),
        };
        found.push((key.to_vec(), with));
        Ok(())
    })?;
    Ok(found)
}

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap()
}

#[test]
fn values_are_read_and_written() {
    let ip = |tail: &[u8]| [&[0; 10][..], &[0xff; 2], tail].concat();
    let cases: &[(Kind, &str, Vec<u8>, &str)] = &[
        (Kind::String, "YWJj", b"abc".to_vec(), "YWJj"),
        (
            Kind::Md5,
            "5D41402abc4b2a76b9719d911017c592",
            hex("5d41402abc4b2a76b9719d911017c592"),
            "5d41402abc4b2a76b9719d911017c592",
        ),
        (Kind::Sha256, &"0f".repeat(32), vec![15; 32], &"0f".repeat(32)),
        (Kind::Ipv4, "10.1.2.3", vec![10, 1, 2, 3], "10.1.2.3"),
        (Kind::Ipv4, "::ffff:10.1.2.3", vec![10, 1, 2, 3], "10.1.2.3"),
        (Kind::Ip, "10.1.2.3", ip(&[10, 1, 2, 3]), "10.1.2.3"),
        (Kind::Ip, "::ffff:10.1.2.3", ip(&[10, 1, 2, 3]), "10.1.2.3"),
        (
            Kind::Ip,
            "4:5::6",
            vec![0, 4, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6],
            "0004:0005:0000:0000:0000:0000:0000:0006",
        ),
    ];
    for (kind, text, key, written) in cases {
        let parsed = kind.parse_encoded(text).unwrap();
        assert_eq!(*parsed, **key, "{text}");
        let mut out = String::new();
        kind.write(&parsed, &mut out).unwrap();
        assert_eq!(out, *written);
    }
}

fn hex(text: &str) -> Vec<u8> {
    Kind::Md5.parse(text).unwrap().to_vec()
}

#[test]
fn values_that_are_none() {
    for (kind, text) in [
        (Kind::String, "no base64!"),
        (Kind::String, ""),
        (Kind::Md5, "5d41402abc4b2a76b9719d911017c5"),
        (Kind::Md5, "5d41402abc4b2a76b9719d911017c59200"),
        (Kind::Md5, "xd41402abc4b2a76b9719d911017c592"),
        (Kind::Sha256, "0f"),
        (Kind::Ipv4, "4:5::6"),
        (Kind::Ipv4, "10.1.2"),
        (Kind::Ip, "10.1.2.3/8"),
    ] {
        assert!(kind.parse_encoded(text).is_err(), "{kind:?} {text}");
    }
}

#[test]
fn buffers_that_are_values() {
    let mut room = [0; 16];
    for (kind, size, fits) in [
        (Kind::String, 0, false),
        (Kind::String, 1, true),
        (Kind::Md5, 16, true),
        (Kind::Md5, 32, false),
        (Kind::Sha256, 32, true),
        (Kind::Ipv4, 4, true),
        (Kind::Ipv4, 16, false),
        (Kind::Ip, 4, true),
        (Kind::Ip, 16, true),
        (Kind::Ip, 5, false),
    ] {
        assert_eq!(kind.key(&vec![7; size], &mut room).is_some(), fits, "{kind:?} {size}");
    }
    assert_eq!(
        Kind::Ip.key(&[1, 2, 3, 4], &mut room).map(<[u8]>::to_vec),
        Kind::Ip.parse("1.2.3.4").ok().map(Vec::from)
    );
}

#[test]
fn csv() {
    let plain = values("\r\nYQ==\r\n# comment\n Yg== \n", Kind::String, &Format::Csv, false).unwrap();
    assert_eq!(plain, [(b"a".to_vec(), String::new()), (b"b".to_vec(), String::new())]);
    let scored = values("YQ==,7\nYg==, 65535", Kind::String, &Format::Csv, true).unwrap();
    assert_eq!(scored, [(b"a".to_vec(), "7".to_owned()), (b"b".to_vec(), "65535".to_owned())]);
    for (text, scored, words) in [
        ("YQ==\nYg==,1", false, "line 2: a set has numbers"),
        ("YQ==,1\nYg==", true, "line 2: a set has numbers"),
        ("YQ==,65536", true, "line 1: `65536` is no number"),
        ("\n?", false, "line 2: bad base64 encoding `?`"),
    ] {
        let error = values(text, Kind::String, &Format::Csv, scored).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn json() {
    let format = |list: &str, value: &str, remove| {
        let list = if list.is_empty() { JsonPath::default() } else { path(list) };
        Format::Json { list, value: path(value), remove }
    };
    let row = |key: &str, with: &str| (key.as_bytes().to_vec(), with.to_owned());
    let cases = [
        (r#"[{"h":"a","x":1},{"y":2}]"#, format("", "h", false), vec![row("a", r#"{"h":"a","x":1}"#)]),
        (r#"{"i":{"t":[{"h":"a"}]}}"#, format("i.t", "h", false), vec![row("a", r#"{"h":"a"}"#)]),
        (r#"[{"h":{"f":"a","d":"b"}}]"#, format("", "h.f", false), vec![row("a", r#"{"h":{"d":"b","f":"a"}}"#)]),
        (r#"[{"h":{"f":"a","d":"b"}}]"#, format("", "h.f", true), vec![row("a", r#"{"h":{"d":"b"}}"#)]),
        (r#"[]"#, format("", "h", false), vec![]),
    ];
    for (text, format, wanted) in cases {
        assert_eq!(values(text, Kind::String, &format, false).as_ref(), Ok(&wanted), "{text}");
    }
    let long = format!(r#"[{{"h":"a","x":"{}"}}]"#, "x".repeat(MAX_CONTEXT));
    for (text, words) in [
        ("[", "no JSON"),
        (r#"{"h":"a"}"#, "no list at the top"),
        (r#"[1]"#, "item 1: not an object"),
        (r#"[{"h":"a"},{"h":null}]"#, "item 2: the value `null` is not a string"),
        (&*long, "item 1: the object has"),
    ] {
        let error = values(text, Kind::String, &format("", "h", false), false).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn ndjson() {
    let format = Format::Ndjson { value: path("ioc.h"), remove: true };
    let found = values("{\"ioc\":{\"h\":\"10.0.0.1\"},\"n\":1}\n\n{\"n\":2}\n", Kind::Ipv4, &format, false).unwrap();
    assert_eq!(found, [(vec![10, 0, 0, 1], r#"{"ioc":{},"n":1}"#.to_owned())]);
    let error = values("{\"n\":1}\n{\"ioc\":{\"h\":\"x\"}}", Kind::Ipv4, &format, false).unwrap_err();
    assert_eq!(error, "line 2: `x` is no IPv4 address");
    assert!(values("{}\n{", Kind::Ipv4, &format, false).unwrap_err().starts_with("line 2: no JSON"));
}

#[test]
fn a_full_set_takes_nothing_more_until_something_goes() {
    let set = Dataset::new("s", Kind::String, 300, None);
    let added: Vec<Added> = (0..6_u8).map(|n| set.add(&[n; 10], Value::Plain)).collect();
    assert_eq!(added, [Added::New, Added::New, Added::New, Added::New, Added::Full, Added::Full]);
    assert_eq!(set.add(&[3; 10], Value::Plain), Added::There);
    assert!(set.remove(&[3; 10]) && !set.remove(&[3; 10]));
    assert_eq!(set.add(&[5; 10], Value::Plain), Added::New);
    set.clear();
    assert_eq!((set.len(), set.memuse()), (0, 0));
}

/// Files by name.
struct Table(&'static [(&'static str, &'static str)]);

impl Files for Table {
    fn read(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("not asked for".to_owned())
    }

    fn set(&self, name: &str, purpose: Purpose, _: Option<usize>) -> Result<Vec<u8>, String> {
        let content = self.0.iter().find(|row| row.0 == name).map(|row| row.1.as_bytes().to_vec());
        match purpose {
            Purpose::Load => content.ok_or_else(|| "no such file".to_owned()),
            Purpose::State => Ok(content.unwrap_or_default()),
            Purpose::Save => Ok(Vec::new()),
        }
    }
}

const FILES: Table = Table(&[("a.csv", "YQ==\n"), ("scores.csv", "YQ==,5\n"), ("big.csv", "YQ==\nYg==\n")]);

fn spec(name: &str) -> Spec {
    Spec { name: name.to_owned(), kind: Some(Kind::String), ..Spec::default() }
}

#[test]
fn what_contradicts_a_set_is_refused() {
    let text = |text: &str| Some(text.to_owned());
    let settings = Settings { total_hashsizes: 6000, ..Settings::default() };
    let mut registry = Registry::default();
    let mut declare = |spec: Spec| registry.declare(spec, Some(0), &settings, &FILES).map(|set| set.len());
    assert_eq!(declare(Spec { load: text("a.csv"), ..spec("s") }), Ok(1));
    assert_eq!(declare(Spec { kind: None, ..spec("s") }), Ok(1), "what is left out is as it was");
    for (spec, words) in [
        (Spec { kind: Some(Kind::Ip), ..spec("s") }, "holds values of type `string`"),
        (Spec { scored: true, ..spec("s") }, "has no numbers"),
        (Spec { load: text("b.csv"), ..spec("s") }, "another file"),
        (Spec { format: Format::Ndjson { value: path("a"), remove: false }, ..spec("s") }, "another format"),
        (Spec { kind: None, ..spec("new") }, "needs a `type`"),
        (Spec { load: text("none.csv"), ..spec("new") }, "none.csv: no such file"),
        (Spec { load: text("scores.csv"), ..spec("new") }, "scores.csv: line 1: a set has numbers"),
        (Spec { load: text("big.csv"), memcap: Some(100), ..spec("new") }, "memcap of 100 bytes"),
        (Spec { hashsize: Some(100_000), ..spec("new") }, "single-hashsize"),
        (Spec { hashsize: Some(5000), ..spec("new") }, "total-hashsizes"),
    ] {
        let error = declare(spec).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn reloading_keeps_what_was_learnt_and_reads_the_rest_anew() {
    let text = |text: &str| Some(text.to_owned());
    let settings = Settings { sets: vec![Spec { load: text("a.csv"), ..spec("configured") }], ..Settings::default() };
    let mut registry = Registry::default();
    assert_eq!(registry.begin(&settings, &FILES), Vec::<String>::new());
    let loaded = Spec { load: text("a.csv"), ..spec("loaded") };
    let all = [loaded, Spec { state: text("new.csv"), ..spec("state") }, spec("bare"), spec("configured")];
    for pass in 0..2 {
        for spec in &all {
            let set = registry.declare(spec.clone(), Some(0), &settings, &FILES).unwrap();
            let there = set.add(b"learnt", Value::Plain) == Added::There;
            assert_eq!(there, pass == 1 && spec.name != "loaded", "{}", spec.name);
        }
        assert_eq!(registry.begin(&settings, &FILES), Vec::<String>::new());
    }
    let bad = Settings { sets: vec![Spec { kind: None, ..spec("x") }], ..Settings::default() };
    assert_eq!(registry.begin(&bad, &FILES), ["dataset `x`: a set that is new needs a `type`"]);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Ask(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let value = || prop::collection::vec(0..4_u8, 1..4);
    prop_oneof![value().prop_map(Step::Add), value().prop_map(Step::Remove), value().prop_map(Step::Ask)]
}

proptest! {
    #[test]
    fn behaves_like_a_set(steps in prop::collection::vec(step(), 0..200)) {
        let set = Dataset::new("s", Kind::String, u64::MAX, None);
        let mut model = HashSet::new();
        for step in steps {
            match step {
                Step::Add(value) => prop_assert_eq!(set.add(&value, Value::Plain) == Added::New, model.insert(value)),
                Step::Remove(value) => prop_assert_eq!(set.remove(&value), model.remove(&value)),
                Step::Ask(value) => prop_assert_eq!(set.get(&value).is_some(), model.contains(&value)),
            }
        }
        prop_assert_eq!(set.len(), model.len());
        prop_assert_eq!(set.memuse() == 0, model.is_empty());
    }

    /// What is written at the end is what is read at the beginning.
    #[test]
    fn a_dump_is_read_back(model in prop::collection::hash_map(prop::collection::vec(any::<u8>(), 1..20), any::<u16>(), 0..50), scored in any::<bool>()) {
        let set = Dataset::new("s", Kind::String, u64::MAX, None);
        for (key, score) in &model {
            set.add(key, if scored { Value::Score(*score) } else { Value::Plain });
        }
        let rows: HashMap<_, _> = values(&set.dump(), Kind::String, &Format::Csv, scored).unwrap().into_iter().collect();
        let wanted: HashMap<_, _> =
            model.into_iter().map(|(key, score)| (key, if scored { score.to_string() } else { String::new() })).collect();
        prop_assert_eq!(rows, wanted);
    }
}
