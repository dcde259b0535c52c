//! What a running sensor does when it is asked through its socket.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ids_core::time::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::meter::Meter;
use super::reload::Reloader;
use super::{blocks, status};
use crate::block_lists::{BlockLists, State};
use crate::control::Commands;
use crate::control::requests::{AlertRow, AlertsList, AlertsPage, AlertsShow, BlockAdd, BlockDel, WhyAsk};
use crate::kernel::Prefix;
use crate::live::Live;
use crate::output::sink::RulesLoaded;
use crate::output::store::{AlertId, Query, Reader};
use crate::output::timestamp::Stamps;
use crate::output::writer::Queue;
use crate::why::{self, Site, Target};

/// The parts of a running sensor that commands reach.
pub(super) struct Running {
    pub(super) live: Live,
    /// Files of addresses that are blocked.
    pub(super) lists: BlockLists,
    pub(super) start: Instant,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) reloader: Arc<Reloader>,
    /// To the writer of records.
    pub(super) queue: Queue,
    pub(super) store: Option<Reader>,
    /// Where records go.
    pub(super) places: Vec<PathBuf>,
    /// What rules and flows cost.
    pub(super) meter: Meter,
    /// Why hosts were blocked by hand, as far as it was said.
    pub(super) reasons: Mutex<HashMap<Prefix, String>>,
}

const NAMES: [&str; 21] = [
    "alerts-list",
    "alerts-show",
    "block-add",
    "block-del",
    "block-list",
    "iface-list",
    "reload",
    "reload-rules",
    "reopen-log-files",
    "ruleset-profile",
    "ruleset-profile-start",
    "ruleset-profile-stop",
    "ruleset-reload-nonblocking",
    "ruleset-reload-rules",
    "ruleset-reload-time",
    "ruleset-stats",
    "shutdown",
    "status",
    "uptime",
    "version",
    "why",
];

impl Commands for Running {
    fn names(&self) -> Vec<&'static str> {
        NAMES.to_vec()
    }

    fn call(&self, command: &str, arguments: &Value) -> Result<Value, String> {
        match command {
            "version" => Ok(json!(env!("CARGO_PKG_VERSION"))),
            "uptime" => Ok(json!(self.start.elapsed().as_secs())),
            "shutdown" => {
                self.stop.store(true, Ordering::Relaxed);
                Ok(json!("Closing ids-sensor"))
            }
            "reopen-log-files" => {
                self.queue.rotate();
                Ok(json!("done"))
            }
            "reload" => self.reloader.reload().map(|_| self.reloader.status()),
            "reload-rules" | "ruleset-reload-rules" => self.reloader.reload().map(|_| json!("done")),
            "ruleset-reload-nonblocking" => self.reloader.reload_aside().map(|()| json!("done")),
            "ruleset-reload-time" => Ok(json!([{"id": 0, "last_reload": iso(self.reloader.rules().when)}])),
            "ruleset-stats" => Ok(ruleset_stats(self.reloader.rules())),
            "ruleset-profile" => Ok(self.meter.show()),
            "ruleset-profile-start" => self.meter.switch(true).map(|()| json!("done")),
            "ruleset-profile-stop" => self.meter.switch(false).map(|()| json!("done")),
            "iface-list" => self.interfaces(),
            "status" => self.status(),
            "block-list" => {
                let found = blocks::asked(&self.live.tables(), &self.reasons(), &self.lists.states());
                answer(&found.map_err(|error| error.to_string())?)
            }
            "block-add" => self.block(&read(arguments)?),
            "block-del" => self.unblock(&read(arguments)?),
            "why" => self.why(&read(arguments)?),
            "alerts-list" => self.alerts(read(arguments)?),
            "alerts-show" => self.alert(&read(arguments)?),
            other => Err(format!("unknown command `{other}`; `command-list` names those there are")),
        }
    }
}

impl Running {
    fn interfaces(&self) -> Result<Value, String> {
        let ports = self.live.status().map_err(|error| error.to_string())?;
        let names: Vec<&str> = ports.iter().map(|port| port.interface.as_str()).collect();
        Ok(json!({"count": names.len(), "ifaces": names}))
    }

    fn status(&self) -> Result<Value, String> {
        let ports = self.live.status().map_err(|error| error.to_string())?;
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime": self.start.elapsed().as_secs(),
            "outputs": self.places,
            "rules": self.reloader.status(),
            "workers_alive": self.live.is_whole(),
            "ports": ports.iter().map(status::port).collect::<Vec<_>>(),
            "blocks": status::commands(&self.live.commands()),
            "block_lists": self.lists.states().iter().map(State::to_json).collect::<Vec<_>>(),
            "records_lost": self.queue.lost().iter().sum::<u64>(),
            "alerts_not_stored": self.store.as_ref().map_or(0, Reader::lost),
            "costs": self.meter.show(),
        }))
    }

    fn block(&self, wanted: &BlockAdd) -> Result<Value, String> {
        let target: Prefix = wanted.target.parse().map_err(|error| format!("{error}"))?;
        self.kernel_stage()?;
        if let Some(cause) = self.live.shield().cause(target) {
            return Err(format!("{target} is {}: no block may name it; see `ips.allow-own`", cause.text()));
        }
        blocks::add(&mut self.live.tables(), target, Duration::from_secs(wanted.ttl))
            .map_err(|error| error.to_string())?;
        tracing::info!(%target, ttl = wanted.ttl, reason = wanted.reason, "blocked by command");
        let mut reasons = self.reasons();
        if wanted.reason.is_empty() {
            reasons.remove(&target);
        } else {
            reasons.insert(target, wanted.reason.clone());
        }
        Ok(json!({"target": target.to_string(), "ttl": wanted.ttl}))
    }

    /// Whether there is one to ask.
    fn kernel_stage(&self) -> Result<(), String> {
        if self.live.blocks() {
            return Ok(());
        }
        Err("no kernel stage decides on this sensor's packets: there is nothing to block with".to_owned())
    }

    fn unblock(&self, wanted: &BlockDel) -> Result<Value, String> {
        let target: Prefix = wanted.target.parse().map_err(|error| format!("{error}"))?;
        if let Some(reason) = self.lists.reason(target) {
            return Err(format!("{target} stands on a block list ({reason}): take it out of the file"));
        }
        if !self.live.tables().unblock(target).map_err(|error| error.to_string())? {
            return Err(not_blocked(target));
        }
        tracing::info!(%target, "unblocked by command");
        self.reasons().remove(&target);
        Ok(json!({"target": target.to_string()}))
    }

    fn why(&self, wanted: &WhyAsk) -> Result<Value, String> {
        self.kernel_stage()?;
        let target: Target = wanted.target.parse()?;
        let reasons = self.reasons().clone();
        let site = Site {
            groups: self.live.groups(),
            shield: Some(self.live.shield()),
            reason: &|prefix| reasons.get(&prefix).cloned().or_else(|| self.lists.reason(prefix)),
            alert: &|sid, prefix| self.latest(sid, prefix),
        };
        answer(&why::explain(&target, &self.live.tables(), &site).map_err(|error| error.to_string())?)
    }

    /// The latest alert of a rule with an address of this prefix, among the latest of that rule.
    fn latest(&self, sid: u32, prefix: Prefix) -> Option<why::Alert> {
        let addr = (prefix == Prefix::host(prefix.addr())).then(|| prefix.addr());
        let query = Query { sid: Some(sid), addr, limit: LATEST, newest_first: true, ..Query::default() };
        let page = AlertsPage::from(&self.store().ok()?.scan(query)?.ok()?);
        let inside = |row: &AlertRow| {
            ["src_ip", "dest_ip"]
                .iter()
                .filter_map(|key| row.record[*key].as_str()?.parse().ok())
                .any(|addr| prefix.contains(Prefix::host(addr)))
        };
        let row = page.alerts.into_iter().find(inside)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (time, signature) = (text(&row.record["timestamp"]), text(&row.record["alert"]["signature"]));
        Some(why::Alert { id: row.id, time, signature })
    }

    /// Reads again who must not be blocked.
    pub(super) fn renew_shield(&self) {
        match self.live.renew_shield() {
            Ok(problems) => problems.iter().for_each(|problem| tracing::warn!("who must not be blocked: {problem}")),
            Err(error) => tracing::warn!(%error, "who must not be blocked stays as it was"),
        }
    }

    /// Takes away blocks that have run out, and their reasons.
    pub(super) fn sweep(&self) -> Result<(), crate::kernel::Error> {
        let mut tables = self.live.tables();
        if tables.sweep()? > 0 {
            self.reasons().retain(|prefix, _| tables.holds(*prefix));
        }
        Ok(())
    }

    fn alerts(&self, list: AlertsList) -> Result<Value, String> {
        let query = Query::try_from(list)?;
        if query.cursor.is_none() {
            // Only at the first page: who goes on asks for what was there when the first one was read, and each flush
            // keeps the writer waiting for the disk.
            self.queue.flush();
        }
        let page = self.store()?.scan(query).ok_or(GONE)?.map_err(|error| error.to_string())?;
        answer(&AlertsPage::from(&page))
    }

    fn alert(&self, wanted: &AlertsShow) -> Result<Value, String> {
        let id: AlertId = wanted.id.parse()?;
        self.queue.flush();
        let found = self.store()?.get(id).ok_or(GONE)?.map_err(|error| error.to_string())?;
        answer(&AlertRow::from(&found.ok_or_else(|| format!("there is no alert {id}"))?))
    }

    fn store(&self) -> Result<&Reader, String> {
        let store = self.store.as_ref().ok_or("the configuration lists no alert store: add `store` to `outputs`")?;
        Ok(store)
    }

    fn reasons(&self) -> MutexGuard<'_, HashMap<Prefix, String>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to `ruleset-stats`, as the established engine gives it.
fn ruleset_stats(rules: RulesLoaded) -> Value {
    let RulesLoaded { loaded, failed, skipped, .. } = rules;
    json!([{"id": 0, "rules_loaded": loaded, "rules_failed": failed, "rules_skipped": skipped}])
}

fn iso(time: Time) -> String {
    let mut text = Vec::new();
    Stamps::default().iso(&mut text, time);
    String::from_utf8_lossy(&text).into_owned()
}

/// Alerts looked through for the one that caused a block.
const LATEST: usize = 200;

const GONE: &str = "the alert store has failed; the log says why";

/// Why a block cannot be taken away.
pub fn not_blocked(target: Prefix) -> String {
    format!("{target} is not blocked by itself; `ids-sensor block list` shows what is")
}

fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, String> {
    let object = if arguments.is_null() { json!({}) } else { arguments.clone() };
    serde_json::from_value(object).map_err(|error| format!("arguments: {error}"))
}

fn answer(message: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(message).map_err(|error| error.to_string())
}
