//! `test`: everything, and a list of what was run and what was not.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{cargo, run, which};
use crate::root::Root;

/// Programs that the tests in network namespaces use, and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 7] = [
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("curl", "curl"),
    ("ping", "iputils-ping"),
    ("python3", "python3"),
    ("mount", "mount"),
    ("openssl", "openssl"),
];

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install nothing; what is missing is a reason to skip.
    #[arg(long)]
    no_install: bool,
    /// A skip is a failure.
    #[arg(long)]
    no_skip: bool,
}

/// Runs all tests.
pub(crate) fn test(options: &Options) -> Result<()> {
    let mut ran = vec!["unit tests and tests without rights: cargo test --workspace"];
    // Those in namespaces have their own turn, in which none may be skipped.
    run(cargo().args(["test", "--workspace", "--locked"]).env("IDS_NETNS", "skip"))?;

    let root = Root::find()?;
    let skipped = match prepare(root, options)? {
        None => {
            netns(root, &[], None)?;
            ran.push("kernel stage and live modes in network namespaces: --test netns");
            Vec::new()
        }
        Some(reason) => vec![format!("kernel stage and live modes in network namespaces: {reason}")],
    };

    println!("\nran:");
    ran.iter().for_each(|what| println!("  {what}"));
    if !skipped.is_empty() {
        println!("skipped:");
        skipped.iter().for_each(|what| println!("  {what}"));
        if options.no_skip {
            bail!("something was skipped");
        }
    }
    Ok(())
}

/// Runs the tests of the XDP program itself, with another object than the one that is checked in, if one is given.
pub(crate) fn kernel(object: Option<&Path>) -> Result<()> {
    let name = object.map_or("the object that is checked in".to_owned(), |object| object.display().to_string());
    match Root::find()? {
        Root::None => println!("skipped: tests of {name}: not root, and `sudo -n` is refused"),
        root => {
            netns(root, &["classify", "captures", "tables"], object)?;
            println!("the kernel takes {name}, and it does what it should");
        }
    }
    Ok(())
}

/// Runs tests in network namespaces: those with these words in their names, or all.
fn netns(root: Root, names: &[&str], object: Option<&Path>) -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--package", "ids-sensor", "--test", "netns", "--locked"]);
    root.runner(&mut tests);
    tests.arg("--").args(names);
    if let Some(object) = object {
        tests.env("IDS_EBPF_OBJECT", object);
    }
    run(tests.env("IDS_NETNS", "require"))
}

/// Gets what the tests in namespaces need; why they cannot run otherwise.
fn prepare(root: Root, options: &Options) -> Result<Option<String>> {
    if root == Root::None {
        return Ok(Some("not root, and `sudo -n` is refused".to_owned()));
    }
    let missing = || PROGRAMS.into_iter().filter(|(program, _)| which(program).is_none());
    let packages: Vec<&str> = missing().map(|(_, package)| package).collect();
    if !packages.is_empty() && !options.no_install && which("apt-get").is_some() {
        run(root.command("apt-get").arg("update"))?;
        run(root.command("apt-get").args(["install", "--yes", "--no-install-recommends"]).args(&packages))?;
    }
    let missing: Vec<&str> = missing().map(|(program, _)| program).collect();
    Ok((!missing.is_empty()).then(|| format!("no {}", missing.join(", no "))))
}
