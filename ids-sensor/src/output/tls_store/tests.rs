//! Chains of certificates, as far as their files.

use std::collections::BTreeMap;

use ids_core::event::{Certificates, CertificatesRef};
use ids_core::time::Time;

use super::*;
use crate::config::outputs::TlsStore as Settings;
use crate::output::fixtures::context;

/// The files that come of these chains: the side that shows each, and its certificates.
fn stored(most: u64, chains: &[(Dir, &[&[u8]])]) -> BTreeMap<String, String> {
    let logs = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(&Settings { folder: "certs".into(), most }, logs.path()).unwrap();
    let mut output = TlsStore::default();
    for (dir, chain) in chains {
        let certificates = Certificates {
            chain: chain.to_vec(),
            time: Time::from_micros(1_767_323_046, 123),
            subject: b"CN=a\nTLS ISSUERDN: b",
            issuer: b"CN=\xff",
            fingerprint: "12:ab",
        };
        let mut lines = Lines::default();
        output.event(
            &Event::Certificates(CertificatesRef { context: context(None), dir: *dir, certificates }),
            &mut lines,
        );
        lines.iter().for_each(|(_, bytes)| folder.write(bytes).unwrap());
    }
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap());
    let text = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).unwrap();
    files.map(|file| (file.file_name().into_string().unwrap(), text(file))).collect()
}

#[test]
fn a_chain_is_one_file_and_what_is_known_of_it_another() {
    let files = stored(9, &[(Dir::ToClient, &[&[1; 60], &[2]]), (Dir::ToServer, &[&[3]])]);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let (first, second) = ("1767323046.000123-1", "client-1767323046.000123-2");
    assert_eq!(
        names,
        [format!("{first}.meta"), format!("{first}.pem"), format!("{second}.meta"), format!("{second}.pem")]
    );
    assert_eq!(
        files[&format!("{first}.pem")],
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n{}\n-----END CERTIFICATE-----\n\
             -----BEGIN CERTIFICATE-----\nAg==\n-----END CERTIFICATE-----\n",
            "AQEB".repeat(16),
            "AQEB".repeat(4),
        )
    );
    let meta: Vec<&str> = files[&format!("{first}.meta")].lines().skip(1).collect();
    assert_eq!(
        meta,
        [
            "SRC IP:            10.0.0.5",
            "DST IP:            192.0.2.7",
            "PROTO:             6",
            "SRC PORT:          40000",
            "DST PORT:          80",
            "TLS SUBJECT:       CN=a?TLS ISSUERDN: b",
            "TLS ISSUERDN:      CN=\u{fffd}",
            "TLS FINGERPRINT:   12:ab",
        ]
    );
}

#[test]
fn there_are_no_more_than_may_be() {
    let one: (Dir, &[&[u8]]) = (Dir::ToClient, &[&[1]]);
    assert_eq!(stored(2, &[one; 4]).len(), 2 * 2);
}

#[test]
fn what_is_no_record_is_refused() {
    let logs = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(&Settings { folder: "certs".into(), most: 1 }, logs.path()).unwrap();
    for bytes in [&b""[..], b"\x01", &[0; 12], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]] {
        assert!(folder.write(bytes).is_err(), "{bytes:?}");
    }
}
