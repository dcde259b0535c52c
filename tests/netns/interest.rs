//! What the rules want is inspected, the rest stays in the kernel; other rules want other things.

use std::net::UdpSocket;

use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::site::{Site, stop};

/// Alerts alone are kept: no record wants anything by itself, no exception drops datagrams, and none may be a tunnel.
const ALERTS_ALONE: &str =
    "exception-policy: ignore\ndecoder: {teredo: {enabled: no}}\noutputs: [{store: {enabled: yes}}]\n";

/// Sends datagrams to a port, all of which must arrive.
fn send(site: &Site, port: u16, count: usize) {
    let sink = site.lab.server.run(|| UdpSocket::bind((SERVER, port)).unwrap());
    let source = site.lab.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
    sink.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    for _ in 0..count {
        source.send_to(b"datagram", (SERVER, port)).unwrap();
        sink.recv(&mut [0; 64]).unwrap();
    }
}

#[test]
fn rules_say_what_stays_in_the_kernel() {
    needs_root!();
    let site = Site::new();
    let config = site.folder().join("config.yaml");
    std::fs::write(&config, ALERTS_ALONE).unwrap();
    let rules = site.rules("alert udp any any -> any 5001 (sid:1;)\n");
    let asked = site.lab.sensor.run(|| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ids-sensor"));
        command.args(["rules", "interest", "--inline", "--json", "-S", &rules, "-c"]).arg(&config).output().unwrap()
    });
    let said: Vec<Value> =
        String::from_utf8(asked.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&said[0]["inspected"], &said[0]["because"]),
        (&"all".into(), &serde_json::json!(["stream.drop-invalid"]))
    );
    assert_eq!(said[1]["ranges"], serde_json::json!([[4789, 4789], [5001, 5001], [6081, 6081]]));

    let sensor = site.start(&format!("--inline a0,b0 -c {} -S {rules}", config.display()));
    send(&site, 5001, 20);
    wait_until("the alert", || site.sids("alerts list --json").contains(&1));
    let before = (site.kernel("inspect.interest"), site.kernel("fast.uninteresting"));
    send(&site, 5002, 50);
    assert!(site.kernel("fast.uninteresting") >= before.1 + 50);
    // Neighbours may be asked for meanwhile, which nobody wants either.
    assert_eq!(site.kernel("inspect.interest"), before.0);

    site.rules("alert udp any any -> any 5002 (sid:2;)\n");
    assert_eq!(site.json("reload --json").remove(0)["loaded"], 1);
    let before = site.kernel("inspect.interest");
    send(&site, 5001, 50);
    assert_eq!(site.kernel("inspect.interest"), before, "nobody wants it any more");
    send(&site, 5002, 20);
    wait_until("the second alert", || site.sids("alerts list --json --sid 2").contains(&2));
    assert_eq!(stop(sensor).0, Some(0));
}
