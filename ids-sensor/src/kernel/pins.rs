//! Where maps and links are pinned: a folder of the kernel's bpf file system.
//!
//! A named folder outlives the process, so that blocks survive a restart and the data plane survives a crash.
//! Where no bpf file system is mounted, a private one serves to share maps between the ports; it ends with the
//! process.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use ids_ebpf::map::LAYOUT;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::Error;

/// Where the bpf file system is mounted on most systems.
pub const BPFFS: &str = "/sys/fs/bpf";

/// `BPF_FS_MAGIC` of linux/magic.h.
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// The place for one instance's pins.
#[derive(Debug)]
pub struct Pins {
    folder: PathBuf,
    /// Keeps a private file system alive; `folder` leads through it.
    private: Option<OwnedFd>,
}

impl Pins {
    /// The folder of an instance below `root`, created if need be; it carries the layout's number, so that maps of
    /// another layout are left alone.
    ///
    /// # Errors
    /// `root` does not lie on a bpf file system, or it cannot be written.
    pub fn named(root: &Path, instance: &str) -> Result<Self, Error> {
        if !is_bpffs(root).map_err(failed(root))? {
            let reason = format!("no bpf file system; mount one with `mount -t bpf bpffs {}`", root.display());
            return Err(Error::Pins { path: root.to_owned(), reason });
        }
        let folder = folder(root, instance);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        Ok(Self { folder, private: None })
    }

    /// The folder of an instance, if there is one.
    pub fn existing(root: &Path, instance: &str) -> Option<Self> {
        let folder = folder(root, instance);
        folder.is_dir().then_some(Self { folder, private: None })
    }

    /// A file system of its own, which nobody else sees.
    ///
    /// # Errors
    /// The kernel refuses one: it takes CAP_SYS_ADMIN and Linux 5.2.
    pub fn private() -> Result<Self, Error> {
        let mount = || -> io::Result<OwnedFd> {
            let context = fsopen("bpf", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&context)?;
            Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
        };
        let private = mount().map_err(|error| Error::Pins { path: "bpf".into(), reason: error.to_string() })?;
        let folder = format!("/proc/self/fd/{}", private.as_raw_fd()).into();
        Ok(Self { folder, private: Some(private) })
    }

    /// Whether pins outlive the process.
    pub const fn lasting(&self) -> bool {
        self.private.is_none()
    }

    /// Where a shared map is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the link of an interface is pinned. The mode is part of the name: a link cannot change it.
    pub(super) fn link(&self, index: u32, mode: &str) -> PathBuf {
        self.folder.join(format!("{LINK}{index}-{mode}"))
    }

    /// Takes what an earlier process of the instance left off interfaces other than these, and all that one with another
    /// layout left but its links to these: programs are exchanged on them without a gap. Returns whether one with another
    /// layout left anything.
    ///
    /// # Errors
    /// A pin cannot be removed.
    pub fn take_over(&self, interfaces: &[u32]) -> Result<bool, Error> {
        if !self.lasting() {
            return Ok(false);
        }
        let mut found = false;
        for other in layouts(&self.folder)?.iter().filter(|folder| **folder != self.folder) {
            for link in entries(other)?.iter().filter(|path| linked(path).is_some()) {
                let ours = self.folder.join(link.file_name().unwrap_or_default());
                fs::rename(link, ours).map_err(failed(link))?;
                found = true;
            }
            found |= remove(other)?;
        }
        for path in entries(&self.folder)? {
            if linked(&path).is_some_and(|index| !interfaces.contains(&index)) {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        Ok(found)
    }

    /// Takes away all links of an instance, which detaches the programs, and all maps, of whatever layout; returns
    /// whether there was anything.
    ///
    /// # Errors
    /// A pin cannot be removed.
    pub fn remove(root: &Path, instance: &str) -> Result<bool, Error> {
        let mut found = false;
        for folder in layouts(&folder(root, instance))? {
            found |= remove(&folder)?;
        }
        Ok(found)
    }
}

/// What names of pinned links begin with.
const LINK: &str = "link-";

/// The interface of a pinned link; `None` if something else is pinned there.
fn linked(pin: &Path) -> Option<u32> {
    pin.file_name()?.to_str()?.strip_prefix(LINK)?.split('-').next()?.parse().ok()
}

/// The folders that an instance has, one for each layout.
fn layouts(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) else { return Ok(Vec::new()) };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(stem).is_some_and(|layout| layout.parse::<u32>().is_ok())
    };
    Ok(entries(parent)?.into_iter().filter(is_one).collect())
}

/// Takes a folder away with all that is pinned there; returns whether that was anything.
fn remove(folder: &Path) -> Result<bool, Error> {
    let pins = entries(folder)?;
    for path in &pins {
        fs::remove_file(path).map_err(failed(path))?;
    }
    fs::remove_dir(folder).map_err(failed(folder))?;
    Ok(!pins.is_empty())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = fs::read_dir(folder).and_then(|list| list.map(|entry| Ok(entry?.path())).collect());
    list.map_err(failed(folder))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Pins { path, reason: error.to_string() }
}

/// Whether a folder lies on a bpf file system.
///
/// # Errors
/// There is no such folder.
pub fn is_bpffs(folder: &Path) -> io::Result<bool> {
    // The field's type differs between architectures; the value fits all of them.
    Ok(rustix::fs::statfs(folder)?.f_type as u64 == BPF_FS_MAGIC)
}

/// The kernel keeps names with dots to itself.
fn folder(root: &Path, instance: &str) -> PathBuf {
    let instance = instance.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
    root.join("ids-sensor").join(format!("{instance}-{LAYOUT}"))
}
