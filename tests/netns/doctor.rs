//! What the doctor finds in a lab whose faults are known.

use serde_json::Value;

use crate::needs_root;
use crate::support::site::{EVIL, Site, stop};

/// The level and the command of a finding.
fn find(found: &Value, about: &str, check: &str) -> (String, Option<String>) {
    let same = |one: &&Value| one["about"] == about && one["check"] == check;
    let one = found.as_array().unwrap().iter().find(same).unwrap_or_else(|| panic!("{about} {check} in {found}"));
    (one["level"].as_str().unwrap().to_owned(), one["mend"].as_str().map(str::to_owned))
}

fn ask(site: &Site, line: &str) -> (Option<i32>, Value) {
    let output = site.ask(line);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

#[test]
fn a_port_that_is_fine_and_one_that_is_not() {
    needs_root!();
    let site = Site::new();
    let (code, found) = ask(&site, "doctor a0 --json");
    assert_eq!(code, Some(0), "{found}");
    for check in ["rights", "kernel", "af_xdp", "locked memory", "bpffs"] {
        assert_eq!(find(&found, "machine", check).0, "ok", "{check}: {found}");
    }
    for check in ["link", "xdp program", "mtu", "offloads", "queues"] {
        assert_eq!(find(&found, "a0", check).0, "ok", "{check}: {found}");
    }
    // A veth redirects, and copies for AF_XDP: the kernel says so.
    assert_eq!(find(&found, "a0", "driver").0, "warn", "{found}");
    let text = String::from_utf8(site.ask("doctor a0").stdout).unwrap();
    assert!(text.contains("a0 driver: veth: XDP in the driver, but AF_XDP copies each packet"), "{text}");
    assert_eq!(text.lines().count(), found.as_array().unwrap().len(), "one line a finding");

    site.lab.sensor.ip("link set a0 mtu 9000");
    assert_eq!(find(&ask(&site, "doctor a0 --json").1, "a0", "mtu").0, "ok", "a veth can do with several buffers");
    // A bridge has no XDP of its own.
    site.lab.sensor.ip("link add br0 mtu 9000 type bridge");
    let (_, found) = ask(&site, "doctor br0 --json");
    assert_eq!(find(&found, "br0", "mtu"), ("warn".into(), Some("ip link set br0 mtu 3498".into())));
    site.lab.sensor.ip("link set br0 mtu 3498");
    assert_eq!(find(&ask(&site, "doctor br0 --json").1, "br0", "mtu").0, "ok", "the command mends it");
    site.lab.sensor.ip("link set b0 down");
    let (code, found) = ask(&site, "doctor a0 b0 no-such-if --json");
    assert_eq!(code, Some(1));
    assert_eq!(find(&found, "b0", "link"), ("fail".into(), Some("ip link set b0 up".into())));
    assert_eq!(find(&found, "no-such-if", "interface").0, "fail");
}

#[test]
fn several_queues_matter_to_several_workers() {
    needs_root!();
    let site = Site::with_queues(2);
    let level = |line: &str| find(&ask(&site, line).1, "a0", "queues");
    assert_eq!(level("doctor a0 --json").0, "ok");
    assert_eq!(level("doctor a0 --workers 2 --json").0, "ok");
    let more = ("warn".into(), Some("ethtool -L a0 combined 3".into()));
    assert_eq!(level("doctor a0 --workers 3 --json"), more, "there is no queue for the third");
}

#[test]
fn programs_of_others_are_in_the_way_and_ours_are_not() {
    needs_root!();
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    let (code, found) = ask(&site, "doctor --json");
    assert_eq!((code, find(&found, "b0", "xdp program").0), (Some(0), "ok".into()), "{found}");
    assert_eq!(stop(sensor).0, Some(0));
    assert_eq!(site.ask("detach").status.code(), Some(0));
    let _theirs = site.lab.sensor.run(|| foreign::attach("a0").unwrap());
    let (code, found) = ask(&site, "doctor a0 --json");
    let want = ("fail".to_owned(), Some("ip link set a0 xdp off".to_owned()));
    assert_eq!((code, find(&found, "a0", "xdp program")), (Some(1), want), "{found}");
}

/// An XDP program that is not ours: two instructions, which let everything pass.
mod foreign {
    #![allow(unsafe_code)]

    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use ids_sensor::kernel::port::interface_index;

    const BPF_PROG_LOAD: u32 = 5;
    const BPF_LINK_CREATE: u32 = 28;
    const BPF_PROG_TYPE_XDP: u32 = 6;
    const BPF_XDP: u32 = 37;

    /// It sits on the interface for as long as what is returned lives.
    pub fn attach(interface: &str) -> io::Result<OwnedFd> {
        // mov64 r0, XDP_PASS; exit
        let code: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];
        let license = c"MIT";
        let mut load = [0u64; 4];
        load[0] = u64::from(BPF_PROG_TYPE_XDP) | 2 << 32;
        load[1] = code.as_ptr().expose_provenance() as u64;
        load[2] = license.as_ptr().expose_provenance() as u64;
        let program = call(BPF_PROG_LOAD, &load)?;
        let index = interface_index(interface).map_err(io::Error::other)?;
        let mut link = [0u64; 2];
        link[0] = u64::from(program.as_raw_fd().cast_unsigned()) | u64::from(index) << 32;
        link[1] = BPF_XDP.into();
        call(BPF_LINK_CREATE, &link)
    }

    fn call(command: u32, attributes: &[u64]) -> io::Result<OwnedFd> {
        // SAFETY: the attributes are as long as said, and what they point to lives until the call is over.
        let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes)) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, which belongs to nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).map_err(io::Error::other)?) })
    }
}
