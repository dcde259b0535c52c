//! What the record shows: enough to know who has which address, or all that is read.

use std::net::Ipv4Addr;

use super::message::Message;
use super::options::code;
use crate::record::{Shape, Writer};

/// Types of messages (RFC 2132 §9.6).
const KINDS: [&str; 8] = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];

/// Names of options that clients ask for (RFC 2132); others are not shown.
const PARAMETERS: &[(u8, &str)] = &[
    (code::SUBNET_MASK, "subnet_mask"),
    (code::ROUTERS, "router"),
    (code::DNS_SERVERS, "dns_server"),
    (15, "domain"),
    (35, "arp_timeout"),
    (42, "ntp_server"),
    (66, "tftp_server_name"),
];

/// Writes the content of the `dhcp` object.
pub(super) fn write(message: &Message, extended: bool, out: &mut dyn Writer) {
    out.text("type", if message.is_reply() { b"reply" } else { b"request" });
    out.uint("id", message.id().into());
    out.text("client_mac", hex(message.hardware()).as_bytes());
    address("assigned_ip", message.assigned(), out);
    if extended {
        address("client_ip", message.client(), out);
        if message.is_reply() {
            address("relay_ip", message.relay(), out);
            address("next_server_ip", message.next_server(), out);
        }
    }
    kind(message, out);
    // Its first byte says what kind of name it is (RFC 2132 §9.14).
    if let Some([_, id @ ..]) = message.option(code::CLIENT_ID) {
        out.text("client_id", hex(id).as_bytes());
    }
    number("renewal_time", code::RENEWAL_TIME, message, out);
    if extended {
        options(message, out);
    }
}

/// What only the longer form shows of the options.
fn options(message: &Message, out: &mut dyn Writer) {
    number("lease_time", code::LEASE_TIME, message, out);
    number("rebinding_time", code::REBINDING_TIME, message, out);
    for (key, code) in [("hostname", code::HOSTNAME), ("vendor_class_identifier", code::VENDOR_CLASS)] {
        if let Some(text) = message.option(code) {
            out.text(key, text);
        }
    }
    for (key, code) in [("requested_ip", code::REQUESTED), ("subnet_mask", code::SUBNET_MASK)] {
        if let Some(ip) = message.number(code) {
            address(key, ip.to_be_bytes(), out);
        }
    }
    for (key, code) in [("routers", code::ROUTERS), ("dns_servers", code::DNS_SERVERS)] {
        addresses(key, message.option(code).unwrap_or_default(), out);
    }
    parameters(message.option(code::PARAMETERS).unwrap_or_default(), out);
}

fn kind(message: &Message, out: &mut dyn Writer) {
    let Some([kind]) = message.option(code::KIND) else { return };
    match kind.checked_sub(1).and_then(|kind| KINDS.get(usize::from(kind))) {
        Some(name) => out.text("dhcp_type", name.as_bytes()),
        None => out.text("dhcp_type", kind.to_string().as_bytes()),
    }
}

fn parameters(codes: &[u8], out: &mut dyn Writer) {
    let mut names = codes.iter().filter_map(|code| PARAMETERS.iter().find(|row| row.0 == *code)).peekable();
    if names.peek().is_none() {
        return;
    }
    out.open("params", Shape::List);
    names.for_each(|(_, name)| out.text("", name.as_bytes()));
    out.close();
}

fn number(key: &str, code: u8, message: &Message, out: &mut dyn Writer) {
    if let Some(number) = message.number(code) {
        out.uint(key, number.into());
    }
}

fn addresses(key: &str, bytes: &[u8], out: &mut dyn Writer) {
    let (whole, _) = bytes.as_chunks::<4>();
    if whole.is_empty() {
        return;
    }
    out.open(key, Shape::List);
    whole.iter().for_each(|ip| address("", *ip, out));
    out.close();
}

fn address(key: &str, ip: [u8; 4], out: &mut dyn Writer) {
    out.text(key, Ipv4Addr::from(ip).to_string().as_bytes());
}

/// Bytes in hexadecimal, with colons.
fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
