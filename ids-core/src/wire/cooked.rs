//! Linux cooked capture, versions 1 and 2 (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2).

use super::{Malformed, split};
use crate::anomaly::Anomaly;

/// Which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 16 bytes, protocol last.
    V1,
    /// 20 bytes, protocol first.
    V2,
}

/// What a cooked header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooked {
    /// EtherType of what follows.
    pub ether_type: u16,
    /// Length of the header in bytes.
    pub len: usize,
}

impl Cooked {
    /// In: a packet as captured. Out: the header, or why not.
    pub fn parse(bytes: &[u8], version: Version) -> Result<Self, Malformed> {
        match version {
            Version::V1 => {
                let (head, _) = split::<16>(bytes, Anomaly::SllPktTooSmall)?;
                Ok(Self { ether_type: u16::from_be_bytes([head[14], head[15]]), len: 16 })
            }
            Version::V2 => {
                let (head, _) = split::<20>(bytes, Anomaly::Sll2PktTooSmall)?;
                Ok(Self { ether_type: u16::from_be_bytes([head[0], head[1]]), len: 20 })
            }
        }
    }
}
