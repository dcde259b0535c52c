//! Attributes of an interface that are files (sysfs(5), Documentation/ABI/testing/sysfs-class-net of the kernel).

use std::fs;
use std::io;
use std::path::PathBuf;

use super::Error;

/// The value of an attribute that is a number.
pub(super) fn get(interface: &str, name: &'static str) -> Result<u64, Error> {
    let text = fs::read_to_string(path(interface, name)).map_err(failed(interface, "reading an attribute"))?;
    text.trim().parse().map_err(io::Error::other).map_err(failed(interface, "reading an attribute"))
}

/// Changes it.
pub(super) fn set(interface: &str, name: &str, value: u64) -> Result<(), Error> {
    fs::write(path(interface, name), value.to_string()).map_err(failed(interface, "setting an attribute"))
}

fn path(interface: &str, name: &str) -> PathBuf {
    ["/sys/class/net", interface, name].iter().collect()
}

fn failed(interface: &str, step: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Device { interface: interface.to_owned(), step, source }
}
