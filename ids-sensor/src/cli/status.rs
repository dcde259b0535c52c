//! `status`: what a running sensor says about itself.

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::args::Status;
use super::{Failure, ask, running, say};

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Status) -> Result<(), Failure> {
    let mut client = running(&args.instance)?;
    let status: Value = ask(&mut client, "status", &json!({}))?;
    if args.json {
        say::line(status)?;
        return Ok(());
    }
    let name = &args.instance.name;
    say::line(format_args!("`{name}` has been running for {} s (process {})", status["uptime"], status["pid"]))?;
    let rules = &status["rules"];
    say::line(format_args!(
        "{} rules in force, {} did not load; reloaded {} times",
        rules["loaded"], rules["failed"], rules["reloads"]
    ))?;
    if let Some(refused) = rules["refused"].as_str().filter(|refused| !refused.is_empty()) {
        say::line(format_args!("the latest reload was refused: {refused}"))?;
    }
    say::line(table(&status))?;
    if let Some(line) = refused(&status) {
        say::line(line)?;
    }
    Ok(())
}

/// Blocks that must not be, by reason; nothing if there were none.
fn refused(status: &Value) -> Option<String> {
    let reasons = status["blocks"]["refused"].as_object()?.iter();
    let reasons: Vec<String> = reasons
        .filter(|(_, count)| count.as_u64() > Some(0))
        .map(|(reason, count)| format!("{} {count}", reason.replace('_', " ")))
        .collect();
    (!reasons.is_empty()).then(|| format!("blocks not carried out: {}", reasons.join(", ")))
}

fn table(status: &Value) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["PORT", "MODE", "RECEIVED", "INSPECTED", "DROPPED BY RULES", "BY BLOCKS", "LOST"]);
    for port in status["ports"].as_array().into_iter().flatten() {
        let kernel = |name: &str| port["kernel"][name]["packets"].as_u64().unwrap_or_default();
        let queues = || port["queues"].as_array().into_iter().flatten();
        let sum = |name: &str| queues().filter_map(|queue| queue[name].as_u64()).sum::<u64>();
        let lost: u64 = queues()
            .filter_map(|queue| queue["lost"].as_object())
            .flat_map(|lost| lost.values().filter_map(Value::as_u64))
            .sum();
        table.add_row([
            port["interface"].as_str().unwrap_or_default().to_owned(),
            port["mode"].as_str().unwrap_or_default().to_owned(),
            port["received"]["packets"].to_string(),
            sum("received").to_string(),
            sum("dropped").to_string(),
            (kernel("drop.flow") + kernel("drop.host")).to_string(),
            lost.to_string(),
        ]);
    }
    table
}
