//! Connections that others announced: from the session of one flow to that of another, wherever that is worked on.
//!
//! Asked once for each TCP flow, with its first data, unless it goes to a port that nothing is announced for.

use crate::app::expected::Expected;
use crate::app::registry;
use crate::app::state::Findings;
use crate::detect::shared::{Ends, Shared};
use crate::detect::state::AppState;
use crate::field::Dir;
use crate::flow::Flow;
use crate::time::Time;

/// Lowest port that a connection may be announced for: those below are for services that are what they look like
/// (RFC 6335 §6, RFC 2577 §3).
const LOWEST: u16 = 1024;

/// Before the first bytes of a flow: what was announced of it, once.
pub(super) fn take(shared: &Shared, flow: &Flow, app: &mut AppState, now: Time, found: &mut Findings) {
    let (from, to) = flow.ends(Dir::ToServer);
    let ends = Ends { from: from.addr, to: to.addr, port: to.port };
    if ends.port >= LOWEST
        && app.is_new()
        && let Some((id, topic)) = shared.expected(ends, now)
    {
        app.announced(id, topic, found);
    }
}

/// After bytes of a flow: what it announces.
pub(super) fn put(shared: &Shared, flow: &Flow, app: &mut AppState, now: Time) {
    let Some(Expected { opener, to, port, proto, topic }) = app.expects() else { return };
    let (from, other) = flow.ends(opener);
    if let Some(proto) = registry::by_name(proto).filter(|_| port >= LOWEST) {
        shared.expect(Ends { from: from.addr, to: to.unwrap_or(other.addr), port }, proto, topic, now);
    }
}
