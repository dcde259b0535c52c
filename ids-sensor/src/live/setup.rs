//! From settings to running threads.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use ids_core::intake::Fragments;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::map::QUEUES;

use super::counters::{Commands, Queue};
use super::enforcer::Enforcer;
use super::listener::{self, Listener};
use super::queue::{self, Judge};
use super::releases::{Keys, Releases};
use super::schedule::{Ranker, Schedule};
use super::settings::{Capture, Pinning, Settings, Topology};
use super::team::{self, Seat};
use super::worker::{Lane, Parts, Report, Worker};
use super::{Error, Events, Inspector, Live, packets};
use crate::capture::af_xdp::{Socket, Umem};
use crate::interest;
use crate::kernel::clock::Monotonic;
use crate::kernel::port::{Attached, Frames, interface_index};
use crate::kernel::{self, Attach, Pins, Port, Prefix, Tables};
use crate::ports::{self, MAX_MTU, Ports, Use};
use crate::shield::Shield;

/// Bytes before a packet in its buffer (`XDP_PACKET_HEADROOM`).
const HEADROOM: u32 = 256;

/// Bytes of an Ethernet header with two VLAN tags.
const ETHERNET: u32 = 22;

/// What a thread is given.
pub(super) enum Job {
    /// Queues of AF_XDP.
    Work(Box<Parts>),
    /// A packet socket.
    Listen(Box<listener::Parts>),
    /// A netfilter queue.
    Judge(Box<queue::Parts>),
}

impl Job {
    const fn report(&self) -> &Arc<Mutex<Report>> {
        match self {
            Self::Work(parts) => &parts.report,
            Self::Listen(parts) => &parts.report,
            Self::Judge(parts) => &parts.report,
        }
    }

    /// Its place among several workers of one port.
    fn seat(&self) -> Option<&Seat> {
        match self {
            Self::Work(parts) => parts.seat.as_ref(),
            Self::Listen(_) | Self::Judge(_) => None,
        }
    }
}

/// Everything that needs rights is done; no thread runs yet.
pub struct Prepared {
    live: Live,
    jobs: Vec<Job>,
    schedule: Schedule,
    ranker: Option<Ranker>,
    stays: bool,
}

impl Prepared {
    /// The last that needs rights.
    pub(super) fn new(live: Live, jobs: Vec<Job>, settings: &Settings) -> Result<Self, Error> {
        let schedule = settings.schedule.clone();
        let ranker = Ranker::start(&schedule).map_err(Error::Thread)?;
        Ok(Self { live, jobs, schedule, ranker, stays: settings.stays() })
    }

    /// Starts the workers, which have the rights of the thread that calls. `make` is called once per worker: its
    /// inspector, and where its events go.
    ///
    /// # Errors
    /// A thread cannot be had; all that was set up is given back.
    pub fn start<I, E>(self, mut make: impl FnMut(usize) -> (I, E)) -> Result<Live, Error>
    where
        I: Inspector + Send + 'static,
        E: Events + Send + 'static,
    {
        let Self { mut live, jobs, schedule, ranker, stays } = self;
        let mut fragments = Fragments::default();
        for (number, job) in jobs.into_iter().enumerate() {
            let (schedule, ranker) = (schedule.clone(), ranker.clone());
            live.reports.push(Arc::clone(job.report()));
            let (mut inspector, events) = make(number);
            match job.seat().map(Seat::number) {
                None => {}
                Some(0) => fragments = inspector.fragments(),
                Some(_) => inspector.join(fragments.clone()),
            }
            let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                schedule.take_place(number, ranker.as_ref());
                drop(ranker);
                match job {
                    Job::Work(parts) => Worker::new(*parts, inspector, events).run().map_err(Error::from),
                    Job::Listen(parts) => Listener::new(*parts, inspector, events).run().map_err(Error::from),
                    Job::Judge(parts) => Judge::new(*parts, inspector, events).run(),
                }
            });
            live.workers.push(thread.map_err(Error::Thread)?);
        }
        live.stays = stays && live.pins.lasting();
        Ok(live)
    }
}

pub(super) fn prepare(settings: &Settings) -> Result<Prepared, Error> {
    check(settings)?;
    if let Topology::Queues(numbers) = &settings.topology {
        return queue::prepare(settings, numbers);
    }
    match settings.capture {
        Capture::Xdp => prepare_xdp(settings),
        Capture::Packets => packets::prepare(settings),
        Capture::XdpOrPackets => match prepare_xdp(settings) {
            Err(error) if is_mirror(settings) && packets_would_do(&error) => {
                tracing::warn!(%error, "packet sockets are used instead");
                packets::prepare(settings)
            }
            other => other,
        },
    }
}

const fn is_mirror(settings: &Settings) -> bool {
    matches!(settings.topology, Topology::Mirror(_))
}

/// Whether something is wrong that a packet socket does not mind.
pub(super) const fn packets_would_do(error: &Error) -> bool {
    matches!(
        error,
        Error::Kernel(_) | Error::Socket { .. } | Error::Memory(_) | Error::Ports(ports::Error::Addressed(_))
    )
}

fn prepare_xdp(settings: &Settings) -> Result<Prepared, Error> {
    let names = settings.topology.interfaces();
    let mut interfaces = Ports::set_up(&settings.run_dir, &settings.name, &names, Use::Xdp)?;
    for name in &names {
        if let Some(how) = settings.busy_poll(name) {
            interfaces.set_attributes(name, &how.attributes())?;
        }
    }
    let pins = pins(settings)?;
    let tables = tables(settings, &pins)?;
    let mode = if is_mirror(settings) { Mode::Mirror } else { Mode::Inline };
    let mut live = Live::new(settings, interfaces, pins, tables);
    let mut jobs = Vec::new();
    for (group, names) in names.chunks(settings.topology.group_size()).enumerate() {
        let first = live.programs.len();
        let config = port_config(settings, group, mode, settings.policy);
        live.groups.push((config, names.join(",")));
        let mut programs = load(settings, &live.pins, config, names)?;
        for seat in seats(settings, names)? {
            let parts = parts(settings, &live, &mut programs, (first, group), seat)?;
            jobs.push(Job::Work(Box::new(parts)));
        }
        attach(settings, &mut live, programs)?;
    }
    Prepared::new(live, jobs, settings)
}

/// The seats of a group's workers: as many as wanted and every port has a queue for. A lone worker has none. What two
/// receive rings hold may wait for each.
fn seats(settings: &Settings, names: &[&str]) -> Result<Vec<Option<Seat>>, Error> {
    let mut workers = settings.workers;
    for name in names {
        let queues = ports::queues(name)? as usize;
        if queues < workers {
            tracing::warn!(interface = name, queues, "fewer workers than wanted: each takes a queue of every port");
            workers = queues;
        }
    }
    if workers == 1 {
        return Ok(vec![None]);
    }
    Ok(team::seats(workers, 2 * settings.ring as usize).map_err(Error::Team)?.into_iter().map(Some).collect())
}

/// The shared maps, with what the settings say in them.
pub(super) fn tables(settings: &Settings, pins: &Pins) -> Result<Tables, Error> {
    let mut tables = Tables::open(pins, settings.sizes)?;
    tables.set_allowed(&prefixes(&settings.shield))?;
    tables.floods.set(settings.flood)?;
    // What a sensor before this one left there was made of other rules, and nobody knows of the flows it released.
    tables.flows.recall_all()?;
    match &settings.interest {
        Some(interest) => tables.set_interest(interest)?,
        None => tables.set_interest(&interest::everything())?,
    }
    Ok(tables)
}

impl Live {
    /// Nothing runs yet.
    pub(super) fn new(settings: &Settings, interfaces: Ports, pins: Pins, tables: Tables) -> Self {
        Self {
            workers: Vec::new(),
            reports: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            programs: Vec::new(),
            before: Vec::new(),
            copies: settings.capture == Capture::Packets,
            listened: Vec::new(),
            groups: Vec::new(),
            tables: Arc::new(Mutex::new(tables)),
            shield: Arc::clone(&settings.shield),
            interfaces: Some(interfaces),
            stays: false,
            pins,
        }
    }
}

/// Those whom the kernel stage shields.
pub(super) fn prefixes(shield: &Shield) -> Vec<Prefix> {
    shield.allowed().into_iter().map(|allowed| allowed.prefix).collect()
}

fn check(settings: &Settings) -> Result<(), Error> {
    let names = settings.topology.interfaces();
    let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
    let queues = matches!(settings.topology, Topology::Queues(_));
    let wrong = if names.is_empty() && !queues {
        "no interface is given".to_owned()
    } else if let Some((_, name)) = twice {
        format!("interface {name} is given twice")
    } else if settings.workers == 0 {
        "at least one worker is needed".to_owned()
    } else if settings.capture == Capture::Packets && matches!(settings.topology, Topology::Inline(_)) {
        "packet sockets give copies: an inline pair takes AF_XDP".to_owned()
    } else if settings.capture != Capture::Packets && settings.topology.is_late() {
        "packets of this machine's own stay with its network stack: they take packet sockets".to_owned()
    } else if !settings.ring.is_power_of_two() {
        format!("a ring has a power of two of entries, not {}", settings.ring)
    } else if settings.deadline < std::time::Duration::from_millis(10) {
        "the deadline of the heartbeat is at least 10 ms".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Settings(wrong))
}

/// The place for pins; a private one where none that lasts can be had, which is said.
pub(super) fn pins(settings: &Settings) -> Result<Pins, Error> {
    if let Pinning::Folder(root) = &settings.pinning {
        match Pins::named(root, &settings.name) {
            Ok(pins) => return Ok(pins),
            Err(error) => tracing::warn!(%error, "blocks and the data plane will end with this process"),
        }
    }
    Ok(Pins::private()?)
}

/// How the ports of a group are to behave.
pub(super) fn port_config(settings: &Settings, group: usize, mode: Mode, policy: FailPolicy) -> PortConfig {
    let deadline = u64::try_from(settings.deadline.as_nanos()).unwrap_or(u64::MAX);
    let mut config = PortConfig::new(mode, policy, deadline);
    config.pair = pair(settings, group);
    if !settings.track_vlan {
        config.flags |= PortConfig::IGNORE_VLAN;
    }
    config
}

/// The programs of one group, told how to behave but not attached.
pub(super) fn load(settings: &Settings, pins: &Pins, config: PortConfig, names: &[&str]) -> Result<Vec<Port>, Error> {
    let mut programs = Vec::with_capacity(names.len());
    for name in names {
        let mut port = Port::load(pins, settings.sizes, name, frames(name)?).map_err(|error| refused(name, error))?;
        port.configure(config)?;
        programs.push(port);
    }
    if let [a, b] = programs.as_mut_slice() {
        let (index_a, index_b) = (a.index(), b.index());
        a.set_peer(index_b)?;
        b.set_peer(index_a)?;
    }
    Ok(programs)
}

/// In what frames of an interface come.
fn frames(interface: &str) -> Result<Frames, Error> {
    Ok(if ports::mtu(interface)? > MAX_MTU { Frames::Several } else { Frames::OneBuffer })
}

/// Where frames do not fit into a buffer, that is why the kernel refuses.
fn refused(interface: &str, error: kernel::Error) -> kernel::Error {
    let (kernel::Error::Load(reason) | kernel::Error::Attach { reason, .. }) = &error else { return error };
    match ports::mtu(interface) {
        Ok(mtu) if mtu > MAX_MTU => kernel::Error::Mtu { interface: interface.to_owned(), mtu, reason: reason.clone() },
        _ => error,
    }
}

/// The pair or mirror port as part of flow keys.
fn pair(settings: &Settings, group: usize) -> u16 {
    if settings.track_pair { u16::try_from(group).unwrap_or(u16::MAX) } else { 0 }
}

/// What one worker of a group works on: every so manieth queue of its ports, which are numbered from `first_port` on.
fn parts(
    settings: &Settings,
    live: &Live,
    programs: &mut [Port],
    (first_port, group): (usize, usize),
    seat: Option<Seat>,
) -> Result<Parts, Error> {
    let (number, workers) = seat.as_ref().map_or((0, 1), |seat| (seat.number(), seat.workers()));
    let mut queues = Vec::new();
    let mut largest = 0;
    for (at, port) in programs.iter().enumerate() {
        let count = ports::queues(port.interface())?;
        if count > QUEUES {
            let name = port.interface();
            let text = format!("{name} has {count} queues, more than {QUEUES}: `ethtool -L {name} combined {QUEUES}`");
            return Err(Error::Settings(text));
        }
        largest = largest.max(ports::mtu(port.interface())?);
        queues.extend((0..count).filter(|queue| *queue as usize % workers == number).map(|queue| (at, queue)));
    }
    let frame_size = frame_size(largest);
    // Frames of packets that other workers have are no frames to receive into.
    let rings = queues.len() + usize::from(seat.is_some());
    let frames = u32::try_from(rings).unwrap_or(u32::MAX).saturating_mul(settings.ring).saturating_mul(2);
    let mut umem = Umem::new(frames, frame_size, largest > MAX_MTU).map_err(Error::Memory)?;
    let mut lanes: Vec<Lane> = Vec::with_capacity(queues.len());
    for (at, queue) in &queues {
        let port = &mut programs[*at];
        lanes.push(lane(settings, &mut umem, lanes.first(), port, first_port + at, *queue)?);
    }
    if programs.len() == 2 {
        connect(&mut lanes, &queues);
    }
    let (enforcer, releases) = effects(settings, live, group)?;
    Ok(Parts {
        umem,
        lanes,
        deadline: settings.deadline,
        policy: settings.policy,
        enforcer,
        releases: Some(releases),
        seat,
        stop: Arc::clone(&live.stop),
        report: Arc::new(Mutex::new(Report::default())),
    })
}

/// What a worker of a group needs to block and to release.
pub(super) fn effects(settings: &Settings, live: &Live, group: usize) -> Result<(Enforcer, Releases), Error> {
    let keys = Keys { pair: pair(settings, group), track_vlan: settings.track_vlan };
    let (flows, released) = {
        let tables = live.tables();
        (tables.flows.again()?, tables.flows.again()?)
    };
    let enforcer = Enforcer {
        keys,
        block_v6_length: settings.block_v6_length,
        shield: Arc::clone(&settings.shield),
        flows,
        tables: Arc::clone(&live.tables),
        counts: Commands::default(),
    };
    Ok((enforcer, Releases::new(released, keys)))
}

/// Bytes of a packet buffer for frames of this MTU.
pub const fn frame_size(mtu: u32) -> u32 {
    if mtu + ETHERNET + HEADROOM <= 2048 { 2048 } else { 4096 }
}

/// A socket with buffers to receive into, known to the port's program, with a first sign of life.
fn lane(
    settings: &Settings,
    umem: &mut Umem,
    first: Option<&Lane>,
    port: &mut Port,
    number: usize,
    queue: u32,
) -> Result<Lane, Error> {
    use std::os::fd::AsFd;
    let mut socket = Socket::open(umem, first.map(|lane| &lane.socket), port.index(), queue, settings.ring)
        .map_err(|source| Error::Socket { interface: port.interface().to_owned(), source })?;
    let busy_poll = settings.busy_poll(port.interface());
    if let Some(how) = &busy_poll {
        let failed = |source| Error::Socket { interface: port.interface().to_owned(), source };
        socket.poll_busily(how).map_err(failed)?;
    }
    socket.refill(umem);
    port.set_socket(queue, socket.as_fd())?;
    let mut heartbeat = port.heartbeat()?;
    heartbeat.beat(queue, Monotonic::now())?;
    let port = u16::try_from(number).unwrap_or(u16::MAX);
    let counters = Queue { port, queue, zero_copy: socket.zero_copy(), ..Queue::default() };
    Ok(Lane { socket, busy: busy_poll.is_some(), heartbeat, out: None, counters, down: false })
}

/// Leads each lane to one of the peer port: of the same place in its list, or as near as there is.
fn connect(lanes: &mut [Lane], queues: &[(usize, u32)]) {
    let of =
        |port: usize| queues.iter().enumerate().filter(move |(_, q)| q.0 == port).map(|(at, _)| at).collect::<Vec<_>>();
    let sides = [of(0), of(1)];
    for (mine, theirs) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        for (place, lane) in mine.iter().enumerate() {
            lanes[*lane].out = theirs.get(place % theirs.len().max(1)).copied();
        }
    }
}

/// Attaches the programs of a group, all in the same mode: a driver cannot redirect to a port whose driver cannot.
/// They belong to `live` before that, so that it detaches them again if one of them fails.
pub(super) fn attach(settings: &Settings, live: &mut Live, programs: Vec<Port>) -> Result<(), Error> {
    let first = live.programs.len();
    live.before.extend(programs.iter().map(|port| ports::traffic(port.interface()).ok()));
    live.programs.extend(programs.into_iter().map(|port| (port, "detached")));
    let ours: Result<Vec<u32>, _> = settings.topology.interfaces().into_iter().map(interface_index).collect();
    if live.pins.take_over(&ours?)? {
        tracing::warn!("another version of this sensor was here: its blocks of hosts and flows are gone");
    }
    let group = &mut live.programs[first..];
    let mut fell_back = false;
    for (port, mode) in group.iter_mut() {
        let attached = port.attach(&live.pins, settings.attach).map_err(|error| refused(port.interface(), error))?;
        *mode = attached.mode();
        if let Attached::Fallback(reason) = attached {
            fell_back = true;
            tracing::warn!(interface = port.interface(), reason, "no XDP in the driver: generic mode, which is slower");
        }
    }
    for (port, mode) in group.iter_mut().filter(|(_, mode)| fell_back && *mode == Attached::Driver.mode()) {
        port.detach()?;
        *mode = port.attach(&live.pins, Attach::Generic)?.mode();
        tracing::warn!(interface = port.interface(), "generic mode, as its peer has no XDP in the driver");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_on_account_of_large_frames_says_what_to_do() {
        // The loopback interface has an MTU of 65,536.
        let error = refused("lo", kernel::Error::Load("no".to_owned()));
        let want = "lo: an MTU of 65536 takes frames in several buffers, which cannot be had here (no): \
                    `ip link set lo mtu 3498`";
        assert_eq!(error.to_string(), want);
        let error = refused("no-such-if", kernel::Error::Load("no".to_owned()));
        assert!(matches!(error, kernel::Error::Load(_)), "{error}");
    }
}
