//! `run` and `detach`: arguments → a [`Plan`], and what is printed at the end.

use std::sync::Arc;

use ids_core::detect::compile::Loader;
use ids_ebpf::config::FailPolicy as Policy;
use rustix::thread::CapabilitySet;

use super::args::{CaptureWay, Detach, FailPolicy, Queues, Run};
use super::{Failure, say, settings};
use crate::config::Config;
use crate::config::flood::Flood;
use crate::doctor::{self, Level};
use crate::kernel::Sizes;
use crate::live::{self, Capture, Pinning, Topology};
use crate::ruleset;
use crate::sensor::{self, Plan};
use crate::shield::{self, Shield};

/// What is said where no port is named.
const PORTS: &str =
    "which ports? `-i IFACE` watches one, `--inline A,B` guards between two, `--host IFACE` this machine,
`--nfq N` what a queue of the packet filter gets:
  ids-sensor run -i eth1
  ids-sensor run --inline eth1,eth2
  ids-sensor run --host eth0
  ids-sensor run --nfq 0";

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Run) -> Result<(), Failure> {
    let inline = !args.inline.is_empty() || !args.queues.is_empty();
    let config = settings::load(&args.common, &[], inline, args.common.log_dir.as_deref())?;
    if args.common.dump_config {
        return settings::dump(&config);
    }
    let ports = if args.common.test_config { None } else { Some(topology(args, &config)?) };
    let mut loader = Loader::default();
    let rules = settings::rules_with(&mut loader, &args.common, &config)?;
    let Some((topology, workers)) = ports else {
        say::line("configuration is fine")?;
        return Ok(());
    };
    rights()?;
    if let Some(hint) = settings::idle(&args.common, &config, &rules) {
        eprintln!("hint: {hint}");
    }
    let log_dir = args.common.log_dir.clone().unwrap_or_else(|| config.log_dir.clone());
    let live = live_settings(args, &config, topology, workers);
    if live.capture != Capture::Packets {
        let findings = doctor::ports(&examined(args, &live));
        findings.iter().filter(|one| one.level == Level::Warn).for_each(|one| tracing::warn!("{one}"));
    }
    let name = &args.instance.name;
    let common = args.common.clone();
    let reload = move |loader: &mut Loader| settings::reload(loader, &common, inline).map_err(Failure::into_lines);
    let reload = Box::new(reload);
    let plan = Plan { config: &config, rules, loader, reload, live, log_dir, dry_run: args.dry_run };
    let summary = sensor::run(plan, || eprintln!("ids-sensor: `{name}` is running")).map_err(Failure::environment)?;
    say::text(summary.text())?;
    for pair in &summary.staying {
        eprintln!("ids-sensor: {pair} goes on forwarding, without inspection: `ids-sensor detach` takes it down");
    }
    Failure::unless_written(summary.write_errors)
}

/// What to look at before a run; what makes it impossible, setting up finds by itself.
fn examined(args: &Run, live: &live::Settings) -> doctor::Question {
    doctor::Question {
        interfaces: live.topology.interfaces().into_iter().map(str::to_owned).collect(),
        workers: live.workers,
        ring: live.ring,
        bpffs: args.instance.bpffs.clone(),
    }
}

/// The interfaces, and how many workers each gets: those of the command line, else those of the configuration.
fn topology(args: &Run, config: &Config) -> Result<(Topology, usize), Failure> {
    let workers = args.workers.into();
    if !args.queues.is_empty() {
        let mut numbers: Vec<u16> = args.queues.iter().flat_map(|Queues(first, last)| *first..=*last).collect();
        numbers.sort_unstable();
        numbers.dedup();
        return Ok((Topology::Queues(numbers), workers));
    }
    if !args.inline.is_empty() {
        return Ok((Topology::Inline(args.inline.iter().map(|[a, b]| (a.clone(), b.clone())).collect()), workers));
    }
    if !args.interface.is_empty() {
        return Ok((Topology::Mirror(args.interface.clone()), workers));
    }
    let host = if args.host.is_empty() && args.capture.is_none() { &config.ips.host } else { &args.host };
    if !host.is_empty() {
        return match args.capture {
            Some(CaptureWay::AfXdp) => Err(Failure::Usage(
                "`--host` leaves packets with the network stack: it takes packet sockets (`--capture af-packet`)"
                    .into(),
            )),
            _ => Ok((Topology::Host(host.clone()), workers)),
        };
    }
    let (listed, section) = match args.capture {
        Some(CaptureWay::AfPacket) => (&config.af_packet, "af-packet"),
        Some(CaptureWay::AfXdp | CaptureWay::Auto) => (&config.af_xdp, "af-xdp"),
        None => return Err(Failure::Usage(PORTS.to_owned())),
    };
    if listed.is_empty() {
        return Err(Failure::Usage(format!(
            "no interface: name one with `-i`, or in `{section}` of the configuration"
        )));
    }
    let threads = listed.iter().filter_map(|one| one.threads).max().map_or(workers, usize::from);
    Ok((Topology::Mirror(listed.iter().map(|one| one.interface.clone()).collect()), threads))
}

fn live_settings(args: &Run, config: &Config, topology: Topology, workers: usize) -> live::Settings {
    live::Settings {
        capture: match args.capture {
            _ if topology.is_late() || topology.interfaces().is_empty() => Capture::Packets,
            None | Some(CaptureWay::Auto) => Capture::XdpOrPackets,
            Some(CaptureWay::AfXdp) => Capture::Xdp,
            Some(CaptureWay::AfPacket) => Capture::Packets,
        },
        policy: match args.fail {
            None => config.ips.fail,
            Some(FailPolicy::Open) => Policy::Open,
            Some(FailPolicy::Closed) => Policy::Closed,
        },
        deadline: args.deadline.unwrap_or(config.ips.deadline),
        queues: config.queues,
        schedule: config.schedule.clone(),
        busy_poll: config.busy_poll.clone(),
        workers,
        pinning: Pinning::Folder(args.instance.bpffs.clone()),
        run_dir: args.instance.run_dir.clone(),
        flood: flood(args, config).limits(),
        track_vlan: config.traffic.vlan_tracking,
        sizes: Sizes { blocked_hosts: config.ips.max_hosts, ..Sizes::default() },
        block_v6_length: config.ips.ipv6_prefix,
        shield: Arc::new(shield(config, args.dry_run)),
        ..live::Settings::new(&args.instance.name, topology)
    }
}

/// Limits on what one source may send.
fn flood(args: &Run, config: &Config) -> Flood {
    let configured = config.ips.flood;
    Flood {
        syn: args.syn_limit.unwrap_or(configured.syn),
        udp: args.udp_limit.unwrap_or(configured.udp),
        dry_run: configured.dry_run || args.dry_run,
    }
}

/// What keeps blocks from hitting their owner.
fn shield(config: &Config, dry_run: bool) -> Shield {
    let ips = &config.ips;
    let shield = Shield::new(shield::Settings {
        allow: ips.allow.clone(),
        own: ips.allow_own,
        home: ips.allow_own.then(|| ruleset::home_net(config)).flatten(),
        max_per_minute: ips.max_per_minute,
        dry_run: ips.dry_run || dry_run,
    });
    for problem in shield.renew() {
        tracing::warn!("addresses of this machine are not kept from being blocked: {problem}");
    }
    shield
}

/// Whether this process may use interfaces at all.
pub(super) fn rights() -> Result<(), Failure> {
    let needed = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW | CapabilitySet::BPF | CapabilitySet::PERFMON;
    let held = rustix::thread::capabilities(None).map_err(Failure::environment)?.effective;
    if held.contains(needed) {
        return Ok(());
    }
    Err(Failure::environment(
        "no right to use interfaces: run as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON",
    ))
}

/// Gives back what a sensor left that is gone.
///
/// # Errors
/// See [`Failure`].
pub fn detach(args: &Detach) -> Result<(), Failure> {
    let instance = &args.instance;
    if super::sensor(instance)?.is_some() {
        let name = &instance.name;
        return Err(Failure::refusal(format!(
            "the sensor `{name}` is running: stop it first, it gives ports back itself"
        )));
    }
    rights()?;
    let found = live::detach(&instance.name, &instance.bpffs, &instance.run_dir).map_err(Failure::environment)?;
    say::line(if found {
        "ports are given back; programs and blocks are gone"
    } else {
        "there is nothing to give back"
    })?;
    Ok(())
}
