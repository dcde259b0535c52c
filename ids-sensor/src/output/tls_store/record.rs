//! What goes from workers to the writer: a chain of certificates, and what stands beside it.

/// One chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// A client has shown it.
    pub(super) client: bool,
    /// When: seconds since 1970, and microseconds.
    pub(super) seconds: u64,
    pub(super) micros: u64,
    /// What stands beside it.
    pub(super) meta: &'a [u8],
    /// The certificates.
    pub(super) pem: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.meta.len()).expect("a few lines");
        out.push(u8::from(self.client));
        out.extend_from_slice(&self.seconds.to_le_bytes());
        out.extend_from_slice(&self.micros.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(self.meta);
        out.extend_from_slice(self.pem);
    }

    /// Reads what [`Record::write`] wrote; `None` for anything else.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (client, rest) = bytes.split_first()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (micros, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (meta, pem) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (seconds, micros) = (u64::from_le_bytes(*seconds), u64::from_le_bytes(*micros));
        Some(Self { client: *client != 0, seconds, micros, meta, pem })
    }
}
