//! `af-packet` and `af-xdp`: interfaces to watch where the command line names none.

use super::node::{Node, Value};
use super::section::{self, Section};
use crate::capture::af_xdp::BusyPoll;

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Its name.
    pub interface: String,
    /// How many threads share its packets, if it is said.
    pub threads: Option<u16>,
}

/// Reads one of the sections: a list of maps. The entry `default` is none; keys that tune what is tuned by itself here
/// are known and have no effect.
pub(super) fn read(root: &Section<'_>, key: &'static str) -> Vec<Listen> {
    let Some(Node { value: Value::List(items), .. }) = root.node(key) else { return Vec::new() };
    let path = root.path(key);
    let entries = items.iter().enumerate().filter_map(|(at, item)| {
        section::read(Some(item), &format!("{path}.{at}"), root.warnings(), |entry| {
            entry.entries();
            let interface = entry.text("interface")?.to_owned();
            // `auto` is as many as there are processors; here, the one that is enough for most.
            let threads = entry.node("threads").and_then(|node| match &node.value {
                Value::Text(text) => text.parse().ok().filter(|threads| (1..=1024).contains(threads)),
                _ => None,
            });
            Some(Listen { interface, threads })
        })
    });
    entries.filter(|entry| entry.interface != "default").collect()
}

/// Interfaces of `af-xdp` whose queues are to be polled busily, and how; the entry `default` counts for all others.
pub(super) fn busy_poll(root: &Section<'_>) -> Vec<(String, BusyPoll)> {
    let Some(Node { value: Value::List(items), .. }) = root.node("af-xdp") else { return Vec::new() };
    let path = root.path("af-xdp");
    let entries = items.iter().enumerate().filter_map(|(at, item)| {
        section::read(Some(item), &format!("{path}.{at}"), root.warnings(), |entry| {
            entry.entries();
            if !entry.flag("enable-busy-poll", false) {
                return None;
            }
            let how = BusyPoll {
                micros: entry.number("busy-poll-time", 20),
                budget: entry.number("busy-poll-budget", 64),
                flush_timeout: entry.number("gro-flush-timeout", 2_000_000),
                deferred: entry.number("napi-defer-hard-irq", 2),
            };
            Some((entry.text("interface")?.to_owned(), how))
        })
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::BusyPoll;
    use crate::config::{Config, node};

    #[test]
    fn interfaces_of_the_established_configuration() {
        let text = "af-packet:\n  - interface: eth0\n    threads: auto\n    cluster-id: 99\n    defrag: yes\n  - \
                    {interface: eth1, threads: 4, use-mmap: yes}\n  - interface: default\naf-xdp:\n  - interface: eth7\n";
        let config = Config::from_tree(node::parse(text).unwrap(), false);
        let found: Vec<_> = config.af_packet.iter().map(|one| (one.interface.as_str(), one.threads)).collect();
        assert_eq!(found, [("eth0", None), ("eth1", Some(4))]);
        assert_eq!(config.af_xdp[0].interface, "eth7");
        assert_eq!(config.busy_poll, []);
        assert_eq!(config.warnings, []);
    }

    #[test]
    fn queues_are_polled_busily_where_it_says_so() {
        let text = "af-xdp:\n  - {interface: eth7, enable-busy-poll: yes, busy-poll-time: 30, busy-poll-budget: 8, \
                    gro-flush-timeout: 5000, napi-defer-hard-irq: 3}\n  - {interface: eth8, enable-busy-poll: no}\n  - \
                    {interface: default, enable-busy-poll: yes}\n";
        let config = Config::from_tree(node::parse(text).unwrap(), false);
        let own = BusyPoll { micros: 30, budget: 8, flush_timeout: 5000, deferred: 3 };
        let usual = BusyPoll { micros: 20, budget: 64, flush_timeout: 2_000_000, deferred: 2 };
        assert_eq!(config.busy_poll, [("eth7".to_owned(), own), ("default".to_owned(), usual)]);
        assert_eq!(config.warnings, []);
    }
}
