//! The memory that frames lie in, and who has each of them.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// The right to use one frame's memory. There is one per frame, and it cannot be copied: whoever has it has the
/// frame. Dropping it loses the frame for good, so it goes back by [`Umem::put`] or to the kernel.
#[derive(Debug)]
#[must_use = "a frame that is dropped is lost"]
pub struct Frame(u32);

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
}

// SAFETY: the memory belongs to this value, and is only reached through it.
unsafe impl Send for Umem {}

impl Umem {
    /// `frames` frames of `frame_size` bytes: 2,048 or 4,096.
    ///
    /// # Errors
    /// No memory.
    pub fn new(frames: u32, frame_size: u32) -> io::Result<Self> {
        let length = frames as usize * frame_size as usize;
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a new mapping, at no given place.
        let memory =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let memory = NonNull::new(memory).ok_or_else(|| io::Error::other("mapped at address 0"))?.cast();
        let free = (0..frames).rev().map(Frame).collect();
        Ok(Self { memory, frames, frame_size, lent: vec![false; frames as usize], lent_count: 0, free })
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

    /// The frame is not used any more.
    pub fn put(&mut self, frame: Frame) {
        self.free.push(frame);
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
        let offset = offset.min(self.frame_size);
        let length = length.min(self.frame_size - offset);
        let start = frame.0 as usize * self.frame_size as usize + offset as usize;
        // SAFETY: frames are only made in `new`, so this one lies inside of the memory; it is not lent, or its
        // `Frame` would not be here, so the kernel does not touch it; `&mut self` keeps all others away.
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
        let mut umem = Umem::new(4, 2048).unwrap();
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
        let mut umem = Umem::new(4, 2048).unwrap();
        for address in [0, 2048, 4 * 2048, u64::MAX, u64::from(u32::MAX) * 2048] {
            assert!(umem.back(address).is_none(), "{address}");
        }
    }

    #[test]
    fn bytes_end_with_the_frame() {
        let mut umem = Umem::new(2, 2048).unwrap();
        let frame = umem.take().unwrap();
        assert_eq!(umem.bytes(&frame, 2040, 100).len(), 8);
        assert_eq!(umem.bytes(&frame, 5000, 100).len(), 0);
        umem.put(frame);
    }
}
