//! As many packets as this machine makes, for a while: afterwards everybody's counts must agree to the packet.

use std::time::Duration;

use crate::bed::books::Books;
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, Sender, at_rest, memory};
use crate::support::bpf::Program;
use crate::support::lab::SERVER;
use crate::support::packet;
use crate::support::site::{Site, stop};

/// Sends for a while in mirror and in inline mode, and prints a table.
pub fn run(span: Duration) {
    let mut table = Table::default();
    for (name, ports, inline) in [("mirror", "-i a0", false), ("inline", "--inline a0,b0", true)] {
        let site = Site::new();
        quiet(&site);
        let sensor = site.start(&format!("{ports} -S {}", Rules::One.write(&site)));
        let mut frame = packet::udp(("10.0.0.1", 5), (SERVER, 9), &[0; 18]).bytes();
        // To nobody: the server's end counts them, and answers nothing. No checksum (RFC 768): ports are made up.
        frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x99]);
        frame[40..42].fill(0);
        let before = Books::open(&site);
        let start = memory(&sensor, "VmRSS");
        let sent = Sender::new(&site.lab, Program::returns_many_flows().unwrap()).send_for(&frame, span);
        at_rest(|| Books::open(&site).delivered);
        let books = Books::open(&site).since(&before);
        books.rows(&mut table, name, sent.frames, inline);
        table.row(&format!("{name}: sent a second"), sent.frames as f64 / sent.seconds, "1/s", Goal::None);
        let through = if inline { books.arrived } else { books.delivered };
        table.row(&format!("{name}: got through a second"), through as f64 / sent.seconds, "1/s", Goal::None);
        table.row(&format!("{name}: memory at the start"), start, "MB", Goal::None);
        table.row(&format!("{name}: memory at the end"), memory(&sensor, "VmRSS"), "MB", Goal::None);
        assert_eq!(stop(sensor).0, Some(0));
    }
    table.print(&format!("Frames of 60 bytes in 256 flows for {span:?}, as fast as one sender goes"));
}

/// Nobody says anything unasked: only what is sent on purpose is counted.
pub fn quiet(site: &Site) {
    for (end, name) in [(&site.lab.client, "c0"), (&site.lab.server, "s0")] {
        end.must(&format!("sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1"));
    }
}
