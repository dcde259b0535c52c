//! Configuration: Suricata's YAML → typed settings with defaults, warnings and refusals.
//!
//! In: a file (or the embedded default), `include`s, `--set`s.  Out: [`Config`].
//! The path: text → [`node`] tree → includes → `--set` → [`section`] readers → one struct per area. What is
//! unknown or has the wrong type is a [`Warning`]; what contradicts itself is a refusal.

pub mod block_lists;
pub mod core;
pub mod datasets;
pub mod engine;
pub mod eve;
pub mod file_store;
pub mod flood;
pub mod ips;
pub mod listen;
pub mod load;
pub mod logging;
mod nfq;
pub mod node;
pub mod outputs;
pub mod pcap_log;
pub mod profiling;
pub mod reputation;
pub mod rules;
pub mod scalar;
pub mod section;
mod threading;
pub mod traffic;

use std::path::PathBuf;

pub use load::{LoadError, Source, load};
use node::Node;
pub use section::Warning;
use section::{Section, Warnings};

/// The configuration that is used without `-c`.
pub const DEFAULT: &str = include_str!("default.yaml");

/// Everything the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The tree it was read from, `include`s and `--set`s done.
    pub tree: Node,
    /// Variables of rules.
    pub vars: Vars,
    /// Sets of values.
    pub datasets: datasets::Datasets,
    /// Reputation of addresses.
    pub reputation: reputation::Reputation,
    /// Where outputs go if the command line does not say.
    pub log_dir: PathBuf,
    /// Name of the sensor in records (`host`).
    pub sensor_name: Option<String>,
    /// Which outputs there are.
    pub outputs: outputs::Outputs,
    /// Counters.
    pub stats: outputs::Stats,
    /// What the program says about itself.
    pub logging: logging::Logging,
    /// Rules, and what goes with them.
    pub rules: rules::Rules,
    /// Decoding, defragmentation, flows, streams, and what happens when their limits are hit.
    pub traffic: traffic::Traffic,
    /// Protocols and detection.
    pub engine: engine::Engine,
    /// Interfaces to watch by packet sockets.
    pub af_packet: Vec<listen::Listen>,
    /// Interfaces to watch by AF_XDP.
    pub af_xdp: Vec<listen::Listen>,
    /// Interfaces whose queues are polled busily, and how.
    pub busy_poll: Vec<(String, crate::capture::af_xdp::BusyPoll)>,
    /// Files of addresses that are blocked.
    pub block_lists: Vec<block_lists::BlockList>,
    /// How packets of netfilter queues go on.
    pub queues: crate::live::Queues,
    /// On which processors workers run, and before whom.
    pub schedule: crate::live::Schedule,
    /// Blocks on account of rules.
    pub ips: ips::Ips,
    /// What rules and flows cost.
    pub profiling: profiling::Profiling,
    /// What has no effect, or another one than was meant.
    pub warnings: Vec<Warning>,
    /// What cannot be meant: the program must not start with it.
    pub refusals: Vec<Warning>,
}

/// `vars`: names and expressions, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    /// `address-groups`.
    pub addresses: Vec<(String, String)>,
    /// `port-groups`.
    pub ports: Vec<(String, String)>,
}

/// Top-level keys of the established engine that mean nothing here.
const IGNORED: &[&str] = &[
    "suricata-version",
    "unix-command",
    "capture",
    "host-mode",
    "legacy",
    "coredump",
    "asn1-max-frames",
    "engine-analysis",
    "luajit",
    "lua",
    "napatech",
    "nflog",
    "ipfw",
    "netmap",
    "pfring",
    "pcap",
    "dpdk",
    "mpipe",
    "cuda",
    "max-pending-packets",
    "pid-file",
    "daemon-directory",
    "umask",
    "spm-algo",
    "magic-file",
    "multi-detect",
    "security",
    "plugins",
    "unix-socket",
    "autofp-scheduler",
    "default-packet-size",
    "runmode",
    "livedev",
    "host",
    "ippair",
    "windivert",
    "mqtt",
    "heartbeat",
    "firewall",
    "ignore-unknown-requirements",
    "sensor-id",
    "storage",
    "live",
];

impl Config {
    /// Reads the typed settings out of a tree. `inline`: whether verdicts are carried out, which decides what
    /// `auto` means for exception policies.
    pub fn from_tree(tree: Node, inline: bool) -> Self {
        let (warnings, refusals) = (Warnings::default(), Warnings::default());
        let mut config = section::read(Some(&tree), "", &warnings, |root| {
            root.ignore(IGNORED);
            root.section("run-as", |section| run_as(section, &refusals));
            let traffic = traffic::Traffic::read(root, inline, &refusals);
            let outputs = outputs::Outputs::read(root, &refusals);
            Self {
                vars: Vars::read(root),
                datasets: datasets::Datasets::read(root),
                reputation: reputation::Reputation::read(root),
                log_dir: root.text_or("default-log-dir", "/var/log/ids-sensor").into(),
                sensor_name: root.text("sensor-name").map(str::to_owned),
                stats: outputs::Stats::read(root),
                logging: logging::Logging::read(root),
                rules: rules::Rules::read(root, &refusals),
                engine: engine::Engine::read(root, &outputs, &traffic),
                queues: nfq::read(root),
                schedule: threading::read(root),
                af_packet: listen::read(root, "af-packet"),
                af_xdp: listen::read(root, "af-xdp"),
                busy_poll: listen::busy_poll(root),
                block_lists: block_lists::read(root),
                ips: ips::Ips::read(root),
                profiling: profiling::Profiling::read(root),
                outputs,
                traffic,
                tree: Node::empty(),
                warnings: Vec::new(),
                refusals: Vec::new(),
            }
        });
        config.warnings = warnings.into_vec();
        config.refusals = refusals.into_vec();
        config.tree = tree;
        config
    }
}

impl Vars {
    fn read(root: &Section<'_>) -> Self {
        root.section("vars", |vars| Self {
            addresses: vars.section("address-groups", texts),
            ports: vars.section("port-groups", texts),
        })
    }
}

/// All keys of a map whose values are texts; lists are written as rules would (`[a,b]`).
fn texts(section: &Section<'_>) -> Vec<(String, String)> {
    section.entries().iter().map(|(key, node)| (key.clone(), expression(node))).collect()
}

fn expression(node: &Node) -> String {
    match &node.value {
        node::Value::Text(text) => text.clone(),
        node::Value::List(items) => format!("[{}]", items.iter().map(expression).collect::<Vec<_>>().join(",")),
        node::Value::Null | node::Value::Map(_) => String::new(),
    }
}

/// `run-as`: a sensor gives up rights instead of changing its user. Names that were forgotten are a mistake all the same.
fn run_as(section: &Section<'_>, refusals: &Warnings) {
    for key in ["user", "group"] {
        let help = "start the sensor as the one it should be: it keeps only the capabilities that it needs";
        match section.text(key) {
            Some(_) => {
                section.warnings().add(0, &section.path(key), format!("the {key} of the process is not changed"), help)
            }
            None if section.has(key) => {
                let message = format!("no {key} name was provided");
                refusals.add(0, &section.path(key), message, "write a name, or leave the key out");
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
