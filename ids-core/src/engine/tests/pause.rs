//! Many small messages at once: none is lost, and none waits for more bytes.

use super::compile;
use crate::app::mqtt;
use crate::engine::fixtures::{self, Carrier, Told, segment};

/// What is told of a connection whose client says all this. The first part comes last, so that everything comes at once.
fn told(rule: &str, says: &[Vec<u8>], inline: bool) -> Told {
    let rules = compile(rule);
    let mut engine = fixtures::engine(fixtures::config(inline));
    let v4 = Carrier::V4;
    let mut frames = fixtures::handshake();
    let stream = says.concat();
    let parts: Vec<_> = stream.chunks(1400).enumerate().collect();
    for (number, part) in parts.iter().skip(1).chain(parts.first()) {
        frames.push(segment(v4, true, "PA", 101 + (number * 1400) as u32, 501, part));
    }
    frames.push(segment(v4, false, "A", 501, 101 + stream.len() as u32, b""));
    let mut told = Told::default();
    for (id, mut frame) in frames.into_iter().enumerate() {
        fixtures::push_to(&mut told, &mut engine, &rules, id as u64 + 1, &mut frame);
    }
    engine.finish(&rules, &mut told);
    told
}

#[test]
fn each_message_is_inspected_and_told() {
    const MANY: usize = 1000;
    let pings = |first: Vec<u8>| {
        let mut says = vec![mqtt::sample::connect(0, "a"), first];
        says.extend((0..MANY).map(|_| mqtt::sample::message(0xc0, &[])));
        says.push(mqtt::sample::publish(0, 0, "last", "n999.example"));
        says
    };
    let unanswered = pings(mqtt::sample::publish(2, 7, "x", "y"));
    let answered = pings(mqtt::sample::publish(0, 0, "x", "y"));
    let rule = "alert mqtt any any -> any any (mqtt.publish.message; content:\"n999.example\"; sid:1;)";
    for (says, name) in [(&answered, "answered"), (&unanswered, "unanswered")] {
        for inline in [false, true] {
            let told = told(rule, says, inline);
            assert_eq!((told.sids.len(), told.records), (1, MANY + 3), "{name}, inline: {inline}");
        }
    }
}
