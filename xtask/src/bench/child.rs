//! What a child process costs.

use std::io;
use std::mem::MaybeUninit;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::show;

/// What a process has cost.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    /// CPU time, user and system.
    pub(super) seconds: f64,
    /// Peak of resident memory, in bytes.
    pub(super) memory: u64,
}

/// Runs a command to its end, with its output where the command says.
pub(super) fn cost(command: &mut Command) -> Result<Cost> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let (status, usage) = wait(child.id()).with_context(|| format!("waiting for `{shown}`"))?;
    ensure!(status == 0, "`{shown}` failed (wait status {status:#x})");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let memory = u64::try_from(usage.ru_maxrss).context("peak memory is negative")? * 1024;
    Ok(Cost { seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime), memory })
}

/// Waits for a child. Out: how it ended (0: well), and what it used. Source: wait4(2), getrusage(2).
#[allow(unsafe_code, reason = "the standard library waits, but does not say what a child used")]
fn wait(child: u32) -> io::Result<(i32, libc::rusage)> {
    let child = libc::pid_t::try_from(child).map_err(io::Error::other)?;
    let (mut status, mut usage) = (0, MaybeUninit::uninit());
    loop {
        // SAFETY: both pointers are valid for writing through the call.
        let waited = unsafe { libc::wait4(child, &raw mut status, 0, usage.as_mut_ptr()) };
        if waited == child {
            // SAFETY: the kernel fills it in when it returns the child.
            return Ok((status, unsafe { usage.assume_init() }));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
