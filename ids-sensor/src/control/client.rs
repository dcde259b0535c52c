//! Asks a running sensor.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Answer, Hello, LONGEST, Request, Status, VERSIONS};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens there.
    #[error(
        "no sensor answers at {path}: start one with `ids-sensor run`, or say which one with `--name` and `--run-dir`"
    )]
    NoSensor {
        /// The socket.
        path: PathBuf,
    },
    /// Another sensor listens there already.
    #[error("another sensor is running and listens at {path}: stop it, or give this one another name with `--name`")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be used.
    #[error("the control socket {path} cannot be used: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What came back is not an answer.
    #[error("the answer of the sensor cannot be read: {0}")]
    Nonsense(String),
    /// The sensor said no.
    #[error("{0}")]
    Refused(String),
}

/// A conversation with a running sensor.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    reader: BufReader<UnixStream>,
}

impl Client {
    /// Connects and shakes hands. [`ControlError::NoSensor`] if nobody listens.
    pub fn connect(path: &Path) -> Result<Self, ControlError> {
        let stream = UnixStream::connect(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                ControlError::NoSensor { path: path.to_owned() }
            }
            _ => ControlError::Io { path: path.to_owned(), source },
        })?;
        let mut client = Self { path: path.to_owned(), reader: BufReader::new(stream) };
        let [_, version] = VERSIONS;
        client.reader.get_ref().set_read_timeout(Some(PATIENCE)).map_err(|source| client.io(source))?;
        client.send(&Hello { version: version.to_owned() })?;
        client.receive()?;
        Ok(client)
    }

    /// Lets answers take so long from now on.
    pub fn wait_for(&self, patience: Duration) -> Result<(), ControlError> {
        self.reader.get_ref().set_read_timeout(Some(patience)).map_err(|source| self.io(source))
    }

    /// Has a command carried out. Out: the message of the answer.
    pub fn call(&mut self, command: &str, arguments: Value) -> Result<Value, ControlError> {
        self.send(&Request { command: command.to_owned(), arguments })?;
        self.receive()
    }

    fn send(&mut self, line: &impl Serialize) -> Result<(), ControlError> {
        let mut text = serde_json::to_string(line).map_err(|error| ControlError::Nonsense(error.to_string()))?;
        text.push('\n');
        self.reader.get_mut().write_all(text.as_bytes()).map_err(|source| self.io(source))
    }

    fn receive(&mut self) -> Result<Value, ControlError> {
        let mut line = String::new();
        // Answers may be long: a page of alerts.
        let read = self.reader.by_ref().take(LONGEST * 64).read_line(&mut line);
        if read.map_err(|source| self.io(source))? == 0 {
            return Err(ControlError::NoSensor { path: self.path.clone() });
        }
        let answer: Answer = serde_json::from_str(&line).map_err(|error| ControlError::Nonsense(error.to_string()))?;
        match (answer.status, answer.message) {
            (Status::Ok, message) => Ok(message),
            (Status::Failed, Value::String(reason)) => Err(ControlError::Refused(reason)),
            (Status::Failed, other) => Err(ControlError::Refused(other.to_string())),
        }
    }

    fn io(&self, source: std::io::Error) -> ControlError {
        ControlError::Io { path: self.path.clone(), source }
    }
}
