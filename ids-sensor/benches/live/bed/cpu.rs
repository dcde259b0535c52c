//! CPU time: of this thread, of processes, and of the kernel's threads that work on packets.

#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Sub;

use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};

/// CPU time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu(pub u64);

impl Cpu {
    /// Of this thread, with what the kernel did on packets in its place.
    pub fn of_thread() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Self(nanos(time.tv_sec, time.tv_nsec))
    }

    /// Of this process.
    pub fn of_this() -> Self {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Self(nanos(time.tv_sec, time.tv_nsec))
    }

    /// Of another process, with threads that have ended.
    pub fn of(process: Pid) -> io::Result<Self> {
        let mut clock: libc::clockid_t = 0;
        // SAFETY: the place is valid for writing through the call.
        let error = unsafe { libc::clock_getcpuclockid(process.as_raw_nonzero().get(), &raw mut clock) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: as above.
        if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has filled it in.
        let time = unsafe { time.assume_init() };
        Ok(Self(nanos(time.tv_sec, time.tv_nsec)))
    }

    /// Of the kernel's threads that take packets over from others (`ksoftirqd`).
    pub fn of_softirqs() -> io::Result<Self> {
        let mut sum = 0;
        for entry in fs::read_dir("/proc")? {
            let folder = entry?.path();
            // Most of what is there is no process, or is gone by now.
            let Ok(name) = fs::read_to_string(folder.join("comm")) else { continue };
            if name.starts_with("ksoftirqd/") {
                let times = fs::read_to_string(folder.join("schedstat"))?;
                sum += times.split_whitespace().next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        Ok(Self(sum))
    }
}

impl Sub for Cpu {
    type Output = u64;

    fn sub(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

fn nanos(seconds: i64, nanos: i64) -> u64 {
    // Times since a start are not negative.
    seconds.cast_unsigned() * 1_000_000_000 + nanos.cast_unsigned()
}
