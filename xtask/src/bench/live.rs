//! What is measured between network namespaces: one program, `ids-sensor/benches/live`, that makes them and takes them
//! away again, run as root.

use anyhow::{Result, bail};

use super::inputs::Inputs;
use crate::process::{cargo, run};
use crate::root::Root;

const NO_ROOT: &str = "the kernel gives namespaces and runs programs for root alone, and `sudo -n` is refused";

/// Runs a part of it, for so many seconds where it takes a span. Out: why not, if it was skipped; where it `must` run,
/// that is an error.
pub(super) fn live(inputs: &Inputs<'_>, part: &str, span: Option<u64>, must: bool) -> Result<Option<String>> {
    let root = match Root::find()? {
        Root::None if must => bail!("{NO_ROOT}"),
        Root::None => return Ok(Some(format!("{part}: {NO_ROOT}"))),
        root => root,
    };
    let mut bench = cargo();
    bench.args(["bench", "--package", "ids-sensor", "--bench", "live", "--locked"]);
    root.runner(&mut bench);
    bench.arg("--").arg(part);
    if let Some(rules) = inputs.rules()? {
        bench.env("BENCH_RULES", rules);
    }
    if let Some(span) = span {
        bench.env("BENCH_SPAN", span.to_string());
    }
    run(&mut bench)?;
    Ok(None)
}
