//! `block-lists`: files of addresses and prefixes that are blocked for as long as they stand there.

use std::path::PathBuf;
use std::time::Duration;

use super::node::{Node, Value};
use super::section::{self, Section};

/// One list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockList {
    /// Its file.
    pub file: PathBuf,
    /// How often it is read again.
    pub refresh: Duration,
    /// How long its blocks hold if it is not read again: the sensor may be gone.
    pub ttl: Duration,
    /// Why, for people.
    pub reason: String,
}

const REFRESH: Duration = Duration::from_secs(3600);
const TTL: Duration = Duration::from_secs(86_400);

/// Reads the section: a list of maps.
pub(super) fn read(root: &Section<'_>) -> Vec<BlockList> {
    let Some(node) = root.node("block-lists") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        root.warnings().add(node.line, &root.path("block-lists"), "expected a list", "there are no block lists");
        return Vec::new();
    };
    items.iter().enumerate().filter_map(|(at, item)| one(root, at, item)).collect()
}

fn one(root: &Section<'_>, at: usize, item: &Node) -> Option<BlockList> {
    let path = root.path(&format!("block-lists.{at}"));
    section::read(Some(item), &path, root.warnings(), |list| {
        let refresh = list.duration("refresh", REFRESH).max(Duration::from_secs(1));
        let least = refresh * 2;
        let ttl = list.duration("ttl", TTL.max(least));
        if ttl < least {
            let help = format!("it is taken for {} s, twice `refresh`", least.as_secs());
            root.warnings().add(item.line, &list.path("ttl"), "blocks would run out between two readings", help);
        }
        let ttl = ttl.max(least);
        let reason = list.text("reason").map(str::to_owned);
        let Some(file) = list.text("file").map(PathBuf::from) else {
            root.warnings().add(item.line, &list.path("file"), "a block list without a file", "it is left out");
            return None;
        };
        let reason = reason.unwrap_or_else(|| format!("listed in {}", file.display()));
        Some(BlockList { file, refresh, ttl, reason })
    })
}
