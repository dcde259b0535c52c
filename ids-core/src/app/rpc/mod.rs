//! Remote procedure calls (C706 part 4, MS-RPCE), whoever carries them: connections, datagrams or named pipes.
//!
//! In: packets of one association in the order in which they travel.  Out: calls, each a request with its response.
//!
//! `packet` reads headers and interfaces, `association` knows which interfaces were agreed on, `call` puts one exchange
//! together, `show` says what rules and records see of it. Must not know who carries them, nor where calls are kept.

pub(super) mod association;
pub(super) mod call;
pub(super) mod packet;
mod show;
#[cfg(test)]
mod tests;

pub(super) use association::Association;
pub(super) use call::Call;
pub(super) use show::{fields, uuid};
