//! What the program says about itself: on standard error, and in a file if the configuration names one.

use std::fs::File;
use std::io::IsTerminal as _;
use std::sync::Mutex;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::logging::Level;

/// Begins to log. `verbose` says more on standard error: one level more, or all there is.
pub fn start(console: Option<Level>, file: Option<(File, Level)>, verbose: u8) {
    let console = match verbose {
        0 => console,
        1 => console.max(Some(Level::Info)),
        _ => Some(Level::Debug),
    };
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let stderr = fmt::layer().with_writer(std::io::stderr).with_ansi(colour).without_time().with_target(false);
    let file = file.map(|(file, level)| {
        fmt::layer().with_writer(Mutex::new(file)).with_ansi(false).with_target(false).with_filter(filter(Some(level)))
    });
    // Set once for the process; a second command of the same process keeps the first.
    let _ = tracing_subscriber::registry().with(stderr.with_filter(filter(console))).with(file).try_init();
}

/// The database's own messages are of no use to an operator.
fn filter(level: Option<Level>) -> EnvFilter {
    let name = match level {
        None => "off",
        Some(Level::Error) => "error",
        Some(Level::Warn) => "warn",
        Some(Level::Info) => "info",
        Some(Level::Debug) => "debug",
    };
    EnvFilter::new(format!("{name},sled=off"))
}
