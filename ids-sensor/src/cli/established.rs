//! Suricata's own command line: without a subcommand its flags mean what they mean there.

use std::ffi::OsString;

use super::{Failure, args};

/// Flags of the established engine that do not exist here, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("--list-app-layer-protos", "use `ids-sensor rules` for what rules can name"),
    ("--pcap-file-continuous", "give the folder again when new files are there"),
    ("--pcap-file-recursive", "give each folder on its own"),
    ("--pcap-file-delete", "remove captures yourself once this program is done"),
    ("--unix-socket", "not available yet"),
    ("--firewall", "the firewall mode is not available"),
    ("-D", "start the program by a service manager"),
];

/// Flags that mean a capture, or need no traffic at all.
const REPLAYS: &[&str] =
    &["-r", "--read", "-T", "--test-config", "--dump-config", "--engine-analysis", "--list-app-layer-frames"];

/// Puts the subcommand in that the flags stand for.
///
/// # Errors
/// A flag is known but does not exist here.
pub fn translate(mut words: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let text: Vec<String> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    // The first word decides: a subcommand has flags of its own, and values that may look like others.
    if !text.first().is_some_and(|first| first.starts_with('-')) {
        return Ok(words);
    }
    for word in &text {
        let name = word.split('=').next().unwrap_or_default();
        if let Some((flag, instead)) = UNSUPPORTED.iter().find(|(flag, _)| *flag == name) {
            return Err(Failure::Usage(format!("{flag} is not supported: {instead}")));
        }
    }
    let is = |flag: &str| text.iter().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
    if let Some((at, way)) = live(&text) {
        words.splice(at + 1..=at + 1, way);
        words.insert(1, "run".into());
    } else if REPLAYS.iter().any(|flag| is(flag)) {
        words.insert(1, "replay".into());
    }
    Ok(words)
}

/// A flag that means live traffic: where it stands, and the words of ours for it.
fn live(text: &[String]) -> Option<(usize, Vec<OsString>)> {
    text.iter().enumerate().find_map(|(at, word)| {
        let (flag, interface) = word.split_once('=').map_or((word.as_str(), None), |(flag, name)| (flag, Some(name)));
        let way = match flag {
            "-i" | "--interface" => return Some((at, vec![word.into()])),
            // A capture is replayed quietly; the number of a queue comes behind.
            "-q" if text.get(at + 1).is_some_and(|next| args::queues(next).is_ok()) => {
                return Some((at, vec!["--nfq".into()]));
            }
            "--af-packet" => "af-packet",
            "--af-xdp" => "af-xdp",
            _ => return None,
        };
        let mut words = vec![OsString::from("--capture"), way.into()];
        words.extend(interface.into_iter().flat_map(|name| [OsString::from("-i"), name.into()]));
        Some((at, words))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_for_subcommands() {
        for (given, want) in [
            ("x -r a.pcap -S b.rules", "x replay -r a.pcap -S b.rules"),
            ("x -c a.yaml -T", "x replay -c a.yaml -T"),
            ("x replay -r a.pcap", "x replay -r a.pcap"),
            ("x -i eth0 -S a", "x run -i eth0 -S a"),
            ("x -S a --af-packet=eth1 -v", "x run -S a --capture af-packet -i eth1 -v"),
            ("x -c a.yaml -q 0", "x run -c a.yaml --nfq 0"),
            ("x -q 0:3 -S a", "x run --nfq 0:3 -S a"),
            ("x -r a.pcap -q", "x replay -r a.pcap -q"),
            ("x alerts list", "x alerts list"),
            ("x block add 192.0.2.1 --reason -D", "x block add 192.0.2.1 --reason -D"),
            ("x --engine-analysis -S a", "x replay --engine-analysis -S a"),
            ("x --list-app-layer-frames", "x replay --list-app-layer-frames"),
            ("x --help", "x --help"),
            ("x", "x"),
        ] {
            let words = given.split(' ').map(OsString::from).collect();
            let got = translate(words).expect(given);
            assert_eq!(got, want.split(' ').map(OsString::from).collect::<Vec<_>>(), "{given}");
        }
        let refused = translate(["x", "--list-app-layer-protos", "-r", "a"].map(OsString::from).to_vec());
        assert!(matches!(refused, Err(Failure::Usage(_))));
    }
}
