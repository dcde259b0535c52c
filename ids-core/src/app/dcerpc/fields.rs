//! What rules can see of a call.

use super::tx::{Tx, progress};
use crate::app::rpc;
use crate::field::Field;

/// The fields; the position is the number.
pub(super) static FIELDS: &[Field<Tx>] = &rpc::fields::<Tx>(
    |tx, _, _, scratch| tx.call.interface(scratch),
    |tx, _, _, _| tx.call.operation(),
    |tx, dir, _, _| tx.call.stub(dir),
    progress::COMPLETE,
);
