//! Network namespaces: made for a test, gone with it.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Output, Stdio};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace. It lasts as long as this value and the processes in it.
pub struct Namespace {
    handle: File,
}

impl Namespace {
    /// A new one, with the loopback interface up.
    pub fn new() -> Self {
        let handle = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: this thread ends here; nothing else is in the new namespace.
                unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
                File::open("/proc/thread-self/ns/net").unwrap()
            });
            thread.join().unwrap()
        });
        let namespace = Self { handle };
        namespace.ip("link set lo up");
        namespace
    }

    /// Does something in a thread inside of the namespace. Threads and processes started there are in it too.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.handle.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The same where `/sys` shows the interfaces of the namespace, and not those of who made it.
    pub fn run_with_sysfs<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.run(|| {
            // SAFETY: this thread ends with the work; what it starts sees the same.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            mount("sysfs", "/sys", "sysfs", MountFlags::empty(), None).unwrap();
            work()
        })
    }

    /// What `ip` calls it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.handle.as_raw_fd())
    }

    /// Runs a program to its end.
    pub fn output(&self, line: &str) -> Output {
        let mut words = line.split_whitespace();
        let program = words.next().unwrap();
        self.run(|| Command::new(program).args(words).output().unwrap_or_else(|e| panic!("{line}: {e}")))
    }

    /// Runs a program that must not fail; what it printed.
    pub fn must(&self, line: &str) -> String {
        let output = self.output(line);
        assert!(output.status.success(), "{line}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `ip`, which must not fail.
    pub fn ip(&self, arguments: &str) -> String {
        self.must(&format!("ip {arguments}"))
    }

    /// Starts a program that runs until the test ends.
    pub fn start(&self, command: &mut Command) -> Running {
        let child = self.run(|| command.stdin(Stdio::null()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")));
        Running(child)
    }
}

/// A process that is killed at the end of its scope.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
