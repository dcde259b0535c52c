//! Files: gaps, forms, limits, and what stays of bodies.

use super::*;

/// Name, size, state and whether bytes are missing, of all files of responses.
fn files(connection: &Connection) -> Vec<(String, u64, FileState, bool)> {
    let files = connection.txs().into_iter().flat_map(|tx| Dir::BOTH.map(|dir| tx.files(dir))).flatten();
    files.map(|file| (String::from_utf8_lossy(&file.name).into_owned(), file.size, file.state, file.gaps)).collect()
}

#[test]
fn gaps_in_bodies() {
    let response = |length: usize| s(format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n"));
    let get = |path: &str| c(format!("GET {path} HTTP/1.0\r\n\r\n"));
    let connection = run(&[
        get("/1"),
        response(12),
        s("Hello World!\r\n"),
        get("/2"),
        response(70),
        s("A".repeat(14)),
        get("/3"),
        Act::Gap(Dir::ToClient, 14),
        s("A".repeat(42)),
        s("HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nHello People\r\n"),
    ]);
    let file = |name: &str, size, state, gaps| (name.to_owned(), size, state, gaps);
    let expected = [
        file("/1", 14, FileState::Closed, false),
        file("/2", 70, FileState::Truncated, true),
        file("/3", 14, FileState::Closed, false),
    ];
    assert_eq!(files(&connection), expected);
    let whole = run(&[get("/1"), response(12), get("/2"), Act::Gap(Dir::ToClient, 14), response(2), s("ok")]);
    assert_eq!(files(&whole), [file("/1", 12, FileState::Truncated, true), file("/2", 2, FileState::Closed, false)]);
}

#[test]
fn gaps_elsewhere() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab";
    let get = c("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let within = run(&[get.clone(), s(chunked), Act::Gap(Dir::ToClient, 2), s("\r\n1\r\nc\r\n0\r\n\r\n")]);
    assert_eq!((files(&within)[0].1, files(&within)[0].2), (5, FileState::Truncated));
    assert_eq!(field(within.txs()[0], "file.data", Dir::ToClient, 0).as_deref(), Some("c"));
    let beyond = [
        get.clone(),
        get.clone(),
        s(chunked),
        Act::Gap(Dir::ToClient, 9),
        s("rest\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ];
    for step in [1, 1000] {
        let beyond = Connection::new(Config::default()).run(&beyond, step);
        assert_eq!(events(beyond.txs()[0]), ["invalid_gap"]);
        assert_eq!(field(beyond.txs()[1], "file.data", Dir::ToClient, 0).as_deref(), Some("ok"));
    }
    let request = run(&[c("GET / HTT"), Act::Gap(Dir::ToServer, 9), c("X: y\r\n\r\nGET /2 HTTP/1.0\r\n\r\n")]);
    assert_eq!(request.txs().len(), 2);
    assert_eq!(field(request.txs()[1], "http.uri", Dir::ToServer, 0).as_deref(), Some("/2"));
}

#[test]
fn uploads() {
    let form = "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"one.txt\"\r\n\r\nfirst\r\n--B\r\n\
        Content-Disposition: form-data; name=\"t\"\r\n\r\ntext\r\n--B\r\nContent-Disposition: form-data; filename=two\r\n\r\n2nd\r\n--B--\r\n";
    let post = format!(
        "POST /up?x HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let connection = run(&[c(post)]);
    let tx = connection.txs()[0];
    let all = |name: &str| [0, 1, 2].map(|instance| field(tx, name, Dir::ToServer, instance));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(all("file.name"), [some("one.txt"), some("two"), None]);
    assert_eq!(all("file.data"), [some("first"), some("2nd"), None]);
    assert_eq!(field(tx, "http.request_body", Dir::ToServer, 0).as_deref(), Some(form));
    assert!(files(&connection).iter().all(|file| file.2 == FileState::Closed));
    let plain = run(&[c("PUT /dir/n%61me?x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")]);
    assert_eq!(files(&plain), [("/dir/name".to_owned(), 3, FileState::Closed, false)]);
    assert!(plain.txs()[0].files(Dir::ToServer)[0].md5.is_some());
}

#[test]
fn ranges_in_order_are_a_file_besides() {
    let range = |name: &str, start: usize, part: &str, size: usize| {
        let end = start + part.len() - 1;
        let head = format!("HTTP/1.1 206 P\r\nContent-Range: bytes {start}-{end}/{size}\r\nContent-Length: ");
        [c(format!("GET /{name} HTTP/1.1\r\nHost: h\r\n\r\n")), s(format!("{head}{}\r\n\r\n{part}", part.len()))]
    };
    let plain = [c("GET /p HTTP/1.1\r\nHost: h\r\n\r\n"), s("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\np")];
    let whole = |acts: &[[Act; 2]]| -> Vec<(String, u64, Option<[u8; 16]>)> {
        let connection = run(acts.concat().as_slice());
        let all =
            connection.txs().into_iter().flat_map(|tx| tx.files(Dir::ToClient)).filter(|file| file.range.is_none());
        let named =
            |file: &crate::app::file::File| (String::from_utf8_lossy(&file.name).into_owned(), file.size, file.md5);
        all.map(named).filter(|file| file.0 != "/p").collect()
    };
    let md5 = [0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72];
    let abc = [("/f".to_owned(), 3, Some(md5))];
    let [one, two, three] = [range("f", 0, "a", 3), range("f", 1, "b", 3), range("f", 2, "c", 3)];
    assert_eq!(whole(&[one.clone(), two.clone(), three.clone()]), abc);
    assert_eq!(whole(&[one.clone(), plain, range("f", 1, "bc", 3)]), abc);
    assert_eq!(whole(&[one.clone(), three.clone(), two.clone(), three.clone()]), abc, "what is not next is left out");
    for other in [range("g", 1, "b", 3), range("f", 1, "b", 4)] {
        assert_eq!(whole(&[one.clone(), other, three.clone()]), []);
    }
    assert_eq!(whole(&[range("f", 0, "abc", 3)]), [], "a range of everything is told as that");
}

#[test]
fn limits() {
    let config = Config {
        content: http::Config { response_body_limit: 10, ..http::Config::default() },
        headers_limit: 3,
        field_limit: 64,
        ..Config::default()
    };
    let response = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nContent-Length: 20\r\n\r\n01234567890123456789";
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(100), "b".repeat(1000));
    for step in [1, 7, 5000] {
        let connection = Connection::new(config.clone()).run(&[c(&long), s(response)], step);
        let tx = connection.txs()[0];
        assert_eq!(field(tx, "http.response_body", Dir::ToClient, 0).as_deref(), Some("0123456789"));
        assert_eq!(field(tx, "http.response_header", Dir::ToClient, 3).as_deref(), Some("Content-Length: 20"));
        assert_eq!((files(&connection)[0].1, files(&connection)[0].2), (10, FileState::Truncated));
        let cut = ["request_field_too_long", "response_too_many_headers"];
        assert_eq!(events(tx), cut, "by {step}");
        assert_eq!(field(tx, "http.uri", Dir::ToServer, 0).map(|uri| uri.len()), Some(60));
    }
}

#[test]
fn inspected_bytes_go() {
    let config =
        content(http::Config { response_inspect_minimum: 4, response_inspect_window: 8, ..http::Config::default() });
    let get = c("GET / HTTP/1.0\r\n\r\n");
    let mut connection =
        Connection::new(config).run(&[get, s("HTTP/1.0 200 OK\r\n\r\n0123456789abcdefghij")], usize::MAX);
    let number = fields::FIELDS.iter().position(|field| field.info.name == "file.data").expect("a field");
    let before = connection.txs()[0].revision(Dir::ToClient);
    connection.session.inspected(0, Dir::ToClient);
    let connection = connection.run(&[s("k")], usize::MAX);
    let tx = connection.txs()[0];
    let expected = Value::Stream { data: b"cdefghijk", offset: 12, complete: false };
    assert_eq!(tx.field(number, Dir::ToClient, 0, &mut Vec::new()), expected);
    assert_ne!(tx.revision(Dir::ToClient), before);
}
