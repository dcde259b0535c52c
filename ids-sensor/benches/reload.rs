//! What exchanging the rules takes: resident memory at its peak, beside that of the set in force, with 1 % of the rules
//! changed and with all of them.
//!
//! `cargo xtask bench reload` runs it. `RELOAD_RULES`: a rule file. Each of the two is measured in a process of its own,
//! which loads the file twice with one loader, as a sensor does; memory is what the kernel says (`VmRSS`, `VmHWM`). There
//! is no traffic, so that there is no flow memory to leave out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ids_core::detect::compile::Loader;
use ids_sensor::config;
use ids_sensor::ruleset::{self, From};

/// Every so many-th rule is another one afterwards.
const SHARES: [(&str, usize); 2] = [("1 % of the rules changed", 100), ("all of the rules changed", 1)];

fn main() {
    let Some(rules) = env::var_os("RELOAD_RULES").map(PathBuf::from) else {
        println!("skipped: set RELOAD_RULES to a rule file");
        return;
    };
    if let Some(changed) = env::var_os("RELOAD_CHANGED") {
        return exchange(rules, changed.into());
    }
    println!("{:<28}{:>12}{:>12}{:>12}{:>8}", "", "in force MB", "peak MB", "after MB", "ratio");
    for (name, step) in SHARES {
        let changed = env::temp_dir().join(format!("reload-{}.rules", std::process::id()));
        fs::write(&changed, with_changes(&rules, step)).expect("there is room for the changed rules");
        let program = env::current_exe().expect("this program has a path");
        let output = Command::new(program).env("RELOAD_CHANGED", &changed).output().expect("this program starts");
        fs::remove_file(changed).expect("it was written above");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        print!("{name:<28}{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Loads rules, and others in their place, and prints what that took.
fn exchange(rules: PathBuf, changed: PathBuf) {
    let config = config::load(&config::Source::default()).expect("the embedded configuration is good");
    let mut loader = Loader::default();
    let mut load = |file| ruleset::load_without_texts(&mut loader, &config, &From::Files(vec![file])).rules;
    let first = load(rules);
    let steady = status("VmRSS:");
    forget_peak();
    let mut second = load(changed);
    second.succeed(&first);
    let peak = status("VmHWM:");
    assert!(second.len() * 100 > first.len() * 99, "the changed rules load too");
    drop(first);
    let after = status("VmRSS:");
    println!("{:>12}{:>12}{:>12}{:>8.2}", steady / 1000, peak / 1000, after / 1000, peak as f64 / steady as f64);
    drop(second);
}

/// The text of a rule file in which every `step`-th rule has another message.
fn with_changes(rules: &Path, step: usize) -> String {
    let text = fs::read_to_string(rules).expect("RELOAD_RULES is text");
    let lines = text.lines().enumerate().map(|(number, line)| match number % step {
        0 => line.replacen("msg:\"", "msg:\"changed ", 1) + "\n",
        _ => line.to_owned() + "\n",
    });
    lines.collect()
}

/// A line of what the kernel says of this process, in kB.
fn status(line: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let number =
        text.lines().find_map(|found| found.strip_prefix(line)).and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("it is a number")
}

/// The peak so far no longer counts (proc(5), `clear_refs`).
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("one may forget one's own peak");
}
