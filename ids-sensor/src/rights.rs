//! What the process gives up once interfaces are set up.
//!
//! Rights belong to a thread, and pass on to those that it starts: so they are lowered before there are any. What is
//! kept is what giving interfaces back takes, and changing maps meanwhile. Must not know what the rights are used for.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

/// Blocks are changed, ports given back, programs detached with these.
const KEPT: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW).union(CapabilitySet::BPF);

/// Takes from this thread, for good, all that a running sensor does not need; nothing that it starts will have more. A
/// log folder that only the right to override permissions opens is a reason to keep that one, which is said.
///
/// # Errors
/// The system refuses.
pub fn lower(log_dir: &Path) -> io::Result<()> {
    let held = capabilities(None)?.permitted;
    set(held & KEPT, held)?;
    let mut kept = held & KEPT;
    if held.contains(CapabilitySet::DAC_OVERRIDE) && !writable(log_dir) {
        kept |= CapabilitySet::DAC_OVERRIDE;
        let folder = log_dir.display();
        tracing::warn!(
            "{folder} belongs to somebody else: the right to write everywhere is kept; `chown root {folder}`"
        );
    }
    set(kept, kept)?;
    set_no_new_privs(true)?;
    Ok(())
}

/// Takes from this thread, for good, all rights but these, as far as it has them.
///
/// # Errors
/// The system refuses.
pub fn keep_only(rights: CapabilitySet) -> io::Result<()> {
    let kept = capabilities(None)?.permitted & rights;
    set(kept, kept)?;
    set_no_new_privs(true)?;
    Ok(())
}

fn set(effective: CapabilitySet, permitted: CapabilitySet) -> io::Result<()> {
    let sets = CapabilitySets { effective, permitted, inheritable: CapabilitySet::empty() };
    Ok(set_capabilities(None, sets)?)
}

/// Whether the folder, or the one it will be made in, can be written with the rights in effect.
fn writable(folder: &Path) -> bool {
    let there = folder.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    accessat(CWD, there, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}
