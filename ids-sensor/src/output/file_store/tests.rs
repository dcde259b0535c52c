//! Files come in pieces and stand in the folder by their digests; what does not come whole leaves nothing.

use std::fs;
use std::path::Path;

use ids_core::app::file::Room;
use sha2::{Digest, Sha256};

use super::folder::Folder;
use super::record::Record;
use crate::config::file_store::FileStore as Settings;

fn put(folder: &mut Folder, record: &Record<'_>) {
    let mut bytes = Vec::new();
    record.write(&mut bytes);
    folder.write(&bytes).unwrap();
}

fn content(folder: &mut Folder, number: u64, bytes: &[u8]) {
    put(folder, &Record::Content { number, bytes });
}

fn end(folder: &mut Folder, number: u64, whole: &[u8], info: &[u8]) {
    put(folder, &Record::End { number, sha256: Sha256::digest(whole).into(), seconds: 1000, info });
}

/// Where a file stands, below the folder.
fn place(bytes: &[u8]) -> String {
    let name: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/{name}", &name[..2])
}

/// All files below a folder.
fn files(root: &Path) -> Vec<String> {
    let folders = fs::read_dir(root).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    let mut names: Vec<_> = files.map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect();
    names.sort();
    names
}

fn counter(folder: &Folder, name: &str) -> u64 {
    folder.tally().counters().into_iter().find(|row| row.0 == format!("file_store.{name}")).unwrap().1
}

#[test]
fn records_are_read_as_they_were_written() {
    for record in [
        Record::Content { number: 7, bytes: b"abc" },
        Record::Content { number: 1 << 40, bytes: b"" },
        Record::End { number: 7, sha256: [9; 32], seconds: 12, info: b"{}" },
    ] {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        assert_eq!(Record::read(&bytes), Some(record));
    }
    for bytes in [&b""[..], b"\0", b"\x01aaaaaaaa", b"\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(Record::read(bytes), None);
    }
}

#[test]
fn files_that_come_at_the_same_time() {
    for (max_open, hit) in [(0, 0), (1, 1), (10, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let mut folder =
            Folder::open(&Settings { max_open, ..Settings::default() }, dir.path(), Room::default()).unwrap();
        content(&mut folder, 1, b"one");
        content(&mut folder, 2, b"tw");
        assert_eq!(counter(&folder, "open_files"), max_open.min(2) as u64);
        end(&mut folder, 1, b"one", b"");
        content(&mut folder, 2, b"o");
        end(&mut folder, 2, b"two", b"{\"a\":1}\n");
        content(&mut folder, 3, b"one");
        end(&mut folder, 3, b"one", b"");
        end(&mut folder, 4, b"", b"");
        folder.finish();
        let root = folder.path();
        let (one, two) = (place(b"one"), place(b"two"));
        let mut expected = vec![one.clone(), two.clone(), format!("{two}.1000.2.json")];
        expected.sort();
        assert_eq!(files(root), expected);
        assert_eq!(
            (fs::read(root.join(one)).unwrap(), fs::read(root.join(two)).unwrap()),
            (b"one".into(), b"two".into())
        );
        assert_eq!((counter(&folder, "stored"), counter(&folder, "lost"), counter(&folder, "fs_errors")), (3, 0, 0));
        assert_eq!(counter(&folder, "open_files_max_hit"), hit * 2);
    }
}

#[test]
fn what_does_not_come_whole_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(&Settings::default(), dir.path(), Room::default()).unwrap();
    content(&mut folder, 1, b"begin");
    end(&mut folder, 1, b"begin and end", b"{}");
    content(&mut folder, 2, b"never ends");
    folder.finish();
    assert_eq!(files(folder.path()), Vec::<String>::new());
    assert_eq!((counter(&folder, "stored"), counter(&folder, "lost")), (0, 2));
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { max_size: 100, ..Settings::default() };
    let mut folder = Folder::open(&settings, dir.path(), Room::default()).unwrap();
    let file = |number: u8| vec![number; 30];
    for number in 1..=3 {
        content(&mut folder, number.into(), &file(number));
        end(&mut folder, number.into(), &file(number), b"");
        let path = folder.path().join(place(&file(number)));
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(number.into());
        fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }
    // What was there before a start counts, too.
    drop(folder);
    let mut folder = Folder::open(&settings, dir.path(), Room::default()).unwrap();
    content(&mut folder, 4, &file(4));
    end(&mut folder, 4, &file(4), b"");
    let mut expected = vec![place(&file(3)), place(&file(4))];
    expected.sort();
    assert_eq!(files(folder.path()), expected);
    assert_eq!(counter(&folder, "removed"), 2);
}
