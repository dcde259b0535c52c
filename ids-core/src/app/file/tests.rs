//! Files: digests, kinds, content, and where they end.

use super::*;

const ALL: Hashes = Hashes { md5: true, sha1: true, sha256: true };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of which this is wanted.
fn file(wanted: Wanted) -> File {
    let kinds = Kinds::new(|head| format!("{} bytes", head.len()).into());
    File::new(b"a".to_vec(), Dir::ToClient, &Care { wanted, kinds, room: Room::new(100) })
}

fn hashed() -> File {
    file(Wanted { hashes: ALL, ..Wanted::default() })
}

fn taken(file: &mut File) -> String {
    let mut all = String::new();
    file.take(|bytes| all.push_str(&String::from_utf8_lossy(bytes)));
    all
}

#[test]
fn digests_of_a_whole_file() {
    let mut file = hashed();
    file.append(b"ab");
    file.append(b"c");
    assert_eq!(file.md5, None, "not before the end");
    file.close();
    assert_eq!(file.state, State::Closed);
    assert_eq!(hex(&file.md5.expect("asked for")), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(hex(&file.sha1.expect("asked for")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert!(hex(&file.sha256.expect("asked for")).starts_with("ba7816bf8f01cfea"));
    assert_eq!(file.stored_sha256, file.sha256);
}

#[test]
fn digests_end_at_a_gap() {
    let mut file = hashed();
    file.gap(733);
    file.append(b"never hashed");
    file.close();
    assert_eq!((file.size, file.state, file.gaps), (745, State::Truncated, true));
    assert!(hex(&file.sha256.expect("asked for")).starts_with("e3b0c44298fc1c14"), "of nothing");
}

#[test]
fn truncation_ends_it_with_a_digest_of_what_is_stored_alone() {
    let mut file = hashed();
    file.append(b"abc");
    file.truncate();
    file.append(b"def");
    file.close();
    assert_eq!((file.size, file.state, file.md5, file.sha256), (3, State::Truncated, None, None));
    assert!(hex(&file.stored_sha256.expect("asked for")).starts_with("ba7816bf8f01cfea"));
}

#[test]
fn nothing_unless_asked_for() {
    let mut file = file(Wanted::default());
    file.append(&[b'x'; 3 * HEAD]);
    file.close();
    assert_eq!((file.md5, file.sha1, file.sha256, &file.kind), (None, None, None, &None));
    assert!(!file.is_held());
    assert_eq!(taken(&mut file), "");
}

#[test]
fn kinds_are_told_once_by_the_same_bytes_however_they_come() {
    let wanted = Wanted { kind: true, ..Wanted::default() };
    for (size, gap, expected) in
        [(0, 0, None), (1, 0, Some("1 bytes")), (HEAD, 0, Some("4096 bytes")), (9000, 0, Some("4096 bytes"))]
            .into_iter()
            .chain([(10, 5, Some("10 bytes"))])
    {
        for step in [1, 1000, 10_000] {
            let mut file = file(wanted);
            vec![b'x'; size].chunks(step).for_each(|part| file.append(part));
            if gap > 0 {
                file.gap(gap);
                file.append(b"more");
            } else {
                assert_eq!(file.kind.is_some(), size >= HEAD, "not before the end or enough");
            }
            file.close();
            assert_eq!(file.kind.as_deref(), expected, "{size} bytes by {step}");
        }
    }
}

#[test]
fn content_is_held_until_it_is_taken() {
    let mut file = file(Wanted { content: true, ..Wanted::default() });
    file.append(b"ab");
    assert_eq!((file.fate(), file.is_stored()), (Fate::Undecided, false));
    file.append(b"c");
    file.decide(Fate::Store(7));
    file.decide(Fate::Skip);
    assert_eq!((file.fate(), taken(&mut file), taken(&mut file)), (Fate::Store(7), "abc".to_owned(), String::new()));
    file.append(b"de");
    file.gap(1);
    file.append(b"not next to it");
    file.close();
    assert_eq!(taken(&mut file), "de");
}

#[test]
fn without_room_there_is_no_content_and_room_comes_back() {
    let room = Room::new(10);
    let care = Care { wanted: Wanted { content: true, ..Wanted::default() }, room: room.clone(), ..Care::default() };
    let new = || File::new(Vec::new(), Dir::ToServer, &care);
    let (mut one, mut two) = (new(), new());
    one.append(b"12345678");
    two.append(b"123");
    assert_eq!((two.fate(), two.is_held(), room.refused()), (Fate::Skip, false, 1));
    drop(one);
    let mut three = new();
    three.append(b"1234567890");
    assert_eq!((three.fate(), room.refused()), (Fate::Undecided, 1));
    three.take(|_| ());
    let mut four = new();
    four.append(b"1234567890");
    assert!(four.is_held());
}
