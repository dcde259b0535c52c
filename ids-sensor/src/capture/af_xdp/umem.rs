//! The memory that frames lie in, and who has each of them.
//!
//! A packet that is longer than a frame lies in several, each of which leads to the next.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::mem;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// The right to use one frame's memory. There is one per frame, and it cannot be copied: whoever has it has the
/// frame. Dropping it loses the frame for good, so it goes back by [`Umem::put`] or to the kernel.
#[derive(Debug)]
#[must_use = "a frame that is dropped is lost"]
pub struct Frame(u32);

impl Frame {
    /// Which of the memory's frames it is.
    pub(super) const fn number(&self) -> u32 {
        self.0
    }
}

/// A packet, or what one frame holds of it.
#[derive(Debug)]
pub struct Piece {
    /// The frame, which leads to the others of its packet.
    pub frame: Frame,
    /// Where in the frame it begins.
    pub offset: u32,
    /// Bytes in this frame.
    pub length: u32,
}

/// Frames of one size, in one piece of memory.
#[derive(Debug)]
pub struct Umem {
    memory: NonNull<u8>,
    frames: u32,
    frame_size: u32,
    /// By frame: whether the kernel has it.
    lent: Vec<bool>,
    /// How many the kernel has.
    lent_count: usize,
    /// Frames that nobody uses.
    free: Vec<Frame>,
    /// By frame: where its packet goes on; empty where packets lie in one frame each.
    rest: Vec<Option<Piece>>,
    /// Room for a packet of several frames.
    whole: Vec<u8>,
}

// SAFETY: the memory belongs to this value, and is only reached through it.
unsafe impl Send for Umem {}

impl Umem {
    /// `frames` frames of `frame_size` bytes: 2,048 or 4,096. `several`: a packet may lie in more than one.
    ///
    /// # Errors
    /// No memory.
    pub fn new(frames: u32, frame_size: u32, several: bool) -> io::Result<Self> {
        let length = frames as usize * frame_size as usize;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a new mapping, at no given place.
        let memory =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let memory = NonNull::new(memory).ok_or_else(|| io::Error::other("mapped at address 0"))?.cast();
        let free = (0..frames).rev().map(Frame).collect();
        let rest = if several { (0..frames).map(|_| None).collect() } else { Vec::new() };
        let lent = vec![false; frames as usize];
        Ok(Self { memory, frames, frame_size, lent, lent_count: 0, free, rest, whole: Vec::new() })
    }

    /// Bytes of a frame.
    pub const fn frame_size(&self) -> u32 {
        self.frame_size
    }

    /// Bytes of all frames.
    pub(super) const fn length(&self) -> u64 {
        self.frames as u64 * self.frame_size as u64
    }

    /// Where it lies, for the kernel.
    pub(super) fn address(&self) -> u64 {
        self.memory.as_ptr().expose_provenance() as u64
    }

    /// A frame that nobody uses.
    pub fn take(&mut self) -> Option<Frame> {
        self.free.pop()
    }

    /// The frame is not used any more, nor are those that it leads to.
    pub fn put(&mut self, frame: Frame) {
        let mut next = Some(frame);
        while let Some(frame) = next {
            next = self.unlink(&frame).map(|piece| piece.frame);
            self.free.push(frame);
        }
    }

    /// Whether packets may lie in several frames.
    pub(super) const fn several(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Lets a packet go on behind the frame of this number. Out: the number of the new last frame.
    pub(super) fn link(&mut self, last: u32, piece: Piece) -> u32 {
        let number = piece.frame.0;
        if let Some(rest) = self.rest.get_mut(last as usize) {
            *rest = Some(piece);
        }
        number
    }

    /// What a packet goes on with behind a frame, which leads nowhere any more.
    pub(super) fn unlink(&mut self, frame: &Frame) -> Option<Piece> {
        self.rest.get_mut(frame.0 as usize)?.take()
    }

    /// How many frames a packet lies in.
    pub(super) fn pieces(&self, packet: &Piece) -> u32 {
        let mut count = 1;
        let mut frame = packet.frame.0;
        while let Some(Some(piece)) = self.rest.get(frame as usize) {
            (count, frame) = (count + 1, piece.frame.0);
        }
        count
    }

    /// Does something with all bytes of a packet, which it may change.
    pub fn with<T>(&mut self, packet: &Piece, work: impl FnOnce(&mut [u8]) -> T) -> T {
        if self.rest.get(packet.frame.0 as usize).is_none_or(Option::is_none) {
            return work(self.bytes(&packet.frame, packet.offset, packet.length));
        }
        let mut whole = mem::take(&mut self.whole);
        whole.clear();
        self.each(packet, |bytes| whole.extend_from_slice(bytes));
        let result = work(&mut whole);
        let mut left = whole.as_slice();
        self.each(packet, |bytes| {
            let (now, later) = left.split_at(bytes.len());
            bytes.copy_from_slice(now);
            left = later;
        });
        self.whole = whole;
        result
    }

    /// The pieces of a packet, in order.
    fn each(&mut self, packet: &Piece, mut each: impl FnMut(&mut [u8])) {
        let mut place = (packet.frame.0, packet.offset, packet.length);
        loop {
            each(self.place(place.0, place.1, place.2));
            match self.rest.get(place.0 as usize) {
                Some(Some(piece)) => place = (piece.frame.0, piece.offset, piece.length),
                _ => break,
            }
        }
    }

    /// Frames that nobody uses.
    pub const fn free(&self) -> usize {
        self.free.len()
    }

    /// Frames that somebody here has: neither free nor the kernel's.
    pub const fn held(&self) -> usize {
        self.frames as usize - self.free.len() - self.lent_count
    }

    /// The bytes of a frame from `offset` on; as many as there are, at most `length`.
    pub fn bytes(&mut self, frame: &Frame, offset: u32, length: u32) -> &mut [u8] {
        self.place(frame.0, offset, length)
    }

    /// The same by the frame's number. Whoever calls has the [`Frame`], or what leads to it.
    fn place(&mut self, frame: u32, offset: u32, length: u32) -> &mut [u8] {
        let offset = offset.min(self.frame_size);
        let length = length.min(self.frame_size - offset);
        let start = frame as usize * self.frame_size as usize + offset as usize;
        // SAFETY: frames are only made in `new`, so this one lies inside of the memory; it is not lent, or its
        // `Frame` would be neither with the caller nor in `rest`, so the kernel does not touch it; `&mut self` keeps
        // all others away.
        unsafe { std::slice::from_raw_parts_mut(self.memory.add(start).as_ptr(), length as usize) }
    }

    /// Gives a frame to the kernel: its address from `offset` on.
    pub(super) fn lend(&mut self, frame: Frame, offset: u32) -> u64 {
        if let Some(lent) = self.lent.get_mut(frame.0 as usize) {
            *lent = true;
            self.lent_count += 1;
        }
        u64::from(frame.0) * u64::from(self.frame_size) + u64::from(offset)
    }

    /// Takes a frame back from the kernel: the frame and the offset. `None` if the kernel does not have it: then
    /// the address means nothing.
    pub(super) fn back(&mut self, address: u64) -> Option<(Frame, u32)> {
        let number = u32::try_from(address / u64::from(self.frame_size)).ok()?;
        let lent = self.lent.get_mut(number as usize).filter(|lent| **lent)?;
        *lent = false;
        self.lent_count -= 1;
        let offset = u32::try_from(address % u64::from(self.frame_size)).ok()?;
        Some((Frame(number), offset))
    }
}

impl Drop for Umem {
    fn drop(&mut self) {
        let length = self.frames as usize * self.frame_size as usize;
        // SAFETY: mapped by `new`; the kernel keeps the pages of registered memory as long as its sockets live.
        // It can only fail for a wrong length.
        let _ = unsafe { munmap(self.memory.as_ptr().cast::<c_void>(), length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_owner() {
        let mut umem = Umem::new(4, 2048, false).unwrap();
        let a = umem.take().unwrap();
        let b = umem.take().unwrap();
        assert_eq!((umem.free(), umem.held()), (2, 2));
        umem.bytes(&a, 0, 4).copy_from_slice(b"aaaa");
        umem.bytes(&b, 0, 4).copy_from_slice(b"bbbb");
        assert_eq!(umem.bytes(&a, 0, 4), b"aaaa");

        let address = umem.lend(a, 256);
        assert_eq!((umem.free(), umem.held()), (2, 1));
        let (a, offset) = umem.back(address + 10).unwrap();
        assert_eq!(offset, 266);
        assert!(umem.back(address).is_none(), "the kernel gave it back already");
        assert_eq!(umem.bytes(&a, 0, 4), b"aaaa");
        umem.put(a);
        umem.put(b);
        assert_eq!((umem.free(), umem.held()), (4, 0));
    }

    #[test]
    fn addresses_that_mean_nothing_are_refused() {
        let mut umem = Umem::new(4, 2048, false).unwrap();
        for address in [0, 2048, 4 * 2048, u64::MAX, u64::from(u32::MAX) * 2048] {
            assert!(umem.back(address).is_none(), "{address}");
        }
    }

    #[test]
    fn bytes_end_with_the_frame() {
        let mut umem = Umem::new(2, 2048, false).unwrap();
        let frame = umem.take().unwrap();
        assert_eq!(umem.bytes(&frame, 2040, 100).len(), 8);
        assert_eq!(umem.bytes(&frame, 5000, 100).len(), 0);
        umem.put(frame);
    }

    #[test]
    fn a_packet_in_several_frames_is_one_piece_to_whoever_works_on_it() {
        let mut umem = Umem::new(4, 2048, true).unwrap();
        let mut piece = |offset, length| Piece { frame: umem.take().unwrap(), offset, length };
        let (first, middle, last) = (piece(100, 3), piece(0, 2048), piece(7, 2));
        let number = umem.link(first.frame.0, middle);
        umem.link(number, last);
        assert_eq!((umem.pieces(&first), umem.free(), umem.held()), (3, 1, 3));
        let length = umem.with(&first, |bytes| {
            bytes.fill(b'.');
            bytes[..4].copy_from_slice(b"abcd");
            bytes[2050..].copy_from_slice(b"xyz");
            bytes.len()
        });
        assert_eq!(length, 2053);
        umem.with(&first, |bytes| assert_eq!((&bytes[..5], &bytes[2049..]), (&b"abcd."[..], &b".xyz"[..])));
        assert_eq!(umem.bytes(&first.frame, 100, 3), b"abc");
        umem.put(first.frame);
        assert_eq!((umem.free(), umem.held()), (4, 0));
        let alone = Piece { frame: umem.take().unwrap(), offset: 0, length: 2 };
        assert_eq!(umem.pieces(&alone), 1, "it leads nowhere any more");
        umem.put(alone.frame);
    }
}
