//! How a protocol tells what its records show, without knowing how records are written.
//!
//! A protocol calls a [`Writer`] with keys and values; outputs implement it (JSON and whatever follows).

/// Takes the content of a record, in order. Inside a list the key is ignored and may be empty.
///
/// Calls to [`open`](Writer::open) and [`close`](Writer::close) must balance.
pub trait Writer {
    /// A text. Bytes that are not UTF-8 are escaped by the writer.
    fn text(&mut self, key: &str, value: &[u8]);
    /// An unsigned number.
    fn uint(&mut self, key: &str, value: u64);
    /// A signed number.
    fn int(&mut self, key: &str, value: i64);
    /// A fraction.
    fn float(&mut self, key: &str, value: f64);
    /// A truth value.
    fn flag(&mut self, key: &str, value: bool);
    /// Begins an object or a list; what follows goes inside until [`close`](Writer::close).
    fn open(&mut self, key: &str, shape: Shape);
    /// Ends the innermost object or list.
    fn close(&mut self);
}

/// What [`Writer::open`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Keys and values.
    Object,
    /// Values without keys.
    List,
}
