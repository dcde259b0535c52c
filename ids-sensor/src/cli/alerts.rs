//! `alerts list|show|stats`: reads the store when no sensor runs.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use ids_core::time::Time;
use serde_json::{Value, json};

use super::Failure;
use super::args::{Alerts, AlertsCommand, AlertsList};
use crate::config::scalar;
use crate::output::OutputError;
use crate::output::store::{AlertStore, Page, Query, StoreError, Stored};

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Alerts) -> Result<(), Failure> {
    match &args.what {
        AlertsCommand::List(list) => self::list(list),
        AlertsCommand::Show { id, place } => {
            let store = open(&place.folder)?;
            let found = store.get(*id).map_err(Failure::environment)?;
            let alert = found.ok_or_else(|| Failure::refusal(format!("there is no alert {id}")))?;
            let record: Value = serde_json::from_slice(&alert.json).map_err(Failure::environment)?;
            println!("{}", serde_json::to_string_pretty(&record).map_err(Failure::environment)?);
            Ok(())
        }
        AlertsCommand::Stats { json, place } => {
            let stats = open(&place.folder)?.stats().map_err(Failure::environment)?;
            if *json {
                println!(
                    "{}",
                    json!({"alerts": stats.alerts, "bytes": stats.bytes, "periods": stats.periods, "damaged": stats.damaged})
                );
            } else {
                let size = indicatif::HumanBytes(stats.bytes);
                println!("{} alerts in {} periods, {size} on disk", stats.alerts, stats.periods);
                if stats.damaged > 0 {
                    println!("{} damaged periods were set aside", stats.damaged);
                }
            }
            Ok(())
        }
    }
}

/// The store in this folder, or in the `store` folder below it.
fn open(folder: &Path) -> Result<Box<dyn AlertStore>, Failure> {
    let inside: PathBuf = folder.join("store");
    let folder = if inside.is_dir() { &inside } else { folder };
    crate::output::open_store(folder).map_err(|error| match error {
        OutputError::Store(StoreError::Missing(_)) => Failure::refusal(format!("{error}; give the log folder with -l")),
        error => Failure::environment(error),
    })
}

fn list(args: &AlertsList) -> Result<(), Failure> {
    let query = Query {
        from: args.since.as_deref().map_or(Ok(Time::ZERO), time)?,
        to: args.until.as_deref().map_or(Ok(Time::from_nanos(u64::MAX)), time)?,
        sid: args.sid,
        addr: args.addr,
        limit: args.limit.clamp(1, 1_000_000),
        cursor: args.after,
        newest_first: !args.oldest_first,
    };
    let page = open(&args.place.folder)?.scan(&query).map_err(Failure::environment)?;
    if args.json {
        for alert in &page.alerts {
            println!("{}", String::from_utf8_lossy(&alert.json));
        }
    } else {
        println!("{}", table(&page));
    }
    if page.damaged > 0 {
        eprintln!("warning: {} places of the store are damaged; eve.json has all alerts", page.damaged);
    }
    if let Some(next) = page.next.filter(|_| !args.json) {
        println!("there is more: --after {next}");
    }
    Ok(())
}

/// A moment: RFC 3339, a date, or a span of time that is past.
fn time(text: &str) -> Result<Time, Failure> {
    let moment = |timestamp: jiff::Timestamp| u64::try_from(timestamp.as_nanosecond()).ok().map(Time::from_nanos);
    let bare = text.trim().trim_end_matches("ago").trim().replace(' ', "");
    if let Some(span) = scalar::duration(&bare).filter(|_| !bare.contains('-')) {
        let now = jiff::Timestamp::now().as_nanosecond();
        let past = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
        return Ok(Time::from_nanos(u64::try_from(now.saturating_sub(past).max(0)).unwrap_or(0)));
    }
    let zoned =
        |local: jiff::civil::DateTime| local.to_zoned(jiff::tz::TimeZone::system()).ok().map(|zoned| zoned.timestamp());
    let timestamp = text.parse::<jiff::Timestamp>().ok();
    let timestamp = timestamp.or_else(|| zoned(text.parse::<jiff::civil::DateTime>().ok()?));
    let timestamp = timestamp.or_else(|| zoned(text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0)));
    timestamp
        .and_then(moment)
        .ok_or_else(|| Failure::Usage(format!("`{text}` is no time: write 2026-01-02T03:04:05Z, 2026-01-02 or 2h")))
}

fn table(page: &Page) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["TIME", "ACTION", "SID", "SIGNATURE", "FLOW", "ID"]);
    for alert in &page.alerts {
        table.add_row(row(alert));
    }
    table
}

fn row(stored: &Stored) -> [String; 6] {
    let record: Value = serde_json::from_slice(&stored.json).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = |addr: &str, port: &str| {
        let port = record[port].as_u64().map_or(String::new(), |port| format!(":{port}"));
        format!("{}{port}", text(&record[addr]))
    };
    let flow = format!("{} {} -> {}", text(&record["proto"]), end("src_ip", "src_port"), end("dest_ip", "dest_port"));
    let time: String = text(&record["timestamp"]).chars().take(19).collect();
    let alert = &record["alert"];
    let sid = alert["signature_id"].as_u64().map_or(String::new(), |sid| sid.to_string());
    [time, text(&alert["action"]), sid, text(&alert["signature"]), flow, stored.id.to_string()]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Far more than a test may take, far less than what it tells apart.
    const TICK: Duration = Duration::from_secs(60);

    #[test]
    fn moments() {
        assert_eq!(time("2026-01-02T03:04:05Z").unwrap(), Time::from_micros(1_767_323_045, 0));
        assert!(time("2026-01-02").is_ok());
        let now = Time::from_nanos(u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap());
        for (text, seconds) in [("2h", 7200), ("2 hours ago", 7200), ("30m", 1800), ("7d", 604_800)] {
            let age = now.since(time(text).unwrap());
            assert!(age < Duration::from_secs(seconds) + TICK && age + TICK > Duration::from_secs(seconds), "{text}");
        }
        assert!(matches!(time("yesterday-ish"), Err(Failure::Usage(_))));
    }
}
