//! What every store must do; and what the one on sled does about damage, crashes and age.

use std::fs;
use std::path::Path;

use super::*;

fn settings() -> Settings {
    Settings { cache: 4 << 20, reserve: 0, writes: true, ..Settings::reading() }
}

fn open(folder: &Path) -> Box<dyn AlertStore> {
    Box::new(SledStore::open(folder, &settings()).expect("opens"))
}

/// Alert number `n`: a second after the one before; rules and addresses take turns.
fn entry(n: u64) -> Entry {
    let addr = |last: u64| IpAddr::from([10, 0, 0, last as u8]);
    let (sid, src, dst) = (1 + (n % 3) as u32, addr(n % 5), addr(100));
    let json =
        format!(r#"{{"n":{n},"src_ip":"{src}","dest_ip":"{dst}","alert":{{"signature_id":{sid}}}}}"#).into_bytes();
    Entry { key: AlertKey { time: Time::from_micros(n, 0), sid, addrs: [Some(src), Some(dst)] }, json }
}

fn entries(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(entry).collect()
}

fn numbers(page: &Page) -> Vec<u64> {
    page.alerts
        .iter()
        .map(|alert| serde_json::from_slice::<serde_json::Value>(&alert.json).unwrap()["n"].as_u64().unwrap())
        .collect()
}

fn periods(folder: &Path, suffix: &str) -> Vec<std::path::PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut periods: Vec<_> = names
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with(".damaged") == (suffix == ".damaged"))
        .collect();
    periods.sort();
    periods
}

#[test]
fn queries() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.append(&entries(0..30)).unwrap();
    let seconds = |n| Time::from_micros(n, 0);
    let all = Query { limit: 1000, newest_first: false, ..Query::default() };
    for (name, query, want) in [
        ("everything", all.clone(), (0..30).collect::<Vec<_>>()),
        ("newest", Query { limit: 2, ..Query::default() }, vec![29, 28]),
        ("a range", Query { from: seconds(5), to: seconds(8), ..all.clone() }, vec![5, 6, 7]),
        ("nothing", Query { from: seconds(8), to: seconds(8), ..all.clone() }, vec![]),
        ("a rule", Query { sid: Some(2), to: seconds(10), ..all.clone() }, vec![1, 4, 7]),
        ("an address", Query { addr: Some([10, 0, 0, 3].into()), to: seconds(10), ..all.clone() }, vec![3, 8]),
        ("the other end", Query { addr: Some([10, 0, 0, 100].into()), limit: 3, ..all.clone() }, vec![0, 1, 2]),
        ("both", Query { sid: Some(1), addr: Some([10, 0, 0, 0].into()), ..all.clone() }, vec![0, 15]),
        ("nobody", Query { addr: Some([1, 1, 1, 1].into()), ..all.clone() }, vec![]),
    ] {
        assert_eq!(numbers(&store.scan(&query).unwrap()), want, "{name}");
    }
    let first = store.scan(&Query { limit: 1, ..all }).unwrap().alerts.remove(0);
    assert_eq!(store.get(first.id).unwrap(), Some(first.clone()));
    assert_eq!(store.get(AlertId([7; 16])).unwrap(), None);
    assert_eq!(first.id.to_string().parse(), Ok(first.id));
    store.close().unwrap();
}

#[test]
fn pages_follow_one_another_without_gaps_or_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.append(&entries(0..25)).unwrap();
    for newest_first in [true, false] {
        let mut query = Query { limit: 7, newest_first, ..Query::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.scan(&query).unwrap();
            seen.extend(numbers(&page));
            query.cursor = page.next;
            if page.next.is_none() {
                break;
            }
        }
        let mut want: Vec<u64> = (0..25).collect();
        if newest_first {
            want.reverse();
        }
        assert_eq!(seen, want);
    }
}

#[test]
fn it_goes_on_where_it_stopped_and_the_same_times_do_not_collide() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let mut store = open(folder.path());
        store.append(&entries(0..10)).unwrap();
        store.close().unwrap();
    }
    let store = open(folder.path());
    assert_eq!(store.stats().unwrap().alerts, 30);
    assert_eq!(store.scan(&Query { limit: 100, sid: Some(1), ..Query::default() }).unwrap().alerts.len(), 12);
    assert_eq!(periods(folder.path(), "").len(), 1);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    assert!(matches!(SledStore::open(folder.path(), &settings()), Err(StoreError::InUse(_))));
    for other in ["nowhere", "file", "folder"] {
        let other = folder.path().join(other);
        if other.ends_with("file") {
            std::fs::write(&other, "").unwrap();
        } else if other.ends_with("folder") {
            std::fs::create_dir(&other).unwrap();
        }
        assert!(matches!(SledStore::open(&other, &Settings::reading()), Err(StoreError::Missing(_))), "{other:?}");
        assert!(!other.join("lock").exists(), "what is no store stays as it is");
    }
}

#[test]
fn periods_end_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SledStore::open(folder.path(), &Settings { period_alerts: 10, ..settings() }).unwrap();
    for start in (0..50).step_by(10) {
        store.append(&entries(start..start + 10)).unwrap();
    }
    assert_eq!(periods(folder.path(), "").len(), 5);
    let everything = Query { limit: 1000, newest_first: false, ..Query::default() };
    assert_eq!(numbers(&store.scan(&everything).unwrap()), (0..50).collect::<Vec<_>>());
    let keep = Retention { max_age: Duration::ZERO, max_size: 0 };
    assert_eq!(store.retain(keep).unwrap(), 0);
    // Any size is too large, but the newest period stays.
    assert_eq!(store.retain(Retention { max_size: 1, ..keep }).unwrap(), 4);
    assert_eq!(numbers(&store.scan(&everything).unwrap()), (40..50).collect::<Vec<_>>());
    store.append(&entries(50..60)).unwrap();
    assert_eq!(store.retain(Retention { max_age: Duration::from_nanos(1), ..keep }).unwrap(), 1);
    assert_eq!(store.retain(Retention { max_age: Duration::from_secs(3600), ..keep }).unwrap(), 0);
    Box::new(store).close().unwrap();
}

/// Damages one file of the only period.
fn damage(folder: &Path, change: impl Fn(&mut Vec<u8>)) {
    let file = periods(folder, "").pop().unwrap().join("db");
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, bytes).unwrap();
}

#[test]
fn damage_is_survived_and_never_shown_as_an_alert() {
    let written: Vec<Vec<u8>> = entries(0..2000).into_iter().map(|entry| entry.json).collect();
    for (name, at, length) in
        [("head", 0.0, 64), ("early", 0.1, 64), ("middle", 0.5, 64), ("late", 0.9, 64), ("wide", 0.3, 4096)]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.append(&entries(0..2000)).unwrap();
        store.close().unwrap();
        damage(folder.path(), |bytes| {
            let start = (bytes.len() as f64 * at) as usize;
            bytes.iter_mut().skip(start).take(length).for_each(|byte| *byte ^= 0x55);
        });
        let mut store = open(folder.path());
        let page = store.scan(&Query { limit: 10_000, ..Query::default() }).expect(name);
        assert!(page.alerts.iter().all(|alert| written.contains(&alert.json)), "{name}");
        // Whatever became of the old alerts, new ones are taken.
        store.append(&entries(5000..5010)).expect(name);
        let new = store.scan(&Query { from: Time::from_micros(5000, 0), ..Query::default() }).expect(name);
        assert_eq!(new.alerts.len(), 10, "{name}");
    }
}

#[test]
fn what_cannot_be_opened_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.append(&entries(0..10)).unwrap();
    store.close().unwrap();
    let period = periods(folder.path(), "").pop().unwrap();
    fs::write(period.join("conf"), b"this is no configuration of a database").unwrap();
    let reader = SledStore::open(folder.path(), &Settings::reading()).unwrap();
    assert_eq!(reader.scan(&Query::default()).unwrap(), Page { damaged: 1, ..Page::default() });
    assert_eq!(reader.stats().unwrap().damaged, 1);
    drop(reader);
    assert_eq!(periods(folder.path(), ".damaged").len(), 0, "a reader leaves what it finds");
    let mut store = open(folder.path());
    store.append(&entries(10..20)).unwrap();
    assert_eq!(store.stats().unwrap().damaged, 1);
    assert_eq!(
        numbers(&store.scan(&Query { newest_first: false, ..Query::default() }).unwrap()),
        (10..20).collect::<Vec<_>>()
    );
    assert_eq!(periods(folder.path(), ".damaged").len(), 1);
}

/// Set for the child process of the test below: where it writes before it is killed.
const VICTIM: &str = "IDS_SENSOR_STORE_VICTIM";

#[test]
fn what_was_flushed_survives_a_kill() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "output::store::tests::what_was_flushed_survives_a_kill";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(VICTIM, folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let marker = folder.path().join("flushed");
    while fs::read(&marker).map_or(0, |bytes| bytes.len()) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended before it was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing is closed, nothing is flushed.
    child.kill().unwrap();
    child.wait().unwrap();
    let flushed = fs::read(&marker).unwrap().len() as u64 * 100;
    let mut store = open(folder.path());
    let everything = Query { limit: 1_000_000, newest_first: false, ..Query::default() };
    let found = numbers(&store.scan(&everything).unwrap());
    assert!(found.len() as u64 >= flushed, "{} of {flushed}", found.len());
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
    // Its indexes are not trusted, but searching works.
    let query = Query { sid: Some(1), to: Time::from_micros(300, 0), ..everything };
    assert_eq!(store.scan(&query).unwrap().alerts.len(), 100);
    store.append(&entries(0..1)).unwrap();
    assert_eq!(periods(folder.path(), "").len(), 2);
}

fn write_until_killed(folder: &Path) -> ! {
    let mut store = open(folder);
    for start in (0..).step_by(100) {
        store.append(&entries(start..start + 100)).unwrap();
        store.flush().unwrap();
        let mut marker = fs::OpenOptions::new().create(true).append(true).open(folder.join("flushed")).unwrap();
        std::io::Write::write_all(&mut marker, b".").unwrap();
    }
    unreachable!("someone kills this process")
}
