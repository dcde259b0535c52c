//! Rules are exchanged under traffic: nothing is lost, and nothing is forgotten.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::needs_root;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::site::{Site, stop};

const SETS: &str = "alert tcp any any -> any any (msg:\"first\"; content:\"hello\"; flowbits:set,seen; sid:1;)\n";
const ASKS: &str = "alert tcp any any -> any any (msg:\"second\"; content:\"again\"; flowbits:isset,seen; sid:2;)\n\
                    alert tcp any any -> any any (msg:\"never\"; content:\"again\"; flowbits:isset,unseen; sid:3;)\n";

/// Packets that any queue of any port lost, for whatever reason.
fn lost(site: &Site) -> u64 {
    let status = site.status();
    let ports = status["ports"].as_array().unwrap().clone();
    let queues = ports.iter().flat_map(|port| port["queues"].as_array().unwrap());
    queues.flat_map(|queue| queue["lost"].as_object().unwrap().values()).map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn no_packet_and_no_flowbit_is_lost_by_reloads() {
    needs_root!();
    let site = Site::new();
    let rules = site.rules(SETS);
    let sensor = site.start(&format!("--inline a0,b0 -S {rules}"));
    let listener = site.lab.server.run(|| TcpListener::bind((SERVER, 7)).unwrap());
    let sink = site.lab.server.run(|| UdpSocket::bind((SERVER, 9)).unwrap());
    sink.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut talk = site.lab.client.run(|| TcpStream::connect((SERVER, 7)).unwrap());
    let _accepted = listener.accept().unwrap();
    talk.write_all(b"hello").unwrap();
    wait_until("the first rule", || site.sids("alerts list --json") == [1]);

    let (over, sent, received) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let source = site.lab.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
    source.connect((SERVER, 9)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                source.send(b"datagram").unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        scope.spawn(|| {
            let mut bytes = [0; 64];
            let done =
                || over.load(Ordering::Relaxed) && received.load(Ordering::Relaxed) >= sent.load(Ordering::Relaxed);
            let mut silent = 0;
            while !done() && silent < 10 {
                match sink.recv(&mut bytes) {
                    Ok(_) => received.fetch_add(1, Ordering::Relaxed),
                    Err(_) => {
                        silent += u64::from(over.load(Ordering::Relaxed));
                        0
                    }
                };
            }
        });
        for round in 0..5 {
            let more: String = (0..200).map(|n| format!("alert udp any any -> any {n} (sid:{};)\n", 100 + n)).collect();
            site.rules(&format!("{}{ASKS}{SETS}", if round % 2 == 0 { more } else { String::new() }));
            let done = site.json("reload --json").remove(0);
            assert_eq!(done["loaded"], if round % 2 == 0 { 203 } else { 3 }, "{done}");
            assert_eq!(done["reloads"], round + 1);
        }
        talk.write_all(b"again").unwrap();
        wait_until("the second rule", || site.sids("alerts list --json --sid 2") == [2]);
        over.store(true, Ordering::Relaxed);
    });
    assert!(sent.load(Ordering::Relaxed) > 500, "there was traffic meanwhile");
    assert_eq!(received.into_inner(), sent.into_inner(), "every datagram came through");
    assert_eq!(site.sids("alerts list --json --sid 3"), [0; 0]);
    assert_eq!(lost(&site), 0, "{}", site.status());
    assert_eq!(stop(sensor).0, Some(0));
}

#[test]
fn a_reload_that_fails_keeps_the_rules_and_says_why() {
    needs_root!();
    let site = Site::new();
    let rules = site.rules(SETS);
    let sensor = site.start(&format!("--inline a0,b0 -S {rules}"));
    let in_force = || site.status()["rules"]["loaded"].as_u64().unwrap();
    for (text, said) in
        [(None, "local.rules: No such file"), (Some("this is no rule\nnor this\n"), "none of 2 rules loads")]
    {
        match text {
            Some(text) => drop(site.rules(text)),
            None => std::fs::remove_file(&rules).unwrap(),
        }
        let output = site.ask("reload");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said) && stderr.contains("the old rules stay in force"), "{stderr}");
        assert_eq!(in_force(), 1);
        assert!(site.status()["rules"]["refused"].as_str().unwrap().contains(said));
    }
    // A bad rule costs that alone, as at the start.
    site.rules(&format!("{SETS}{ASKS}broken\n"));
    kill_process(Pid::from_child(&sensor.0), Signal::USR2).unwrap();
    wait_until("the reload", || in_force() == 3);
    let rules = site.status()["rules"].clone();
    assert_eq!((&rules["failed"], &rules["refused"]), (&1.into(), &"".into()), "{rules}");
    assert_eq!(stop(sensor).0, Some(0));
    assert_eq!(site.ask("reload").status.code(), Some(3), "nobody is there");
}
