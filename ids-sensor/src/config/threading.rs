//! `threading`: on which processors workers run, and before whom.

use super::node::{Node, Value};
use super::section::{self, Section};
use crate::live::{Placing, Schedule};

/// `mode` of a set of processors.
const MODES: &[(&str, Placing)] = &[("exclusive", Placing::Exclusive), ("balanced", Placing::Balanced)];

/// `prio`: names of niceness.
const LOW: (&str, i8) = ("low", 5);
const MEDIUM: (&str, i8) = ("medium", 0);
const HIGH: (&str, i8) = ("high", -5);

/// Reads the section. Of the sets of processors that of the workers counts: there are no other threads that receive,
/// inspect or judge.
pub(super) fn read(root: &Section<'_>) -> Schedule {
    root.section("threading", |threading| {
        threading.ignore(&["autopin", "detect-thread-ratio", "stack-size"]);
        let placed = threading.flag_opt("set-cpu-affinity");
        let set = threading.node("cpu-affinity").and_then(workers);
        let schedule = set.map(|node| {
            let path = format!("{}.worker-cpu-set", threading.path("cpu-affinity"));
            section::read(Some(node), &path, threading.warnings(), schedule)
        });
        match placed {
            Some(true) => schedule.unwrap_or_default(),
            // Ranks do not hang on places.
            _ => Schedule { placing: Placing::Anywhere, ..schedule.unwrap_or_default() },
        }
    })
}

/// The set of the workers. Sets stand in a map, or each in one of its own in a list.
fn workers(sets: &Node) -> Option<&Node> {
    const NAME: &str = "worker-cpu-set";
    match &sets.value {
        Value::List(items) => items.iter().find_map(|item| item.get(NAME)),
        _ => sets.get(NAME),
    }
}

fn schedule(set: &Section<'_>) -> Schedule {
    set.ignore(&["threads", "interface-specific-cpu-set"]);
    let real_time = |text: &str| text.parse().ok().filter(|priority| (1..=99).contains(priority));
    let mut schedule = Schedule {
        placing: set.word("mode", MODES).unwrap_or(Placing::Balanced),
        cpus: cpus(set, "cpu"),
        real_time: set.parsed("real-time", "a priority from 1 to 99", real_time),
        ..Schedule::default()
    };
    set.section("prio", |prio| {
        for (name, nice) in [LOW, MEDIUM, HIGH] {
            schedule.nice.extend(cpus(prio, name).into_iter().flatten().map(|cpu| (cpu, nice)));
        }
        schedule.usual_nice = prio.word("default", &[LOW, MEDIUM, HIGH]).unwrap_or(MEDIUM.1);
    });
    schedule
}

/// Numbers and ranges of processors; `None` is all of them.
fn cpus(section: &Section<'_>, key: &'static str) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for text in section.texts(key)? {
        if text == "all" {
            return None;
        }
        let Some(range) = range(&text) else {
            let message = format!("`{text}` is no processor, as `2`, `0-3` or `all` are");
            section.warnings().add(
                section.node(key).map_or(0, |node| node.line),
                &section.path(key),
                message,
                "it is left out",
            );
            continue;
        };
        found.extend(range);
    }
    Some(found)
}

fn range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    // Nobody has so many.
    (first <= last && last < 8192).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, node};

    fn config(text: &str) -> Config {
        Config::from_tree(node::parse(text).unwrap(), false)
    }

    #[test]
    fn processors_and_ranks_of_workers() {
        let usual = Schedule::default;
        let set =
            |text: &str| format!("threading: {{set-cpu-affinity: yes, cpu-affinity: {{worker-cpu-set: {{{text}}}}}}}");
        let listed = "threading:\n  set-cpu-affinity: yes\n  autopin: no\n  cpu-affinity:\n    - management-cpu-set:\n        \
                      cpu: [ 0 ]\n    - worker-cpu-set:\n        cpu: [ \"all\" ]\n        mode: \"exclusive\"\n        \
                      threads: 1\n        prio:\n          low: [ 0 ]\n          medium: [ \"1-2\" ]\n          \
                      high: [ 3 ]\n          default: \"high\"\n  detect-thread-ratio: 1.0\n";
        let nice = vec![(0, 5), (1, 0), (2, 0), (3, -5)];
        let cases = [
            ("nothing", String::new(), Schedule::anywhere()),
            ("no", "threading: {set-cpu-affinity: no}".to_owned(), Schedule::anywhere()),
            ("as the established engine has it", listed.to_owned(), Schedule { nice, usual_nice: -5, ..usual() }),
            ("a range", set("cpu: [0, 2-3], mode: exclusive"), Schedule { cpus: Some(vec![0, 2, 3]), ..usual() }),
            ("no mode", set("cpu: 1"), Schedule { placing: Placing::Balanced, cpus: Some(vec![1]), ..usual() }),
            (
                "real time alone",
                "threading: {cpu-affinity: {worker-cpu-set: {real-time: 50}}}".to_owned(),
                Schedule { real_time: Some(50), ..Schedule::anywhere() },
            ),
        ];
        for (name, text, want) in cases {
            let config = config(&text);
            assert_eq!(config.schedule, want, "{name}");
            assert_eq!(config.warnings, [], "{name}");
        }
    }

    #[test]
    fn what_is_no_processor_is_said() {
        for text in ["cpu: [x]", "cpu: [3-1]", "cpu: [99999]", "real-time: 100", "mode: some", "prio: {default: top}"] {
            let text = format!("threading: {{cpu-affinity: {{worker-cpu-set: {{{text}}}}}}}");
            assert_eq!(config(&text).warnings.len(), 1, "{text}");
        }
    }
}
