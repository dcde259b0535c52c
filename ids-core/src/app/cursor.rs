//! Numbers and bytes from the front of a message, in either byte order.
//!
//! In: the message.  Out: what stands there, or nothing where it ends too early. Must not know protocols.

/// A place in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    little: bool,
}

impl<'a> Cursor<'a> {
    /// At the start of `data`; `little`: the lowest byte of a number comes first.
    pub(super) const fn new(data: &'a [u8], little: bool) -> Self {
        Self { rest: data, little }
    }

    /// At the start of `data`, in whose numbers the highest byte comes first.
    pub(super) const fn big(data: &'a [u8]) -> Self {
        Self::new(data, false)
    }

    /// At `offset` of a message whose numbers begin with the lowest byte.
    pub(super) fn at(data: &'a [u8], offset: usize) -> Option<Self> {
        Some(Self::new(data.get(offset..)?, true))
    }

    /// What was not read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    /// The next bytes, as many as the array holds.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// A number of one byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A number of two bytes.
    pub(super) fn u16(&mut self) -> Option<u16> {
        let little = self.little;
        self.array().map(|bytes| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    /// A number of three bytes, the highest first.
    pub(super) fn u24(&mut self) -> Option<usize> {
        self.array().map(|[a, b, c]| usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// A number of four bytes.
    pub(super) fn u32(&mut self) -> Option<u32> {
        let little = self.little;
        self.array().map(|bytes| if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// A number of eight bytes.
    pub(super) fn u64(&mut self) -> Option<u64> {
        let little = self.little;
        self.array().map(|bytes| if little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }

    /// What stands behind a length of one byte.
    pub(super) fn vector8(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.vector(length.into())
    }

    /// What stands behind a length of two bytes.
    pub(super) fn vector16(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.vector(length.into())
    }

    fn vector(&mut self, length: usize) -> Option<Self> {
        let rest = self.take(length)?;
        Some(Self { rest, ..*self })
    }

    /// Everything that is left as numbers of two bytes.
    pub(super) fn numbers(mut self) -> impl Iterator<Item = u16> {
        std::iter::from_fn(move || self.u16())
    }

    /// Whether nothing is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number of two bytes that counts bytes of the message.
    pub(super) fn size16(&mut self) -> Option<usize> {
        self.u16().map(usize::from)
    }

    /// A number of four bytes that counts bytes of the message.
    pub(super) fn size32(&mut self) -> Option<usize> {
        self.u32().and_then(|size| usize::try_from(size).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_orders_and_end_with_the_message() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let (mut little, mut big) = (Cursor::new(&data, true), Cursor::new(&data, false));
        assert_eq!((little.u16(), big.u16()), (Some(0x0201), Some(0x0102)));
        assert_eq!((little.u32(), big.u32()), (Some(0x0605_0403), Some(0x0304_0506)));
        assert_eq!((little.u32(), little.u8(), little.take(3)), (None, Some(7), None));
        assert_eq!((little.skip(1), little.rest(), little.u8(), little.u8()), (Some(()), &[9][..], Some(9), None));
        assert_eq!(Cursor::new(&data, false).u64(), Some(0x0102_0304_0506_0708));
        assert_eq!(Cursor::at(&data, 7).and_then(|mut at| at.u16()), Some(0x0908));
        assert!(Cursor::at(&data, 10).is_none());
    }

    #[test]
    fn vectors_stand_behind_their_length() {
        let mut cursor = Cursor::big(&[2, 0, 1, 0, 3, 7, 8, 9, 5]);
        assert_eq!(cursor.vector8().map(|vector| vector.numbers().collect::<Vec<_>>()), Some(vec![1]));
        assert_eq!(cursor.vector16().map(|vector| vector.rest().to_vec()), Some(vec![7, 8, 9]));
        assert!(cursor.vector8().is_none() && cursor.is_empty());
        assert_eq!(Cursor::big(&[1, 2, 3]).u24(), Some(0x01_0203));
    }
}
