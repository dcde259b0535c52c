use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn build(patterns: &[(&[u8], bool)], algo: Algo) -> Mpm {
    let mut builder = Builder::new();
    for ((pattern, nocase), id) in patterns.iter().zip(0..) {
        builder.add(pattern, *nocase, id);
    }
    builder.build(algo).expect("small sets build")
}

fn scan(mpm: &Mpm, haystack: &[u8]) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    mpm.scan(haystack, &mut Seen::new(), &mut |id| {
        ids.insert(id);
    });
    ids
}

/// What a reader of the documentation would expect, by looking everywhere.
fn naive(patterns: &[(&[u8], bool)], haystack: &[u8]) -> BTreeSet<u32> {
    let occurs = |pattern: &[u8], nocase: bool| {
        !pattern.is_empty()
            && haystack
                .windows(pattern.len())
                .any(|part| if nocase { part.eq_ignore_ascii_case(pattern) } else { part == pattern })
    };
    patterns.iter().zip(0..).filter(|((pattern, nocase), _)| occurs(pattern, *nocase)).map(|(_, id)| id).collect()
}

/// Enough patterns that nothing contains, to make the set a large one.
fn filler() -> Vec<Vec<u8>> {
    (0..SMALL as u32 + 10).map(|n| format!("\x7f~filler{n:04}~\x7f").into_bytes()).collect()
}

fn both(patterns: &[(&[u8], bool)], haystack: &[u8]) {
    let expected = naive(patterns, haystack);
    for algo in [Algo::Ac, Algo::Auto] {
        assert_eq!(scan(&build(patterns, algo), haystack), expected, "{algo:?}, small");
    }
    let filler = filler();
    let mut large = patterns.to_vec();
    large.extend(filler.iter().map(|pattern| (pattern.as_slice(), false)));
    let mpm = build(&large, Algo::Auto);
    assert!(matches!(mpm.engine, Engine::Windows(_)));
    assert_eq!(scan(&mpm, haystack), expected, "Auto, large");
}

#[test]
fn patterns_of_all_lengths() {
    let text = b"GET /Evil/path?x=1 HTTP/1.1\r\nHost: Example.ORG\r\n\r\n\0\0\xFF";
    let patterns: &[(&[u8], bool)] = &[
        (b"", true),
        (b"G", false),
        (b"q", false),
        (b"Q", true),
        (b"\0", false),
        (b"\xFF", false),
        (b"/E", false),
        (b"/e", false),
        (b"/e", true),
        (b"ORG", false),
        (b"org", false),
        (b"http", true),
        (b"/evil", true),
        (b"Example.org", true),
        (b"Example.org", false),
        (b"Example.ORG", false),
        (b"GET /Evil/path?x=1 HTTP/1.1\r\nHost: ", false),
        (b"\r\n\r\n\0\0\xFF", false),
        (b"\0\0\xFF\0", false),
        (text, false),
    ];
    both(patterns, text);
    both(patterns, b"");
    both(patterns, b"G");
    both(patterns, &text[..20]);
}

#[test]
fn every_place_in_a_long_buffer() {
    let patterns: &[(&[u8], bool)] =
        &[(b"needle-in-hay", true), (b"needle", true), (b"nee", false), (b"ne", false), (b"n", false)];
    for at in [0, 1, 2, 3, 2040, 2041, 2044, 2047, 2048, 2049, 4093, 4094, 4095, 4096, 8170] {
        let mut haystack = vec![b'.'; 8192];
        haystack[at..at + 13].copy_from_slice(b"needle-in-hay");
        both(patterns, &haystack);
    }
}

/// Runs of one byte, alone and at the start of other patterns, across blocks.
#[test]
fn runs_of_one_byte() {
    let zeros = [0; 300];
    let ended = [&zeros[..], b"\x01"].concat();
    let patterns: &[(&[u8], bool)] = &[
        (&zeros[..3], false),
        (&zeros[..40], false),
        (&zeros, false),
        (&ended, false),
        (&ended[260..], false),
        (b"\x01\0\0\0\0\0\0\0\0\0\0\0\0", false),
        (b"aaaa", false),
        (b"AAAA", false),
        (b"AAAAAAAA", true),
        (b"\0\0", false),
    ];
    for (run, at) in [(2, 0), (3, 2046), (40, 2030), (299, 1900), (300, 2048), (2500, 3), (301, 3700)] {
        for end in [1, b'a', b'A'] {
            let mut haystack = vec![b'.'; 8192];
            haystack[at..at + run].fill(0);
            haystack[at + run..at + run + 6].fill(end);
            both(patterns, &haystack);
        }
    }
}

/// What is one run without regard to case may be several with it.
#[test]
fn runs_of_one_letter_in_both_cases() {
    let patterns: &[(&[u8], bool)] = &[
        (b"Aa", false),
        (b"aA", false),
        (b"AA", false),
        (b"aaA", false),
        (b"AAA", false),
        (b"aa", true),
        (b"aAa", true),
    ];
    for haystack in [
        &b"aAaAb"[..],
        b"baAAab",
        b"xaaaAAAx",
        b"Aa",
        b"aA",
        b"AAAAAAAAAAAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAAAaaaaaaaaaaa",
    ] {
        both(patterns, haystack);
    }
}

#[test]
fn equal_patterns_share_their_ids() {
    let mut builder = Builder::new();
    builder.add(b"Abc", true, 7);
    builder.add(b"aBC", true, 8);
    builder.add(b"abc", false, 9);
    builder.add(b"abc", true, 7);
    assert_eq!(builder.len(), 2);
    let mpm = builder.build(Algo::Auto).expect("a small set");
    let mut seen = Seen::new();
    let mut ids = Vec::new();
    mpm.scan(b"abc abc ABC", &mut seen, &mut |id| ids.push(id));
    ids.sort_unstable();
    assert_eq!(ids, [7, 8, 9]);
    mpm.scan(b"abc", &mut seen, &mut |id| ids.push(id));
    assert_eq!(ids.len(), 3);
    seen.clear();
    mpm.scan(b"ABC", &mut seen, &mut |id| ids.push(id));
    assert_eq!(ids.len(), 5);
}

#[test]
fn an_empty_set_finds_nothing() {
    for algo in [Algo::Ac, Algo::Auto] {
        assert!(scan(&build(&[], algo), b"anything").is_empty());
    }
}

/// Text over few letters, so that patterns occur, overlap and share windows.
fn text(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"abAB\0".to_vec()),
        1 => prop::sample::select(b" /.\r\nHTP\xFF".to_vec()),
    ];
    prop::collection::vec(byte, length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The filter must never lose a match, nor invent one.
    #[test]
    fn finds_what_the_automaton_finds(
        patterns in prop::collection::vec((text(1..16), any::<bool>()), 1..90),
        haystack in text(0..300),
    ) {
        let patterns: Vec<_> = patterns.iter().map(|(bytes, nocase)| (bytes.as_slice(), *nocase)).collect();
        both(&patterns, &haystack);
    }

    /// Patterns cut out of the data, as rules are written from traffic.
    #[test]
    fn finds_patterns_cut_from_the_data(
        haystack in prop::collection::vec(any::<u8>(), 50..5000),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 1..40_usize, any::<bool>()), 1..100),
    ) {
        let patterns: Vec<_> = cuts
            .iter()
            .map(|(at, length, nocase)| {
                let start = at.index(haystack.len());
                (&haystack[start..(start + length).min(haystack.len())], *nocase)
            })
            .collect();
        both(&patterns, &haystack);
    }
}
