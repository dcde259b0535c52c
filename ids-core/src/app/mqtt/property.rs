//! Properties: what MQTT 5.0 adds to most messages (MQTT 5.0 §2.2.2).

use crate::app::cursor::Cursor;

/// Properties, each behind its number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Properties<'a>(&'a [u8]);

/// One property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property<'a> {
    Number(&'static str, u32),
    Bytes(&'static str, &'a [u8]),
    /// A name and a value that the user chose.
    User(&'a [u8], &'a [u8]),
}

/// How the value of a property is written.
#[derive(Clone, Copy)]
enum Form {
    Byte,
    Two,
    Four,
    Varying,
    Bytes,
    Pair,
}

/// Numbers, names in records, and forms (MQTT 5.0 §2.2.2.2).
const TABLE: &[(u8, &str, Form)] = &[
    (0x01, "payload_format_indicator", Form::Byte),
    (0x02, "message_expiry_interval", Form::Four),
    (0x03, "content_type", Form::Bytes),
    (0x08, "response_topic", Form::Bytes),
    (0x09, "correlation_data", Form::Bytes),
    (0x0b, "subscription_identifier", Form::Varying),
    (0x11, "session_expiry_interval", Form::Four),
    (0x12, "assigned_client_identifier", Form::Bytes),
    (0x13, "server_keep_alive", Form::Two),
    (0x15, "authentication_method", Form::Bytes),
    (0x16, "authentication_data", Form::Bytes),
    (0x17, "request_problem_information", Form::Byte),
    (0x18, "will_delay_interval", Form::Four),
    (0x19, "request_response_information", Form::Byte),
    (0x1a, "response_information", Form::Bytes),
    (0x1c, "server_reference", Form::Bytes),
    (0x1f, "reason_string", Form::Bytes),
    (0x21, "receive_maximum", Form::Two),
    (0x22, "topic_alias_maximum", Form::Two),
    (0x23, "topic_alias", Form::Two),
    (0x24, "maximum_qos", Form::Byte),
    (0x25, "retain_available", Form::Byte),
    (0x26, "user_property", Form::Pair),
    (0x27, "maximum_packet_size", Form::Four),
    (0x28, "wildcard_subscription_available", Form::Byte),
    (0x29, "subscription_identifier_available", Form::Byte),
    (0x2a, "shared_subscription_available", Form::Byte),
];

impl<'a> Properties<'a> {
    /// Takes them, with the length before them, from a body.
    pub(super) fn take(body: &mut Cursor<'a>) -> Option<Self> {
        let length = varying(body)?;
        body.take(usize::try_from(length).ok()?).map(Self)
    }

    /// Whether all of them can be read.
    pub(super) fn sound(mut self) -> bool {
        while self.next().is_some() {}
        self.0.is_empty()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = Cursor::big(self.0);
        let number = rest.u8()?;
        let (_, name, form) = *TABLE.iter().find(|row| row.0 == number)?;
        let property = match form {
            Form::Byte => Property::Number(name, rest.u8()?.into()),
            Form::Two => Property::Number(name, rest.u16()?.into()),
            Form::Four => Property::Number(name, rest.u32()?),
            Form::Varying => Property::Number(name, varying(&mut rest)?),
            Form::Bytes => Property::Bytes(name, rest.vector16()?.rest()),
            Form::Pair => Property::User(rest.vector16()?.rest(), rest.vector16()?.rest()),
        };
        self.0 = rest.rest();
        Some(property)
    }
}

/// A number of one to four bytes, seven bits in each, the lowest first (MQTT 5.0 §1.5.5).
pub(super) fn varying(bytes: &mut Cursor<'_>) -> Option<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = bytes.u8()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_varying_length() {
        let cases: [(&[u8], Option<u32>); 7] = [
            (&[0], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 1], Some(128)),
            (&[0xff, 0xff, 0xff, 0x7f], Some(268_435_455)),
            (&[0xff, 0xff, 0xff, 0xff, 0], None),
            (&[0x80], None),
            (&[], None),
        ];
        for (bytes, value) in cases {
            assert_eq!(varying(&mut Cursor::big(bytes)), value, "{bytes:02x?}");
        }
    }

    #[test]
    fn each_number_has_one_form() {
        assert!(TABLE.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn unsound_properties_are_told_from_sound_ones() {
        let cases: [(&[u8], usize, bool); 5] = [
            (&[], 0, true),
            (&[0x21, 0, 20, 0x26, 0, 1, b'a', 0, 1, b'b'], 2, true),
            (&[0x21, 0], 0, false),
            (&[0x21, 0, 20, 0x7e], 1, false),
            (&[0x26, 0, 1, b'a', 0, 9, b'b'], 0, false),
        ];
        for (bytes, count, sound) in cases {
            let properties = Properties(bytes);
            assert_eq!((properties.count(), properties.sound()), (count, sound), "{bytes:02x?}");
        }
    }
}
