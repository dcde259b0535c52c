//! The XDP program: parse, decide, redirect. Built by `cargo xtask build-ebpf` alone.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod program;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("this program runs in the kernel; it is built by `cargo xtask build-ebpf`");
}
