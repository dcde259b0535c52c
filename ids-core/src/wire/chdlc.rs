//! Cisco HDLC (LINKTYPE_C_HDLC): address, control, EtherType.

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// Length of the header in bytes.
pub const LEN: usize = 4;

/// EtherType of what follows, or why not.
pub fn parse(bytes: &[u8]) -> Result<u16, Malformed> {
    let (head, _) = split::<LEN>(bytes, Anomaly::ChdlcPktTooSmall)?;
    Ok(u16::from_be_bytes([head[2], head[3]]))
}
