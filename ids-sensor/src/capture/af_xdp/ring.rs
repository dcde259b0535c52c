//! One ring between this process and the kernel: one side produces entries, the other consumes them.
//!
//! Positions run on through 2^32 and wrap; a ring's size is a power of two. Entries are written before the
//! producer's position is published, and read before the consumer's is (release and acquire).

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::xdp::XdpRingOffset;

/// The kernel waits for a call before it looks at the ring again (`XDP_RING_NEED_WAKEUP`).
const NEED_WAKEUP: u32 = 1;

/// The memory of a ring.
struct Ring<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: Option<NonNull<AtomicU32>>,
    entries: NonNull<T>,
    /// A power of two.
    size: u32,
    /// What to unmap; `None` for memory of a test.
    mapped: Option<(NonNull<c_void>, usize)>,
}

// SAFETY: a ring is memory shared with the kernel; this side of it is used by whoever owns the value.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    /// Maps a ring of a socket, which lies at `page` of its file.
    fn map(socket: BorrowedFd<'_>, page: u64, at: &XdpRingOffset, size: u32) -> io::Result<Self> {
        let place = |offset: u64| usize::try_from(offset).map_err(io::Error::other);
        let length = place(at.desc)? + size as usize * size_of::<T>();
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping, at no given place.
        let memory =
            unsafe { mmap(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags, socket, page)? };
        let memory = NonNull::new(memory).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        let base = memory.cast::<u8>();
        // SAFETY: the kernel says where in the mapping, `length` of which it accepted, each field lies; fields are
        // aligned there, and pages are.
        let ring = unsafe {
            Self {
                producer: base.add(place(at.producer)?).cast(),
                consumer: base.add(place(at.consumer)?).cast(),
                flags: match at.flags {
                    Some(flags) => Some(base.add(place(flags)?).cast()),
                    None => None,
                },
                entries: base.add(place(at.desc)?).cast(),
                size,
                mapped: Some((memory, length)),
            }
        };
        Ok(ring)
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: valid as long as the ring; both sides use atomic accesses alone.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { self.consumer.as_ref() }
    }

    fn needs_wakeup(&self) -> bool {
        // SAFETY: as above.
        self.flags.is_none_or(|flags| unsafe { flags.as_ref() }.load(Ordering::Relaxed) & NEED_WAKEUP != 0)
    }

    /// The entry of a position.
    fn entry(&self, position: u32) -> NonNull<T> {
        // SAFETY: the index is below `size`, which is how many entries there are.
        unsafe { self.entries.add((position & (self.size - 1)) as usize) }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        if let Some((memory, length)) = self.mapped {
            // SAFETY: mapped by `map`, and nothing refers to it any more. It can only fail for a wrong length.
            let _ = unsafe { munmap(memory.as_ptr(), length) };
        }
    }
}

/// The producing side of a ring.
pub struct Producer<T> {
    ring: Ring<T>,
    /// Position after the last entry written.
    written: u32,
    /// Position that the consumer was seen at.
    seen: u32,
}

impl<T: Copy> Producer<T> {
    /// Maps the ring at `page` of a socket.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn map(socket: BorrowedFd<'_>, page: u64, at: &XdpRingOffset, size: u32) -> io::Result<Self> {
        Ring::map(socket, page, at, size).map(Self::new)
    }

    fn new(ring: Ring<T>) -> Self {
        let written = ring.producer().load(Ordering::Relaxed);
        let seen = ring.consumer().load(Ordering::Acquire);
        Self { ring, written, seen }
    }

    /// How many entries can be written now.
    pub fn free(&mut self) -> u32 {
        self.seen = self.ring.consumer().load(Ordering::Acquire);
        self.ring.size - self.written.wrapping_sub(self.seen)
    }

    /// Writes an entry, which the other side does not see before [`Self::publish`]; `false` if the ring is full.
    #[must_use]
    pub fn push(&mut self, entry: T) -> bool {
        if self.written.wrapping_sub(self.seen) >= self.ring.size && self.free() == 0 {
            return false;
        }
        // SAFETY: the consumer is past this entry and will not read it before the position is published.
        unsafe { self.ring.entry(self.written).write(entry) };
        self.written = self.written.wrapping_add(1);
        true
    }

    /// Shows the other side all that was written.
    pub fn publish(&mut self) {
        self.ring.producer().store(self.written, Ordering::Release);
    }

    /// Entries that the other side has not taken yet.
    pub fn waiting(&self) -> u32 {
        self.written.wrapping_sub(self.ring.consumer().load(Ordering::Acquire))
    }

    /// Whether the kernel wants a call before it goes on.
    pub fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }
}

/// The consuming side of a ring.
pub struct Consumer<T> {
    ring: Ring<T>,
    /// Position of the next entry to read.
    read: u32,
    /// Position that the producer was seen at.
    seen: u32,
}

impl<T: Copy> Consumer<T> {
    /// Maps the ring at `page` of a socket.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn map(socket: BorrowedFd<'_>, page: u64, at: &XdpRingOffset, size: u32) -> io::Result<Self> {
        Ring::map(socket, page, at, size).map(Self::new)
    }

    fn new(ring: Ring<T>) -> Self {
        let read = ring.consumer().load(Ordering::Relaxed);
        Self { ring, read, seen: read }
    }

    /// Reads the next entry; its place is not given back before [`Self::release`].
    pub fn pop(&mut self) -> Option<T> {
        if self.read == self.seen {
            self.seen = self.ring.producer().load(Ordering::Acquire);
            if self.read == self.seen {
                return None;
            }
        }
        // SAFETY: the producer published this entry and will not touch it before it is released.
        let entry = unsafe { self.ring.entry(self.read).read() };
        self.read = self.read.wrapping_add(1);
        Some(entry)
    }

    /// Gives the places of all entries read back to the other side.
    pub fn release(&mut self) {
        self.ring.consumer().store(self.read, Ordering::Release);
    }

    /// Entries that can be read now.
    pub fn waiting(&self) -> u32 {
        self.ring.producer().load(Ordering::Acquire).wrapping_sub(self.read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// Both sides of one ring in plain memory, positions starting at `start`. The memory is never freed: a test
    /// ends before its process does.
    pub(crate) fn pair<T: Copy + Default + 'static>(size: u32, start: u32) -> (Producer<T>, Consumer<T>) {
        let positions: &'static [AtomicU32; 2] = Box::leak(Box::new([start.into(), start.into()]));
        let entries: &'static mut [T] = vec![T::default(); size as usize].leak();
        let entries = NonNull::new(entries.as_mut_ptr()).unwrap();
        let ring = || Ring {
            producer: NonNull::from(&positions[0]),
            consumer: NonNull::from(&positions[1]),
            flags: None,
            entries,
            size,
            mapped: None,
        };
        (Producer::new(ring()), Consumer::new(ring()))
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8),
        Publish,
        Pop(u8),
        Release,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (1u8..6).prop_map(Step::Push),
            Just(Step::Publish),
            (1u8..6).prop_map(Step::Pop),
            Just(Step::Release),
        ];
        proptest::collection::vec(step, 0..100)
    }

    proptest! {
        /// What goes in comes out, in order, once, also where positions wrap; and never more than the ring holds.
        #[test]
        fn first_in_first_out(steps in steps(), start in prop_oneof![Just(0u32), Just(u32::MAX - 3), any::<u32>()]) {
            let (mut producer, mut consumer) = pair::<u64>(8, start);
            // Entries that lie in the ring: published and not, read and not released.
            let (mut staged, mut published, mut unreleased) = (VecDeque::new(), VecDeque::new(), 0);
            let mut next = 0u64;
            for step in steps {
                match step {
                    Step::Push(count) => for _ in 0..count {
                        let room = staged.len() + published.len() + unreleased < 8;
                        prop_assert_eq!(producer.push(next), room);
                        if room {
                            staged.push_back(next);
                        }
                        next += 1;
                    },
                    Step::Publish => {
                        producer.publish();
                        published.append(&mut staged);
                    }
                    Step::Pop(count) => for _ in 0..count {
                        let entry = consumer.pop();
                        prop_assert_eq!(entry, published.pop_front());
                        unreleased += usize::from(entry.is_some());
                    },
                    Step::Release => {
                        consumer.release();
                        unreleased = 0;
                    }
                }
                prop_assert_eq!(producer.free() as usize, 8 - staged.len() - published.len() - unreleased);
                prop_assert_eq!(consumer.waiting() as usize, published.len());
                prop_assert_eq!(producer.waiting() as usize, staged.len() + published.len() + unreleased);
            }
        }
    }

    #[test]
    fn two_threads() {
        let (mut producer, mut consumer) = pair::<u64>(64, u32::MAX - 1000);
        let sender = std::thread::spawn(move || {
            for number in 0..100_000u64 {
                while !producer.push(number) {
                    producer.publish();
                    std::thread::yield_now();
                }
                if number % 7 == 0 {
                    producer.publish();
                }
            }
            producer.publish();
        });
        for number in 0..100_000u64 {
            let entry = loop {
                match consumer.pop() {
                    Some(entry) => break entry,
                    None => {
                        consumer.release();
                        std::thread::yield_now();
                    }
                }
            };
            assert_eq!(entry, number);
            if number % 5 == 0 {
                consumer.release();
            }
        }
        sender.join().unwrap();
    }
}
