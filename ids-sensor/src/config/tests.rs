use std::time::Duration;

use ids_ebpf::config::FailPolicy;

use super::eve::Alert;
use super::node::{Node, Value, parse};
use super::outputs::FileKind;
use super::traffic::{Checksums, Policy, Urgent};
use super::*;

fn config(yaml: &str) -> Config {
    Config::from_tree(parse(yaml).expect(yaml), false)
}

fn warnings(yaml: &str) -> Vec<String> {
    config(yaml).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn scalars_stay_as_written() {
    let tree = parse("%YAML 1.1\n---\na: 010\nb: yes\nc: 1.10\nd: 'no'\ne: ~\nf:\ng: \"\"\nh: [1, two]\n").unwrap();
    for (key, want) in [("a", "010"), ("b", "yes"), ("c", "1.10"), ("d", "no"), ("g", ""), ("h.1", "two")] {
        assert_eq!(tree.at(key).unwrap().value, Value::Text(want.into()), "{key}");
    }
    assert_eq!(tree.at("e").unwrap().value, Value::Null);
    assert_eq!(tree.at("f").unwrap().value, Value::Null);
    assert_eq!(tree.at("b").unwrap().line, 4);
    assert_eq!(tree.at("h.2"), None);
}

#[test]
fn what_is_no_yaml_is_an_error_with_its_line() {
    for (text, line) in [("a: [1", 1), ("a: 1\nb: {c: 2", 2), ("? [1, 2]\n: x", 1), ("a: *nowhere", 1)] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("line {line}")), "{text}: {error}");
    }
    let bomb = (1..30)
        .fold("a0: &a0 [x, x]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1));
    assert!(parse(&bomb).expect_err("an alias bomb").to_string().contains("more than"));
}

#[test]
fn set_reaches_everything_and_makes_what_is_missing() {
    let yaml = "outputs:\n  - fast:\n      enabled: yes\n  - eve-log:\n      types: [dns, alert: {payload: no}]\n";
    for (path, value, read) in [
        ("outputs.1.eve-log.types.1.alert.payload", "yes", "outputs.1.eve-log.types.1.alert.payload"),
        ("outputs.0.fast.enabled", "no", "outputs.0.fast.enabled"),
        ("stream.midstream", "true", "stream.midstream"),
        ("reputation-files.0", "a.list", "reputation-files.0"),
        ("outputs.2.store.enabled", "no", "outputs.2.store.enabled"),
        ("outputs.1.eve-log.types.0.dns.enabled", "no", "outputs.1.eve-log.types.0.dns.enabled"),
        ("multi-detect.7.x", "1", "multi-detect.7.x"),
    ] {
        let mut tree = parse(yaml).unwrap();
        tree.set(path, Node::text(value));
        assert_eq!(tree.at(read).map(|node| &node.value), Some(&Value::Text(value.into())), "{path}");
    }
}

#[test]
fn includes_replace_keys_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("main.yaml", "vars: {address-groups: {HOME_NET: one}}\ninclude: [sub/more.yaml]\nsensor-name: main\n");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    write("sub/more.yaml", "sensor-name: more\nvars.address-groups.HOME_NET: two\ninclude: last.yaml\n");
    write("sub/last.yaml", "packet-alert-max: 3\n");
    write("extra.yaml", "packet-alert-max: 4\n");
    let source = Source { file: Some(folder.path().join("main.yaml")), ..Source::default() };
    let config = load(&source).unwrap();
    assert_eq!(config.sensor_name.as_deref(), Some("main"));
    assert_eq!(config.vars.addresses, [("HOME_NET".to_owned(), "two".to_owned())]);
    assert_eq!(config.engine.detect.alerts_per_packet, 3);
    let extra = Source { include: vec![folder.path().join("extra.yaml")], ..source.clone() };
    assert_eq!(load(&extra).unwrap().engine.detect.alerts_per_packet, 4);
    let set = Source { set: vec!["packet-alert-max = 5".into()], ..extra };
    assert_eq!(load(&set).unwrap().engine.detect.alerts_per_packet, 5);
    write("sub/last.yaml", "include: more.yaml\n");
    assert!(matches!(load(&source), Err(LoadError::TooDeep { .. })));
    assert!(matches!(load(&Source { set: vec!["novalue".into()], ..Source::default() }), Err(LoadError::Set(_))));
    assert!(matches!(
        load(&Source { file: Some("/nowhere".into()), ..Source::default() }),
        Err(LoadError::Read { .. })
    ));
}

#[test]
fn the_built_in_configuration_has_nothing_to_warn_of() {
    let config = load(&Source::default()).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.refusals, []);
    assert_eq!(config.outputs.eve.len(), 1);
    assert!(config.outputs.store.is_some());
    assert_eq!(config.traffic.decoder.teredo, Some(vec![3544]));
}

#[test]
fn mistakes_are_named_with_the_nearest_key() {
    for (yaml, want) in [
        ("strem: {midstream: yes}", "line 1: strem: unknown key; did you mean `stream`?"),
        ("stream:\n  midstrem: yes", "line 2: stream.midstrem: unknown key; did you mean `midstream`?"),
        ("zzzzzz: 1", "line 1: zzzzzz: unknown key"),
        ("stream: {midstream: perhaps}", "line 1: stream.midstream: `perhaps` is not yes or no; the default is used"),
        ("defrag: {memcap: lots}", "line 1: defrag.memcap: `lots` is not a size such as 64mb; the default is used"),
        ("defrag: [1]", "line 1: defrag: expected keys and values"),
        ("outputs: {a: 1}", "line 1: outputs: expected a list; put a dash before each output"),
        (
            "outputs: [{eve-log: {types: [alertt]}}]",
            "line 1: outputs.0.eve-log.types.0.alertt: unknown record type; did you mean `alert`?",
        ),
        ("outputs: [{tls-log: {enabled: yes}}]", "line 1: outputs.0.tls-log: this output does not exist here"),
    ] {
        assert_eq!(warnings(yaml), [want], "{yaml}");
    }
    assert_eq!(warnings("outputs: [{tls-log: {enabled: no}}]"), [""; 0]);
    assert_eq!(warnings("profiling: {rules: {enabled: yes}}"), [""; 0]);
}

#[test]
fn eve_options() {
    let yaml = "
outputs:
  - eve-log:
      filetype: unix_stream
      filename: /run/eve.sock
      community-id: true
      community-id-seed: 7
      xff: {enabled: yes, mode: overwrite, deployment: forward, header: X-Real}
      types:
        - alert: {payload: yes, payload-buffer-size: 1kb, metadata: {flow: no, rule: {raw: yes, metadata: no}}}
        - anomaly: {types: {decode: yes, applayer: no}}
        - dns: {version: 2, query: no, types: [a, aaaa], formats: [grouped]}
        - http: {custom: [Accept_Encoding], dump-all-headers: response, extended: no, xff: {enabled: no}}
        - files: {force-hash: [sha256]}
        - drop: {flows: start, alerts: no}
        - stats: {totals: no, deltas: yes}
        - pgsql: {}
        - arp: {enabled: yes}
        - netflow
        - flow: {enabled: no}
  - eve-log: {enabled: no, types: [alert]}
";
    let config = config(yaml);
    assert_eq!(config.warnings, []);
    let [eve] = &config.outputs.eve[..] else { panic!("one instance is enabled") };
    assert_eq!((eve.file.kind, eve.file.name.as_str()), (FileKind::UnixStream, "/run/eve.sock"));
    assert_eq!(eve.community_id, Some(7));
    let alert = eve.types.alert.as_ref().unwrap();
    let xff = alert.xff.clone().unwrap();
    assert_eq!((xff.overwrite, xff.reverse, xff.header.as_str()), (true, false, "x-real"));
    let want = Alert {
        payload: true,
        payload_limit: 1024,
        flow: false,
        rule_raw: true,
        rule_metadata: false,
        ..Alert::default()
    };
    assert_eq!(*alert, Alert { xff: alert.xff.clone(), ..want });
    let anomaly = eve.types.anomaly.as_ref().unwrap();
    assert_eq!((anomaly.decode, anomaly.stream, anomaly.app_layer), (true, false, false));
    let [dns, http] = &eve.types.transactions[..] else { panic!("pgsql is off unless enabled") };
    assert_eq!((dns.version, dns.dirs, dns.formats), (2, [false, true], [false, true]));
    assert_eq!(dns.rrtypes, ["a", "aaaa"]);
    assert_eq!((http.extended, http.all_headers, http.xff.is_none()), (false, [false, true], true));
    assert_eq!(http.custom, ["accept-encoding"]);
    assert!(eve.types.arp);
    let wanted = config.engine.app.files.care.wanted;
    assert!(wanted.hashes.sha256 && !wanted.hashes.md5 && !wanted.kind && !wanted.content);
    let drop = eve.types.drop.as_ref().unwrap();
    assert!(drop.flow_start && !drop.alerts);
    let stats = eve.types.stats.unwrap();
    assert!(!stats.totals && stats.deltas && stats.nulls);
    assert!(eve.types.netflow && !eve.types.flow);
}

#[test]
fn metadata_is_all_or_nothing_or_in_parts() {
    for (yaml, want) in [
        ("{}", (true, true, true)),
        ("{metadata: no}", (false, false, false)),
        ("{metadata: yes}", (true, true, true)),
        ("{metadata: {rule: no}}", (true, true, false)),
        ("{metadata: {app-layer: no}}", (false, true, true)),
    ] {
        let config = config(&format!("outputs: [{{eve-log: {{types: [{{alert: {yaml}}}]}}}}]"));
        let alert = config.outputs.eve[0].types.alert.clone().unwrap();
        assert_eq!((alert.app_layer, alert.flow, alert.rule_metadata), want, "{yaml}");
    }
}

#[test]
fn protocols() {
    let yaml = "
app-layer:
  protocols:
    http: {enabled: detection-only, libhtp: {default-config: {request-body-limit: 1mb}}}
    dns: {tcp: {enabled: no}, udp: {enabled: yes, detection-ports: {dp: '53, 5353'}}}
    smb: {enabled: no, detection-ports: {dp: 445}}
";
    let app = config(yaml).engine.app;
    let row = |name: &str| app.protocols.iter().find(|row| row.name == name).unwrap();
    assert_eq!((row("http").detect, row("http").parse), (true, false));
    assert_eq!(app.http1.content.request_body_limit, 1 << 20);
    assert_eq!((row("dns").parse, row("dns").udp_ports.clone()), (true, Some(vec![53, 5353])));
    assert_eq!(row("dns").tcp_ports, None);
    assert_eq!((row("smb").detect, row("smb").tcp_ports.clone()), (false, Some(vec![445])));
}

#[test]
fn traffic() {
    let yaml = "
pcap-file: {checksum-checks: no}
decoder: {vxlan: {enabled: yes, ports: $VX}, teredo: {enabled: no}}
vars: {port-groups: {VX: '[4789, 8472]'}}
defrag: {memcap: 1mb, timeout: 10}
flow-timeouts: {tcp: {new: 5}, udp: {established: 2m}}
stream: {memcap: 2 MiB, inline: yes, reassembly: {depth: 0, urgent: {policy: gap}}}
host-os-policy: {windows: [10.0.0.0/8, 192.168.0.0/16], linux: []}
vlan: {use-for-tracking: no}
";
    let config = config(yaml);
    assert_eq!(config.warnings, []);
    let traffic = config.traffic;
    assert_eq!(traffic.pcap_checksums, Checksums::No);
    assert_eq!((traffic.decoder.vxlan, traffic.decoder.teredo), (Some(vec![4789, 8472]), None));
    assert_eq!(traffic.decoder.geneve, Some(vec![6081]));
    for (yaml, ports) in [("{}", vec![]), ("decoder: {teredo: {ports: any}}", vec![])] {
        assert_eq!(self::config(yaml).traffic.decoder.teredo, Some(ports), "{yaml}");
    }
    assert_eq!((traffic.defrag.memcap, traffic.defrag.timeout), (1 << 20, Duration::from_secs(10)));
    assert_eq!(traffic.timeouts.tcp.new, Duration::from_secs(5));
    assert_eq!(traffic.timeouts.tcp.established, Duration::from_secs(600));
    assert_eq!(traffic.timeouts.udp.established, Duration::from_secs(120));
    assert_eq!((traffic.stream.memcap, traffic.stream.depth, traffic.stream.inline), (2 << 20, 0, Some(true)));
    assert_eq!(traffic.stream.urgent, Urgent::Gap);
    assert_eq!(traffic.hosts.len(), 2);
    assert!(!traffic.vlan_tracking);
}

#[test]
fn exception_policies() {
    let policy = |yaml: &str, inline: bool| {
        let config = Config::from_tree(parse(yaml).unwrap(), inline);
        (config.traffic.flow.memcap_policy, config.traffic.stream.midstream_policy, config.refusals.len())
    };
    use Policy::{DropFlow, DropPacket, Ignore, PassFlow};
    for (yaml, inline, want) in [
        ("{}", false, (Ignore, Ignore, 0)),
        ("{}", true, (DropFlow, DropFlow, 0)),
        ("{exception-policy: ignore}", true, (Ignore, Ignore, 0)),
        ("{exception-policy: drop-packet}", true, (DropPacket, Ignore, 0)),
        ("{exception-policy: pass-flow, flow: {memcap-policy: auto}}", true, (DropFlow, PassFlow, 0)),
        ("{stream: {midstream: yes}}", true, (DropFlow, Ignore, 0)),
        ("{stream: {midstream: yes, midstream-policy: drop-flow}}", false, (Ignore, Ignore, 1)),
        ("{stream: {midstream: no, midstream-policy: drop-packet}}", true, (DropFlow, Ignore, 1)),
        ("{stream: {midstream: no, midstream-policy: drop-flow}}", true, (DropFlow, DropFlow, 0)),
    ] {
        assert_eq!(policy(yaml, inline), want, "{yaml} {inline}");
    }
}

#[test]
fn blocks_and_orders() {
    let yaml = "
ips: {fail: closed, deadline: 500ms, block: [{sid: 5, scope: src, ttl: 1h}, {classtype: trojan-activity, scope: dst}, {priority: 2}]}
action-order: [alert, pass, drop, reject]
";
    let config = config(yaml);
    assert_eq!(config.warnings, []);
    assert_eq!((config.ips.fail, config.ips.deadline), (FailPolicy::Closed, Duration::from_millis(500)));
    let first = |class, sid, priority| config.ips.blocks.iter().position(|rule| rule.fits(class, sid, priority));
    assert_eq!(first("x", 5, 3), Some(0));
    assert_eq!(first("trojan-activity", 6, 3), Some(1));
    assert_eq!(first("x", 6, 1), Some(2));
    assert_eq!(first("x", 6, 3), None);
    assert_eq!(config.ips.blocks[0].block.ttl, Duration::from_secs(3600));
    assert_eq!(config.rules.order[0], ids_core::detect::rule::Action::Alert);
    for (text, warnings, refusals) in [
        ("action-order: [alert, alert, drop, pass]", 0, 1),
        ("run-as: {user: }", 0, 1),
        ("run-as: {user: ids, group: ids}", 2, 0),
        ("run-as: {}", 0, 0),
    ] {
        let config = Config::from_tree(parse(text).unwrap(), false);
        assert_eq!((config.warnings.len(), config.refusals.len()), (warnings, refusals), "{text}");
    }
}

#[test]
fn groups_of_ports() {
    let read = |yaml: &str| config(yaml).engine.detect.grouping;
    let usual = read("");
    assert_eq!((usual.most, usual.first[1].as_slice()), ([25, 3], &[(53, 53), (135, 135), (5060, 5060)][..]));
    let custom =
        "detect: {profile: custom, custom-values: {toserver-groups: 10}, grouping: {udp-priority-ports: \"5, 7\"}}";
    assert_eq!((read(custom).most, read(custom).first), ([10, 3], [usual.first[0].clone(), vec![(5, 5), (7, 7)]]));
    assert_eq!(read("detect: {profile: high, custom-values: {toserver-groups: 10}}").most, [25, 3]);
}
