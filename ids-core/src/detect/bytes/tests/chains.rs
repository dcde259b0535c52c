//! What a chain says of itself before any byte is looked at.

use super::*;
use crate::detect::transforms;
use crate::rules::diagnostic::Code;

#[test]
fn the_list_of_options_is_sorted() {
    assert!(OPTIONS.is_sorted_by_key(|row| row.name));
    assert!(is_option("content") && !is_option("dsize"));
}

#[test]
fn lengths() {
    let cases: &[(&str, u64, u64)] = &[
        (r#"content:"boom"; content:"loom"; distance:10;"#, 18, u64::MAX),
        (r#"content:"boom"; content:"loom"; distance:-15;"#, 4, u64::MAX),
        (r#"content:"AA"; offset:100;"#, 102, u64::MAX),
        (r#"content:"abc"; content:"g";"#, 3, u64::MAX),
        (r#"content:"abc"; bsize:<10;"#, 3, 9),
        (r#"content:!"abc"; isdataat:5;"#, 6, u64::MAX),
        (r#"content:"abc"; isdataat:5,relative;"#, 8, u64::MAX),
        ("isdataat:!5;", 0, 5),
        ("byte_test:2,=,1,7;", 9, u64::MAX),
        (r#"content:"abc"; byte_test:2,=,1,7,relative;"#, 12, u64::MAX),
        (r#"content:"abc"; byte_jump:1,0,relative; content:"d"; distance:0;"#, 3, u64::MAX),
        (r#"content:"abc"; pcre:"/x/"; content:"d"; distance:0;"#, 3, u64::MAX),
        (r#"byte_extract:1,0,n; content:"abc"; offset:n;"#, 3, u64::MAX),
    ];
    for (text, min, max) in cases {
        let chain = chain(text);
        assert_eq!((chain.min_len(), chain.max_len()), (*min, *max), "{text}");
    }
}

#[test]
fn patterns_for_the_prefilter() {
    let chain = chain(
        r#"content:"abc"; offset:1; depth:5; content:!"def"; nocase; distance:-2; within:9; content:"ghij"; fast_pattern:1,2;"#,
    );
    let infos: Vec<_> = chain.patterns().collect();
    assert_eq!((infos[0].bytes, infos[0].offset, infos[0].depth), (&b"abc"[..], Some(1), Some(5)));
    assert_eq!((infos[0].distance, infos[0].within, infos[0].negated), (None, None, false));
    assert_eq!(
        (infos[1].distance, infos[1].within, infos[1].nocase, infos[1].negated),
        (Some(-2), Some(9), true, true)
    );
    assert_eq!(infos[2].fast_pattern, Some(FastPattern::Chop { offset: 1, length: 2 }));
    assert_eq!((infos[2].chopped(), infos[0].chopped()), (&b"hi"[..], &b"abc"[..]));
    assert_eq!((infos[2].offset, infos[2].distance), (None, None));
}

#[test]
fn missing_buffers() {
    assert_eq!(chain("absent;").absent(), Absent::Required);
    assert_eq!(chain(r#"absent:or_else; content:!"a";"#).absent(), Absent::OrElse);
    assert_eq!(chain(r#"content:"a";"#).absent(), Absent::No);
}

#[test]
fn variables_of_other_buffers() {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut build = |text: &str, isolate: bool| {
        let mut builder = ChainBuilder::new(BytesKind::PLAIN);
        if isolate {
            builder.isolate();
        }
        for opt in options(text) {
            builder.option(&opt, &mut cx)?;
        }
        Ok(builder.build(&mut cx).expect("no contradictions"))
    };
    let payload = build("byte_extract:1,0,p; byte_test:1,=,p,1;", true).expect("knows its own");
    let first =
        build("byte_extract:1,0,n; byte_math:bytes 1, offset 1, oper +, rvalue n, result r;", false).expect("loads");
    let second = build("byte_test:1,=,r,0;", false).expect("knows the others'");
    let error: Diagnostic = build("byte_test:1,=,p,0;", false).expect_err("does not know the payload's");
    assert_eq!((error.code, error.span), (Code::UnknownName, 14..15));
    assert!(second.uses_foreign_vars() && !first.uses_foreign_vars() && !payload.uses_foreign_vars());
    let mut scratch = Scratch::new();
    assert_eq!(first.matches(b"\x02\x03"[..].into(), &mut scratch), Outcome::Match);
    assert_eq!(second.matches(b"\x05"[..].into(), &mut scratch), Outcome::Match);
    assert_eq!(second.matches(b"\x06"[..].into(), &mut scratch), Outcome::NoMatch);
}

#[test]
fn sizes_that_exclude_each_other_are_warned_of() {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut builder = ChainBuilder::new(BytesKind::PLAIN);
    for opt in options("bsize:15; bsize:27;") {
        builder.option(&opt, &mut cx).expect("reads well");
    }
    assert!(builder.build(&mut cx).is_ok());
    assert_eq!((warnings[0].code, warnings[0].span.clone()), (Code::Impossible, 0..8));
}

/// A rule set is shared by the workers.
#[test]
fn workers_can_share_rules() {
    fn shared<T: Send + Sync>() {}
    shared::<Chain>();
    shared::<transforms::Transform>();
    shared::<crate::detect::mpm::Mpm>();
}
