//! The control socket: how `alerts`, `block` and other tools talk to a running sensor.
//!
//! JSON, one object a line, over a Unix socket that its owner alone may open. The handshake and the form of requests
//! and answers are those of the established unix-command protocol, so its tools work here:
//!
//! ```text
//! client  {"version": "0.2"}                                       sensor  {"return": "OK"}
//! client  {"command": "block-list", "arguments": {}}               sensor  {"return": "OK", "message": …}
//! ```
//!
//! [`server`] serves, [`client`] asks. Neither knows what commands do: a [`Commands`] does.

pub mod client;
pub mod requests;
pub mod server;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line that is read from a peer, in bytes.
const LONGEST: u64 = 1 << 20;

/// Protocol versions that are accepted; the second one ends every answer with a line end.
const VERSIONS: [&str; 2] = ["0.1", "0.2"];

/// Answers commands.
pub trait Commands: Send + Sync {
    /// Names of the commands that are understood, sorted.
    fn names(&self) -> Vec<&'static str>;

    /// Carries out a command. Out: the message of the answer, or why it failed.
    fn call(&self, command: &str, arguments: &Value) -> Result<Value, String>;
}

/// The first line from a client.
#[derive(Debug, Deserialize, Serialize)]
struct Hello {
    version: String,
}

/// Every other line from a client.
#[derive(Debug, Deserialize, Serialize)]
struct Request {
    command: String,
    #[serde(default)]
    arguments: Value,
}

/// Every line from the sensor.
#[derive(Debug, Deserialize, Serialize)]
struct Answer {
    #[serde(rename = "return")]
    status: Status,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    message: Value,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
enum Status {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "NOK")]
    Failed,
}

/// Where the socket of the sensor of this name is, in the folder of run-time files.
pub fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    struct Echo;

    impl Commands for Echo {
        fn names(&self) -> Vec<&'static str> {
            vec!["echo"]
        }

        fn call(&self, command: &str, arguments: &Value) -> Result<Value, String> {
            match command {
                "echo" => Ok(arguments.clone()),
                other => Err(format!("unknown command `{other}`")),
            }
        }
    }

    #[test]
    fn a_conversation() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "test");
        let server = server::start(&path, std::sync::Arc::new(Echo)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let mut client = client::Client::connect(&path).unwrap();
        assert_eq!(client.call("echo", json!({"a": 1})).unwrap(), json!({"a": 1}));
        assert_eq!(client.call("command-list", json!({})).unwrap()["commands"], json!(["command-list", "echo"]));
        assert!(client.call("nonsense", json!({})).unwrap_err().to_string().contains("unknown command `nonsense`"));
        // Still usable after a refusal, and by two clients at a time.
        let mut other = client::Client::connect(&path).unwrap();
        assert_eq!(other.call("echo", json!(2)).unwrap(), json!(2));
        assert_eq!(client.call("echo", json!(3)).unwrap(), json!(3));

        server.stop();
        assert!(!path.exists());
        assert!(matches!(client::Client::connect(&path), Err(client::ControlError::NoSensor { .. })));
    }

    #[test]
    fn a_socket_left_behind_is_taken_over_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "test");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let server = server::start(&path, std::sync::Arc::new(Echo)).unwrap();
        assert!(matches!(server::start(&path, std::sync::Arc::new(Echo)), Err(client::ControlError::InUse { .. })));
        server.stop();
    }

    #[test]
    fn nonsense_is_answered_and_the_connection_closed() {
        use std::io::{Read, Write};
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "test");
        let server = server::start(&path, std::sync::Arc::new(Echo)).unwrap();
        let mut raw = std::os::unix::net::UnixStream::connect(&path).unwrap();
        raw.write_all(b"what?\n").unwrap();
        let mut answer = String::new();
        raw.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("NOK"), "{answer}");
        server.stop();
    }
}
