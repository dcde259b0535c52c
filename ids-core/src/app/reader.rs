//! Takes bytes apart for parsers of binary protocols: numbers, most significant byte first, and vectors behind their
//! length.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Reader<'a>(pub(in crate::app) &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes.
    pub(in crate::app) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// So many bytes, as an array.
    pub(in crate::app) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(in crate::app) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(in crate::app) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(in crate::app) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(in crate::app) fn u24(&mut self) -> Option<usize> {
        self.array().map(|[a, b, c]| usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// A vector behind a length of one byte.
    pub(in crate::app) fn vector8(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into()).map(Self)
    }

    /// A vector behind a length of two bytes.
    pub(in crate::app) fn vector16(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }

    /// Everything that is left as numbers of two bytes.
    pub(in crate::app) fn numbers(self) -> impl Iterator<Item = u16> {
        self.0.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    pub(in crate::app) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
