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
    /// `metadata`.
    pub metadata: Metadata,
    /// Which end is the victim.
    pub target: Option<Target>,
    /// The rule as it was written.
    pub raw: String,
    /// What the kernel is told when it drops; `None`: only what the action itself asks for.
    pub block: Option<Block>,
}

/// Keys and values (`metadata`), in order. One text for all of them: rule sets have hundreds of thousands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each key with its value; keys may come again.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        // As in rules, commas stand between pairs and white space ends a key: neither has its own separator in it.
        self.0.split(',').filter_map(|pair| pair.split_once(' '))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Metadata {
    /// Keys hold no white space, and neither keys nor values a comma.
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        let mut text = String::new();
        for (key, value) in pairs {
            if !text.is_empty() {
                text.push(',');
            }
            text.extend([key, " ", value]);
        }
        Self(text.into())
    }
}
