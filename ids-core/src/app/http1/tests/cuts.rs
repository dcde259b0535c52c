//! Streams cut anywhere, and any bytes at all.

use proptest::prelude::*;

use super::*;

/// Requests and responses with everything that may be in them, in order.
fn conversation() -> impl Strategy<Value = Vec<Act>> {
    let eol = prop::sample::select(vec!["\r\n", "\n"]);
    let target = prop::sample::select(vec!["/", "/a/../b%20c", "http://h:1/x?y", "/sp ace"]);
    let header = prop::sample::select(vec![
        "Host: h",
        "X: 1",
        "x: 2",
        "Cookie: a",
        "no colon",
        ": empty",
        "A : b",
        "F: a\r\n b",
        "N: a\0b",
        "Bare: x\rY: z",
        "Content-Encoding: gzip",
    ]);
    let framing = prop::sample::select(vec![
        ("Content-Length: 5", "hello"),
        ("Transfer-Encoding: chunked", "2;x\r\nhe\r\n003\nllo\r\n0\r\nT: r\r\n\r\n"),
        ("Content-Length: 0", ""),
    ]);
    let message = (target, prop::collection::vec(header, 0..5), framing, eol);
    prop::collection::vec((message.clone(), message), 1..4).prop_map(|pairs| {
        let text = |first: String, headers: &[&str], (length, body): (&str, &str), eol: &str| {
            let mut out = first + eol;
            headers.iter().chain([&length]).for_each(|header| out += &format!("{header}{eol}"));
            out + eol + body
        };
        let mut acts = Vec::new();
        for ((target, headers, framing, eol), (_, more, answer, end)) in pairs {
            acts.push(c(text(format!("POST {target} HTTP/1.1"), &headers, framing, eol)));
            acts.push(s(text("HTTP/1.1 200 OK".into(), &more, answer, end)));
        }
        acts.extend(Dir::BOTH.map(Act::End));
        acts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Where TCP cuts a stream must not change what is parsed.
    #[test]
    fn cuts_do_not_matter(acts in conversation(), step in 1_usize..40) {
        let whole = Connection::new(Config::default()).run(&acts, usize::MAX);
        let cut = Connection::new(Config::default()).run(&acts, step);
        prop_assert_eq!(whole.shown(), cut.shown());
    }

    /// No bytes panic, and all of them are used in the end.
    #[test]
    fn any_bytes(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(prop::sample::select(
            b"GETPOSHTP/1.02\r\n\t :;,chunked5a%\x00\xff\x1f\x8b".to_vec()), 0..60), any::<bool>()), 0..12),
        step in 1_usize..20,
    ) {
        let mut acts: Vec<Act> = Vec::new();
        for (client, bytes, gap) in parts {
            let dir = if client { Dir::ToServer } else { Dir::ToClient };
            acts.push(if client { Act::C(bytes) } else { Act::S(bytes) });
            if gap {
                acts.push(Act::Gap(dir, 7));
            }
        }
        acts.extend(Dir::BOTH.map(Act::End));
        let connection = Connection::new(Config::default()).run(&acts, step);
        prop_assert!(connection.switched.is_some() || connection.unused.iter().all(Vec::is_empty));
        let _ = connection.shown();
    }
}
