//! A rule drops a flow, and its sender goes on: what of that reaches the sensor, and what it costs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::bed::cpu::Cpu;
use crate::bed::endpoints::Server;
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, Sender, at_rest, process};
use crate::support::bpf::Program;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::packet::{self, ACK};
use crate::support::site::{Site, stop};

/// Packets of the flow after it was dropped.
const MORE: u64 = 200_000;

/// Measures, and prints a table.
pub fn run() {
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", Rules::most().write(&site)));
    let listener = site.lab.server.run(|| TcpListener::bind((SERVER, 80)).unwrap());
    let (server, over) = (Server::new(listener), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| server.run(&over));
        let mut stream = site.lab.client.run(|| TcpStream::connect((SERVER, 80)).unwrap());
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.write_all(b"GET /evil HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 16]).is_err(), "there is no answer");
        wait_until("the block", || site.status()["blocks"]["flows_blocked"] == 1);

        let port = stream.local_addr().unwrap().port();
        let frame = packet::tcp((CLIENT, port), (SERVER, 80), ACK, b"more").bytes();
        let sender = Sender::new(&site.lab, Program::returns().unwrap());
        let handed_over = || {
            let status = site.status();
            let ports = status["ports"].as_array().unwrap();
            ports.iter().map(|port| port["queues"][0]["received"].as_u64().unwrap()).sum()
        };
        let before = (at_rest(handed_over), site.kernel("drop.flow"), Cpu::of(process(&sensor)).unwrap());
        sender.send(&frame, MORE);
        let cpu = Cpu::of(process(&sensor)).unwrap() - before.2;
        let dropped = site.kernel("drop.flow") - before.1;
        let reached = at_rest(handed_over) - before.0;
        over.store(true, Ordering::Relaxed);

        let mut table = Table::default();
        table.row("dropped in the kernel", dropped as f64, "packets", Goal::AtLeast(MORE as f64));
        // The client's own retransmissions and keepalives are of that flow too, and so never get there either.
        table.against("handed to the sensor", reached as f64, "packets", "all of them", Goal::AtMost(0.0));
        let each = cpu as f64 / MORE as f64;
        table.against("CPU time of the sensor", each, "ns a packet", "500 to 550", Goal::None);
        table.print(&format!("{MORE} further packets of a flow that a rule dropped; beside: Suricata 8.0.6"));
    });
    assert_eq!(stop(sensor).0, Some(0));
}
