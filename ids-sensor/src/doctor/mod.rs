//! What of this machine stands in the way of a live run, and the command that mends it.
//!
//! In: a [`Question`]: the ports, how they are to be used, and where things lie.  Out: [`Finding`]s, one thing each.
//! Nothing is changed: what can only be known by trying is tried in a way that leaves nothing behind.

mod machine;
mod netlink;
mod port;

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct Question {
    /// These interfaces; none means all that are up and speak Ethernet.
    pub interfaces: Vec<String>,
    /// Threads per interface or pair.
    pub workers: usize,
    /// Entries of each ring.
    pub ring: u32,
    /// Where the bpf file system is to be mounted.
    pub bpffs: PathBuf,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could, or not in every mode.
    Warn,
    /// A sensor cannot run like this.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub level: Level,
    /// The interface, or `machine`.
    pub about: String,
    /// What was looked at.
    pub check: &'static str,
    /// What was found.
    pub says: String,
    /// The command that mends it, if there is one.
    pub mend: Option<String>,
}

impl Finding {
    fn new(level: Level, about: &str, check: &'static str, says: impl Into<String>) -> Self {
        Self { level, about: about.to_owned(), check, says: says.into(), mend: None }
    }

    fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.about, self.check, self.says)?;
        match &self.mend {
            Some(command) => write!(f, ": `{command}`"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// Looks at everything: the machine first, then each port.
pub fn examine(question: &Question) -> Vec<Finding> {
    let mut findings = machine::examine(question);
    findings.extend(ports(question));
    findings
}

/// Looks at the ports alone.
pub fn ports(question: &Question) -> Vec<Finding> {
    let links = match netlink::links() {
        Ok(links) => links,
        Err(error) => {
            return vec![Finding::new(Level::Fail, MACHINE, "interfaces", format!("cannot be listed: {error}"))];
        }
    };
    let all: Vec<String> = links.iter().filter(|link| link.ethernet && link.up).map(|link| link.name.clone()).collect();
    let names = if question.interfaces.is_empty() { &all } else { &question.interfaces };
    if names.is_empty() {
        let none = Finding::new(Level::Warn, MACHINE, "interfaces", "none is up that speaks Ethernet").mend("ip link");
        return vec![none];
    }
    names.iter().flat_map(|name| port::examine(name, &links, question)).collect()
}

/// What findings are about that are of no port.
const MACHINE: &str = "machine";
