//! The line in which a side names its version: `SSH-protoversion-softwareversion comments` (RFC 4253 §4.2).

use super::START;

/// What a side says of itself.
#[derive(Debug)]
pub(super) struct Banner {
    /// `2.0`; `1.99` for servers that also know the version before.
    pub(super) proto: Vec<u8>,
    /// Without comments.
    pub(super) software: Vec<u8>,
}

impl Banner {
    /// Reads a line without its end. `None` if it is no such line.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut parts = line.strip_prefix(START)?.splitn(2, |byte| *byte == b'-');
        let proto = parts.next().filter(|proto| !proto.is_empty())?;
        let software = parts.next()?.split(|byte| *byte == b' ').next()?;
        Some(Self { proto: proto.to_vec(), software: software.to_vec() })
    }

    /// Whether packets follow as RFC 4253 has them.
    pub(super) fn is_version_2(&self) -> bool {
        self.proto.starts_with(b"2") || self.proto == b"1.99"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (line, expected) in [
            ("SSH-2.0-OpenSSH_9.6", Some(("2.0", "OpenSSH_9.6", true))),
            ("SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13", Some(("2.0", "OpenSSH_9.6p1", true))),
            ("SSH-1.99-Cisco-1.25", Some(("1.99", "Cisco-1.25", true))),
            ("SSH-1.5-old", Some(("1.5", "old", false))),
            ("SSH-2.0-", Some(("2.0", "", true))),
            ("SSH-2.0", None),
            ("SSH--x", None),
            ("SSH-", None),
            ("ssh-2.0-x", None),
            ("HTTP/1.1 200", None),
            ("", None),
        ] {
            let read = Banner::read(line.as_bytes());
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let read = read.map(|banner| (text(&banner.proto), text(&banner.software), banner.is_version_2()));
            assert_eq!(
                read,
                expected.map(|(proto, software, new)| (proto.to_owned(), software.to_owned(), new)),
                "{line}"
            );
        }
    }
}
