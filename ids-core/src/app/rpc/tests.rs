//! Bodies of packets in, interfaces out.

use super::packet::{answered, offered};

#[test]
fn interfaces_are_read_in_both_byte_orders() {
    let body = |little: bool| {
        let number = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let version = if little { [1, 0, 2, 0] } else { [0, 2, 0, 1] };
        let mut out = vec![0; 8];
        out.extend([2, 0, 0, 0]);
        for context in [5, 6] {
            out.extend(number(context));
            out.extend([1, 0]);
            out.extend(0..16);
            out.extend(version);
            out.extend([0; 20]);
        }
        out
    };
    for little in [true, false] {
        let interfaces = offered(&body(little), little);
        assert_eq!(
            interfaces.iter().map(|one| (one.context, one.version)).collect::<Vec<_>>(),
            [(5, (1, 2)), (6, (1, 2))]
        );
        let start = if little { [3, 2, 1, 0, 5, 4, 7, 6, 8] } else { [0, 1, 2, 3, 4, 5, 6, 7, 8] };
        assert!(interfaces[0].uuid.starts_with(&start));
        assert_eq!(offered(&body(little)[..60], little).len(), 1, "what is cut short is left out");
    }
    assert!(offered(&[0; 9], true).is_empty());
}

#[test]
fn answers_stand_behind_an_address_of_any_length() {
    for length in 0..9_u8 {
        let mut body = vec![0; 8];
        body.extend([length, 0]);
        body.extend(vec![b'a'; length.into()]);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend([2, 0, 0, 0]);
        for result in [0, 2] {
            body.extend([result, 0, 1, 0]);
            body.extend([0; 20]);
        }
        assert_eq!(answered(&body, true), [(0, 1), (2, 1)], "{length}");
    }
}
