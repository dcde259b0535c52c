//! Records of protocols: `http`, `dns` …; the protocol writes what it has to say itself.

use ids_core::app::parser::{Detail, DnsFormats};
use ids_core::event::{TxAt, TxRef};
use ids_core::field::{Dir, Dirs};
use ids_core::record::Writer;

use super::common::Head;
use super::json::Json;
use super::{probe, xff};
use crate::config::eve as config;

/// Records that show the number of the transaction before their own object; the others show it inside, or not
/// at all.
const WITH_TX_ID: &[&str] = &["http", "smb", "smtp"];

/// Whether the record is of the type that `options` are for, and is not left out by them.
pub fn wanted(tx: &TxRef<'_>, options: &config::Transaction) -> bool {
    if tx.at.protocol.name != options.proto {
        return false;
    }
    let dir = match tx.at.tx.dirs() {
        Dirs::ToServer => options.dirs[Dir::ToServer.index()],
        Dirs::ToClient => options.dirs[Dir::ToClient.index()],
        Dirs::Both => true,
    };
    if options.record == "tls" && !options.uncertified && !shows(&tx.at, "subject", None) {
        return false;
    }
    // The short form tells who has which address, which is settled by an acknowledgment.
    if options.record == "dhcp" && !options.extended && !shows(&tx.at, "dhcp_type", Some(b"ack")) {
        return false;
    }
    dir && (options.rrtypes.is_empty() || has_rrtype(&tx.at, &options.rrtypes))
}

/// Whether the record shows a text under this key, if need be this one.
fn shows(at: &TxAt<'_>, key: &str, text: Option<&[u8]>) -> bool {
    let mut found = false;
    probe::texts(at.tx, &Detail::default(), &mut |other, value| {
        found |= other == key && text.is_none_or(|text| text == value);
    });
    found
}

fn has_rrtype(at: &TxAt<'_>, types: &[String]) -> bool {
    let mut found = false;
    probe::texts(at.tx, &Detail::default(), &mut |key, value| {
        found |= key == "rrtype" && types.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(value));
    });
    found
}

/// Writes one transaction.
pub fn write(tx: &TxRef<'_>, options: &config::Transaction, head: &mut Head<'_>, out: &mut Vec<u8>) {
    let behind = options.xff.as_ref().and_then(|xff| Some((xff, xff::find(tx.at.tx, xff)?)));
    // The old form of DNS records names the client first in answers, too.
    let turned = options.record == "dns" && options.version == 2 && tx.at.tx.dirs() == Dirs::ToClient;
    let context = if turned { &tx.context.turned() } else { &tx.context };
    let replace = behind.filter(|(xff, _)| xff.overwrite).map(|(_, addr)| xff::replace(addr, Some(Dir::ToServer)));
    head.record_with(&options.record, context, replace, out, |json, _| {
        if WITH_TX_ID.contains(&options.record.as_str()) {
            json.uint("tx_id", tx.at.id);
        }
        json.object(&options.record, |json| {
            tx.at.tx.record(&detail(&tx.at, options), json);
            if let Some((_, addr)) = behind.filter(|(xff, _)| !xff.overwrite) {
                json.display("xff", addr);
            }
        });
        tx.at.tx.record_beside(&detail(&tx.at, options), json);
    });
}

fn detail<'a>(at: &TxAt<'_>, options: &'a config::Transaction) -> Detail<'a> {
    Detail {
        tx_id: at.id,
        extended: options.extended,
        custom: &options.custom,
        all_headers: options.all_headers,
        hide_passwords: !options.passwords,
        text_limit: options.text_limit,
        ja4: options.ja4,
        mail_md5: options.mail_md5,
        version: options.version,
        dns_formats: DnsFormats { detailed: options.formats[0], grouped: options.formats[1] },
    }
}

/// The protocol's object in records of other kinds (`fileinfo`), and what stands beside it.
pub fn object(at: &TxAt<'_>, json: &mut Json<'_>) {
    if let Some(name) = at.protocol.record {
        let detail = Detail { tx_id: at.id, extended: true, ..Detail::default() };
        json.object(name, |json| at.tx.record(&detail, json));
        at.tx.record_beside(&detail, json);
    }
}
