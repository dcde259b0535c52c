//! Fields of protocols whose two sides are made by their own samples: SSH, Kerberos, LDAP, MQTT, SMB and DCE/RPC.
//! Fields of protocols whose two sides are made by their own samples: SSH, Kerberos, MQTT, SMB, DCE/RPC and
//! DNP3.

use super::super::Step::{self, Client, Listen, Server};
use super::{Case, case, client, server};
use crate::app::dcerpc::sample as rpc;
use crate::app::dnp3::sample as dnp3;
use crate::app::krb5::sample as krb5;
use crate::app::ldap::sample as ldap;
use crate::app::mqtt::sample as mqtt;
use crate::app::smb::sample as smb;
use crate::app::ssh::sample as ssh;

pub(super) fn fields() -> Vec<Case> {
    let mut cases: Vec<Case> = SSH_FIELDS.map(ssh_case).into();
    cases.extend(KRB5_FIELDS.map(krb5_case));
    cases.extend(LDAP_FIELDS.map(ldap_case));
    cases.extend(MQTT_FIELDS.map(mqtt_case));
    cases.extend(SMB_FIELDS.map(smb_case));
    cases.extend(RPC_FIELDS.map(rpc_case));
    cases.extend(DNP3_FIELDS.map(dnp3_case));
    cases
}

/// A rule on SSH, on two connections that differ in everything.
fn ssh_case(options: &str) -> Case {
    let sides =
        |banner, kex| vec![client(banner), server(banner), Client(ssh::exchange(kex)), Server(ssh::exchange(kex))];
    let (hit, miss) = (sides("SSH-1.99-one\r\n", "kex-one"), sides("SSH-2.0-two\r\n", "kex-two"));
    case(&format!("alert ssh any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on Kerberos, on two requests that are answered and one that fails, or not.
fn krb5_case(options: &str) -> Case {
    let exchange = |name: &str, kinds: [u8; 2], encryption, code| {
        vec![
            Listen(88),
            Client(krb5::framed(&krb5::request(kinds[0], name, name))),
            Server(krb5::framed(&krb5::reply(kinds[1], name, name, [18, encryption]))),
            Client(krb5::framed(&krb5::request(kinds[0], name, name))),
            Server(krb5::framed(&krb5::error(code, name))),
        ]
    };
    let (hit, miss) = (exchange("one/host", [12, 13], 23, 25), exchange("two/host", [10, 11], 18, 6));
    case(&format!("alert krb5 any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on LDAP, on two requests that differ in everything, as do the responses to them.
fn ldap_case(options: &str) -> Case {
    let hit = vec![
        Listen(389),
        Client(ldap::search(1, "dc=one", &["one"])),
        Server(ldap::entry(1, "dc=one", &[("one", &["1"])])),
        Server(ldap::result(1, ldap::SEARCH_DONE, 32, "one is gone")),
    ];
    let miss = vec![
        Listen(389),
        Client(ldap::add(1, "dc=two", &[("two", &["2"])])),
        Server(ldap::result(1, ldap::ADD_DONE, 0, "two")),
    ];
    case(&format!("alert ldap any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on MQTT, on two connections that differ in everything.
fn mqtt_case(options: &str) -> Case {
    const SUBSCRIBE: u8 = 8;
    const UNSUBSCRIBE: u8 = 10;
    let connection = |flags, name: &str, answer: u8, publish: u8| {
        vec![
            Client(mqtt::connect(flags, name)),
            Server(mqtt::connack(answer & 1, answer)),
            Client(mqtt::topics(SUBSCRIBE, 1, &[name])),
            Client(mqtt::topics(UNSUBSCRIBE, 2, &[name])),
            Client(mqtt::publish(publish, 3, name, name)),
            Client(mqtt::message(0xe0, &[])),
        ]
    };
    let mut hit = connection(0xc2, "one", 0x87, 0x0d);
    hit.push(Server(mqtt::message(0xf0, &[])));
    let old = mqtt::message(0x10, b"\0\x06MQIsdp\x03\x00\0\x3c\0\x03two");
    let mut miss = connection(0, "two", 0, 0x02);
    *miss.first_mut().unwrap() = Client(old);
    case(&format!("alert mqtt any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on SMB, on two connections that differ in everything.
fn smb_case(options: &str) -> Case {
    let sides = |user: &str, share: &str, pipe: &str| {
        let steps = [
            smb::negotiate(1, &[0x0302]),
            smb::setup(2, &smb::ntlm(&format!("DOM-{user}"), user)),
            smb::tree(3, share, 1),
            smb::tree(4, pipe, 2),
        ];
        steps.into_iter().flat_map(|[request, response]| [Client(request), Server(response)]).collect()
    };
    let hit = sides("one", "\\\\srv\\one", "\\\\one\\IPC$");
    let mut miss: Vec<Step> = sides("two", "\\\\srv\\two", "\\\\two\\IPC$");
    if options.starts_with("smb.version") {
        miss = vec![Client(smb::smb1(0x72, false, 1, &[], b"\x02NT LM 0.12\0"))];
    }
    case(&format!("alert smb any any -> any any ({options}; sid:1;)"), hit, miss)
}

/// A rule on remote procedure calls, on two that differ in everything.
fn rpc_case(options: &str) -> Case {
    let call = |interface, version, operation, stub: &[u8]| {
        let [ask, answer] = rpc::bind(1, interface, version, 0);
        let request = rpc::packet(0, 3, 2, &rpc::head(operation, stub));
        vec![Client(ask), Server(answer), Client(request), Server(rpc::packet(2, 3, 2, &rpc::head(0, stub)))]
    };
    let rule = format!("alert dcerpc any any -> any any (flow:to_server; {options}; sid:1;)");
    case(&rule, call(1, 7, 9, b"one"), call(2, 8, 10, b"two"))
}

/// A rule on DNP3, on two requests and responses that differ in everything.
fn dnp3_case(options: &str) -> Case {
    let exchange = |function, indications, group| {
        let object = [group, 1, 6];
        let answer = dnp3::response(129 + function / 4, indications, &object);
        vec![Listen(20000), Client(dnp3::request(function, &object)), Server(answer)]
    };
    let rule = format!("alert dnp3 any any -> any any ({options}; sid:1;)");
    case(&rule, exchange(3, 0x0080, 22), exchange(4, 0x0100, 23))
}

const DNP3_FIELDS: [&str; 4] = [
    "dnp3_func:select",
    "dnp3_ind:need_time,device_restart",
    "dnp3_obj:22,1",
    "dnp3.data; content:\"|c1 03 16 01|\"; startswith",
];

const RPC_FIELDS: [&str; 7] = [
    "dcerpc.interface; content:\"|33 22 11 01 55 44|\"; startswith",
    "dcerpc.iface:33221101-5544-7766-0809-0a0b0c0d0e0f",
    "dcerpc.iface:33221101-5544-7766-0809-0a0b0c0d0e0f,<8,any_frag",
    "dcerpc.opnum:9",
    "dcerpc.opnum:1-9,11",
    "dcerpc.stub_data; content:\"one\"; bsize:3",
    "dcerpc.stub_data; content:\"n\"; byte_test:2,=,0x6e6f,0,dce",
];

const SMB_FIELDS: [&str; 5] = [
    "smb.named_pipe; content:\"one\"; bsize:10",
    "smb.share; content:\"one\"; bsize:9",
    "smb.ntlmssp_user; content:\"one\"; bsize:3",
    "smb.ntlmssp_domain; content:\"DOM-one\"; bsize:7",
    "smb.version:2",
];

const SSH_FIELDS: [&str; 6] = [
    "ssh.proto; content:\"1.99\"; bsize:4",
    "ssh.software; content:\"one\"",
    "ssh.hassh; content:\"d431c591b19fd80184f3d1af5f9ff63c\"",
    "ssh.hassh.string; content:\"kex-one\"; startswith",
    "ssh.hassh.server; content:\"eff4635117791d3c2629789e20c56e7d\"",
    "ssh.hassh.server.string; content:\"kex-one\"; startswith",
];

const KRB5_FIELDS: [&str; 5] = [
    "krb5_msg_type:12",
    "krb5_err_code:25",
    "krb5.cname; content:\"one\"; startswith",
    "krb5.sname; content:\"one\"; startswith",
    "krb5.ticket_encryption:weak",
];

const LDAP_FIELDS: [&str; 13] = [
    "ldap.request.operation:search_request",
    "ldap.responses.operation:search_result_done",
    "ldap.responses.operation:search_result_entry,0",
    "ldap.responses.operation:!add_response,all",
    "ldap.responses.result_code:no_such_object,-1",
    "ldap.responses.result_code:32,1",
    "ldap.responses.count:2",
    "ldap.request.dn; content:\"dc=one\"; bsize:6",
    "ldap.responses.dn; content:\"dc=one\"; bsize:6",
    "ldap.responses.message; content:\"one is gone\"; bsize:11",
    "ldap.responses.message; content:\"one\"; startswith",
    "ldap.request.attribute_type; content:\"one\"; bsize:3",
    "ldap.responses.attribute_type; content:\"one\"; bsize:3",
];

const MQTT_FIELDS: [&str; 17] = [
    "mqtt.type:auth",
    "mqtt.protocol_version:5",
    "mqtt.flags:dup,retain",
    "mqtt.qos:2",
    "mqtt.reason_code:0x87",
    "mqtt.connack.session_present:yes",
    "mqtt.connect.flags:username,!will_retain,clean_session",
    "mqtt.connect.protocol_string; content:\"MQTT\"; startswith",
    "mqtt.connect.clientid; content:\"one-id\"; startswith",
    "mqtt.connect.username; content:\"one-user\"; startswith",
    "mqtt.connect.password; content:\"one-password\"; startswith",
    "mqtt.connect.willtopic; content:\"one-topic\"; startswith",
    "mqtt.connect.willmessage; content:\"one-gone\"; startswith",
    "mqtt.publish.topic; content:\"one\"; startswith",
    "mqtt.publish.message; content:\"one\"; startswith",
    "mqtt.subscribe.topic; content:\"one\"; startswith",
    "mqtt.unsubscribe.topic; content:\"one\"; startswith",
];
