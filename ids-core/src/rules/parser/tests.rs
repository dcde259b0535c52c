use proptest::prelude::*;

use super::*;

#[test]
fn a_whole_rule() {
    let text = r#"Alert HTTP1:request_headers [$HOME_NET, !10.0.0.1] any -> any [80, 81] (msg:"a\; b: c"; Content:!"x" ; nocase; sid:1;)"#;
    let rule = parse_rule(text).unwrap();
    assert_eq!(rule.action.text, "alert");
    assert_eq!((rule.protocol.text.as_str(), rule.hook.unwrap().text.as_str()), ("http1", "request_headers"));
    assert_eq!(rule.src.text, "[$HOME_NET, !10.0.0.1]");
    assert_eq!(rule.dst_port.text, "[80, 81]");
    let shown: Vec<_> =
        rule.options.iter().map(|o| (o.name.text.as_str(), o.value.as_ref().map(|v| v.text.as_str()))).collect();
    assert_eq!(
        shown,
        [("msg", Some(r#""a\; b: c""#)), ("content", Some(r#"!"x""#)), ("nocase", None), ("sid", Some("1"))]
    );
    for option in &rule.options {
        let value = option.value.as_ref().map_or("", |value| &text[value.span.clone()]);
        assert_eq!(value, option.value.as_ref().map_or("", |value| value.text.as_str()));
    }
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("alert", "expected a protocol such as `tcp`"),
        ("alert tcp any any <- any any (sid:1;)", "`<-` is not a direction"),
        ("alert tcp any any -> any any sid:1;", "expected `(` and the options"),
        ("alert tcp any any -> any any (sid:1;", "the closing `)` is missing"),
        ("alert tcp any any -> any any (sid:1;) x", "text after the closing `)`"),
        ("alert tcp any any -> any any (sid:1)", "the option does not end in `;`"),
        ("alert tcp any any -> any any (sid:1;;)", "an option without a name"),
        ("alert tcp any any -> any any (pcre:\"/a;b/\"; sid:1;)", "this is not the name of a keyword"),
        ("alert tcp any any -> any any (nocase sid:1;)", "this is not the name of a keyword"),
        ("alert tcp any any -> any any (\\:1; sid:1;)", "this is not the name of a keyword"),
    ];
    for (text, message) in cases {
        assert_eq!(parse_rule(text).unwrap_err().message, message, "{text}");
    }
}

#[test]
fn marks_do_not_cut_characters() {
    let text = "alert tcp any any -> any any (msg:\"é";
    assert_eq!(&text[parse_rule(text).unwrap_err().span], "é");
}

#[test]
fn one_bad_rule_leaves_the_others() {
    let parsed = parse("alert tcp any any -> any any (sid:1;)\nnonsense\nalert ip any any -> any any (sid:2;)\n");
    assert_eq!(parsed.rules.len(), 2);
    assert_eq!(parsed.faults.len(), 1);
    assert_eq!(parsed.faults[0].origin.line(), 2);
    assert_eq!(parsed.rules[1].origin.line(), 3);
}

#[test]
fn a_last_backslash_leaves_the_semicolon_alone() {
    let rule = parse_rule("alert tcp any any -> any any (reference:url,a\\ ; sid:1;)").unwrap();
    let printed = rule.to_string();
    assert_eq!(printed, "alert tcp any any -> any any (reference:url,a\\ ; sid:1;)");
    assert_eq!(words(&parse_rule(&printed).unwrap()), words(&rule));
}

/// The words of a rule without their places.
fn words(rule: &Rule) -> Vec<Option<&str>> {
    let header = [
        Some(&rule.action),
        rule.scope.as_ref(),
        Some(&rule.protocol),
        rule.hook.as_ref(),
        Some(&rule.src),
        Some(&rule.src_port),
        Some(&rule.dst),
        Some(&rule.dst_port),
    ];
    let options = rule.options.iter().flat_map(|option| [Some(&option.name), option.value.as_ref()]);
    let words = header.into_iter().chain(options).map(|word| word.map(|word| word.text.as_str()));
    words.chain([Some(rule.direction.text())]).collect()
}

/// A word of a header, as a rule may have it or nearly.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "any", "$HOME_NET", "!10.0.0.1", "[80, 81]", "[!1.2.3.0/24 , [::1,$A]]", "1024:", "drop:flow", "http1:request_line",
        ])
        .prop_map(str::to_owned),
        1 => "[a-zA-Z0-9.:!\\[\\],$/ ]{1,8}",
    ]
}

/// An option, likewise.
fn option() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(String::new()),
        Just(":".to_owned()),
        "[ -~é]{0,12}".prop_map(|value| format!(":{value}")),
        "[ -~é]{0,12}".prop_map(|value| {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(';', "\\;");
            format!(": !\"{escaped}\" ")
        }),
    ];
    ("[a-zA-Z_.]{1,10}", value).prop_map(|(name, value)| format!(" {name} {value};"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Printing a rule and parsing that is the identity.
    #[test]
    fn printing_then_parsing_gives_the_same(
        header in prop::collection::vec(word(), 6),
        direction in prop::sample::select(vec!["->", "<>", "=>"]),
        options in prop::collection::vec(option(), 0..6),
    ) {
        let [action, protocol, src, src_port, dst, dst_port] = &header[..] else { unreachable!() };
        let text = format!(
            "{action} {protocol} {src}  {src_port} {direction} {dst} {dst_port} ({})",
            options.concat(),
        );
        let Ok(rule) = parse_rule(&text) else { return Ok(()) };
        let printed = rule.to_string();
        let again = parse_rule(&printed);
        prop_assert!(again.is_ok(), "{printed}");
        let again = again.unwrap();
        prop_assert_eq!(words(&again), words(&rule), "{}", printed);
        prop_assert_eq!(again.to_string(), printed);
    }
}
