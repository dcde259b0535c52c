//! Headers as checked views over bytes.
//!
//! Length is proven once, in the constructor, and the type carries the proof: no later call can fail or
//! panic. May import `anomaly` alone.

pub mod tcp;

use crate::anomaly::Anomaly;

/// Why bytes are not the header they should be: the anomaly to note on the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub Anomaly);
