//! `ips`: what is blocked on account of rules, and who never is.

use std::time::Duration;

use ids_core::detect::rule::{Block, Scope};
use ids_ebpf::config::FailPolicy;

use super::flood::Flood;
use super::node::{Node, Value};
use super::section::{self, Section};
use crate::kernel::{Prefix, Sizes};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ips {
    /// What happens to packets that need inspection while the sensor does not answer.
    pub fail: FailPolicy,
    /// After how long without a sign of life that policy holds.
    pub deadline: Duration,
    /// Interfaces of this machine's own that are guarded where the command line names none.
    pub host: Vec<String>,
    /// What the kernel is told when rules drop, in order: the first that fits counts.
    pub blocks: Vec<BlockRule>,
    /// Addresses and prefixes that no block may name.
    pub allow: Vec<Prefix>,
    /// Nor may any name this machine, its gateways and name servers, or HOME_NET.
    pub allow_own: bool,
    /// Hosts that rules may have blocked in a minute; 0 is no limit.
    pub max_per_minute: u32,
    /// Hosts and prefixes of each IP version that can be blocked at a time.
    pub max_hosts: u32,
    /// Limits on what one source may send.
    pub flood: Flood,
    /// Blocks are counted, but not carried out.
    pub dry_run: bool,
    /// Bits of an IPv6 address that a block of its host holds for.
    pub ipv6_prefix: u8,
}

/// One line of `ips.block`: which rules it is for, and what is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRule {
    /// Only rules of this class.
    pub classtype: Option<String>,
    /// Only this rule.
    pub sid: Option<u32>,
    /// Only rules of this priority or graver.
    pub priority: Option<u32>,
    /// What is blocked, and for how long.
    pub block: Block,
}

impl Ips {
    pub(super) fn read(root: &Section<'_>) -> Self {
        root.section("ips", |ips| Self {
            fail: ips.word("fail", FAIL).unwrap_or_default(),
            deadline: ips.duration("deadline", Duration::from_secs(1)),
            host: ips.texts("host").unwrap_or_default(),
            blocks: blocks(ips),
            allow: allow(ips),
            allow_own: ips.flag("allow-own", true),
            max_per_minute: ips.number("max-per-minute", 600),
            max_hosts: ips.number("max-hosts", Sizes::default().blocked_hosts).max(1),
            flood: Flood::read(ips),
            dry_run: ips.flag("dry-run", false),
            ipv6_prefix: ips
                .parsed("ipv6-prefix", "a number from 1 to 128", |text| {
                    text.parse().ok().filter(|length| (1..=128).contains(length))
                })
                .unwrap_or(64),
        })
    }
}

/// `ips.fail`
const FAIL: &[(&str, FailPolicy)] = &[("open", FailPolicy::Open), ("closed", FailPolicy::Closed)];

/// `ips.allow`: addresses and prefixes; what is none is warned of.
fn allow(ips: &Section<'_>) -> Vec<Prefix> {
    let line = ips.node("allow").map_or(0, |node| node.line);
    let read = |text: String| match text.parse() {
        Ok(prefix) => Some(prefix),
        Err(error) => {
            ips.warnings().add(line, &ips.path("allow"), format!("{error}"), "it is not allowed");
            None
        }
    };
    ips.texts("allow").unwrap_or_default().into_iter().filter_map(read).collect()
}

/// `ips.block`: a list of maps.
fn blocks(ips: &Section<'_>) -> Vec<BlockRule> {
    let spoofable = ips.flag("spoofable", false);
    let Some(Node { value: Value::List(items), .. }) = ips.node("block") else { return Vec::new() };
    let read = |(at, item): (usize, &Node)| {
        section::read(Some(item), &ips.path(&format!("block.{at}")), ips.warnings(), |line| {
            const SCOPES: &[(&str, Scope)] =
                &[("flow", Scope::Flow), ("src", Scope::Source), ("dst", Scope::Destination)];
            BlockRule {
                classtype: line.text("classtype").map(str::to_owned),
                sid: line.number_opt("sid"),
                priority: line.number_opt("priority"),
                block: Block {
                    scope: line.word("scope", SCOPES).unwrap_or(Scope::Flow),
                    ttl: line.duration("ttl", Duration::from_secs(600)),
                    spoofable: line.flag("spoofable", spoofable),
                },
            }
        })
    };
    items.iter().enumerate().map(read).collect()
}

impl BlockRule {
    /// Whether it is for this rule.
    pub fn fits(&self, classtype: &str, sid: u32, priority: u32) -> bool {
        self.classtype.as_ref().is_none_or(|wanted| wanted == classtype)
            && self.sid.is_none_or(|wanted| wanted == sid)
            && self.priority.is_none_or(|least| priority <= least)
    }
}
