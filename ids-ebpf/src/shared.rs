//! Map values in place, which several CPUs and userspace change at the same time. The only module here that
//! touches memory by pointers: field by field, with volatile or atomic accesses of single integers, so that no
//! reference into a map outlives them.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
#[cfg(target_arch = "bpf")]
use core::intrinsics::{AtomicOrdering, atomic_or, atomic_xadd};
#[cfg(not(target_arch = "bpf"))]
use core::sync::atomic::{AtomicU64, Ordering};

use crate::block::{HostBlock, Side};
use crate::flood::{Bucket, Limit};
use crate::flow::{Dir, FlowBlock, Released};
use crate::segment::Segment;
use crate::sieve::Look;

/// A value in its map.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: the methods below access single integers only, atomically where more than one side adds.
unsafe impl<T: Copy> Sync for Shared<T> {}

impl<T: Copy> Shared<T> {
    /// A value outside of any map (for tests).
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value as it is now; fields may be of different moments.
    pub fn get(&self) -> T {
        // SAFETY: the pointer is that of a live, aligned value of plain data.
        unsafe { self.0.get().read_volatile() }
    }
}

impl Shared<HostBlock> {
    /// Until when packets with this address on that side are dropped.
    #[inline(always)]
    pub fn until(&self, side: Side) -> u64 {
        let value = self.0.get();
        // The index is constant in each arm: offsets into a map value stay known to the verifier.
        // SAFETY: `value` is live and aligned; one integer is read.
        match side {
            Side::Source => unsafe { (&raw const (*value).until[0]).read_volatile() },
            Side::Destination => unsafe { (&raw const (*value).until[1]).read_volatile() },
        }
    }

    /// Counts a packet dropped on this entry's account.
    #[inline(always)]
    pub fn hit(&self) {
        // SAFETY: `hits` of a live, aligned value.
        unsafe { add(&raw mut (*self.0.get()).hits, 1) }
    }
}

impl Shared<FlowBlock> {
    /// Until when packets of the flow are dropped.
    #[inline(always)]
    pub fn until(&self) -> u64 {
        // SAFETY: `until` of a live, aligned value.
        unsafe { (&raw const (*self.0.get()).until).read_volatile() }
    }

    /// Counts a dropped packet.
    #[inline(always)]
    pub fn hit(&self) {
        // SAFETY: `hits` of a live, aligned value.
        unsafe { add(&raw mut (*self.0.get()).hits, 1) }
    }
}

impl Shared<Bucket> {
    /// Takes what one packet costs; whether there was enough. Of packets on several CPUs at the same moment one may be
    /// had for nothing.
    #[inline(always)]
    pub fn take(&self, limit: &Limit, now: u64) -> bool {
        // SAFETY: `full_at` of a live, aligned value.
        let full_at = unsafe { &raw mut (*self.0.get()).full_at };
        // SAFETY: as above; the later of several writers wins.
        let before = unsafe { full_at.read_volatile() };
        let after = if before > now { before } else { now }.wrapping_add(limit.cost);
        if after > now.wrapping_add(limit.depth) {
            return false;
        }
        // SAFETY: as above.
        unsafe { full_at.write_volatile(after) };
        true
    }

    /// Counts a packet over the limit.
    #[inline(always)]
    pub fn count_over(&self) {
        // SAFETY: `over` of a live, aligned value.
        unsafe { add(&raw mut (*self.0.get()).over, 1) }
    }
}

impl Shared<Released> {
    /// Whether nothing was heard of the flow for so long that it is over.
    #[inline(always)]
    pub fn silent(&self, now: u64) -> bool {
        let value = self.0.get();
        // SAFETY: `value` is live and aligned; single integers are read.
        let (idle, since) =
            unsafe { ((&raw const (*value).idle).read_volatile(), (&raw const (*value).since).read_volatile()) };
        if idle == 0 {
            return false;
        }
        // SAFETY: as above.
        let (up, down) = unsafe {
            (
                (&raw const (*value).carried[0].last).read_volatile(),
                (&raw const (*value).carried[1].last).read_volatile(),
            )
        };
        let last = if up > down { up } else { down };
        let last = if last > since { last } else { since };
        now.saturating_sub(last) > idle
    }

    /// What is to be inspected ([`Released::watched`]).
    #[inline(always)]
    pub fn watched(&self) -> u64 {
        // SAFETY: `watched` of a live, aligned value.
        unsafe { (&raw const (*self.0.get()).watched).read_volatile() }
    }

    /// Which data that goes this way is to be inspected.
    #[inline(always)]
    pub fn look(&self, dir: Dir) -> Look {
        let value = self.0.get();
        // The index is constant in each arm: offsets into a map value stay known to the verifier.
        // SAFETY: `value` is live and aligned, and its looks do not change.
        match dir {
            Dir::Up => unsafe { (&raw const (*value).looks[0]).read_volatile() },
            Dir::Down => unsafe { (&raw const (*value).looks[1]).read_volatile() },
        }
    }

    /// Takes a segment that continues the connection as it should; whether it does.
    #[inline(always)]
    pub fn follow(&self, dir: Dir, segment: &Segment) -> bool {
        match dir {
            Dir::Up => self.follow_at::<0, 1>(segment),
            Dir::Down => self.follow_at::<1, 0>(segment),
        }
    }

    #[inline(always)]
    fn follow_at<const MINE: usize, const THEIRS: usize>(&self, segment: &Segment) -> bool {
        let value = self.0.get();
        // SAFETY: the places of two fields of a live, aligned value.
        let (mine, theirs) = unsafe { (&raw mut (*value).sides[MINE], &raw mut (*value).sides[THEIRS]) };
        // SAFETY: as above; fields may be of different moments.
        let (side, before) = unsafe { (mine.read_volatile(), theirs.read_volatile()) };
        let again = self.watched() & Released::AGAIN != 0;
        let Some((side, peer)) = side.after(&before, segment, again) else { return false };
        // Each field is one direction's to write, which comes by one queue.
        // SAFETY: as above.
        unsafe {
            (&raw mut (*mine).next).write_volatile(side.next);
            (&raw mut (*mine).window).write_volatile(side.window);
            (&raw mut (*mine).stamp).write_volatile(side.stamp);
            (&raw mut (*mine).stamps).write_volatile(side.stamps);
            (&raw mut (*theirs).acked).write_volatile(peer.acked);
            (&raw mut (*theirs).edge).write_volatile(peer.edge);
            (&raw mut (*theirs).reach).write_volatile(peer.reach);
        }
        // It acknowledges what was not seen.
        if peer.next != before.next {
            // SAFETY: as above.
            unsafe { (&raw mut (*theirs).next).write_volatile(peer.next) };
        }
        true
    }

    /// Whether a packet came that is to be inspected.
    #[inline(always)]
    pub fn reopened(&self) -> bool {
        // SAFETY: `reopened` of a live, aligned value.
        unsafe { (&raw const (*self.0.get()).reopened).read_volatile() != 0 }
    }

    /// Ends the release: from now on its packets are inspected.
    #[inline(always)]
    pub fn reopen(&self) {
        // SAFETY: `reopened` of a live, aligned value; whoever writes writes 1.
        unsafe { (&raw mut (*self.0.get()).reopened).write_volatile(1) }
    }

    /// Counts a packet.
    #[inline(always)]
    pub fn count(&self, dir: Dir, bytes: u64, now: u64, tcp_flags: u8) {
        match dir {
            Dir::Up => self.count_at::<0>(bytes, now, tcp_flags),
            Dir::Down => self.count_at::<1>(bytes, now, tcp_flags),
        }
    }

    #[inline(always)]
    fn count_at<const DIR: usize>(&self, bytes: u64, now: u64, tcp_flags: u8) {
        // SAFETY: the place of a field of a live, aligned value.
        let carried = unsafe { &raw mut (*self.0.get()).carried[DIR] };
        // SAFETY: as above; the latest of several writers of `last` wins, flags are only added.
        unsafe {
            add(&raw mut (*carried).packets, 1);
            add(&raw mut (*carried).bytes, bytes);
            (&raw mut (*carried).last).write_volatile(now);
            let flags = &raw mut (*carried).tcp_flags;
            if u64::from(tcp_flags) & !flags.read_volatile() != 0 {
                set(flags, u64::from(tcp_flags));
            }
        }
    }
}

/// Adds to a counter; nothing is lost between several writers.
///
/// # Safety
/// `counter` is live and aligned, and everybody changes it by atomic adds.
#[inline(always)]
unsafe fn add(counter: *mut u64, count: u64) {
    // SAFETY: promised by the caller.
    #[cfg(not(target_arch = "bpf"))]
    unsafe { AtomicU64::from_ptr(counter) }.fetch_add(count, Ordering::Relaxed);
    // The kernel's instruction set has an atomic add, but no compare-and-swap, so `core` offers it by this alone.
    // SAFETY: promised by the caller.
    #[cfg(target_arch = "bpf")]
    unsafe {
        atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, count);
    }
}

/// Sets bits; none is lost between several writers.
///
/// # Safety
/// `bits` is live and aligned, and everybody changes it by atomic operations.
#[inline(always)]
unsafe fn set(bits: *mut u64, more: u64) {
    // SAFETY: promised by the caller.
    #[cfg(not(target_arch = "bpf"))]
    unsafe { AtomicU64::from_ptr(bits) }.fetch_or(more, Ordering::Relaxed);
    // SAFETY: promised by the caller.
    #[cfg(target_arch = "bpf")]
    unsafe {
        atomic_or::<u64, u64, { AtomicOrdering::Relaxed }>(bits, more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Carried;

    #[test]
    fn a_released_flow_keeps_its_counts_by_direction() {
        let flow = Shared::new(Released::default());
        flow.count(Dir::Up, 100, 5, 0x02);
        flow.count(Dir::Up, 50, 6, 0x10);
        flow.count(Dir::Down, 40, 7, 0x11);
        let [up, down] = flow.get().carried;
        assert_eq!(up, Carried { packets: 2, bytes: 150, last: 6, tcp_flags: 0x12 });
        assert_eq!(down, Carried { packets: 1, bytes: 40, last: 7, tcp_flags: 0x11 });
        assert!(!flow.reopened());
        flow.reopen();
        assert!(flow.reopened());
    }

    #[test]
    fn a_block_ends_by_side() {
        let block = Shared::new(HostBlock { until: [3, 4], ..HostBlock::default() });
        assert_eq!((block.until(Side::Source), block.until(Side::Destination)), (3, 4));
        block.hit();
        assert_eq!(block.get().hits, 1);
    }
}
