//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::message::Message;
use super::options::code;
use super::sample::{acknowledgment, message};
use crate::app::datagram::tests::seen;
use crate::app::harness;
use crate::field::Dir::{ToClient, ToServer};

fn option(code: u8, content: &[u8]) -> Vec<u8> {
    [&[code, u8::try_from(content.len()).unwrap()][..], content].concat()
}

#[test]
fn messages_are_shown() {
    let asked = [
        option(code::KIND, &[3]),
        vec![0, 0],
        option(code::CLIENT_ID, &[1, 0x54, 0xee]),
        option(code::REQUESTED, &[10, 0, 0, 9]),
        option(code::HOSTNAME, b"nas1\0"),
        option(code::VENDOR_CLASS, b"MSFT 5.0"),
        option(code::PARAMETERS, &[1, 28, 3, 15, 6, 249]),
    ];
    let given = [
        option(code::KIND, &[2]),
        option(code::SUBNET_MASK, &[255, 255, 0, 0]),
        option(code::ROUTERS, &[10, 0, 0, 5, 10, 0, 0, 6]),
        option(code::DNS_SERVERS, &[10, 0, 0, 7]),
    ];
    for (name, bytes, shown) in [
        (
            "request",
            message(1, &asked.concat()),
            "type:'request',id:42,client_mac:'54:ee:75:01:02:03',assigned_ip:'10.0.0.2',client_ip:'10.0.0.1',\
             dhcp_type:'request',client_id:'54:ee',hostname:'nas1\0',vendor_class_identifier:'MSFT 5.0',\
             requested_ip:'10.0.0.9',params:['subnet_mask','router','domain','dns_server']",
        ),
        (
            "offer",
            message(2, &given.concat()),
            "type:'reply',id:42,client_mac:'54:ee:75:01:02:03',assigned_ip:'10.0.0.2',client_ip:'10.0.0.1',\
             relay_ip:'10.0.0.4',next_server_ip:'10.0.0.3',dhcp_type:'offer',subnet_mask:'255.255.0.0',\
             routers:['10.0.0.5','10.0.0.6'],dns_servers:['10.0.0.7']",
        ),
        (
            "acknowledgment",
            acknowledgment([30, 20, 10]),
            "type:'reply',id:42,client_mac:'54:ee:75:01:02:03',assigned_ip:'10.0.0.2',client_ip:'10.0.0.1',\
             relay_ip:'10.0.0.4',next_server_ip:'10.0.0.3',dhcp_type:'ack',renewal_time:20,lease_time:30,rebinding_time:10",
        ),
    ] {
        let seen = seen::<Message>(&[(ToServer, bytes)]);
        assert_eq!((seen.records, seen.events), (vec![shown.to_owned()], vec![]), "{name}");
    }
}

#[test]
fn what_is_odd_is_named() {
    let whole = acknowledgment([1, 2, 3]);
    for (name, bytes, expected) in [
        ("no end", whole[..whole.len() - 1].to_vec(), vec!["truncated_options"]),
        ("cut", whole[..whole.len() - 2].to_vec(), vec!["truncated_options"]),
        ("no length", message(1, &[])[..240].iter().copied().chain([53]).collect(), vec!["truncated_options"]),
        ("a type of two bytes", message(1, &[53, 2, 1, 1]), vec!["malformed_options"]),
        ("half an address", message(1, &[50, 2, 10, 0]), vec!["malformed_options"]),
        ("no router", message(1, &[3, 0]), vec!["malformed_options"]),
        ("an unknown type", message(1, &[53, 1, 99]), vec![]),
    ] {
        let seen = seen::<Message>(&[(ToClient, bytes)]);
        assert_eq!((seen.events, seen.records.len()), (expected, 1), "{name}");
    }
}

#[test]
fn what_is_no_message_is_passed_over() {
    let mut other = message(1, &[]);
    other[236] = 0;
    for bytes in [other, message(3, &[]), message(1, &[])[..239].to_vec(), Vec::new()] {
        assert_eq!(seen::<Message>(&[(ToServer, bytes)]), Default::default());
    }
}

proptest! {
    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((240usize..270, any::<u8>()), 0..12)) {
        let mut bytes = acknowledgment([1, 2, 3]);
        harness::overwrite(&mut bytes, &flips);
        seen::<Message>(&[(ToServer, bytes)]);
    }
}
