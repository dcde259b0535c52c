//! The words of the command line.

mod run;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::kernel::Prefix;
use crate::output::store::AlertId;
pub(super) use run::queues;
pub use run::{CaptureWay, FailPolicy, Queues, Run};

/// Detection and prevention of intrusions, with Suricata's rules, configuration and records.
///
/// Without a subcommand the flags of Suricata mean what they mean there: `-r` replays a capture, `-T` tests the
/// configuration.
#[derive(Debug, Parser)]
#[command(name = "ids-sensor", version, term_width = 80, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a capture file, or a folder of them, as if it came from the wire
    ///
    /// No rights are needed, and the result is the same every time. Records go to the log folder: eve.json, and
    /// whatever else the configuration lists. Everything before a damage of a capture is processed; the damage
    /// is named and is no reason to fail, except with `--strict`.
    ///
    /// Exit codes: 0 done; 1 refused (configuration, rules, or what the strict flags ask for); 2 usage; 3 a file
    /// cannot be read or written.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Box<Replay>),
    /// Watch or guard live traffic
    ///
    /// With `-i` the traffic of a mirror port is taken and watched; a port that has addresses is this machine's own, of
    /// which copies are watched. With `--inline` two ports are bridged and what a rule drops does not get through. With
    /// `--host` this machine's own traffic is guarded: copies are looked at, and once a rule has dropped a packet,
    /// nothing more of its flow comes in. With `--nfq` packets that the packet filter sends to a queue wait there for
    /// their verdict.
    ///
    /// When the sensor ends, ports are given back. Only a pair that fails open stays as it is and goes on forwarding,
    /// without inspection, until the next start or `detach`.
    ///
    /// Rights are needed to set up (CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON). Of these all but the last are kept,
    /// for blocks and to give ports back, and CAP_DAC_OVERRIDE where the log folder belongs to somebody else.
    #[command(after_help = run::EXAMPLES, override_usage = "ids-sensor run <-i IFACE|--inline A,B|--host IFACE|--nfq N> [OPTIONS]")]
    Run(Box<Run>),
    /// Give ports back that a sensor left behind
    ///
    /// Removes programs and maps from the kernel and puts the settings of the ports back, as after a crash.
    Detach(Detach),
    /// Say what of this machine stands in the way of a live run
    ///
    /// Looks at rights, kernel, memory, the bpf file system, and each port: its driver and what that can do with XDP,
    /// programs in the way, MTU, offloads, queues and how packets are spread over them. One line a finding, with the
    /// command that mends it. Nothing is changed.
    ///
    /// Exit codes: 0 a sensor can run here; 1 it cannot.
    #[command(after_help = "Examples:\n  ids-sensor doctor eth1 eth2\n  ids-sensor doctor --json")]
    Doctor(Doctor),
    /// Prove on captures that the kernel stage loses nothing
    ///
    /// Every capture is replayed twice: once as it is, once with each packet going through the XDP program first, with
    /// what rules and records want to see in its maps, and with flows released to it as in a live run. Records must
    /// be the same; those that are not are shown. Then it is told what stayed in the kernel, and what kept the rest
    /// from it.
    ///
    /// Rights are needed to load the program (CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON). Nothing is attached to an interface, and
    /// nothing is written.
    ///
    /// Exit codes: 0 no record differs; 1 some do; 2 usage; 3 rights, or a file cannot be read.
    #[command(after_help = "Example:\n  ids-sensor prove -r captures/ -S 'rules/*.rules' --set stream.bypass=yes")]
    Prove(Box<super::prove::Prove>),
    /// Check rules, and try them
    Rules(Box<super::rules::Rules>),
    /// Say what a running sensor does: packets, drops, losses
    Status(Status),
    /// Have a running sensor load its rules again
    ///
    /// Configuration and rule files are read again and compiled beside the running rules, which are exchanged
    /// between two batches of packets: no packet is lost, and flows, flowbits, thresholds and blocks stay as they
    /// are. Of the configuration only what concerns rules is taken over: variables, rule files, classification,
    /// references, thresholds, `ips.block`.
    ///
    /// If a file cannot be read or none of the rules loads, the old rules stay in force and the reason is printed.
    /// SIGUSR2 does the same; the log then says how it went.
    ///
    /// Exit codes: 0 the new rules are in force; 1 the old ones are; 3 no sensor runs.
    #[command(after_help = "Example:\n  ids-sensor reload --json")]
    Reload(Reload),
    /// Block hosts and networks in the kernel
    ///
    /// Asks the running sensor; without one, blocks that an earlier sensor left in the kernel are looked at and
    /// changed there.
    Block(Block),
    /// Explain what happens to packets of a host, a network or a flow now
    ///
    /// Says whether such a packet is dropped, inspected or let past in the kernel, and because of what: who shields
    /// an address, blocks of hosts and flows with the time that is left of them and the alert that caused them,
    /// releases, what the rules want to see, and what the ports do while nobody inspects. The answer is the kernel
    /// stage's own decision on what stands in its maps; `*` marks what decides.
    ///
    /// A flow is asked about in one direction, as a packet in the middle of a connection. A rule that drops packets
    /// without blocking their flow shows as "inspected": rules decide on each packet.
    ///
    /// Without a running sensor the maps are read that an earlier one left in the kernel.
    ///
    /// Exit codes: 0 answered, whatever the answer; 2 the question is not understood; 3 there is nothing to ask.
    #[command(after_help = WHY_EXAMPLES)]
    Why(Why),
    /// Look at the alerts of a store
    ///
    /// Asks the running sensor; without one, or with `-l`, the store in the log folder is read.
    Alerts(Alerts),
}

const REPLAY_EXAMPLES: &str = "\
Examples:
  ids-sensor replay -r suspicious.pcap
  ids-sensor replay -r captures/ -S 'rules/*.rules' -l out -k none
  zcat big.pcap.gz | ids-sensor replay -r - -S local.rules tcp port 80";

const WHY_EXAMPLES: &str = "\
Examples:
  ids-sensor why 192.0.2.7
  ids-sensor why 2001:db8::/32 --json
  ids-sensor why tcp 192.0.2.7:4711 198.51.100.2:443
  ids-sensor why udp [2001:db8::1]:53 [2001:db8::2]:4000 vlan=5";

/// What every command takes that loads a configuration and rules.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Configuration file (YAML); built-in defaults without it
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Further configuration file whose keys replace those of the main one; may be repeated
    #[arg(long, value_name = "FILE")]
    pub include: Vec<PathBuf>,

    /// Set one value of the configuration; list entries by position, counted from 0; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Rule file instead of those of the configuration; may be a glob and may be repeated
    #[arg(short = 'S', value_name = "FILE")]
    pub rules_only: Vec<String>,

    /// Rule file besides those of the configuration; may be a glob and may be repeated
    #[arg(short = 's', value_name = "FILE")]
    pub rules_too: Vec<String>,

    /// Folder for records [default: ./ids-sensor-out for replay,
    /// /var/log/ids-sensor for run]
    #[arg(short = 'l', long = "log-dir", value_name = "FOLDER")]
    pub log_dir: Option<PathBuf>,

    /// Folder for data that outlives a run, such as datasets
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// Load no rules
    #[arg(long)]
    pub disable_detection: bool,

    /// Refuse to start if a rule does not load
    #[arg(long)]
    pub init_errors_fatal: bool,

    /// Refuse rules whose keywords have values that would otherwise be let pass; with a list, only of these
    /// keywords
    #[arg(long, value_name = "KEYWORDS", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub strict_rule_keywords: Option<String>,

    /// Refuse to start if anything in configuration or rules calls for a warning; fail at the end if a capture was
    /// damaged
    #[arg(long)]
    pub strict: bool,

    /// Load configuration and rules, say what is wrong, and exit with 0 or 1
    #[arg(short = 'T', long)]
    pub test_config: bool,

    /// Print every value of the configuration, and exit
    #[arg(long)]
    pub dump_config: bool,

    /// Say more; twice: still more
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Capture file (pcap or pcapng, also gzip or zstd), folder of captures, or `-` for standard input
    #[arg(short = 'r', long = "read", value_name = "FILE|FOLDER|-", required_unless_present_any = ["test_config", "dump_config", "engine_analysis", "list_app_layer_frames"])]
    pub read: Option<PathBuf>,

    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// Whether checksums of packets are checked
    #[arg(short = 'k', value_name = "MODE")]
    pub checksums: Option<ChecksumMode>,

    /// Act as if inline: drops count, streams are inspected at once
    #[arg(long)]
    pub simulate_ips: bool,

    /// Threading as Suricata calls it; has no influence on results
    #[arg(long, value_name = "MODE")]
    pub runmode: Option<RunMode>,

    /// How many workers share the packets; has no influence on results
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// Accepted for Suricata's sake: nothing here is random
    #[arg(long)]
    pub no_random: bool,

    /// Load rules, write what was made of each to the log folder (rules.json, patterns.json,
    /// rule_group.json, rules_analysis.txt, rules_fast_pattern.txt), and exit
    #[arg(long)]
    pub engine_analysis: bool,

    /// Measure what rules and flows cost, show the dearest, and write rule_perf.log to the log folder
    #[arg(long)]
    pub costs: bool,

    /// Print the frames that rules can look at, with what carries them, and exit
    #[arg(long)]
    pub list_app_layer_frames: bool,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    /// Print no summary and show no progress
    #[arg(short = 'q', long)]
    pub quiet: bool,

    /// Capture filter: host, net, port with src/dst, tcp, udp, icmp, and, or, not
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
}

/// Arguments of `detach`.
#[derive(Debug, Args)]
pub struct Detach {
    /// Which sensor left them.
    #[command(flatten)]
    pub instance: Instance,
}

/// Which sensor of this machine is meant.
#[derive(Clone, Debug, Args)]
pub struct Instance {
    /// Name of the sensor among others on the machine
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = name)]
    pub name: String,

    /// Folder of its control socket and state
    #[arg(long, value_name = "FOLDER", default_value = crate::ports::RUN_DIR)]
    pub run_dir: PathBuf,

    /// Where the bpf file system is mounted that its maps are pinned in
    #[arg(long, value_name = "FOLDER", default_value = crate::kernel::pins::BPFFS)]
    pub bpffs: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Ports to look at [default: all that are up and speak Ethernet]
    #[arg(value_name = "INTERFACE")]
    pub interfaces: Vec<String>,

    /// For so many workers on each interface or pair
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// For which sensor.
    #[command(flatten)]
    pub instance: Instance,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Say it again and again, with rates: in place on a terminal, else one block after the other
    #[arg(long)]
    pub watch: bool,

    /// How often
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span, requires = "watch")]
    pub interval: Duration,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Which sensor.
    #[command(flatten)]
    pub instance: Instance,
}

/// Arguments of `reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Which sensor.
    #[command(flatten)]
    pub instance: Instance,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// An address, a network, or a flow: protocol, source, destination, and `vlan=ID` or `vlan=OUTER,INNER` if it
    /// is in one
    #[arg(value_name = "WHAT", required = true, num_args = 1..=5)]
    pub what: Vec<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// Which sensor.
    #[command(flatten)]
    pub instance: Instance,
}

/// Arguments of `block`.
#[derive(Debug, Args)]
pub struct Block {
    /// What to do.
    #[command(subcommand)]
    pub what: BlockCommand,
}

/// What to do with blocks.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// List what is blocked: hosts, networks, flows
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which sensor.
        #[command(flatten)]
        instance: Instance,
    },
    /// Block a host or network, both ways; a block that lasts longer stays
    #[command(after_help = "Example:\n  ids-sensor block add 192.0.2.7 --ttl 1h --reason 'ticket 4711'")]
    Add {
        /// Address, or network as 192.0.2.0/24
        target: Prefix,
        /// For how long
        #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = span)]
        ttl: Duration,
        /// Why; shown by `block list` while the sensor runs
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which sensor.
        #[command(flatten)]
        instance: Instance,
    },
    /// Take a block away
    Del {
        /// Address or network, as `block list` shows it
        target: Prefix,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which sensor.
        #[command(flatten)]
        instance: Instance,
    },
}

/// A span of time that is not zero.
fn span(text: &str) -> Result<Duration, String> {
    let span = crate::config::scalar::duration(text).filter(|span| !span.is_zero());
    span.ok_or_else(|| "expected a span of time as 30s, 5m or 2h".into())
}

/// A name that can be part of a file name.
fn name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(fine) {
        Ok(text.to_owned())
    } else {
        Err("expected letters, digits, - and _".into())
    }
}

/// `-k`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChecksumMode {
    /// Check them
    All,
    /// Take all packets for right
    None,
    /// As the configuration says
    Auto,
}

/// `--runmode`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RunMode {
    /// One thread
    Single,
    /// Packets spread over workers
    Autofp,
    /// One thread for each queue
    Workers,
}

/// Arguments of `alerts`.
#[derive(Debug, Args)]
pub struct Alerts {
    /// What to show.
    #[command(subcommand)]
    pub what: AlertsCommand,
}

/// What to show of the store.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List alerts, the newest first
    #[command(after_help = "Example:\n  ids-sensor alerts list --since '2 hours ago' --addr 10.0.0.5 --json")]
    List(AlertsList),
    /// Show one alert whole
    Show {
        /// Its id, as `alerts list` shows it
        id: AlertId,
        /// Where the store is.
        #[command(flatten)]
        place: StorePlace,
    },
    /// Say how many alerts there are and how much room they take
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Where the store is.
        #[command(flatten)]
        place: StorePlace,
    },
}

/// Where the store is.
#[derive(Debug, Args)]
pub struct StorePlace {
    /// Folder of the store, or the log folder it lies in [default: what a running sensor writes, else
    /// ./ids-sensor-out, else /var/log/ids-sensor]
    #[arg(short = 'l', long = "log-dir", value_name = "FOLDER")]
    pub folder: Option<PathBuf>,

    /// Which sensor to ask.
    #[command(flatten)]
    pub instance: Instance,
}

/// Arguments of `alerts list`.
#[derive(Debug, Args)]
pub struct AlertsList {
    /// Not before: a time (2026-01-02T03:04:05Z), a date, or `2h`, `30m`, `7d` ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// Only of the rule with this sid
    #[arg(long, value_name = "SID")]
    pub sid: Option<u32>,

    /// Only from or to this address
    #[arg(long, value_name = "ADDRESS")]
    pub addr: Option<IpAddr>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,

    /// Go on behind this alert
    #[arg(long, value_name = "ID")]
    pub after: Option<AlertId>,

    /// Begin with the oldest
    #[arg(long)]
    pub oldest_first: bool,

    /// Print the records as JSON, one a line, each with its `alert_id`
    #[arg(long)]
    pub json: bool,

    /// Where the store is.
    #[command(flatten)]
    pub place: StorePlace,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound_and_fits_eighty_columns() {
        Cli::command().debug_assert();
        let mut command = Cli::command();
        command.build();
        assert_fits(&mut command);
    }

    fn assert_fits(command: &mut clap::Command) {
        for line in command.render_long_help().to_string().lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
        }
        command.get_subcommands_mut().for_each(assert_fits);
    }

    #[test]
    fn flags_may_come_in_any_order() {
        let words = "x replay --runmode=single -k none -c a.yaml -l out --set a.b=1 -S a.rules -r x.pcap -S b.rules port 22 -vv \
                     --simulate-ips --simulate-ips -k all -k none";
        let Command::Replay(args) = Cli::try_parse_from(words.split(' ')).expect("parses").command else {
            panic!("replay")
        };
        assert_eq!(args.common.rules_only, ["a.rules", "b.rules"]);
        assert_eq!(args.filter, ["port", "22"]);
        assert_eq!(args.checksums, Some(ChecksumMode::None));
        assert_eq!(args.common.verbose, 2);
    }
}
