//! Looks a single value up in what a transaction would show, without knowing the protocol.

use ids_core::app::parser::{Detail, Transaction};
use ids_core::event::TxAt;
use ids_core::field::Dir;
use ids_core::field::Value;
use ids_core::record::{Shape, Writer};

/// Calls back with every text of a record: the key, and the text.
pub fn texts(tx: &dyn Transaction, detail: &Detail<'_>, each: &mut dyn FnMut(&str, &[u8])) {
    tx.record(detail, &mut Listener(each));
}

/// A buffer that rules know by this name, as far as it is kept.
pub fn buffer<'a>(at: &TxAt<'a>, name: &str, dir: Dir, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let fields = (at.protocol.fields)();
    let field = fields.iter().position(|info| info.name == name || info.aliases.contains(&name))?;
    match at.tx.field(field, dir, 0, scratch) {
        Value::Bytes(bytes) | Value::Stream { data: bytes, .. } if !bytes.is_empty() => Some(bytes),
        _ => None,
    }
}

struct Listener<'a>(&'a mut dyn FnMut(&str, &[u8]));

impl Writer for Listener<'_> {
    fn text(&mut self, key: &str, value: &[u8]) {
        (self.0)(key, value);
    }
    fn uint(&mut self, _: &str, _: u64) {}
    fn int(&mut self, _: &str, _: i64) {}
    fn float(&mut self, _: &str, _: f64) {}
    fn flag(&mut self, _: &str, _: bool) {}
    fn open(&mut self, _: &str, _: Shape) {}
    fn close(&mut self) {}
}
