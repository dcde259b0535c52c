//! Content of files that rules or the configuration want stored → events, piece by piece.
//!
//! In: the files of a flow's open transactions, after rules have looked at them.  Out: [`Event::FileContent`]; the end of
//! each is told with the file.
//! What nobody can want any more is forgotten.

use super::Sink;
use super::tell::Occasion;
use crate::app::file::{Fate, Wanted};
use crate::detect::shared::Shared;
use crate::detect::state::{AppState, FlowState};
use crate::event::{Event, FileContent};

/// Hands over what came of files that are stored. Out: the directions from which another one now is.
pub(super) fn contents(
    app: &mut AppState,
    flow: &FlowState,
    wanted: Wanted,
    shared: &Shared,
    occasion: Occasion<'_, '_>,
    out: &mut impl Sink,
) -> [bool; 2] {
    let mut begun = [false; 2];
    if !wanted.content {
        return begun;
    }
    app.each_file(|_, state, dir, place, file| {
        if !file.is_held() {
            return;
        }
        let asked = || state.stores(dir, place).next().is_some() || flow.stores(dir).next().is_some();
        // Where nothing came there is nothing to store.
        if file.fate() == Fate::Undecided && file.has_content() && (wanted.all || asked()) {
            file.decide(Fate::Store(shared.file_number()));
            if let Some(begun) = begun.get_mut(dir.index()) {
                *begun = true;
            }
        }
        if let Fate::Store(number) = file.fate() {
            file.take(|bytes| {
                let context = occasion.context(dir);
                out.event(Event::FileContent(FileContent { context, number, bytes }));
            });
        }
    });
    begun
}
