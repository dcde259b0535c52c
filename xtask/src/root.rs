//! Commands as root: directly, or by sudo where that asks for no password.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::process::output;

/// How root can be had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// This is root.
    Already,
    /// By sudo, without a password.
    Sudo,
    /// Not at all.
    None,
}

impl Root {
    /// Finds out.
    pub(crate) fn find() -> Result<Self> {
        if output(Command::new("id").arg("-u"))? == "0" {
            return Ok(Self::Already);
        }
        let sudo = Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(if sudo.is_ok_and(|status| status.success()) { Self::Sudo } else { Self::None })
    }

    /// A command that runs as root.
    pub(crate) fn command(self, program: &str) -> Command {
        match self {
            Self::Already | Self::None => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", "-E", program]);
                command
            }
        }
    }

    /// Makes cargo run what it built as root.
    pub(crate) fn runner(self, cargo: &mut Command) {
        if self == Self::Sudo {
            cargo.args(["--config", r#"target.'cfg(all())'.runner = ["sudo", "-n", "-E"]"#]);
        }
    }
}
