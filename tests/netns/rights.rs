//! A sensor that runs has few rights, and those suffice for all that it does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::needs_root;
use crate::support::lab::{SERVER, wait_until};
use crate::support::site::{EVIL, Site, stop};

/// CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF.
const KEPT: u64 = 1 << 12 | 1 << 13 | 1 << 39;
const DAC_OVERRIDE: u64 = 1 << 1;

/// What each thread of a process may do: effective and permitted capabilities, and whether programs it starts could
/// gain any.
fn rights(process: u32) -> Vec<(u64, u64, bool)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |path: &Path| {
        let text = fs::read_to_string(path.join("status")).unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        (field("CapEff:"), field("CapPrm:"), field("NoNewPrivs:") == 1)
    };
    tasks.map(|task| read(&task.unwrap().path())).collect()
}

#[test]
fn no_thread_keeps_more_than_it_needs() {
    needs_root!();
    for (name, owner, want) in [("the log folder is ours", 0, KEPT), ("it is not", 65_534, KEPT | DAC_OVERRIDE)] {
        let site = Site::new();
        let log = site.folder().join("log");
        fs::create_dir(&log).unwrap();
        std::os::unix::fs::chown(&log, Some(owner), Some(owner)).unwrap();
        let rules = site.rules(EVIL);
        let sensor = site.start(&format!("--inline a0,b0 -S {rules}"));
        let found = rights(sensor.0.id());
        assert!(found.len() >= 4, "{name}: workers, outputs and control are threads");
        assert!(found.iter().all(|rights| *rights == (want, want, true)), "{name}: {found:x?}");
        // What is kept is enough.
        assert!(site.ask("block add 192.0.2.77 --ttl 60s --reason test").status.success(), "{name}");
        assert!(site.ask("reload").status.success(), "{name}");
        let (code, _) = stop(sensor);
        assert_eq!(code, Some(0), "{name}: {}", fs::read_to_string(site.folder().join("stderr")).unwrap());
    }
}

#[test]
fn what_is_asked_for_is_enough_to_set_up() {
    needs_root!();
    let site = Site::new();
    for ports in ["--inline a0,b0", "-i a0 --capture af-packet", "--host a0", "--nfq 0"] {
        let run = site.command(&format!("run {ports} --disable-detection -l {}", site.folder().join("log").display()));
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-all,+net_admin,+net_raw,+bpf,+perfmon,+ipc_lock");
        command.arg(run.get_program()).args(run.get_args()).stdout(Stdio::piped());
        let sensor = site.lab.sensor.start(&mut command);
        wait_until(ports, || site.ask("status --json").status.success());
        assert_eq!(stop(sensor).0, Some(0), "{ports}");
    }
}

/// What the kernel says of a thread: name, scheduling policy and priority in real time (proc(5)), niceness, processors.
fn scheduled(process: u32) -> Vec<(String, u64, u64, i64, String)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |path: &Path| {
        let text = fs::read_to_string(path.join("stat")).unwrap();
        let name = text.split(['(', ')']).nth(1).unwrap().to_owned();
        // The third field is the first behind the name.
        let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split_whitespace().collect();
        let field = |number: usize| fields[number - 3].parse::<i64>().unwrap();
        let status = fs::read_to_string(path.join("status")).unwrap();
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim().to_owned();
        (name, field(41) as u64, field(40) as u64, field(19), cpus)
    };
    tasks.map(|task| read(&task.unwrap().path())).collect()
}

#[test]
fn workers_have_the_place_and_the_rank_that_the_configuration_gives_them() {
    needs_root!();
    const FIFO: u64 = 1;
    for (name, set, want) in [
        ("real time", "real-time=10", (FIFO, 10, 0)),
        ("nice", "prio.default=low", (0, 0, 5)),
        ("before others", "prio.default=high", (0, 0, -5)),
    ] {
        let site = Site::new();
        let set = format!("--set threading.cpu-affinity.worker-cpu-set.{set}");
        let cpu = "--set threading.set-cpu-affinity=yes --set threading.cpu-affinity.worker-cpu-set.cpu=0";
        let sensor = site.start(&format!("--inline a0,b0 {cpu} {set} -S {}", site.rules(EVIL)));
        let process = sensor.0.id();
        let workers =
            || -> Vec<_> { scheduled(process).into_iter().filter(|one| one.0.starts_with("worker")).collect() };
        wait_until(name, || workers().iter().all(|(_, policy, priority, nice, _)| (*policy, *priority, *nice) == want));
        let workers = workers();
        assert!(workers.len() == 1 && workers[0].4 == "0", "{name}: {workers:?}");
        let others = scheduled(process).into_iter().filter(|one| !one.0.starts_with("worker"));
        for (other, policy, _, nice, _) in others {
            assert_eq!((policy, nice), (0, 0), "{name}: {other}");
        }
        wait_until("the end of the thread that may do that", || {
            rights(process).iter().all(|rights| *rights == (KEPT, KEPT, true))
        });
        assert_eq!(site.lab.ping(SERVER, 5, 56), 5, "{name}");
        assert_eq!(stop(sensor).0, Some(0), "{name}");
    }
}
