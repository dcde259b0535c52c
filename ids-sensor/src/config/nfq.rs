//! `nfq`: how packets of netfilter queues go on.

use super::section::Section;
use crate::capture::nfqueue::Way;
use crate::live::{Masked, Queues};

/// How accepted packets go on, before it is known where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Accept,
    Repeat,
    Route,
}

/// `nfq.mode`
const MODES: &[(&str, Mode)] = &[("accept", Mode::Accept), ("repeat", Mode::Repeat), ("route", Mode::Route)];

pub(super) fn read(root: &Section<'_>) -> Queues {
    root.section("nfq", |nfq| {
        let usual = Queues::default();
        let mode = nfq.word("mode", MODES).unwrap_or(Mode::Accept);
        let repeat = masked(nfq, "repeat-mark", "repeat-mask");
        let route = nfq.number("route-queue", 0);
        Queues {
            accepted: match mode {
                Mode::Accept => Way::Accept,
                Mode::Repeat => Way::Repeat,
                Mode::Route => Way::Queue(route),
            },
            // Without a mark the rules would send the packet here again and again.
            mark: (mode == Mode::Repeat).then(|| repeat.unwrap_or(Masked { mark: 1, mask: 1 })),
            bypass: masked(nfq, "bypass-mark", "bypass-mask"),
            together: nfq.number("batchcount", usual.together),
            length: nfq.number("queue-length", usual.length).max(1),
            fail_open: nfq.flag("fail-open", usual.fail_open),
        }
    })
}

/// A mark and the bits that count; all of them if no mask is given.
fn masked(nfq: &Section<'_>, mark: &'static str, mask: &'static str) -> Option<Masked> {
    let number = |key| nfq.parsed(key, "a number", number);
    let (mark, mask) = (number(mark), number(mask));
    mark.map(|mark| Masked { mark, mask: mask.unwrap_or(u32::MAX) })
}

/// Decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, node};

    #[test]
    fn modes_and_marks_of_the_established_configuration() {
        let usual = Queues::default();
        let one = Masked { mark: 1, mask: 1 };
        for (yaml, want) in [
            ("{}", usual),
            (
                "nfq: {mode: accept, repeat-mark: 1, repeat-mask: 1, fail-open: yes}",
                Queues { fail_open: true, ..usual },
            ),
            ("nfq: {mode: repeat}", Queues { accepted: Way::Repeat, mark: Some(one), ..usual }),
            (
                "nfq: {mode: repeat, repeat-mark: 0x10, repeat-mask: 0xf0}",
                Queues { accepted: Way::Repeat, mark: Some(Masked { mark: 16, mask: 240 }), ..usual },
            ),
            (
                "nfq: {mode: route, route-queue: 2, batchcount: 20}",
                Queues { accepted: Way::Queue(2), together: 20, ..usual },
            ),
            ("nfq: {bypass-mark: 1, bypass-mask: 1}", Queues { bypass: Some(one), ..usual }),
            ("nfq: {bypass-mark: 2}", Queues { bypass: Some(Masked { mark: 2, mask: u32::MAX }), ..usual }),
        ] {
            let config = Config::from_tree(node::parse(yaml).unwrap(), true);
            assert_eq!(config.queues, want, "{yaml}");
            assert_eq!(config.warnings, [], "{yaml}");
        }
    }

    #[test]
    fn a_mark_changes_its_own_bits() {
        for (mark, mask, before, after) in [(1, 1, 6, 7), (1, 1, 7, 7), (0, 1, 7, 6), (0x10, 0xf0, 0xff, 0x1f)] {
            assert_eq!(Masked { mark, mask }.on(before), after);
        }
    }
}
