//! What a sensor costs on web traffic, inline between client and server: CPU time of its process for each GB of a large
//! download, and for each small request on connections that stay.
//!
//! CPU time of the process holds what the kernel does in its place, the delivery to the far end among that. "Of all" is
//! that of both ends besides. The established engine's figures are those of its own run on a machine of this kind, under
//! the same conditions: offloads off at the ends, MTU 1500, default configuration.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bed::cpu::Cpu;
use crate::bed::endpoints::{Requests, Server, download, request};
use crate::bed::figures::{Goal, Table};
use crate::bed::{Rules, process};
use crate::support::lab::SERVER;
use crate::support::namespace::Running;
use crate::support::site::{Site, stop};

/// Bytes of the large download.
const LARGE: u64 = 2_000_000_000;

/// Connections that stay, and how long requests are made on them.
const CONNECTIONS: usize = 16;
const SPAN: Duration = Duration::from_secs(5);

/// Flows are bypassed once the stream's depth is reached, 1 MiB by default.
const BYPASS: &str = "--set stream.bypass=yes";

/// Measures, and prints a table.
pub fn run() {
    let mut table = Table::default();
    for rules in Rules::all() {
        let many = rules == Rules::Many;
        measure(rules, "", |web| {
            let beside = if many { "7.0 to 7.8" } else { "2.2 to 2.4" };
            download_rows(&mut table, &web.download(), rules, "", beside, Goal::None);
            let goal = if many { Goal::AtMost(30.0) } else { Goal::None };
            let beside = if many { "61 to 67" } else { "23" };
            request_rows(&mut table, &web.requests(), rules, beside, goal);
        });
        measure(rules, BYPASS, |web| {
            let (beside, goal) = if many { ("7.0 to 7.8", Goal::AtMost(2.0)) } else { ("2.2 to 2.4", Goal::None) };
            download_rows(&mut table, &web.download(), rules, ", bypassed beyond the depth", beside, goal);
        });
    }
    table.print(&format!(
        "Web traffic through an inline pair: a download of {} GB, and {SPAN:?} of small requests on {CONNECTIONS} \
         connections; beside: Suricata 8.0.6",
        LARGE / 1_000_000_000
    ));
}

/// CPU time of a measurement: of the sensor, and with both ends and the kernel's threads.
struct Cost<T> {
    done: T,
    sensor: u64,
    all: u64,
}

/// A web server behind a sensor.
struct Web<'a> {
    site: &'a Site,
    sensor: &'a Running,
}

fn measure(rules: Rules, set: &str, work: impl FnOnce(&Web<'_>)) {
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 {set} -S {}", rules.write(&site)));
    work(&Web { site: &site, sensor: &sensor });
    assert_eq!(stop(sensor).0, Some(0));
}

impl Web<'_> {
    fn connect(&self) -> TcpStream {
        self.site.lab.client.run(|| TcpStream::connect((SERVER, 80)).unwrap())
    }

    /// Does something while the server runs; `work` says what its own end cost.
    fn serving<T: Send>(&self, work: impl FnOnce() -> (T, u64) + Send) -> Cost<T> {
        let listener = self.site.lab.server.run(|| TcpListener::bind((SERVER, 80)).unwrap());
        let (server, over) = (Server::new(listener), AtomicBool::new(false));
        let pid = process(self.sensor);
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.run(&over));
            let before = (Cpu::of(pid).unwrap(), Cpu::of_softirqs().unwrap());
            let (done, client) = work();
            let sensor = Cpu::of(pid).unwrap() - before.0;
            let kernel = Cpu::of_softirqs().unwrap() - before.1;
            over.store(true, Ordering::Relaxed);
            let server = serving.join().unwrap();
            Cost { done, sensor, all: sensor + kernel + client + server }
        })
    }

    /// Seconds that a large download takes.
    fn download(&self) -> Cost<f64> {
        self.serving(|| {
            let start = Instant::now();
            let (bytes, cpu) = download(self.connect(), LARGE, &AtomicU64::new(0), |_| {});
            assert!(bytes >= LARGE, "{bytes} bytes");
            (start.elapsed().as_secs_f64(), cpu)
        })
    }

    fn requests(&self) -> Cost<Requests> {
        self.serving(|| {
            let requests = request((0..CONNECTIONS).map(|_| self.connect()).collect(), SPAN);
            let cpu = requests.cpu;
            (requests, cpu)
        })
    }
}

fn download_rows(table: &mut Table, cost: &Cost<f64>, rules: Rules, how: &str, beside: &str, goal: Goal) {
    let name = format!("download, {}{how}", rules.name());
    // Nanoseconds a byte are seconds a GB.
    let each = |cpu: u64| cpu as f64 / LARGE as f64;
    table.row(&format!("{name}: rate"), LARGE as f64 * 8.0 / cost.done / 1e9, "Gbit/s", Goal::None);
    table.against(&format!("{name}: CPU time of the sensor"), each(cost.sensor), "s/GB", beside, goal);
    table.row(&format!("{name}: of all"), each(cost.all), "s/GB", Goal::None);
}

fn request_rows(table: &mut Table, cost: &Cost<Requests>, rules: Rules, beside: &str, goal: Goal) {
    let name = format!("small requests, {}", rules.name());
    let Requests { count, rate, p50, p99, .. } = cost.done;
    let each = |cpu: u64| cpu as f64 / count as f64 / 1e3;
    table.row(&format!("{name}: rate"), rate, "1/s", Goal::None);
    table.row(&format!("{name}: to the answer, p50"), p50, "us", Goal::None);
    table.row(&format!("{name}: to the answer, p99"), p99, "us", Goal::None);
    table.against(&format!("{name}: CPU time of the sensor"), each(cost.sensor), "us each", beside, goal);
    table.row(&format!("{name}: of all"), each(cost.all), "us each", Goal::None);
}
