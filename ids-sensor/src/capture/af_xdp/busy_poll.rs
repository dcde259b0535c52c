//! Busy polling: a worker looks into its interface's queues itself, and interrupts wait (Documentation/networking/napi.rst,
//! Documentation/networking/af_xdp.rst of the kernel; socket(7)).

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How a worker polls, and what its interface does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyPoll {
    /// Microseconds that a call may go on looking (`SO_BUSY_POLL`).
    pub micros: u32,
    /// Packets that the driver may bring at a time (`SO_BUSY_POLL_BUDGET`).
    pub budget: u32,
    /// Nanoseconds after which the kernel looks itself, if the worker does not (`gro_flush_timeout`).
    pub flush_timeout: u64,
    /// How often it may find nothing before interrupts come again (`napi_defer_hard_irqs`).
    pub deferred: u32,
}

impl BusyPoll {
    /// Attributes of the interface, by their names in sysfs, and their values.
    pub fn attributes(&self) -> [(&'static str, u64); 2] {
        [("napi_defer_hard_irqs", self.deferred.into()), ("gro_flush_timeout", self.flush_timeout)]
    }

    /// Has a socket polled.
    pub(super) fn prefer(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        set(socket, libc::SO_PREFER_BUSY_POLL, 1)?;
        set(socket, libc::SO_BUSY_POLL, self.micros)?;
        set(socket, libc::SO_BUSY_POLL_BUDGET, self.budget)
    }
}

fn set(socket: BorrowedFd<'_>, option: libc::c_int, value: u32) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    let value = (&raw const value).cast::<c_void>();
    // SAFETY: the value is as long as said, and lives until the call is over.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, length) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
