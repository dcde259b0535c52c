//! What records show of a mail: the `smtp` object.

use super::tx::Tx;
use crate::app::mime::record::list;
use crate::record::Writer;

/// Writes the content of the `smtp` object.
pub(super) fn mail(tx: &Tx, out: &mut dyn Writer) {
    if let Some(hello) = tx.hello.as_ref().filter(|hello| !hello.is_empty()) {
        out.text("helo", hello);
    }
    if let Some(from) = &tx.from {
        out.text("mail_from", from);
    }
    list("rcpt_to", tx.to.iter().map(Vec::as_slice), out);
}
