//! Security buffers in, names out.

use super::*;
use crate::app::harness::text;
use crate::app::smb::sample;

fn identity(blob: &[u8]) -> (String, Vec<Event>) {
    let mut events = Vec::new();
    let identity = Identity::of_client(blob, |event| events.push(event));
    (text(|out| identity.record(out)), events)
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
}

#[test]
fn users_of_ntlm_have_names() {
    let usual = sample::ntlm("DOM", "ann");
    let wrapped = [b"\x60\x48\x06\x06+".as_slice(), &usual].concat();
    let shown = "ntlmssp:{domain:'DOM',user:'ann',host:'host',version:'10.0 build 17763 rev 15'}";
    assert_eq!(identity(&usual), (shown.to_owned(), vec![]));
    assert_eq!(identity(&wrapped), (shown.to_owned(), vec![]), "within another mechanism");
    let mut swapped = usual.clone();
    let (domain, user) = (swapped[28..36].to_vec(), swapped[36..44].to_vec());
    swapped[28..36].copy_from_slice(&user);
    swapped[36..44].copy_from_slice(&domain);
    let shown = "ntlmssp:{domain:'ann',user:'DOM',host:'host',version:'10.0 build 17763 rev 15',warning:true}";
    assert_eq!(identity(&swapped), (shown.to_owned(), vec![Event::UnusualNtlmsspOrder]));
    let mut without = usual.clone();
    without[63] = 0;
    assert_eq!(identity(&without), ("ntlmssp:{domain:'DOM',user:'ann',host:'host'}".to_owned(), vec![]));
    for (name, blob, events) in [
        ("the first message", &b"NTLMSSP\0\x01\0\0\0"[..], vec![]),
        ("no number", b"NTLMSSP\0\x01\0", vec![Event::MalformedNtlmsspRequest]),
        ("another number", b"NTLMSSP\0\x09\0\0\0", vec![Event::MalformedNtlmsspRequest]),
        ("cut short", &usual[..50], vec![Event::MalformedNtlmsspRequest]),
        ("names outside", &usual[..80], vec![Event::MalformedNtlmsspRequest]),
        ("nothing", b"", vec![]),
    ] {
        assert_eq!(identity(blob), (String::new(), events), "{name}");
    }
}

#[test]
fn users_of_kerberos_have_a_realm_and_a_service() {
    let names = [der(0x1b, b"cifs"), der(0x1b, b"srv")].concat();
    let name = der(0x30, &[der(0xa0, &der(2, &[2])), der(0xa1, &der(0x30, &names))].concat());
    let ticket = [der(0xa0, &der(2, &[5])), der(0xa1, &der(0x1b, b"REALM")), der(0xa2, &name)].concat();
    let ticket = der(0x61, &der(0x30, &ticket));
    let request = der(0x6e, &der(0x30, &[der(0xa0, &der(2, &[5])), der(0xa3, &ticket)].concat()));
    let blob = [KERBEROS, &request].concat();
    assert_eq!(identity(&blob), ("kerberos:{realm:'REALM',snames:['cifs','srv']}".to_owned(), vec![]));
    for end in 0..blob.len() {
        identity(&blob[..end]);
    }
}

#[test]
fn challenges_are_whole_or_not() {
    for (blob, wanted) in [
        (&b"NTLMSSP\0\x02\0\0\0aaaaaaaabbbbcccccccc"[..], true),
        (b"NTLMSSP\0\x02\0\0\0aaaaaaaabbbb", false),
        (b"NTLMSSP\0\x01\0\0\0aaaaaaaabbbbcccccccc", false),
        (b"something else", true),
    ] {
        assert_eq!(challenge_is_whole(blob), wanted, "{blob:?}");
    }
}
