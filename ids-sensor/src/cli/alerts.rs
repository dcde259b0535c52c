//! `alerts list|show|stats`: asks the running sensor, or reads the store when none runs.

use std::path::{Path, PathBuf};

use ids_core::time::Time;
use serde_json::{Value, json};

use super::args::{Alerts, AlertsCommand, AlertsList, Instance, StorePlace};
use super::{Failure, ask, say, sensor};
use crate::config::scalar;
use crate::control::client::Client;
use crate::control::requests::{self, AlertRow, AlertsPage, AlertsShow};
use crate::layout::{self, Column, Gives};
use crate::output::OutputError;
use crate::output::store::{AlertId, AlertStore, Query, StoreError};

/// Where alerts are asked for.
enum Place {
    /// A sensor that runs.
    Sensor(Box<Client>),
    /// A store that nobody else has open.
    Store(Box<dyn AlertStore>),
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub fn run(args: &Alerts) -> Result<(), Failure> {
    match &args.what {
        AlertsCommand::List(list) => self::list(list),
        AlertsCommand::Show { id, place } => {
            let row = find(place, *id)?;
            say::line(serde_json::to_string_pretty(&row.record).map_err(Failure::environment)?)?;
            Ok(())
        }
        AlertsCommand::Stats { json, place } => {
            let folder = folder(place);
            let stats = open_store(&folder).map_err(|error| unusable(&error))?.stats().map_err(Failure::environment)?;
            if *json {
                say::line(
                    json!({"alerts": stats.alerts, "bytes": stats.bytes, "periods": stats.periods, "damaged": stats.damaged}),
                )?;
            } else {
                let size = indicatif::HumanBytes(stats.bytes);
                say::line(format_args!("{} alerts in {} periods, {size} on disk", stats.alerts, stats.periods))?;
                if stats.damaged > 0 {
                    say::line(format_args!("{} periods are damaged", stats.damaged))?;
                }
            }
            Ok(())
        }
    }
}

/// The sensor where one runs; with a folder, the store there, unless it is that sensor's own.
fn open(place: &StorePlace) -> Result<Place, Failure> {
    if place.folder.is_none()
        && let Some(client) = sensor(&place.instance)?
    {
        return Ok(Place::Sensor(Box::new(client)));
    }
    let folder = folder(place);
    match open_store(&folder) {
        Ok(store) => Ok(Place::Store(store)),
        Err(error @ OutputError::Store(StoreError::InUse(_))) => match writer_of(&folder, &place.instance)? {
            Some(client) => Ok(Place::Sensor(Box::new(client))),
            None => Err(unusable(&error)),
        },
        Err(error) => Err(unusable(&error)),
    }
}

/// The sensor, if it is the one that writes this store.
fn writer_of(folder: &Path, instance: &Instance) -> Result<Option<Client>, Failure> {
    let Some(mut client) = sensor(instance)? else { return Ok(None) };
    let status: Value = ask(&mut client, "status", &json!({}))?;
    let real = |path: &Path| path.canonicalize().ok();
    let places = status["outputs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut places = places.map(|place| real(Path::new(place)));
    let wanted = real(folder);
    Ok(places.any(|place| place.is_some() && place == wanted).then_some(client))
}

/// The folder that is meant: the store itself, or the log folder above it.
fn folder(place: &StorePlace) -> PathBuf {
    let usual = || ["./ids-sensor-out", "/var/log/ids-sensor"].map(PathBuf::from);
    let folder = place.folder.clone().unwrap_or_else(|| {
        let [replay, run] = usual();
        if replay.is_dir() { replay } else { run }
    });
    let inside = folder.join("store");
    if inside.is_dir() { inside } else { folder }
}

fn open_store(folder: &Path) -> Result<Box<dyn AlertStore>, OutputError> {
    crate::output::open_store(folder)
}

fn unusable(error: &OutputError) -> Failure {
    match error {
        OutputError::Store(StoreError::Missing(_)) => {
            Failure::Environment(format!("{error}; give the log folder with -l"))
        }
        error => Failure::environment(error),
    }
}

fn find(place: &StorePlace, id: AlertId) -> Result<AlertRow, Failure> {
    match open(place)? {
        Place::Sensor(mut client) => ask(&mut client, "alerts-show", &AlertsShow { id: id.to_string() }),
        Place::Store(store) => {
            let found = store.get(id).map_err(Failure::environment)?;
            let alert =
                found.ok_or_else(|| Failure::refusal(format!("there is no alert {id}: `alerts list` shows ids")))?;
            Ok(AlertRow::from(&alert))
        }
    }
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
    let page = match open(&args.place)? {
        Place::Sensor(mut client) => pages(&mut client, &query)?,
        Place::Store(store) => AlertsPage::from(&store.scan(&query).map_err(Failure::environment)?),
    };
    if args.json {
        for AlertRow { id, record } in &page.alerts {
            let mut record = record.clone();
            if let Some(fields) = record.as_object_mut() {
                fields.insert("alert_id".to_owned(), id.as_str().into());
            }
            say::line(record)?;
        }
    } else {
        say::text(layout::table(COLUMNS, page.alerts.iter().map(row).collect(), layout::width()))?;
    }
    if page.damaged > 0 {
        eprintln!("warning: {} places of the store are damaged; eve.json has all alerts", page.damaged);
    }
    if let Some(next) = page.next.filter(|_| !args.json) {
        say::line(format_args!("there is more: --after {next}"))?;
    }
    Ok(())
}

/// Asks a sensor for as many answers as it takes: each of them holds a limited number of alerts.
fn pages(client: &mut Client, query: &Query) -> Result<AlertsPage, Failure> {
    let mut all = AlertsPage::default();
    let mut wanted = requests::AlertsList::from(query);
    loop {
        wanted.limit = Some(query.limit - all.alerts.len());
        let page: AlertsPage = ask(client, "alerts-list", &wanted)?;
        all.alerts.extend(page.alerts);
        all.damaged += page.damaged;
        all.next.clone_from(&page.next);
        if page.next.is_none() || all.alerts.len() >= query.limit {
            return Ok(all);
        }
        wanted.after = page.next;
    }
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

const COLUMNS: &[Column] = &[
    ("DATE", Gives::Out(3)),
    ("TIME", Gives::Nothing),
    ("ACTION", Gives::Out(4)),
    ("SID", Gives::Out(2)),
    ("SIGNATURE", Gives::Cut),
    ("FLOW", Gives::Nothing),
    ("ID", Gives::Out(1)),
];

fn row(alert: &AlertRow) -> Vec<String> {
    let AlertRow { id, record } = alert;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = |addr: &str, port: &str| {
        let port = record[port].as_u64().and_then(|port| u16::try_from(port).ok());
        let addr = text(&record[addr]);
        // Records write addresses at full length.
        addr.parse().map_or(addr, |addr| layout::endpoint(addr, port))
    };
    let flow = format!("{} {} -> {}", text(&record["proto"]), end("src_ip", "src_port"), end("dest_ip", "dest_port"));
    let stamp: String = text(&record["timestamp"]).chars().take(19).collect();
    let (date, time) = stamp.split_once('T').unwrap_or(("", &stamp));
    let alert = &record["alert"];
    let sid = alert["signature_id"].as_u64().map_or(String::new(), |sid| sid.to_string());
    let [date, time] = [date, time].map(str::to_owned);
    vec![date, time, text(&alert["action"]), sid, text(&alert["signature"]), flow, id.clone()]
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
