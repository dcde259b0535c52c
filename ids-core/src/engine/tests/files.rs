//! Which files rules store, and how much of them.

use std::sync::Arc;

use super::compile;
use crate::app::App;
use crate::app::file::{Fate, Wanted};
use crate::detect::shared::Shared;
use crate::engine::Engine;
use crate::engine::fixtures::{self, Carrier, Told, segment};

/// Who says what: the client, if `true`.
type Says = (bool, String);

/// Name of a file, whether it is stored, and the rules that wanted that.
type NamedFile = (String, bool, Vec<u32>);

/// Bytes of a response that rules look at.
const LIMIT: u64 = 20;

fn get(path: &str) -> Says {
    (true, format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
}

/// The beginning of a response with a body of so many bytes.
fn answer(length: usize, body: &str) -> Says {
    (false, format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"))
}

/// Two files that come, and a form with two that go.
fn exchanges() -> Vec<Says> {
    let form = "--B\r\nContent-Disposition: form-data; filename=\"x.exe\"\r\n\r\nMZ1\r\n\
        --B\r\nContent-Disposition: form-data; filename=\"y.txt\"\r\n\r\ntext\r\n--B--\r\n";
    let post = "POST /c HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: ";
    vec![
        get("/a.exe"),
        answer(6, "MZ2"),
        (false, "abc".to_owned()),
        get("/b.txt"),
        answer(3, "b-b"),
        (true, format!("{post}{}\r\n\r\n{form}", form.len())),
        (false, "HTTP/1.1 204 No\r\n\r\n".to_owned()),
    ]
}

/// The packets of a connection on which this is said; each is acknowledged.
fn frames(says: &[Says]) -> Vec<Vec<u8>> {
    let v4 = Carrier::V4;
    let mut frames = vec![
        segment(v4, true, "S", 100, 0, b""),
        segment(v4, false, "SA", 500, 101, b""),
        segment(v4, true, "A", 101, 501, b""),
    ];
    let mut next = [101, 501];
    for (from_client, text) in says {
        let [client, server] = next;
        let (seq, ack) = if *from_client { (client, server) } else { (server, client) };
        let end = seq + text.len() as u32;
        frames.push(segment(v4, *from_client, "PA", seq, ack, text.as_bytes()));
        frames.push(segment(v4, !from_client, "A", ack, end, b""));
        next[usize::from(!from_client)] = end;
    }
    frames
}

/// What comes of it while a rule looks on: contents of stored files by number, and the files told of. `all`: the
/// configuration wants all of them stored.
fn stored(options: &str, says: &[Says], all: bool) -> (Vec<(u64, String)>, Vec<NamedFile>) {
    let rules = compile(&format!("alert http any any -> any any ({options})"));
    let mut config = fixtures::inline();
    (config.inline, config.stream.inline) = (false, false);
    config.app.http1.content.response_body_limit = LIMIT;
    config.app.files.store = true;
    config.app.files.care.wanted = Wanted { content: all, all, ..Wanted::default() };
    let app = App::new(config.app.clone());
    let mut engine = Engine::new(Arc::new(config), Arc::new(app), Shared::default());
    let mut told: Vec<Told> = frames(says)
        .into_iter()
        .enumerate()
        .map(|(id, mut frame)| fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame))
        .collect();
    let mut last = Told::default();
    engine.finish(&rules, &mut last);
    told.push(last);
    let (mut contents, mut files) = (Vec::<(u64, String)>::new(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for told in told {
        for (number, bytes) in told.contents {
            match contents.iter_mut().find(|row| row.0 == number) {
                Some(row) => row.1.push_str(&text(&bytes)),
                None => contents.push((number, text(&bytes))),
            }
        }
        files.extend(told.files.into_iter().map(|(name, fate, sids)| (text(&name), fate != Fate::Undecided, sids)));
    }
    files.sort();
    (contents, files)
}

#[test]
fn rules_store_files() {
    const NAMES: [&str; 4] = ["/a.exe", "/b.txt", "x.exe", "y.txt"];
    const CONTENTS: [&str; 4] = ["MZ2abc", "b-b", "MZ1", "text"];
    let cases: &[(&str, &[usize])] = &[
        ("filestore; sid:1;", &[0, 1, 2, 3]),
        ("fileext:\"exe\"; filestore; sid:1;", &[0, 2]),
        ("file.name; content:\"y.txt\"; filestore; sid:1;", &[3]),
        ("file.data; content:\"abc\"; filestore; sid:1;", &[0]),
        ("fileext:\"exe\"; filesize:3; filestore; sid:1;", &[2]),
        ("fileext:\"exe\"; filestore:both; sid:1;", &[0, 2]),
        ("http.uri; content:\"/a\"; filestore:response,tx; sid:1;", &[0]),
        ("http.uri; content:\"/b\"; filestore:both,flow; sid:1;", &[1, 2, 3]),
        ("http.uri; content:\"/b\"; filestore:to_client,ssn; sid:1;", &[1]),
        ("filestore:to_server,flow; sid:1;", &[2, 3]),
        ("filesize:>5; filestore:to_client,file; sid:1;", &[0]),
        ("http.uri; content:\"/nothing\"; filestore:both,flow; sid:1;", &[]),
    ];
    for (options, expected) in cases {
        let (contents, files) = stored(options, &exchanges(), false);
        let texts: Vec<&str> = contents.iter().map(|row| row.1.as_str()).collect();
        assert_eq!(texts, expected.iter().map(|at| CONTENTS[*at]).collect::<Vec<_>>(), "{options}");
        let numbers: Vec<u64> = contents.iter().map(|row| row.0).collect();
        assert_eq!(numbers, (1..=expected.len() as u64).collect::<Vec<_>>());
        for (at, (name, stored, sids)) in files.iter().enumerate() {
            let wanted = expected.contains(&at);
            assert_eq!((name.as_str(), *stored, sids.len()), (NAMES[at], wanted, usize::from(wanted)), "{options}");
        }
        assert_eq!(files.len(), NAMES.len());
    }
    for (all, expected) in [(true, 4), (false, 0)] {
        assert_eq!(stored("http.uri; content:\"/no\"; sid:1;", &exchanges(), all).0.len(), expected);
    }
}

#[test]
fn what_is_stored_goes_beyond_what_rules_look_at() {
    let part = "0123456789";
    let mut says = vec![get("/a.exe"), answer(50, part)];
    says.extend((0..4).map(|_| (false, part.to_owned())));
    for (options, all, length) in [
        ("file.name; content:\"a.exe\"; filestore; sid:1;", false, 50),
        ("fileext:\"exe\"; filestore; sid:1;", false, 50),
        ("http.uri; content:\"a.exe\"; filestore:both,flow; sid:1;", false, 50),
        ("file.data; content:\"9012\"; filestore; sid:1;", false, 50),
        ("filesize:>15; filestore; sid:1;", false, 50),
        ("filesize:>25; filestore; sid:1;", false, 0),
        ("http.uri; content:\"/no\"; sid:1;", true, 50),
    ] {
        let (contents, files) = stored(options, &says, all);
        assert_eq!(contents.iter().map(|row| row.1.len()).sum::<usize>(), length, "{options}");
        assert_eq!(files.len(), 1);
    }
}
