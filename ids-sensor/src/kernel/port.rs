//! One port's program: what it is told, where it is attached, what it counted.
//!
//! In: a [`PortConfig`], sockets, the peer.  Out: [`Stats`].
//! Driver mode where the driver has it, generic mode otherwise, which is said. With lasting pins, the link stays
//! when the process dies, and the next one puts its own program in its place without a gap.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::{Array, DevMap, Map, MapData, MapError, PerCpuArray, XskMap};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpLinkId};
use aya::programs::{ProgramError, SocketFilter, Xdp, XdpMode};
use ids_ebpf::config::PortConfig;
use ids_ebpf::map;
use ids_ebpf::outcome::Stats;

use super::clock::Monotonic;
use super::pins::Pins;
use super::{Error, Sizes, again, causes, load, take};

/// How a program is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attach {
    /// In the driver, or generic if the driver cannot.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Driver,
    /// After the driver, in the network stack: any interface can, at a price.
    Generic,
}

/// How a program came to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// In the driver.
    Driver,
    /// In the network stack, as was asked for.
    Generic,
    /// In the network stack, because the driver refused: why.
    Fallback(String),
}

/// In what frames come to the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frames {
    /// One buffer each; what is longer does not come.
    #[default]
    OneBuffer,
    /// One buffer or several.
    Several,
}

impl Attached {
    /// `driver` or `generic`.
    pub const fn mode(&self) -> &'static str {
        match self {
            Self::Driver => DRIVER,
            Self::Generic | Self::Fallback(_) => GENERIC,
        }
    }
}

const DRIVER: &str = "driver";
const GENERIC: &str = "generic";

/// What holds the program on its interface.
enum Hold {
    /// Ends with this process.
    Link(XdpLinkId),
    /// Stays until it is unpinned.
    Pinned(PinnedLink),
}

/// The program of one port, and its maps.
pub struct Port {
    interface: String,
    index: u32,
    ebpf: aya::Ebpf,
    /// Which of the object's programs it is.
    program: &'static str,
    config: Array<MapData, PortConfig>,
    heartbeat: MapData,
    sockets: XskMap<MapData>,
    peer: DevMap<MapData>,
    stats: PerCpuArray<MapData, Stats>,
    copies: PerCpuArray<MapData, Stats>,
    hold: Option<Hold>,
}

/// The programs in the object: for frames in one buffer, for frames in several, for copies.
const PROGRAM: &str = "ids";
const PROGRAM_FRAGS: &str = "ids_frags";
const FILTER: &str = "ids_copies";

impl Port {
    /// Loads a program for an interface. It is not attached yet.
    ///
    /// # Errors
    /// There is no such interface; missing rights; frames in several buffers take Linux 5.18.
    pub fn load(pins: &Pins, sizes: Sizes, interface: &str, frames: Frames) -> Result<Self, Error> {
        let index = interface_index(interface)?;
        let mut ebpf = load(pins, sizes)?;
        let mut port = Self {
            interface: interface.to_owned(),
            index,
            config: take(&mut ebpf, map::CONFIG)?,
            heartbeat: match ebpf.take_map(map::HEARTBEAT) {
                Some(Map::Array(data)) => data,
                _ => return Err(Error::Load(format!("the object has no array {}", map::HEARTBEAT))),
            },
            sockets: take(&mut ebpf, map::XSKS)?,
            peer: take(&mut ebpf, map::PORTS)?,
            stats: take(&mut ebpf, map::STATS)?,
            copies: take(&mut ebpf, map::COPIES)?,
            ebpf,
            program: match frames {
                Frames::OneBuffer => PROGRAM,
                Frames::Several => PROGRAM_FRAGS,
            },
            hold: None,
        };
        let program = port.program_mut()?;
        patiently(|| program.load())?;
        Ok(port)
    }

    /// The interface's name.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The interface's number.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The loaded program, for running it on packets of one's own.
    ///
    /// # Errors
    /// None in practice: the object holds it.
    pub fn program(&self) -> Result<&Xdp, Error> {
        let program =
            self.ebpf.program(self.program).ok_or_else(|| Error::Load("the object has no program".to_owned()))?;
        program.try_into().map_err(|error: ProgramError| Error::Load(causes(&error)))
    }

    fn program_mut(&mut self) -> Result<&mut Xdp, Error> {
        let program =
            self.ebpf.program_mut(self.program).ok_or_else(|| Error::Load("the object has no program".to_owned()))?;
        program.try_into().map_err(|error: ProgramError| Error::Load(causes(&error)))
    }

    /// Tells the program how to behave.
    ///
    /// # Errors
    /// The map refuses.
    pub fn configure(&mut self, config: PortConfig) -> Result<(), Error> {
        self.config.set(0, config, 0).map_err(|error| Error::map(map::CONFIG, &error))
    }

    /// Says where the fast path of an inline port leads.
    ///
    /// # Errors
    /// There is no interface of that number.
    pub fn set_peer(&mut self, index: u32) -> Result<(), Error> {
        let failed = |error| Error::Map { map: map::PORTS, reason: causes(&error) };
        self.peer.set(0, index, None, 0).map_err(failed)
    }

    /// Gives a queue's packets to a socket that is bound to it.
    ///
    /// # Errors
    /// The queue's number is too large, or the socket is no AF_XDP socket.
    pub fn set_socket(&mut self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Error> {
        self.sockets.set(queue, socket, 0).map_err(|error| Error::map(map::XSKS, &error))
    }

    /// Takes a queue's packets away from its socket: from now on the fail policy decides on them.
    ///
    /// # Errors
    /// The queue's number is too large.
    pub fn clear_socket(&mut self, queue: u32) -> Result<(), Error> {
        match self.sockets.unset(queue) {
            Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other.map_err(|error| Error::map(map::XSKS, &error)),
        }
    }

    /// Loads the filter for packet sockets that listen to this port: it keeps the copies from them that nobody wants.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub fn copy_filter(&mut self) -> Result<BorrowedFd<'_>, Error> {
        let failed = |error: ProgramError| Error::Load(causes(&error));
        let program = self.ebpf.program_mut(FILTER);
        let program = program.ok_or_else(|| Error::Load("the object has no filter".to_owned()))?;
        let filter: &mut SocketFilter = program.try_into().map_err(failed)?;
        if filter.fd().is_err() {
            patiently(|| filter.load())?;
        }
        filter.fd().map(|fd| fd.as_fd()).map_err(failed)
    }

    /// A handle for giving signs of life, for the worker.
    ///
    /// # Errors
    /// No more file descriptors.
    pub fn heartbeat(&self) -> Result<Heartbeat, Error> {
        let data = again(map::HEARTBEAT, &self.heartbeat)?;
        let slots = Array::try_from(Map::Array(data)).map_err(|error| Error::map(map::HEARTBEAT, &error))?;
        Ok(Heartbeat { slots })
    }

    /// Attaches the program; frames are decided on from now on.
    ///
    /// # Errors
    /// Another program is there, or the interface takes none.
    pub fn attach(&mut self, pins: &Pins, attach: Attach) -> Result<Attached, Error> {
        match attach {
            Attach::Driver => self.attach_in(pins, XdpMode::Driver).map(|()| Attached::Driver),
            Attach::Generic => self.attach_in(pins, XdpMode::Skb).map(|()| Attached::Generic),
            Attach::Auto => match self.attach_in(pins, XdpMode::Driver) {
                Ok(()) => Ok(Attached::Driver),
                Err(Error::Attach { reason, .. }) => {
                    self.attach_in(pins, XdpMode::Skb)?;
                    Ok(Attached::Fallback(reason))
                }
                Err(error) => Err(error),
            },
        }
    }

    fn attach_in(&mut self, pins: &Pins, mode: XdpMode) -> Result<(), Error> {
        let (name, other) = if matches!(mode, XdpMode::Skb) { (GENERIC, DRIVER) } else { (DRIVER, GENERIC) };
        let (interface, index) = (self.interface.clone(), self.index);
        let failed = |error: ProgramError| refused(&interface, name, &error);
        // What an earlier process of this instance left in the other mode would be in the way.
        match fs::remove_file(pins.link(index, other)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Pins { path: pins.link(index, other), reason: error.to_string() });
            }
            _ => {}
        }
        let pin = pins.link(index, name);
        let program = self.program_mut()?;
        if pin.exists()
            && let Some(link) = pinned_link(&pin)
        {
            let id = program.attach_to_link(link).map_err(failed)?;
            // The pin goes on holding the link; this end of it is not needed.
            drop(program.take_link(id).map_err(failed)?);
            let link = PinnedLink::from_pin(&pin).map_err(|error| Error::Pins { path: pin, reason: causes(&error) })?;
            self.hold = Some(Hold::Pinned(link));
            return Ok(());
        }
        let id = program.attach_to_if_index(index, mode).map_err(failed)?;
        if !pins.lasting() {
            self.hold = Some(Hold::Link(id));
            return Ok(());
        }
        let link: FdLink = program.take_link(id).map_err(failed)?.try_into().map_err(|error| Error::Attach {
            interface: interface.clone(),
            mode: name,
            reason: causes(&error),
        })?;
        // A pin whose link died with its interface is replaced.
        let _ = fs::remove_file(&pin);
        let link = link.pin(&pin).map_err(|error| Error::Pins { path: pin, reason: causes(&error) })?;
        self.hold = Some(Hold::Pinned(link));
        Ok(())
    }

    /// Detaches the program, also if its link is pinned.
    ///
    /// # Errors
    /// The pin cannot be removed.
    pub fn detach(&mut self) -> Result<(), Error> {
        let interface = self.interface.clone();
        match self.hold.take() {
            None => Ok(()),
            Some(Hold::Pinned(link)) => match link.unpin() {
                Ok(_link) => Ok(()),
                Err(error) => Err(Error::Attach { interface, mode: "any", reason: error.to_string() }),
            },
            Some(Hold::Link(id)) => self.program_mut()?.detach(id).map_err(|error| refused(&interface, "any", &error)),
        }
    }

    /// Lets go of a program whose link is pinned: it stays attached.
    pub fn leave(mut self) {
        // The pin holds the link.
        drop(self.hold.take());
    }

    /// What was counted so far, over all CPUs.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        sum(map::STATS, &self.stats, 0)
    }

    /// The same of copies: of packets that came in, and of packets that went out.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn copies(&self) -> Result<[Stats; 2], Error> {
        Ok([sum(map::COPIES, &self.copies, 0)?, sum(map::COPIES, &self.copies, 1)?])
    }
}

/// Whether a loaded program of this name is a sensor's.
pub fn is_ours(name: &str) -> bool {
    [PROGRAM, PROGRAM_FRAGS].contains(&name)
}

/// Loads a program. The verifier gives up where something else wants this thread, and has to be asked again.
fn patiently(mut load: impl FnMut() -> Result<(), ProgramError>) -> Result<(), Error> {
    const ATTEMPTS: usize = 5;
    let is_passing = |error: &ProgramError| match error {
        ProgramError::LoadError { io_error, .. } => io_error.kind() == io::ErrorKind::WouldBlock,
        _ => false,
    };
    let mut result = load();
    for _ in 1..ATTEMPTS {
        match &result {
            Err(error) if is_passing(error) => result = load(),
            _ => break,
        }
    }
    result.map_err(|error| Error::Load(causes(&error)))
}

/// One place of a map of counters, over all CPUs.
fn sum(name: &'static str, map: &PerCpuArray<MapData, Stats>, place: u32) -> Result<Stats, Error> {
    let values = map.get(&place, 0).map_err(|error| Error::map(name, &error))?;
    Ok(values.iter().fold(Stats::default(), |sum, one| sum.plus(one)))
}

/// Gives signs of life for queues of one port.
pub struct Heartbeat {
    slots: Array<MapData, u64>,
}

impl Heartbeat {
    /// The worker of this queue lives.
    ///
    /// # Errors
    /// The queue's number is too large.
    pub fn beat(&mut self, queue: u32, now: Monotonic) -> Result<(), Error> {
        self.slots.set(queue, now.0, 0).map_err(|error| Error::map(map::HEARTBEAT, &error))
    }
}

/// The number of an interface.
///
/// # Errors
/// There is none of that name.
pub fn interface_index(interface: &str) -> Result<u32, Error> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
    let missing = |_| Error::NoInterface(interface.to_owned());
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).map_err(missing)?;
    netdevice::name_to_index(socket, interface).map_err(missing)
}

/// A pinned link, if its interface still exists.
fn pinned_link(pin: &std::path::Path) -> Option<XdpLink> {
    let link: FdLink = PinnedLink::from_pin(pin).ok()?.into();
    XdpLink::try_from(link).ok()
}

/// Tells "somebody else is there" from "it cannot be done".
fn refused(interface: &str, mode: &'static str, error: &ProgramError) -> Error {
    match error {
        ProgramError::SyscallError(error)
            if matches!(error.io_error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)) =>
        {
            Error::Busy { interface: interface.to_owned() }
        }
        error => Error::Attach { interface: interface.to_owned(), mode, reason: causes(error) },
    }
}
