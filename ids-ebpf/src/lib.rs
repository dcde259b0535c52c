//! The kernel stage: what the XDP program decides, and the layout of the maps it shares with userspace.
//!
//! In: the headers of a frame and the contents of the maps.  Out: one [`Outcome`] per frame.
//! Both sides compile this crate half: the program (`main.rs`, built for the kernel by `cargo xtask build-ebpf`)
//! and the sensor, which fills the maps. Everything here is pure, so the tests of a host hold what runs in the
//! kernel.
//!
//! | module | what it holds |
//! |---|---|
//! | [`headers`] | the bytes of a frame → what can be decided on |
//! | [`decide`] | the order of decisions |
//! | [`outcome`] | what can become of a frame, and the counters of it |
//! | [`config`] | what a port's program is told |
//! | [`block`] [`flow`] [`interest`] | keys and values of the maps |
//! | [`segment`] [`track`] [`sieve`] | what of a released flow is handed up after all |
//! | [`flood`] | limits on what one source may send |
//! | [`map`] | names and sizes of the maps |
//! | [`shared`] | values that the program changes while others read them |

#![no_std]
// For the kernel's atomic add (`shared.rs`); the object is built with the compiler's permission for it.
#![cfg_attr(target_arch = "bpf", feature(core_intrinsics, adt_const_params), allow(internal_features))]

pub mod block;
pub mod config;
pub mod decide;
pub mod flood;
pub mod flow;
pub mod headers;
pub mod interest;
pub mod map;
pub mod outcome;
pub mod segment;
pub mod shared;
pub mod sieve;
pub mod track;

pub use outcome::Outcome;

#[cfg(feature = "aya")]
mod pod {
    #![allow(unsafe_code)]

    // SAFETY: each of these is `repr(C)`, `Copy`, made of integers alone and without padding, which the size
    // assertions beside their definitions hold: any bytes are a value, and every byte is initialised.
    unsafe impl aya::Pod for crate::block::HostBlock {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::config::PortConfig {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flood::Bucket {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flood::Limit {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flood::Source {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flow::FlowKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flow::FlowBlock {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::flow::Released {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::interest::Interest {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::outcome::Stats {}
}
