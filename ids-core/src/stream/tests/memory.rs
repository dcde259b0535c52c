//! Nothing grows without bound.

use super::*;

#[test]
fn sessions_have_a_cap() {
    let one = size_of::<Session>() as u64;
    let config = Config { memcap: one + one / 2, memcap_policy: Exception::DropFlow, ..Config::default() };
    let mut first = Talk::with(config);
    first.push(&p('>', "S", 0, 0));
    let mut second = Talk { memory: first.memory, ..Talk::with(first.config.clone()) };
    let (outcome, _) = second.push(&p('>', "S", 0, 0));
    assert!(second.slot.is_none());
    assert_eq!(outcome.trouble, Some((Trouble::SessionMemcap, Exception::DropFlow)));
    assert_eq!(second.counters.get(Counter::TcpSsnMemcapDrop), 1);
    second.memory.forget(first.session(), &mut second.counters);
    assert_eq!(second.memory.sessions(), 0);
    second.push(&p('>', "S", 0, 0));
    assert!(second.slot.is_some());
}

#[test]
fn reassembly_has_a_cap_whatever_comes() {
    let cap = 64 << 10;
    for inline in [false, true] {
        for length in [1usize, 3, 1_400] {
            let mut config = Config { inline, ..Config::default() };
            config.reassembly.memcap = cap;
            let mut talk = Talk::with(config);
            talk.push(&p('>', "S", 0, 0).scale(14).window(60_000));
            talk.push(&p('<', "SA", 0, 1).scale(14).window(60_000));
            talk.push(&p('>', "A", 1, 1));
            talk.push(&p('<', "A", 1, 1).window(60_000));
            let stride = u32::try_from(length).unwrap() + 1;
            for at in 1..4_000u32 {
                talk.push(&p('>', "A", 1 + at * stride, 1).data(vec![b'x'; length]));
                assert!(talk.memory.reassembly_bytes() <= cap, "{} at {at}", talk.memory.reassembly_bytes());
            }
            assert!(talk.counters.get(Counter::TcpSegmentMemcapDrop) > 0);
            let memory = talk.memory;
            assert!(memory.reassembly_bytes() > cap / 2);
            let session = talk.slot.take().unwrap();
            talk.memory.forget(&session, &mut talk.counters);
            assert_eq!(talk.memory.reassembly_bytes(), 0);
        }
    }
}

#[test]
fn the_cap_holds_for_bytes_in_order_too() {
    let cap = 100_000;
    let mut config = Config { inline: true, ..Config::default() };
    config.reassembly.memcap = cap;
    let mut talk = Talk::with(config);
    talk.push(&p('>', "S", 0, 0).scale(14).window(60_000));
    talk.push(&p('<', "SA", 0, 1).scale(14).window(60_000));
    talk.push(&p('>', "A", 1, 1));
    talk.push(&p('<', "A", 1, 1).window(60_000));
    for at in 0..300u32 {
        talk.push(&p('>', "A", 1 + at * 1_000, 1).data([b'x'; 1_000]));
        assert!(talk.memory.reassembly_bytes() <= cap, "{}", talk.memory.reassembly_bytes());
    }
    assert!(talk.memory.reassembly_bytes() > cap - 10_000);
}

#[test]
fn what_both_readers_passed_is_let_go() {
    let mut talk = Talk::default().established();
    let mut most = 0;
    for at in 0..2_000u32 {
        let seq = 1 + at * 500;
        talk.push(&p('>', "A", seq, 1).data([b'x'; 500]));
        talk.push(&p('<', "A", 1, seq + 500));
        talk.app('>');
        talk.raw('>');
        let mut memory = talk.memory;
        talk.session().settle(&mut memory);
        talk.memory = memory;
        most = most.max(memory.reassembly_bytes());
    }
    assert!(most < 64 << 10, "{most}");
}

#[test]
fn inline_keeps_bytes_until_they_are_acknowledged() {
    let mut talk = Talk::inline().established();
    talk.push(&p('>', "A", 1, 1).data(vec![b'a'; 5_000]));
    talk.app('>');
    talk.raw('>');
    // The first copy may have died on its way: the second must not say something else.
    talk.push(&p('>', "A", 1, 1).data(vec![b'b'; 5_000]));
    assert_eq!(talk.session().rewrites(), [Rewrite { at: 0, bytes: vec![b'a'; 5_000] }]);
}
