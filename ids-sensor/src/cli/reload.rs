//! `reload`: has a running sensor load its rules again.

use std::time::Duration;

use serde_json::{Value, json};

use super::args::Reload;
use super::{Failure, ask, running, say};

/// How long loading rules may take: far more than the largest sets need.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Reload) -> Result<(), Failure> {
    let mut client = running(&args.instance)?;
    client.wait_for(PATIENCE).map_err(Failure::environment)?;
    let done: Value = ask(&mut client, "reload", &json!({}))?;
    if args.json {
        say::line(done)?;
    } else {
        let (failed, skipped) = (&done["failed"], &done["skipped"]);
        say::line(format_args!(
            "{} rules are in force; {failed} did not load, {skipped} were passed over",
            done["loaded"]
        ))?;
    }
    Ok(())
}
