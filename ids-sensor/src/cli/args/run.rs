//! The words of `run`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Common, Instance, span};
use crate::config::flood::Rate;

pub(super) const EXAMPLES: &str = "\
Examples:
  ids-sensor run -i eth1
  ids-sensor run --inline eth1,eth2 -S 'rules/*.rules' --fail closed
  ids-sensor run --host eth0
  iptables -A FORWARD -j NFQUEUE --queue-balance 0:3 --queue-bypass && ids-sensor run --nfq 0:3
  nft add rule inet filter forward queue flags bypass to 0 && ids-sensor run --nfq 0";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Interface to watch; may be repeated [default with `--capture`: those of the configuration]
    #[arg(short = 'i', long, value_name = "INTERFACE", conflicts_with = "inline")]
    pub interface: Vec<String>,

    /// Two interfaces to bridge; may be repeated
    #[arg(long, value_name = "A,B", value_parser = pair)]
    pub inline: Vec<[String; 2]>,

    /// Interface of this machine to guard; may be repeated [default without any other: `ips.host`]
    #[arg(long, value_name = "INTERFACE", conflicts_with_all = ["inline", "interface"])]
    pub host: Vec<String>,

    /// Netfilter queue to judge the packets of, or the first and the last of several; may be repeated
    #[arg(short = 'q', long = "nfq", value_name = "N[:M]", value_parser = queues,
          conflicts_with_all = ["inline", "interface", "host", "capture"])]
    pub queues: Vec<Queues>,

    /// Configuration and rules.
    #[command(flatten)]
    pub common: Common,

    /// How packets are taken from the kernel [default: auto]
    #[arg(long, value_name = "WAY")]
    pub capture: Option<CaptureWay>,

    /// What guarded ports do while the sensor does not answer, instead of `ips.fail`
    #[arg(long, value_name = "POLICY")]
    pub fail: Option<FailPolicy>,

    /// After how long without a sign of life that policy holds, instead of `ips.deadline`
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub deadline: Option<Duration>,

    /// How many workers share the packets of each interface or pair; by AF_XDP no more than it has queues
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// How many TCP connections a source may open in a second, and at once, instead of `ips.flood.syn`; 0 is no limit
    #[arg(long, value_name = "RATE[/BURST]", value_parser = Rate::parse)]
    pub syn_limit: Option<Rate>,

    /// How many UDP packets a source may send in a second, and at once, instead of `ips.flood.udp`; 0 is no limit
    #[arg(long, value_name = "RATE[/BURST]", value_parser = Rate::parse)]
    pub udp_limit: Option<Rate>,

    /// Which sensor this is.
    #[command(flatten)]
    pub instance: Instance,

    /// Accept everything, but tell what would have been dropped or blocked
    #[arg(long)]
    pub dry_run: bool,
}

/// Numbers of netfilter queues, the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues(pub u16, pub u16);

/// Reads one number, or two with a colon between them.
pub(in crate::cli) fn queues(text: &str) -> Result<Queues, String> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(Queues(first, last)),
        _ => Err("expected the number of a queue, or the first and the last with a colon between them".into()),
    }
}

/// Two different names with a comma between them.
fn pair(text: &str) -> Result<[String; 2], String> {
    match text.split_once(',') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() && a != b && !b.contains(',') => Ok([a.into(), b.into()]),
        _ => Err("expected two different interfaces with a comma between them".into()),
    }
}

/// `--capture`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureWay {
    /// AF_XDP; with `-i`, packet sockets where that cannot be had
    Auto,
    /// AF_XDP sockets with the kernel stage in front
    AfXdp,
    /// Packet sockets (TPACKET_V3): packets stay with the network stack, and copies are looked at; the kernel stage in
    /// front enforces blocks and limits, where it can be had
    AfPacket,
}

/// `--fail`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailPolicy {
    /// Blocks still hold, everything else passes
    Open,
    /// Nothing passes
    Closed,
}
