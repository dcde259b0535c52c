//! What is told of costs that were measured by a made-up clock.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ids_core::app::App;
use ids_core::detect::compile::Loader;
use ids_core::detect::settings::Settings;
use ids_core::detect::shared::Shared;
use ids_core::engine::{Command, Config, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::time::Time;
use ids_core::verdict::Verdict;

use super::*;

struct Nobody;

impl Sink for Nobody {
    fn verdict(&mut self, _: u64, _: Verdict) {}
    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}
    fn kernel(&mut self, _: Command) {}
    fn event(&mut self, _: Event<'_>) {}
}

/// Ten more with every look.
fn clock() -> u64 {
    thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
    LOOKS.with(|looks| looks.replace(looks.get() + 10))
}

/// The rules, and what they cost on three datagrams.
fn measured() -> (RuleSet, Costs) {
    let text = "alert udp any any -> any any (msg:\"always\"; ttl:>0; sid:1; rev:4;)\n\
                alert udp any any -> any any (msg:\"large\"; dsize:>100; sid:2;)\n\
                alert udp any any -> any any (msg:\"never tried\"; content:\"absent\"; sid:3;)";
    let parsed = ids_core::rules::parse(text).rules.into_iter().map(|rule| (0, rule));
    let rules = Loader::default().compile(parsed, &Settings::default()).unwrap().rules;
    let gauge = Gauge { clock, every: 1, running: Arc::new(AtomicBool::new(true)) };
    let config = Config { costs: Some(gauge), max_alerts: 15, ..Config::default() };
    let mut engine = Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default());
    for (id, port) in [(1, 1111), (2, 1111), (3, 2222)] {
        let mut bytes = Vec::new();
        let udp = etherparse::PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).udp(port, 5555);
        udp.write(&mut bytes, b"payload").unwrap();
        let packet = PacketIn { id, port: 0, time: Time::from_micros(id, 0), link: LinkType::Raw, bytes: &mut bytes };
        engine.push(&rules, packet, &mut Nobody);
    }
    let costs = engine.costs().unwrap().clone();
    (rules, costs)
}

fn settings() -> Profiling {
    Profiling {
        every: 1,
        enabled: true,
        active: true,
        name: "rule_perf.log".to_owned(),
        append: true,
        sort: None,
        limit: 10,
        json: true,
    }
}

#[test]
fn the_dearest_come_first_and_the_others_are_cut() {
    let (rules, costs) = measured();
    let all = json(&costs, &rules, 10);
    assert_eq!(all["packets"], 3);
    let sids = |shown: &Value| {
        shown["rules"].as_array().unwrap().iter().map(|row| row["signature_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(sids(&all), [1, 2], "{all}");
    assert_eq!(sids(&json(&costs, &rules, 1)), [1]);
    let row = &all["rules"][0];
    assert_eq!((&row["rev"], &row["signature"]), (&json!(4), &json!("always")));
    assert_eq!(row["matches"], row["checks"], "{row}");
    assert_eq!(
        (&row["ticks_avg"], &row["ticks_avg_match"], &row["ticks_avg_nomatch"]),
        (&json!(10), &json!(10), &json!(0))
    );
    let flow = &all["flows"][0];
    assert_eq!(
        (&flow["ends"], &flow["packets"], &flow["proto"]),
        (&json!(["192.0.2.1:1111", "192.0.2.2:5555"]), &json!(2), &json!("UDP"))
    );
}

#[test]
fn what_people_see() {
    let (rules, costs) = measured();
    let text = text(&json(&costs, &rules, 10), None);
    for part in ["measured on 3 packets", "always", "large", "UDP 192.0.2.1:1111 - 192.0.2.2:5555"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("never tried"), "{text}");
}

#[test]
fn reports_have_one_table_an_order() {
    let (rules, costs) = measured();
    let report = |settings: Profiling| report::report(&costs, &rules, &settings, Time::from_micros(1_000_000, 0));
    let lines: Vec<Value> = report(settings()).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let orders: Vec<&str> = lines.iter().map(|line| line["sort"].as_str().unwrap()).collect();
    assert_eq!(orders, ["ticks", "avgticks", "checks", "matches", "maxticks"]);
    assert_eq!(lines[3]["rules"][0]["signature_id"], 1, "it matched");
    assert!(lines[0]["timestamp"].as_str().unwrap().starts_with("1970-"), "{}", lines[0]);
    let table = report(Profiling { json: false, sort: Some(Sort::Matches), limit: 1, ..settings() });
    let last = table.lines().last().unwrap();
    let cells: Vec<&str> = last.split_whitespace().collect();
    assert_eq!(cells[..4], ["1", "1", "1", "4"], "number, sid, gid, rev: {table}");
    assert!(table.contains("Sorted by: matches") && !table.contains("maxticks"), "{table}");
}

#[test]
fn reports_go_on_or_begin_anew() {
    let (rules, costs) = measured();
    let folder = tempfile::tempdir().unwrap();
    let lines = |append| {
        let settings = Profiling { append, ..settings() };
        let path = write(&costs, &rules, &settings, folder.path(), Time::ZERO).unwrap();
        std::fs::read_to_string(path).unwrap().lines().count()
    };
    assert_eq!([lines(true), lines(true), lines(false)], [5, 10, 5]);
    assert!(write(&costs, &rules, &settings(), &folder.path().join("missing"), Time::ZERO).is_err());
}
