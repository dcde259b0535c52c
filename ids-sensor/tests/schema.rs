//! Every record that captures yield is one that the published schema of EVE allows.
//!
//! The schema and most captures are not part of the project: they are looked for in `../../shared`, and where they
//! are not there, the test says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use io::BufRead as _;
use serde_json::Value;

/// All records that are written, with all that they can show.
const CONFIG: &str = "
outputs:
  - eve-log:
      enabled: yes
      ethernet: yes
      community-id: yes
      pcap-file: yes
      suricata-version: yes
      xff: {enabled: yes}
      types:
        - alert: {payload: yes, payload-printable: yes, payload-length: yes, packet: yes, http-body: yes,
                  http-body-printable: yes, verdict: yes, metadata: {rule: {raw: yes, reference: yes}}}
        - anomaly: {packethdr: yes, types: {decode: yes, stream: yes}}
        - arp: {enabled: yes}
        - dcerpc
        - dhcp: {extended: yes}
        - dnp3
        - dns
        - drop: {verdict: yes}
        - files: {force-hash: [md5, sha1, sha256]}
        - flow
        - ftp
        - http: {dump-all-headers: both}
        - ike
        - ldap
        - mdns
        - metadata
        - netflow
        - ntp
        - pop3
        - sip
        - smb
        - smtp: {extended: yes, custom: [received, date], md5: [body, subject]}
        - snmp
        - stats: {threads: no, deltas: no}
        - tftp
        - tls: {extended: yes, ja4: yes}
app-layer:
  protocols:
    dnp3: {enabled: yes}
    smtp: {mime: {body-md5: yes}}
";

/// Something of every kind fires, and not too often.
const RULES: &str = r#"
alert ip any any -> any any (msg:"all"; reference:url,a.example; metadata:tag A, tag B; threshold:type limit, track by_src, count 1, seconds 60; sid:1;)
alert tcp any any -> any any (msg:"data"; flow:established; content:"a"; pcre:"/(?P<pkt_one>a.)/"; flowbits:set,traffic/id/a; flowint:n,+,1; threshold:type limit, track by_src, count 1, seconds 60; sid:2;)
drop http any any -> any any (msg:"http"; http.method; content:"GET"; pcre:"/(?P<flow_method>G..)/"; classtype:misc-activity; sid:3;)
alert dns any any -> any any (msg:"dns"; dns.query; content:"."; sid:4;)
reject udp any any -> any any (msg:"udp"; dsize:>1000; threshold:type limit, track by_src, count 1, seconds 60; sid:5;)
alert pkthdr any any -> any any (msg:"odd"; decode-event:ipv4.trunc_pkt; sid:6;)
"#;

/// Counters of our own, by the object that they stand in.
const OURS: &[(&str, &str)] = &[
    ("/stats/decoder/event", "too_many_layers"),
    ("/stats/defrag", "memcap"),
    ("/stats/detect", "dataset_memcap"),
    ("/stats/detect", "frame_bytes_lost"),
    ("/stats/detect", "frames_lost"),
    ("/stats/detect", "regex_limit"),
];

/// Replays `captures`; adds what is wrong to `problems`: by kind of record and place, one example and how many.
fn replay(
    captures: &Path,
    inline: bool,
    validator: &jsonschema::Validator,
    problems: &mut BTreeMap<(String, String), (String, u64)>,
) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("c.yaml"), CONFIG).unwrap();
    fs::write(path("x.rules"), RULES).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("ids-sensor").unwrap();
    command.current_dir(folder.path()).env("TZ", "UTC");
    command.args(["replay", "-q", "-k", "none", "-c", "c.yaml", "-S", "x.rules", "-l", "out", "-r"]).arg(captures);
    if inline {
        command.arg("--simulate-ips");
    }
    command.assert().success();
    let mut kinds = BTreeMap::<String, u64>::new();
    for line in io::BufReader::new(fs::File::open(path("out/eve.json")).unwrap()).lines() {
        let line = line.unwrap();
        let mut record: Value = serde_json::from_str(&line).unwrap();
        for (parent, key) in OURS {
            record.pointer_mut(parent).and_then(Value::as_object_mut).map(|object| object.remove(*key));
        }
        let kind = record["event_type"].as_str().unwrap_or_default().to_owned();
        for error in validator.iter_errors(&record) {
            let at = error.instance_path().to_string();
            let example = || (format!("{error}: {line}"), 0);
            problems.entry((kind.clone(), format!("{at} {}", error.schema_path()))).or_insert_with(example).1 += 1;
        }
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

#[test]
fn records_of_captures_are_those_of_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schema = root.join("../shared/eve-schema/schema.json");
    let Ok(schema) = fs::read(&schema) else {
        eprintln!("skipped: no schema at {}", schema.display());
        return;
    };
    let validator = jsonschema::validator_for(&serde_json::from_slice(&schema).unwrap()).unwrap();
    let mut folders: Vec<PathBuf> = vec![root.join("pcaps/demo.pcap")];
    folders.extend([root.join("../shared/parity/captures")].into_iter().filter(|folder| folder.is_dir()));
    let mut problems = BTreeMap::new();
    for captures in folders {
        for inline in [false, true] {
            let kinds = replay(&captures, inline, &validator, &mut problems);
            for kind in ["alert", "flow", "netflow", "stats"] {
                assert!(kinds.contains_key(kind), "{}: no {kind} among {kinds:?}", captures.display());
            }
        }
    }
    let lines: Vec<_> =
        problems.iter().map(|((kind, at), (example, count))| format!("{kind} {at} x{count}: {example}")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
