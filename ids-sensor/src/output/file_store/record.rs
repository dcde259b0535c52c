//! What goes from workers to the writer: bytes of a file, or its end.

/// A piece of news about a stored file, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The next bytes.
    Content {
        /// Which file.
        number: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Nothing more comes.
    End {
        /// Which file.
        number: u64,
        /// SHA-256 of all its bytes.
        sha256: [u8; 32],
        /// Seconds since 1970, of the record.
        seconds: u64,
        /// What stands beside it; empty: nothing.
        info: &'a [u8],
    },
}

const CONTENT: u8 = 0;
const END: u8 = 1;

impl<'a> Record<'a> {
    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Content { number, bytes } => {
                out.push(CONTENT);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Self::End { number, sha256, seconds, info } => {
                out.push(END);
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(sha256);
                out.extend_from_slice(&seconds.to_le_bytes());
                out.extend_from_slice(info);
            }
        }
    }

    /// Reads what [`Record::write`] wrote; `None` for anything else.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = u64::from_le_bytes(*number);
        match *kind {
            CONTENT => Some(Self::Content { number, bytes: rest }),
            END => {
                let (sha256, rest) = rest.split_first_chunk()?;
                let (seconds, info) = rest.split_first_chunk()?;
                Some(Self::End { number, sha256: *sha256, seconds: u64::from_le_bytes(*seconds), info })
            }
            _ => None,
        }
    }
}
