//! `block list|add|del`: asks the running sensor, or works on the maps that an earlier one left.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Block, BlockCommand, Instance};
use super::{Failure, ask, say, sensor};
use crate::control::requests::{BlockAdd, BlockDel, Blocked};
use crate::kernel::{Pins, Prefix, Sizes, Tables};
use crate::layout::{self, Column, Gives};
use crate::sensor::blocks;
use crate::sensor::commands::not_blocked;

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Block) -> Result<(), Failure> {
    match &args.what {
        BlockCommand::List { json, instance } => list(instance, *json),
        BlockCommand::Add { target, ttl, reason, json, instance } => add(instance, *target, *ttl, reason, *json),
        BlockCommand::Del { target, json, instance } => del(instance, *target, *json),
    }
}

fn list(instance: &Instance, json: bool) -> Result<(), Failure> {
    let blocked: Vec<Blocked> = match sensor(instance)? {
        Some(mut client) => ask(&mut client, "block-list", &json!({}))?,
        None => match left_behind(instance)? {
            Some(tables) => blocks::list(&tables, &HashMap::new()).map_err(Failure::environment)?,
            None => return Err(nothing(instance)),
        },
    };
    if json {
        say::line(serde_json::to_string(&blocked).map_err(Failure::environment)?)?;
    } else {
        say::text(layout::table(COLUMNS, blocked.iter().map(row).collect(), layout::width()))?;
    }
    Ok(())
}

fn add(instance: &Instance, target: Prefix, ttl: Duration, reason: &str, json: bool) -> Result<(), Failure> {
    // The kernel's clock is finer, people's are not.
    let seconds = ttl.as_secs().max(1);
    match sensor(instance)? {
        Some(mut client) => {
            let wanted = BlockAdd { target: target.to_string(), ttl: seconds, reason: reason.to_owned() };
            let _: Value = ask(&mut client, "block-add", &wanted)?;
        }
        None => {
            let mut tables = left_behind(instance)?.ok_or_else(|| nothing(instance))?;
            if blocks::allowed(&tables, target).map_err(Failure::environment)? {
                return Err(Failure::refusal(format!("{target} is shielded: no block may name it")));
            }
            blocks::add(&mut tables, target, Duration::from_secs(seconds)).map_err(Failure::environment)?;
            if !reason.is_empty() {
                eprintln!("warning: no sensor is running that could keep the reason");
            }
        }
    }
    if json {
        say::line(json!({"target": target.to_string(), "ttl": seconds}))?;
    } else {
        say::line(format_args!("{target} is blocked for {seconds} s"))?;
    }
    Ok(())
}

fn del(instance: &Instance, target: Prefix, json: bool) -> Result<(), Failure> {
    match sensor(instance)? {
        Some(mut client) => {
            let _: Value = ask(&mut client, "block-del", &BlockDel { target: target.to_string() })?;
        }
        None => {
            let mut tables = left_behind(instance)?.ok_or_else(|| nothing(instance))?;
            if !tables.unblock(target).map_err(Failure::environment)? {
                return Err(Failure::refusal(not_blocked(target)));
            }
        }
    }
    if json {
        say::line(json!({"target": target.to_string()}))?;
    } else {
        say::line(format_args!("{target} is not blocked any more"))?;
    }
    Ok(())
}

/// The maps that a sensor left which does not run; `None` if there are none.
pub(super) fn left_behind(instance: &Instance) -> Result<Option<Tables>, Failure> {
    // A folder that cannot be looked into is not an empty one.
    let folder = &instance.bpffs;
    if let Err(error) = std::fs::read_dir(folder)
        && error.kind() == ErrorKind::PermissionDenied
    {
        return Err(Failure::Environment(format!(
            "cannot look for blocks in {}: {error}; run as root",
            folder.display()
        )));
    }
    let Some(pins) = Pins::existing(&instance.bpffs, &instance.name) else { return Ok(None) };
    Tables::open(&pins, Sizes::default()).map(Some).map_err(Failure::environment)
}

/// What is said where neither a sensor nor its maps are there.
pub(super) fn nothing(instance: &Instance) -> Failure {
    let name = &instance.name;
    Failure::Environment(format!(
        "no sensor `{name}` is running, and none left maps in {}: start one with `ids-sensor run`",
        instance.bpffs.display()
    ))
}

const COLUMNS: &[Column] = &[
    ("KIND", Gives::Nothing),
    ("TARGET", Gives::Nothing),
    ("SECONDS LEFT", Gives::Nothing),
    ("PACKETS", Gives::Nothing),
    ("SID", Gives::Nothing),
    ("REASON", Gives::Cut),
];

fn row(block: &Blocked) -> Vec<String> {
    let sid = if block.sid == 0 { String::new() } else { block.sid.to_string() };
    let [ttl, packets] = [block.ttl, block.packets].map(|number| number.to_string());
    vec![block.kind.clone(), block.target.clone(), ttl, packets, sid, block.reason.clone()]
}
