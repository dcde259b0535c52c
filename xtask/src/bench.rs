//! `bench`: measurements that need more than `cargo bench`.

use anyhow::{Result, bail};

use crate::process::{cargo, run};
use crate::root::Root;

/// Options of `bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure.
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The XDP program: time per packet by outcome. Needs root.
    Xdp,
}

/// Measures.
pub(crate) fn bench(options: &Options) -> Result<()> {
    match options.what {
        What::Xdp => {
            let root = Root::find()?;
            if root == Root::None {
                bail!("the kernel runs programs for root alone, and `sudo -n` is refused");
            }
            let mut bench = cargo();
            bench.args(["bench", "--package", "ids-sensor", "--bench", "xdp", "--locked"]);
            root.runner(&mut bench);
            run(&mut bench)
        }
    }
}
