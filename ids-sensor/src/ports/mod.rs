//! Interfaces are set up for inspection, and given back as they were.
//!
//! In: names of interfaces.  Out: promiscuous on; what would hide or merge packets off (VLAN stripping, LRO, GRO).
//! Holds: what was changed, also in a file, so that it can be given back after a crash. A change is written down
//! before it is made.

mod attribute;
mod describe;
mod device;
mod traffic;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use describe::{Description, Spread, describe};
use device::Device;
pub use traffic::{Traffic, traffic};

/// The folder for state files.
pub const RUN_DIR: &str = "/run/ids-sensor";

/// Above this, a frame does not fit into a buffer, and drivers take no XDP program but one for frames in several.
pub const MAX_MTU: u32 = 3_498;

/// How many of these hide VLAN tags; the others merge packets.
const VLAN_FEATURES: usize = 2;

/// Features that hide parts of a packet (stripped VLAN tags) or merge several into one, by their kernel names.
const OFF: [&str; 7] = [
    "rx-vlan-hw-parse",
    "rx-vlan-stag-hw-parse",
    "rx-lro",
    "rx-gro",
    "rx-gro-hw",
    "rx-gro-list",
    "rx-udp-gro-forwarding",
];

/// What interfaces are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// AF_XDP behind the kernel stage.
    Xdp,
    /// Packet sockets, which take packets of any size and put stripped VLAN tags back.
    Listen,
    /// The same behind the kernel stage, which does not.
    ListenBehindStage,
    /// The same for the packets of this machine alone.
    Host,
}

impl Use {
    /// What has to be off.
    fn off(self) -> &'static [&'static str] {
        match self {
            Self::Xdp | Self::ListenBehindStage | Self::Host => &OFF,
            Self::Listen => OFF.split_at(VLAN_FEATURES).1,
        }
    }

    /// Whether packets are taken from this machine's network stack.
    const fn takes(self) -> bool {
        matches!(self, Self::Xdp)
    }

    /// Whether packets for others are wanted, too.
    const fn is_promiscuous(self) -> bool {
        !matches!(self, Self::Host)
    }
}

/// Why an interface cannot be used as it is, and the command that would help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not there.
    #[error("there is no interface {0}; `ip link` lists them")]
    Missing(String),
    /// It is down.
    #[error("{0} is down: `ip link set {0} up`")]
    Down(String),
    /// A feature cannot be turned off.
    #[error("{interface}: {feature} stays on, and would hide or merge packets: `ethtool -K {interface} {feature} off`")]
    Stuck {
        /// The interface.
        interface: String,
        /// The feature.
        feature: String,
    },
    /// It is one of this machine's own, whose packets would be taken from it.
    #[error(
        "{0} has addresses, and what comes in by it would no longer reach this machine: watch copies (`-i {0} --capture \
         af-packet`, or `--host {0}`), or `ip addr flush dev {0}`"
    )]
    Addressed(String),
    /// The kernel refuses.
    #[error("{interface}: {step}: {source}")]
    Device {
        /// The interface.
        interface: String,
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The state file cannot be used.
    #[error("{path}: {source}")]
    State {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
}

/// What was changed on one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    interface: String,
    /// Promiscuous was off.
    promiscuous: bool,
    /// These features were on.
    features: Vec<String>,
    /// These attributes had other values.
    #[serde(default)]
    attributes: Vec<(String, u64)>,
}

/// The state file of one instance.
#[derive(Debug)]
struct State {
    path: PathBuf,
}

/// Interfaces that are set up. They are given back when this is dropped.
#[derive(Debug)]
pub struct Ports {
    state: State,
    changed: Vec<Changed>,
    given_back: bool,
}

impl Ports {
    /// Sets interfaces up. What an earlier process of this instance changed and did not give back counts as changed.
    ///
    /// # Errors
    /// An interface cannot be used; those set up before it are given back.
    pub fn set_up(run_dir: &Path, instance: &str, interfaces: &[&str], kind: Use) -> Result<Self, Error> {
        let state = State::new(run_dir, instance);
        let changed = state.read()?;
        let mut ports = Self { state, changed, given_back: false };
        for interface in interfaces {
            ports.set_up_one(interface, kind)?;
        }
        Ok(ports)
    }

    fn set_up_one(&mut self, interface: &str, kind: Use) -> Result<(), Error> {
        let device = Device::open(interface)?;
        if !device.is_up()? {
            return Err(Error::Down(interface.to_owned()));
        }
        if kind.takes() && device.has_address()? {
            return Err(Error::Addressed(interface.to_owned()));
        }
        let on = device.features()?;
        let turn_off: Vec<&str> = kind.off().iter().copied().filter(|name| on.iter().any(|f| f == name)).collect();
        let promiscuous = kind.is_promiscuous() && !device.is_promiscuous()?;

        self.note(interface, promiscuous, &turn_off)?;
        if promiscuous {
            device.set_promiscuous(true)?;
        }
        device.set_features(&turn_off, false)?;
        let still_on = device.features()?;
        match turn_off.into_iter().find(|name| still_on.iter().any(|f| f == name)) {
            Some(feature) => Err(Error::Stuck { interface: interface.to_owned(), feature: feature.to_owned() }),
            None => Ok(()),
        }
    }

    /// Writes down what is about to change.
    fn note(&mut self, interface: &str, promiscuous: bool, features: &[&str]) -> Result<(), Error> {
        let at = self.changed.iter().position(|changed| changed.interface == interface).unwrap_or_else(|| {
            self.changed.push(Changed { interface: interface.to_owned(), ..Changed::default() });
            self.changed.len() - 1
        });
        let changed = &mut self.changed[at];
        changed.promiscuous |= promiscuous;
        for feature in features {
            if !changed.features.iter().any(|known| known == feature) {
                changed.features.push((*feature).to_owned());
            }
        }
        self.state.write(&self.changed)
    }

    /// Sets attributes of an interface that was set up, by their names in sysfs. They do not outlive the process, also
    /// where the rest [does](Self::leave).
    ///
    /// # Errors
    /// The kernel has no such attribute, or refuses.
    pub fn set_attributes(&mut self, interface: &str, attributes: &[(&'static str, u64)]) -> Result<(), Error> {
        for (name, value) in attributes {
            let before = attribute::get(interface, name)?;
            let Some(changed) = self.changed.iter_mut().find(|changed| changed.interface == interface) else {
                continue;
            };
            if !changed.attributes.iter().any(|(known, _)| known == name) {
                changed.attributes.push(((*name).to_owned(), before));
            }
            self.state.write(&self.changed)?;
            attribute::set(interface, name, *value)?;
        }
        Ok(())
    }

    /// Gives all interfaces back.
    ///
    /// # Errors
    /// The first that could not be given back; the others were.
    pub fn give_back(mut self) -> Result<(), Error> {
        self.given_back = true;
        give_back(&self.state, &self.changed)
    }

    /// Leaves all interfaces as they are but for their attributes: [`give_back_after_crash`] knows what was changed.
    pub fn leave(mut self) {
        self.given_back = true;
        for changed in &mut self.changed {
            match restore_attributes(changed) {
                Ok(()) => changed.attributes.clear(),
                Err(error) => tracing::warn!(%error, "an interface is not as it was"),
            }
        }
        if let Err(error) = self.state.write(&self.changed) {
            tracing::warn!(%error, "what was changed is not written down as it is");
        }
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        if !self.given_back
            && let Err(error) = give_back(&self.state, &self.changed)
        {
            tracing::warn!(%error, "an interface is not as it was");
        }
    }
}

/// Gives back what a process that is gone had changed; whether there was anything.
///
/// # Errors
/// The state file cannot be read, or an interface refuses.
pub fn give_back_after_crash(run_dir: &Path, instance: &str) -> Result<bool, Error> {
    let state = State::new(run_dir, instance);
    let changed = state.read()?;
    give_back(&state, &changed)?;
    Ok(!changed.is_empty())
}

/// How many receive queues an interface has in use.
///
/// # Errors
/// There is no such interface.
pub fn queues(interface: &str) -> Result<u32, Error> {
    Device::open(interface)?.queues()
}

/// Whether an interface is up and has a carrier.
///
/// # Errors
/// There is no such interface.
pub fn has_carrier(interface: &str) -> Result<bool, Error> {
    let device = Device::open(interface)?;
    Ok(device.is_up()? && device.has_carrier()?)
}

/// The MTU of an interface.
///
/// # Errors
/// There is no such interface.
pub fn mtu(interface: &str) -> Result<u32, Error> {
    Device::open(interface)?.mtu()
}

fn give_back(state: &State, changed: &[Changed]) -> Result<(), Error> {
    let mut result = Ok(());
    for one in changed {
        match restore(one) {
            // It left with its settings.
            Ok(()) | Err(Error::Missing(_)) => {}
            Err(error) if result.is_ok() => result = Err(error),
            Err(error) => tracing::warn!(%error, "an interface is not as it was"),
        }
    }
    result.and(state.remove())
}

fn restore(changed: &Changed) -> Result<(), Error> {
    let device = Device::open(&changed.interface)?;
    let features: Vec<&str> = changed.features.iter().map(String::as_str).collect();
    device.set_features(&features, true)?;
    if changed.promiscuous {
        device.set_promiscuous(false)?;
    }
    restore_attributes(changed)
}

fn restore_attributes(changed: &Changed) -> Result<(), Error> {
    changed.attributes.iter().try_for_each(|(name, value)| attribute::set(&changed.interface, name, *value))
}

impl State {
    fn new(run_dir: &Path, instance: &str) -> Self {
        Self { path: run_dir.join(format!("{instance}.ports.json")) }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::State { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<Vec<Changed>, Error> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Whole or not at all: a half-written file would give nothing back.
    fn write(&self, changed: &[Changed]) -> Result<(), Error> {
        let write = || {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let new = self.path.with_extension("new");
            fs::write(&new, serde_json::to_vec_pretty(changed)?)?;
            fs::rename(&new, &self.path)
        };
        write().map_err(|error| self.failed(error))
    }

    fn remove(&self) -> Result<(), Error> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path(), "one");
        assert_eq!(state.read().unwrap(), []);
        let mut ports = Ports { state, changed: Vec::new(), given_back: true };
        ports.note("no-such-if", true, &["rx-gro"]).unwrap();
        ports.note("no-such-if", false, &["rx-gro", "rx-lro"]).unwrap();
        let noted = ports.state.read().unwrap();
        assert_eq!(noted.len(), 1);
        assert!(noted[0].promiscuous);
        assert_eq!(noted[0].features, ["rx-gro", "rx-lro"]);
        assert!(give_back_after_crash(folder.path(), "one").unwrap(), "an interface that is gone needs nothing");
        assert!(!give_back_after_crash(folder.path(), "one").unwrap());
    }

    #[test]
    fn a_damaged_state_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.ports.json"), b"[{").unwrap();
        let error = give_back_after_crash(folder.path(), "one").unwrap_err();
        assert!(error.to_string().contains("one.ports.json"), "{error}");
    }

    #[test]
    fn a_missing_interface_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Ports::set_up(folder.path(), "one", &["no-such-if"], Use::Xdp).unwrap_err();
        assert_eq!(error.to_string(), "there is no interface no-such-if; `ip link` lists them");
    }
}
