//! The command line: words → what to do, and exit codes.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done, with warnings that name what was wrong |
//! | 1 | a refusal: configuration, rules, or what was asked to be strict about |
//! | 2 | usage |
//! | 3 | the environment: rights, interfaces, files that are not there or cannot be read or written |
//!
//! Without a subcommand the flags of Suricata mean what they mean there.

pub mod alerts;
pub mod args;
pub mod block;
pub mod doctor;
pub mod established;
pub mod log;
pub mod prove;
pub mod reload;
pub mod replay;
pub mod rules;
pub mod run;
pub mod say;
pub mod settings;
pub mod status;
pub mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::logging::Level;
use crate::control;
use crate::control::client::{Client, ControlError};
use args::{Cli, Command};
use clap::Parser as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a command ends early. What is said goes to standard error, one line a problem.
#[derive(Debug)]
pub enum Failure {
    /// 1: it could be done, but must not.
    Refusal(Vec<String>),
    /// 2: it was asked for in a way that cannot be understood.
    Usage(String),
    /// 3: the machine does not let us.
    Environment(String),
    /// 3: these outputs could not be written.
    Unwritten(Vec<String>),
}

impl Failure {
    /// A refusal for one reason.
    pub fn refusal(reason: impl std::fmt::Display) -> Self {
        Self::Refusal(vec![reason.to_string()])
    }

    /// What the machine says.
    pub fn environment(reason: impl std::fmt::Display) -> Self {
        Self::Environment(reason.to_string())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Refusal(_) => 1,
            Self::Usage(_) => 2,
            Self::Environment(_) | Self::Unwritten(_) => 3,
        }
    }

    /// Nothing, if everything could be written.
    ///
    /// # Errors
    /// Some records are lost: these reasons.
    pub fn unless_written(errors: Vec<String>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self::Unwritten(errors)) }
    }

    /// What is to be said.
    pub fn into_lines(self) -> Vec<String> {
        match self {
            Self::Refusal(lines) => lines,
            Self::Usage(line) | Self::Environment(line) => vec![line],
            Self::Unwritten(mut lines) => {
                lines.push(WRITE_ELSEWHERE.to_owned());
                lines
            }
        }
    }
}

/// What helps against outputs that cannot be written.
const WRITE_ELSEWHERE: &str = "records are lost there: make room, or choose another folder with `-l`";

/// Runs the program. In: the words of the command line, the program's name first.
pub fn main(words: Vec<OsString>) -> ExitCode {
    let words = match established::translate(words) {
        Ok(words) => words,
        Err(failure) => return report(failure),
    };
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for, everything else is a mistake. Nobody reading is fine.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(failure),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Replay(args) => replay::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Detach(args) => {
            log::start(Some(Level::Warn), None, 0);
            run::detach(&args)
        }
        Command::Doctor(args) => {
            log::start(Some(Level::Warn), None, 0);
            doctor::run(&args)
        }
        Command::Status(args) => {
            log::start(Some(Level::Warn), None, 0);
            status::run(&args)
        }
        Command::Block(args) => {
            log::start(Some(Level::Warn), None, 0);
            block::run(&args)
        }
        Command::Why(args) => {
            log::start(Some(Level::Warn), None, 0);
            why::run(&args)
        }
        Command::Reload(args) => {
            log::start(Some(Level::Warn), None, 0);
            reload::run(&args)
        }
        Command::Prove(args) => prove::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Alerts(args) => {
            log::start(Some(Level::Warn), None, 0);
            alerts::run(&args)
        }
    }
}

/// A conversation with the sensor that is meant; `None` if it does not run.
///
/// # Errors
/// It runs, but the socket cannot be used (3).
fn sensor(instance: &args::Instance) -> Result<Option<Client>, Failure> {
    match Client::connect(&control::path(&instance.run_dir, &instance.name)) {
        Ok(client) => Ok(Some(client)),
        Err(ControlError::NoSensor { .. }) => Ok(None),
        Err(error) => Err(Failure::environment(error)),
    }
}

/// The same, where a sensor must run.
///
/// # Errors
/// It does not (3).
fn running(instance: &args::Instance) -> Result<Client, Failure> {
    let path = control::path(&instance.run_dir, &instance.name);
    sensor(instance)?.ok_or_else(|| Failure::environment(ControlError::NoSensor { path }))
}

/// Has a command carried out. What the sensor refuses is a refusal (1), everything else the environment (3).
fn ask<T: DeserializeOwned>(client: &mut Client, command: &str, arguments: &impl Serialize) -> Result<T, Failure> {
    let arguments = serde_json::to_value(arguments).map_err(Failure::environment)?;
    let message = client.call(command, arguments).map_err(|error| match error {
        ControlError::Refused(_) => Failure::refusal(error),
        error => Failure::environment(error),
    })?;
    serde_json::from_value(message)
        .map_err(|error| Failure::Environment(format!("the answer of the sensor cannot be read: {error}")))
}

fn report(failure: Failure) -> ExitCode {
    let code = failure.code();
    for line in failure.into_lines() {
        eprintln!("ids-sensor: {line}");
    }
    ExitCode::from(code)
}
