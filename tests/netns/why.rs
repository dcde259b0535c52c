//! `why` says what the kernel does, and because of what.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{CLIENT, CLIENT6, SERVER, SERVER6, wait_until};
use crate::support::site::Site;

/// The fact that decides.
fn deciding(why: &Value) -> Value {
    let facts = why["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["decides"] == true).unwrap_or_else(|| panic!("{why}")).clone()
}

#[test]
fn why_names_what_decides() {
    needs_root!();
    let site = Site::new();
    let rules = "drop tcp any any -> any 7 (msg:\"the flow\"; content:\"flow!\"; sid:5;)\n\
                 drop tcp any any -> any 7 (msg:\"the host\"; content:\"host!\"; sid:6;)\n";
    let policy = site.folder().join("policy.yaml");
    std::fs::write(&policy, "ips: {block: [{sid: 5, ttl: 1h}, {sid: 6, scope: src, ttl: 1h}]}\n").unwrap();
    let line = format!("--inline a0,b0 --fail closed -S {} --include {}", site.rules(rules), policy.display());
    let sensor = site.start(&line);
    let why = |what: &str| site.json(&format!("why --json {what}")).remove(0);

    let clean = why(&format!("tcp {CLIENT}:4000 {SERVER}:7"));
    assert_eq!((&clean["way"], &clean["outcome"]), (&"inspect".into(), &"inspect.interest".into()), "{clean}");
    assert!(clean.to_string().contains("inline, fail policy closed, workers run"), "{clean}");
    assert_eq!(why(CLIENT)["way"], "pass");
    assert_eq!(deciding(&why("127.0.0.1"))["because"], "an address of this machine");
    assert!(why(SERVER).to_string().contains("part of HOME_NET"));

    // One connection for each rule.
    let say = |server: &str, text: &[u8]| {
        let address = if server.contains(':') { format!("[{server}]:7") } else { format!("{server}:7") };
        let listener = site.lab.server.run(|| TcpListener::bind(&address).unwrap());
        let mut talk = site.lab.client.run(|| TcpStream::connect(&address).unwrap());
        talk.write_all(text).unwrap();
        let (mut accepted, peer) = listener.accept().unwrap();
        accepted.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(accepted.read(&mut [0; 8]).is_err(), "dropped");
        peer.port()
    };
    let port = say(SERVER6, b"flow!");
    let flow = format!("tcp [{CLIENT6}]:{port} [{SERVER6}]:7");
    wait_until("the flow's block", || why(&flow)["outcome"] == "drop.flow");
    wait_until("its alert", || deciding(&why(&flow))["alert"]["signature"] == "the flow");
    let fact = deciding(&why(&flow));
    assert_eq!((&fact["kind"], &fact["sid"]), (&"flow-block".into(), &5.into()), "{fact}");
    assert!(fact["ttl"].as_u64().unwrap() > 3500, "{fact}");
    assert_eq!(why(&format!("tcp [{SERVER6}]:7 [{CLIENT6}]:{port}"))["outcome"], "drop.flow", "the other way, too");
    assert_eq!(why(&format!("tcp [{CLIENT6}]:1 [{SERVER6}]:7"))["way"], "inspect", "no other flow");
    assert_eq!(why(&format!("{flow} vlan=5"))["way"], "inspect", "nor that one in a VLAN");

    say(SERVER, b"host!");
    wait_until("the host's block", || why(CLIENT)["way"] == "drop");
    wait_until("its alert", || deciding(&why(CLIENT))["alert"]["signature"] == "the host");
    assert_eq!(why(&format!("udp {CLIENT}:9 {SERVER}:9"))["outcome"], "drop.host");
    assert!(why("10.0.0.0/24")["says"].as_str().unwrap().contains("1 blocks lie inside of it"));
    site.json("block add 198.51.100.0/24 --reason drill --json");
    assert_eq!(deciding(&why("198.51.100.7"))["because"], "drill");
    let text = String::from_utf8(site.ask(&format!("why {CLIENT}")).stdout).unwrap();
    assert!(text.starts_with(&format!("{CLIENT}: packets from and to it are dropped in the kernel")), "{text}");

    assert_eq!(site.ask("why nonsense").status.code(), Some(2));
    drop(sensor);
    let left = why(CLIENT);
    assert_eq!((&left["way"], &deciding(&left)["sid"]), (&"drop".into(), &6.into()), "without a sensor: {left}");
    assert_eq!(site.ask("detach").status.code(), Some(0));
    assert_eq!(site.ask(&format!("why {CLIENT}")).status.code(), Some(3));
}
