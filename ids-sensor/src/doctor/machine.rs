//! What is the same for all ports: kernel, rights, memory, the bpf file system.

use std::fs;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::Level::{Fail, Ok as Fine, Warn};
use super::{Finding, MACHINE, Question};
use crate::kernel::{Frames, Pins, Port, Sizes, pins};
use crate::ports;

/// What a sensor needs to set itself up, with the names that people know them by.
const NEEDED: [(CapabilitySet, &str); 4] = [
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
    (CapabilitySet::NET_RAW, "CAP_NET_RAW"),
    (CapabilitySet::BPF, "CAP_BPF"),
    // The verifier lets nobody else calculate with pointers into packets.
    (CapabilitySet::PERFMON, "CAP_PERFMON"),
];

/// Looks at the machine.
pub(super) fn examine(question: &Question) -> Vec<Finding> {
    let held = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    vec![rights(held), program(held), jit(), sockets(), memory(held, question), bpffs(question)]
}

fn rights(held: CapabilitySet) -> Finding {
    let missing: Vec<&str> = NEEDED.iter().filter(|(one, _)| !held.contains(*one)).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Finding::new(Fine, MACHINE, "rights", "all that setting up takes");
    }
    let names = missing.join(", ");
    Finding::new(Fail, MACHINE, "rights", format!("{names} missing"))
        .mend("sudo setcap cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep \"$(command -v ids-sensor)\"")
}

/// The kernel knows best whether it takes the program: it is loaded, attached to nothing, and gone again.
fn program(held: CapabilitySet) -> Finding {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    if !held.contains(CapabilitySet::BPF) {
        return Finding::new(Warn, MACHINE, "kernel", format!("Linux {release}; not tried, for want of rights"));
    }
    let tried = Pins::private().and_then(|pins| Port::load(&pins, Sizes::default(), "lo", Frames::OneBuffer));
    match tried {
        Ok(_) => Finding::new(Fine, MACHINE, "kernel", format!("Linux {release} takes the XDP program and its maps")),
        Err(error) => Finding::new(Fail, MACHINE, "kernel", format!("Linux {release}: {error}")),
    }
}

fn jit() -> Finding {
    match fs::read_to_string("/proc/sys/net/core/bpf_jit_enable") {
        Ok(text) if text.trim() == "0" => Finding::new(Warn, MACHINE, "bpf jit", "off: programs are interpreted")
            .mend("sysctl -w net.core.bpf_jit_enable=1"),
        Ok(_) => Finding::new(Fine, MACHINE, "bpf jit", "on"),
        Err(error) => Finding::new(Warn, MACHINE, "bpf jit", format!("it is not known whether it is on: {error}")),
    }
}

fn sockets() -> Finding {
    let finding = |level, says: String| Finding::new(level, MACHINE, "af_xdp", says);
    match socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None) {
        Ok(_) => finding(Fine, "the kernel has AF_XDP sockets".to_owned()),
        Err(rustix::io::Errno::AFNOSUPPORT) => {
            finding(Fail, "the kernel was built without AF_XDP sockets (CONFIG_XDP_SOCKETS)".to_owned())
        }
        Err(error) => finding(Warn, format!("no AF_XDP socket can be opened: {error}")),
    }
}

/// Packet buffers are locked in memory; the sensor raises its own limit as far as it may.
fn memory(held: CapabilitySet, question: &Question) -> Finding {
    let wanted: u64 = question.interfaces.iter().map(|name| buffers(name, question)).sum();
    let wanted = if wanted == 0 { u64::from(question.ring) * 2 * 2048 } else { wanted };
    let (mib, check) = (wanted.div_ceil(1 << 20), "locked memory");
    let unlimited = held.intersects(CapabilitySet::IPC_LOCK | CapabilitySet::SYS_RESOURCE);
    match getrlimit(Resource::Memlock).maximum {
        Some(most) if most < wanted && !unlimited => {
            let says = format!("packet buffers take {mib} MiB, and {} KiB may be locked", most >> 10);
            Finding::new(Fail, MACHINE, check, says).mend(format!("ulimit -l {}", wanted.div_ceil(1 << 10)))
        }
        _ => Finding::new(Fine, MACHINE, check, format!("{mib} MiB of packet buffers may be locked")),
    }
}

/// Bytes of packet buffers of a port; 0 if it is not there.
fn buffers(interface: &str, question: &Question) -> u64 {
    let (Ok(queues), Ok(mtu)) = (ports::queues(interface), ports::mtu(interface)) else { return 0 };
    let workers = if question.workers > 1 { question.workers as u64 } else { 0 };
    (u64::from(queues) + workers) * u64::from(question.ring) * 2 * u64::from(crate::live::frame_size(mtu))
}

fn bpffs(question: &Question) -> Finding {
    let root = &question.bpffs;
    match pins::is_bpffs(root) {
        Ok(true) => {
            Finding::new(Fine, MACHINE, "bpffs", format!("{}: blocks and links outlive the sensor", root.display()))
        }
        Ok(false) | Err(_) => {
            let says = format!("{}: none is mounted; blocks and the data plane end with the sensor", root.display());
            Finding::new(Warn, MACHINE, "bpffs", says).mend(format!("mount -t bpf bpffs {}", root.display()))
        }
    }
}
