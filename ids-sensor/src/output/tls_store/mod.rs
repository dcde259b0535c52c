//! `tls-store`: certificates that rules want stored → `SECONDS.MICROS-NUMBER.pem`, and `.meta` beside it.
//!
//! In: chains of certificates.  Out: [`Record`]s for the writer, which has a [`Folder`].
//! What a client shows has `client-` before its name.
//! Source: the chapter on SSL/TLS keywords of the Suricata 8 user guide; RFC 7468 §5.1 for the form of certificates.

mod folder;
mod record;
#[cfg(test)]
mod tests;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ids_core::event::{CertificatesRef, Event};
use ids_core::field::Dir;

pub use folder::Folder;
use record::Record;

use super::lines::{Kind, Lines};
use super::sink::Output;
use super::timestamp::Stamps;

/// Letters in a line of base64 (RFC 7468 §2).
const LINE: usize = 64;

/// Renders certificates that are stored.
#[derive(Debug, Default)]
pub struct TlsStore {
    stamps: Stamps,
}

impl Output for TlsStore {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        let Event::Certificates(shown) = event else { return };
        let mut pem = Vec::new();
        shown.certificates.chain.iter().for_each(|der| block(der, &mut pem));
        let mut meta = Vec::new();
        self.describe(shown, &mut meta).expect("memory can be written to");
        let time = shown.certificates.time;
        let (client, seconds, micros) = (shown.dir == Dir::ToServer, time.seconds(), time.subsec_micros());
        let record = Record { client, seconds, micros, meta: &meta, pem: &pem };
        lines.add(Kind::Certificates, |out| record.write(out));
    }
}

impl TlsStore {
    /// What stands beside a chain: where and when, and what is known of its first certificate.
    fn describe(&mut self, shown: &CertificatesRef<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (at, known) = (&shown.context, &shown.certificates);
        out.extend_from_slice(b"TIME:              ");
        self.stamps.fast(out, known.time);
        out.push(b'\n');
        if let (Some(src), Some(dst), Some(proto)) = (at.src, at.dst, at.proto) {
            writeln!(out, "SRC IP:            {src}\nDST IP:            {dst}\nPROTO:             {proto}")?;
            writeln!(out, "SRC PORT:          {}\nDST PORT:          {}", at.src_port, at.dst_port)?;
        }
        for (title, text) in [
            ("TLS SUBJECT:       ", known.subject),
            ("TLS ISSUERDN:      ", known.issuer),
            ("TLS FINGERPRINT:   ", known.fingerprint.as_bytes()),
        ] {
            // A line end inside would be a line that there is not.
            let text = String::from_utf8_lossy(text).replace(char::is_control, "?");
            writeln!(out, "{title}{text}")?;
        }
        Ok(())
    }
}

/// Appends a certificate (RFC 7468 §5.1).
fn block(der: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(b"-----END CERTIFICATE-----\n");
}
