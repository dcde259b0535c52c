//! The program as it is installed, in a lab.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ids_sensor::kernel::{Pins, Sizes, Tables};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::lab::{Bpffs, Lab, SERVER, wait_until};
use super::namespace::Running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ids-sensor");

/// A lab with a bpf file system, in which the program runs.
pub struct Site {
    // The file system is unmounted before its folder goes.
    bpffs: Bpffs,
    pub lab: Lab,
}

impl Site {
    pub fn new() -> Self {
        Self::with_queues(1)
    }

    /// Ports have that many queues.
    pub fn with_queues(queues: u32) -> Self {
        let lab = Lab::with_queues(queues);
        Self { bpffs: Bpffs::mount(lab.folder.path()), lab }
    }

    pub fn folder(&self) -> &Path {
        self.lab.folder.path()
    }

    /// A command of the program, for this lab's sensor alone.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(line.split_whitespace()).args(["--name", "lab", "--run-dir"]).arg(self.folder());
        command.arg("--bpffs").arg(&self.bpffs.0).env("NO_COLOR", "1");
        command
    }

    /// Starts a run and waits until it answers.
    pub fn start(&self, line: &str) -> Running {
        let mut command = self.command(&format!("run {line}"));
        // By default both ends are at home, and would not be blocked.
        command.args(["--set", &format!("vars.address-groups.HOME_NET={SERVER}")]);
        command.arg("-l").arg(self.folder().join("log")).stdout(Stdio::piped());
        command.stderr(File::create(self.folder().join("stderr")).unwrap());
        let sensor = self.lab.sensor.start(&mut command);
        wait_until("the sensor", || {
            let up = self.ask("status --json").status.success();
            if !up {
                print!("{}", std::fs::read_to_string(self.folder().join("stderr")).unwrap());
            }
            up
        });
        sensor
    }

    pub fn ask(&self, line: &str) -> Output {
        self.lab.sensor.run(|| self.command(line).output().unwrap())
    }

    /// What a command prints that must not fail: one JSON value a line.
    pub fn json(&self, line: &str) -> Vec<Value> {
        let output = self.ask(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn status(&self) -> Value {
        self.json("status --json").remove(0)
    }

    /// Packets with this outcome in the kernel, over all ports.
    pub fn kernel(&self, outcome: &str) -> u64 {
        let status = self.status();
        let ports = status["ports"].as_array().unwrap();
        ports.iter().map(|port| port["kernel"][outcome]["packets"].as_u64().unwrap()).sum()
    }

    /// The maps of its sensor, as another process sees them.
    pub fn tables(&self) -> Tables {
        let pins = Pins::existing(&self.bpffs.0, "lab").unwrap();
        Tables::open(&pins, Sizes::default()).unwrap()
    }

    pub fn sids(&self, line: &str) -> Vec<u64> {
        self.json(line).iter().map(|alert| alert["alert"]["signature_id"].as_u64().unwrap()).collect()
    }

    /// Writes a rule file; where it is.
    pub fn rules(&self, text: &str) -> String {
        let path = self.folder().join("local.rules");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// Ends a run as a service manager does; its exit code, and what it printed.
pub fn stop(mut sensor: Running) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&sensor.0), Signal::TERM).unwrap();
    let status = sensor.0.wait().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut sensor.0.stdout.take().unwrap(), &mut text).unwrap();
    (status.code(), text)
}

/// Drops requests for what is called evil.
pub const EVIL: &str = "drop http any any -> any any (msg:\"evil\"; flow:established,to_server; http.uri; \
                    content:\"/evil\"; sid:1000001; rev:1;)\n";
