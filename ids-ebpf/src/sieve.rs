//! Which data of a released flow is handed up: what a rule on single packets may match on, by its size and its first bytes.
//!
//! Rules are put into 64 classes. Each place of [`Sieve::head`] says of every value a byte may have which classes could do
//! with it; a segment that all of its first bytes and its size leave a class of is caught. What a rule looks for at no
//! fixed place is found by three of its bytes, wherever they stand within the reach of the rule: at every fourth place if it
//! is long enough to have three there in any case, at every even place if it is shorter.
//! Userspace builds this from the rules. Whatever it catches is looked at again there, so that it may catch too much, but
//! never too little.

use crate::headers::Bytes;

/// Bytes at the beginning of a segment's data that are told apart.
pub const HEAD: usize = 16;
/// Sizes that are told apart; larger ones are as one.
pub const SIZES: usize = 2048;
/// Farthest place up to which bytes are looked for at every even place.
pub const NEAR: usize = 384;
/// Farthest place up to which bytes are looked for at every fourth place.
pub const FAR: usize = 1536;
/// Classes of seekers that are looked for at every even place; the others are at every fourth.
pub const NEAR_CLASSES: u8 = 0x0f;
/// How many hashes of three bytes there are.
const HASHES: usize = 1 << 16;

/// What of a flow's data is caught, in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Look {
    /// Classes of rules by size and first bytes.
    pub classes: u64,
    /// Classes of rules by three bytes somewhere.
    pub seekers: u32,
    /// Up to where in the data those of [`NEAR_CLASSES`] look.
    pub near: u16,
    /// Up to where the others do; `u16::MAX` for all of it.
    pub far: u16,
}

const _: () = assert!(size_of::<Look>() == 16);

impl Look {
    /// The classes that look into a part.
    #[inline(always)]
    pub const fn seekers_of(&self, part: Part) -> u32 {
        match part {
            Part::Near => self.seekers & NEAR_CLASSES as u32,
            Part::Far => self.seekers & !(NEAR_CLASSES as u32),
        }
    }
}

/// Where in data something is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is short, at every even place near its beginning.
    Near,
    /// What is longer, at every fourth place.
    Far,
}

/// Part of the value of an inner map of `INTEREST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sieve {
    /// Classes by size of the data; the last one stands for all that is larger.
    pub sizes: [u64; SIZES],
    /// Classes by place and value of a byte.
    pub head: [[u64; 256]; HEAD],
    /// Classes of seekers, by each of two hashes of three bytes: both must have one (Bloom 1970), since many places are looked
    /// at, and few of them may be found by chance.
    pub seekers: [[u8; HASHES]; 2],
}

impl Sieve {
    /// Catches nothing.
    pub const NOTHING: Self = Self { sizes: [0; SIZES], head: [[0; 256]; HEAD], seekers: [[0; HASHES]; 2] };

    /// Adds three bytes that seekers look for.
    pub const fn seek(&mut self, bytes: [u8; 3], classes: u8) {
        let [one, other] = hashes(bytes);
        self.seekers[0][one] |= classes;
        self.seekers[1][other] |= classes;
    }

    /// Whether data is caught by its size and first bytes: `length` bytes of a frame from `at` on.
    #[inline(always)]
    pub fn sifts(&self, classes: u64, frame: &(impl Bytes + ?Sized), at: usize, length: usize) -> bool {
        let size = if length < SIZES { length } else { SIZES - 1 };
        let mut left = classes & self.sizes[size];
        for (place, classes) in self.head.iter().enumerate() {
            if left == 0 || place >= length {
                break;
            }
            // With the byte before, of a header: the kernel's verifier does not take the bound of a single one.
            let Some([_, byte]) = frame.at((at + place).wrapping_sub(1)) else { break };
            left &= classes[usize::from(byte)];
        }
        left != 0
    }

    /// Whether it is by three bytes somewhere in a part of it.
    #[inline(always)]
    pub fn finds(&self, look: &Look, part: Part, frame: &(impl Bytes + ?Sized), at: usize, length: usize) -> bool {
        let classes = look.seekers_of(part);
        match part {
            _ if classes == 0 => false,
            Part::Near => self.finds_at::<2, { NEAR / 2 }>(classes, frame, at, shorter(length, look.near)),
            Part::Far if look.far == u16::MAX && length > FAR => true,
            Part::Far => self.finds_at::<4, { FAR / 4 }>(classes, frame, at, shorter(length, look.far)),
        }
    }

    /// At every so many places, as many times as that may be.
    #[inline(always)]
    fn finds_at<const EVERY: usize, const TIMES: usize>(
        &self,
        classes: u32,
        frame: &(impl Bytes + ?Sized),
        at: usize,
        end: usize,
    ) -> bool {
        for step in 0..TIMES {
            let place = step * EVERY;
            if place + 3 > end {
                break;
            }
            // What cannot be read may be what is looked for.
            let Some(bytes) = frame.at(at + place) else { return true };
            let [one, other] = hashes(bytes);
            if u32::from(self.seekers[0][one] & self.seekers[1][other]) & classes != 0 {
                return true;
            }
        }
        false
    }
}

#[inline(always)]
const fn shorter(length: usize, reach: u16) -> usize {
    if length < reach as usize { length } else { reach as usize }
}

/// The upper bits of products with large odd numbers (multiplicative hashing).
#[inline(always)]
const fn hashes([a, b, c]: [u8; 3]) -> [usize; 2] {
    let number = a as u32 | (b as u32) << 8 | (c as u32) << 16;
    [upper(number.wrapping_mul(0x9e37_79b1)), upper(number.wrapping_mul(0x85eb_ca77))]
}

/// 16 bits of a product: as many as there are hashes.
#[inline(always)]
const fn upper(product: u32) -> usize {
    (product >> 16) as usize & (HASHES - 1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use super::*;

    fn sieve() -> Box<Sieve> {
        let mut sieve = Box::new(Sieve::NOTHING);
        // Class 1: ten bytes at most, which begin with "ab". Class 2: whatever is large.
        sieve.sizes[2..=10].iter_mut().for_each(|classes| *classes |= 1);
        sieve.sizes[SIZES - 1] |= 2;
        for (place, row) in sieve.head.iter_mut().enumerate() {
            for (value, classes) in row.iter_mut().enumerate() {
                *classes |= 2 | u64::from(b"ab".get(place).is_none_or(|byte| usize::from(*byte) == value));
            }
        }
        sieve.seek(*b"xyz", 4);
        sieve.seek(*b"uvw", 16);
        sieve
    }

    #[test]
    fn data_is_caught_by_size_first_bytes_and_what_is_in_it() {
        let sieve = sieve();
        let (both, seek) = (Look { classes: 3, ..Look::default() }, Look { seekers: 4, near: 8, ..Look::default() });
        let far = Look { seekers: 16, far: u16::MAX, ..Look::default() };
        let large = [b'-'; 3000];
        let cases: [(&str, Look, &[u8], bool); 16] = [
            ("begins so", both, b"abc", true),
            ("no more than that", both, b"ab", true),
            ("less than that", both, b"a", false),
            ("begins otherwise", both, b"aab", false),
            ("is too long", both, b"ab---------", false),
            ("another class", Look { classes: 2, ..both }, b"abc", false),
            ("large", both, &large, true),
            ("not large enough", both, &large[..2046], false),
            ("is found", seek, b"--xyz--", true),
            ("at its end", seek, b"--xyz", true),
            ("is not whole", seek, b"--xy", false),
            ("too far on", seek, b"------xyz", false),
            ("is found at a fourth place", far, b"----uvw-", true),
            ("is not looked for elsewhere", far, b"--uvw---", false),
            ("all of it can be searched", far, &large[..1536], false),
            ("not all of it can be", far, &large, true),
        ];
        let catches = |look: &Look, frame: &[u8]| {
            let length = frame.len() - 1;
            sieve.sifts(look.classes, frame, 1, length)
                || [Part::Near, Part::Far].iter().any(|part| sieve.finds(look, *part, frame, 1, length))
        };
        for (name, look, data, caught) in cases {
            let frame = [b"#", data].concat();
            assert_eq!(catches(&look, &frame), caught, "{name}");
        }
        assert!(!catches(&Look { seekers: 1, ..seek }, b"#--xyz--"), "nobody of its class asks");
        assert!(sieve.sifts(both.classes, &b"12abc"[..], 2, 3), "data begins behind the headers");
    }
}
