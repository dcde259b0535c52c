//! Block lists: files in, entries of the real maps out.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ids_sensor::block_lists::BlockLists;
use ids_sensor::config::block_lists::BlockList;
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Pins, Prefix, Sizes, Tables};
use ids_sensor::shield::{self, Shield};
use serde_json::Value;

use crate::needs_root;
use crate::support::lab::{CLIENT, SERVER, SERVER6, wait_until};
use crate::support::site::{EVIL, Site, stop};

const MINUTE: Duration = Duration::from_secs(60);

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn list(file: &Path) -> BlockList {
    let refresh = Duration::from_millis(100);
    BlockList { file: file.to_owned(), refresh, ttl: MINUTE, reason: "a drill".to_owned() }
}

fn tables(sizes: Sizes) -> (Pins, Arc<Mutex<Tables>>) {
    let pins = Pins::private().unwrap();
    let tables = Tables::open(&pins, sizes).unwrap();
    (pins, Arc::new(Mutex::new(tables)))
}

/// What stands in the maps, in order.
fn blocked(tables: &Mutex<Tables>) -> Vec<String> {
    let mut found: Vec<Prefix> = tables.lock().unwrap().blocks().unwrap().iter().map(|entry| entry.prefix).collect();
    found.sort_unstable();
    found.iter().map(ToString::to_string).collect()
}

fn counter(lists: &BlockLists, key: &str) -> Value {
    lists.states()[0].to_json()[key].clone()
}

#[test]
fn a_file_is_followed() {
    needs_root!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drop.txt");
    fs::write(&file, "192.0.2.7\n198.51.100.0/24 ; net\n2001:db8::/32\n192.0.2.1\nnonsense\n").unwrap();
    let (_pins, tables) = tables(Sizes::default());
    // What somebody asked for stays when the list lets go of it.
    tables.lock().unwrap().block(prefix("198.51.100.0/24"), Sides::Source, MINUTE, 5).unwrap();
    let allow = vec![prefix("192.0.2.1")];
    let shield = Arc::new(Shield::new(shield::Settings { allow, ..shield::Settings::default() }));
    let lists = BlockLists::start(&[list(&file)], Arc::clone(&tables), shield).unwrap();
    let want = ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"];
    wait_until("the list", || blocked(&tables) == want);
    wait_until("the figures", || counter(&lists, "blocked") == 3);
    assert_eq!([counter(&lists, "bad_lines"), counter(&lists, "allowed")], [1, 1]);
    assert_eq!(lists.reason(prefix("192.0.2.7")).as_deref(), Some("a drill"));
    assert_eq!(lists.reason(prefix("192.0.2.8")), None);

    fs::write(&file, "192.0.2.9\n192.0.2.7\n").unwrap();
    wait_until("the change", || blocked(&tables) == ["192.0.2.7", "192.0.2.9", "198.51.100.0/24"]);
    let asked = tables.lock().unwrap().asked().unwrap();
    assert_eq!((asked.len(), asked[0].sid, asked[0].left[1]), (1, 5, Duration::ZERO), "{asked:?}");

    // A file that is gone leaves all as it is, and says so.
    fs::remove_file(&file).unwrap();
    wait_until("the error", || counter(&lists, "error").as_str().unwrap().contains("No such file"));
    assert_eq!(blocked(&tables).len(), 3);
    fs::write(&file, "").unwrap();
    wait_until("the end of it", || blocked(&tables) == ["198.51.100.0/24"]);
}

#[test]
fn what_two_lists_name_stays_for_as_long_as_one_does() {
    needs_root!();
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    fs::write(&one, "192.0.2.1\n192.0.2.2\n").unwrap();
    fs::write(&two, "192.0.2.2\n192.0.2.3\n").unwrap();
    let (_pins, tables) = tables(Sizes::default());
    let settings = [list(&one), list(&two)];
    let _lists = BlockLists::start(&settings, Arc::clone(&tables), Arc::default()).unwrap();
    wait_until("both", || blocked(&tables).len() == 3);
    fs::write(&one, "").unwrap();
    wait_until("one", || blocked(&tables) == ["192.0.2.2", "192.0.2.3"]);
    fs::write(&two, "").unwrap();
    wait_until("none", || blocked(&tables).is_empty());
}

#[test]
fn what_finds_no_room_is_counted_and_tried_again() {
    needs_root!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drop.txt");
    fs::write(&file, "192.0.2.1\n192.0.2.2\n192.0.2.3\n2001:db8::1\n").unwrap();
    let (_pins, tables) = tables(Sizes { blocked_hosts: 2, ..Sizes::default() });
    let lists = BlockLists::start(&[list(&file)], Arc::clone(&tables), Arc::default()).unwrap();
    wait_until("the list", || counter(&lists, "no_room") == 1);
    assert_eq!(blocked(&tables), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    fs::write(&file, "192.0.2.2\n192.0.2.3\n").unwrap();
    wait_until("its turn", || blocked(&tables) == ["192.0.2.2", "192.0.2.3"]);
    wait_until("the figures", || counter(&lists, "no_room") == 0);
}

#[test]
fn nothing_that_stays_is_let_go_for_a_moment() {
    needs_root!();
    let (_pins, tables) = tables(Sizes::default());
    let mut tables = tables.lock().unwrap();
    let until = Monotonic::now().after(MINUTE);
    // A host inside of a network, and the other way round: each inherits and gives back.
    let (net, host) = (prefix("10.0.0.0/8"), prefix("10.1.2.3"));
    assert!(tables.list(&[net, host], until).unwrap().is_empty());
    let now = Monotonic::now();
    let holds = |tables: &Tables| tables.longest(host).unwrap().is_some_and(|block| block.until[0] > now.0);
    tables.unlist(&[net]).unwrap();
    assert!(holds(&tables), "by itself");
    tables.list(&[net], until).unwrap();
    tables.unlist(&[host]).unwrap();
    assert!(holds(&tables), "by its network");
    tables.unlist(&[net]).unwrap();
    assert!(!holds(&tables));
    assert_eq!(tables.blocks().unwrap(), []);
}

#[test]
fn the_program_blocks_what_its_configuration_lists() {
    needs_root!();
    let site = Site::new();
    let file = site.folder().join("drop.txt");
    fs::write(&file, format!("{CLIENT}\n")).unwrap();
    let config = site.folder().join("lists.yaml");
    let text = format!("block-lists:\n  - {{file: {}, refresh: 1s, reason: drill}}\n", file.display());
    fs::write(&config, text).unwrap();
    let sensor = site.start(&format!("--inline a0,b0 -S {} --include {}", site.rules(EVIL), config.display()));
    wait_until("the block", || site.status()["block_lists"][0]["blocked"] == 1);
    assert_eq!(site.lab.ping(SERVER, 3, 56), 0);
    assert_eq!(site.lab.ping(SERVER6, 3, 56), 3);
    let why = site.json(&format!("why {CLIENT} --json")).remove(0);
    assert_eq!(why["facts"][0]["because"].as_str().map(|text| text.contains("drill")), Some(true), "{why}");
    let listed = site.json("block list --json").remove(0);
    assert_eq!((&listed[0]["kind"], &listed[0]["reason"]), (&"list".into(), &"drill".into()), "{listed}");
    let refused = site.ask(&format!("block del {CLIENT}"));
    assert_eq!(refused.status.code(), Some(1), "it stands on a list");
    fs::write(&file, "# nobody\n").unwrap();
    wait_until("an answer", || site.lab.ping(SERVER, 1, 56) == 1);
    assert_eq!(stop(sensor).0, Some(0));
}

/// Prints figures: `cargo test --release -p ids-sensor --test netns -- --ignored --nocapture a_million`.
#[test]
#[ignore = "prints figures, and takes a while in a debug build"]
fn a_million_hosts() {
    needs_root!();
    let (_pins, tables) = tables(Sizes::default());
    let mut tables = tables.lock().unwrap();
    // Spread over all networks, as real lists are.
    let hosts: Vec<Prefix> =
        (0..1_000_000u32).map(|n| Prefix::host(Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761)).into())).collect();
    let until = Monotonic::now().after(MINUTE);
    let mut worst = Duration::ZERO;
    let mut timed = |what: &str, work: &mut dyn FnMut(&[Prefix])| {
        let start = Instant::now();
        for chunk in hosts.chunks(1024) {
            let chunk_start = Instant::now();
            work(chunk);
            worst = worst.max(chunk_start.elapsed());
        }
        let took = start.elapsed();
        eprintln!("{what}: {took:?}, {:?} each; longest chunk of 1024: {worst:?}", took / 1_000_000);
        worst = Duration::ZERO;
    };
    timed("a million hosts blocked", &mut |chunk| assert!(tables.list(chunk, until).unwrap().is_empty()));
    let later = until.after(MINUTE);
    timed("renewed, hits kept", &mut |chunk| assert!(tables.list(chunk, later).unwrap().is_empty()));
    assert!(tables.longest(hosts[77]).unwrap().is_some());
    timed("let go", &mut |chunk| tables.unlist(chunk).unwrap());
    assert!(tables.longest(hosts[77]).unwrap().is_none());
    let start = Instant::now();
    for host in &hosts[..100_000] {
        tables.block(*host, Sides::Both, MINUTE, 0).unwrap();
    }
    eprintln!("one by one, for comparison: {:?} each", start.elapsed() / 100_000);
}
