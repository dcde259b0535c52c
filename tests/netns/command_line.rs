//! The program as it is installed: run, status, block, alerts, detach, against real traffic.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{CLIENT, CLIENT6, SERVER, SERVER6, wait_until};
use crate::support::site::{EVIL, Site, stop};

#[test]
fn a_mirror_port_alerts_and_the_store_is_read_meanwhile() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    // A switch between both ends that forgets addresses at once, so that everything also goes out of m0; m1 is the
    // sensor's end of that.
    let switch = &site.lab.sensor;
    switch.ip("link add br0 type bridge ageing_time 0");
    switch.ip("link add m0 type veth peer name m1");
    for port in ["br0", "m0", "m1"] {
        switch.ip(&format!("link set {port} up"));
    }
    for port in ["a0", "b0", "m0"] {
        switch.ip(&format!("link set {port} master br0"));
    }
    wait_until("the switch", || site.lab.ping(SERVER, 1, 56) == 1);
    let sensor = site.start("-i m1");
    site.lab.client.output(&format!("curl -gsS -m 5 -A sqlmap/1.8 http://{SERVER}/"));
    wait_until("the alert", || site.sids("alerts list --json").contains(&3_100_201));
    let listed = site.json("alerts list --json --sid 3100201").remove(0);
    assert_eq!((listed["src_ip"].as_str(), listed["in_iface"].as_str()), (Some(CLIENT), Some("m1")));
    let (code, text) = stop(sensor);
    assert_eq!(code, Some(0));
    assert!(text.contains(" alerts; "), "{text}");
    let eve = std::fs::read_to_string(site.folder().join("log/eve.json")).unwrap();
    for part in ["\"signature_id\":3100201", "\"event_type\":\"flow\"", "\"event_type\":\"stats\""] {
        assert!(eve.contains(part), "{part} is in eve.json");
    }
}

#[test]
fn generic_mode_is_said() {
    needs_root!();
    let site = Site::new();
    let switch = &site.lab.sensor;
    // A bridge has no XDP in its driver.
    switch.ip("link add br0 type bridge");
    switch.ip("link set br0 up");
    let (code, _) = stop(site.start("-i br0"));
    assert_eq!(code, Some(0));
    let messages = std::fs::read_to_string(site.folder().join("stderr")).unwrap();
    let line = messages.lines().find(|line| line.contains("generic mode, which is slower")).unwrap_or(&messages);
    assert!(line.contains("br0") && line.contains("WARN"), "{line}");
}

#[test]
fn an_inline_rule_drops_its_flow_and_no_other() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..25_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(web.path().join("large"), &bytes).unwrap();
    std::fs::write(web.path().join("evil"), "never seen").unwrap();
    let _server = site.lab.serve(web.path());
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    assert!(site.lab.curl(&format!("http://{SERVER}/"), 5).0, "a clean request is answered");
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 3).0, "an evil one is not");
    assert!(site.kernel("drop.flow") > 0, "what the client sent again died in the kernel");
    let blocks = site.json("block list --json").remove(0);
    assert_eq!((&blocks[0]["kind"], &blocks[0]["sid"]), (&"flow".into(), &1_000_001.into()), "{blocks}");
    assert_eq!(site.sids("alerts list --json"), [1_000_001]);
    let (worked, body) = site.lab.curl(&format!("http://{SERVER}/large"), 240);
    assert!(worked && std::fs::read(body).unwrap() == bytes, "a hundred megabytes arrive unchanged");
    let (code, text) = stop(sensor);
    assert_eq!(code, Some(0), "{text}");
    let said = std::fs::read_to_string(site.folder().join("stderr")).unwrap();
    assert!(said.contains("a0,b0 goes on forwarding, without inspection: `ids-sensor detach`"), "{said}");
    assert!(site.lab.curl(&format!("http://{SERVER}/evil"), 5).0, "a stop does not cut the wire");
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 3).0, "and the next start takes it over");
    assert_eq!(stop(sensor).0, Some(0));
    assert_eq!(site.ask("detach").status.code(), Some(0));
    assert!(!site.lab.curl(&format!("http://{SERVER}/"), 2).0, "detached");
}

#[test]
fn a_host_is_blocked_by_hand_and_its_time_runs_out() {
    needs_root!();
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3);
    site.json(&format!("block add {CLIENT} --ttl 3s --reason drill --json"));
    let listed = site.json("block list --json").remove(0);
    assert_eq!((&listed[0]["target"], &listed[0]["reason"]), (&CLIENT.into(), &"drill".into()), "{listed}");
    assert_eq!(site.lab.ping(SERVER, 3, 56), 0);
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 3, "that address alone");
    assert!(site.kernel("drop.host") >= 3);
    std::thread::sleep(Duration::from_secs(3));
    wait_until("the end of the block", || site.lab.ping(SERVER, 1, 56) == 1);
    assert_eq!(site.json("block list --json"), [Value::Array(Vec::new())]);

    site.json(&format!("block add {CLIENT6} --ttl 1h --json"));
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 0);
    site.json(&format!("block del {CLIENT6} --json"));
    wait_until("an answer", || site.lab.ping(SERVER6, 1, 56) == 1);
    let again = site.ask(&format!("block del {CLIENT6}"));
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(site.ask("detach").status.code(), Some(1), "it runs");
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn a_policy_blocks_the_sender_of_what_a_rule_drops() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let policy = site.folder().join("policy.yaml");
    std::fs::write(&policy, "ips:\n  block:\n    - {sid: 1000001, scope: src, ttl: 1h}\n").unwrap();
    let sensor = site.start(&format!("--inline a0,b0 -S {} --include {}", site.rules(EVIL), policy.display()));
    assert!(site.lab.curl(&format!("http://{SERVER}/"), 5).0);
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 2).0);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 0, "the whole host is blocked");
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 3);
    let blocks = site.json("block list --json").remove(0);
    assert_eq!((&blocks[0]["target"], &blocks[0]["sid"]), (&CLIENT.into(), &1_000_001.into()), "{blocks}");
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn blocks_cannot_be_turned_against_their_owner() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let udp = |sid, port| format!("drop udp any any -> any {port} (msg:\"forged\"; sid:{sid};)\n");
    let rules = site.rules(&format!("{EVIL}{}{}", udp(2, 1001), udp(3, 1002)));
    let policy = site.folder().join("policy.yaml");
    let text = "ips:\n  allow: [10.0.0.77]\n  block:\n    - {sid: 1000001, scope: dst}\n    - {sid: 2, scope: src}\n    \
                - {sid: 3, scope: src, spoofable: yes}\n";
    std::fs::write(&policy, text).unwrap();
    let sensor = site.start(&format!("--inline a0,b0 -S {rules} --include {}", policy.display()));
    let refused = |reason: &str| site.status()["blocks"]["refused"][reason].as_u64().unwrap();
    let send = |port: u16| {
        site.lab.client.run(|| {
            let socket = std::net::UdpSocket::bind((CLIENT, 0)).unwrap();
            socket.send_to(b"x", (SERVER, port)).unwrap();
        });
    };
    assert_eq!(site.lab.ping(SERVER, 1, 56), 1);
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 2).0, "dropped");
    wait_until("the refusal", || refused("allowed") > 0);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3, "HOME_NET is not blocked on account of it");
    send(1001);
    wait_until("the refusal", || refused("spoofable") == 1);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3, "a datagram proves no address");
    for target in [SERVER, "10.0.0.77", "127.0.0.1", "10.0.0.0/24"] {
        let output = site.ask(&format!("block add {target}"));
        assert_eq!(output.status.code(), Some(1), "{target}: {}", String::from_utf8_lossy(&output.stderr));
    }
    send(1002);
    wait_until("the block", || site.lab.ping(SERVER, 1, 56) == 0);
    let status = site.status();
    assert_eq!(status["blocks"]["hosts_blocked"], 1, "where the policy says so: {status}");
    let text = String::from_utf8(site.ask("status").stdout).unwrap();
    assert!(text.contains("blocks not carried out: ") && text.contains("spoofable 1"), "{text}");
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn a_killed_sensor_keeps_its_alerts_and_is_given_back() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let line = format!("--inline a0,b0 -S {}", site.rules(EVIL));
    let sensor = site.start(&line);
    assert!(!site.lab.curl(&format!("http://{SERVER}/evil"), 2).0);
    wait_until("the alert", || site.sids("alerts list --json") == [1_000_001]);
    // Killed, not ended.
    drop(sensor);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3, "past the dead sensor");
    let blocks = site.json("block list --json").remove(0);
    assert_eq!(blocks[0]["sid"], 1_000_001, "blocks are listed without a sensor: {blocks}");
    let log = site.folder().join("log");
    let stored = site.sids(&format!("alerts list --json -l {}", log.display()));
    assert_eq!(stored, [1_000_001], "the store is read without a sensor");
    let id = site.json(&format!("alerts list --json -l {}", log.display())).remove(0)["alert_id"].clone();
    let id = id.as_str().unwrap();
    let shown =
        |line: &str| serde_json::from_slice::<Value>(&site.ask(line).stdout).unwrap()["alert"]["signature_id"].clone();
    assert_eq!(shown(&format!("alerts show {id} -l {}", log.display())), 1_000_001);
    site.json(&format!("block add {CLIENT6} --ttl 1h --json"));
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 0, "blocks are made without a sensor");
    site.json(&format!("block del {CLIENT6} --json"));
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 3, "and taken away");

    let sensor = site.start(&line);
    assert_eq!(site.sids("alerts list --json"), [1_000_001]);
    assert_eq!(site.sids(&format!("alerts list --json -l {}", log.display())), [1_000_001], "through the sensor");
    assert_eq!(shown(&format!("alerts show {id}")), 1_000_001, "through the sensor");
    drop(sensor);
    assert_eq!(site.ask("detach").status.code(), Some(0));
    assert_eq!(site.lab.ping(SERVER, 2, 56), 0, "the programs are gone");
}

#[test]
fn what_stays_after_a_stop_is_taken_over() {
    needs_root!();
    let site = Site::new();
    let line = format!("--inline a0,b0 -S {}", site.rules(EVIL));
    assert_eq!(stop(site.start(&line)).0, Some(0));
    // As one with other maps would have left it.
    let pins = site.folder().join("bpf/ids-sensor");
    let (ours, theirs) = (pins.join(format!("lab-{}", ids_ebpf::map::LAYOUT)), pins.join("lab-1"));
    std::fs::rename(&ours, &theirs).unwrap();
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3, "it goes on");
    let sensor = site.start(&line);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 3);
    assert!(ours.exists() && !theirs.exists());
    let said = std::fs::read_to_string(site.folder().join("stderr")).unwrap();
    assert!(said.contains("another version of this sensor was here"), "{said}");
    assert_eq!(stop(sensor).0, Some(0));

    let is_guarded = |port: &str| site.lab.sensor.ip(&format!("link show {port}")).contains("xdp");
    assert!(is_guarded("a0") && is_guarded("b0"));
    let sensor = site.start("-i a0");
    assert!(is_guarded("a0") && !is_guarded("b0"), "what is not asked for any more is let go");
    assert_eq!(stop(sensor).0, Some(0));
    assert!(!is_guarded("a0"), "nobody waits behind a mirror port");
}

#[test]
fn a_hangup_opens_files_anew() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let _server = site.lab.serve(web.path());
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    let log = site.folder().join("log");
    let count = |file: &str| {
        let text = std::fs::read_to_string(log.join(file)).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"event_type\":\"http\"")).count()
    };
    assert!(site.lab.curl(&format!("http://{SERVER}/"), 5).0);
    wait_until("the first record", || count("eve.json") == 1);
    std::fs::rename(log.join("eve.json"), log.join("eve.json.1")).unwrap();
    kill_process(Pid::from_child(&sensor.0), Signal::HUP).unwrap();
    wait_until("a new file", || log.join("eve.json").exists());
    assert!(site.lab.curl(&format!("http://{SERVER}/"), 5).0);
    wait_until("the second record", || count("eve.json") == 1);
    assert_eq!(count("eve.json.1"), 1);
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn what_is_missing_is_named() {
    needs_root!();
    let site = Site::new();
    for (line, part) in [
        ("run -i no-such-if", "there is no interface no-such-if; `ip link` lists them"),
        ("run --inline a0,b0 --capture af-packet", "packet sockets give copies: an inline pair takes AF_XDP"),
        ("run --host a0 --capture af-xdp", "it takes packet sockets"),
        ("status", "start one with `ids-sensor run`"),
        ("block add 192.0.2.1", "start one with `ids-sensor run`"),
    ] {
        let mut command = site.command(line);
        if line.starts_with("run") {
            command.arg("-l").arg(site.folder().join("log"));
        }
        let output = site.lab.sensor.run(|| command.output().unwrap());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = if line.contains("--host") { 2 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(part), "{line}: {said}");
    }
}
