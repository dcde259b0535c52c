//! What the engine tells the application layer of a flow, and what it is told.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::app::file;
use crate::app::probe::DetectionEvent;
use crate::app::registry::ProtoId;

/// What became known while bytes were taken; the engine hands in an empty one and looks at it afterwards.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The flow's protocol is now known, or was replaced.
    pub known: Option<ProtoId>,
    /// The flow is of no known protocol, as far as was seen. Comes once; datagrams are still looked at.
    pub failed: bool,
    /// Client and server were taken for each other: the flow must be turned. The state has turned itself.
    pub turn: bool,
    /// The other direction has unused bytes that come first: hand those in, then these again.
    pub other_first: bool,
    /// Why the parser gave up, if it did.
    pub gave_up: Option<GaveUp>,
    /// Oddities, oldest first.
    pub events: ArrayVec<DetectionEvent, 4>,
    /// How many transactions came up, for the counters.
    pub transactions: u64,
    /// How many the session dropped because too many were open.
    pub dropped: u64,
}

impl Findings {
    pub(super) fn note(&mut self, event: DetectionEvent) {
        // One call finds at most four.
        let _ = self.events.try_push(event);
    }
}

/// Why a parser wants no more of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// It cannot go on behind missing bytes.
    Gap,
    /// It cannot read what came.
    Content,
}

/// What the engine knows of a flow besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Datagrams instead of a stream.
    pub udp: bool,
    /// The flow's start was not seen, so that client and server are a guess.
    pub midstream: bool,
    /// The other side sent something before, which was not seen.
    pub other_lost: bool,
    /// What is wanted of files that it carries.
    pub files: file::Wanted,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// What it spoke before it switched: a record name. The flow's state knows that itself.
    pub before: Option<&'static str>,
}

/// What is known of a flow's application protocol, by record names; `None` while unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppInfo {
    /// The protocol of the flow.
    pub proto: Option<&'static str>,
    /// What was found to the server, where it differs.
    pub to_server: Option<&'static str>,
    /// What was found to the client, where it differs.
    pub to_client: Option<&'static str>,
    /// What it was before it switched.
    pub original: Option<&'static str>,
    /// What was expected after a switch, where something else came.
    pub expected: Option<&'static str>,
    /// How many transactions there were.
    pub transactions: u64,
}
