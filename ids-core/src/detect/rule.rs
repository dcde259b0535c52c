//! What an alert tells of its rule: everything that has no part in matching.

use std::time::Duration;

use crate::verdict::RejectTo;

/// What a rule does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell.
    Alert,
    /// Look no further.
    Pass,
    /// Tell, and drop.
    Drop,
    /// Tell, drop, and answer with a reset or unreachable.
    Reject(RejectTo),
    /// Change what is logged or tracked; tells nothing.
    Config,
}

/// Which end of the flow an attack is aimed at (`target`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The source of the packet that matched.
    Source,
    /// Its destination.
    Destination,
}

/// What the sensor tells the kernel when a rule drops (`ips.block` in the configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is blocked.
    pub scope: Scope,
    /// For how long.
    pub ttl: Duration,
    /// A host is blocked even where its address may be forged: without a TCP handshake that was completed.
    pub spoofable: bool,
}

/// What a block covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The flow.
    Flow,
    /// The sender of the packet that matched.
    Source,
    /// Its receiver.
    Destination,
}

/// One rule, as alerts show it.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// Signature id.
    pub sid: u32,
    /// Generator id.
    pub gid: u32,
    /// Revision.
    pub rev: u32,
    /// Message.
    pub msg: String,
    /// Short name of the class; empty if none.
    pub classtype: String,
    /// Description of the class; empty if none.
    pub category: String,
    /// 1 is the gravest.
    pub priority: u32,
    /// What it does.
    pub action: Action,
    /// Expanded references: `https://…`.
    pub references: Vec<String>,
    /// `metadata` as keys and values, in order.
    pub metadata: Vec<(String, String)>,
    /// Which end is the victim.
    pub target: Option<Target>,
    /// The rule as it was written.
    pub raw: String,
    /// What the kernel is told when it drops; `None`: only what the action itself asks for.
    pub block: Option<Block>,
}
