//! Traffic that makes the parsers of protocols with a memory work hard for few bytes: tiny messages, messages that nobody
//! answers, what is nested. Each case says by which protocol it must have been read.

use super::crafted::Case;
use super::wire::{By, Connection, End, udp};

const CLIENT: End = ([10, 0, 0, 2], 41_000);
const SERVER: [u8; 4] = [192, 0, 2, 2];

/// Bytes of a stream in each case, roughly.
const STREAM: usize = 256 * 1024;
/// Of one that comes in one-byte segments.
const BYTEWISE: usize = 32 * 1024;
/// An ordinary segment.
const SEGMENT: usize = 1400;

/// All cases: what they are read by, and the packets.
pub(crate) fn cases() -> Vec<(&'static str, Case)> {
    let mail = &mail(b"", &b"line\r\n".repeat(BYTEWISE / 6));
    vec![
        ("smtp", ("tiny commands of SMTP", smtp(&filled(b"NOOP\r\n", STREAM), SEGMENT))),
        ("smtp", ("mails without content", smtp(&filled(EMPTY_MAIL, STREAM), SEGMENT))),
        ("smtp", ("a mail in one-byte segments", smtp(mail, 1))),
        ("smtp", ("parts within parts", smtp(&nested_parts(STREAM), SEGMENT))),
        ("smtp", ("base64 in lines of four letters", smtp(&base64(STREAM), SEGMENT))),
        ("smtp", ("many recipients", smtp(&recipients(STREAM), SEGMENT))),
        ("ftp", ("tiny commands of FTP", ftp(&filled(b"NOOP\r\n", STREAM)))),
        ("ftp", ("data connections that nobody makes", ftp(&ports(STREAM)))),
        ("ssh", ("tiny packets of SSH", ssh(STREAM))),
        ("smb", ("tiny messages of SMB", smb(&smb_messages(STREAM), SEGMENT))),
        ("smb", ("tiny messages of SMB in one-byte segments", smb(&smb_messages(BYTEWISE), 1))),
        ("smb", ("tiny messages of SMB in one chain", smb(&smb_chain(STREAM), SEGMENT))),
        ("smb", ("files that nobody closes", smb(&smb_creates(STREAM), SEGMENT))),
        ("dcerpc", ("one-byte fragments of a call", rpc(&rpc_fragments(STREAM), SEGMENT))),
        ("dcerpc", ("calls that nobody answers", rpc(&rpc_calls(STREAM), SEGMENT))),
        ("krb5", ("tiny messages of Kerberos", datagrams(88, &ticket_request(1), 2000))),
        ("krb5", ("a request with many kinds of keys", datagrams(88, &ticket_request(400), 100))),
        ("mqtt", ("tiny publications", mqtt(&filled(&[0x30, 4, 0, 1, b'a', b'b'], STREAM), SEGMENT))),
        ("mqtt", ("tiny publications in one-byte segments", mqtt(&filled(&[0x30, 4, 0, 1, b'a', b'b'], BYTEWISE), 1))),
        ("mqtt", ("publications that nobody confirms", mqtt(&unconfirmed(STREAM), SEGMENT))),
        ("mqtt", ("many topics in one subscription", mqtt(&topics(STREAM), SEGMENT))),
    ]
}

/// A message again and again, as often as it fits.
fn filled(message: &[u8], length: usize) -> Vec<u8> {
    message.repeat(length / message.len())
}

/// What a client says after a greeting, to a port.
fn talk(port: u16, greeting: &[u8], said: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, (SERVER, port));
    if !greeting.is_empty() {
        connection.say(By::Server, greeting, SEGMENT, 1);
    }
    connection.say(By::Client, said, size, 1);
    connection.packets
}

/// The same datagram many times, each from a port of its own.
fn datagrams(port: u16, data: &[u8], count: u16) -> Vec<Vec<u8>> {
    (0..count).map(|number| udp((CLIENT.0, 1024 + number), (SERVER, port), data)).collect()
}

const EMPTY_MAIL: &[u8] = b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n.\r\n";

fn smtp(said: &[u8], size: usize) -> Vec<Vec<u8>> {
    talk(25, b"220 a ESMTP\r\n", &[b"EHLO a\r\n", said].concat(), size)
}

/// A mail with headers of its own and a body.
fn mail(headers: &[u8], body: &[u8]) -> Vec<u8> {
    let head = b"MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\nSubject: a\r\nMIME-Version: 1.0\r\n";
    [&head[..], headers, b"\r\n", body, b"\r\n.\r\n"].concat()
}

/// Parts that have parts, each with a boundary of its own.
fn nested_parts(length: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for depth in 0.. {
        body.extend(format!("--b{depth}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", depth + 1).bytes());
        if body.len() > length {
            break;
        }
    }
    mail(b"Content-Type: multipart/mixed; boundary=b0\r\n", &body)
}

fn base64(length: usize) -> Vec<u8> {
    let headers = b"Content-Type: application/octet-stream; name=a\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=a\r\n";
    mail(headers, &filled(b"QUJD\r\n", length))
}

fn recipients(length: usize) -> Vec<u8> {
    [b"MAIL FROM:<a@a>\r\n", &filled(b"RCPT TO:<b@b>\r\n", length)[..]].concat()
}

fn ftp(said: &[u8]) -> Vec<Vec<u8>> {
    talk(21, b"220 a FTP\r\n", &[b"USER a\r\n", said].concat(), SEGMENT)
}

/// Commands that announce connections, each to another port.
fn ports(length: usize) -> Vec<u8> {
    let command = |number: usize| format!("PORT 10,0,0,2,{},{}\r\n", 4 + number / 256 % 250, number % 256).into_bytes();
    (0..length / 22).flat_map(command).collect()
}

/// Messages that say nothing (RFC 4253, section 11.2), before any keys are exchanged.
fn ssh(length: usize) -> Vec<Vec<u8>> {
    let ignored = [0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    talk(22, b"SSH-2.0-a\r\n", &[b"SSH-2.0-b\r\n", &filled(&ignored, length)[..]].concat(), SEGMENT)
}

const SMB_HEADER: usize = 64;

/// A request of SMB 2: the header of MS-SMB2, section 2.2.1.2, and a body. `next`: where the next one of a chain begins.
fn smb2(command: u16, number: u64, next: u32, body: &[u8]) -> Vec<u8> {
    let mut message = b"\xfeSMB\x40\0\0\0\0\0\0\0".to_vec();
    message.extend(command.to_le_bytes());
    message.extend([1, 0, 0, 0, 0, 0]);
    message.extend(next.to_le_bytes());
    message.extend(number.to_le_bytes());
    message.resize(SMB_HEADER, 0);
    message.extend(body);
    message
}

/// A message behind the length that goes before it on TCP.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("it is short") & 0xff_ffff;
    [&length.to_be_bytes(), message].concat()
}

fn smb(said: &[u8], size: usize) -> Vec<Vec<u8>> {
    talk(445, b"", said, size)
}

const ECHO: u16 = 13;
const CREATE: u16 = 5;

fn smb_messages(length: usize) -> Vec<u8> {
    (0..length as u64 / 72).flat_map(|number| framed(&smb2(ECHO, number, 0, &[4, 0, 0, 0]))).collect()
}

/// Messages of 72 bytes in chains of a hundred.
fn smb_chain(length: usize) -> Vec<u8> {
    let link = |number| smb2(ECHO, number, if number % 100 == 99 { 0 } else { 72 }, &[4, 0, 0, 0, 0, 0, 0, 0]);
    let links: Vec<Vec<u8>> = (0..length as u64 / 72).map(link).collect();
    links.chunks_exact(100).flat_map(|chain| framed(&chain.concat())).collect()
}

/// Requests to open files, each with a name of its own.
fn smb_creates(length: usize) -> Vec<u8> {
    let create = |number: u64| {
        let name: Vec<u8> = format!("{number:08}").bytes().flat_map(|letter| [letter, 0]).collect();
        let mut body = vec![57, 0];
        body.resize(44, 0);
        body.extend(120_u16.to_le_bytes());
        body.extend(16_u16.to_le_bytes());
        body.resize(56, 0);
        body.extend(name);
        framed(&smb2(CREATE, number, 0, &body))
    };
    (0..length as u64 / 140).flat_map(create).collect()
}

/// A message of DCE/RPC (C706, chapter 12), lowest byte first.
fn rpc_message(kind: u8, flags: u8, call: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(16 + body.len()).expect("it is short");
    let mut message = vec![5, 0, kind, flags, 0x10, 0, 0, 0];
    message.extend(length.to_le_bytes());
    message.extend([0, 0]);
    message.extend(call.to_le_bytes());
    message.extend(body);
    message
}

fn rpc(said: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut bind = vec![0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0];
    bind.extend([7; 16]);
    bind.extend([1, 0, 0, 0]);
    bind.extend([8; 16]);
    bind.extend([2, 0, 0, 0]);
    talk(135, b"", &[rpc_message(11, 3, 1, &bind), said.to_vec()].concat(), size)
}

/// Bits of a message that is the first, or the last, of a call.
const FIRST: u8 = 1;
const LAST: u8 = 2;

fn rpc_fragments(length: usize) -> Vec<u8> {
    let count = length / 25;
    let fragment = |number| rpc_message(0, u8::from(number == 0) * FIRST, 2, &[1, 0, 0, 0, 0, 0, 1, 0, b'x']);
    (0..count).flat_map(fragment).collect()
}

fn rpc_calls(length: usize) -> Vec<u8> {
    let count = u32::try_from(length / 25).expect("not so many");
    let call = |number| rpc_message(0, FIRST | LAST, number + 2, &[1, 0, 0, 0, 0, 0, 1, 0, b'x']);
    (0..count).flat_map(call).collect()
}

/// A value in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}

/// A request for a ticket (RFC 4120, section 5.4.1) with so many kinds of keys.
fn ticket_request(kinds: usize) -> Vec<u8> {
    let integer = |number: u8| der(0x02, &[number]);
    let name = der(0x30, &[der(0xa0, &integer(1)), der(0xa1, &der(0x30, &der(0x1b, b"a")))].concat());
    let body = der(
        0x30,
        &[
            der(0xa0, &der(0x03, &[0; 5])),
            der(0xa1, &name),
            der(0xa2, &der(0x1b, b"R")),
            der(0xa3, &name),
            der(0xa5, &der(0x18, b"20370913024805Z")),
            der(0xa7, &integer(7)),
            der(0xa8, &der(0x30, &integer(18).repeat(kinds))),
        ]
        .concat(),
    );
    let request = [der(0xa1, &integer(5)), der(0xa2, &integer(10)), der(0xa4, &body)].concat();
    der(0x6a, &der(0x30, &request))
}

fn mqtt(said: &[u8], size: usize) -> Vec<Vec<u8>> {
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
    talk(1883, b"", &[&connect[..], said].concat(), size)
}

/// Publications of the second quality, each with a number of its own.
fn unconfirmed(length: usize) -> Vec<u8> {
    let publish = |number: usize| {
        let [high, low] = u16::try_from(number % 65_535 + 1).expect("below 65,536").to_be_bytes();
        [0x34, 6, 0, 1, b'a', high, low, b'b']
    };
    (0..length / 8).flat_map(publish).collect()
}

fn topics(length: usize) -> Vec<u8> {
    let body = [&[0, 1], &filled(&[0, 1, b'a', 0], length.min(8_000))[..]].concat();
    let [low, high] = [body.len() % 128, body.len() / 128].map(|part| u8::try_from(part).expect("below 128"));
    let message = [&[0x82, low | 0x80, high], &body[..]].concat();
    filled(&message, length)
}
