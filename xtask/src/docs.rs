//! `docs`: the documentation of all crates, private items included.

use anyhow::Result;

use crate::process::{cargo, run};

/// Builds it.
pub(crate) fn docs() -> Result<()> {
    run(cargo()
        .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"])
        .env("RUSTDOCFLAGS", "-Dwarnings"))
}
