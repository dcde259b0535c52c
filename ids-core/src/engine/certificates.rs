//! Certificates that rules want stored → events, once they were shown.
//!
//! In: what rules asked for on this packet, and a flow's open transactions.  Out: [`Event::Certificates`], once for each
//! side of a transaction.

use super::Sink;
use super::tell::Occasion;
use crate::detect::hits::Hits;
use crate::detect::state::AppState;
use crate::event::{CertificatesRef, Event};
use crate::field::Dir;

/// Tells of those that are there. A rule means the side that it matched on; where that has shown none, the other.
pub(super) fn tell(app: &mut AppState, hits: &Hits, occasion: Occasion<'_, '_>, out: &mut impl Sink) {
    for open in app.transactions() {
        let (id, kept) = (open.state.id, &mut open.state.detect.certificates);
        hits.certificates().iter().filter(|row| row.0.is_none_or(|tx| tx == id)).for_each(|row| kept.ask(row.1));
        for dir in Dir::BOTH {
            if !kept.is_asked(dir) {
                continue;
            }
            let shown = [dir, dir.flip()].into_iter().find_map(|side| Some((side, open.tx.certificates(side)?)));
            if let Some((side, certificates)) = shown
                && kept.tell(dir, side)
            {
                let context = occasion.context(side);
                out.event(Event::Certificates(CertificatesRef { context, dir: side, certificates }));
            }
        }
    }
}
