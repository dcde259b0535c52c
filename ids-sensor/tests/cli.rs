//! The program from outside: exit codes, where output goes, what is printed.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// A pcap file with UDP packets of these payload lengths.
fn capture(lengths: &[usize]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 101]);
    for (at, &length) in lengths.iter().enumerate() {
        let total = 28 + length;
        file.extend(words(&[1_767_323_045 + at as u32, 0, total as u32, total as u32]));
        file.extend([0x45, 0]);
        file.extend((total as u16).to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7, 0x9c, 0x40, 0, 53]);
        file.extend((8 + length as u16).to_be_bytes());
        file.extend([0, 0]);
        file.extend(vec![b'x'; length]);
    }
    file
}

fn sensor(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ids-sensor").expect("built together with the test");
    command.current_dir(folder).env("TZ", "UTC").env("NO_COLOR", "1");
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.pcap"), capture(&[10, 20, 30])).unwrap();
    fs::write(folder.path().join("notes.txt"), "no capture").unwrap();
    fs::write(folder.path().join("bad.yaml"), "a: [1").unwrap();
    fs::write(folder.path().join("odd.yaml"), "strem: {}\n").unwrap();
    fs::write(folder.path().join("policy.yaml"), "stream: {midstream-policy: drop-packet}\n").unwrap();
    folder
}

#[test]
fn exit_codes() {
    let folder = folder();
    for (words, want) in [
        ("replay -r x.pcap", 0),
        ("-r x.pcap -k none", 0),
        ("replay -r x.pcap port 53", 0),
        ("replay -r x.pcap --simulate-ips --simulate-ips", 0),
        ("--help", 0),
        ("replay -r x.pcap -h", 0),
        ("--version", 0),
        ("help", 0),
        ("help rules check", 0),
        ("-T -c odd.yaml", 0),
        ("--engine-analysis -l described", 0),
        ("--engine-analysis -l x.pcap/below", 3),
        ("-T -c odd.yaml --strict", 1),
        ("-T -c bad.yaml", 1),
        ("-T -c policy.yaml", 1),
        ("-T -c nowhere.yaml", 1),
        ("replay -r notes.txt", 1),
        ("", 2),
        ("replay", 2),
        ("replay --no-such-flag", 2),
        ("replay -r x.pcap nonsense words", 2),
        ("replay -r x.pcap --set novalue", 2),
        ("replay -r x.pcap --list-app-layer-protos", 2),
        ("run --inline eth0,eth0", 2),
        ("run", 2),
        ("replay -r x.pcap --strict", 0),
        ("replay -r x.pcap -S nowhere.rules", 0),
        ("replay -r x.pcap -S nowhere.rules --init-errors-fatal", 1),
        ("alerts show 123", 2),
        ("replay -r nowhere.pcap", 3),
        ("replay -r x.pcap -c nowhere.yaml", 3),
        ("rules check -c nowhere.yaml", 3),
        ("alerts list -l nowhere", 3),
        ("block list --bpffs nowhere", 3),
        ("replay -r x.pcap -l x.pcap/below", 3),
    ] {
        let words: Vec<&str> = words.split_whitespace().collect();
        let output = sensor(folder.path()).args(&words).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(want), "{words:?}: {error}");
        assert!(want == 0 || !error.is_empty(), "{words:?} says nothing");
    }
}

#[test]
fn replay_sums_up_and_says_where_records_are() {
    let folder = folder();
    let output = sensor(folder.path()).args(["replay", "-r", "x.pcap"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("3 packets, 144 B"), "{text}");
    assert!(text.contains("./ids-sensor-out/eve.json") && text.contains("./ids-sensor-out/store"), "{text}");
    let output = sensor(folder.path()).args(["replay", "-r", "x.pcap", "-l", "out", "--json"]).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["packets"], &summary["captures"]), (&3.into(), &1.into()));
    let eve = fs::read_to_string(folder.path().join("out/eve.json")).unwrap();
    let last: serde_json::Value = serde_json::from_str(eve.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event_type"], &last["timestamp"]), (&"stats".into(), &"2026-01-02T03:04:07.000000+0000".into()));
}

#[test]
fn who_watches_a_replay_sees_how_far_it_is() {
    let folder = folder();
    let (terminal, end) = terminal();
    let mut replay = std::process::Command::new(assert_cmd::cargo::cargo_bin!("ids-sensor"));
    replay.current_dir(folder.path()).args(["replay", "-r", "x.pcap"]).env("TERM", "xterm").env_remove("NO_COLOR");
    let output = replay.stderr(end).output().unwrap();
    drop(replay);
    assert!(output.status.success());
    // Reading the end of a terminal that nobody has open any more is an error, after all that was written.
    let mut shown = Vec::new();
    let _ = std::io::Read::read_to_end(&mut fs::File::from(terminal), &mut shown);
    let size = fs::metadata(folder.path().join("x.pcap")).unwrap().len();
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains(&format!("/{size} B ")), "{shown:?}");

    let unwatched = sensor(folder.path()).args(["replay", "-r", "x.pcap"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&unwatched.stderr), "");
}

/// Both ends of a terminal of 80 columns: the one that a person looks at, the one that a program writes to.
fn terminal() -> (std::os::fd::OwnedFd, fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let watched = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&watched).unwrap();
    unlockpt(&watched).unwrap();
    let size = rustix::termios::Winsize { ws_row: 25, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&watched, size).unwrap();
    let name = ptsname(&watched, Vec::new()).unwrap().into_string().unwrap();
    (watched, fs::OpenOptions::new().read(true).write(true).open(name).unwrap())
}

#[test]
fn damage_is_named_and_everything_before_it_counts() {
    let folder = folder();
    let whole = capture(&[10, 20, 30]);
    fs::write(folder.path().join("cut.pcap"), &whole[..whole.len() - 5]).unwrap();
    let output = sensor(folder.path()).args(["replay", "-r", "cut.pcap"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let error = String::from_utf8_lossy(&output.stderr);
    let offset = whole.len() - 16 - 28 - 30;
    assert!(error.contains(&format!("cut.pcap: damaged at byte {offset}")), "{error}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("2 packets"));
}

#[test]
fn a_folder_is_read_by_name_and_what_is_no_capture_is_passed_over() {
    let folder = folder();
    fs::write(folder.path().join("a.pcap"), capture(&[1])).unwrap();
    let output = sensor(folder.path()).args(["replay", "-r", ".", "-l", "out", "--json"]).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["packets"], &summary["captures"]), (&4.into(), &2.into()));
    assert_eq!(summary["warnings"].as_array().unwrap().len(), 4, "three configurations and the notes: {summary}");
    // Records tell the captures apart.
    let eve = fs::read_to_string(folder.path().join("out/eve.json")).unwrap();
    let of = |name: &str| eve.lines().filter(|line| line.contains("\"pcap_filename\":") && line.contains(name)).count();
    assert!(of("a.pcap") > 0 && of("x.pcap") > 0, "{eve}");
}

#[test]
fn standard_input_may_be_compressed() {
    let folder = folder();
    let packed = zstd::stream::encode_all(std::io::Cursor::new(capture(&[5; 100])), 1).unwrap();
    let output = sensor(folder.path()).args(["replay", "-r", "-", "--json"]).write_stdin(packed).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["packets"], 100);
}

#[test]
fn the_configuration_in_force_can_be_printed() {
    let folder = folder();
    let words = ["replay", "--dump-config", "--set", "outputs.0.eve-log.types.0.alert.payload=yes"];
    let text = String::from_utf8(sensor(folder.path()).args(words).output().unwrap().stdout).unwrap();
    assert!(text.contains("\noutputs.0.eve-log.types.0.alert.payload = yes\n"), "{text}");
    assert!(text.contains("\nstream.reassembly.depth = 1 MiB\n"), "{text}");
}

#[test]
fn messages_go_where_the_configuration_says() {
    let folder = folder();
    let yaml = "zzz: 1\nlogging: {outputs: [console: {enabled: no}, file: {enabled: yes, filename: self.log}]}\n";
    fs::write(folder.path().join("log.yaml"), yaml).unwrap();
    let words = ["replay", "-r", "x.pcap", "-c", "log.yaml", "-l", "out"];
    sensor(folder.path()).args(words).assert().success().stderr("");
    assert!(fs::read_to_string(folder.path().join("out/self.log")).unwrap().contains("zzz: unknown key"));
}

#[test]
fn an_empty_store_can_be_looked_at() {
    let folder = folder();
    sensor(folder.path()).args(["replay", "-r", "x.pcap"]).assert().success();
    let output = sensor(folder.path()).args(["alerts", "stats", "--json"]).output().unwrap();
    let stats: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(stats["alerts"], 0);
    sensor(folder.path()).args(["alerts", "list", "--json"]).assert().success().stdout("");
}

#[test]
fn a_reader_who_has_gone_is_no_failure() {
    let folder = folder();
    fs::write(folder.path().join("x.rules"), "alert udp any any -> any any (sid:1;)\nalert udp any any -> (sid:2;)\n")
        .unwrap();
    sensor(folder.path()).args(["replay", "-r", "x.pcap", "-S", "x.rules", "-l", "out"]).assert().success();
    for (words, want) in [
        ("replay -r x.pcap", 0),
        ("replay -r x.pcap --dump-config", 0),
        ("-T", 0),
        ("alerts list -l out", 0),
        ("alerts list --json -l out", 0),
        ("alerts stats -l out", 0),
        // What went wrong otherwise is still told.
        ("rules check -S x.rules", 1),
        ("rules keywords", 0),
        ("rules explain -S x.rules", 0),
    ] {
        let run = |stdout: std::process::Stdio| {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ids-sensor"));
            command.current_dir(folder.path()).args(words.split(' ')).stdout(stdout).output().unwrap()
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(writer.into());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(want), "{words}: {error}");
        assert!(!error.contains("panicked") && !error.contains("pipe"), "{words}: {error}");
        // A disk that is full is a failure.
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(full.into());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{words}: {error}");
        assert!(error.contains("cannot write to standard output"), "{words}: {error}");
    }
}

#[test]
fn a_full_disk_costs_what_is_on_it_alone() {
    let folder = folder();
    let words = "replay -r x.pcap -l here --set outputs.0.eve-log.filename=/dev/full";
    let output = sensor(folder.path()).args(words.split(' ')).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot write /dev/full: No space left") && said.contains("another folder"), "{said}");
    assert!(folder.path().join("here/store").is_dir());
}

/// What a command says on standard output and error, and its exit code.
fn said(folder: &Path, words: &str) -> (String, String, Option<i32>) {
    let output = sensor(folder).args(words.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn with_strict_damage_of_a_capture_is_a_failure_after_all_else_was_done() {
    let folder = folder();
    let whole = capture(&[10, 20, 30]);
    let mut corrupt = whole.clone();
    // The length of the last packet.
    let at = whole.len() - 16 - 28 - 30;
    corrupt[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    for (name, bytes) in [("cut.pcap", &whole[..whole.len() - 5]), ("corrupt.pcap", &corrupt)] {
        fs::write(folder.path().join(name), bytes).unwrap();
        for (strict, want) in [("", 0), ("--strict", 1)] {
            let (out, error, code) = said(folder.path(), &format!("replay -r {name} -l out {strict}"));
            assert_eq!(code, Some(want), "{name} {strict}: {error}");
            assert!(error.contains(&format!("{name}: damaged at byte {at}: ")), "{name} {strict}: {error}");
            assert!(out.starts_with("2 packets"), "{out}");
        }
    }
}

#[test]
fn rule_files_that_cannot_be_read_show_in_the_summary() {
    let folder = folder();
    fs::write(folder.path().join("one.rules"), "alert udp any any -> any any (sid:1;)\nalert udp any (sid:2;)\n")
        .unwrap();
    let (out, error, code) = said(folder.path(), "replay -r x.pcap -l out -S nowhere.rules -S one.rules");
    assert_eq!(code, Some(0), "{error}");
    assert!(
        out.contains("\n1 rule in force, 1 not (") && out.contains(", 1 rule file NOT READ: nowhere.rules\n"),
        "{out}"
    );
    assert!(error.contains("cannot read rule file nowhere.rules: No such file"), "{error}");
    let (out, ..) = said(folder.path(), "replay -r x.pcap -l out -S nowhere.rules --json");
    let summary: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["rules"], serde_json::json!({"loaded": 0, "failed": 0, "unread": ["nowhere.rules"]}));
    let (out, error, code) = said(folder.path(), "rules check -S nowhere.rules");
    assert_eq!((out.as_str(), code), ("0 rules good, 0 bad, 0 warnings\n", Some(1)));
    assert!(error.ends_with("ids-sensor: 1 file problem\n"), "{error}");
    let (out, ..) = said(folder.path(), "rules check -S one.rules");
    assert!(out.ends_with("1 rule good, 1 bad, 0 warnings\n"), "{out}");
}

#[test]
fn a_configuration_with_which_nothing_happens_gets_a_hint() {
    let folder = folder();
    fs::write(folder.path().join("one.rules"), "alert udp any any -> any any (sid:1;)\n").unwrap();
    fs::write(
        folder.path().join("full.yaml"),
        "rule-files: [one.rules]\ndefault-rule-path: .\noutputs: [{fast: {}}]\n",
    )
    .unwrap();
    for (words, hint) in [
        ("-c odd.yaml", Some("hint: odd.yaml names neither rules nor outputs: add `rule-files` and `outputs`, or")),
        ("-c odd.yaml -S one.rules", Some("hint: odd.yaml names no outputs: ")),
        ("-c odd.yaml --set outputs.0.fast.enabled=yes", Some("hint: odd.yaml names no rules: ")),
        ("-c odd.yaml -q", None),
        ("-c full.yaml", None),
        ("", None),
    ] {
        let (out, error, code) = said(folder.path(), &format!("replay -r x.pcap -l out {words}"));
        assert_eq!(code, Some(0), "{words}: {error}");
        assert_eq!(out.contains("hint: "), hint.is_some(), "{words}: {out}");
        assert!(out.contains(hint.unwrap_or_default()), "{words}: {out}");
    }
}

#[test]
fn rules_are_told_in_json_where_that_is_asked_for() {
    let folder = folder();
    fs::write(
        folder.path().join("two.rules"),
        "alert udp any any -> any any (sid:1;)\nalert tcp any any -> any any (sid:2;)\n",
    )
    .unwrap();
    fs::write(folder.path().join("a.yaml"), "- case: a\n  over: udp\n  exchange: [{client: x}]\n  fires: [1]\n")
        .unwrap();
    for (words, count, part) in [
        ("rules keywords bsize --json", 1, ("name", "bsize".into())),
        ("rules explain -S two.rules --json", 2, ("id", 1.into())),
        ("rules explain -S two.rules --sid 2 --json", 1, ("id", 2.into())),
        ("rules test a.yaml -S two.rules --json", 1, ("passed", true.into())),
    ] {
        let lines: Vec<serde_json::Value> =
            said(folder.path(), words).0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0][part.0]), (count, &part.1), "{words}");
    }
    let all = said(folder.path(), "rules keywords --json").0;
    assert!(all.lines().count() > 200 && all.lines().all(|line| line.starts_with('{')));
}

#[test]
fn what_is_wrong_comes_with_a_next_step() {
    let folder = folder();
    let files = [
        ("late.rules", "alert rfb any any -> any any (rfb.name; content:\"x\"; sid:1;)\n"),
        ("foo.rules", "alert foo any any -> any any (sid:1;)\n"),
        ("htp.rules", "alert htp any any -> any any (sid:1;)\n"),
        ("one.rules", "alert udp any any -> any any (sid:1;)\n"),
        ("words.cases", "no cases\n"),
        ("step.cases", "- case: a\n  exchange: [{}]\n"),
        ("other.cases", "- case: a\n  over: udp\n  exchange: [{client: x}]\n  fires: [7]\n"),
    ];
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    fs::create_dir(folder.path().join("empty")).unwrap();
    for (words, wanted) in [
        ("rules check -S late.rules", &["error[R008]", "help: leave the rule out"][..]),
        ("rules check -S foo.rules", &["error[R003]", "help: write `ip`"]),
        ("rules check -S htp.rules", &["error[R003]", "help: did you mean `http`?"]),
        ("rules check -S *.rulez", &["no rule file fits *.rulez: "]),
        ("rules check -S empty", &["cannot read rule file empty: ", "'FOLDER/*.rules'"]),
        ("rules keywords contnt", &["did you mean `content`?"]),
        ("rules keywords user_agen", &["http.user_agent"]),
        ("rules keywords xyzzy", &["`ids-sensor rules keywords` lists all"]),
        ("rules test nowhere.yaml", &["cannot read nowhere.yaml: ", "; give a file of cases"]),
        ("rules test words.cases", &["words.cases: ", "- case: ", "fires: "]),
        ("rules test step.cases", &["step.cases: ", "case `a`: step 1 ", "request, response"]),
        ("rules test other.cases -S one.rules", &["other.cases: `a`: not loaded (give its file with `-S`): [7]"]),
        ("rules test empty", &["no case in empty: ", "- case: "]),
        ("rules explain --sid 7 -S one.rules", &["no rule has this sid: ", "`-S`"]),
        ("alerts list -l empty", &["there is no alert store in empty; give the log folder with -l"]),
        ("replay -r nowhere.pcap", &["cannot read nowhere.pcap: ", "`-r` takes a capture, "]),
        ("replay -r x.pcap -l x.pcap/below", &["cannot write x.pcap/below", "`-l FOLDER`"]),
        ("replay -r empty", &["warning: there is no capture in the folder"]),
        ("run", &["-i IFACE", "--inline A,B", "ids-sensor run -i eth1", "ids-sensor run --inline eth1,eth2"]),
    ] {
        let (out, error, _) = said(folder.path(), words);
        for wanted in wanted {
            assert!(out.contains(wanted) || error.contains(wanted), "{words}: {wanted}\n{out}{error}");
        }
    }
}

#[test]
fn the_signatures_that_come_with_it_call_for_no_word() {
    let (out, error, code) = said(folder().path(), "rules check");
    assert!(out.ends_with(" good, 0 bad, 0 warnings\n") && out.lines().count() == 1, "{out}");
    assert_eq!((error.as_str(), code), ("", Some(0)));
}

#[test]
fn an_empty_list_says_so() {
    let folder = folder();
    sensor(folder.path()).args(["replay", "-r", "x.pcap"]).assert().success();
    assert_eq!(said(folder.path(), "alerts list").0, "none\n");
}
