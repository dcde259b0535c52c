//! What commands of the control socket take and give, as both ends see it.

use std::net::IpAddr;

use ids_core::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::output::store::{AlertId, Page, Query, Stored};

/// Arguments of `block-add`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct BlockAdd {
    /// Address or prefix.
    pub target: String,
    /// Seconds it holds.
    pub ttl: u64,
    /// Why, for people.
    #[serde(default)]
    pub reason: String,
}

/// Arguments of `block-del`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct BlockDel {
    /// Address or prefix, as it was given.
    pub target: String,
}

/// One row of the answer to `block-list`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// `host`, `flow` or `list`.
    pub kind: String,
    /// Address, prefix, both ends of a flow, or how many entries of which file.
    pub target: String,
    /// Seconds that are left, rounded up.
    pub ttl: u64,
    /// Packets the kernel dropped on its account; 0 for a list, whose entries are not added up.
    pub packets: u64,
    /// The rule on whose account; 0 if none.
    pub sid: u32,
    /// What was said when it was added; empty if nothing.
    #[serde(default)]
    pub reason: String,
}

/// Arguments of `why`; the answer is a [`crate::why::Why`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WhyAsk {
    /// Address, prefix, or protocol and both ends of a flow.
    pub target: String,
}

/// Arguments of `alerts-list`: a [`Query`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AlertsList {
    /// Not before, in nanoseconds since the epoch.
    pub from: Option<u64>,
    /// Before.
    pub to: Option<u64>,
    /// Of this rule.
    pub sid: Option<u32>,
    /// From or to this address.
    pub addr: Option<IpAddr>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Go on behind this alert.
    pub after: Option<String>,
    /// Begin with the oldest.
    pub oldest_first: bool,
}

/// Arguments of `alerts-show`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AlertsShow {
    /// Which.
    pub id: String,
}

/// One alert in an answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct AlertRow {
    /// Its number.
    pub id: String,
    /// Its EVE record.
    pub record: Value,
}

/// The answer to `alerts-list`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct AlertsPage {
    /// The alerts.
    pub alerts: Vec<AlertRow>,
    /// Where to go on.
    pub next: Option<String>,
    /// Places that could not be read.
    pub damaged: u64,
}

impl From<&Query> for AlertsList {
    fn from(query: &Query) -> Self {
        Self {
            from: Some(query.from.nanos()),
            to: Some(query.to.nanos()),
            sid: query.sid,
            addr: query.addr,
            limit: Some(query.limit),
            after: query.cursor.map(|id| id.to_string()),
            oldest_first: !query.newest_first,
        }
    }
}

impl TryFrom<AlertsList> for Query {
    type Error = String;

    fn try_from(list: AlertsList) -> Result<Self, String> {
        let usual = Self::default();
        Ok(Self {
            from: list.from.map_or(usual.from, Time::from_nanos),
            to: list.to.map_or(usual.to, Time::from_nanos),
            sid: list.sid,
            addr: list.addr,
            // A page is one line of the answer, which has to end somewhere.
            limit: list.limit.unwrap_or(usual.limit).clamp(1, 10_000),
            cursor: list.after.map(|id| id.parse::<AlertId>()).transpose()?,
            newest_first: !list.oldest_first,
        })
    }
}

impl From<&Stored> for AlertRow {
    fn from(stored: &Stored) -> Self {
        // The store holds what the EVE output wrote; anything else shows as null.
        Self { id: stored.id.to_string(), record: serde_json::from_slice(&stored.json).unwrap_or_default() }
    }
}

impl From<&Page> for AlertsPage {
    fn from(page: &Page) -> Self {
        Self {
            alerts: page.alerts.iter().map(AlertRow::from).collect(),
            next: page.next.map(|id| id.to_string()),
            damaged: page.damaged,
        }
    }
}
