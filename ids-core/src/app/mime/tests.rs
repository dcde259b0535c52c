//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::*;
use crate::app::file::State;
use crate::field::Value;

fn everything() -> Config {
    Config {
        body_md5: true,
        inspect_minimum: 0,
        url_schemes: Arc::new(["http".into(), "https".into()]),
        ..Config::default()
    }
}

/// A message that came in pieces of so many bytes.
fn read(text: &[u8], config: &Config, piece: usize) -> (Message, Vec<Oddity>) {
    let care = Care::default();
    let at = Context { config, care: &care, dir: Dir::ToServer };
    let mut message = Message::new(&at);
    let mut odd: Vec<Oddity> = Vec::new();
    for piece in text.chunks(piece) {
        message.feed(piece, &at);
        odd.extend(message.oddities());
    }
    message.end(true, &at);
    odd.extend(message.oddities());
    let mut seen = Vec::new();
    odd.retain(|oddity| {
        !seen.contains(oddity) && {
            seen.push(*oddity);
            true
        }
    });
    (message, odd)
}

/// Names, contents and states of the files.
fn files(message: &Message) -> Vec<(String, String, State)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let content = |index| match message.file_value(index) {
        Value::Stream { data, complete: true, .. } => text(data),
        other => panic!("{other:?}"),
    };
    message.files().iter().enumerate().map(|(index, file)| (text(&file.name), content(index), file.state)).collect()
}

fn urls(message: &Message) -> Vec<String> {
    message.urls().map(|url| String::from_utf8_lossy(url).into_owned()).collect()
}

/// A message with all that may be in it.
const FULL: &str = "From: A <a@x>\r\nTo: b@x,\r\n \"c, d\" <c@x>\r\nReceived: one\r\nreceived:\ttwo \r\nSubject : hello\r\n\
    Content-Type: Multipart/Mixed;\r\n\tboundary=\"out er\"\r\n\r\n\
    http://preamble/\r\n--out er\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
    --in\r\n\r\nplain http://a.example/1\r\n--in  \r\nContent-Type: text/html\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\n<a href=3D\"https://b.exa=\r\nmple/\">=\r\n--in--\r\n\
    --out er\r\nContent-Type: message/rfc822\r\n\r\nFrom: nested\r\nSubject: nested\r\n\
    Content-Disposition: attachment; filename=inner.bin\r\n\r\nin\r\nner\r\n\
    --out er\r\nContent-Type: application/x; name*0=a; name*1=.exe\r\nContent-Transfer-Encoding: BASE64\r\n\r\nQUJD\r\nRA==\r\n\
    --out er\r\nContent-Disposition: attachment\r\n\r\n\r\n--out er--\r\nepilogue http://c/\r\n";

#[test]
fn a_message_is_taken_apart() {
    let (message, odd) = read(FULL.as_bytes(), &everything(), usize::MAX);
    assert_eq!(odd, []);
    assert_eq!(message.status(), Status::Done);
    let headers = message.headers().unwrap();
    let one = |name| headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    assert_eq!(one("from").as_deref(), Some("A <a@x>"));
    assert_eq!(one("subject").as_deref(), Some("hello"));
    assert_eq!(one("to").as_deref(), Some("b@x, \"c, d\" <c@x>"));
    assert_eq!(headers.all("RECEIVED").collect::<Vec<_>>(), [&b"one"[..], b"two"]);
    assert_eq!(one("cc"), None);
    assert_eq!(urls(&message), ["a.example/1", "b.example/"]);
    let closed = |name: &str, content: &str| (name.to_owned(), content.to_owned(), State::Closed);
    assert_eq!(files(&message), [closed("inner.bin", "in\r\nner"), closed("a.exe", "ABCD"), closed("", "")]);
    assert!(message.body_md5().is_some());
}

#[test]
fn what_is_odd_is_named() {
    use Oddity::*;
    let line = |length| "x".repeat(length);
    for (name, text, odd) in [
        ("nothing", "From: a\r\n\r\nb\r\n".to_owned(), &[][..]),
        ("a line that is none", "From: a\r\nnone\r\n\r\n".into(), &[Malformed]),
        ("no boundary", "Content-Type: multipart/mixed\r\n\r\n".into(), &[Malformed]),
        ("a long line", format!("\r\n{}\r\n", line(999)), &[LongLine]),
        ("a line as long as may be", format!("\r\n{}\r\n", line(998)), &[]),
        ("a very long line", format!("\r\n{}", line(9000)), &[LongLine]),
        ("a long name", format!("{}: a\r\n", line(76)), &[LongHeaderName]),
        ("a long value", format!("a: {}\r\n {}\r\n", line(990), line(1010)), &[LongLine, LongHeaderValue]),
        ("a long boundary", format!("Content-Type: multipart/x; boundary={}\r\n", line(71)), &[LongBoundary]),
        ("a long file name", format!("Content-Disposition: x; filename={}\r\n", line(256)), &[LongFilename]),
        (
            "a long encoded line",
            format!("Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n{}\r\n", line(80)),
            &[LongEncodedLine],
        ),
        (
            "not base64",
            "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nQU*I\r\n".into(),
            &[InvalidBase64],
        ),
        (
            "not quoted-printable",
            "Content-Transfer-Encoding: quoted-printable\r\n\r\na=zz\r\n".into(),
            &[InvalidQuotedPrintable],
        ),
        (
            "too deep",
            (0..40).map(|deep| format!("Content-Type: multipart/x; boundary=b{deep}\r\n\r\n--b{deep}\r\n")).collect(),
            &[Malformed],
        ),
    ] {
        for piece in [usize::MAX, 7] {
            let (message, got) = read(text.as_bytes(), &everything(), piece);
            assert_eq!(got, odd, "{name}");
            assert!(message.files().iter().all(|file| file.state == State::Closed), "{name}");
        }
    }
}

#[test]
fn the_last_boundary_may_be_missing() {
    let text = "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=f\r\n\r\ncontent\r\n";
    let (message, _) = read(text.as_bytes(), &everything(), 5);
    assert_eq!(files(&message), [("f".into(), "content".into(), State::Closed)]);
}

#[test]
fn settings_are_heeded() {
    let text = b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nQUJD\r\n";
    let (message, _) = read(text, &Config { base64: false, ..everything() }, 9);
    assert_eq!(files(&message)[0].1, "QUJD");
    let (message, _) = read(text, &Config { content_limit: 2, ..everything() }, 9);
    assert_eq!((files(&message)[0].1.as_str(), message.files()[0].size), ("AB", 3));
    let (message, _) = read(b"\r\nhttp://a/\r\n", &Config { urls: false, ..everything() }, 9);
    assert_eq!(urls(&message), [""; 0]);
    let (message, _) = read(b"\r\nhttp://a/\r\n", &Config { shows_scheme: true, ..everything() }, 9);
    assert_eq!(urls(&message), ["http://a/"]);
    let (message, _) = read(b"X: 12345\r\n\r\n", &Config { header_depth: 3, ..everything() }, 9);
    assert_eq!(message.headers().unwrap().get("x"), Some(&b"123"[..]));
}

#[test]
fn rules_wait_for_enough_of_a_file() {
    let (care, config) = (Care::default(), Config { inspect_minimum: 4, ..everything() });
    let at = Context { config: &config, care: &care, dir: Dir::ToServer };
    let mut message = Message::new(&at);
    message.feed(b"Content-Disposition: attachment\r\n\r\nab\n", &at);
    assert_eq!(message.file_value(0), Value::Stream { data: b"", offset: 0, complete: false });
    message.feed(b"cd\n", &at);
    assert_eq!(message.file_value(0), Value::Stream { data: b"ab\ncd", offset: 0, complete: false });
    message.feed(&b"0123456789abcdef\n".repeat(1000), &at);
    message.inspected(&at);
    assert!(matches!(message.file_value(0), Value::Stream { data, offset: 12_000.., .. } if data.len() == 4096));
}

#[test]
fn a_message_can_be_left_whole() {
    let (care, config) = (Care::default(), everything());
    let at = Context { config: &config, care: &care, dir: Dir::ToServer };
    let mut message = Message::whole(&at);
    message.feed(FULL.as_bytes(), &at);
    message.end(true, &at);
    assert_eq!(files(&message), [("rawmsg".into(), FULL.into(), State::Closed)]);
    assert!(message.headers().is_none());
}

#[test]
fn what_is_lost_is_missed_and_no_more() {
    let (care, config) = (Care::default(), everything());
    let at = Context { config: &config, care: &care, dir: Dir::ToServer };
    let mut message = Message::new(&at);
    message.feed(b"Subject: a\r\nContent-Type: multipart/x; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=f\r\n\r\nab", &at);
    message.gap(10, &at);
    message.feed(b"c\r\n--b\r\nContent-Disposition: attachment; filename=g\r\n\r\ndef\r\n--b--\r\n", &at);
    message.end(true, &at);
    assert_eq!(message.status(), Status::Broken);
    let seen: Vec<_> =
        message.files().iter().map(|file| (file.name.as_slice(), file.size, file.gaps, file.state)).collect();
    assert_eq!(seen, [(&b"f"[..], 13, true, State::Truncated), (b"g", 3, false, State::Closed)]);
}

proptest! {
    /// Where the bytes are cut must not change what is read.
    #[test]
    fn cuts_do_not_matter(piece in 1_usize..80) {
        let (whole, odd) = read(FULL.as_bytes(), &everything(), usize::MAX);
        let (cut, cut_odd) = read(FULL.as_bytes(), &everything(), piece);
        prop_assert_eq!(files(&cut), files(&whole));
        prop_assert_eq!(urls(&cut), urls(&whole));
        prop_assert_eq!(cut.body_md5(), whole.body_md5());
        prop_assert_eq!(cut_odd, odd);
    }

    /// Damage does not make reading fail, and every file comes to an end.
    #[test]
    fn any_bytes_can_be_read(
        flips in prop::collection::vec((0_usize..FULL.len(), any::<u8>()), 0..20),
        piece in 1_usize..200,
    ) {
        let mut text = FULL.as_bytes().to_vec();
        flips.into_iter().for_each(|(at, byte)| text[at] = byte);
        let (message, _) = read(&text, &everything(), piece);
        prop_assert!(message.files().iter().all(|file| file.state == State::Closed));
    }
}
