//! What shows when all tests of a buffer are known: contradictions, how long a match must be, and which tests
//! depend on which.

use super::build::ChainBuilder;
use super::chain::{Absent, Chain, Step, Test};
use super::content::{Content, Place};
use super::isdataat::IsDataAt;
use super::vars::{Number, Slot};
use crate::rules::diagnostic::{Code, Diagnostic};

/// Reasons why the chain can never match.
pub(super) fn problems(builder: &ChainBuilder) -> Vec<Diagnostic> {
    let mut problems: Vec<_> = builder.tests.iter().filter_map(|test| never(builder, test)).collect();
    if let Some((Absent::Required, span)) = &builder.absent
        && !builder.tests.is_empty()
    {
        problems.push(
            Diagnostic::error(
                Code::Conflict,
                span.clone(),
                "a buffer that is not there cannot pass the tests that follow",
            )
            .help("write `absent:or_else` to take either"),
        );
    }
    problems.extend(contradiction(builder));
    problems.extend(builder.tests.iter().filter_map(|test| excluded(&builder.tests, test)));
    problems
}

/// A content that must not be anywhere, and is part of one that must be there.
fn excluded(tests: &[Test], test: &Test) -> Option<Diagnostic> {
    let Test::Content(banned) = test else { return None };
    if !banned.negated || banned.ends || banned.place != Place::ANYWHERE || banned.bytes.is_empty() {
        return None;
    }
    let holds = |whole: &Content| {
        let same = |part: &[u8]| match banned.nocase {
            true => part.eq_ignore_ascii_case(&banned.bytes),
            false => !whole.nocase && *part == *banned.bytes,
        };
        !whole.negated && whole.bytes.windows(banned.bytes.len()).any(same)
    };
    let within = tests.iter().any(|test| matches!(test, Test::Content(content) if holds(content)));
    let message = "this content must not be there, but is part of one that must: the rule never matches";
    let warning = Diagnostic::warning(Code::Impossible, banned.span.clone(), message);
    within.then(|| warning.help("say where it must not be, with `distance`, `within`, `offset` or `depth`"))
}

/// Sizes that leave no room. Two sizes that exclude each other are only warned of, since rules that are in use have
/// them.
fn contradiction(builder: &ChainBuilder) -> Option<Diagnostic> {
    let span = builder.sizes.first()?.clone();
    let max = max_len(&builder.tests);
    let needed = min_len(builder.tests.iter().filter(|test| !matches!(test, Test::Size(_))));
    if needed > max {
        let error = Diagnostic::error(Code::Impossible, span, "the other tests need a larger buffer");
        return Some(error.help(format!("they need at least {needed} bytes, this leaves {max}")));
    }
    let warning = Diagnostic::warning(Code::Impossible, span, "the sizes exclude each other: the rule never matches");
    (min_len(&builder.tests) > max).then_some(warning)
}

/// Why a test can never pass on this kind of buffer.
fn never(builder: &ChainBuilder, test: &Test) -> Option<Diagnostic> {
    let Test::Content(content) = test else { return None };
    let impossible = |message: String| Diagnostic::error(Code::Impossible, content.span.clone(), message);
    if builder.is_lowercase() && content.bytes.iter().any(u8::is_ascii_uppercase) {
        return Some(
            impossible("this buffer holds lower case only".to_owned()).help("write the content in lower case"),
        );
    }
    let transform = builder.transforms.last()?;
    if content.negated || transform.can_yield(&content.bytes, content.nocase) {
        return None;
    }
    Some(
        impossible(format!("`{}` never leaves such bytes behind", transform.name()))
            .help("write the content as it is after the transform"),
    )
}

/// Puts the tests together with what the search needs to know of them.
pub(super) fn chain(tests: Vec<Test>, absent: Absent) -> Chain {
    let tests = fold_ends(tests);
    let (min_len, max_len) = (min_len(&tests), max_len(&tests));
    let fresh = fresh(&tests);
    let set: Vec<Slot> = tests.iter().filter_map(result).collect();
    let used: Vec<Slot> = tests.iter().flat_map(reads).collect();
    let uses_own_vars = used.iter().any(|slot| set.contains(slot));
    let uses_foreign_vars = used.iter().any(|slot| !set.contains(slot));
    let turns = fresh.iter().any(|fresh| !fresh);
    let steps = tests.into_iter().zip(fresh).map(|(test, fresh)| Step { test, fresh }).collect();
    Chain { steps, absent, uses_own_vars, uses_foreign_vars, turns, min_len, max_len }
}

/// A content with `isdataat:!1,relative` behind it must end the buffer, which is faster to look for.
fn fold_ends(tests: Vec<Test>) -> Vec<Test> {
    let mut out: Vec<Test> = Vec::with_capacity(tests.len());
    for test in tests {
        match (out.last_mut(), &test) {
            (Some(Test::Content(content)), Test::IsDataAt(no_more))
                if !content.negated && *no_more == IsDataAt { at: Number::Fixed(1), relative: true, negated: true } =>
            {
                content.ends = true;
            }
            _ => out.push(test),
        }
    }
    out
}

/// Of each test: whether it and all that follow depend on nothing that came before.
fn fresh(tests: &[Test]) -> Vec<bool> {
    let mut fresh = vec![false; tests.len()];
    let mut depends_on_place = false;
    let mut needed: Vec<Slot> = Vec::new();
    for (test, fresh) in tests.iter().zip(&mut fresh).rev() {
        depends_on_place = is_relative(test) || depends_on_place && !moves(test);
        needed.retain(|slot| Some(*slot) != result(test));
        needed.extend(reads(test));
        // Variables of other buffers stand still, but telling them apart is not worth it.
        *fresh = !depends_on_place && needed.is_empty();
    }
    fresh
}

/// Whether a test goes on from where the one before ended.
pub(super) fn is_relative(test: &Test) -> bool {
    match test {
        Test::Content(content) => content.place.is_relative(),
        Test::Pcre(pcre) => pcre.relative,
        Test::IsDataAt(test) => test.relative,
        Test::ByteTest(test) => test.source.relative,
        Test::ByteJump(jump) => jump.source.relative,
        Test::ByteExtract(extract) => extract.source.relative,
        Test::ByteMath(math) => math.source.relative,
        Test::Base64(decode, _) => decode.relative,
        Test::Size(_) | Test::Entropy(_) => false,
    }
}

/// Whether a test leaves a place behind for the next to go on from.
pub(super) fn moves(test: &Test) -> bool {
    match test {
        Test::Content(content) => !content.negated,
        Test::Pcre(pcre) => !pcre.negated,
        Test::ByteJump(_) | Test::ByteExtract(_) | Test::ByteMath(_) => true,
        Test::IsDataAt(_) | Test::ByteTest(_) | Test::Base64(..) | Test::Size(_) | Test::Entropy(_) => false,
    }
}

/// The variable a test sets.
fn result(test: &Test) -> Option<Slot> {
    match test {
        Test::ByteExtract(extract) => Some(extract.result),
        Test::ByteMath(math) => Some(math.result),
        _ => None,
    }
}

/// The variables a test uses.
fn reads(test: &Test) -> impl Iterator<Item = Slot> + use<> {
    let slots = match test {
        Test::Content(content) => {
            let (start, extent) = content.place.numbers();
            [start.slot(), extent.and_then(Number::slot), None]
        }
        Test::IsDataAt(test) => [test.at.slot(), None, None],
        Test::ByteTest(test) => [test.source.count.slot(), test.source.offset.slot(), test.operand.slot()],
        Test::ByteJump(jump) => [jump.source.count.slot(), jump.source.offset.slot(), None],
        Test::ByteMath(math) => [math.source.count.slot(), math.source.offset.slot(), math.operand.slot()],
        Test::Pcre(_) | Test::ByteExtract(_) | Test::Size(_) | Test::Entropy(_) | Test::Base64(..) => [None; 3],
    };
    slots.into_iter().flatten()
}

/// Bytes that any match needs.
fn min_len<'a>(tests: impl IntoIterator<Item = &'a Test>) -> u64 {
    let mut min: i64 = 0;
    // The earliest place where the match before a test can end.
    let mut last: i64 = 0;
    for test in tests {
        let need = match test {
            Test::Content(content) if !content.negated => {
                last = earliest_end(content, last);
                last
            }
            Test::IsDataAt(test) if !test.negated => needed_by_isdataat(test, last),
            Test::ByteTest(test) => {
                test.source.reach().map_or(0, |reach| if test.source.relative { last + reach } else { reach })
            }
            Test::ByteExtract(extract) => {
                let reach = extract.source.reach().unwrap_or(0);
                last = if extract.source.relative { last + reach } else { reach }.max(0);
                if extract.source.base.is_some() {
                    last = 0;
                }
                last
            }
            Test::Size(test) => i64::try_from(test.bounds().0).unwrap_or(i64::MAX),
            Test::Pcre(pcre) if !pcre.negated => {
                last = if pcre.relative { last } else { 0 };
                0
            }
            Test::ByteJump(_) | Test::ByteMath(_) => {
                last = 0;
                0
            }
            _ => 0,
        };
        min = min.max(need);
    }
    min.unsigned_abs()
}

fn earliest_end(content: &Content, last: i64) -> i64 {
    let from = match content.place {
        Place::Absolute { .. } => 0,
        Place::Relative { .. } => last,
    };
    let start = from.saturating_add(content.place.numbers().0.fixed().unwrap_or(-from));
    start.max(0).saturating_add(content.bytes.len() as i64)
}

fn needed_by_isdataat(test: &IsDataAt, last: i64) -> i64 {
    let at = test.at.fixed().unwrap_or(0);
    if test.relative { last.saturating_add(at) } else { at.saturating_add(1) }
}

/// Bytes that no match exceeds.
fn max_len(tests: &[Test]) -> u64 {
    let limits = tests.iter().filter_map(|test| match test {
        Test::Size(test) => Some(test.bounds().1),
        Test::IsDataAt(IsDataAt { at: Number::Fixed(at), relative: false, negated: true }) => u64::try_from(*at).ok(),
        _ => None,
    });
    limits.min().unwrap_or(u64::MAX)
}
