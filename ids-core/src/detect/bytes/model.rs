//! The search against a model that tries every combination of places.

use proptest::prelude::*;

use super::tests::chain;
use super::{Outcome, Scratch};

/// A test of a chain, as the model and the rule language have it.
#[derive(Clone, Debug)]
enum Item {
    Content { bytes: String, negated: bool, nocase: bool, place: Place, ends: bool },
    DataAt { at: usize, relative: bool, negated: bool },
    Compare { at: i64, value: u8, relative: bool },
    Jump { relative: bool },
    Regex { letters: String, relative: bool },
}

#[derive(Clone, Debug)]
enum Place {
    Absolute { offset: i64, depth: Option<i64> },
    Relative { distance: i64, within: Option<i64> },
}

impl Item {
    fn rule(&self) -> String {
        match self {
            Self::Content { bytes, negated, nocase, place, ends } => {
                let mut text = format!("content:{}\"{bytes}\";", if *negated { "!" } else { "" });
                let (start, length) = match place {
                    Place::Absolute { offset, depth } => (("offset", offset), ("depth", depth)),
                    Place::Relative { distance, within } => (("distance", distance), ("within", within)),
                };
                // An offset of 0 may be left out, a distance may not: it makes the content relative.
                if start.0 == "distance" || *start.1 != 0 {
                    text += &format!(" {}:{};", start.0, start.1);
                }
                if let (name, Some(length)) = length {
                    text += &format!(" {name}:{length};");
                }
                text += if *nocase { " nocase;" } else { "" };
                text + if *ends { " endswith;" } else { "" }
            }
            Self::DataAt { at, relative, negated } => {
                let (not, behind) = (if *negated { "!" } else { "" }, if *relative { ",relative" } else { "" });
                format!("isdataat:{not}{at}{behind};")
            }
            Self::Compare { at, value, relative } => {
                format!("byte_test:1,>,{value},{at}{};", if *relative { ",relative" } else { "" })
            }
            Self::Jump { relative } => {
                format!("byte_jump:1,0,bitmask 0x3{};", if *relative { ",relative" } else { "" })
            }
            Self::Regex { letters, relative } => {
                format!("pcre:\"/[{letters}]b?+/{}\";", if *relative { "R" } else { "" })
            }
        }
    }

    /// Where the next test may go on from.
    fn ends(&self, data: &[u8], last: usize) -> Vec<usize> {
        let size = data.len() as i64;
        match self {
            Self::Content { bytes, negated, nocase, place, ends } => {
                let (start, length) = match place {
                    Place::Absolute { offset, depth } => (*offset, depth),
                    Place::Relative { distance, within } => (last as i64 + distance, within),
                };
                let end = length.map_or(size, |length| start + length);
                let found: Vec<_> = (0..=data.len())
                    .map(|at| (at, at + bytes.len()))
                    .filter(|(from, to)| *from as i64 >= start && *to as i64 <= end && *to <= data.len())
                    .filter(|(from, to)| {
                        let part = &data[*from..*to];
                        let same = if *nocase {
                            part.eq_ignore_ascii_case(bytes.as_bytes())
                        } else {
                            part == bytes.as_bytes()
                        };
                        same && (!ends || *to == data.len())
                    })
                    .map(|(_, to)| to)
                    .collect();
                match (negated, found.is_empty()) {
                    (true, true) => vec![last],
                    (true, false) => vec![],
                    (false, _) => found,
                }
            }
            Self::DataAt { at, relative, negated } => {
                let holds = if *relative { last + at <= data.len() } else { *at < data.len() };
                if holds == *negated { vec![] } else { vec![last] }
            }
            Self::Compare { at, value, relative } => {
                let at = at + if *relative { last as i64 } else { 0 };
                let byte = usize::try_from(at).ok().and_then(|at| data.get(at));
                if byte.is_some_and(|byte| byte > value) { vec![last] } else { vec![] }
            }
            Self::Jump { relative } => {
                let at = if *relative { last } else { 0 };
                let to = data.get(at).map(|byte| at + 1 + usize::from(byte & 3));
                to.filter(|to| *to <= data.len()).into_iter().collect()
            }
            Self::Regex { letters, relative } => {
                let from = if *relative { last } else { 0 };
                (from..data.len())
                    .filter(|at| letters.as_bytes().contains(&data[*at]))
                    .map(|at| at + 1 + usize::from(data.get(at + 1) == Some(&b'b')))
                    .collect()
            }
        }
    }
}

fn model(items: &[Item], data: &[u8], last: usize) -> bool {
    match items {
        [] => true,
        [first, rest @ ..] => first.ends(data, last).into_iter().any(|end| model(rest, data, end)),
    }
}

fn place(length: i64) -> impl Strategy<Value = Place> {
    prop_oneof![
        (0..6_i64, prop::option::of(length..length + 6)).prop_map(|(offset, depth)| Place::Absolute { offset, depth }),
        (-6..6_i64, prop::option::of(length..length + 6))
            .prop_map(|(distance, within)| Place::Relative { distance, within }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let content = ("[abAB]{1,3}", any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1)).prop_flat_map(
        |(bytes, nocase, negated, ends)| {
            place(bytes.len() as i64).prop_map(move |place| Item::Content {
                bytes: bytes.clone(),
                negated,
                nocase,
                place,
                ends,
            })
        },
    );
    prop_oneof![
        6 => content,
        1 => (0..8_usize, any::<bool>(), any::<bool>())
            .prop_map(|(at, relative, negated)| Item::DataAt { at, relative, negated }),
        1 => (-3..6_i64, 64..100_u8, any::<bool>()).prop_map(|(at, value, relative)| Item::Compare { at, value, relative }),
        1 => any::<bool>().prop_map(|relative| Item::Jump { relative }),
        1 => ("[abAB]{1,2}", any::<bool>()).prop_map(|(letters, relative)| Item::Regex { letters, relative }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn finds_a_way_exactly_if_there_is_one(items in prop::collection::vec(item(), 1..6), data in "[abAB]{0,16}") {
        let rule: Vec<_> = items.iter().map(Item::rule).collect();
        let rule = rule.join(" ");
        let found = chain(&rule).matches(data.as_bytes().into(), &mut Scratch::new());
        prop_assert_eq!(found == Outcome::Match, model(&items, data.as_bytes(), 0), "{}", rule);
    }

    /// A buffer that is seen to grow must come to the same in the end, and a match on the way must stand.
    #[test]
    fn growing_comes_to_the_same(items in prop::collection::vec(item(), 1..5), data in "[abAB]{0,16}") {
        let rule: Vec<_> = items.iter().map(Item::rule).collect();
        let rule = rule.join(" ");
        let chain = chain(&rule);
        let whole = chain.matches(data.as_bytes().into(), &mut Scratch::new());
        for end in 0..=data.len() {
            let part = super::Buffer { data: &data.as_bytes()[..end], offset: 0, complete: false, known: 0 };
            let found = chain.matches(part, &mut Scratch::new());
            prop_assert!(found == Outcome::NoMatchYet || found == whole, "{} at {}: {:?}", rule, end, found);
        }
    }
}
