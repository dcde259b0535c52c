//! The shared maps: full, listed, and seen by others.

use std::time::Duration;

use ids_ebpf::flow::{Addr, FlowKey, Released};
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Error, Pins, Prefix, Sizes, Tables};

use crate::needs_root;
use crate::support::ip;

const MINUTE: Duration = Duration::from_secs(60);

fn key(port: u16) -> FlowKey {
    FlowKey::new((Addr::v4([10, 0, 0, 1]), port), (Addr::v4([10, 0, 0, 2]), 80), 6, [0; 2], 0).0
}

#[test]
fn a_full_map_is_an_error_and_forgets_nothing() {
    needs_root!();
    let pins = Pins::private().unwrap();
    let sizes = Sizes { blocked_flows: 2, released_flows: 1, ..Sizes::default() };
    let mut tables = Tables::open(&pins, sizes).unwrap();
    tables.flows.block(&key(1), MINUTE, 1).unwrap();
    tables.flows.block(&key(2), MINUTE, 2).unwrap();
    assert!(matches!(tables.flows.block(&key(3), MINUTE, 3), Err(Error::Full { map: "BLOCKED_FLOWS" })));
    let mut sids: Vec<u32> = tables.flows.blocks().unwrap().iter().map(|block| block.sid).collect();
    sids.sort_unstable();
    assert_eq!(sids, [1, 2]);
    tables.flows.block(&key(1), Duration::ZERO, 4).unwrap();
    let left = tables.flows.blocks().unwrap().into_iter().find(|block| block.key == key(1)).unwrap().left;
    assert!(left > Duration::from_secs(50), "a longer block stays");
    tables.flows.release(&key(1), MINUTE, &Released::default()).unwrap();
    assert!(matches!(
        tables.flows.release(&key(2), MINUTE, &Released::default()),
        Err(Error::Full { map: "RELEASED_FLOWS" })
    ));
}

#[test]
fn a_second_handle_sees_what_the_first_wrote() {
    needs_root!();
    let pins = Pins::private().unwrap();
    let mut first = Tables::open(&pins, Sizes::default()).unwrap();
    let net = Prefix::around(ip("2001:db8::1"), 64);
    first.block(net, Sides::Source, MINUTE, 5).unwrap();
    first.block("10.0.0.0/8".parse().unwrap(), Sides::Both, MINUTE, 6).unwrap();
    first.flows.block(&key(1), MINUTE, 7).unwrap();

    let mut second = Tables::open(&pins, Sizes::default()).unwrap();
    let blocks = second.blocks().unwrap();
    assert_eq!(blocks.len(), 2);
    let six = blocks.iter().find(|block| block.prefix == net).unwrap();
    assert_eq!((six.sid, six.left[1]), (5, Duration::ZERO));
    assert!(six.left[0] > Duration::from_secs(50));
    assert_eq!(second.flows.blocks().unwrap()[0].sid, 7);
    // It inherits from what the first wrote.
    second.block("10.0.0.1".parse().unwrap(), Sides::Source, Duration::ZERO, 8).unwrap();
    assert_eq!(second.sweep().unwrap(), 1);
    assert!(second.unblock(net).unwrap());
    assert!(!second.unblock(net).unwrap());
    assert_eq!(first.blocks().unwrap().len(), 1);
}
