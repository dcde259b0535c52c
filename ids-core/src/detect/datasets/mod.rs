//! Sets of values that rules ask and change: `dataset`, `datarep`, and sets with context.
//!
//! In: what a rule or the configuration says of a set ([`Spec`]), and the content of its files, which the sensor
//! reads; at match time the bytes of a buffer.  Out: whether they are in the set, and what stands there with them;
//! at the end the content for its file ([`Dataset::dump`]).
//! A set holds at most its memory cap; what does not fit is not added, and counted. Must not know which buffer
//! values come from. Source: the datasets chapter of the Suricata 8 user guide.
//!
//! | file | what it does |
//! |---|---|
//! | `value` | kinds of values: as text, as bytes of a buffer, as key |
//! | `set` | the table |
//! | `read` | the formats of files |
//! | `registry` | which sets there are, over reloads |
//! | `ask` | what a rule does with a set |

mod ask;
mod read;
mod registry;
mod set;
#[cfg(test)]
mod tests;
mod value;

pub(super) use ask::{Ask, Found, SetTest};
pub use read::{Format, JsonPath, Keep, MAX_CONTEXT, read};
pub(super) use registry::Registry;
pub use set::{Added, Dataset, SaveTo, Value};
pub use value::Kind;

/// What is said of a set where it is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// What its values are; a set that is declared already needs none.
    pub kind: Option<Kind>,
    /// How its files are written.
    pub format: Format,
    /// Each value has a number (`datarep`).
    pub scored: bool,
    /// File it begins with.
    pub load: Option<String>,
    /// File it is written to at the end.
    pub save: Option<String>,
    /// Both in one; need not exist at the beginning.
    pub state: Option<String>,
    /// Most memory it may take, in bytes.
    pub memcap: Option<u64>,
    /// Rows of its hash table. The table here grows by itself: the number only counts against the limits.
    pub hashsize: Option<u32>,
}

/// What the configuration says of sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Sets that all rules may use.
    pub sets: Vec<Spec>,
    /// Memory cap where a set says nothing, in bytes.
    pub memcap: u64,
    /// Rows where a set says nothing.
    pub hashsize: u32,
    /// Most rows of one set.
    pub single_hashsize: u32,
    /// Most rows of all sets.
    pub total_hashsizes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sets: Vec::new(),
            memcap: 100 << 20,
            hashsize: 2048,
            single_hashsize: 65_536,
            total_hashsizes: 67_108_864,
        }
    }
}

/// What a file of a set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is read.
    Load,
    /// It is read if it is there, and written at the end.
    State,
    /// It is written at the end.
    Save,
}

/// Longest name of a set, in bytes.
pub const MAX_NAME: usize = 63;
