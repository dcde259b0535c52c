//! What only the kernel's side has: the maps, the frame's memory, the way out.

#![allow(unsafe_code)]

mod copies;
mod maps;

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::helpers::bpf_xdp_get_buff_len;
use aya_ebpf::helpers::generated::bpf_csum_diff;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::decide::{Tables, decide};
use ids_ebpf::flow::{Dir, Released};
use ids_ebpf::headers::{Bytes, Headers};
use ids_ebpf::interest::Interest;
use ids_ebpf::outcome::{Outcome, Stats, Way};
use ids_ebpf::segment::{self, Place};
use ids_ebpf::shared::Shared;
use ids_ebpf::sieve::{Look, Part};

use maps::{CONFIG, HEARTBEAT, Maps, PORTS, STATS, XSKS};

/// Decides on every frame that comes in.
#[xdp]
fn ids(ctx: XdpContext) -> u32 {
    let length = ctx.data_end() - ctx.data();
    judge(&ctx, length)
}

/// The same where frames may lie in several buffers, the first of which holds the headers (Linux 5.18).
#[xdp(frags)]
fn ids_frags(ctx: XdpContext) -> u32 {
    // SAFETY: the context is there for as long as the program runs.
    let length = unsafe { bpf_xdp_get_buff_len(ctx.ctx) };
    judge(&ctx, length as usize)
}

#[inline(always)]
fn judge(ctx: &XdpContext, frame_length: usize) -> u32 {
    let Some(stats) = STATS.get_ptr_mut(0) else { return xdp_action::XDP_ABORTED };
    // SAFETY: this CPU's own value; XDP programs on one CPU do not interrupt each other.
    let stats = unsafe { &mut *stats };
    let length = frame_length as u64;
    stats.received.add(length);
    let Some(config) = CONFIG.get(0) else {
        stats.outcomes[Outcome::FastUnconfigured as usize].add(length);
        return xdp_action::XDP_PASS;
    };
    if config.mode().is_none() {
        stats.outcomes[Outcome::FastUnconfigured as usize].add(length);
        return xdp_action::XDP_PASS;
    }
    let frame = Frame { ctx, length: frame_length };
    let Some(headers) = parsed(|headers| ids_parse(ctx.ctx, length, headers)) else { return xdp_action::XDP_ABORTED };
    let outcome = decide(&frame, &headers, length, config, &Maps);
    match outcome.way() {
        Way::Drop => finish(stats, outcome, length, xdp_action::XDP_DROP),
        Way::Fast => fast(stats, outcome, length, config),
        Way::Inspect => inspect(ctx, stats, outcome, length, config),
    }
}

/// Hands the frame to the worker of its queue, or lets it pass to the stack, which hands up a copy; falls back to the
/// policy.
#[inline(always)]
fn inspect(ctx: &XdpContext, stats: &mut Stats, outcome: Outcome, length: u64, config: &PortConfig) -> u32 {
    let copied = matches!(config.mode(), Some(Mode::Host));
    let queue = if copied { 0 } else { ctx.rx_queue_index() };
    // SAFETY: a plain read of a map's value, which the worker writes whole.
    let beat = HEARTBEAT.get_ptr(queue).map_or(0, |beat| unsafe { beat.read_volatile() });
    let silent = Maps.tick().saturating_sub(beat) > config.deadline;
    if copied && !silent {
        return finish(stats, outcome, length, xdp_action::XDP_PASS);
    }
    if !silent && let Ok(action) = XSKS.redirect(queue, 0) {
        return finish(stats, outcome, length, action);
    }
    match config.policy() {
        FailPolicy::Closed => finish(stats, Outcome::DropClosed, length, xdp_action::XDP_DROP),
        FailPolicy::Open if silent => fast(stats, Outcome::FastSilent, length, config),
        FailPolicy::Open => fast(stats, Outcome::FastNoSocket, length, config),
    }
}

/// Sends the frame past the worker.
#[inline(always)]
fn fast(stats: &mut Stats, outcome: Outcome, length: u64, config: &PortConfig) -> u32 {
    match config.mode() {
        Some(Mode::Mirror) => finish(stats, outcome, length, xdp_action::XDP_DROP),
        Some(Mode::Inline) => match PORTS.redirect(0, 0) {
            Ok(action) => finish(stats, outcome, length, action),
            Err(_) => finish(stats, Outcome::DropNoPeer, length, xdp_action::XDP_DROP),
        },
        Some(Mode::Host) | None => finish(stats, outcome, length, xdp_action::XDP_PASS),
    }
}

/// Counts the outcome. The one place where a frame leaves.
#[inline(always)]
fn finish(stats: &mut Stats, outcome: Outcome, length: u64, action: u32) -> u32 {
    count(stats, outcome, length);
    action
}

#[inline(always)]
fn count(stats: &mut Stats, outcome: Outcome, length: u64) {
    let number = outcome as usize;
    // Outcomes are as many as counters; the check is the bound the verifier asks for.
    if number < stats.outcomes.len() {
        stats.outcomes[number].add(length);
    }
}

/// Headers that a function reads, unless it says 0.
#[inline(always)]
fn parsed(read: impl FnOnce(*mut Headers) -> u32) -> Option<Headers> {
    // The verifier wants all of what is lent to a function written before, also what lies between the fields.
    let mut headers = MaybeUninit::zeroed();
    let read = read(headers.as_mut_ptr());
    // SAFETY: they were written.
    (read != 0).then(|| unsafe { headers.assume_init() })
}

/// Reads the headers of a frame of this length; 0 if there is nowhere to put them. A function with a name of its own is
/// verified once, for any arguments, and not again on every way that leads to it; nor is what follows it verified for every
/// way that leads through it.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_parse(ctx: *mut xdp_md, length: u64, headers: *mut Headers) -> u32 {
    let ctx = XdpContext::new(ctx);
    // SAFETY: the verifier holds callers to memory of that size, or nothing.
    let Some(headers) = (unsafe { headers.as_mut() }) else { return 0 };
    *headers = Headers::parse(&Frame { ctx: &ctx, length: length as usize });
    1
}

/// Whether the checksums of a segment fit.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_fits(ctx: *mut xdp_md, place: u64) -> u32 {
    let ctx = XdpContext::new(ctx);
    segment::checksums_fit(&first(&ctx), unpacked(place)).into()
}

/// Whether data is to be inspected for its size and first bytes.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_sifts(ctx: *mut xdp_md, place: u64, classes: u64) -> u32 {
    let ctx = XdpContext::new(ctx);
    segment::sifts(&first(&ctx), unpacked(place), classes, Maps.interest()).into()
}

/// Whether it has what rules look for near the beginning of its data.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_finds_near(ctx: *mut xdp_md, place: u64, seekers: u32, near: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    // It was 16 bits wide.
    let look = Look { seekers, near: near as u16, ..Look::default() };
    segment::finds(&first(&ctx), unpacked(place), (&look, Part::Near), Maps.interest()).into()
}

/// Whether it has what they look for anywhere.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_finds_far(ctx: *mut xdp_md, place: u64, seekers: u32, far: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    // It was 16 bits wide.
    let look = Look { seekers, far: far as u16, ..Look::default() };
    segment::finds(&first(&ctx), unpacked(place), (&look, Part::Far), Maps.interest()).into()
}

/// Whether it is to be inspected for anything else.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_odd(ctx: *mut xdp_md, flow: *const Shared<Released>, place: u64, dir: u32) -> u32 {
    let ctx = XdpContext::new(ctx);
    // SAFETY: the verifier holds callers to a value of a map, or nothing.
    let Some(flow) = (unsafe { flow.as_ref() }) else { return 1 };
    segment::odd(&first(&ctx), unpacked(place), flow, way(dir), Maps.interest()).into()
}

/// The frame, as far as its first buffer has it.
#[inline(always)]
fn first(ctx: &XdpContext) -> Frame<'_> {
    Frame { ctx, length: ctx.data_end() - ctx.data() }
}

/// A place as a number.
#[inline(always)]
fn packed(place: Place) -> u64 {
    let Place { ip, at, header, length } = place;
    u64::from(ip) | u64::from(at) << 16 | u64::from(header) << 32 | u64::from(length) << 48
}

/// And back.
#[inline(always)]
fn unpacked(place: u64) -> Place {
    // Headers of whole packets end before that; the verifier has to know.
    let part = |bit| (place >> bit) as u16 & 0x7f;
    Place { ip: part(0), at: part(16), header: part(32), length: (place >> 48) as u16 }
}

/// A direction of this number.
#[inline(always)]
fn way(dir: u32) -> Dir {
    if dir == Dir::Up as u32 { Dir::Up } else { Dir::Down }
}

/// Most bytes that the kernel sums up in one call (before Linux 6.13).
const SUMMED: usize = 512;

/// The frame's memory: of several buffers, the first.
struct Frame<'a> {
    ctx: &'a XdpContext,
    /// Of the whole frame.
    length: usize,
}

impl Bytes for Frame<'_> {
    #[inline(always)]
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let (start, end) = (self.ctx.data(), self.ctx.data_end());
        // No frame is longer, and the verifier wants a bound on what is added to a packet pointer.
        if offset > 0x3fff || start + offset + N > end {
            return None;
        }
        // SAFETY: the bytes lie between the frame's start and end; an array of bytes has no alignment.
        Some(unsafe { *((start + offset) as *const [u8; N]) })
    }

    #[inline(always)]
    fn length(&self) -> usize {
        self.length
    }

    /// The kernel's own sum, which reads words; the compiler would read bytes.
    #[inline(always)]
    fn sum<const N: usize>(&self, offset: usize) -> Option<u64> {
        let (start, end) = (self.ctx.data(), self.ctx.data_end());
        if offset > 0x3fff || start + offset + N > end {
            return None;
        }
        let (mut total, mut done) = (0, 0);
        while done < N {
            let size = if N - done < SUMMED { N - done } else { SUMMED };
            let bytes = (start + offset + done) as *mut u32;
            // SAFETY: the bytes lie between the frame's start and end; nothing is written to them.
            let sum = unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, bytes, size as u32, 0) };
            total += u64::try_from(sum).ok()?;
            done += size;
        }
        Some(total)
    }

    #[inline(always)]
    fn fits(&self, place: Place) -> bool {
        ids_fits(self.ctx.ctx, packed(place)) != 0
    }

    #[inline(always)]
    fn sifts(&self, place: Place, classes: u64, _: Option<&Interest>) -> bool {
        ids_sifts(self.ctx.ctx, packed(place), classes) != 0
    }

    #[inline(always)]
    fn finds(&self, place: Place, (look, part): (&Look, Part), _: Option<&Interest>) -> bool {
        let (ctx, place) = (self.ctx.ctx, packed(place));
        0 != match part {
            Part::Near => ids_finds_near(ctx, place, look.seekers, look.near.into()),
            Part::Far => ids_finds_far(ctx, place, look.seekers, look.far.into()),
        }
    }

    #[inline(always)]
    fn odd(&self, place: Place, flow: &Shared<Released>, dir: Dir, _: Option<&Interest>) -> bool {
        ids_odd(self.ctx.ctx, flow, packed(place), dir as u32) != 0
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing panics: the verifier would not load a program that could come here and stay.
    loop {}
}

/// The loader asks for it. None of the helpers in use is reserved for programs under the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 18] = *b"MIT OR Apache-2.0\0";
