//! From settings to packet sockets, with the kernel stage in front where it can be had.
//!
//! The stage drops what is blocked or over a limit, and lets everything else pass to the network stack; its filter keeps the
//! copies back that nobody wants. On a mirror port it is as good as it gets, on a port of this machine it is what acts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ids_ebpf::config::{FailPolicy, Mode};

use super::answers::Answers;
use super::counters::Queue;
use super::listener::{Means, Parts, Stage};
use super::setup::{self, Job, Prepared};
use super::sign::Sign;
use super::{Error, Live, Settings, Topology};
use crate::capture::af_packet::{Options, Socket};
use crate::kernel::{self, Pins, Port, Tables};
use crate::ports::{Ports, Use};

/// Milliseconds that a packet may wait for others, where it is only looked at, and where something depends on it.
const PATIENCE: u32 = 10;
const IMPATIENCE: u32 = 1;

/// Sockets for all interfaces.
pub(super) fn prepare(settings: &Settings) -> Result<Prepared, Error> {
    match behind_stage(settings) {
        Err(error) if !settings.topology.is_late() && setup::packets_would_do(&error) => {
            tracing::warn!(%error, "packet sockets go without a kernel stage in front: nothing is blocked");
            alone(settings)
        }
        other => other,
    }
}

/// The maps are there for whoever asks, but no program looks into them.
fn alone(settings: &Settings) -> Result<Prepared, Error> {
    let names = settings.topology.interfaces();
    let interfaces = Ports::set_up(&settings.run_dir, &settings.name, &names, Use::Listen)?;
    let pins = Pins::private()?;
    let tables = Tables::open(&pins, settings.sizes)?;
    let mut live = Live::new(settings, interfaces, pins, tables);
    live.listened = names.iter().map(|name| ((*name).to_owned(), super::PACKETS)).collect();
    let mut jobs = Vec::new();
    for (port, name) in names.iter().enumerate() {
        for number in 0..settings.workers {
            let options = options(settings, name, port)?;
            jobs.push(job(settings, &live, (port, number), options, None)?);
        }
    }
    Prepared::new(live, jobs, settings)
}

fn behind_stage(settings: &Settings) -> Result<Prepared, Error> {
    let names = settings.topology.interfaces();
    let kind = if settings.topology.is_late() { Use::Host } else { Use::ListenBehindStage };
    let interfaces = Ports::set_up(&settings.run_dir, &settings.name, &names, kind)?;
    let pins = setup::pins(settings)?;
    let tables = setup::tables(settings, &pins)?;
    let mut live = Live::new(settings, interfaces, pins, tables);
    let mut jobs = Vec::new();
    for (number, name) in names.iter().enumerate() {
        // Who only listens must never be in the way.
        let policy = if settings.topology.is_late() { settings.policy } else { FailPolicy::Open };
        let config = setup::port_config(settings, number, Mode::Host, policy);
        live.groups.push((config, (*name).to_owned()));
        let mut programs = setup::load(settings, &live.pins, config, &[*name])?;
        if let Some(port) = programs.first_mut() {
            jobs.extend(listeners(settings, &live, port, number)?);
        }
        setup::attach(settings, &mut live, programs)?;
    }
    Prepared::new(live, jobs, settings)
}

/// The listeners of one port, behind its program.
fn listeners(settings: &Settings, live: &Live, port: &mut Port, number: usize) -> Result<Vec<Job>, Error> {
    let lived: Arc<[AtomicU64]> = (0..settings.workers).map(|_| AtomicU64::new(u64::MAX)).collect();
    let mut jobs = Vec::with_capacity(settings.workers);
    for worker in 0..settings.workers {
        let sign = Sign::new(port.heartbeat()?, &lived, worker, settings.deadline)?;
        let (enforcer, releases) = setup::effects(settings, live, number)?;
        let stage = Stage { enforcer, releases: Some(releases), sign };
        let options = options(settings, port.interface(), number)?;
        let options = Options { filter: Some(port.copy_filter()?), ..options };
        jobs.push(job(settings, live, (number, worker), options, Some(stage))?);
    }
    Ok(jobs)
}

/// One listener: its port, and which of those of the port it is.
fn job(
    settings: &Settings,
    live: &Live,
    (port, worker): (usize, usize),
    options: Options<'_>,
    stage: Option<Stage>,
) -> Result<Job, Error> {
    let name = settings.topology.interfaces().get(port).copied().unwrap_or_default();
    let failed = |source| Error::Packets { interface: name.to_owned(), source };
    let socket = Socket::open(&options).map_err(failed)?;
    let answers = match settings.topology {
        Topology::Host(_) => Some(Answers::open(options.interface).map_err(Error::Answers)?),
        _ => None,
    };
    let (port, queue) = (u16::try_from(port).unwrap_or(u16::MAX), u32::try_from(worker).unwrap_or(u32::MAX));
    let means = Means { counters: Queue { port, queue, ..Queue::default() }, stage, answers, unheard: 0 };
    Ok(Job::Listen(Box::new(Parts { socket, means, stop: Arc::clone(&live.stop), report: Arc::default() })))
}

fn options(settings: &Settings, interface: &str, port: usize) -> Result<Options<'static>, Error> {
    // Groups of sockets are known by a number in a network namespace.
    let group = std::process::id().wrapping_add(u32::try_from(port).unwrap_or(u32::MAX));
    Ok(Options {
        interface: kernel::port::interface_index(interface)?,
        loopback: interface == "lo",
        group: (settings.workers > 1).then_some((group & 0xffff) as u16),
        filter: None,
        patience: if settings.topology.is_late() { IMPATIENCE } else { PATIENCE },
    })
}
