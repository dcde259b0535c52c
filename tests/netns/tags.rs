//! The program as it is installed, on traffic inside VLAN tags.

use crate::needs_root;
use crate::support::lab::{SERVER, wait_until};
use crate::support::site::{EVIL, Site, stop};

#[test]
fn tagged_traffic_passes_unharmed_and_is_guarded() {
    needs_root!();
    for (name, tags) in [("VLAN", &[0x8100_0007][..]), ("QinQ", &[0x88a8_0007, 0x8100_0009])] {
        let site = Site::new();
        let lab = &site.lab;
        let tagged = lab.tag(tags, 7);
        let web = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        std::fs::write(web.path().join("large"), &bytes).unwrap();
        let _server = lab.serve(web.path());
        let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
        for (address, headers) in tagged.servers.iter().zip([28, 48]) {
            assert_eq!(lab.ping(address, 3, tagged.mtu - headers), 3, "{name} {address}: frames of full length");
            let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            let (worked, body) = lab.curl(&format!("http://{host}/large"), 20);
            assert!(worked && std::fs::read(body).unwrap() == bytes, "{name} {address}: clean traffic");
            let before = site.kernel("drop.flow");
            assert!(!lab.curl(&format!("http://{host}/evil"), 2).0, "{name} {address}: an attack");
            assert!(site.kernel("drop.flow") > before, "{name} {address}: the rest of it dies in the kernel");
        }
        assert!(lab.curl(&format!("http://{SERVER}/large"), 20).0, "{name}: what has no tag goes on");
        let ids: Vec<u32> = tags.iter().map(|tag| tag & 0xfff).collect();
        wait_until("both alerts", || site.sids("alerts list --json").len() == 2);
        for alert in site.json("alerts list --json") {
            assert_eq!(alert["vlan"], serde_json::json!(ids), "{name}: {alert}");
        }
        for block in site.json("block list --json").remove(0).as_array().unwrap() {
            assert_eq!((&block["kind"], &block["sid"]), (&"flow".into(), &1_000_001.into()), "{name}: {block}");
        }
        assert_eq!(stop(sensor).0, Some(0));
    }
}
