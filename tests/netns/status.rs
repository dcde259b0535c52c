//! `status` of a running sensor: again and again, and with what rules cost.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use ids_sensor::control::client::Client;
use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{SERVER, wait_until};
use crate::support::namespace::Running;
use crate::support::site::{EVIL, Site, stop};

#[test]
fn it_is_said_again_and_again_until_the_sensor_ends() {
    needs_root!();
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    let watch = |line: &str| -> Running {
        site.lab.sensor.start(site.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()))
    };
    let mut json = watch("status --watch --interval 100ms --json");
    let mut lines = BufReader::new(json.0.stdout.take().unwrap()).lines();
    // Far more often than it takes.
    let mut first_with = |what: &str, is: &dyn Fn(&Value) -> bool| -> Value {
        let ports = lines.by_ref().take(100).map(|line| {
            let mut status: Value = serde_json::from_str(&line.unwrap()).unwrap();
            status["ports"][0].take()
        });
        ports.into_iter().find(is).unwrap_or_else(|| panic!("{what} is not told"))
    };
    let packets = |port: &Value| port["received"]["packets"].as_u64().unwrap();
    // A port that was just set up may be without a carrier for a moment.
    let before = first_with("a link", &|port| port["link"] == "up");
    assert_eq!(before["mode"], "driver");
    assert_eq!(site.lab.ping(SERVER, 10, 56), 10);
    first_with("what came", &|port| packets(port) >= packets(&before) + 10);

    let mut text = watch("status --watch --interval 100ms");
    let mut out = BufReader::new(text.0.stdout.take().unwrap());
    let mut block = String::new();
    while !block.ends_with("\n\n") {
        assert!(out.read_line(&mut block).unwrap() > 0, "{block}");
    }
    for part in ["PACKETS/S", "MBIT/S", "a0", "b0", "blocked by rules: 0 hosts, 0 flows"] {
        assert!(block.contains(part), "{part} in {block}");
    }
    assert!(!block.contains('\x1b'), "no terminal, no control sequences");

    assert_eq!(stop(sensor).0, Some(0));
    assert_eq!(text.0.wait().unwrap().code(), Some(3), "the sensor has ended");
    let mut said = String::new();
    text.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.starts_with("ids-sensor: "), "{said}");
}

#[test]
fn what_rules_cost_is_measured_on_demand() {
    needs_root!();
    let site = Site::new();
    let rules = site.rules("alert icmp any any -> any any (msg:\"echo\"; itype:8; sid:7;)\n");
    let sensor = site.start(&format!("--inline a0,b0 --deadline 20s -S {rules}"));
    let mut client = Client::connect(&ids_sensor::control::path(site.folder(), "lab")).unwrap();
    assert_eq!(site.lab.ping(SERVER, 5, 56), 5);
    assert!(site.status()["costs"].is_null(), "nobody asked for it");
    client.call("ruleset-profile-start", Value::Null).unwrap();
    assert_eq!(site.lab.ping(SERVER, 5, 56), 5);
    let matches = || site.status()["costs"]["rules"][0]["matches"].as_u64();
    wait_until("the costs", || matches() >= Some(5));
    client.call("ruleset-profile-stop", Value::Null).unwrap();
    let costs = client.call("ruleset-profile", Value::Null).unwrap();
    assert_eq!((&costs["rules"][0]["signature_id"], &costs["running"]), (&7.into(), &false.into()), "{costs}");
    assert!(matches() < Some(10), "only what came meanwhile was measured");
    let text = String::from_utf8(site.ask("status").stdout).unwrap();
    assert!(text.contains("the dearest rules") && text.contains("echo"), "{text}");
    assert_eq!(stop(sensor).0, Some(0));
    assert!(std::fs::read_to_string(site.folder().join("log/rule_perf.log")).unwrap().contains("\"signature_id\":7"));
}
