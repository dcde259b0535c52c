//! `af-packet` and `af-xdp`: interfaces to watch where the command line names none.

use super::node::{Node, Value};
use super::section::{self, Section};

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

#[cfg(test)]
mod tests {
    use crate::config::{Config, node};

    #[test]
    fn interfaces_of_the_established_configuration() {
        let text = "af-packet:\n  - interface: eth0\n    threads: auto\n    cluster-id: 99\n    defrag: yes\n  - \
                    {interface: eth1, threads: 4, use-mmap: yes}\n  - interface: default\naf-xdp:\n  - interface: eth7\n";
        let config = Config::from_tree(node::parse(text).unwrap(), false);
        let found: Vec<_> = config.af_packet.iter().map(|one| (one.interface.as_str(), one.threads)).collect();
        assert_eq!(found, [("eth0", None), ("eth1", Some(4))]);
        assert_eq!(config.af_xdp[0].interface, "eth7");
        assert_eq!(config.warnings, []);
    }
}
