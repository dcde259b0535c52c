//! What a rule does with a set when the tests of a buffer have passed.

use std::sync::Arc;

use super::{Added, Dataset, Value};
use crate::detect::rule_set::Compare;
use crate::detect::shared::Shared;

/// Most objects that one alert shows.
const MAX_FOUND: usize = 16;

/// One use of a set by a rule.
#[derive(Debug)]
pub(in crate::detect) struct SetTest {
    pub(in crate::detect) set: Arc<Dataset>,
    pub(in crate::detect) ask: Ask,
    /// Under which key alerts show the object that stands with the value.
    pub(in crate::detect) context: Option<Arc<str>>,
}

/// What is asked or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Ask {
    /// The value is in the set.
    IsSet,
    /// It is not.
    IsNotSet,
    /// It is added, and was not there.
    Set,
    /// It is taken out, and was there.
    Unset,
    /// The number that stands with it compares so.
    Score(Compare, u16),
}

/// What asking sets brought to light, and what went wrong.
#[derive(Debug, Default)]
pub(in crate::detect) struct Found {
    /// Objects for the alert: key, and JSON text.
    pub(in crate::detect) objects: Vec<(Arc<str>, Arc<str>)>,
    /// Values that were not added because their set was full.
    pub(in crate::detect) full: u64,
}

impl SetTest {
    /// Whether the bytes of a buffer pass. Bytes that cannot be a value of the set pass nothing.
    pub(in crate::detect) fn passes(&self, data: &[u8], shared: &Shared, found: &mut Found) -> bool {
        let mut room = [0; 16];
        let Some(key) = self.set.kind().key(data, &mut room) else { return false };
        if self.set.changes() {
            shared.wait();
        }
        match self.ask {
            Ask::IsNotSet => self.set.get(key).is_none(),
            Ask::Unset => self.set.remove(key),
            Ask::Set => {
                let added = self.set.add(key, Value::Plain);
                found.full += u64::from(added == Added::Full);
                added == Added::New
            }
            Ask::Score(compare, than) => match self.set.get(key) {
                Some(Value::Score(score)) => compare.holds(score, than),
                _ => false,
            },
            Ask::IsSet => {
                let Some(value) = self.set.get(key) else { return false };
                if let (Value::Context(text), Some(key)) = (value, &self.context)
                    && found.objects.len() < MAX_FOUND
                {
                    found.objects.push((Arc::clone(key), text));
                }
                true
            }
        }
    }
}
