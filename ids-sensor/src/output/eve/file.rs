//! `fileinfo` records, and the `files` of alerts.

use ids_core::app::file::{Fate, File, State};
use ids_core::event::FileRef;
use ids_core::record::Writer;

use super::common::{self, Head};
use super::json::Json;
use super::{transaction, xff};
use crate::config::eve as config;

/// Writes one file.
pub fn write(event: &FileRef<'_>, options: &config::Files, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let at = &event.context;
    let behind = options.xff.as_ref().and_then(|xff| Some((xff, xff::find(event.at.tx, xff)?)));
    let replace = behind.filter(|(xff, _)| xff.overwrite).map(|(_, addr)| xff::replace(addr, at.dir));
    head.record_with("fileinfo", at, replace, out, |json, _| {
        transaction::object(&event.at, json);
        common::app_proto(at.app, json);
        json.object("fileinfo", |json| content(event.file, event.at.id, event.sids, json));
    });
}

/// The content of the object.
pub fn content(file: &File, tx_id: u64, sids: &[u32], json: &mut Json<'_>) {
    json.text("filename", &file.name);
    if !sids.is_empty() {
        json.list("sid", |json| sids.iter().for_each(|sid| json.uint("", u64::from(*sid))));
    }
    json.str_opt("magic", file.kind.as_deref());
    json.flag("gaps", file.gaps);
    json.str("state", file.state.name());
    if file.state != State::Open {
        for (key, digest) in [
            ("md5", file.md5.as_ref().map(|digest| &digest[..])),
            ("sha1", file.sha1.as_ref().map(|digest| &digest[..])),
            ("sha256", file.sha256.as_ref().map(|digest| &digest[..])),
        ] {
            if let Some(digest) = digest {
                json.hex(key, digest);
            }
        }
    }
    match file.fate() {
        Fate::Store(number) if file.state != State::Open => {
            json.flag("stored", true);
            json.uint("file_id", number);
        }
        fate => {
            json.flag("stored", false);
            if matches!(fate, Fate::Store(_)) {
                json.flag("storing", true);
            }
        }
    }
    json.uint("size", file.size);
    json.uint("tx_id", tx_id);
    if let Some((start, end)) = file.range {
        json.uint("start", start);
        json.uint("end", end);
    }
}
