//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::message::Message;
use super::sample::{message, offer, proposal};
use crate::app::datagram::tests::{last, seen};
use crate::app::harness;
use crate::field::Dir::{self, ToClient, ToServer};

const SA: [u8; 2] = [1, 33];
const KEY: [u8; 2] = [4, 34];
const NONCE: [u8; 2] = [10, 40];
const VENDOR: u8 = 13;

/// A negotiation of version 1: proposed, chosen, and what each side adds.
fn version_1() -> Vec<(Dir, Vec<u8>)> {
    let main = |spis, payloads: &[(u8, Vec<u8>)]| message(1, 2, 0, spis, payloads);
    vec![
        (
            ToServer,
            main(
                [7, 0],
                &[(SA[0], offer(&[&[(1, 7), (14, 128), (2, 2)], &[(1, 5), (12, 9)]])), (VENDOR, vec![0xab, 1])],
            ),
        ),
        (ToClient, main([7, 8], &[(SA[0], offer(&[&[(1, 7), (14, 128), (2, 2), (11, 1)]]))])),
        (ToServer, main([7, 8], &[(KEY[0], vec![1, 2]), (NONCE[0], vec![3])])),
        (ToClient, main([7, 8], &[(KEY[0], vec![4]), (NONCE[0], vec![5, 6])])),
        (ToServer, message(1, 2, 1, [7, 8], &[(5, vec![0; 9])])),
    ]
}

#[test]
fn version_1_is_shown_with_what_is_known() {
    let records = seen::<Message>(&version_1()).records;
    let head = |spi: &str| {
        format!(
            "version_major:1,version_minor:0,init_spi:'0707070707070707',resp_spi:'{spi}',message_id:0,exchange_type:2,\
             exchange_type_verbose:'IdentityProtection'"
        )
    };
    let proposals = "proposals:[{alg_enc:'EncAesCbc',alg_enc_raw:7,alg_hash:'HashSha',alg_hash_raw:2,\
         sa_key_length:'Unknown',sa_key_length_raw:128},{alg_enc:'EncTripleDesCbc',alg_enc_raw:5,\
         sa_life_duration:'Unknown',sa_life_duration_raw:9}]";
    let chosen = "alg_enc:'EncAesCbc',alg_enc_raw:7,alg_hash:'HashSha',alg_hash_raw:2,sa_life_type:'LifeTypeSeconds',\
         sa_life_type_raw:1,sa_key_length:'Unknown',sa_key_length_raw:128";
    let first = format!(
        "{},payload:['SecurityAssociation','VendorID'],ikev1:{{doi:1,encrypted_payloads:false,client:{{{proposals}}},\
         server:{{}},vendor_ids:['ab01']}}",
        head("0000000000000000")
    );
    let fourth = format!(
        "{},{chosen},payload:['KeyExchange','Nonce'],ikev1:{{doi:1,encrypted_payloads:false,\
         client:{{key_exchange_payload:'0102',key_exchange_payload_length:2,nonce_payload:'03',nonce_payload_length:1,\
         {proposals}}},server:{{key_exchange_payload:'04',key_exchange_payload_length:1,nonce_payload:'0506',\
         nonce_payload_length:2}},vendor_ids:['ab01']}}",
        head("0808080808080808")
    );
    assert_eq!((&records[0], &records[3]), (&first, &fourth));
    assert!(records[4].contains("encrypted_payloads:true") && !records[4].contains("payload:["));
}

#[test]
fn another_negotiation_begins_anew() {
    let mut datagrams = version_1();
    datagrams.push((ToServer, message(1, 2, 0, [9, 0], &[(VENDOR, vec![2])])));
    let record = seen::<Message>(&datagrams).records.pop().unwrap();
    assert!(record.contains("vendor_ids:['02']") && !record.contains("nonce_payload"), "{record}");
}

#[test]
fn version_2_is_shown() {
    let chosen = proposal(true, 1, &[(1, 12), (2, 5), (3, 12), (4, 14)]);
    let asked = [(SA[1], chosen.clone()), (KEY[1], vec![0, 14, 0, 0, 1, 2]), (NONCE[1], vec![3])];
    let answer = [(SA[1], chosen), (41, vec![0, 0, 0x40, 4]), (41, vec![0, 0, 0, 14]), (46, vec![9])];
    let datagrams = [(ToServer, message(2, 34, 8, [1, 0], &asked)), (ToClient, message(2, 34, 0x20, [1, 2], &answer))];
    let shown = [
        "version_major:2,version_minor:0,init_spi:'0101010101010101',resp_spi:'0000000000000000',message_id:0,\
         exchange_type:34,exchange_type_verbose:'IKE_SA_INIT',role:'initiator',\
         payload:['SecurityAssociation','KeyExchange','Nonce'],ikev2:{errors:0}",
        "version_major:2,version_minor:0,init_spi:'0101010101010101',resp_spi:'0202020202020202',message_id:0,\
         exchange_type:34,exchange_type_verbose:'IKE_SA_INIT',role:'responder',alg_enc:'ENCR_AES_CBC',\
         alg_auth:'AUTH_HMAC_SHA2_256_128',alg_dh:'Modp2048',\
         payload:['SecurityAssociation','Notify','Notify','EncryptedAndAuthenticated'],\
         ikev2:{errors:1,notify:['NAT_DETECTION_SOURCE_IP','NO_PROPOSAL_CHOSEN']}",
    ];
    let seen = seen::<Message>(&datagrams);
    assert_eq!((seen.records, seen.events), (shown.map(str::to_owned).to_vec(), vec![]));
    assert_eq!(last::<Message>("ike.key_exchange_payload", &datagrams[..1]), ["\u{1}\u{2}"]);
}

#[test]
fn what_is_odd_is_named() {
    const GOOD: &[(u8, u16)] = &[(1, 12), (2, 5), (3, 12), (4, 14)];
    let v2 = |payload: Vec<u8>| message(2, 34, 8, [1, 0], &[(SA[1], payload)]);
    let one = |protocol, transforms: &[(u8, u16)]| v2(proposal(true, protocol, transforms));
    let v1 = |payload: Vec<u8>| message(1, 2, 0, [1, 0], &[(SA[0], payload)]);
    let good = one(1, GOOD);
    let longer = [&good[..], &[0]].concat();
    let mut cut = good.clone();
    cut.truncate(good.len() - 1);
    let twice = [proposal(false, 1, GOOD), proposal(true, 1, GOOD)].concat();
    for (name, dir, bytes, events) in [
        ("nothing", ToServer, good, &[][..]),
        ("sealed", ToServer, one(1, &[(1, 20), (2, 5), (4, 19)]), &[]),
        ("too short", ToServer, vec![1; 27], &["malformed_data"]),
        ("cut", ToServer, cut, &["malformed_data"]),
        ("more than said", ToServer, longer, &["payload_extra_data"]),
        ("version 3", ToServer, message(3, 34, 8, [1, 0], &[]), &["malformed_data"]),
        ("cut in a proposal", ToServer, v2(vec![0, 0, 0, 9, 1]), &["malformed_data"]),
        ("no encryption", ToServer, one(1, &[(1, 11), (2, 5), (3, 12), (4, 14)]), &["no_encryption"]),
        (
            "weak",
            ToServer,
            one(1, &[(1, 2), (2, 1), (3, 1), (4, 2)]),
            &["weak_crypto_enc", "weak_crypto_prf", "weak_crypto_auth", "weak_crypto_dh"],
        ),
        ("no secret", ToServer, one(1, &[(1, 12), (2, 5), (3, 12), (4, 0)]), &["weak_crypto_no_dh"]),
        ("open to change", ToServer, one(1, &[(1, 12), (2, 5), (4, 14)]), &["weak_crypto_no_auth"]),
        ("another protocol", ToServer, one(2, GOOD), &["invalid_proposal"]),
        ("an unknown type", ToServer, one(1, &[(1, 12), (2, 5), (3, 12), (4, 14), (99, 1)]), &["unknown_proposal"]),
        ("two offers", ToServer, v2(twice.clone()), &[]),
        ("two choices", ToClient, v2(twice), &["multiple_server_proposal"]),
        ("two choices of version 1", ToClient, v1(offer(&[&[(1, 7)], &[(1, 5)]])), &["multiple_server_proposal"]),
        ("an unknown attribute", ToServer, v1(offer(&[&[(99, 7)]])), &["unknown_proposal"]),
        ("half an offer", ToServer, v1(offer(&[&[(1, 7)]])[..20].to_vec()), &["malformed_data"]),
        ("half a notification", ToServer, message(2, 37, 8, [1, 2], &[(41, vec![0])]), &["malformed_data"]),
    ] {
        assert_eq!(seen::<Message>(&[(dir, bytes)]).events, events, "{name}");
    }
}

#[test]
fn what_is_chosen_is_a_pair() {
    let datagrams = version_1();
    let pair = |kind: u64, value: u64| (kind << 32 | value).to_string();
    let expected = [pair(1, 7), pair(14, 128), pair(2, 2), pair(11, 1)];
    assert_eq!(last::<Message>("ike.chosen_sa_attribute", &datagrams[..2]), expected);
    assert_eq!(last::<Message>("ike.vendor", &datagrams[..1]), ["ab01"]);
    assert_eq!(last::<Message>("ike.nonce_payload_length", &datagrams[..4]), ["2"]);
}

proptest! {
    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((16usize..90, any::<u8>()), 0..12)) {
        let mut datagrams = version_1();
        datagrams.push((ToServer, message(2, 34, 8, [1, 0], &[(SA[1], proposal(true, 1, &[(1, 12), (4, 14)]))])));
        datagrams.iter_mut().for_each(|(_, bytes)| harness::overwrite(bytes, &flips));
        seen::<Message>(&datagrams);
    }
}
