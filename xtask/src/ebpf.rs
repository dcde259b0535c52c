//! `build-ebpf`: source of the XDP program → the object that is checked in.
//!
//! The object is a function of the source, the Rust toolchain and the linker: both are pinned here and recorded
//! beside it, paths are remapped, so that `--check` can compare byte for byte. What else stands in `Cargo.lock` is no
//! part of it. Where the pinned toolchain is not at hand, `--check` builds with the one that is, and the kernel has to
//! accept and run that object, too. Tools go to `.tools/`, outside of version control. Needs rustup and a C compiler
//! (for the linker's build), but no LLVM: the linker uses the one inside the toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::process::{output, run, workspace};
use crate::test;

/// The Rust release that builds the object.
const RUST: &str = "1.95.0";
/// The release of bpf-linker.
const LINKER: &str = "0.13.0";
const TARGET: &str = "bpfel-unknown-none";

/// Options of `build-ebpf`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing, but compare; an object with other bytes is shown and has to pass the tests in the kernel, as
    /// the one that is checked in
    #[arg(long)]
    check: bool,
}

/// Builds, and writes or compares.
pub(crate) fn build_ebpf(options: &Options) -> Result<()> {
    let tools = workspace().join(".tools");
    let toolchain = Toolchain::find(options.check)?;
    let linker = linker(&toolchain, &tools)?;
    let object_built = build(&toolchain, &linker, &tools)?;
    let object = read(&object_built)?;
    let record = record(&toolchain, &object);

    let folder = workspace().join("ids-ebpf/object");
    let (object_at, record_at) = (folder.join("ids-ebpf.o"), folder.join("ids-ebpf.txt"));
    if options.check {
        let there = read(&object_at)?;
        let recorded = fs::read_to_string(&record_at).with_context(|| format!("reading {}", record_at.display()))?;
        ensure!(
            recorded.contains(&sum(&there)),
            "{} does not describe {}:\n{recorded}",
            record_at.display(),
            object_at.display()
        );
        if there == object {
            eprintln!("the object is what the source gives");
        } else {
            eprintln!("{}", difference(&toolchain, &there, &object));
            test::kernel(None)?;
            test::kernel(Some(&object_built))?;
        }
    } else {
        fs::create_dir_all(&folder)?;
        fs::write(&object_at, &object).with_context(|| format!("writing {}", object_at.display()))?;
        fs::write(&record_at, &record).with_context(|| format!("writing {}", record_at.display()))?;
    }
    eprint!("{record}");
    Ok(())
}

/// A toolchain: the pinned one, under whichever name rustup knows it, or another.
struct Toolchain {
    name: String,
    version: String,
    /// Major version of its LLVM.
    llvm: String,
    sysroot: PathBuf,
}

impl Toolchain {
    /// The pinned one; if `any` will do and that one is not at hand, the latest stable one.
    fn find(any: bool) -> Result<Self> {
        let found: Vec<Self> = [RUST, "stable"].into_iter().filter_map(Self::of).collect();
        let pinned = found.iter().position(|toolchain| toolchain.version == RUST);
        let Some(chosen) = found.into_iter().nth(pinned.unwrap_or(0)).filter(|_| any || pinned.is_some()) else {
            bail!("the object is built by Rust {RUST} alone: `rustup toolchain install {RUST}`")
        };
        run(Command::new("rustup").args(["component", "add", "rust-src", "--toolchain", &chosen.name]))?;
        Ok(chosen)
    }

    /// The toolchain that rustup knows under this name.
    fn of(name: &str) -> Option<Self> {
        let about = output(rustup(name, "rustc").arg("-vV")).ok()?;
        let line = |start: &str| about.lines().find_map(|line| line.strip_prefix(start));
        Some(Self {
            name: name.to_owned(),
            version: line("release: ")?.to_owned(),
            llvm: line("LLVM version: ")?.split('.').next()?.to_owned(),
            sysroot: output(rustup(name, "rustc").args(["--print", "sysroot"])).ok()?.into(),
        })
    }

    fn tool(&self, program: &str) -> Command {
        rustup(&self.name, program)
    }
}

/// A tool of a toolchain, undisturbed by the one that runs this.
fn rustup(toolchain: &str, program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, program]);
    for variable in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO"] {
        command.env_remove(variable);
    }
    command
}

/// Installs the linker unless it is there. It is linked to the toolchain's own LLVM, so that it reads exactly the
/// bitcode which that compiler writes.
fn linker(toolchain: &Toolchain, tools: &Path) -> Result<PathBuf> {
    let bin = tools.join("bin");
    let program = bin.join("bpf-linker");
    let wanted = format!("bpf-linker {LINKER}");
    let lib = tools.join("llvm-prefix/lib");
    fs::create_dir_all(&lib)?;
    let llvm = fs::read_dir(toolchain.sysroot.join("lib"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libLLVM.so.")))
        .with_context(|| format!("no libLLVM.so.* in {}/lib", toolchain.sysroot.display()))?;
    let linked = fs::read_link(lib.join("libLLVM.so")).is_ok_and(|to| to == llvm);
    if linked && program.exists() && output(Command::new(&program).arg("--version")).is_ok_and(|found| found == wanted)
    {
        return Ok(bin);
    }
    // The name the linker asks for at build time, and the one it looks for when it runs.
    for name in [Path::new("libLLVM.so"), Path::new(llvm.file_name().expect("found by its name"))] {
        let link = lib.join(name);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(&llvm, &link)?;
    }
    run(toolchain
        .tool("cargo")
        .args(["install", "bpf-linker", "--version", LINKER, "--locked", "--force"])
        .args(["--no-default-features", "--features", &format!("llvm-{}", toolchain.llvm), "--root"])
        .arg(tools)
        .env("LLVM_PREFIX", tools.join("llvm-prefix"))
        .env("CARGO_TARGET_DIR", tools.join("linker-target"))
        // Not the workspace's own settings.
        .current_dir(tools))?;
    Ok(bin)
}

/// Compiles and strips; where the object is.
fn build(toolchain: &Toolchain, linker: &Path, tools: &Path) -> Result<PathBuf> {
    let cargo_home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?).join(".cargo"),
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![
        r#"--cfg=bpf_target_arch="x86_64""#.to_owned(),
        "-Clinker=bpf-linker".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Ctarget-cpu=v3".to_owned(),
        "-Cembed-bitcode=yes".to_owned(),
        remap(workspace(), "/ids"),
        remap(&cargo_home, "/cargo"),
        remap(&toolchain.sysroot, "/rust"),
    ];
    // The later prefix counts: dependencies without the name of the index they came from.
    for folder in fs::read_dir(cargo_home.join("registry/src")).into_iter().flatten().flatten() {
        flags.push(remap(&folder.path(), "/dependencies"));
    }
    let mut path = vec![linker.to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let target = tools.join("ebpf-target");
    run(toolchain
        .tool("cargo")
        .args(["build", "--package", "ids-ebpf", "--bin", "ids-ebpf", "--features", "program", "--locked"])
        .args(["--profile", "ebpf", "--target", TARGET, "-Zbuild-std=core"])
        .current_dir(workspace())
        // `-Z build-std` on a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("PATH", std::env::join_paths(path)?)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")))?;

    // Debug sections go, BTF stays: maps of maps need it.
    let stripped = target.join("ids-ebpf.stripped.o");
    let tool = toolchain.sysroot.join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-objcopy");
    run(Command::new(tool)
        .arg("--strip-debug")
        .arg(target.join(TARGET).join("ebpf/ids-ebpf"))
        .arg(&stripped)
        .env("LD_LIBRARY_PATH", toolchain.sysroot.join("lib")))?;
    Ok(stripped)
}

fn read(object: &Path) -> Result<Vec<u8>> {
    fs::read(object).with_context(|| format!("reading {}", object.display()))
}

fn sum(object: &[u8]) -> String {
    Sha256::digest(object).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is written beside the object.
fn record(toolchain: &Toolchain, object: &[u8]) -> String {
    format!(
        "ids-ebpf.o: the XDP program, built by `cargo xtask build-ebpf`; `--check` compares\nrustc       {}\n\
         bpf-linker  {LINKER}\nbytes       {}\nsha256      {}\n",
        toolchain.version,
        object.len(),
        sum(object),
    )
}

/// Says where two objects part, and what to do about it.
fn difference(toolchain: &Toolchain, there: &[u8], built: &[u8]) -> String {
    let differ = there.iter().zip(built).position(|(a, b)| a != b).unwrap_or(there.len().min(built.len()));
    let next = if toolchain.version == RUST {
        "run `cargo xtask build-ebpf` and commit the result, unless the source is what it was".to_owned()
    } else {
        format!("which was to be expected of Rust {} instead of {RUST}", toolchain.version)
    };
    format!(
        "the object is not what the source gives: {} bytes there, {} built, first difference at byte {differ}; {next}",
        there.len(),
        built.len(),
    )
}
