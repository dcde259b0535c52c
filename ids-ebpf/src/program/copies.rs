//! The filter of packet sockets: keeps the copies from userspace that nobody wants to look at.
//!
//! It sees what the XDP program let pass to the network stack, and what this machine sends, each once.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::macros::socket_filter;
use aya_ebpf::programs::SkBuffContext;
use ids_ebpf::decide::{self, Tables};
use ids_ebpf::flow::{Dir, Released};
use ids_ebpf::headers::{Bytes, Headers};
use ids_ebpf::interest::Interest;
use ids_ebpf::outcome::{Outcome, Way};
use ids_ebpf::segment::{self, Place};
use ids_ebpf::shared::Shared;
use ids_ebpf::sieve::{Look, Part};

use super::maps::{CONFIG, COPIES, Maps};
use super::{count, packed, parsed, unpacked, way};

/// The whole of a packet is copied.
const WHOLE: i64 = u32::MAX as i64;
/// Nothing of it is.
const NOTHING: i64 = 0;
/// `PACKET_OUTGOING` of linux/if_packet.h.
const OUTGOING: u32 = 4;

/// Decides on every copy.
#[socket_filter]
fn ids_copies(ctx: SkBuffContext) -> i64 {
    let frame = Frame::of(&ctx);
    // Constant places stay known to the verifier.
    // SAFETY: a field of the context, which is there for as long as the program runs.
    let stats =
        if unsafe { (*ctx.skb.skb).pkt_type } == OUTGOING { COPIES.get_ptr_mut(1) } else { COPIES.get_ptr_mut(0) };
    let (Some(stats), Some(config)) = (stats, CONFIG.get(0)) else { return NOTHING };
    // SAFETY: this CPU's own value; packets are handed to sockets with interrupts of the network put off.
    let stats = unsafe { &mut *stats };
    let length = frame.length() as u64;
    stats.received.add(length);
    if config.mode().is_none() {
        count(stats, Outcome::FastUnconfigured, length);
        return NOTHING;
    }
    let Some(headers) = parsed(|headers| ids_parse_copy(ctx.skb.skb, headers)) else { return NOTHING };
    let outcome = decide::copy(&frame, &headers, length, config, &Maps);
    count(stats, outcome, length);
    if matches!(outcome.way(), Way::Inspect) { WHOLE } else { NOTHING }
}

/// Reads the headers of a copy; 0 if there is nowhere to put them. Verified once, as its twin of the XDP program.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_parse_copy(ctx: *mut __sk_buff, headers: *mut Headers) -> u32 {
    let ctx = SkBuffContext::new(ctx);
    // SAFETY: the verifier holds callers to memory of that size, or nothing.
    let Some(headers) = (unsafe { headers.as_mut() }) else { return 0 };
    *headers = Headers::parse(&Frame::of(&ctx));
    1
}

/// Whether a segment is to be inspected. Verified once, as its twin of the XDP program.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_odd_copy(ctx: *mut __sk_buff, flow: *const Shared<Released>, place: u64, dir: u32) -> u32 {
    let ctx = SkBuffContext::new(ctx);
    // SAFETY: the verifier holds callers to a value of a map, or nothing.
    let Some(flow) = (unsafe { flow.as_ref() }) else { return 1 };
    segment::odd(&Frame::of(&ctx), unpacked(place), flow, way(dir), Maps.interest()).into()
}

/// Whether data is to be inspected for its size and first bytes.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn ids_sifts_copy(ctx: *mut __sk_buff, place: u64, classes: u64) -> u32 {
    let ctx = SkBuffContext::new(ctx);
    segment::sifts(&Frame::of(&ctx), unpacked(place), classes, Maps.interest()).into()
}

/// The packet's memory, with the VLAN tag in its place that the stack keeps beside the packet.
struct Frame<'a> {
    ctx: &'a SkBuffContext,
    tag: Option<(u16, u16)>,
}

/// Where the tag belongs: behind both addresses.
const TAG_AT: usize = 12;
/// Its bytes.
const TAG: usize = 4;

impl<'a> Frame<'a> {
    #[inline(always)]
    fn of(ctx: &'a SkBuffContext) -> Self {
        let skb = ctx.skb.skb;
        // SAFETY: fields of the context, which is there for as long as the program runs.
        let (present, kind, id) = unsafe { ((*skb).vlan_present, (*skb).vlan_proto, (*skb).vlan_tci) };
        // Both are 16 bits wide in fields of 32; the type is as on the wire.
        Self { ctx, tag: (present != 0).then_some((u16::from_be(kind as u16), id as u16)) }
    }
}

impl Bytes for Frame<'_> {
    #[inline(always)]
    fn at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let Some((kind, id)) = self.tag else { return self.ctx.skb.load(offset).ok() };
        if offset + N <= TAG_AT {
            return self.ctx.skb.load(offset).ok();
        }
        if offset >= TAG_AT + TAG {
            return self.ctx.skb.load(offset - TAG).ok();
        }
        // Nobody asks for other parts of a tag than its halves.
        let half = if offset == TAG_AT { kind } else { id };
        half.to_be_bytes().first_chunk().copied()
    }

    #[inline(always)]
    fn length(&self) -> usize {
        self.ctx.skb.len() as usize + if self.tag.is_some() { TAG } else { 0 }
    }

    /// Not added up here, where bytes are had by calls alone: flows whose checksums matter are not released.
    #[inline(always)]
    fn fits(&self, _: Place) -> bool {
        false
    }

    /// Nor searched: where rules look for something anywhere in data, all of it is handed up.
    #[inline(always)]
    fn finds(&self, _: Place, _: (&Look, Part), _: Option<&Interest>) -> bool {
        true
    }

    #[inline(always)]
    fn sifts(&self, place: Place, classes: u64, _: Option<&Interest>) -> bool {
        ids_sifts_copy(self.ctx.skb.skb, packed(place), classes) != 0
    }

    #[inline(always)]
    fn odd(&self, place: Place, flow: &Shared<Released>, dir: Dir, _: Option<&Interest>) -> bool {
        ids_odd_copy(self.ctx.skb.skb, flow, packed(place), dir as u32) != 0
    }
}
