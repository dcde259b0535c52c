//! What only the kernel's side has: the maps, the frame's memory, the way out.

#![allow(unsafe_code)]

mod copies;
mod maps;

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::helpers::bpf_xdp_get_buff_len;
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::decide::{Tables, decide};
use ids_ebpf::headers::{Bytes, Headers};
use ids_ebpf::outcome::{Outcome, Stats, Way};

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
    let headers = Headers::parse(&Frame { ctx, length: frame_length });
    let outcome = decide(&headers, length, config, &Maps);
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
