//! Flows that the kernel stage carries, with the program as it is installed: how much stays there, and whether records
//! are complete.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{SERVER, SERVER6, wait_until};
use crate::support::namespace::{Namespace, Running};
use crate::support::packet::{Frame, udp};
use crate::support::site::{Site, stop};
use crate::support::transfer::Transfer;

/// Rules that look at what is read, and at single packets elsewhere.
const RULES: &str = "alert http any any -> any any (msg:\"uri\"; http.uri; content:\"/large\"; sid:1;)\n\
    alert tcp any any -> any any (msg:\"never\"; content:\"nobody says this\"; sid:2;)\n\
    alert tcp any any -> any 22 (msg:\"elsewhere\"; ttl:<100; sid:3;)\n";

/// The flow record of the only connection to a port.
fn flow_to(folder: &Path, port: u16) -> Value {
    let text = std::fs::read_to_string(folder.join("log/eve.json")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let flows: Vec<Value> = records.filter(|one| one["event_type"] == "flow" && one["dest_port"] == port).collect();
    assert_eq!(flows.len(), 1, "{flows:#?}");
    flows[0].clone()
}

/// TCP segments that a namespace has sent so far (RFC 4022: those sent again are counted apart).
fn segments_sent(namespace: &Namespace) -> u64 {
    let text = namespace.must("cat /proc/net/snmp");
    let rows: Vec<Vec<&str>> =
        text.lines().filter(|line| line.starts_with("Tcp:")).map(|line| line.split(' ').collect()).collect();
    let value = |name: &str| -> u64 {
        let at = rows[0].iter().position(|column| *column == name).unwrap();
        rows[1][at].parse().unwrap()
    };
    value("OutSegs") + value("RetransSegs")
}

#[test]
fn a_download_stays_in_the_kernel_beyond_the_depth() {
    needs_root!();
    for address in [SERVER, SERVER6] {
        let site = Site::new();
        let web = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..10_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        std::fs::write(web.path().join("large"), &bytes).unwrap();
        let _server = site.lab.serve(web.path());
        let sensor = site.start(&format!("--inline a0,b0 --deadline 20s -S {}", site.rules(RULES)));
        let ends = [&site.lab.client, &site.lab.server];
        let before = ends.map(segments_sent);
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let (worked, body) = site.lab.curl(&format!("http://{host}/large"), 60);
        assert!(worked && std::fs::read(body).unwrap() == bytes, "the same bytes");
        let sent: Vec<u64> = ends.map(segments_sent).iter().zip(before).map(|(after, before)| after - before).collect();
        let kept = site.kernel("fast.released");
        let all: u64 = sent.iter().sum();
        // A tenth of it is less than the depth and what is under way while a release is written.
        assert!(kept * 10 >= all * 9, "{kept} of {all} packets stayed in the kernel");
        assert_eq!(stop(sensor).0, Some(0));
        let record = flow_to(site.folder(), 80);
        let flow = &record["flow"];
        assert_eq!([&flow["pkts_toserver"], &flow["pkts_toclient"]], [sent[0], sent[1]], "{record}");
        assert_eq!((&record["tcp"]["state"], &flow["state"]), (&"closed".into(), &"closed".into()), "{record}");
        assert_eq!(flow["alerted"], true, "{record}");
    }
}

/// A web server that encrypts, with a certificate of its own making, on the server's port 443.
const ENCRYPTING: &str = "import http.server,os,ssl,sys
os.chdir(sys.argv[1])
server=http.server.ThreadingHTTPServer(('',443),http.server.SimpleHTTPRequestHandler)
context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2],sys.argv[3])
server.socket=context.wrap_socket(server.socket,server_side=True)
print('ready',flush=True)
server.serve_forever()";

fn serve_encrypted(site: &Site, folder: &Path) -> Running {
    let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| site.folder().join(name));
    let request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=lab";
    site.lab.server.must(&format!("{request} -keyout {} -out {}", key.display(), certificate.display()));
    let mut command = Command::new("python3");
    command.args(["-c", ENCRYPTING]).args([folder, &certificate, &key]).stderr(Stdio::null());
    let mut server = site.lab.server.start(command.stdout(Stdio::piped()));
    let mut ready = [0; 5];
    server.0.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    server
}

#[test]
fn what_is_encrypted_stays_in_the_kernel() {
    needs_root!();
    let site = Site::new();
    let web = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..25_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(web.path().join("large"), &bytes).unwrap();
    let _server = serve_encrypted(&site, web.path());
    let bypass = "--set app-layer.protocols.tls.encryption-handling=bypass";
    let rules = "alert tls any any -> any any (msg:\"version\"; tls.version:1.3; sid:1;)\n\
                 alert tcp any any -> any any (msg:\"never\"; content:\"nobody says this\"; sid:2;)\n";
    let sensor = site.start(&format!("--inline a0,b0 --deadline 20s {bypass} -S {}", site.rules(rules)));
    let ends = [&site.lab.client, &site.lab.server];
    let before = ends.map(segments_sent);
    let (worked, body) = site.lab.curl(&format!("-k https://{SERVER}/large"), 60);
    assert!(worked && std::fs::read(body).unwrap() == bytes, "the same 100 MB");
    let sent: Vec<u64> = ends.map(segments_sent).iter().zip(before).map(|(after, before)| after - before).collect();
    let (kept, all) = (site.kernel("fast.released"), sent.iter().sum::<u64>());
    assert!(kept * 100 >= all * 95, "{kept} of {all} packets stayed in the kernel");
    assert_eq!(stop(sensor).0, Some(0));
    let record = flow_to(site.folder(), 443);
    let flow = &record["flow"];
    assert_eq!([&flow["pkts_toserver"], &flow["pkts_toclient"]], [sent[0], sent[1]], "{record}");
    assert_eq!((&record["app_proto"], &flow["alerted"]), (&"tls".into(), &true.into()), "{record}");
}

/// Sends frames out of c0, never more at a time than any queue holds.
fn send(site: &Site, frames: &[Vec<u8>]) {
    const SCRIPT: &str = "import socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,0)\ns.bind(('c0',0))\n\
                          for f in open(sys.argv[1]): s.send(bytes.fromhex(f.strip()))";
    let path = site.folder().join("frames");
    let mut sent = 0;
    for some in frames.chunks(100) {
        let line = |frame: &Vec<u8>| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        std::fs::write(&path, some.iter().map(line).collect::<String>()).unwrap();
        let send = || Command::new("python3").args(["-c", SCRIPT]).arg(&path).status().unwrap();
        assert!(site.lab.client.run(send).success());
        sent += some.len() as u64;
        let come = |port: &Value| port["received"]["packets"].as_u64().unwrap() >= sent;
        wait_until("what was sent", || come(&site.status()["ports"][0]));
    }
}

/// What a frame travels in.
type Wrap = fn(&Frame) -> Vec<u8>;

#[test]
fn whatever_it_travels_in_a_transfer_is_carried_and_counted() {
    needs_root!();
    let v4 = (("10.0.0.1", 4000), ("10.0.0.9", 80));
    let v6 = (("fd00::1", 4000), ("fd00::9", 80));
    let vxlan: Wrap = |frame| {
        let inner = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &frame.bytes()].concat();
        udp(("10.9.0.1", 5000), ("10.9.0.2", 4789), &inner).bytes()
    };
    type Case = (&'static str, ((&'static str, u16), (&'static str, u16)), Wrap, bool);
    let cases: [Case; 5] = [
        ("plain", v4, Frame::bytes, true),
        ("VLAN", v4, |frame| frame.clone().vlan(0x8100, 7).bytes(), true),
        ("QinQ", v4, |frame| frame.clone().vlan(0x8100, 9).vlan(0x88a8, 7).bytes(), true),
        ("IPv6", v6, Frame::bytes, true),
        // What is in it belongs to many flows, of which the kernel stage knows none.
        ("VXLAN", v4, vxlan, false),
    ];
    for (name, (client, server), wrap, carried) in cases {
        let site = Site::new();
        let depth = "--deadline 20s --set stream.reassembly.depth=16kb";
        let sensor = site.start(&format!("-i a0 {depth} -S {}", site.rules(RULES)));
        let mut transfer = Transfer::open(client, server);
        transfer.get("large", 1000);
        transfer.get("next", 100);
        transfer.close();
        let frames: Vec<Vec<u8>> = transfer.frames.iter().map(wrap).collect();
        send(&site, &frames);
        let kept = site.kernel("fast.released");
        // A hundred are under way while a release is written, once more after the second request.
        assert_eq!(kept * 5 >= frames.len() as u64 * 4, carried, "{name}: {kept} of {}", frames.len());
        assert!(carried || kept == 0, "{name}: {kept}");
        assert_eq!(stop(sensor).0, Some(0));
        let record = flow_to(site.folder(), 80);
        let flow = &record["flow"];
        assert_eq!([&flow["pkts_toserver"], &flow["pkts_toclient"]], transfer.packets, "{name}: {record}");
        assert_eq!(record["tcp"]["state"], "closed", "{name}: {record}");
        let text = std::fs::read_to_string(site.folder().join("log/eve.json")).unwrap();
        let requests = text.lines().filter(|line| line.contains("\"event_type\":\"http\"")).count();
        assert_eq!(requests, 2, "{name}: also the one that came after the release");
    }
}
