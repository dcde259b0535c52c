//! Tests of one buffer: `content` and its modifiers, `isdataat`, `byte_*`, `bsize`, `entropy`, `pcre`,
//! `base64_decode`, `absent`.
//!
//! In: the options of a rule that look at one buffer, in order ([`ChainBuilder`]); at match time the buffer.
//! Out: a [`Chain`] and its patterns for the prefilter; at match time an [`Outcome`], and in [`Scratch`] what
//! was captured on the way.
//! Holds nothing between two buffers: variables, regex caches and the like belong to the worker's [`Scratch`].
//! Must not know which buffer it looks at, nor protocols, flows or packets.
//!
//! | file | what it does |
//! |---|---|
//! | `text` `vars` `numeric` | reading values: quotes, escapes, numbers, variables, numbers out of data |
//! | `names` | the options, and how they are written |
//! | `build` `check` | options → chain; contradictions that show at load time |
//! | `chain` `scratch` | matching with backtracking; the memory it works in |
//! | `describe` | a chain as `rules.json` shows it |
//! | `content` `byte_test` `byte_jump` `byte_extract` `byte_math` `isdataat` `entropy` `base64` `pcre` | one test each |
//!
//! Source: the payload keywords chapter of the Suricata 8 user guide.

pub(crate) mod base64;
mod build;
mod byte_extract;
mod byte_jump;
mod byte_math;
mod byte_test;
mod chain;
mod check;
mod content;
mod describe;
mod entropy;
mod isdataat;
mod names;
mod numeric;
pub(in crate::detect) mod outline;
pub mod pcre;
mod scratch;
pub(crate) mod text;
mod vars;

#[cfg(test)]
mod model;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;

pub use build::{ChainBuilder, ChainCx};
pub use chain::{Absent, Buffer, Chain, Outcome};
pub use content::{FastPattern, PatternInfo};
pub(super) use describe::written;
pub use names::{OPTIONS, is_option};
pub use scratch::{Capture, CaptureKind, Counts, Replacement, Scratch};
pub use vars::VarNames;

/// Bounds of what one match attempt may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps a backtracking regular expression may take. The linear ones need no limit.
    pub regex_steps: usize,
    /// Bytes of a buffer a backtracking regular expression looks at.
    pub regex_window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { regex_steps: 1_000_000, regex_window: 4096 }
    }
}
