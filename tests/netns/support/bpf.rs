//! Programs of a few instructions, and frames that nobody made an skb for: bpf(2) itself.
//!
//! A sender that makes skbs (any socket) costs more than what is measured. `BPF_PROG_RUN` with live frames does as a
//! driver does: frames in pages, handed from program to program. Sources: bpf(2), linux/bpf.h,
//! Documentation/bpf/bpf_prog_run.rst, Documentation/bpf/standardization/instruction-set.rst.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::param::page_size;

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const MAP_UPDATE: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const PROG_RUN: libc::c_long = 10;
const LINK_CREATE: libc::c_long = 28;

const MAP_PERCPU_ARRAY: u32 = 6;
const MAP_DEVMAP: u32 = 14;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const XDP_GENERIC: u32 = 2;
const XDP_DRIVER: u32 = 4;
const LIVE_FRAMES: u32 = 2;
/// Frames that the kernel handles at a time.
const AT_A_TIME: u32 = 64;

const XDP_DROP: i32 = 1;
const XDP_TX: i32 = 3;

const LOOKUP_ELEM: i32 = 1;
const KTIME: i32 = 5;
const RANDOM: i32 = 7;
const REDIRECT_MAP: i32 = 51;

/// One instruction: operation, registers, offset, constant.
type Instruction = (u8, u8, u8, i16, i32);

/// A register is given a constant.
const fn set(register: u8, value: i32) -> Instruction {
    (0xb7, register, 0, 0, value)
}

/// A register is given the value of another.
const fn copy(to: u8, from: u8) -> Instruction {
    (0xbf, to, from, 0, 0)
}

const fn call(helper: i32) -> Instruction {
    (0x85, 0, 0, 0, helper)
}

/// A register is given a map, in two instructions.
fn map(register: u8, map: &OwnedFd) -> [Instruction; 2] {
    [(0x18, register, 1, 0, map.as_raw_fd()), (0, 0, 0, 0, 0)]
}

const EXIT: Instruction = (0x95, 0, 0, 0, 0);

/// The frame's first byte → register 7, if there are `length` bytes; else on to what follows `skip` instructions.
const fn frame(length: i32, skip: i16) -> [Instruction; 5] {
    [(0x61, 7, 1, 0, 0), (0x61, 3, 1, 4, 0), copy(4, 7), (0x07, 4, 0, 0, length), (0x2d, 4, 3, skip, 0)]
}

/// A loaded XDP program.
pub struct Program {
    program: OwnedFd,
    /// What it looks into.
    _map: Option<OwnedFd>,
}

impl Program {
    fn load(instructions: &[Instruction], map: Option<OwnedFd>) -> io::Result<Self> {
        let code: Vec<u64> = instructions
            .iter()
            .map(|&(operation, to, from, offset, value)| {
                let registers = u64::from(from << 4 | to);
                let offset = u64::from(offset.cast_unsigned());
                u64::from(operation) | registers << 8 | offset << 16 | u64::from(value.cast_unsigned()) << 32
            })
            .collect();
        let license = c"GPL";
        let mut attributes = Attributes::default();
        attributes.word(0, PROG_TYPE_XDP).word(4, u32::try_from(code.len()).map_err(io::Error::other)?);
        attributes.long(8, code.as_ptr().expose_provenance() as u64);
        attributes.long(16, license.as_ptr().expose_provenance() as u64);
        Ok(Self { program: attributes.descriptor(PROG_LOAD)?, _map: map })
    }

    /// Drops everything.
    pub fn drops() -> io::Result<Self> {
        Self::load(&[set(0, XDP_DROP), EXIT], None)
    }

    /// Sends everything out of the interface it came in on.
    pub fn returns() -> io::Result<Self> {
        Self::load(&[set(0, XDP_TX), EXIT], None)
    }

    /// The same, with one of 256 numbers in the low byte of the source port (of UDP or TCP in IPv4).
    pub fn returns_many_flows() -> io::Result<Self> {
        const LOW_BYTE: i16 = 35;
        let mut code = frame(36, 2).to_vec();
        code.extend([call(RANDOM), (0x73, 7, 0, LOW_BYTE, 0), set(0, XDP_TX), EXIT]);
        Self::load(&code, None)
    }

    /// The same, with the time (CLOCK_MONOTONIC in nanoseconds, as this machine writes numbers) where the payload of a
    /// UDP datagram in IPv4 begins.
    pub fn returns_stamped() -> io::Result<Self> {
        const PAYLOAD: i16 = 42;
        let mut code = frame(50, 2).to_vec();
        code.extend([call(KTIME), (0x7b, 7, 0, PAYLOAD, 0), set(0, XDP_TX), EXIT]);
        Self::load(&code, None)
    }

    /// Sends everything out of another interface, as the fast path does.
    pub fn forwards(to: u32) -> io::Result<Self> {
        let peers = create(MAP_DEVMAP, 4, 1)?;
        let mut attributes = Attributes::default();
        let (key, value) = (0u32, to);
        attributes.word(0, descriptor(&peers));
        attributes.long(8, (&raw const key).expose_provenance() as u64);
        attributes.long(16, (&raw const value).expose_provenance() as u64);
        attributes.call(MAP_UPDATE)?;
        let mut code = map(1, &peers).to_vec();
        code.extend([set(2, 0), set(3, 0), call(REDIRECT_MAP), EXIT]);
        Self::load(&code, Some(peers))
    }

    /// Attaches it to an interface of this network namespace, in its driver.
    pub fn attach(self, interface: u32) -> io::Result<Attached> {
        self.link(interface, XDP_DRIVER)
    }

    /// Attaches it to an interface of this network namespace that nobody uses. A program that is not attached anywhere
    /// is made known to the kernel's dispatcher with each call that runs it more than once, which takes tens of
    /// milliseconds.
    pub fn keep(self, interface: u32) -> io::Result<Attached> {
        self.link(interface, XDP_GENERIC)
    }

    fn link(self, interface: u32, mode: u32) -> io::Result<Attached> {
        let mut attributes = Attributes::default();
        attributes.word(0, descriptor(&self.program)).word(4, interface).word(8, ATTACH_XDP).word(12, mode);
        Ok(Attached { _link: attributes.descriptor(LINK_CREATE)?, program: self })
    }

    /// Runs it on frames as if they had come in on an interface of this network namespace, and does what it says.
    pub fn run(&self, interface: u32, frame: &[u8], times: u32) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        // `struct xdp_md`: data, its end, metadata, interface, queue, interface to leave by.
        let context = [0, length, 0, interface, 0, 0];
        let mut attributes = Attributes::default();
        attributes.word(0, descriptor(&self.program)).word(8, length).word(32, times);
        attributes.long(16, frame.as_ptr().expose_provenance() as u64);
        attributes.word(40, size_of_val(&context) as u32);
        attributes.long(48, context.as_ptr().expose_provenance() as u64);
        attributes.word(64, LIVE_FRAMES).word(72, AT_A_TIME.min(times));
        attributes.call(PROG_RUN)
    }
}

/// A program on its interface, until this is dropped.
pub struct Attached {
    _link: OwnedFd,
    /// The program.
    pub program: Program,
}

/// Drops everything and counts it.
pub struct Sink {
    counts: OwnedFd,
    _attached: Attached,
}

impl Sink {
    /// At an interface of this network namespace.
    pub fn attach(interface: u32) -> io::Result<Self> {
        let counts = create(MAP_PERCPU_ARRAY, 8, 1)?;
        // The key 0 lies on the stack; the value found, if it is, gets one more.
        let mut code = vec![(0x62, 10, 0, -4, 0)];
        code.extend(map(1, &counts));
        code.extend([copy(2, 10), (0x07, 2, 0, 0, -4), call(LOOKUP_ELEM), (0x15, 0, 0, 3, 0)]);
        code.extend([(0x79, 1, 0, 0, 0), (0x07, 1, 0, 0, 1), (0x7b, 0, 1, 0, 0)]);
        code.extend([set(0, XDP_DROP), EXIT]);
        let kept = counts.try_clone()?;
        Ok(Self { counts, _attached: Program::load(&code, Some(kept))?.attach(interface)? })
    }

    /// Frames so far.
    pub fn count(&self) -> io::Result<u64> {
        // One value for each CPU there could be; a page is room for more than there are.
        let mut values = vec![0u64; page_size() / size_of::<u64>()];
        let key = 0u32;
        let mut attributes = Attributes::default();
        attributes.word(0, descriptor(&self.counts));
        attributes.long(8, (&raw const key).expose_provenance() as u64);
        attributes.long(16, values.as_mut_ptr().expose_provenance() as u64);
        attributes.call(MAP_LOOKUP)?;
        Ok(values.iter().sum())
    }
}

fn create(kind: u32, value_size: u32, entries: u32) -> io::Result<OwnedFd> {
    let mut attributes = Attributes::default();
    attributes.word(0, kind).word(4, size_of::<u32>() as u32).word(8, value_size).word(12, entries);
    attributes.descriptor(MAP_CREATE)
}

fn descriptor(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// `union bpf_attr`, by places of its fields.
#[repr(C, align(8))]
struct Attributes([u8; 128]);

impl Default for Attributes {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl Attributes {
    fn word(&mut self, at: usize, value: u32) -> &mut Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn long(&mut self, at: usize, value: u64) -> &mut Self {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// A call that answers 0.
    fn call(&mut self, command: libc::c_long) -> io::Result<()> {
        self.answer(command).map(|_| ())
    }

    /// A call that answers with a new descriptor.
    fn descriptor(&mut self, command: libc::c_long) -> io::Result<OwnedFd> {
        let fd = self.answer(command)?;
        // SAFETY: the kernel has just made it, for whoever asked.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    fn answer(&mut self, command: libc::c_long) -> io::Result<i32> {
        // SAFETY: the structure is as long as said; whatever it points to lives until the call is over, and is as large
        // as the kernel takes it to be: the callers, who are all above, see to that.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_mut_ptr(), self.0.len()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { i32::try_from(result).map_err(io::Error::other) }
    }
}
