//! The one way to standard output.
//!
//! A reader who has seen enough (`ids-sensor alerts list | head`) is no failure: what comes after goes nowhere, and
//! the command ends with the code that it would have had. Everything else that goes wrong is told.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use super::Failure;

/// Writes a line.
///
/// # Errors
/// Standard output cannot be written to (3), unless it is a pipe that nobody reads.
pub fn line(text: impl Display) -> Result<(), Failure> {
    said(writeln!(io::stdout(), "{text}"))
}

/// Writes text that has its line ends.
///
/// # Errors
/// As with [`line()`].
pub fn text(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout();
    said(write!(out, "{text}").and_then(|()| out.flush()))
}

/// Writes text that has its line ends; whether anybody still reads.
///
/// # Errors
/// As with [`line()`].
pub fn while_read(text: impl Display) -> Result<bool, Failure> {
    let mut out = io::stdout();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => said(written).map(|()| true),
    }
}

fn said(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Environment(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
