use super::*;
use crate::field::Dir::{ToClient, ToServer};

fn ask(probes: &Probes, data: &[u8], dir: Dir, ports: (u16, u16), udp: bool) -> Answer {
    probes.find(&Question { data, dir, ports, udp, last: false, either: false, other: None })
}

fn found(data: &[u8], dir: Dir, port: u16, udp: bool) -> &'static str {
    let ports = if dir == ToServer { (40000, port) } else { (port, 40000) };
    match ask(&Probes::new(&Config::default()), data, dir, ports, udp) {
        Answer::Yes(id, _) => id.name(),
        Answer::No => "no",
        Answer::Unsure => "unsure",
    }
}

const TCP: bool = false;
const UDP: bool = true;

/// First bytes of protocols, away from their ports where content alone must do.
const TABLE: &[(&[u8], Dir, u16, bool, &str)] = &[
    (b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", ToServer, 9999, TCP, "tls"),
    (b"\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03", ToClient, 9999, TCP, "tls"),
    (b"\x15\x03\x01\x00\x02\x02\x28", ToClient, 443, TCP, "tls"),
    (b"\x16\x03\x01\x00\xc8\x02\x00\x00\xc4", ToServer, 443, TCP, "tls"),
    (b"\x16\x03\x00\x00\x00\x00\x00", ToServer, 9999, TCP, "tls"),
    (b"\x16\x04\x00\x00\xc8\x01\x00\x00\xc4", ToServer, 443, TCP, "no"),
    (b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", ToServer, 443, TCP, "tls"),
    (b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x11", ToServer, 443, TCP, "no"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", ToClient, 2222, TCP, "ssh"),
    (b"SS", ToServer, 22, TCP, "unsure"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00", ToServer, 80, TCP, "http2"),
    (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", ToClient, 80, TCP, "http2"),
    (b"ehlo mail.example\r\n", ToServer, 9999, TCP, "smtp"),
    (b"220 mail.example ESMTP\r\n", ToClient, 25, TCP, "smtp"),
    (b"220 ProFTPD FTP Server\r\n", ToClient, 21, TCP, "ftp"),
    (b"220 mail.example ESMTP\r\n", ToClient, 9999, TCP, "no"),
    (b"USER anonymous\r\n", ToServer, 9999, TCP, "ftp"),
    (b"\x00\x00\x00\x54\xffSMBr\x00\x00\x00\x00\x18", ToServer, 9999, TCP, "smb"),
    (b"\x81\x00\x00\x44 CKFDENECFDEFFCFGEFFCCACACACACACA", ToServer, 139, TCP, "smb"),
    (b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00\x01\x00\x00\x00", ToServer, 135, TCP, "dcerpc"),
    (b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50\x00\x00", ToClient, 1080, TCP, "no"),
    (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00", ToServer, 3389, TCP, "rdp"),
    (b"\x03\x00\x00\x12\x0d\xe0\x00\x00\x00\x01\x00\xc0\x01\x0a\xc1\x02\x01\x00", ToServer, 102, TCP, "no"),
    (b"RFB 003.008\n", ToClient, 5900, TCP, "rfb"),
    (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test", ToServer, 9999, TCP, "mqtt"),
    (b"\x20\x02\x00\x00", ToClient, 1883, TCP, "mqtt"),
    (b"* OK IMAP4rev1 ready\r\n", ToClient, 9999, TCP, "imap"),
    (b"a001 CAPABILITY\r\n", ToServer, 143, TCP, "imap"),
    (b"+OK POP3 ready\r\n", ToClient, 110, TCP, "pop3"),
    (b"INVITE sip:bob@example SIP/2.0\r\n", ToServer, 9999, UDP, "sip"),
    (b"SIP/2.0 200 OK\r\n", ToClient, 9999, TCP, "sip"),
    (b"OPTIONS * RTSP/1.0\r\n", ToServer, 9999, TCP, "http"),
    (b"SUBSCRIBE channel\r\n", ToServer, 6379, TCP, "no"),
    (b"\x6a\x06\x30\x04\x02\x02\x01\x05", ToServer, 88, UDP, "krb5"),
    (b"\x00\x00\x00\x08\x6a\x06\x30\x04\x02\x02\x01\x05", ToServer, 88, TCP, "krb5"),
    (&[0x23; 48], ToServer, 123, UDP, "ntp"),
    (&[0x23; 47], ToServer, 123, UDP, "no"),
    (b"\x30\x12\x02\x01\x01\x04\x06public\xa0\x05\x02\x01\x07\x02\x00", ToServer, 161, UDP, "snmp"),
    (b"\x00\x01boot.img\x00octet\x00", ToServer, 69, UDP, "tftp"),
    (b"\x00\x01boot.img\x00what\x00", ToServer, 69, UDP, "no"),
    (b"\xc3\x00\x00\x00\x01\x08abcdefgh\x00\x00", ToServer, 443, UDP, "quic"),
    (b"\xc3\x00\x00\x00\x01\xffabcdefgh\x00\x00", ToServer, 443, UDP, "no"),
    (b"\xff\xfd\x18\xff\xfd\x20", ToClient, 23, TCP, "telnet"),
    (b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", ToServer, 6881, UDP, "bittorrent-dht"),
    (b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", ToServer, 389, TCP, "ldap"),
    (b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01", ToServer, 502, TCP, "no"),
    (b"", ToServer, 80, TCP, "unsure"),
];

#[test]
fn first_bytes_are_recognised() {
    for (data, dir, port, udp, expected) in TABLE {
        assert_eq!(found(data, *dir, *port, *udp), *expected, "{:?}", String::from_utf8_lossy(data));
    }
}

#[test]
fn protocols_that_are_off_are_recognised_once_on() {
    let names = ["modbus", "dnp3", "enip", "pgsql"];
    let on = |name: &&str| Switch { name: (*name).into(), detect: true, parse: true, tcp_ports: None, udp_ports: None };
    let probes = Probes::new(&Config { protocols: names.iter().map(on).collect(), ..Config::default() });
    let enip = [&b"\x65\x00\x04\x00"[..], &[0; 20], b"\x01\x00\x00\x00"].concat();
    let table: &[(&str, &[u8], u16, bool)] = &[
        ("modbus", b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01", 502, TCP),
        ("dnp3", b"\x05\x64\x05\xc9\x01\x00\x00\x04", 20000, TCP),
        ("enip", &enip, 44818, TCP),
        ("enip", &enip, 44818, UDP),
        ("pgsql", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", 5432, TCP),
    ];
    for (name, data, port, udp) in table {
        let id = registry::by_name(name).unwrap();
        assert_eq!(ask(&probes, data, ToServer, (40000, *port), *udp), Answer::Yes(id, ToServer), "{name}");
        assert_ne!(found(data, ToServer, *port, *udp), *name);
    }
}

#[test]
fn whole_messages_are_recognised() {
    let dhcp = [&[1, 1, 6, 0][..], &[0; 232], &[0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]].concat();
    assert_eq!(found(&dhcp, ToServer, 67, UDP), "dhcp");
    assert_eq!(found(&dhcp[..239], ToServer, 67, UDP), "no");
    let ike = [&[7; 8][..], &[0; 8], &[33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28]].concat();
    assert_eq!(found(&ike, ToServer, 500, UDP), "ike");
    assert_eq!(found(&[&[0; 4][..], &ike].concat(), ToServer, 4500, UDP), "ike");
    assert_eq!(found(&ike[..27], ToServer, 500, UDP), "no");
    let call: Vec<u8> = [1u32, 0, 2, 100_003, 3, 0].into_iter().flat_map(u32::to_be_bytes).collect();
    assert_eq!(found(&call, ToServer, 2049, UDP), "nfs");
    assert_eq!(found(&[&[0x80, 0, 0, 24][..], &call].concat(), ToServer, 2049, TCP), "nfs");
    let datagram = [&[4, 0, 8, 0, 0x10, 0][..], &[0; 68], &[5, 0], &[0; 4], b"stubs"].concat();
    assert_eq!(found(&datagram, ToServer, 9999, UDP), "dcerpc");
    assert_eq!(found(&datagram[..84], ToServer, 9999, UDP), "no");
}

#[test]
fn prefixes_never_turn_into_another_protocol() {
    let probes = Probes::new(&Config::default());
    for (data, dir, port, udp, expected) in TABLE.iter().filter(|row| !row.3) {
        let ports = if *dir == ToServer { (40000, *port) } else { (*port, 40000) };
        for cut in 0..data.len() {
            match ask(&probes, &data[..cut], *dir, ports, *udp) {
                Answer::Yes(id, _) => assert_eq!(id.name(), *expected, "{cut} of {:?}", String::from_utf8_lossy(data)),
                Answer::Unsure => {}
                // A command cut short is no command yet: these are probed by port, whole lines at a time.
                Answer::No => {
                    assert!(
                        matches!(*expected, "no" | "imap" | "http2"),
                        "{cut} of {:?}",
                        String::from_utf8_lossy(data)
                    )
                }
            }
        }
    }
}

#[test]
fn long_enough_is_decided() {
    let probes = Probes::new(&Config::default());
    let line = [b"INVITE sip:".as_slice(), &[b'a'; LIMIT]].concat();
    assert_eq!(ask(&probes, &line[..LIMIT - 1], ToServer, (1, 2), TCP), Answer::Unsure);
    assert_eq!(ask(&probes, &line, ToServer, (1, 2), TCP), Answer::No);
    let last = Question { data: b"SS", dir: ToServer, ports: (1, 2), udp: TCP, last: true, either: false, other: None };
    assert_eq!(probes.find(&last), Answer::No);
}

#[test]
fn configuration_decides_what_is_looked_for_and_where() {
    let switch =
        |name: &str, detect, tcp_ports| Switch { name: name.into(), detect, parse: true, tcp_ports, udp_ports: None };
    let modbus = b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x01";
    let mut config = Config::default();
    config.protocols.push(switch("ssh", false, None));
    config.protocols.push(switch("modbus", true, Some(vec![1502])));
    let probes = Probes::new(&config);
    assert_eq!(ask(&probes, b"SSH-2.0-x\r\n", ToServer, (1, 22), TCP), Answer::No);
    assert!(matches!(ask(&probes, modbus, ToServer, (1, 1502), TCP), Answer::Yes(..)));
    assert!(!matches!(ask(&probes, modbus, ToServer, (1, 502), TCP), Answer::Yes(..)));
}

#[test]
fn the_other_direction_is_asked_first_on_any_port() {
    let probes = Probes::new(&Config::default());
    let mqtt = registry::by_name("mqtt");
    let question = Question {
        data: b"\x20\x02\x00\x00",
        dir: ToClient,
        ports: (9999, 1),
        udp: TCP,
        last: false,
        either: false,
        other: mqtt,
    };
    assert_eq!(probes.find(&question), Answer::Yes(mqtt.unwrap(), ToClient));
    assert_eq!(probes.find(&Question { other: None, last: true, ..question }), Answer::No);
}

#[test]
fn either_side_is_looked_for_where_the_start_was_not_seen() {
    let probes = Probes::new(&Config::default());
    let question = Question {
        data: b"* OK ready\r\n",
        dir: ToServer,
        ports: (1, 2),
        udp: TCP,
        last: false,
        either: true,
        other: None,
    };
    assert_eq!(probes.find(&question), Answer::Yes(registry::by_name("imap").unwrap(), ToClient));
    assert_eq!(probes.find(&Question { either: false, ..question }), Answer::No);
    for dir in Dir::BOTH {
        let question = Question { data: b"SSH-2.0-x\r\n", dir, ..question };
        assert_eq!(probes.find(&question), Answer::Yes(registry::by_name("ssh").unwrap(), dir));
    }
}

#[test]
fn patterns_match_within_their_window() {
    let pattern = Pattern { dir: ToServer, bytes: b"abc", offset: 1, depth: 6, nocase: false };
    let table: &[(&[u8], Probe)] = &[
        (b"", Probe::Unsure),
        (b"x", Probe::Unsure),
        (b"xab", Probe::Unsure),
        (b"xabc", Probe::Yes(ToServer)),
        (b"xxxabc", Probe::Yes(ToServer)),
        (b"xxxxabc", Probe::No),
        (b"abcxxx", Probe::No),
        (b"xABCxx", Probe::No),
    ];
    for (data, expected) in table {
        assert_eq!(look(&pattern, data), *expected, "{:?}", String::from_utf8_lossy(data));
    }
    assert_eq!(look(&Pattern { nocase: true, ..pattern }, b"xABCxx"), Probe::Yes(ToServer));
}
